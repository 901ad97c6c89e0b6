//! How far each reader of the log has come, that it is alive, and what is wrong in it: what `/health` shows, and what a clock
//! that others move waits for.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::alarm::{Alarm, AlarmCode};
use crate::clock::Stopwatch;
use crate::telemetry::ALWAYS;

/// A role's place: everything up to `position` was acted on, and nothing is due before `next`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idle {
    /// Records acted on.
    pub position: u64,
    /// When something is due next, as far as the role knows.
    pub next: Option<Timestamp>,
}

/// What the ledger's side says of the log's upkeep.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upkeep {
    /// Records that the newest checkpoint signs.
    pub signed_records: u64,
    /// When it was signed.
    pub signed_at: Option<Timestamp>,
    /// When enough witnesses cosigned last.
    pub witnessed_at: Option<Timestamp>,
    /// Bytes that are left on the data directory's disk for this user.
    pub disk_free: u64,
    /// Bytes of that disk.
    pub disk_size: u64,
}

/// What a role says of itself. Times are lengths, so that no two clocks are compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Where it rested last; nothing before it has read the log for the first time.
    pub idle: Option<Idle>,
    /// Seconds since it last finished a piece of its work, or looked and found none.
    pub turned: u64,
    /// Seconds since it last had nothing left to do.
    pub rested: u64,
    /// Seconds since it began.
    pub running: u64,
    /// The version of the program.
    pub version: String,
    /// The number of its process.
    pub process: u32,
    /// What is wrong, by the kind of alarm.
    pub alarms: BTreeMap<AlarmCode, String>,
    /// Of the log's upkeep, by the role that has the log.
    pub upkeep: Option<Upkeep>,
}

/// Hears how far roles have come.
pub trait Progress: Send + Sync {
    /// A role has nothing left to do at this place.
    fn idle(&self, role: &'static str, idle: Idle);

    /// A role is alive: it has finished a piece of its work, and there may be more.
    fn turned(&self, _role: &'static str) {}

    /// Raises an alarm of a role, saying what is wrong and what to do; or withdraws it.
    fn alarm(&self, _role: &'static str, _code: AlarmCode, _says: Option<&str>) {}
}

/// Whoever knows what roles, here or elsewhere, say of themselves.
pub trait Roles: Send + Sync {
    /// What each role said last.
    fn reports(&self) -> BTreeMap<String, Report>;
}

/// A way to wait for changes of a board.
pub struct Changes(watch::Receiver<BTreeMap<&'static str, Place>>);

impl Changes {
    /// Returns once something was said; never, once the board is gone.
    pub async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[derive(Debug, Clone)]
struct Place {
    began: Stopwatch,
    turned: Stopwatch,
    rested: Stopwatch,
    idle: Option<Idle>,
    alarms: BTreeMap<AlarmCode, String>,
    upkeep: Option<Upkeep>,
}

impl Place {
    fn begun() -> Self {
        let now = Stopwatch::start();
        Self { began: now, turned: now, rested: now, idle: None, alarms: BTreeMap::new(), upkeep: None }
    }

    fn report(&self) -> Report {
        Report {
            idle: self.idle,
            turned: self.turned.elapsed().as_secs(),
            rested: self.rested.elapsed().as_secs(),
            running: self.began.elapsed().as_secs(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            process: std::process::id(),
            alarms: self.alarms.clone(),
            upkeep: self.upkeep.clone(),
        }
    }
}

/// The places of the roles in one process.
#[derive(Debug, Clone)]
pub struct Board {
    places: Arc<watch::Sender<BTreeMap<&'static str, Place>>>,
}

impl Default for Board {
    fn default() -> Self {
        Self { places: Arc::new(watch::Sender::new(BTreeMap::new())) }
    }
}

impl Board {
    /// A role begins: from now on it is missed when it shows no sign of life.
    pub fn begins(&self, role: &'static str) {
        self.at(role, |_| {});
    }

    /// Every role that has rested, and its place.
    pub fn places(&self) -> BTreeMap<&'static str, Idle> {
        self.places.borrow().iter().filter_map(|(role, place)| Some((*role, place.idle?))).collect()
    }

    /// What is wrong in the roles of this process.
    pub fn alarms(&self) -> Vec<Alarm> {
        let places = self.places.borrow();
        let of = |(role, place): (&&'static str, &Place)| {
            let told = place.alarms.iter();
            told.map(|(code, says)| Alarm { code: *code, role: (*role).to_owned(), says: says.clone() })
                .collect::<Vec<_>>()
        };
        places.iter().flat_map(of).collect()
    }

    /// Notes the upkeep of the log that a role has.
    pub fn upkeep(&self, role: &'static str, upkeep: Upkeep) {
        self.at(role, |place| place.upkeep = Some(upkeep));
    }

    /// A way to wait until something is said that was not there before.
    pub fn changes(&self) -> Changes {
        Changes(self.places.subscribe())
    }

    /// Whether every one of these roles has acted on `size` records and has nothing due by `now`.
    pub fn is_quiet(&self, roles: &[&'static str], size: u64, now: Timestamp) -> bool {
        let places = self.places();
        let quiet = |idle: &Idle| idle.position >= size && idle.next.is_none_or(|next| next > now);
        roles.iter().all(|role| places.get(role).is_some_and(quiet))
    }

    /// When the next thing is due in any of these roles.
    pub fn next_due(&self, roles: &[&'static str]) -> Option<Timestamp> {
        let places = self.places();
        roles.iter().filter_map(|role| places.get(role)?.next).min()
    }

    fn at(&self, role: &'static str, change: impl FnOnce(&mut Place)) {
        self.places.send_modify(|places| change(places.entry(role).or_insert_with(Place::begun)));
    }
}

impl Roles for Board {
    fn reports(&self) -> BTreeMap<String, Report> {
        self.places.borrow().iter().map(|(role, place)| ((*role).to_owned(), place.report())).collect()
    }
}

impl Progress for Board {
    fn idle(&self, role: &'static str, idle: Idle) {
        self.at(role, |place| {
            place.idle = Some(idle);
            place.rested = Stopwatch::start();
            place.turned = place.rested;
        });
    }

    fn turned(&self, role: &'static str) {
        // Nobody waits for a sign of life, so that nobody is woken by one.
        self.places.send_if_modified(|places| {
            places.entry(role).or_insert_with(Place::begun).turned = Stopwatch::start();
            false
        });
    }

    fn alarm(&self, role: &'static str, code: AlarmCode, says: Option<&str>) {
        let (mut begins, mut ends) = (false, false);
        self.places.send_if_modified(|places| {
            let alarms = &mut places.entry(role).or_insert_with(Place::begun).alarms;
            match says {
                Some(says) => {
                    let was = alarms.insert(code, says.to_owned());
                    begins = was.is_none();
                    was.is_none_or(|was| was != says)
                }
                None => {
                    ends = alarms.remove(&code).is_some();
                    ends
                }
            }
        });
        match says.filter(|_| begins) {
            Some(says) => tracing::error!(target: ALWAYS, role, code = code.as_str(), "{says}"),
            None if ends => tracing::info!(target: ALWAYS, role, code = code.as_str(), "this is well again"),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_stands_until_it_is_withdrawn_and_says_who_raised_it() {
        let board = Board::default();
        board.begins("reminder");
        assert!(board.places().is_empty() && board.reports()["reminder"].idle.is_none(), "it has not rested yet");
        board.alarm("reminder", AlarmCode::MailServer, Some("It is away."));
        board.alarm("reminder", AlarmCode::MailServer, Some("It refuses our name."));
        let raised =
            Alarm { code: AlarmCode::MailServer, role: "reminder".into(), says: "It refuses our name.".into() };
        assert_eq!(board.alarms(), [raised]);
        board.alarm("reminder", AlarmCode::ClockSet, None);
        board.alarm("reminder", AlarmCode::MailServer, None);
        assert_eq!(board.alarms(), []);
    }
}
