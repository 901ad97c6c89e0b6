//! The committer: hashes groups into the tree, brings them to the disk, and only then answers. A failed write ends the ledger.

use std::sync::mpsc::{Receiver, Sender};

use bytes::Bytes;
use rondo_eventlog::merkle::{Frontier, leaf_hash};
use rondo_eventlog::{Accepted, Fault, Head, SubmitError};
use rondo_runtime::lifecycle::with_sources;

use crate::acknowledged::Acknowledged;
use crate::journal::{JournalWriter, Location};
use crate::log::Log;
use crate::sequencer::{GROUP_COMMANDS, Reply};
use crate::store::Entry;

/// One command's answer, given once its group is on disk.
pub(crate) struct Answer {
    pub(crate) reply: Reply,
    pub(crate) outcome: Result<Accepted, SubmitError>,
}

/// What is written, synced and answered together.
pub(crate) struct Group {
    pub(crate) entries: Vec<Entry>,
    pub(crate) bytes: usize,
    pub(crate) answers: Vec<Answer>,
    /// Whether somebody tries the way to the disk.
    pub(crate) tried: bool,
}

/// Commands brought to the disk together at about the most.
const SYNC_COMMANDS: usize = 1_024;
/// Bytes brought to the disk together at about the most.
const SYNC_BYTES: usize = 4 * 1024 * 1024;

impl Group {
    pub(crate) fn new() -> Self {
        let (entries, answers) = (Vec::with_capacity(GROUP_COMMANDS), Vec::with_capacity(GROUP_COMMANDS));
        Self { entries, bytes: 0, answers, tried: false }
    }

    /// Whether it is as large as what is brought to the disk at once.
    fn is_full(&self) -> bool {
        self.answers.len() >= SYNC_COMMANDS || self.bytes >= SYNC_BYTES
    }

    fn absorb(&mut self, next: Self) {
        self.entries.extend(next.entries);
        self.answers.extend(next.answers);
        self.bytes += next.bytes;
        self.tried |= next.tried;
    }
}

/// A group on its way into the store.
pub(crate) struct Written {
    pub(crate) at: Location,
    pub(crate) before: Frontier,
    pub(crate) bytes: usize,
    pub(crate) entries: Vec<Entry>,
}

/// Works until the sequencer ends or the disk fails.
pub(crate) fn run(
    log: &Log,
    (mut journal, acknowledged): (JournalWriter, Acknowledged),
    mut frontier: Frontier,
    groups: &Receiver<Group>,
    indexer: &Sender<Written>,
) {
    while let Ok(mut group) = groups.recv() {
        // What was decided while the disk was at work goes to it together.
        while !group.is_full()
            && let Ok(next) = groups.try_recv()
        {
            group.absorb(next);
        }
        let admitted = if group.entries.is_empty() { Ok(()) } else { log.point.admit() };
        if let Err(fault) = admitted {
            refuse(group.answers, &fault);
            if matches!(fault, Fault::Stopped) {
                // Asked to end while the broker was away: what waited was not recorded, and that is no failure.
                log.set_ending();
                break;
            }
            log.fail(&with_sources(&fault));
            return;
        }
        // What was under way when the signing ended would never be signed, and what repeats it has nothing to repeat. It is asked
        // last: whoever waited to be admitted may have been overtaken by it.
        if let Err(fault) = log.contradicted.is_not() {
            refuse(group.answers, &fault);
            continue;
        }
        if group.entries.is_empty() {
            match group.tried.then(|| journal.is_alone()).transpose() {
                Ok(_) => answer(group.answers),
                Err(error) => return fails(log, group.answers, &error),
            }
            continue;
        }
        let before = frontier.clone();
        let records: Vec<Bytes> = group.entries.iter().map(|entry| entry.bytes.clone()).collect();
        for record in &records {
            frontier.push(leaf_hash(record));
        }
        let at = match journal.append(&records) {
            Ok(at) => at,
            Err(error) => return fails(log, group.answers, &error),
        };
        if let Err(error) = acknowledged.reaches(frontier.size()) {
            return fails(log, group.answers, &error);
        }
        log.grown(&records, Head { size: frontier.size(), root: frontier.root() });
        answer(group.answers);
        log.backlog.add(group.bytes);
        let written = Written { at, before, bytes: group.bytes, entries: group.entries };
        if indexer.send(written).is_err() {
            // Why the indexer ended is its own to tell.
            return;
        }
    }
    // After a clean end the machine may go down at once.
    if let Err(error) = acknowledged.sync() {
        log.fail(&with_sources(&error));
    }
}

/// Ends the log: what the disk holds is unknown.
fn fails(log: &Log, answers: Vec<Answer>, error: &dyn std::error::Error) {
    let told = with_sources(error);
    for refused in answers {
        let what = "the journal could not be written; whether this command was recorded is known after the next start";
        // The sender may be gone; there is nobody else to tell.
        let unknown = Fault::Unreachable { what: what.to_owned(), source: Some(told.clone().into()) };
        let _ = refused.reply.send(Err(unknown.into()));
    }
    log.fail(&format!("the journal failed: {told}"));
}

/// Answers that nothing of it was recorded, and why.
fn refuse(answers: Vec<Answer>, fault: &Fault) {
    for refused in answers {
        // The sender may be gone; there is nobody else to tell.
        let _ = refused.reply.send(Err(fault.again().into()));
    }
}

fn answer(answers: Vec<Answer>) {
    for answer in answers {
        // A sender that went away loses only its answer; asking again gives the same one.
        let _ = answer.reply.send(answer.outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(records: std::ops::Range<u64>, size: usize) -> Group {
        let mut group = Group::new();
        for n in records {
            let bytes = Bytes::from(vec![n as u8; size]);
            group.bytes += bytes.len();
            group.entries.push(Entry { stream: "round/r".parse().unwrap(), bytes });
            let (reply, _) = tokio::sync::oneshot::channel();
            group.answers.push(Answer { reply, outcome: Ok(Accepted { first: n, count: 1, repeated: false }) });
        }
        group
    }

    #[test]
    fn what_waits_is_taken_in_order_and_no_more_than_is_synced_at_once() {
        let mut first = group(0..3, 10);
        first.absorb(group(3..7, 10));
        let positions: Vec<u64> = first.answers.iter().map(|answer| answer.outcome.as_ref().unwrap().first).collect();
        assert_eq!(positions, [0, 1, 2, 3, 4, 5, 6]);
        assert!(first.entries.iter().zip(0u8..).all(|(entry, n)| entry.bytes[0] == n));
        assert_eq!((first.bytes, first.is_full()), (70, false));
        first.absorb(group(0..1, SYNC_BYTES));
        assert!(first.is_full());
        assert!(group(0..SYNC_COMMANDS as u64, 1).is_full());
    }
}
