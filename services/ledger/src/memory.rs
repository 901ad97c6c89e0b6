//! The memory of signing: how far the log was signed, kept beside the key and written before a signature is shown, so that
//! nothing is ever signed that does not extend it.

use std::fs;
use std::path::{Path, PathBuf};

use rondo_eventlog::Head;
use rondo_eventlog::merkle::{Checkpoint, Frontier};
use serde::{Deserialize, Serialize};

use crate::journal::{JournalReader, Location};
use crate::key;
use rondo_runtime::durable::{FileError, failed, replace};

/// Why it is not known what was signed.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The key, or the memory of what it signed, is not there.
    #[error(
        "{0} is missing. It is kept apart from backups: put the newest folder `keys` back, with `log.key` and `signed.json`. Nothing is signed without it; if it is lost, go on under a new key: rondo audit continue --reason WHY"
    )]
    Missing(PathBuf),
    /// Going on after a loss was begun.
    #[error(
        "going on after a loss was begun and not finished ({0}). Nothing is signed before it is: run `rondo audit continue` once more"
    )]
    Continuing(PathBuf),
    /// The log shows more than the memory beside it knows of.
    #[error(
        "the checkpoint beside the log signs {shown} records, and the memory of signing in `keys` knows of {known}: that folder is an older copy, and nobody knows what was signed since. Put the newest folder `keys` back; if there is none, go on under a new key: rondo audit continue --reason WHY"
    )]
    Older {
        /// Records the checkpoint signs.
        shown: u64,
        /// Records the memory knows of.
        known: u64,
    },
    /// What was signed last cannot be read.
    #[error(
        "the note of what was signed last, {0}, is malformed; restore it from where it is kept safe. Nothing is signed without it; if it is lost, go on under a new key: rondo audit continue --reason WHY"
    )]
    Bad(PathBuf),
}

/// What the notary remembers of what it signed, beside the key.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Memory {
    pub(crate) frontier: Frontier,
    /// The last group that was hashed.
    pub(crate) at: Option<Location>,
}

fn path(data: &Path) -> PathBuf {
    data.join("keys").join("signed.json")
}

/// Says beside the keys that going on after a loss was begun (`loss.rs`).
pub(crate) fn continuing(data: &Path) -> PathBuf {
    data.join("keys").join("continuing.json")
}

impl Memory {
    /// The memory of a log.
    pub(crate) fn read(data: &Path) -> Result<Self, MemoryError> {
        let path = path(data);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| MemoryError::Bad(path)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(MemoryError::Missing(path)),
            Err(e) => Err(failed("read", &path)(e).into()),
        }
    }

    /// Puts it in the place of the one before. That of a new log has signed nothing: from then on there must be one.
    pub(crate) fn write(&self, data: &Path) -> Result<(), MemoryError> {
        let path = path(data);
        let bytes = serde_json::to_vec(self).map_err(|e| failed("write", &path)(e.into()))?;
        Ok(replace(&path, &bytes)?)
    }
}

/// Whether a group begins there. In a journal that was written anew from an export it does not, and all of it is hashed.
pub(crate) fn begins_group(data: &Path, at: Location) -> bool {
    let reader = JournalReader::open(&data.join("journal"), Some(at), None);
    matches!(reader.map(|reader| reader.map(|mut reader| reader.next_group())), Ok(Some(Ok(Some(_)))))
}

/// The head that the checkpoint beside the log signs. What it says was signed, whatever the memory has lost.
pub(crate) fn shown(data: &Path) -> Result<Option<Head>, MemoryError> {
    let path = data.join("checkpoint");
    let note = match fs::read(&path) {
        Ok(note) => String::from_utf8_lossy(&note).into_owned(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(failed("read", &path)(e).into()),
    };
    // One that cannot be read is written anew from the memory of what was signed.
    Ok(Checkpoint::claimed(&note).map(|checkpoint| checkpoint.head))
}

/// Whether neither the key nor the memory of what it signed is there, as in a copy that others were given.
pub fn is_without_keys(data: &Path) -> bool {
    // While a going on after a loss is not finished, they are only set aside.
    !continuing(data).exists() && !key::path(data).exists() && !path(data).exists()
}

/// How many records were signed; what stands among them was acknowledged.
pub(crate) fn signed_size(data: &Path) -> Result<u64, MemoryError> {
    if is_without_keys(data) || continuing(data).exists() {
        return Ok(shown(data)?.map_or(0, |head| head.size));
    }
    Ok(Memory::read(data)?.frontier.size().max(shown(data)?.map_or(0, |head| head.size)))
}
