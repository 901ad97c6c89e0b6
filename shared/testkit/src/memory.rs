//! A ledger in memory: the same decisions and the same stored bytes, without threads, files or time of its own.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use rondo_domain::command::{Context, actor_of};
use rondo_domain::event::Aggregate;
use rondo_domain::{Command, CommandId, FileHash, Rejection, StreamId};
use rondo_eventlog::files::FilePart;
use rondo_eventlog::merkle::{Frontier, Hash, Tile, leaf_hash};
use rondo_eventlog::{Accepted, Fault, Head, Ledger, Record, SubmitError, codec};
use tokio::sync::watch;

#[derive(Default)]
struct State {
    records: Vec<Record>,
    streams: BTreeMap<StreamId, (Aggregate, Vec<u64>)>,
    answers: HashMap<CommandId, Accepted>,
    frontier: Frontier,
    files: HashMap<FileHash, Vec<u8>>,
}

/// A ledger in memory.
pub struct MemoryLedger {
    state: Mutex<State>,
    size: watch::Sender<u64>,
    now: Timestamp,
}

impl MemoryLedger {
    /// An empty one, at whose every decision it is this instant.
    pub fn new(now: Timestamp) -> Self {
        Self { state: Mutex::default(), size: watch::Sender::new(0), now }
    }
}

fn aggregate<'s>(state: &'s State, stream: &StreamId) -> std::borrow::Cow<'s, Aggregate> {
    match state.streams.get(stream) {
        Some((found, _)) => std::borrow::Cow::Borrowed(found),
        None => std::borrow::Cow::Owned(Aggregate::new(stream.kind())),
    }
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn submit(&self, command: Command) -> Result<Accepted, SubmitError> {
        let mut state = self.state.lock().unwrap();
        if let Some(answer) = state.answers.get(&command.id) {
            return Ok(Accepted { repeated: true, ..*answer });
        }
        let stream = command.wish.stream();
        let network = aggregate(&state, &StreamId::network()).into_owned();
        let Aggregate::Network(people) = &network else { panic!("the network is one") };
        let actor = actor_of(&command, people)?;
        if let Some(file) = command.wish.file()
            && !state.files.contains_key(file)
        {
            return Err(Rejection::FileNotStored { sha256: file.to_string() }.into());
        }
        let own = aggregate(&state, &stream).into_owned();
        let others: Vec<(StreamId, Aggregate)> = command
            .wish
            .surroundings()
            .into_iter()
            .map(|other| (other.clone(), aggregate(&state, &other).into_owned()))
            .collect();
        let around: Vec<_> = others.iter().map(|(id, state)| (id.clone(), state)).collect();
        let context = Context { actor: &actor, now: self.now, surroundings: &around };
        let events = command.wish.decide(&own, &context)?;
        let first = state.records.len() as u64;
        for (ordinal, event) in events.iter().enumerate() {
            let position = state.records.len() as u64;
            let entry =
                state.streams.entry(stream.clone()).or_insert_with(|| (Aggregate::new(stream.kind()), Vec::new()));
            let place = codec::Place { stream: &stream, version: entry.1.len() as u64, position, ordinal };
            let bytes =
                codec::encode(&mut Vec::new(), place, event, &command, &actor, self.now, "00").expect("it is small");
            let record = codec::decode(&bytes).expect("it was just written");
            entry.0.evolve(&record.event, &record.stamp());
            entry.1.push(position);
            state.frontier.push(leaf_hash(&bytes));
            state.records.push(record);
        }
        let accepted = Accepted { first, count: events.len() as u64, repeated: false };
        if accepted.count > 0 {
            state.answers.insert(command.id, accepted);
            self.size.send_replace(state.records.len() as u64);
        }
        Ok(accepted)
    }

    async fn read(&self, from: u64, limit: usize) -> Result<Vec<Record>, Fault> {
        let state = self.state.lock().unwrap();
        Ok(state.records.iter().skip(from as usize).take(limit).cloned().collect())
    }

    async fn read_streams(&self, prefix: &str, after: Option<(&str, u64)>, limit: usize) -> Result<Vec<Record>, Fault> {
        let state = self.state.lock().unwrap();
        let below = state.streams.iter().filter(|(stream, _)| stream.as_str().starts_with(prefix));
        let records =
            below.flat_map(|(_, (_, positions))| positions).map(|position| &state.records[*position as usize]);
        let later = records.filter(|record| after.is_none_or(|after| (record.stream.as_str(), record.version) > after));
        Ok(later.take(limit).cloned().collect())
    }

    async fn head(&self) -> Result<Head, Fault> {
        let state = self.state.lock().unwrap();
        Ok(Head { size: state.frontier.size(), root: state.frontier.root() })
    }

    async fn wait(&self, size: u64) -> Result<Head, Fault> {
        let mut sizes = self.size.subscribe();
        let _ = tokio::time::timeout(Duration::from_secs(1), sizes.wait_for(|now| *now > size)).await.map(|_| ());
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
        let mut state = self.state.lock().unwrap();
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
        let state = self.state.lock().unwrap();
        let file = state.files.get(hash).ok_or_else(|| Fault::NotFound(format!("the file {hash}")))?;
        let bytes = Bytes::copy_from_slice(&file[offset as usize..]);
        Ok(FilePart { hash: hash.clone(), total: file.len() as u64, offset, bytes })
    }
}
