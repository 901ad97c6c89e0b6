//! The notary: signs checkpoints, at most a second after the log has grown, from the bytes on disk and never backwards.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rondo_eventlog::Head;
use rondo_eventlog::merkle::{Checkpoint, Frontier, Signer, leaf_hash};
use rondo_runtime::chance::Chance;
use rondo_runtime::lifecycle::Stop;
use serde::{Deserialize, Serialize};

use crate::handle::Log;
use crate::journal::{JournalError, JournalReader, Location};
use crate::tree::TreeWriter;

/// How long the notary gathers growth before it signs.
const PACE: Duration = Duration::from_millis(500);

/// Why no checkpoint can be signed.
#[derive(Debug, thiserror::Error)]
pub enum NotaryError {
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
    /// The key is unusable.
    #[error("the signing key {0} is malformed; restore it from where it is kept safe")]
    BadKey(PathBuf),
    /// The key, or the memory of what it signed, is not there.
    #[error(
        "{0} is missing. It is kept apart from backups: put the newest folder `keys` back, with `log.key` and `signed.json`. Nothing is signed without it"
    )]
    Missing(PathBuf),
    /// What was signed last cannot be read.
    #[error(
        "the note of what was signed last, {0}, is malformed; restore it from where it is kept safe. Nothing is signed without it"
    )]
    BadMemory(PathBuf),
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The log does not extend what was signed.
    #[error(
        "the log has {have} records and does not extend the {signed} that were signed: it is an older copy or another history. Nothing is signed; restore the newest journal"
    )]
    DoesNotExtend {
        /// Records on disk.
        have: u64,
        /// Records signed before.
        signed: u64,
    },
    /// The bytes on disk do not hash to the head.
    #[error(
        "the bytes on disk do not hash to the log's root at {0} records; nothing is signed. Run `rondo audit verify`"
    )]
    Differs(u64),
    /// No random bytes.
    #[error(transparent)]
    Chance(#[from] rondo_runtime::chance::ChanceError),
}

fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> NotaryError {
    let path = path.to_owned();
    move |source| NotaryError::Io { what, path, source }
}

/// Makes a new signing key in a file: 32 secret bytes in hexadecimal, readable by its owner alone.
///
/// # Errors
/// When there is one already, or the file cannot be written.
pub fn create_key(path: &Path, chance: &dyn Chance) -> Result<(), NotaryError> {
    let mut secret = [0; 32];
    chance.fill(&mut secret)?;
    write_key(path, &secret)
}

/// Copies a key into a new file, readable by its owner alone.
pub(crate) fn copy_key(from: &Path, to: &Path, origin: &str) -> Result<(), NotaryError> {
    read_key(from, origin)?;
    write_key(to, &read_secret(from)?)
}

fn write_key(path: &Path, secret: &[u8; 32]) -> Result<(), NotaryError> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path).map_err(io("create", path))?;
    writeln!(file, "{}", hex::encode(secret)).and_then(|()| file.sync_all()).map_err(io("write", path))
}

/// Reads a signing key, under the log's name.
///
/// # Errors
/// When it is missing or malformed.
pub fn read_key(path: &Path, origin: &str) -> Result<Signer, NotaryError> {
    let secret = read_secret(path)?;
    Signer::new(origin, &secret).map_err(|_| NotaryError::BadKey(path.to_owned()))
}

/// The longest file that is read as a key, in bytes.
const MAX_KEY: u64 = 1_024;

fn read_secret(path: &Path) -> Result<[u8; 32], NotaryError> {
    let mut text = String::new();
    fs::File::open(path).and_then(|file| file.take(MAX_KEY).read_to_string(&mut text)).map_err(io("read", path))?;
    let mut secret = [0; 32];
    hex::decode_to_slice(text.trim_end(), &mut secret).map_err(|_| NotaryError::BadKey(path.to_owned()))?;
    Ok(secret)
}

/// What the notary remembers of what it signed, beside the key.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Memory {
    frontier: Frontier,
    at: Option<Location>,
}

fn memory(data: &Path) -> Result<Memory, NotaryError> {
    let path = data.join("keys").join("signed.json");
    match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| NotaryError::BadMemory(path)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(NotaryError::Missing(path)),
        Err(e) => Err(io("read", &path)(e)),
    }
}

/// Makes the memory of a new log, which has signed nothing: from then on it must be there.
pub(crate) fn create_memory(data: &Path) -> Result<(), NotaryError> {
    let path = data.join("keys").join("signed.json");
    let memory = serde_json::to_vec(&Memory::default()).map_err(|e| io("write", &path)(e.into()))?;
    replace(&path, &memory)
}

/// Whether a group begins there. In a journal that was written anew from an export it does not, and all of it is hashed.
fn begins_group(data: &Path, at: Location) -> bool {
    let reader = JournalReader::open(&data.join("journal"), Some(at), None);
    matches!(reader.map(|reader| reader.map(|mut reader| reader.next_group())), Ok(Some(Ok(Some(_)))))
}

/// Whether the checkpoint beside the log is signed by this key, and not by the one before it.
fn is_signed_by(data: &Path, signer: &Signer) -> bool {
    let note = fs::read_to_string(data.join("checkpoint")).unwrap_or_default();
    Checkpoint::open(&note, &signer.verifier()).is_ok()
}

/// The head that the checkpoint beside the log signs. What it says was signed, whatever the memory has lost.
fn shown(data: &Path) -> Result<Option<Head>, NotaryError> {
    let path = data.join("checkpoint");
    let note = match fs::read(&path) {
        Ok(note) => String::from_utf8_lossy(&note).into_owned(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(io("read", &path)(e)),
    };
    // One that cannot be read is written anew from the memory of what was signed.
    Ok(Checkpoint::parse(&note).map(|checkpoint| checkpoint.head))
}

/// Whether neither the key nor the memory of what it signed is there, as in a copy that others were given.
pub fn is_without_keys(data: &Path) -> bool {
    let keys = data.join("keys");
    !keys.join("log.key").exists() && !keys.join("signed.json").exists()
}

/// How many records were signed; what stands among them was acknowledged.
pub(crate) fn signed_size(data: &Path) -> Result<u64, NotaryError> {
    if is_without_keys(data) {
        return Ok(shown(data)?.map_or(0, |head| head.size));
    }
    Ok(memory(data)?.frontier.size().max(shown(data)?.map_or(0, |head| head.size)))
}

pub(crate) struct Notary {
    log: Arc<Log>,
    data: PathBuf,
    signer: Signer,
    memory: Memory,
    /// What the checkpoint shows and the memory has not reached: the log must pass through it.
    anchor: Option<Head>,
    /// The hashes of what was signed.
    tree: TreeWriter,
    /// Whether the checkpoint shows less than was signed: the end came between remembering and showing.
    stale: bool,
}

impl Notary {
    /// A notary that goes on from what it signed last.
    pub(crate) fn open(log: Arc<Log>, data: &Path, signer: Signer) -> Result<Self, NotaryError> {
        let mut memory = memory(data)?;
        memory.at = memory.at.filter(|at| begins_group(data, *at));
        let have = log.head().size;
        let signed = memory.frontier.size();
        if have < signed || (have == signed && signed > 0 && log.head().root != memory.frontier.root()) {
            return Err(NotaryError::DoesNotExtend { have, signed });
        }
        let shown = shown(data)?;
        let contradicted = |head: &Head| head.size == signed && head.root != memory.frontier.root();
        if let Some(head) = shown.filter(|head| head.size > have || contradicted(head)) {
            return Err(NotaryError::DoesNotExtend { have, signed: head.size });
        }
        let anchor = shown.filter(|head| head.size > signed);
        let stale = shown.is_none_or(|head| head.size < signed) || !is_signed_by(data, &signer);
        let tree = tree(data, Head { size: signed, root: memory.frontier.root() })?;
        if !stale {
            log.signed_to(signed);
        }
        Ok(Self { log, data: data.to_owned(), signer, memory, anchor, tree, stale })
    }

    /// Signs until asked to stop; at the end once more.
    pub(crate) async fn run(mut self, mut stop: Stop) -> Result<(), NotaryError> {
        let mut heads = self.log.heads();
        heads.mark_changed();
        loop {
            tokio::select! {
                changed = heads.changed() => if changed.is_err() { return Ok(()) },
                () = stop.wait() => {}
            }
            if !stop.is_asked() {
                tokio::select! {
                    () = tokio::time::sleep(PACE) => {}
                    () = stop.wait() => {}
                }
            }
            let head = *heads.borrow_and_update();
            self = tokio::task::spawn_blocking(move || self.sign(head).map(|()| self))
                .await
                .map_err(|e| io("sign", Path::new("checkpoint"))(std::io::Error::other(e)))??;
            if stop.is_asked() {
                return Ok(());
            }
        }
    }

    /// Signs a head after hashing the bytes on disk up to it.
    pub(crate) fn sign(&mut self, head: Head) -> Result<(), NotaryError> {
        if head.size <= self.memory.frontier.size() && !self.stale {
            return Ok(());
        }
        self.hash_up_to(head.size)?;
        if self.memory.frontier.size() != head.size || self.memory.frontier.root() != head.root {
            return Err(NotaryError::Differs(head.size));
        }
        self.tree.flush().map_err(io("write to", &self.data.join(TREE)))?;
        // Remembered before the signature is shown: a signature nobody remembers could be contradicted.
        let memory = serde_json::to_vec(&self.memory).map_err(|e| io("write", &self.data)(e.into()))?;
        replace(&self.data.join("keys").join("signed.json"), &memory)?;
        let checkpoint = Checkpoint { origin: self.signer.name().to_owned(), head };
        replace(&self.data.join("checkpoint"), self.signer.sign(&checkpoint.text()).as_bytes())?;
        self.stale = false;
        self.log.signed_to(head.size);
        Ok(())
    }

    fn hash_up_to(&mut self, size: u64) -> Result<(), NotaryError> {
        let folder = self.data.join("journal");
        let Some(mut reader) = JournalReader::open(&folder, self.memory.at, Some(size))? else { return Ok(()) };
        while let Some(group) = reader.next_group()? {
            for (position, record) in (group.at.position..).zip(&group.records) {
                if position == self.memory.frontier.size() && position < size {
                    let leaf = leaf_hash(record);
                    self.memory.frontier.push(leaf);
                    self.tree.push(leaf).map_err(io("write to", &self.data.join(TREE)))?;
                    self.passes_anchor()?;
                }
            }
            self.memory.at = Some(group.at);
        }
        Ok(())
    }
}

impl Notary {
    fn passes_anchor(&mut self) -> Result<(), NotaryError> {
        let Some(anchor) = self.anchor.filter(|anchor| anchor.size == self.memory.frontier.size()) else {
            return Ok(());
        };
        if anchor.root != self.memory.frontier.root() {
            return Err(NotaryError::DoesNotExtend { have: self.log.head().size, signed: anchor.size });
        }
        self.anchor = None;
        Ok(())
    }
}

/// The folder of the tree's hashes.
pub(crate) const TREE: &str = "tree";

/// The hashes of the tree that was signed, written anew from the journal where they are not there.
pub(crate) fn tree(data: &Path, head: Head) -> Result<TreeWriter, NotaryError> {
    let folder = data.join(TREE);
    let failed = || io("use", &folder);
    if let Some(tree) = TreeWriter::resume(&folder, head).map_err(failed())? {
        return Ok(tree);
    }
    tracing::info!(records = head.size, "the hashes of the tree are written anew from the journal");
    let mut tree = TreeWriter::anew(&folder).map_err(failed())?;
    let mut frontier = Frontier::default();
    if let Some(mut reader) = JournalReader::open(&data.join("journal"), None, Some(head.size))? {
        while frontier.size() < head.size
            && let Some(group) = reader.next_group()?
        {
            for record in group.records.iter().take((head.size - frontier.size()) as usize) {
                let leaf = leaf_hash(record);
                frontier.push(leaf);
                tree.push(leaf).map_err(failed())?;
            }
            tree.flush().map_err(failed())?;
        }
    }
    if frontier.root() != head.root {
        return Err(NotaryError::DoesNotExtend { have: frontier.size(), signed: head.size });
    }
    Ok(tree)
}

/// Replaces a file by these bytes, all or nothing, and waits until they are on disk.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), NotaryError> {
    let beside = path.with_extension("new");
    let mut options = OpenOptions::new();
    let mut file = options.create(true).truncate(true).write(true).open(&beside).map_err(io("create", &beside))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(io("write", &beside))?;
    fs::rename(&beside, path).map_err(io("replace", path))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::File::open(folder).and_then(|dir| dir.sync_all()).map_err(io("sync", folder))
}
