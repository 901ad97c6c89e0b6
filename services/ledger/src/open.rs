//! Opening a data directory: lock it, find the journal's end, bring the store up to it, start the threads.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{channel, sync_channel};
use std::thread::JoinHandle;

use bytes::Bytes;
use rondo_domain::StreamId;
use rondo_eventlog::merkle::{Checkpoint, Frontier, NoteError, Verifier, leaf_hash};
use rondo_eventlog::{Fault, Head, codec};
use rondo_runtime::chance::Chance;
use rondo_runtime::clock::Clock;
use rondo_runtime::lifecycle::Stop;
use rondo_runtime::progress::Board;
use tokio::sync::mpsc;

use crate::committer;
use crate::directory::{self, DataDirectory, OpenError, io};
use crate::evidence::Evidence;
use crate::handle::{LedgerHandle, Log};
use crate::journal::{self, Group, JournalWriter, Tail};
use crate::key;
use crate::mark::{self, IndexFault, Mark};
use crate::memory::{self, MemoryError};
use crate::notary::{self, Notary, NotaryError, TREE};
use crate::rotation;
use crate::scrub;
use crate::sequencer::{Request, Salts, Sequencer};
use crate::standing::Standings;
use crate::store::indexer::{self, Packer};
use crate::store::{Entry, Store};
use crate::time::LogTime;
use crate::tree;

/// Commands waiting to be decided at the most; a sender beyond waits.
const WAITING: usize = 4_096;
/// Groups waiting to be written at the most.
const UNWRITTEN: usize = 64;

/// Where a ledger lives, and what it is handed.
pub struct LedgerConfig {
    /// The data directory.
    pub data: PathBuf,
    /// The log's name, used when it is created.
    pub origin: String,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub chance: Arc<dyn Chance>,
}

/// An open ledger.
pub struct Opened {
    /// The port.
    pub handle: LedgerHandle,
    /// What was done while opening, in sentences.
    pub notes: Vec<String>,
    /// Absent where the log is only read.
    notary: Option<Notary>,
    threads: Vec<JoinHandle<()>>,
    /// Where the journal is, and the head found, if a part of it was trusted and not read.
    unread: Option<(PathBuf, Head)>,
    mark: Mark,
    _directory: DataDirectory,
}

impl Opened {
    /// Reads what the start trusted now, before anything is asked of the ledger, instead of in the background.
    ///
    /// # Errors
    /// When acknowledged bytes are damaged or altered.
    pub fn scrub(&mut self) -> Result<(), OpenError> {
        match self.unread.take() {
            Some((folder, head)) => Ok(scrub::whole(&folder, head)?),
            None => Ok(()),
        }
    }

    /// Keeps signing until asked to stop, then ends the threads and brings the store to the device.
    ///
    /// # Errors
    /// When no checkpoint can be signed, or the ledger failed.
    pub async fn run(self, mut stop: Stop) -> Result<(), OpenError> {
        let Self { handle, notary, mut threads, unread, mark, _directory, .. } = self;
        if let Some((folder, head)) = unread {
            let (log, stop) = (Arc::clone(&handle.log), stop.clone());
            let scrub = move || scrub::run(&log, &folder, head, &stop);
            let started = std::thread::Builder::new().name("scrub".to_owned()).spawn(scrub);
            threads.push(started.map_err(io("start a thread for", Path::new("the scrub")))?);
        }
        let failing = handle.clone();
        let mut idle = stop.clone();
        let signing = async move {
            match notary {
                Some(notary) => notary.run(idle).await,
                None => {
                    idle.wait().await;
                    Ok(())
                }
            }
        };
        let outcome = tokio::select! {
            signed = signing => signed.map_err(OpenError::from),
            why = failing.failed() => Err(OpenError::Store(Fault::Corrupt(why))),
        };
        if outcome.is_ok() {
            stop.wait().await;
        }
        // A failed ledger takes nothing any more; one that is asked to stop finishes what it has.
        let _ = handle.requests.send(Request::Stop).await;
        let ended = tokio::task::spawn_blocking(move || {
            for thread in threads {
                let _ = thread.join();
            }
            let tree = handle.data.join(TREE);
            if handle.log.is_brought() {
                tree::sync(&tree).map_err(io("sync", &tree))?;
                mark.clear()?;
            }
            Ok(())
        });
        outcome.and(ended.await.map_err(|_| OpenError::Store(Fault::Stopped))?)
    }
}

struct Recovery {
    /// The first record that was read from the journal; those before are in the index.
    began: u64,
    frontier: Frontier,
    tail: VecDeque<Bytes>,
    packed: u64,
    records: u64,
}

/// Opens the ledger of a data directory, which is made if there is nothing in its place.
///
/// # Errors
/// When the directory, the journal or the store cannot be used; nothing is changed then, but an unacknowledged end cut off.
pub fn open(config: &LedgerConfig) -> Result<Opened, OpenError> {
    let directory = DataDirectory::open_or_create(&config.data, &config.origin, &*config.chance)?;
    open_as(config, directory, false)
}

/// Opens a copy of a log that came without its signing key, to be read alone: what is sent is refused.
///
/// # Errors
/// As [`open`]; and when there is no log, or its checkpoint is not signed by the public key beside it.
pub fn open_to_read(config: &LedgerConfig) -> Result<Opened, OpenError> {
    open_as(config, DataDirectory::open(&config.data)?, true)
}

fn open_as(config: &LedgerConfig, directory: DataDirectory, reads_only: bool) -> Result<Opened, OpenError> {
    let folder = config.data.join("journal");
    if journal::segments(&folder).map_or(true, |segments| segments.is_empty()) {
        return Err(OpenError::JournalMissing(config.data.clone()));
    }
    if !reads_only && memory::is_without_keys(&config.data) {
        return Err(MemoryError::Missing(config.data.join("keys")).into());
    }
    let mut notes = Vec::new();
    if mark::went_down(&config.data)? {
        distrust(&config.data)?;
        notes.push(
            "the machine went down while the ledger was at work: the store is made anew from the journal".to_owned(),
        );
    }
    let failed = IndexFault::beside(&config.data.join("index"));
    if let Some(told) = failed.found()? {
        distrust(&config.data)?;
        notes.push(format!("the store of indexes had failed ({told}); it is made anew from the journal"));
    }
    let mark = Mark::set(&config.data)?;
    let (store, recovery, packer, tail) = match recover(&config.data, &folder, &mut notes) {
        Err(OpenError::Store(fault)) => {
            notes.push(format!("the store was damaged ({fault}) and was rebuilt from the journal"));
            let index = config.data.join("index");
            fs::remove_dir_all(&index).map_err(io("remove", &index))?;
            recover(&config.data, &folder, &mut notes)?
        }
        other => other?,
    };
    failed.clear()?;
    let head = Head { size: recovery.frontier.size(), root: recovery.frontier.root() };
    let log = Arc::new(Log::new(&config.data, store, recovery.packed, recovery.tail, head));
    let (key, notary) = if reads_only {
        (reading(&log, &config.data)?, None)
    } else {
        let (key, notary) = signing(&log, &config.data, directory.origin(), &mut notes)?;
        (key, Some(notary))
    };
    let journal = JournalWriter::resume(&folder, &tail)?;
    let evidence = Arc::new(Evidence::new(config.data.join("files")));
    let from = (recovery.frontier, journal, packer);
    let time = Arc::new(LogTime::new(Arc::clone(&config.clock), &config.data, log.latest()?));
    notes.extend(time.remarks()?);
    let (requests, threads) = start(&log, config, from, &evidence, (key, Arc::clone(&time)))?;
    let data = Arc::from(config.data.as_path());
    let handle = LedgerHandle { log, requests, evidence, data, time, reads_only, board: Board::default() };
    let unread = (recovery.began > 0).then_some((folder, head));
    Ok(Opened { handle, notes, notary, threads, unread, mark, _directory: directory })
}

/// The key that signs, and who signs with it.
fn signing(
    log: &Arc<Log>,
    data: &Path,
    origin: &str,
    notes: &mut Vec<String>,
) -> Result<(Verifier, Notary), OpenError> {
    let signer = key::read_key(&key::path(data), origin)?;
    if data.join("log.vkey").exists() {
        if rotation::mend(data, &signer)? {
            notes.push("a change of the signing key was finished".to_owned());
        }
        crate::inspect::keys(data)?;
    } else {
        directory::write_vkey(data, &signer)?;
        notes.push("the public key was missing and was written anew from the signing key".to_owned());
    }
    let key = signer.verifier();
    Ok((key, Notary::open(Arc::clone(log), data, signer)?))
}

/// The public key of a log that is only read, whose checkpoint it signed and whose records hash to that.
fn reading(log: &Arc<Log>, data: &Path) -> Result<Verifier, OpenError> {
    let read = |name: &str| {
        let path = data.join(name);
        fs::read_to_string(&path).map(|text| (path.clone(), text)).map_err(io("read", &path))
    };
    let bad = |path: PathBuf| move |e: NoteError| OpenError::BadNote { path, what: e.to_string() };
    let (path, vkey) = read("log.vkey")?;
    let key = Verifier::from_vkey(&vkey).map_err(bad(path))?;
    let (path, note) = read("checkpoint")?;
    let signed = Checkpoint::open(&note, &key).map_err(bad(path))?.head;
    let have = log.head().size;
    if have < signed.size {
        return Err(NotaryError::DoesNotExtend { have, signed: signed.size }.into());
    }
    notary::tree(data, signed)?;
    log.signed_to(signed.size);
    Ok(key)
}

/// Removes what follows from the journal and was not synced.
fn distrust(data: &Path) -> Result<(), OpenError> {
    for folder in ["index", TREE].map(|name| data.join(name)) {
        match fs::remove_dir_all(&folder) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(io("remove", &folder)(e)),
            _ => {}
        }
    }
    Ok(())
}

fn start(
    log: &Arc<Log>,
    config: &LedgerConfig,
    (frontier, journal, packer): (Frontier, JournalWriter, Packer),
    evidence: &Arc<Evidence>,
    (key, time): (Verifier, Arc<LogTime>),
) -> Result<(mpsc::Sender<Request>, Vec<JoinHandle<()>>), OpenError> {
    let (requests, waiting) = mpsc::channel(WAITING);
    let (to_committer, groups) = sync_channel(UNWRITTEN);
    // Not bounded by itself: the backlog is, in bytes.
    let (to_indexer, written) = channel();
    let sequencer = Sequencer {
        requests: waiting,
        committer: to_committer,
        standings: Standings::new(Arc::clone(log)),
        network: StreamId::network(),
        next: frontier.size(),
        time,
        salts: Salts::new(Arc::clone(&config.chance)),
        evidence: Arc::clone(evidence),
        key,
        buffer: Vec::new(),
    };
    let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
    let failed = || io("start a thread for", &config.data);
    let (committing, indexing) = (Arc::clone(log), Arc::clone(log));
    let index = config.data.join("index");
    let threads = vec![
        thread("sequencer").spawn(move || sequencer.run()).map_err(failed())?,
        thread("committer")
            .spawn(move || committer::run(&committing, journal, frontier, &groups, &to_indexer))
            .map_err(failed())?,
        thread("indexer").spawn(move || indexer::run(&indexing, packer, &written, &index)).map_err(failed())?,
    ];
    Ok((requests, threads))
}

fn recover(data: &Path, folder: &Path, notes: &mut Vec<String>) -> Result<(Store, Recovery, Packer, Tail), OpenError> {
    let store = Store::open(&data.join("index"), |pause| std::thread::sleep(pause.unsigned_abs()))?;
    let reached = store.reached()?;
    let mut packer = Packer::new(reached.as_ref());
    let mut recovery = Recovery {
        began: reached.as_ref().map_or(0, |reached| reached.at.position),
        frontier: reached.as_ref().map_or_else(Frontier::default, |reached| reached.frontier.clone()),
        tail: VecDeque::new(),
        packed: reached.as_ref().map_or(0, |reached| reached.at.position),
        records: 0,
    };
    let from = reached.map(|reached| reached.at);
    let tail = journal::recover::<OpenError>(folder, from, memory::signed_size(data)?, |group| {
        take(&store, &mut packer, &mut recovery, &group)
    })?
    .ok_or_else(|| OpenError::JournalMissing(data.to_owned()))?;
    if tail.cut > 0 {
        notes.push(format!(
            "the journal ended in {} bytes that were never acknowledged; they were cut off after record {}",
            tail.cut, tail.next.position
        ));
    }
    if recovery.records > 10_000 {
        notes.push(format!("{} records were brought into the store from the journal", recovery.records));
    }
    Ok((store, recovery, packer, tail))
}

fn take(store: &Store, packer: &mut Packer, recovery: &mut Recovery, group: &Group) -> Result<(), OpenError> {
    let before = recovery.frontier.clone();
    let mut entries = Vec::with_capacity(group.records.len());
    for (bytes, position) in group.records.iter().zip(group.at.position..) {
        let (stream, command) = codec::place_of(bytes)
            .map_err(|e| Fault::storage(format!("record {position} of the journal cannot be read"), e))?;
        recovery.frontier.push(leaf_hash(bytes));
        entries.push(Entry { stream, bytes: bytes.clone(), command: command.0 });
    }
    recovery.records += entries.len() as u64;
    recovery.tail.extend(group.records.iter().cloned());
    let packed = packer.take(store, group.at, before, &entries)?;
    while recovery.packed < packed && recovery.tail.pop_front().is_some() {
        recovery.packed += 1;
    }
    Ok(())
}
