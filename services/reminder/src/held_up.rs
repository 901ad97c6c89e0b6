//! For how long mail was held up by what only people mend: its recipient was not in the register, or no calendar said when they work.
//! That time does not count towards a mail's time limit.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rondo_domain::notice::{NoticeState, WaitsFor};

use crate::outbox::NoticeKey;

/// For how long each mail that still waits was held up.
#[derive(Debug, Default)]
pub(crate) struct HeldUp(BTreeMap<NoticeKey, Times>);

#[derive(Debug, Default)]
struct Times {
    /// Since when it is held up, if it is.
    since: Option<Timestamp>,
    /// For how long it was before.
    before: SignedDuration,
}

impl HeldUp {
    /// Takes in how a notice stands from an instant on.
    pub(crate) fn take(&mut self, key: &NoticeKey, state: &NoticeState, at: Timestamp) {
        use NoticeState as S;
        match state {
            S::Postponed { waits_for: Some(WaitsFor::Register | WaitsFor::Calendar), .. } => {
                self.0.entry(key.clone()).or_default().since.get_or_insert(at);
            }
            S::Due | S::Postponed { .. } | S::Attempted | S::Deferred { .. } => {
                if let Some(times) = self.0.get_mut(key)
                    && let Some(since) = times.since.take()
                {
                    times.before += at.duration_since(since);
                }
            }
            _ => {
                self.0.remove(key);
            }
        }
    }

    /// For how long a notice was held up until now.
    pub(crate) fn until(&self, key: &NoticeKey, now: Timestamp) -> SignedDuration {
        let Some(times) = self.0.get(key) else { return SignedDuration::ZERO };
        times.before + times.since.map_or(SignedDuration::ZERO, |since| now.duration_since(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_in_which_nobody_could_send_it_add_up() {
        let key: NoticeKey = ("ilms-asean-2025".parse().unwrap(), "lao-invite-1".parse().unwrap());
        let at = |hour: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hour);
        let waits = |waits_for| NoticeState::Postponed { until: at(0), reason: String::new(), waits_for };
        let mut held_up = HeldUp::default();
        let mut hours = |state: &NoticeState, from: i64, now: i64| {
            held_up.take(&key, state, at(from));
            held_up.until(&key, at(now)).as_hours()
        };
        assert_eq!(hours(&NoticeState::Due, 0, 5), 0);
        assert_eq!(hours(&waits(Some(WaitsFor::Register)), 5, 20), 15);
        assert_eq!(hours(&waits(Some(WaitsFor::Register)), 29, 30), 25, "it is the same time, said once more");
        assert_eq!(hours(&waits(Some(WaitsFor::Hours)), 35, 50), 30);
        assert_eq!(hours(&waits(Some(WaitsFor::Calendar)), 50, 60), 40);
        assert_eq!(hours(&NoticeState::Attempted, 61, 70), 41);
        assert_eq!(hours(&NoticeState::Sent, 71, 80), 0);
    }
}
