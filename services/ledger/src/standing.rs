//! The streams the sequencer is at work on: state, next version, and the commands already accepted, kept in memory.

use std::sync::Arc;

use lru::LruCache;
use rondo_domain::StreamId;
use rondo_domain::event::Aggregate;
use rondo_eventlog::{Fault, Standing};

use crate::log::Log;

/// About what a figure takes, and an answer.
const FIGURE: usize = 200;
const ANSWER: usize = 80;

/// A stream's standing in memory.
#[derive(Debug)]
struct Kept {
    standing: Standing,
    /// About what it took when it was weighed last.
    bytes: usize,
}

fn weigh(standing: &Standing) -> usize {
    let figures = if let Aggregate::Figures(figures) = &standing.state { figures.cells.len() } else { 0 };
    figures * FIGURE + standing.answered_commands() * ANSWER
}

/// The digests of the standings in memory: [`Standing::digest`].
pub(crate) type Digests = Vec<(StreamId, [u8; 32])>;

/// The standings in memory.
pub(crate) struct Standings {
    log: Arc<Log>,
    kept: LruCache<StreamId, Kept>,
    bytes: usize,
    limits: Limits,
}

/// How much is kept in memory.
struct Limits {
    /// Streams; another one is read back from the store when it is needed.
    streams: usize,
    /// Streams kept however much they hold, so that those at work now are never read back again and again.
    at_work: usize,
    /// Bytes that all of them may take, by and large, before the others are let go of.
    bytes: usize,
}

const LIMITS: Limits = Limits { streams: 20_000, at_work: 4_096, bytes: 48 * 1024 * 1024 };

impl Standings {
    pub(crate) fn new(log: Arc<Log>) -> Self {
        Self { log, kept: LruCache::unbounded(), bytes: 0, limits: LIMITS }
    }

    /// Makes sure that a stream's standing is in memory.
    pub(crate) fn load(&mut self, stream: &StreamId) -> Result<(), Fault> {
        if self.kept.get(stream).is_none() {
            let standing = read(&self.log, stream)?;
            let bytes = weigh(&standing);
            self.kept.put(stream.clone(), Kept { standing, bytes });
            self.bytes += bytes;
        }
        Ok(())
    }

    /// The standing of a loaded stream.
    pub(crate) fn get(&self, stream: &StreamId) -> Option<&Standing> {
        self.kept.peek(stream).map(|kept| &kept.standing)
    }

    /// Lets the standing of a loaded stream grow, and weighs it anew; nothing where it is not loaded.
    pub(crate) fn grow(&mut self, stream: &StreamId, by: impl FnOnce(&mut Standing)) -> Option<()> {
        let kept = self.kept.peek_mut(stream)?;
        by(&mut kept.standing);
        let bytes = weigh(&kept.standing);
        let before = std::mem::replace(&mut kept.bytes, bytes);
        self.bytes = self.bytes + bytes - before;
        Some(())
    }

    /// What is in memory, in a few words.
    pub(crate) fn digests(&self) -> Digests {
        self.kept.iter().map(|(stream, kept)| (stream.clone(), kept.standing.digest())).collect()
    }

    /// Lets go of what was used least, but never of a stream whose last record the store does not have yet.
    pub(crate) fn trim(&mut self) {
        let indexed = self.log.indexed();
        let Limits { streams, at_work, bytes } = self.limits;
        while self.kept.len() > streams || (self.bytes > bytes && self.kept.len() > at_work) {
            let stored =
                self.kept.peek_lru().is_some_and(|(_, kept)| kept.standing.last.is_none_or(|last| last < indexed));
            if !stored {
                return;
            }
            self.bytes -= self.kept.pop_lru().map_or(0, |(_, kept)| kept.bytes);
        }
    }
}

fn read(log: &Log, stream: &StreamId) -> Result<Standing, Fault> {
    let mut standing = Standing::new(stream.kind());
    for place in log.places(stream)? {
        let record = log.record(&place)?;
        if place.version != standing.version {
            return Err(log.index_failed(Fault::Corrupt(format!(
                "version {} of {stream} is missing in the index; it is rebuilt from the journal",
                standing.version
            ))));
        }
        standing.take(&record);
    }
    Ok(standing)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use rondo_domain::{CommandId, PersonId};
    use rondo_eventlog::Head;
    use rondo_eventlog::merkle::tree::empty_root;

    use super::*;
    use crate::store::Store;

    fn stream(n: usize) -> StreamId {
        StreamId::round(&format!("r{n}").parse().unwrap())
    }

    /// Loads a stream and has it hold so many answers, the last of them recorded at a position.
    fn holds(standings: &mut Standings, n: usize, answers: usize, last: u64) {
        standings.load(&stream(n)).unwrap();
        let actor: PersonId = "operator".parse().unwrap();
        let grow = |standing: &mut Standing| {
            *standing = Standing::new(stream(n).kind());
            for answer in 0..answers {
                standing.answer(CommandId([answer as u8; 16]), last, 1, (&actor, None));
            }
            standing.last = Some(last);
        };
        standings.grow(&stream(n), grow).unwrap();
    }

    fn kept(standings: &Standings) -> Vec<usize> {
        (0..10).filter(|n| standings.get(&stream(*n)).is_some()).collect()
    }

    #[test]
    fn what_weighs_too_much_is_let_go_of_but_not_what_is_at_work_or_unstored() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("index"), |_| ()).unwrap();
        // Nine records are indexed; the tenth is not in the store yet.
        let head = Head { size: 9, root: empty_root() };
        let log = Arc::new(Log::new(folder.path(), store, 9, VecDeque::new(), head));
        let mut standings = Standings::new(log);
        standings.limits = Limits { streams: 6, at_work: 2, bytes: 10 * ANSWER };
        for n in 0..5 {
            holds(&mut standings, n, 2, n as u64);
        }
        standings.trim();
        assert_eq!(kept(&standings), [0, 1, 2, 3, 4], "ten answers are what may be kept");
        holds(&mut standings, 1, 3, 5);
        standings.trim();
        assert_eq!(kept(&standings), [1, 2, 3, 4], "the one used least went");
        assert_eq!(standings.bytes, 9 * ANSWER);
        holds(&mut standings, 5, 100, 6);
        standings.trim();
        assert_eq!(kept(&standings), [1, 5], "those at work stay, however heavy");
        assert_eq!(standings.bytes, 103 * ANSWER);
        holds(&mut standings, 1, 100, 9);
        for n in 6..10 {
            holds(&mut standings, n, 0, 7);
        }
        standings.trim();
        assert_eq!(kept(&standings), [1, 6, 7, 8, 9], "the store does not have the last record of the next one");
    }
}
