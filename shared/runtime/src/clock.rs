//! Time, handed in: the system's, or one that somebody else moves.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use crate::synchronised;

/// Where services take the time from.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The instant it is.
    fn now(&self) -> Timestamp;

    /// Returns once that instant has come.
    async fn sleep_until(&self, until: Timestamp);

    /// How long the machine has run, asleep or awake, by a clock that nobody sets; nothing where there is none to compare with.
    fn steady(&self) -> Option<Duration> {
        None
    }

    /// Whether the machine says that this clock goes with others' now; nothing of a clock that somebody moves, which shows what it
    /// is meant to show.
    fn is_synchronised(&self) -> Option<bool> {
        None
    }

    /// When a person said last, by this clock, that it is right; nothing where nobody did, or nobody can.
    fn said_right(&self) -> Option<Timestamp> {
        None
    }
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place where the system's time is read")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn steady(&self) -> Option<Duration> {
        // Linux counts the time asleep here, so that a lid that was closed is no jump (proc(5)).
        let uptime = std::fs::read_to_string("/proc/uptime").ok()?;
        let seconds: f64 = uptime.split_whitespace().next()?.parse().ok()?;
        Duration::try_from_secs_f64(seconds).ok()
    }

    fn is_synchronised(&self) -> Option<bool> {
        Some(synchronised::is_synchronised(self.now()))
    }

    async fn sleep_until(&self, until: Timestamp) {
        // Sleeps are cut so that a wall clock that jumps is noticed within a minute.
        loop {
            let left = until.duration_since(self.now());
            let Ok(left) = Duration::try_from(left) else { return };
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(Duration::from_secs(60))).await;
        }
    }
}

/// The system's clock where a person may say that it is right: a file holds the instant at which they did (RFC 3339).
#[derive(Debug, Clone)]
pub struct VouchedClock {
    file: PathBuf,
}

impl VouchedClock {
    /// With this file, which need not be there.
    pub fn new(file: PathBuf) -> Self {
        Self { file }
    }
}

#[async_trait]
impl Clock for VouchedClock {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    async fn sleep_until(&self, until: Timestamp) {
        SystemClock.sleep_until(until).await;
    }

    fn steady(&self) -> Option<Duration> {
        SystemClock.steady()
    }

    fn is_synchronised(&self) -> Option<bool> {
        SystemClock.is_synchronised()
    }

    fn said_right(&self) -> Option<Timestamp> {
        // What cannot be read says nothing. The first line says when; what follows is for the ledger.
        std::fs::read_to_string(&self.file).ok()?.lines().next()?.trim().parse().ok()
    }
}

/// A clock that stands still until somebody moves it; it never goes back.
#[derive(Debug, Clone)]
pub struct PacedClock {
    now: watch::Sender<Timestamp>,
}

impl PacedClock {
    /// A clock that shows this instant.
    pub fn new(start: Timestamp) -> Self {
        Self { now: watch::Sender::new(start) }
    }

    /// Moves it forward.
    pub fn advance(&self, to: Timestamp) {
        self.now.send_if_modified(|now| {
            let later = to > *now;
            if later {
                *now = to;
            }
            later
        });
    }
}

#[async_trait]
impl Clock for PacedClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    async fn sleep_until(&self, until: Timestamp) {
        let mut now = self.now.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let _ = now.wait_for(|now| *now >= until).await;
    }
}

/// Notices when the wall clock is set while a program runs: it then no longer goes with the steady one.
#[derive(Debug, Default)]
pub struct JumpGuard {
    /// The instant at which the steady clock stood at zero, as it was seen last.
    began: Option<Timestamp>,
    /// What the clock showed when it was noticed that it was set, while that is so.
    noticed: Option<Timestamp>,
}

impl JumpGuard {
    /// More than this is no correction of a drift.
    const MOST: SignedDuration = SignedDuration::from_secs(120);

    /// How long after a clock was set it may be noticed: what a person said of it meanwhile counts.
    const NOTICED_LATE: SignedDuration = SignedDuration::from_mins(10);

    /// By how much the wall clock was set since it was last in step; nothing while it is. Set back in step, it counts again.
    pub fn jump(&mut self, now: Timestamp, steady: Option<Duration>) -> Option<SignedDuration> {
        let began = now.checked_sub(SignedDuration::try_from(steady?).ok()?).ok()?;
        let jump = self.began.map_or(SignedDuration::ZERO, |was| began.duration_since(was));
        if jump.abs() > Self::MOST {
            return Some(jump);
        }
        // Small corrections are followed, so that they do not add up over months.
        (self.began, self.noticed) = (Some(began), None);
        None
    }

    /// By how much a clock was set that nobody vouches for. One that is synchronised was set right, and so was one of which a person
    /// says so after that; it is gone by from then on.
    pub fn doubt(&mut self, clock: &dyn Clock) -> Option<SignedDuration> {
        let (now, steady) = (clock.now(), clock.steady());
        let jump = self.jump(now, steady)?;
        let noticed = self.noticed.map_or(now, |noticed| noticed.min(now));
        self.noticed = Some(noticed);
        let is_said = clock.said_right().is_some_and(|said| noticed - Self::NOTICED_LATE <= said && said <= now);
        let who = match (clock.is_synchronised(), is_said) {
            (Some(true), _) => "it is synchronised now",
            (_, true) => "somebody says that it is right",
            _ => return Some(jump),
        };
        tracing::warn!("the clock was set by {} seconds, and {who}", jump.as_secs());
        self.believe();
        self.jump(now, steady)
    }

    /// The clock is right as it stands: it is compared anew from now on.
    pub fn believe(&mut self) {
        (self.began, self.noticed) = (None, None);
    }
}

/// Measures how long something took, the time that the machine slept or the process stood still included.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Duration);

impl Stopwatch {
    /// Starts.
    pub fn start() -> Self {
        Self(since_start())
    }

    /// What has passed.
    pub fn elapsed(&self) -> Duration {
        since_start().saturating_sub(self.0)
    }
}

/// How long the machine has run, asleep or awake (`CLOCK_BOOTTIME`).
fn since_start() -> Duration {
    let passed = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::try_from(passed).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_is_noticed_and_one_that_drifts_is_not() {
        let mut guard = JumpGuard::default();
        let start: Timestamp = "2026-11-25T00:00:00Z".parse().unwrap();
        let mut at = |wall: i64, steady: u64| {
            guard.jump(start + SignedDuration::from_secs(wall), Some(Duration::from_secs(steady)))
        };
        assert_eq!(at(0, 1_000), None);
        for day in 1..400 {
            // A second a day is a drift.
            assert_eq!(at(day * 86_401, 1_000 + day as u64 * 86_400), None);
        }
        let back = at(399 * 86_401 - 3_600, 1_000 + 399 * 86_400);
        assert_eq!(back, Some(SignedDuration::from_secs(-3_600)));
        assert_eq!(at(399 * 86_401 + 10, 1_010 + 399 * 86_400), None, "set right again");
        assert_eq!(at(600 * 86_401, 1_020 + 399 * 86_400).map(|jump| jump.is_positive()), Some(true));
    }

    /// A clock that shows what it is told to, on a machine that runs on.
    struct Told {
        now: Timestamp,
        steady: u64,
        said: Option<Timestamp>,
    }

    #[async_trait]
    impl Clock for Told {
        fn now(&self) -> Timestamp {
            self.now
        }

        async fn sleep_until(&self, _: Timestamp) {}

        fn steady(&self) -> Option<Duration> {
            Some(Duration::from_secs(self.steady))
        }

        fn is_synchronised(&self) -> Option<bool> {
            Some(false)
        }

        fn said_right(&self) -> Option<Timestamp> {
            self.said
        }
    }

    #[test]
    fn a_clock_that_was_set_is_gone_by_once_a_person_says_that_it_is_right() {
        let start: Timestamp = "2026-11-25T00:00:00Z".parse().unwrap();
        let hours = |hours: i64| start + SignedDuration::from_hours(hours);
        for set_by in [72, -72] {
            let mut guard = JumpGuard::default();
            // Somebody said so long before, and then it was set.
            let mut clock = Told { now: start, steady: 1_000_000, said: Some(hours(-200)) };
            assert_eq!(guard.doubt(&clock), None);
            (clock.now, clock.steady) = (hours(set_by), 1_000_010);
            assert!(guard.doubt(&clock).is_some(), "what was said before says nothing of it");
            (clock.now, clock.steady) = (hours(set_by + 1), 1_003_610);
            assert!(guard.doubt(&clock).is_some());
            clock.said = Some(hours(set_by + 1));
            assert_eq!(guard.doubt(&clock), None);
            (clock.now, clock.steady) = (hours(set_by + 2), 1_007_210);
            assert_eq!(guard.doubt(&clock), None, "it is compared from there on");
        }
    }

    #[test]
    fn what_a_person_said_is_read_where_it_stands() {
        let folder = tempfile::tempdir().unwrap();
        let clock = VouchedClock::new(folder.path().join("clock-checked"));
        assert_eq!(clock.said_right(), None);
        for (text, said) in [("2026-11-25T00:00:00Z", true), ("2026-11-25T00:00:00Z\n17\n", true), ("soon", false)] {
            std::fs::write(folder.path().join("clock-checked"), text).unwrap();
            assert_eq!(clock.said_right().is_some(), said, "{text}");
        }
    }
}
