//! Places noted lately and not yet in sled: gathered by stream, so that a busy stream costs sled one write for many places.

use std::collections::BTreeMap;
use std::ops::Bound;

use rondo_domain::StreamId;

use super::Entry;
use crate::journal::Location;

/// Places kept in memory before they are brought into sled; as many records are read again from the journal after a crash.
pub(super) const KEPT: usize = 8_192;

/// Places in memory, by stream, each stream's in order.
#[derive(Debug, Default)]
pub(super) struct Recent {
    streams: BTreeMap<StreamId, Vec<Location>>,
    count: usize,
    /// Beyond the last position noted since the start. What is read while sled is written to may be torn beyond it.
    end: Option<u64>,
}

impl Recent {
    /// Notes the entries of a group; those noted before are passed over.
    pub(super) fn note(&mut self, group: Location, entries: &[Entry]) {
        let lengths = entries.iter().map(|entry| entry.bytes.len());
        for (entry, at) in entries.iter().zip(group.records(lengths)) {
            match self.streams.get_mut(&entry.stream) {
                Some(places) if places.last().is_some_and(|last| last.position >= at.position) => continue,
                Some(places) => places.push(at),
                None => {
                    self.streams.insert(entry.stream.clone(), vec![at]);
                }
            }
            self.count += 1;
        }
        self.end = self.end.max(Some(group.position + entries.len() as u64));
    }

    /// Everything before this position is in memory or in sled; nothing, if nothing was noted since the start.
    pub(super) fn end(&self) -> Option<u64> {
        self.end
    }

    /// Whether it is time to bring them into sled.
    pub(super) fn is_full(&self) -> bool {
        self.count >= KEPT
    }

    /// Everything that is kept, by stream.
    pub(super) fn all(&self) -> Vec<(StreamId, Vec<Location>)> {
        self.streams.iter().map(|(stream, places)| (stream.clone(), places.clone())).collect()
    }

    /// Lets go of everything, once it is in sled.
    pub(super) fn clear(&mut self) {
        *self = Self { end: self.end, ..Self::default() };
    }

    /// The places of one stream.
    pub(super) fn of(&self, stream: &StreamId) -> Vec<Location> {
        self.streams.get(stream).cloned().unwrap_or_default()
    }

    /// The places of streams whose name begins so, from a stream on, of about `limit` at the most.
    pub(super) fn below(&self, prefix: &str, from: &str, limit: usize) -> Vec<(StreamId, Vec<Location>)> {
        let start = prefix.max(from);
        let mut found = Vec::new();
        let mut count = 0;
        for (stream, places) in self.streams.range::<str, _>((Bound::Included(start), Bound::Unbounded)) {
            if !stream.as_str().starts_with(prefix) || count >= limit {
                break;
            }
            // A reader goes on after the last place of a stream it has seen, which may be any of these.
            count += if stream.as_str() == from { 0 } else { places.len() };
            found.push((stream.clone(), places.clone()));
        }
        found
    }
}
