//! The data directory: its note, its lock, its folders, and why it cannot be opened.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rondo_eventlog::Fault;
use rondo_runtime::chance::Chance;
use serde::{Deserialize, Serialize};

use crate::journal::{JournalError, JournalWriter};
use crate::notary::{self, NotaryError};

/// How often a held lock is tried, and how long is waited between.
const LOCK_TRIES: u32 = 10;
const LOCK_PAUSE: std::time::Duration = std::time::Duration::from_millis(50);

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

pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> OpenError {
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
