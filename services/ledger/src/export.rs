//! The export: the signed log as the folder that others' tools read (C2SP tlog-tiles), with its checkpoint and public key.

use std::fs;
use std::path::{Path, PathBuf};

use rondo_domain::event::Event;
use rondo_domain::network::NetworkEvent;
use rondo_eventlog::ledger::{MAX_READ, read_all};
use rondo_eventlog::merkle::tile::{Levels, WIDTH, bundle};
use rondo_eventlog::merkle::{Checkpoint, NoteError, Tile, Verifier, leaf_hash, proof};
use rondo_eventlog::{Fault, Head, Ledger, Record};
use rondo_runtime::durable::{FileError, create_folders, replace, sync_folder};

use crate::loss::Loss;

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// The log's name.
    pub origin: String,
    /// Size and root.
    pub head: Head,
    /// How many files were written.
    pub files: usize,
    /// What the log itself says is lost of it, in its order.
    pub losses: Vec<Loss>,
}

/// Why nothing was exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The folder holds something.
    #[error("{0} is not empty; nothing was changed. Name a folder that is empty or does not exist")]
    NotEmpty(PathBuf),
    /// The folder cannot be written.
    #[error("cannot write {path}")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The folder or the checkpoint in it cannot be brought to disk.
    #[error(transparent)]
    File(#[from] FileError),
    /// The log cannot be read.
    #[error(transparent)]
    Ledger(#[from] Fault),
    /// The checkpoint is not this log's.
    #[error("the log's checkpoint is not accepted")]
    Checkpoint(#[from] NoteError),
    /// The records do not hash to the signed root.
    #[error("the records do not hash to the root that is signed; nothing was exported. Run `rondo audit verify`")]
    Differs,
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> ExportError {
    let path = path.to_owned();
    move |source| ExportError::Io { path, source }
}

/// Writes a file of an export, and its folder where it is not there. It is on disk once [`synced`] was told.
fn write(out: &Path, name: &str, bytes: &[u8]) -> Result<(), ExportError> {
    let path = out.join(name);
    let folder = path.parent().unwrap_or(out);
    fs::create_dir_all(folder).map_err(io(folder))?;
    fs::write(&path, bytes).map_err(io(&path))
}

/// Waits until every file below a folder is on disk, and its name.
fn synced(folder: &Path) -> Result<(), ExportError> {
    for entry in fs::read_dir(folder).map_err(io(folder))? {
        let path = entry.map_err(io(folder))?.path();
        if path.is_dir() {
            synced(&path)?;
        } else {
            fs::File::open(&path).and_then(|file| file.sync_all()).map_err(io(&path))?;
        }
    }
    Ok(sync_folder(folder)?)
}

/// A policy (C2SP tlog-policy) that takes this log's word alone, by each key that it had, since receipts were signed by the
/// one of their day; whoever has witnesses adds them.
async fn policy(ledger: &dyn Ledger, vkey: &str) -> Result<(String, Vec<Loss>), Fault> {
    let mut lines = String::new();
    let mut losses = Vec::new();
    for record in read_all(ledger, "network").await? {
        if let Event::Network(NetworkEvent::KeyRotated { was, .. } | NetworkEvent::LogContinued { was, .. }) =
            &record.event
        {
            lines.push_str(&format!("log {was}\n"));
        }
        if let Some(loss) = Loss::of(&record) {
            // A comment (C2SP tlog-policy): one line, whatever the reason holds.
            let told = loss.to_string().replace(char::is_control, " ");
            lines.push_str(&format!("# {told}\n"));
            losses.push(loss);
        }
    }
    Ok((format!("{lines}log {}\nquorum none\n", vkey.trim_end()), losses))
}

/// Exports the log as it is signed now into an empty folder; all of it is on disk once this returns. `told` hears how many records of how many are written.
///
/// # Errors
/// When the folder is not empty or cannot be written, or the log cannot be read or does not hash to what it signed.
pub async fn export(ledger: &dyn Ledger, out: &Path, told: impl Fn(u64, u64) + Send) -> Result<Exported, ExportError> {
    create_folders(out)?;
    if fs::read_dir(out).map_err(io(out))?.next().is_some() {
        return Err(ExportError::NotEmpty(out.to_owned()));
    }
    let exported = written(ledger, out, told).await;
    if exported.is_err() {
        // Half an export is of no use, and in the way of the next one.
        clear(out)?;
    }
    exported
}

/// Empties the folder.
fn clear(out: &Path) -> Result<(), ExportError> {
    for entry in fs::read_dir(out).map_err(io(out))? {
        let path = entry.map_err(io(out))?.path();
        if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) }.map_err(io(&path))?;
    }
    Ok(())
}

async fn written(ledger: &dyn Ledger, out: &Path, told: impl Fn(u64, u64) + Send) -> Result<Exported, ExportError> {
    let vkey = ledger.key().await?;
    let note = ledger.checkpoint().await?;
    let signed = Checkpoint::open(&note, &Verifier::from_vkey(&vkey)?)?;
    let size = signed.head.size;
    let mut levels = Levels::default();
    let mut open: Vec<Record> = Vec::new();
    let mut files = 0;
    while levels.size() < size {
        let room = (size - levels.size()).min(MAX_READ as u64) as usize;
        let records = ledger.read(levels.size(), room).await?;
        if records.is_empty() {
            return Err(Fault::NotFound(format!("record {}", levels.size())).into());
        }
        for record in records {
            levels.push(leaf_hash(&record.bytes));
            open.push(record);
            if open.len() as u64 == WIDTH || levels.size() == size {
                let index = (levels.size() - open.len() as u64) / WIDTH;
                let tile = Tile { level: None, index, width: open.len() as u64 };
                let entries: Vec<&[u8]> = open.iter().map(|record| &record.bytes[..]).collect();
                write(out, &tile.path(), &bundle(&entries))?;
                open.clear();
                files += 1;
                told(levels.size(), size);
            }
        }
    }
    if proof::root(&levels, 0, size).ok() != Some(signed.head.root) {
        return Err(ExportError::Differs);
    }
    for tile in Tile::all(size) {
        if let Some(hashes) = levels.tile(&tile) {
            write(out, &tile.path(), &hashes)?;
            files += 1;
        }
    }
    write(out, "log.vkey", format!("{}\n", vkey.trim_end()).as_bytes())?;
    let (policy, losses) = policy(ledger, &vkey).await?;
    write(out, "policy", policy.as_bytes())?;
    // Last, so that a folder with a checkpoint is whole, after a power cut too.
    synced(out)?;
    replace(&out.join("checkpoint"), note.as_bytes())?;
    Ok(Exported { origin: signed.origin, head: signed.head, files: files + 3, losses })
}
