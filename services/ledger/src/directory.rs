//! The data directory: its note, its lock, its folders, and why it cannot be opened.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;
use rondo_eventlog::Fault;
use rondo_eventlog::codec::CodecError;
use rondo_eventlog::merkle::{NoteError, Signer};
use rondo_runtime::chance::Chance;
use serde::{Deserialize, Serialize};

use crate::advice::malformed;
use crate::backup;
use crate::bystander::is_bystander;
use crate::journal::{self, Held, JournalError, JournalWriter, SEGMENT_HEADER};
use crate::key::KeyError;
use crate::keyring;
use crate::memory::MemoryError;
use crate::notary::NotaryError;
use crate::scrub::ScrubError;
use rondo_runtime::durable::{FileError, create_folders, replace, replaced_by};

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
    /// There is a key, or what belongs to one, and no log that it signed.
    #[error(
        "{path} holds {what}, and no log beside it. No new log was made, and nothing was changed. Restore the log: take `keys` aside, run rondo restore --from BACKUP --data {path}, and put `keys` back. For a new log choose an empty directory"
    )]
    KeysAlone {
        /// The directory.
        path: PathBuf,
        /// What is found.
        what: String,
    },
    /// Somebody holds a checkpoint by a key of this log that the log does not extend.
    #[error(
        "somebody holds a checkpoint of {signed} records by a key of this log, and the {have} records here do not extend it (it is kept as `contradiction`): this is an older copy of the log, or another history of it. Nothing is signed. Restore the newest journal; if nobody has it, go on under a new key, which records that: rondo audit continue --reason WHY"
    )]
    Contradicted {
        /// Records here.
        have: u64,
        /// Records that the checkpoint signs.
        signed: u64,
    },
    /// What was kept of that cannot be read.
    #[error(
        "{path} is kept where somebody holds another history of this log, and it is no checkpoint by any key of this log. Nothing is signed while it is there: take it away if you know better, or go on under a new key: rondo audit continue --reason WHY"
    )]
    Contradiction {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: NoteError,
    },
    /// A role was shown more records of this log, or others, than are here.
    #[error(
        "{by} said that it was shown {size} records of this log, and the {have} records here do not begin so or are fewer (it is kept as `disputed`): this is an older copy of the log, or another history of it. Nothing is signed or taken. Restore the newest journal; if nobody has it, or {by} was wrong, go on under a new key, which records that with your reason: rondo audit continue --reason WHY"
    )]
    Disputed {
        /// Records here.
        have: u64,
        /// Who said so.
        by: crate::contradicted::Speaker,
        /// Records that it was shown.
        size: u64,
    },
    /// Nothing is lost, as far as anybody can see.
    #[error(
        "nothing in {0} shows a loss: its key fits, and its records are all that were signed, as far as `keys` knows. Nothing was changed. If the log was longer than this backup of it all the same, say so with --although-nothing-shows-it"
    )]
    NothingLost(PathBuf),
    /// The log's files are incomplete.
    #[error(
        "{0} says that it holds a log, but its journal is missing. No empty one was made in its place: restore the folder `journal` from a backup"
    )]
    JournalMissing(PathBuf),
    /// The note of what this directory is cannot be read.
    #[error("{}", malformed(path, &**source))]
    BadNote {
        /// The note.
        path: PathBuf,
        /// What is wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There is no log.
    #[error("there is no log in {0}: name its data directory with --data; `rondo up` makes a new one")]
    NoLog(PathBuf),
    /// There is an export.
    #[error(
        "{0} is an export of a log, not its data directory. `rondo audit verify {0}` checks it; to search it and to read figures in it, load it first: rondo restore --from {0} --data DIR"
    )]
    Export(PathBuf),
    /// The note that says what the directory is, is gone from beside a journal.
    #[error("{0} has a journal, but its `log.json` is missing; restore that file from a backup. Nothing was changed")]
    NoteMissing(PathBuf),
    /// A copy of a log was being put there, and is not whole.
    #[error(
        "{0} holds what a `rondo restore` or `rondo backup` gathered that is still at work or was cut off, and no log yet; nothing was changed. Once none is at work, give the same command again: it begins anew"
    )]
    HalfCopied(PathBuf),
    /// The clock is not where somebody says it is.
    #[error(
        "the clock of this machine stands at {now:.0}, and you say that it is {today}; nothing was changed. Set the clock right"
    )]
    Clock {
        /// Where it stands.
        now: Timestamp,
        /// What was said.
        today: Date,
    },
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A record is whole and cannot be read.
    #[error("record {position} of the journal cannot be read; nothing was changed")]
    Unreadable {
        /// Which.
        position: u64,
        /// Why not.
        source: CodecError,
    },
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] Fault),
    /// The ledger ended at work.
    #[error("{0}")]
    Failed(String),
    /// The ledger ended at work, because what was acknowledged is no longer there as it was.
    #[error("{0}")]
    Damaged(String),
    /// What was acknowledged is no longer there as it was.
    #[error(transparent)]
    Scrub(#[from] ScrubError),
    /// The notary cannot sign.
    #[error(transparent)]
    Notary(#[from] NotaryError),
}

impl From<FileError> for OpenError {
    fn from(error: FileError) -> Self {
        Self::Notary(error.into())
    }
}

impl From<KeyError> for OpenError {
    fn from(error: KeyError) -> Self {
        Self::Notary(error.into())
    }
}

impl From<MemoryError> for OpenError {
    fn from(error: MemoryError) -> Self {
        Self::Notary(error.into())
    }
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
    /// The hold on the journal, until a writer takes it over; nothing, where there is no journal.
    pub(crate) journal: Option<Held>,
    _lock: File,
}

impl DataDirectory {
    /// Opens an existing one.
    ///
    /// # Errors
    /// When there is none, it is held by another process, or it is not a log's.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        has_note(path)?;
        Self::locked(path)
    }

    /// Opens it, or makes a new log where there is nothing at all.
    ///
    /// # Errors
    /// As [`Self::open`]; and when the directory holds something else.
    pub fn open_or_create(path: &Path, origin: &str, chance: &dyn Chance) -> Result<Self, OpenError> {
        create_folders(path)?;
        if !path.join("log.json").exists() {
            let lock = lock(path)?;
            if backup::is_half_copied(path) {
                return Err(OpenError::HalfCopied(path.to_owned()));
            }
            if has_records(&path.join("journal"))? {
                return Err(OpenError::NoteMissing(path.to_owned()));
            }
            if let Some(what) = keyring::used(path, origin)? {
                return Err(OpenError::KeysAlone { path: path.to_owned(), what });
            }
            if !clear_half_made(path)? {
                return Err(OpenError::Foreign(path.to_owned()));
            }
            create(path, origin, chance)?;
            drop(lock);
        }
        Self::locked(path)
    }

    fn locked(path: &Path) -> Result<Self, OpenError> {
        let lock = lock(path)?;
        let note = read_note(path)?;
        let folder = path.join("journal");
        // The lock file may have been taken away under the feet of whoever has the log.
        let journal = match folder.is_dir().then(|| Held::take(&folder)).transpose() {
            Err(JournalError::Held(_)) => return Err(OpenError::Held { path: path.to_owned(), holder: None }),
            held => held?.flatten(),
        };
        Ok(Self { origin: note.origin, journal, _lock: lock })
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
    has_note(path)?;
    Ok(read_note(path)?.origin)
}

/// Requires that a directory says that it holds a log.
///
/// # Errors
/// When it does not, and what it looks like instead.
pub fn has_note(path: &Path) -> Result<(), OpenError> {
    if path.join("log.json").exists() {
        Ok(())
    } else if backup::is_half_copied(path) {
        Err(OpenError::HalfCopied(path.to_owned()))
    } else if path.join("journal").is_dir() && path.join("keys").is_dir() {
        Err(OpenError::NoteMissing(path.to_owned()))
    } else if crate::inspect::is_export(path) {
        Err(OpenError::Export(path.to_owned()))
    } else {
        Err(OpenError::NoLog(path.to_owned()))
    }
}

fn read_note(path: &Path) -> Result<Note, OpenError> {
    let path = path.join("log.json");
    let bytes = fs::read(&path).map_err(io("read", &path))?;
    let note: Note =
        serde_json::from_slice(&bytes).map_err(|e| OpenError::BadNote { path: path.clone(), source: e.into() })?;
    if note.format == 1 {
        Ok(note)
    } else {
        Err(OpenError::BadNote { path, source: format!("format {} is newer than this program", note.format).into() })
    }
}

/// Writes the public key as one line of vkey text.
pub(crate) fn write_vkey(path: &Path, signer: &Signer) -> Result<(), OpenError> {
    let vkey = path.join("log.vkey");
    Ok(replace(&vkey, format!("{}\n", signer.verifier().vkey()).as_bytes())?)
}

/// Whether a journal has more in it than the beginning that a new log gives it.
fn has_records(journal: &Path) -> Result<bool, OpenError> {
    if !journal.exists() {
        return Ok(false);
    }
    for (_, segment) in journal::segments(journal)? {
        if fs::metadata(&segment).map_err(io("read", &segment))?.len() > SEGMENT_HEADER as u64 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Removes what a making that was cut off left behind, and says whether the directory is then free. Without its note a
/// directory never held a log: nothing in it was acknowledged. A journal with records is nobody's leftover, and keys stay.
fn clear_half_made(path: &Path) -> Result<bool, OpenError> {
    let mut leftovers = Vec::new();
    for entry in fs::read_dir(path).map_err(io("list", path))? {
        let entry = entry.map_err(io("list", path))?.path();
        let name = entry.file_name().and_then(|name| name.to_str());
        match name.and_then(replaced_by).or(name) {
            Some("lock" | "keys") => {}
            Some("log.json") if name == Some("log.json") => return Ok(false),
            // The notes too, where they never got their names.
            Some("journal" | "files" | "log.vkey" | "log.json") => leftovers.push(entry),
            _ if is_bystander(&entry) => {}
            _ => return Ok(false),
        }
    }
    let (journal, files) = (path.join("journal"), path.join("files"));
    for (folder, most) in [(&journal, SEGMENT_HEADER as u64), (&files, 0)] {
        if !folder.exists() {
            continue;
        }
        for entry in fs::read_dir(folder).map_err(io("list", folder))? {
            let entry = entry.map_err(io("list", folder))?;
            if most == 0 || entry.metadata().map_err(io("read", folder))?.len() > most {
                return Ok(false);
            }
        }
    }
    for entry in leftovers {
        let removed = if entry.is_dir() { fs::remove_dir_all(&entry) } else { fs::remove_file(&entry) };
        removed.map_err(io("remove", &entry))?;
    }
    Ok(true)
}

fn create(path: &Path, origin: &str, chance: &dyn Chance) -> Result<(), OpenError> {
    for folder in ["journal", "files", "keys"] {
        let folder = path.join(folder);
        fs::create_dir_all(&folder).map_err(io("create", &folder))?;
    }
    // Received files, mails and figures before their release are nobody else's to read.
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(io("protect", path))?;
    write_vkey(path, &keyring::make(path, origin, chance)?)?;
    JournalWriter::create(&path.join("journal"))?;
    // Last: without it the directory holds no log.
    write_note(path, origin)
}

/// Writes the note that says what a directory holds.
pub(crate) fn write_note(path: &Path, origin: &str) -> Result<(), OpenError> {
    let note = path.join("log.json");
    let text = serde_json::to_string(&Note { format: 1, origin: origin.to_owned() })
        .map_err(|e| OpenError::BadNote { path: note.clone(), source: e.into() })?;
    // Whole or not at all: half of it would be neither a log nor an empty directory.
    Ok(replace(&note, format!("{text}\n").as_bytes())?)
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
