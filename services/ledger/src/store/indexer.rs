//! The indexer: brings written groups into the store, behind the journal and never ahead of it.

use std::collections::VecDeque;
use std::sync::mpsc::Receiver;

use bytes::Bytes;
use rondo_eventlog::Fault;
use rondo_eventlog::merkle::Frontier;

use super::packs::PACK;
use super::{Entry, Reached, Store};
use crate::backlog::Indexing;
use crate::committer::Written;
use crate::journal::Location;
use crate::log::Log;

/// Gathers records into packs, and knows from which group on to go on after a restart.
#[derive(Debug)]
pub(crate) struct Packer {
    /// The first record in no pack yet; a multiple of the pack's size.
    next: u64,
    open: Vec<Bytes>,
    groups: VecDeque<(Location, Frontier)>,
    /// How many records were taken in, and of how many of them the store was told.
    end: u64,
    told: u64,
}

impl Packer {
    /// A packer that goes on where the store's reach says.
    /// The store was told of the records up to `end`.
    pub(crate) fn new(reached: Option<&Reached>, end: u64) -> Self {
        let position = reached.map_or(0, |reached| reached.at.position);
        Self { next: position.div_ceil(PACK) * PACK, open: Vec::new(), groups: VecDeque::new(), end: 0, told: end }
    }

    /// Takes in a group: notes its places, stores the packs it fills, and says up to where records are packed.
    pub(crate) fn take(
        &mut self,
        store: &Store,
        at: Location,
        before: Frontier,
        entries: &[Entry],
    ) -> Result<u64, Fault> {
        let settling = store.note(at, entries);
        self.end = at.position + entries.len() as u64;
        self.groups.push_back((at, before));
        for (entry, position) in entries.iter().zip(at.position..) {
            if position < self.next {
                continue;
            }
            self.open.push(entry.bytes.clone());
            if self.open.len() as u64 == PACK {
                self.tell(store)?;
                store.put_pack(self.next / PACK, &self.open)?;
                self.open.clear();
                self.next += PACK;
            }
        }
        while self.groups.get(1).is_some_and(|(second, _)| second.position <= self.next) {
            self.groups.pop_front();
        }
        if settling {
            self.settle(store)?;
        }
        Ok(self.next)
    }

    /// Tells the store how far it goes, before anything of it is stored.
    fn tell(&mut self, store: &Store) -> Result<(), Fault> {
        if self.told < self.end {
            store.set_end(self.end)?;
            self.told = self.end;
        }
        Ok(())
    }

    /// Brings what is noted in memory into sled, and then says that the store reaches so far.
    pub(crate) fn settle(&mut self, store: &Store) -> Result<(), Fault> {
        self.tell(store)?;
        store.settle()?;
        match self.groups.front() {
            Some((at, frontier)) => store.set_reached(&Reached::new(*at, frontier.clone())),
            None => Ok(()),
        }
    }
}

/// How much the indexer stands back (nice(2)): what it does can wait, those who are answered cannot.
const NICE: i32 = 10;

/// Works until the committer ends, then brings the store to the device.
pub(crate) fn run(
    log: &Log,
    (mut packer, indexed): (Packer, fn(u64)),
    groups: &Receiver<Written>,
    folder: &std::path::Path,
) {
    if let Err(error) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE) {
        tracing::debug!("the indexer keeps the priority of the others: {error}");
    }
    let indexing = Indexing(&log.backlog);
    while let Ok(written) = groups.recv() {
        let end = written.at.position + written.entries.len() as u64;
        match packer.take(&log.store, written.at, written.before, &written.entries) {
            Ok(packed) => {
                log.indexed_to(end, packed);
                indexed(end);
                indexing.done(written.bytes);
            }
            Err(fault) => {
                let told = rondo_runtime::lifecycle::with_sources(&fault);
                return log.fail(&format!("the store of indexes failed: {told}"));
            }
        }
    }
    match packer.settle(&log.store).and_then(|()| log.store.checkpoint(folder)) {
        Ok(()) => log.set_brought(),
        Err(fault) => tracing::warn!(
            "the store of indexes was not brought to the device; opening it next time takes longer: {fault}"
        ),
    }
}
