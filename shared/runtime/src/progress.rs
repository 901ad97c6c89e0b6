//! How far each reader of the log has come: what `/health` shows, and what a clock that others move waits for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A role's place: everything up to `position` was acted on, and nothing is due before `next`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idle {
    /// Records acted on.
    pub position: u64,
    /// When something is due next, as far as the role knows.
    pub next: Option<Timestamp>,
}

/// Hears how far roles have come.
pub trait Progress: Send + Sync {
    /// A role has nothing left to do at this place.
    fn idle(&self, role: &'static str, idle: Idle);

    /// A role does nothing for now, and why; or goes on.
    fn suspended(&self, _role: &'static str, _why: Option<&str>) {}

    /// Something is wrong that an operator has to look at, by a stable code, and in a sentence; or is well again.
    fn alarm(&self, _role: &'static str, _code: &'static str, _why: Option<&str>) {}
}

/// The code of the alarm that a service's command was answered and changed nothing.
pub const NO_PROGRESS: &str = "no-progress";

/// The places of the roles in one process.
#[derive(Debug, Clone, Default)]
pub struct Board {
    places: Arc<Mutex<BTreeMap<&'static str, Idle>>>,
    suspended: Arc<Mutex<BTreeMap<&'static str, String>>>,
    alarms: Arc<Mutex<Alarms>>,
}

/// What is wrong, by role and code.
pub type Alarms = BTreeMap<(&'static str, &'static str), String>;

impl Board {
    /// Every role's place.
    pub fn places(&self) -> BTreeMap<&'static str, Idle> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The roles that do nothing for now, and why.
    pub fn suspended(&self) -> BTreeMap<&'static str, String> {
        self.suspended.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What an operator has to look at.
    pub fn alarms(&self) -> Alarms {
        self.alarms.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Board {
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
}

impl Progress for Board {
    fn idle(&self, role: &'static str, idle: Idle) {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).insert(role, idle);
    }

    fn suspended(&self, role: &'static str, why: Option<&str>) {
        let mut suspended = self.suspended.lock().unwrap_or_else(PoisonError::into_inner);
        match why {
            Some(why) => suspended.insert(role, why.to_owned()),
            None => suspended.remove(role),
        };
    }

    fn alarm(&self, role: &'static str, code: &'static str, why: Option<&str>) {
        let mut alarms = self.alarms.lock().unwrap_or_else(PoisonError::into_inner);
        match why {
            Some(why) => alarms.insert((role, code), why.to_owned()),
            None => alarms.remove(&(role, code)),
        };
    }
}
