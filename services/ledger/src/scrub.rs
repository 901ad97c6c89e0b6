//! The scrub: a start trusts the index for what stands behind it; this reads and hashes every byte of that once, in the
//! background, and ends the ledger if acknowledged bytes are damaged (with their place) or altered (with the count).

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use rondo_eventlog::Head;
use rondo_eventlog::merkle::{Frontier, Hash};
use rondo_runtime::clock::Stopwatch;
use rondo_runtime::lifecycle::{Stop, with_sources};

use crate::directory::OpenError;
use crate::journal::{JournalError, Span, hash};
use crate::log::Log;

/// How much the scrub stands back (nice(2)) behind those who are answered.
const NICE: i32 = 15;

/// For so long it lets those go first who begin with the ledger and have a log to read: it would take the other core from them.
const STANDS_BACK: Duration = Duration::from_secs(1);
const LOOKS_UP: Duration = Duration::from_millis(20);

/// What the scrub found.
#[derive(Debug, thiserror::Error)]
pub enum ScrubError {
    /// Bytes are damaged.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Bytes are whole, and others than those that were acknowledged.
    #[error(
        "the {0} records in the journal do not hash to the root they had when they were indexed: they were altered. Nothing was changed. Run `rondo audit verify`, and restore the folder `journal` from a backup"
    )]
    Altered(u64),
}

/// Reads the journal up to the head that the start found, and fails the log if it is not what was acknowledged.
pub(crate) fn run(log: &Log, folder: &Path, found: Head, stop: &Stop) {
    if let Err(error) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE) {
        tracing::debug!("the scrub keeps the priority of the others: {error}");
    }
    let failed = log.failures();
    let ends = || stop.is_asked() || failed.borrow().is_some();
    let begun = Stopwatch::start();
    while begun.elapsed() < STANDS_BACK && !ends() {
        std::thread::sleep(LOOKS_UP);
    }
    if let Err(error) = check(folder, found, ends) {
        let error = OpenError::from(error);
        if error.needs_a_person() {
            log.fail_for_good(&with_sources(&error));
        } else {
            log.fail(&with_sources(&error));
        }
    }
}

/// Reads the whole journal up to a head.
pub(crate) fn whole(folder: &Path, found: Head) -> Result<(), ScrubError> {
    check(folder, found, || false)
}

fn check(folder: &Path, found: Head, ends: impl Fn() -> bool) -> Result<(), ScrubError> {
    match root(folder, found.size, ends)? {
        // Without a root the ledger ends before the scrub; the next start begins again.
        Some(root) if root != found.root => Err(ScrubError::Altered(found.size)),
        _ => Ok(()),
    }
}

fn root(folder: &Path, size: u64, ends: impl Fn() -> bool) -> Result<Option<Hash>, JournalError> {
    let mut frontier = Frontier::default();
    let mut ended = false;
    // A journal without segments hashes to the root of nothing, which is not the one found.
    hash::<JournalError>(folder, Span::up_to(size, None), &mut frontier, |record, _, _| {
        ended = record.ends_group && ends();
        Ok(if ended { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok((!ended).then(|| frontier.root()))
}
