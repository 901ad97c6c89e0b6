//! The demonstration: a cast whose people act through the same commands as real ones, and a conductor who moves the clock.

mod act;
mod cast;
mod conductor;
mod round;

pub(crate) use cast::Cast;
pub(crate) use conductor::{Conductor, Hands, Mover, Watch};

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use rondo_eventlog::codec;
use rondo_ledger::journal::{AtDamage, JournalError, Span, fold};
use rondo_runtime::clock::{Clock, SystemClock, VouchedClock};
use rondo_runtime::config::Config;

use crate::failure::Failure;

/// What stands under every page and mail of a demonstration.
pub(crate) const NOTICE: &str = "This is a demonstration: its figures were published (ILOSTAT); its dates, people, questions and corrections are invented.";

/// The file by which a data directory is known to be a demonstration's.
const MARK: &str = "demonstration";

/// Whether a data directory is a demonstration's.
pub(crate) fn is_marked(data: &Path) -> bool {
    data.join(MARK).exists()
}

/// Marks a data directory as a demonstration's.
pub(crate) fn mark(data: &Path) -> Result<(), Failure> {
    let path = data.join(MARK);
    let failed = |e: std::io::Error| Failure::failed(format!("cannot write {}: {e}", path.display()));
    std::fs::write(&path, format!("{NOTICE}\n")).map_err(failed)
}

/// The clock of a data directory that nobody moves. A demonstration's dates are invented, so that no clock is doubted by them.
pub(crate) fn clock_of(data: &Path) -> Arc<dyn Clock> {
    if is_marked(data) { Arc::new(Played) } else { Arc::new(VouchedClock::new(rondo_ledger::time::path(data))) }
}

/// The system's clock beside records of other times.
struct Played;

#[async_trait]
impl Clock for Played {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    async fn sleep_until(&self, until: Timestamp) {
        SystemClock.sleep_until(until).await;
    }
}

/// That a demonstration may be played here: nothing real is there that it would write into.
pub(crate) fn may_play(config: &Config) -> Result<(), Failure> {
    let data = &config.ledger.data;
    let people = config.in_data(&config.mail.people);
    if is_marked(data) || (!data.join("log.json").exists() && !people.exists()) {
        return Ok(());
    }
    Err(Failure::conflict(format!(
        "{} holds a log or a register of people that no demonstration made; nothing was changed. Play it elsewhere: --data DIR",
        data.display()
    )))
}

/// When the clock begins: with the first act, or where a log that was begun left off.
pub(crate) fn resume_at(config: &Config, cast: &Cast) -> Result<Timestamp, Failure> {
    let mut last = cast.begin;
    let folder = config.ledger.data.join("journal");
    if !folder.exists() {
        return Ok(last);
    }
    // What stands behind a bad place is the ledger's business when it opens.
    let read = fold::<JournalError>(&folder, Span::whole(AtDamage::Ends), |record| {
        if record.ends_group
            && let Ok(time) = codec::time_of(record.bytes)
        {
            last = last.max(time.recorded_at);
        }
        Ok(ControlFlow::Continue(()))
    });
    read.map_err(|e| Failure::of(&e))?;
    Ok(last)
}
