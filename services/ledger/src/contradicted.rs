//! What ends the signing: somebody holds a checkpoint by our key that this log does not extend. What proves it is kept beside the
//! log and read at every start, until the log extends it or goes on under another key.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rondo_eventlog::merkle::{Checkpoint, Frontier, Hash, Verifier, leaf_hash};
use rondo_eventlog::{Fault, Head};

use crate::directory::{OpenError, io};
use crate::durable::{self, sync_folder};
use crate::handle::LedgerHandle;
use crate::journal::{JournalError, JournalReader};

/// The name of the file.
pub(crate) const NAME: &str = "contradiction";

/// Where what proves it is kept, in a data directory.
pub(crate) fn path(data: &Path) -> PathBuf {
    data.join(NAME)
}

/// Keeps a checkpoint by this log's own key that this log does not extend: nothing is signed from then on, after any number of
/// starts. On disk once this returns.
///
/// # Errors
/// When it cannot be written.
pub fn keep(data: &Path, note: &str) -> Result<(), durable::FileError> {
    durable::replace(&path(data), note.as_bytes())
}

/// The head that is signed by what was kept, if anything was.
///
/// # Errors
/// When the file cannot be read, or is no checkpoint by this key.
pub(crate) fn kept(data: &Path, key: &Verifier) -> Result<Option<Head>, OpenError> {
    let path = path(data);
    let note = match fs::read(&path) {
        Ok(note) => String::from_utf8_lossy(&note).into_owned(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(io("read", &path)(e)),
    };
    let unfit = |source| OpenError::Contradiction { path, source };
    Ok(Some(Checkpoint::open(&note, key).map_err(unfit)?.head))
}

/// What was kept and the journal does not extend.
///
/// # Errors
/// As [`kept`]; and when the journal cannot be read.
pub(crate) fn standing(data: &Path, key: &Verifier) -> Result<Option<Head>, OpenError> {
    let Some(head) = kept(data, key)? else { return Ok(None) };
    Ok((!extends(data, &head)?).then_some(head))
}

/// Whether the journal in a data directory, as it is now, begins with the records of a head; one that is not there does not.
///
/// # Errors
/// When the journal cannot be read.
pub fn extends(data: &Path, head: &Head) -> Result<bool, OpenError> {
    Ok(root_at(data, head.size)? == Some(head.root))
}

/// The same by the public key beside the log.
pub(crate) fn by_public_key(data: &Path) -> Result<Option<Head>, OpenError> {
    if !path(data).exists() {
        return Ok(None);
    }
    let path = data.join("log.vkey");
    let public = fs::read_to_string(&path).map_err(io("read", &path))?;
    let key = Verifier::from_vkey(public.trim_end());
    standing(data, &key.map_err(|e| OpenError::BadNote { path, source: e.into() })?)
}

/// Refuses to sign where it is so. What is extended, since the newest journal is back, is taken away.
pub(crate) fn at_start(data: &Path, key: &Verifier, have: u64, notes: &mut Vec<String>) -> Result<(), OpenError> {
    let path = path(data);
    if !path.exists() {
        return Ok(());
    }
    if let Some(head) = standing(data, key)? {
        return Err(OpenError::Contradicted { have, signed: head.size });
    }
    fs::remove_file(&path).map_err(io("remove", &path))?;
    sync_folder(data)?;
    notes.push("the log extends the checkpoint that was kept as `contradiction`, which was taken away".to_owned());
    Ok(())
}

/// The root of the first `size` records of the journal, if it has so many.
fn root_at(data: &Path, size: u64) -> Result<Option<Hash>, JournalError> {
    let mut frontier = Frontier::default();
    let Some(mut reader) = JournalReader::open(&data.join("journal"), None, Some(size))? else { return Ok(None) };
    while frontier.size() < size
        && let Some(group) = reader.next_group()?
    {
        for record in group.records.iter().take((size - frontier.size()) as usize) {
            frontier.push(leaf_hash(record));
        }
    }
    Ok((frontier.size() == size).then(|| frontier.root()))
}

/// Why nothing more is signed or taken, once that is so.
#[derive(Debug, Default)]
pub(crate) struct Contradicted(OnceLock<String>);

impl Contradicted {
    /// Refuses where it is so.
    pub(crate) fn is_not(&self) -> Result<(), Fault> {
        self.0.get().map_or(Ok(()), |why| Err(Fault::Contradicted(why.clone())))
    }

    /// Whether it is so.
    pub(crate) fn is(&self) -> bool {
        self.0.get().is_some()
    }
}

impl LedgerHandle {
    /// Signs nothing more, not even at the end, and takes no command: somebody holds a checkpoint that this log does not extend.
    pub fn sign_no_more(&self, why: &str) {
        let _ = self.log.contradicted.0.set(why.to_owned());
    }
}
