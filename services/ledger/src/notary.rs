//! The notary: signs checkpoints, at most a second after the log has grown, from the bytes on disk and never backwards.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rondo_eventlog::Head;
use rondo_eventlog::merkle::{Checkpoint, Frontier, Signer};
use rondo_runtime::lifecycle::Stop;

use crate::journal::{JournalError, Span, hash};
use crate::key::KeyError;
use crate::log::Log;
use crate::memory::{self, Memory, MemoryError};
use crate::tree::TreeWriter;
use rondo_runtime::durable::{FileError, failed, replace};

/// How long the notary gathers growth before it signs.
const PACE: Duration = Duration::from_millis(500);

/// Why no checkpoint can be signed.
#[derive(Debug, thiserror::Error)]
pub enum NotaryError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// It is not known what was signed.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The log does not extend what was signed.
    #[error(
        "the log has {have} records and does not extend the {signed} that were signed: it is an older copy or another history. Nothing is signed; restore the newest journal, and if there is none that is newer, go on under a new key, which records the loss: rondo audit continue --reason WHY"
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
}

/// Whether the checkpoint beside the log is signed by this key, and not by the one before it.
fn is_signed_by(data: &Path, signer: &Signer) -> bool {
    let note = fs::read_to_string(data.join("checkpoint")).unwrap_or_default();
    Checkpoint::open(&note, &signer.verifier()).is_ok()
}

/// What was signed last, by the memory of it and by the checkpoint, once it is known that the log extends both. Writes nothing.
pub(crate) fn extends(log: &Log, data: &Path) -> Result<(Memory, Option<Head>), NotaryError> {
    let memory = Memory::read(data)?;
    let have = log.head().size;
    let signed = memory.frontier.size();
    if have < signed || (have == signed && signed > 0 && log.head().root != memory.frontier.root()) {
        return Err(NotaryError::DoesNotExtend { have, signed });
    }
    let shown = memory::shown(data)?;
    let contradicted = |head: &Head| head.size == signed && head.root != memory.frontier.root();
    if let Some(head) = shown.filter(|head| head.size > have || contradicted(head)) {
        return Err(NotaryError::DoesNotExtend { have, signed: head.size });
    }
    // What is signed is remembered first, so that a memory behind the checkpoint is another day's.
    if let Some(head) = shown.filter(|head| head.size > signed) {
        return Err(MemoryError::Older { shown: head.size, known: signed }.into());
    }
    Ok((memory, shown))
}

pub(crate) struct Notary {
    log: Arc<Log>,
    data: PathBuf,
    signer: Signer,
    memory: Memory,
    /// The hashes of what was signed.
    tree: TreeWriter,
    /// Whether the checkpoint shows less than was signed: the end came between remembering and showing.
    stale: bool,
}

impl Notary {
    /// A notary that goes on from what it signed last.
    pub(crate) fn open(log: Arc<Log>, data: &Path, signer: Signer) -> Result<Self, NotaryError> {
        let (mut memory, shown) = extends(&log, data)?;
        memory.at = memory.at.filter(|at| memory::begins_group(data, *at));
        let signed = memory.frontier.size();
        let stale = shown.is_none_or(|head| head.size < signed) || !is_signed_by(data, &signer);
        let tree = tree(data, Head { size: signed, root: memory.frontier.root() })?;
        let mut notary = Self { log, data: data.to_owned(), signer, memory, tree, stale };
        if shown.is_none() && signed > 0 {
            // What was signed before says nothing new, and without it no witness can be asked about the log.
            notary.shows(Head { size: signed, root: notary.memory.frontier.root() })?;
        } else if !stale {
            notary.log.signed_to(signed);
        }
        Ok(notary)
    }

    /// Whether there is anything to sign at this head.
    pub(crate) fn has_unsigned(&self, head: Head) -> bool {
        head.size > self.memory.frontier.size() || self.stale
    }

    /// Signs until asked to stop. What is recorded until the end is signed by whoever ends the log.
    pub(crate) async fn run(mut self, mut stop: Stop) -> Result<Self, NotaryError> {
        let mut heads = self.log.heads();
        heads.mark_changed();
        loop {
            tokio::select! {
                changed = heads.changed() => if changed.is_err() { return Ok(self) },
                () = stop.wait() => {}
            }
            tokio::select! {
                () = tokio::time::sleep(PACE) => {}
                () = stop.wait() => {}
            }
            if stop.is_asked() {
                return Ok(self);
            }
            let head = *heads.borrow_and_update();
            let signs = move || {
                // Another may have the log by now, and sign another history of it.
                let admitted = self.log.point.admit().is_ok();
                if admitted { self.sign(head).map(|()| (self, true)) } else { Ok((self, false)) }
            };
            let admitted;
            (self, admitted) = tokio::task::spawn_blocking(signs)
                .await
                .map_err(|e| failed("sign", Path::new("checkpoint"))(std::io::Error::other(e)))??;
            if !admitted {
                return Ok(self);
            }
        }
    }

    /// Signs a head after hashing the bytes on disk up to it.
    pub(crate) fn sign(&mut self, head: Head) -> Result<(), NotaryError> {
        if self.log.contradicted.is() || !self.has_unsigned(head) {
            return Ok(());
        }
        self.hash_up_to(head.size)?;
        if self.memory.frontier.size() != head.size || self.memory.frontier.root() != head.root {
            return Err(NotaryError::Differs(head.size));
        }
        self.tree.flush().map_err(failed("write to", &self.data.join(TREE)))?;
        // Remembered before the signature is shown: a signature nobody remembers could be contradicted.
        self.memory.write(&self.data)?;
        self.shows(head)
    }

    /// Signs what is remembered.
    fn shows(&mut self, head: Head) -> Result<(), NotaryError> {
        let checkpoint = Checkpoint { origin: self.signer.name().to_owned(), head };
        replace(&self.data.join("checkpoint"), self.signer.sign(&checkpoint.text()).as_bytes())?;
        self.stale = false;
        self.log.signed_to(head.size);
        Ok(())
    }

    fn hash_up_to(&mut self, size: u64) -> Result<(), NotaryError> {
        let folder = self.data.join("journal");
        let Self { memory, tree, data, .. } = self;
        let span = Span::up_to(size, memory.at);
        let folded = hash::<NotaryError>(&folder, span, &mut memory.frontier, |_, leaf, _| {
            tree.push(leaf).map_err(failed("write to", &data.join(TREE)))?;
            Ok(ControlFlow::Continue(()))
        })?;
        memory.at = folded.last.or(memory.at);
        Ok(())
    }
}

/// The folder of the tree's hashes.
pub(crate) const TREE: &str = "tree";

/// The hashes of the tree that was signed, written anew from the journal where they are not there.
pub(crate) fn tree(data: &Path, head: Head) -> Result<TreeWriter, NotaryError> {
    let folder = data.join(TREE);
    let unusable = || failed("use", &folder);
    if let Some(tree) = TreeWriter::resume(&folder, head).map_err(unusable())? {
        return Ok(tree);
    }
    tracing::info!(records = head.size, "the hashes of the tree are written anew from the journal");
    let mut tree = TreeWriter::anew(&folder).map_err(unusable())?;
    let mut frontier = Frontier::default();
    let all = Span::up_to(head.size, None);
    hash::<NotaryError>(&data.join("journal"), all, &mut frontier, |record, leaf, frontier| {
        tree.push(leaf).map_err(unusable())?;
        if record.ends_group || frontier.size() == head.size {
            tree.flush().map_err(unusable())?;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    if frontier.root() != head.root {
        return Err(NotaryError::DoesNotExtend { have: frontier.size(), signed: head.size });
    }
    Ok(tree)
}
