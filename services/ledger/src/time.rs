//! The log's time: it never runs back, and it does not run ahead by more than a year unless somebody says that the clock is
//! right. A record from the future would keep every later one out until its day has come.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use rondo_eventlog::Fault;
use rondo_runtime::clock::Clock;

use crate::directory::{self, OpenError};
use crate::durable::replace;

/// How far a clock may be set back, as it is when it is compared with others, without anybody being troubled.
const SET_BACK: SignedDuration = SignedDuration::from_secs(10);

/// How far the clock may stand after the last record: rounds are held every year.
const AHEAD: SignedDuration = SignedDuration::from_hours(400 * 24);

/// How far a clock may be from the day that is said: it is another day elsewhere.
const ELSEWHERE: SignedDuration = SignedDuration::from_hours(36);

fn path(data: &Path) -> PathBuf {
    data.join("clock-checked")
}

/// Says, beside the log, that the machine's clock is right: it stands at that day.
///
/// # Errors
/// When there is no log, the clock stands at another day, or this cannot be written.
pub fn confirm(data: &Path, today: Date, now: Timestamp) -> Result<(), OpenError> {
    directory::has_note(data)?;
    let noon = today.at(12, 0, 0, 0).in_tz("UTC").map(|noon| noon.timestamp());
    if !noon.is_ok_and(|noon| now.duration_since(noon).abs() <= ELSEWHERE) {
        return Err(OpenError::Clock { now, today });
    }
    Ok(replace(&path(data), now.to_string().as_bytes())?)
}

/// The time of a log.
pub(crate) struct LogTime {
    clock: Arc<dyn Clock>,
    data: PathBuf,
    /// When the last record was recorded; the earliest instant of all in an empty log.
    latest: Timestamp,
}

impl LogTime {
    pub(crate) fn new(clock: Arc<dyn Clock>, data: &Path, latest: Timestamp) -> Self {
        Self { clock, data: data.to_owned(), latest }
    }

    /// The instant that a decision is made at: never before the last one recorded.
    pub(crate) fn now(&self) -> Result<Timestamp, Fault> {
        let (now, latest) = (self.clock.now(), self.latest);
        if latest.duration_since(now) > SET_BACK {
            return Err(Fault::NotNow(format!(
                "the clock of the ledger's machine stands at {now:.0}, before the last record of {latest:.0}; nothing was recorded. Set the clock right, or wait until it has passed that instant"
            )));
        }
        if latest > Timestamp::MIN && now.duration_since(latest) > AHEAD && !self.is_confirmed(now)? {
            return Err(Fault::NotNow(format!(
                "the clock of the ledger's machine stands at {now:.0}, more than a year after the last record of {latest:.0}; nothing was recorded. Set the clock right, or say on that machine that it is: rondo audit clock --today YYYY-MM-DD"
            )));
        }
        Ok(now.max(latest))
    }

    /// Notes that something was recorded then.
    pub(crate) fn recorded(&mut self, at: Timestamp) {
        self.latest = at;
    }

    fn is_confirmed(&self, now: Timestamp) -> Result<bool, Fault> {
        let path = path(&self.data);
        match fs::read_to_string(&path) {
            // A confirmation that cannot be read is none.
            Ok(text) => Ok(text.parse().is_ok_and(|then: Timestamp| now.duration_since(then).abs() <= AHEAD)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(Fault::storage(format!("cannot read {}", path.display()), e)),
        }
    }
}
