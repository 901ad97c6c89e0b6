//! Opening a data directory: lock it, find the journal's end, bring the store up to it, start the threads.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;

use bytes::Bytes;
use rondo_eventlog::merkle::{Frontier, leaf_hash};
use rondo_eventlog::{Fault, Head, codec};
use rondo_runtime::chance::Chance;
use rondo_runtime::clock::Clock;
use rondo_runtime::lifecycle::Stop;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::committer;
use crate::evidence::Evidence;
use crate::handle::{LedgerHandle, Log};
use crate::journal::{self, Group, JournalError, JournalWriter};
use crate::notary::{self, Notary, NotaryError};
use crate::scrub;
use crate::sequencer::{Request, Salts, Sequencer};
use crate::standing::Standings;
use crate::store::indexer::{self, Packer};
use crate::store::{Entry, Store};

/// Commands waiting to be decided at the most; a sender beyond waits.
const WAITING: usize = 4_096;
/// How often a held lock is tried, and how long is waited between.
const LOCK_TRIES: u32 = 10;
const LOCK_PAUSE: std::time::Duration = std::time::Duration::from_millis(50);
/// Groups waiting to be indexed at the most.
const UNINDEXED: usize = 32;

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

/// Why a data directory cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file cannot be read or written.
    #[error("cannot {what} {path}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// Another process has it.
    #[error("the data directory {path} is held by another process{}. Nothing was changed. Stop that one, name its address with --server, or choose another directory with --data", holder.as_ref().map(|pid| format!(" (number {pid})")).unwrap_or_default())]
    Held {
        /// The directory.
        path: PathBuf,
        /// Its process number, if it wrote one.
        holder: Option<String>,
    },
    /// The directory holds something else.
    #[error(
        "{0} is not empty and holds no log of Rondo; nothing was changed. Choose an empty directory, or the right one"
    )]
    Foreign(PathBuf),
    /// The log's files are incomplete.
    #[error(
        "{0} says that it holds a log, but its journal is missing. No empty one was made in its place: restore the folder `journal` from a backup"
    )]
    JournalMissing(PathBuf),
    /// The note of what this directory is cannot be read.
    #[error("{path} is malformed: {what}")]
    BadNote {
        /// The note.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// There is no log.
    #[error("there is no log in {0}; `rondo up` makes one")]
    NoLog(PathBuf),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] Fault),
    /// The notary cannot sign.
    #[error(transparent)]
    Notary(#[from] NotaryError),
}

fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::Io { what, path, source }
}

#[derive(Debug, Serialize, Deserialize)]
struct Note {
    format: u32,
    origin: String,
}

/// A data directory: its note, its lock and its folders.
#[derive(Debug)]
pub struct DataDirectory {
    origin: String,
    _lock: File,
}

impl DataDirectory {
    /// Opens an existing one.
    ///
    /// # Errors
    /// When there is none, it is held by another process, or it is not a log's.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        if !path.join("log.json").exists() {
            return Err(OpenError::NoLog(path.to_owned()));
        }
        Self::locked(path)
    }

    /// Opens it, or makes a new log where there is nothing at all.
    ///
    /// # Errors
    /// As [`Self::open`]; and when the directory holds something else.
    pub fn open_or_create(path: &Path, origin: &str, chance: &dyn Chance) -> Result<Self, OpenError> {
        fs::create_dir_all(path).map_err(io("create", path))?;
        if !path.join("log.json").exists() {
            let mut entries = fs::read_dir(path).map_err(io("list", path))?;
            let foreign =
                |entry: std::io::Result<fs::DirEntry>| entry.map_or(true, |entry| entry.file_name() != "lock");
            if entries.any(foreign) {
                return Err(OpenError::Foreign(path.to_owned()));
            }
            let lock = lock(path)?;
            create(path, origin, chance)?;
            drop(lock);
        }
        Self::locked(path)
    }

    fn locked(path: &Path) -> Result<Self, OpenError> {
        let lock = lock(path)?;
        let note = read_note(path)?;
        Ok(Self { origin: note.origin, _lock: lock })
    }

    /// The log's name.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

/// The name of the log in a data directory, read without locking it.
///
/// # Errors
/// When there is no log.
pub(crate) fn origin_of(path: &Path) -> Result<String, OpenError> {
    if !path.join("log.json").exists() {
        return Err(OpenError::NoLog(path.to_owned()));
    }
    Ok(read_note(path)?.origin)
}

fn read_note(path: &Path) -> Result<Note, OpenError> {
    let path = path.join("log.json");
    let bytes = fs::read(&path).map_err(io("read", &path))?;
    let note: Note =
        serde_json::from_slice(&bytes).map_err(|e| OpenError::BadNote { path: path.clone(), what: e.to_string() })?;
    if note.format == 1 {
        Ok(note)
    } else {
        Err(OpenError::BadNote { path, what: format!("format {} is newer than this program", note.format) })
    }
}

fn create(path: &Path, origin: &str, chance: &dyn Chance) -> Result<(), OpenError> {
    for folder in ["journal", "files", "keys"] {
        let folder = path.join(folder);
        fs::create_dir_all(&folder).map_err(io("create", &folder))?;
    }
    // Received files, mails and figures before their release are nobody else's to read.
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(io("protect", path))?;
    notary::create_key(&path.join("keys"), chance)?;
    let signer = notary::read_signer(&path.join("keys"), origin)?;
    let vkey = path.join("log.vkey");
    fs::write(&vkey, format!("{}\n", signer.verifier().vkey())).map_err(io("write", &vkey))?;
    JournalWriter::create(&path.join("journal"))?;
    // Written last: without it the directory holds no log.
    let note = path.join("log.json");
    let text = format!("{{\"format\": 1, \"origin\": \"{origin}\"}}\n");
    let mut file = File::create(&note).map_err(io("create", &note))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(io("write", &note))?;
    File::open(path).and_then(|dir| dir.sync_all()).map_err(io("sync", path))
}

fn lock(path: &Path) -> Result<File, OpenError> {
    let lock = path.join("lock");
    let mut options = OpenOptions::new();
    let mut file =
        options.create(true).truncate(false).read(true).write(true).open(&lock).map_err(io("open", &lock))?;
    let taken = || rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_err();
    let mut tries = 0;
    let mut held = taken();
    // A process that is just ending, or one it was just starting, may hold the lock a moment longer.
    while held && tries < LOCK_TRIES {
        std::thread::sleep(LOCK_PAUSE);
        tries += 1;
        held = taken();
    }
    if held {
        let holder = fs::read_to_string(&lock).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        return Err(OpenError::Held { path: path.to_owned(), holder });
    }
    file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(io("write", &lock))?;
    Ok(file)
}

/// An open ledger.
pub struct Opened {
    /// The port.
    pub handle: LedgerHandle,
    /// What was done while opening, in sentences.
    pub notes: Vec<String>,
    notary: Notary,
    threads: Vec<JoinHandle<()>>,
    /// Where the journal is, and the head found, if a part of it was trusted and not read.
    unread: Option<(PathBuf, Head)>,
    _directory: DataDirectory,
}

impl Opened {
    /// Keeps signing until asked to stop, then ends the threads and brings the store to the device.
    ///
    /// # Errors
    /// When no checkpoint can be signed, or the ledger failed.
    pub async fn run(self, mut stop: Stop) -> Result<(), OpenError> {
        let Self { handle, notary, mut threads, unread, _directory, .. } = self;
        if let Some((folder, head)) = unread {
            let (log, stop) = (Arc::clone(&handle.log), stop.clone());
            let scrub = move || scrub::run(&log, &folder, head, &stop);
            let started = std::thread::Builder::new().name("scrub".to_owned()).spawn(scrub);
            threads.push(started.map_err(io("start a thread for", Path::new("the scrub")))?);
        }
        let failing = handle.clone();
        let signing = notary.run(stop.clone());
        let outcome = tokio::select! {
            signed = signing => signed.map_err(OpenError::from),
            why = failing.failed() => Err(OpenError::Store(Fault::Corrupt(why))),
        };
        if outcome.is_ok() {
            stop.wait().await;
        }
        // A failed ledger takes nothing any more; one that is asked to stop finishes what it has.
        let _ = handle.requests.send(Request::Stop).await;
        drop(handle);
        let _ = tokio::task::spawn_blocking(move || {
            for thread in threads {
                let _ = thread.join();
            }
        })
        .await;
        outcome
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
    let folder = config.data.join("journal");
    if journal::segments(&folder).map_or(true, |segments| segments.is_empty()) {
        return Err(OpenError::JournalMissing(config.data.clone()));
    }
    let mut notes = Vec::new();
    let (store, recovery, packer, next) = match recover(&config.data, &folder, &mut notes) {
        Err(OpenError::Store(fault)) => {
            notes.push(format!("the store was damaged ({fault}) and was rebuilt from the journal"));
            let index = config.data.join("index");
            fs::remove_dir_all(&index).map_err(io("remove", &index))?;
            recover(&config.data, &folder, &mut notes)?
        }
        other => other?,
    };
    let head = Head { size: recovery.frontier.size(), root: recovery.frontier.root() };
    let log = Arc::new(Log::new(store, recovery.packed, recovery.tail, head));
    let signer = notary::read_signer(&config.data.join("keys"), directory.origin())?;
    let notary = Notary::open(Arc::clone(&log), &config.data, signer)?;
    let journal = JournalWriter::resume(&folder, next)?;
    let evidence = Arc::new(Evidence::new(config.data.join("files")));
    let (requests, threads) = start(&log, config, recovery.frontier, journal, packer, &evidence)?;
    let checkpoint = Arc::from(config.data.join("checkpoint"));
    let handle = LedgerHandle { log, requests, evidence, checkpoint };
    let unread = (recovery.began > 0).then_some((folder, head));
    Ok(Opened { handle, notes, notary, threads, unread, _directory: directory })
}

fn start(
    log: &Arc<Log>,
    config: &LedgerConfig,
    frontier: Frontier,
    journal: JournalWriter,
    packer: Packer,
    evidence: &Arc<Evidence>,
) -> Result<(mpsc::Sender<Request>, Vec<JoinHandle<()>>), OpenError> {
    let (requests, waiting) = mpsc::channel(WAITING);
    let (to_committer, groups) = sync_channel(1);
    let (to_indexer, written) = sync_channel(UNINDEXED);
    let sequencer = Sequencer {
        requests: waiting,
        committer: to_committer,
        standings: Standings::new(Arc::clone(log)),
        next: frontier.size(),
        clock: Arc::clone(&config.clock),
        salts: Salts::new(Arc::clone(&config.chance)),
        evidence: Arc::clone(evidence),
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

fn recover(
    data: &Path,
    folder: &Path,
    notes: &mut Vec<String>,
) -> Result<(Store, Recovery, Packer, journal::Location), OpenError> {
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
    let tail = journal::recover::<OpenError>(folder, from, notary::signed_size(data)?, |group| {
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
    Ok((store, recovery, packer, tail.next))
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
