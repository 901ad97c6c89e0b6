//! The streams the sequencer is at work on: state, next version, and the commands already accepted, kept in memory.

use std::collections::HashMap;
use std::sync::Arc;

use lru::LruCache;
use rondo_domain::StreamId;
use rondo_domain::event::Aggregate;
use rondo_eventlog::Fault;

use crate::handle::Log;

/// Streams kept in memory; another one is read back from the store when it is needed.
const KEPT: usize = 20_000;
/// Streams kept however much they hold, so that those at work now are never read back again and again.
const AT_WORK: usize = 4_096;
/// Bytes that all of them may take, by and large, before the others are let go of.
const BYTES: usize = 48 * 1024 * 1024;
/// About what a figure takes, and an answer.
const FIGURE: usize = 200;
const ANSWER: usize = 60;

/// A stream's standing.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) state: Aggregate,
    pub(crate) version: u64,
    /// The position of the stream's last record.
    pub(crate) last: Option<u64>,
    /// First position and count of the records of each accepted command.
    pub(crate) accepted: HashMap<[u8; 16], (u64, u64)>,
    /// About what it took when it was weighed last.
    bytes: usize,
}

impl Standing {
    fn weigh(&self) -> usize {
        let figures = if let Aggregate::Figures(figures) = &self.state { figures.cells.len() } else { 0 };
        figures * FIGURE + self.accepted.len() * ANSWER
    }
}

/// The standings in memory.
pub(crate) struct Standings {
    log: Arc<Log>,
    kept: LruCache<StreamId, Standing>,
    bytes: usize,
}

impl Standings {
    pub(crate) fn new(log: Arc<Log>) -> Self {
        Self { log, kept: LruCache::unbounded(), bytes: 0 }
    }

    /// Makes sure that a stream's standing is in memory.
    pub(crate) fn load(&mut self, stream: &StreamId) -> Result<(), Fault> {
        if self.kept.get(stream).is_none() {
            let standing = read(&self.log, stream)?;
            self.kept.put(stream.clone(), standing);
            self.grown(stream);
        }
        Ok(())
    }

    /// Weighs a stream anew, after it has grown.
    pub(crate) fn grown(&mut self, stream: &StreamId) {
        if let Some(standing) = self.kept.peek_mut(stream) {
            let bytes = standing.weigh();
            let before = std::mem::replace(&mut standing.bytes, bytes);
            self.bytes = self.bytes + bytes - before;
        }
    }

    /// The standing of a loaded stream.
    pub(crate) fn get(&self, stream: &StreamId) -> Option<&Standing> {
        self.kept.peek(stream)
    }

    /// The standing of a loaded stream, to be changed.
    pub(crate) fn get_mut(&mut self, stream: &StreamId) -> Option<&mut Standing> {
        self.kept.get_mut(stream)
    }

    /// Lets go of what was used least, but never of a stream whose last record the store does not have yet.
    pub(crate) fn trim(&mut self) {
        let indexed = self.log.indexed();
        while self.kept.len() > KEPT || (self.bytes > BYTES && self.kept.len() > AT_WORK) {
            let stored =
                self.kept.peek_lru().is_some_and(|(_, standing)| standing.last.is_none_or(|last| last < indexed));
            if !stored {
                return;
            }
            self.bytes -= self.kept.pop_lru().map_or(0, |(_, standing)| standing.bytes);
        }
    }
}

fn read(log: &Log, stream: &StreamId) -> Result<Standing, Fault> {
    let mut standing =
        Standing { state: Aggregate::new(stream.kind()), version: 0, last: None, accepted: HashMap::new(), bytes: 0 };
    for place in log.store.places(stream)? {
        let record = log.record(&place)?;
        if place.version != standing.version {
            return Err(Fault::Corrupt(format!(
                "version {} of {stream} is missing in the index; delete the folder `index`, it is rebuilt from the journal",
                standing.version
            )));
        }
        standing.state.evolve(&record.event, &record.stamp());
        standing.version += 1;
        standing.last = Some(record.position);
        standing.accepted.entry(place.command).or_insert((record.position, 0)).1 += 1;
    }
    Ok(standing)
}
