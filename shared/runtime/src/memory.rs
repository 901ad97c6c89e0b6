//! A ledger in memory, for rehearsals and tests: the same decisions and the same stored bytes, without threads or files. It
//! signs nothing and is gone with its process.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use rondo_domain::{Command, FileHash, StreamId};
use rondo_eventlog::decide::{Decided, Stands, decide};
use rondo_eventlog::files::FilePart;
use rondo_eventlog::merkle::{Frontier, Hash, Tile, leaf_hash};
use rondo_eventlog::record::Time;
use rondo_eventlog::{Accepted, Fault, Head, History, Ledger, Record, Sealed, Standing, SubmitError, codec};
use tokio::sync::watch;

use crate::clock::Clock;

/// How long a reader that waits is kept waiting at most.
const WAIT: Duration = Duration::from_secs(1);

/// Where chance has no say: equal commands at equal instants make equal bytes.
const SALT: &str = "00";

struct Stream {
    standing: Standing,
    positions: Vec<u64>,
}

impl Stream {
    fn new(id: &StreamId) -> Self {
        Self { standing: Standing::new(id.kind()), positions: Vec::new() }
    }
}

#[derive(Default)]
struct State {
    records: Vec<Record>,
    ground: Ground,
    frontier: Frontier,
    buffer: Vec<u8>,
}

/// What commands are decided on.
#[derive(Default)]
struct Ground {
    streams: BTreeMap<StreamId, Stream>,
    files: HashMap<FileHash, Vec<u8>>,
    /// The instant of the decision.
    now: jiff::Timestamp,
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
            let stream = state.ground.made_sure(&record.stream);
            stream.standing.take(&record);
            stream.positions.push(record.position);
            state.frontier.push(leaf_hash(&record.bytes));
            state.records.push(record);
        }
        state.ground.files.extend(files);
        let size = state.records.len() as u64;
        drop(state);
        ledger.size.send_replace(size);
        ledger
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ground {
    fn made_sure(&mut self, stream: &StreamId) -> &mut Stream {
        self.streams.entry(stream.clone()).or_insert_with(|| Stream::new(stream))
    }
}

impl Stands for Ground {
    fn ensure(&mut self, stream: &StreamId) -> Result<(), Fault> {
        self.made_sure(stream);
        Ok(())
    }

    fn standing(&self, stream: &StreamId) -> Option<&Standing> {
        self.streams.get(stream).map(|stream| &stream.standing)
    }

    fn has_file(&self, file: &FileHash) -> Result<bool, Fault> {
        Ok(self.files.contains_key(file))
    }

    fn now(&self, _: bool) -> Result<Time, Fault> {
        Ok(self.now.into())
    }

    fn salt(&mut self) -> Result<&str, Fault> {
        Ok(SALT)
    }
}

impl State {
    fn decide(&mut self, command: &Sealed) -> Result<Accepted, SubmitError> {
        let next = self.records.len() as u64;
        let decided = decide(&mut self.ground, command, (&StreamId::network(), next), &mut self.buffer)?;
        let Decided { accepted, growth: Some(growth) } = decided else { return Ok(decided.accepted) };
        // All of it is read back before any of it counts.
        let records: Result<Vec<Record>, _> = growth.records.iter().map(codec::decode).collect();
        let records = records.map_err(|e| Fault::storage("cannot read back a record", e))?;
        let stream = self.ground.made_sure(&growth.stream);
        growth.bring(&mut stream.standing, command, accepted);
        stream.positions.extend(next..accepted.end());
        records.iter().for_each(|record| self.frontier.push(leaf_hash(&record.bytes)));
        self.records.extend(records);
        Ok(accepted)
    }
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn submit(&self, command: Command) -> Result<Accepted, SubmitError> {
        let command = Sealed::new(command).map_err(|e| Fault::storage("a wish cannot be written as JSON", e))?;
        let mut state = self.state();
        state.ground.now = self.clock.now();
        let accepted = state.decide(&command)?;
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
        let below = state.ground.streams.iter().filter(|(stream, _)| stream.as_str().starts_with(prefix));
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
        let file = state.ground.files.entry(part.hash.clone()).or_default();
        if part.offset > file.len() as u64 {
            return Err(Fault::Refused("a part leaves a gap".to_owned()));
        }
        file.truncate(part.offset as usize);
        file.extend_from_slice(&part.bytes);
        if file.len() as u64 == part.total && FileHash::of(file) != part.hash {
            state.ground.files.remove(&part.hash);
            return Err(Fault::Refused("the parts do not make the file".to_owned()));
        }
        Ok(())
    }

    async fn fetch_part(&self, hash: &FileHash, offset: u64) -> Result<FilePart, Fault> {
        let state = self.state();
        let file = state.ground.files.get(hash).ok_or_else(|| Fault::NotFound(format!("the file {hash}")))?;
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

    async fn is_denied(&self, _: &str, _: Head, _: &str) -> Result<bool, Fault> {
        Ok(false)
    }
}
