//! Recovery: how far the log goes, and the store brought up to it. The journal is the truth: what the index, the checkpoint and
//! the file `acknowledged` say of its length is held against it, and an index that does not fit it is made anew.

use std::collections::VecDeque;
use std::fs;
use std::path::Path;

use bytes::Bytes;
use rondo_eventlog::merkle::{Frontier, leaf_hash};
use rondo_eventlog::{Head, codec};

use crate::directory::{OpenError, io};
use crate::journal::{self, Group, JournalError, Tail};
use crate::store::indexer::Packer;
use crate::store::{Entry, Store};
use crate::{acknowledged, memory, scrub};

/// Groups before the end whose heads are known after a start, without waiting until they are signed.
const LATELY: usize = 64;

/// A log as a start found it.
pub(crate) struct Recovered {
    pub(crate) store: Store,
    pub(crate) packer: Packer,
    /// Where the next group is written.
    pub(crate) tail: Tail,
    /// The first record that was read from the journal; those before are in the index.
    pub(crate) began: u64,
    pub(crate) frontier: Frontier,
    /// The first record in no pack of the store, and the records from there on.
    pub(crate) packed: u64,
    pub(crate) unpacked: VecDeque<Bytes>,
    /// What the log was before each of the groups that were read last: others know it by that.
    lately: VecDeque<Frontier>,
    read: u64,
}

impl Recovered {
    /// How far the log goes.
    pub(crate) fn head(&self) -> Head {
        Head { size: self.frontier.size(), root: self.frontier.root() }
    }

    /// The heads that went by last, oldest first.
    pub(crate) fn heads(&self) -> impl Iterator<Item = Head> {
        self.lately.iter().map(|frontier| Head { size: frontier.size(), root: frontier.root() })
    }
}

/// What is told of a log beside its journal.
struct Told {
    /// How many records were acknowledged at least.
    acknowledged: u64,
    /// Whether the index says where to read on.
    by_index: bool,
}

/// Finds the end of a log, and brings the store up to it.
///
/// # Errors
/// When the journal or the store cannot be used, or acknowledged records are damaged or missing.
pub(crate) fn recover(data: &Path, notes: &mut Vec<String>) -> Result<Recovered, OpenError> {
    let folder = data.join("journal");
    let signed = memory::signed_size(data)?;
    let mut told = Told { acknowledged: acknowledged::at_least(data)?, by_index: false };
    let found = match read_on(data, &mut told) {
        Err(OpenError::Store(fault)) => {
            notes.push(format!("the store was damaged ({fault}) and was rebuilt from the journal"));
            anew(data, &mut told)?
        }
        // What is met behind the place that the index names may be the index's own fault.
        Err(OpenError::Journal(JournalError::Damaged { .. })) if told.by_index => {
            journal::judge(&folder, told.acknowledged)?;
            notes.push("the store did not fit the journal and was rebuilt from it".to_owned());
            anew(data, &mut told)?
        }
        Ok(found) if is_misled(data, &found)? => {
            drop(found);
            notes.push("the store was another log's and was rebuilt from the journal".to_owned());
            anew(data, &mut told)?
        }
        other => other?,
    };
    // An older copy is the notary's to refuse. Of a log that has all that was signed, the end is missing.
    if found.frontier.size() >= signed {
        journal::holds(&folder, found.tail.next, told.acknowledged)?;
    }
    if found.tail.cut > 0 {
        notes.push(format!(
            "the journal ended in {} bytes that were never acknowledged; they were cut off after record {}",
            found.tail.cut, found.tail.next.position
        ));
    }
    if found.read > 10_000 {
        notes.push(format!("{} records were brought into the store from the journal", found.read));
    }
    Ok(found)
}

/// Whether the records have another root than the checkpoint signs, by the index, and that root by the journal.
fn is_misled(data: &Path, found: &Recovered) -> Result<bool, OpenError> {
    let head = found.head();
    let signed = memory::shown(data)?.filter(|signed| signed.size == head.size && signed.root != head.root);
    Ok(found.began > 0 && signed.is_some_and(|signed| scrub::whole(&data.join("journal"), signed).is_ok()))
}

/// Makes the store anew from the journal.
fn anew(data: &Path, told: &mut Told) -> Result<Recovered, OpenError> {
    let index = data.join("index");
    fs::remove_dir_all(&index).map_err(io("remove", &index))?;
    read_on(data, told)
}

/// Reads the journal from where the index ends.
fn read_on(data: &Path, told: &mut Told) -> Result<Recovered, OpenError> {
    let store = Store::open(&data.join("index"), |pause| std::thread::sleep(pause.unsigned_abs()))?;
    let reached = store.reached()?;
    let end = store.end()?;
    told.acknowledged = told.acknowledged.max(end);
    told.by_index = reached.is_some();
    let began = reached.as_ref().map_or(0, |reached| reached.at.position);
    let mut found = Recovered {
        packer: Packer::new(reached.as_ref(), end),
        store,
        tail: Tail { next: journal::FIRST, last: None, cut: 0 },
        began,
        frontier: reached.as_ref().map_or_else(Frontier::default, |reached| reached.frontier.clone()),
        packed: began,
        unpacked: VecDeque::new(),
        lately: VecDeque::with_capacity(LATELY),
        read: 0,
    };
    let from = reached.map(|reached| reached.at);
    let tail = journal::recover::<OpenError>(&data.join("journal"), from, told.acknowledged, |group| {
        take(&mut found, &group)
    })?;
    found.tail = tail.ok_or_else(|| OpenError::JournalMissing(data.to_owned()))?;
    Ok(found)
}

fn take(found: &mut Recovered, group: &Group) -> Result<(), OpenError> {
    let before = found.frontier.clone();
    if found.lately.len() == LATELY {
        found.lately.pop_front();
    }
    found.lately.push_back(before.clone());
    let mut entries = Vec::with_capacity(group.records.len());
    for (bytes, position) in group.records.iter().zip(group.at.position..) {
        let stream = codec::stream_of(bytes).map_err(|source| OpenError::Unreadable { position, source })?;
        found.frontier.push(leaf_hash(bytes));
        entries.push(Entry { stream, bytes: bytes.clone() });
    }
    found.read += entries.len() as u64;
    found.unpacked.extend(group.records.iter().cloned());
    let packed = found.packer.take(&found.store, group.at, before, &entries)?;
    while found.packed < packed && found.unpacked.pop_front().is_some() {
        found.packed += 1;
    }
    Ok(())
}
