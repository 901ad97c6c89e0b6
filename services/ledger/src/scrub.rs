//! The scrub: a start trusts the index for what stands behind it; this reads and hashes every byte of that once, in the
//! background, and ends the ledger if acknowledged bytes are damaged (with their place) or altered (with the count).

use std::path::Path;
use std::sync::Arc;

use rondo_eventlog::Head;
use rondo_eventlog::merkle::{Frontier, leaf_hash};
use rondo_runtime::lifecycle::{Stop, with_sources};

use crate::handle::Log;
use crate::journal::{JournalError, JournalReader};

/// How much the scrub stands back (nice(2)) behind those who are answered.
const NICE: i32 = 15;

/// Reads the journal up to the head that the start found, and fails the log if it is not what was acknowledged.
pub(crate) fn run(log: &Arc<Log>, folder: &Path, found: Head, stop: &Stop) {
    if let Err(error) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE) {
        tracing::debug!("the scrub keeps the priority of the others: {error}");
    }
    let failed = log.failures();
    let ends = || stop.is_asked() || failed.borrow().is_some();
    let told = match root(folder, found.size, ends) {
        Ok(Some(root)) if root == found.root => return tracing::debug!(records = found.size, "the journal is whole"),
        // The ledger ends before the scrub; the next start begins again.
        Ok(None) => return,
        Ok(Some(_)) => format!(
            "the {} records in the journal do not hash to the root they had when they were indexed: they were altered. Nothing was changed. Run `rondo audit verify`, and restore the folder `journal` from a backup",
            found.size
        ),
        Err(error) => with_sources(&error),
    };
    tracing::error!("the ledger stops: {told}");
    log.fail(&told);
}

fn root(folder: &Path, size: u64, ends: impl Fn() -> bool) -> Result<Option<[u8; 32]>, JournalError> {
    let mut frontier = Frontier::default();
    // A journal without segments hashes to the root of nothing, which is not the one found.
    let Some(mut reader) = JournalReader::open(folder, None, Some(size))? else { return Ok(Some(frontier.root())) };
    while let Some(group) = reader.next_group()? {
        if ends() {
            return Ok(None);
        }
        for record in group.records.iter().take((size - frontier.size()) as usize) {
            frontier.push(leaf_hash(record));
        }
    }
    Ok(Some(frontier.root()))
}
