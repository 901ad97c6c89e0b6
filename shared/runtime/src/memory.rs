//! A ledger in memory, for rehearsals and tests: the same decisions and the same stored bytes, without threads or files. It
//! signs nothing and is gone with its process.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use rondo_domain::command::{Context, actor_of};
use rondo_domain::event::Aggregate;
use rondo_domain::{Command, CommandId, FileHash, Rejection, StreamId};
use rondo_eventlog::files::FilePart;
use rondo_eventlog::merkle::{Frontier, Hash, Tile, leaf_hash};
use rondo_eventlog::{Accepted, Fault, Head, History, Ledger, Record, SubmitError, codec};
use tokio::sync::watch;

use crate::clock::Clock;

/// How long a reader that waits is kept waiting at most.
const WAIT: Duration = Duration::from_secs(1);

/// Where chance has no say: equal commands at equal instants make equal bytes.
const SALT: &str = "00";

struct Stream {
    state: Aggregate,
    positions: Vec<u64>,
}

impl Stream {
    fn new(id: &StreamId) -> Self {
        Self { state: Aggregate::new(id.kind()), positions: Vec::new() }
    }
}

#[derive(Default)]
struct State {
    records: Vec<Record>,
    streams: BTreeMap<StreamId, Stream>,
    answers: HashMap<CommandId, Accepted>,
    frontier: Frontier,
    files: HashMap<FileHash, Vec<u8>>,
    buffer: Vec<u8>,
}

/// A ledger in memory.
pub struct MemoryLedger {
    state: Mutex<State>,
    size: watch::Sender<u64>,
    clock: Arc<dyn Clock>,
}

impl MemoryLedger {
    /// An empty one, which decides at the instants that the clock shows.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { state: Mutex::default(), size: watch::Sender::new(0), clock }
    }

    /// One that begins with these records, in the order of a log of which they may be a part, and with these files.
    pub fn going_on(
        clock: Arc<dyn Clock>,
        records: impl IntoIterator<Item = Record>,
        files: impl IntoIterator<Item = (FileHash, Vec<u8>)>,
    ) -> Self {
        let ledger = Self::new(clock);
        let mut state = ledger.state();
        for mut record in records {
            record.position = state.records.len() as u64;
            let accepted = state.answers.entry(record.command).or_insert(Accepted {
                first: record.position,
                count: 0,
                repeated: false,
            });
            accepted.count += 1;
            state.ensure(&record.stream);
            if let Some(stream) = state.streams.get_mut(&record.stream) {
                stream.state.evolve(&record.event, &record.stamp());
                stream.positions.push(record.position);
            }
            state.frontier.push(leaf_hash(&record.bytes));
            state.records.push(record);
        }
        state.files.extend(files);
        let size = state.records.len() as u64;
        drop(state);
        ledger.size.send_replace(size);
        ledger
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Makes sure that a stream is there, so that its state can be looked at.
    fn ensure(&mut self, stream: &StreamId) {
        if !self.streams.contains_key(stream) {
            self.streams.insert(stream.clone(), Stream::new(stream));
        }
    }

    fn of(&self, stream: &StreamId) -> Result<&Aggregate, Fault> {
        let missing = || Fault::NotFound(format!("the stream {stream}"));
        self.streams.get(stream).map(|stream| &stream.state).ok_or_else(missing)
    }

    fn decide(&mut self, command: &Command, now: jiff::Timestamp) -> Result<Accepted, SubmitError> {
        if let Some(answer) = self.answers.get(&command.id) {
            return Ok(Accepted { repeated: true, ..*answer });
        }
        let (stream, network, around) = (command.wish.stream(), StreamId::network(), command.wish.surroundings());
        for needed in [&stream, &network].into_iter().chain(&around) {
            self.ensure(needed);
        }
        let Aggregate::Network(people) = self.of(&network)? else {
            return Err(Fault::Corrupt("the stream of the network holds another kind of state".to_owned()).into());
        };
        let actor = actor_of(command, people, now)?;
        if let Some(file) = command.wish.file()
            && !self.files.contains_key(file)
        {
            return Err(Rejection::FileNotStored { sha256: file.to_string() }.into());
        }
        let surroundings: Vec<(StreamId, &Aggregate)> =
            around.into_iter().map(|other| Ok((other.clone(), self.of(&other)?))).collect::<Result<_, Fault>>()?;
        let context = Context { actor: &actor, now, surroundings: &surroundings };
        let events = command.wish.decide(self.of(&stream)?, &context)?;
        let first = self.records.len() as u64;
        for (ordinal, event) in events.iter().enumerate() {
            let position = self.records.len() as u64;
            let Some(entry) = self.streams.get_mut(&stream) else { return Err(Fault::Stopped.into()) };
            let place = codec::Place { stream: &stream, version: entry.positions.len() as u64, position, ordinal };
            let written = codec::encode(&mut self.buffer, place, event, command, &actor, now, SALT);
            let record = written.and_then(|bytes| codec::decode(&bytes));
            let record = record.map_err(|e| Fault::storage("cannot write a record", e))?;
            entry.state.evolve(&record.event, &record.stamp());
            entry.positions.push(position);
            self.frontier.push(leaf_hash(&record.bytes));
            self.records.push(record);
        }
        let accepted = Accepted { first, count: events.len() as u64, repeated: false };
        if accepted.count > 0 {
            self.answers.insert(command.id, accepted);
        }
        Ok(accepted)
    }
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn submit(&self, command: Command) -> Result<Accepted, SubmitError> {
        let mut state = self.state();
        let accepted = state.decide(&command, self.clock.now())?;
        self.size.send_replace(state.records.len() as u64);
        Ok(accepted)
    }

    async fn read(&self, from: u64, limit: usize) -> Result<Vec<Record>, Fault> {
        let state = self.state();
        let from = usize::try_from(from).unwrap_or(usize::MAX).min(state.records.len());
        Ok(state.records[from..].iter().take(limit).cloned().collect())
    }

    async fn read_streams(&self, prefix: &str, after: Option<(&str, u64)>, limit: usize) -> Result<Vec<Record>, Fault> {
        let state = self.state();
        let below = state.streams.iter().filter(|(stream, _)| stream.as_str().starts_with(prefix));
        let records =
            below.flat_map(|(_, stream)| &stream.positions).map(|position| &state.records[*position as usize]);
        let later = records.filter(|record| after.is_none_or(|after| (record.stream.as_str(), record.version) > after));
        Ok(later.take(limit).cloned().collect())
    }

    async fn head(&self) -> Result<Head, Fault> {
        let state = self.state();
        Ok(Head { size: state.frontier.size(), root: state.frontier.root() })
    }

    async fn wait(&self, size: u64) -> Result<Head, Fault> {
        let mut sizes = self.size.subscribe();
        // Nothing having happened is an answer too.
        let _ = tokio::time::timeout(WAIT, sizes.wait_for(|now| *now > size)).await.map(|_| ());
        self.head().await
    }

    async fn checkpoint(&self) -> Result<String, Fault> {
        Err(Fault::NotFound("a checkpoint".to_owned()))
    }

    async fn key(&self) -> Result<String, Fault> {
        Err(Fault::NotFound("a key".to_owned()))
    }

    async fn tile(&self, tile: Tile) -> Result<Vec<Hash>, Fault> {
        Err(Fault::NotFound(format!("the tile {} of a log that is not signed", tile.path())))
    }

    async fn store_part(&self, part: FilePart) -> Result<(), Fault> {
        let mut state = self.state();
        let file = state.files.entry(part.hash.clone()).or_default();
        if part.offset > file.len() as u64 {
            return Err(Fault::Refused("a part leaves a gap".to_owned()));
        }
        file.truncate(part.offset as usize);
        file.extend_from_slice(&part.bytes);
        if file.len() as u64 == part.total && FileHash::of(file) != part.hash {
            state.files.remove(&part.hash);
            return Err(Fault::Refused("the parts do not make the file".to_owned()));
        }
        Ok(())
    }

    async fn fetch_part(&self, hash: &FileHash, offset: u64) -> Result<FilePart, Fault> {
        let state = self.state();
        let file = state.files.get(hash).ok_or_else(|| Fault::NotFound(format!("the file {hash}")))?;
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(file.len());
        let bytes = Bytes::copy_from_slice(&file[from..]);
        Ok(FilePart { hash: hash.clone(), total: file.len() as u64, offset, bytes })
    }
}

#[async_trait]
impl History for MemoryLedger {
    async fn root_at(&self, size: u64) -> Result<Option<Hash>, Fault> {
        let state = self.state();
        if size > state.frontier.size() {
            return Ok(None);
        }
        let mut frontier = Frontier::default();
        for record in state.records.iter().take(size as usize) {
            frontier.push(leaf_hash(&record.bytes));
        }
        Ok(Some(frontier.root()))
    }
}
