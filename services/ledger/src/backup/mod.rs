//! Backups: the journal, the received files and the public side of the log, copied while the ledger runs or not; and back.
//!
//! The signing key and the memory of what was signed are not in it, and neither is the register of people: they are kept
//! apart, so that a stolen backup signs nothing, an old one cannot be signed on, and an erased person stays erased.

mod archive;
mod load;

use std::fs::{self, File};
use std::io::{Read, copy};
use std::path::{Path, PathBuf};

use rondo_eventlog::Head;

use crate::directory::{self, OpenError, io};
use crate::inspect::{self, Inspection};
use crate::journal;

/// What was copied.
#[derive(Debug)]
pub struct Copied {
    /// The log's name.
    pub origin: String,
    /// The records of the copy, which hash to what its checkpoint signs.
    pub head: Head,
    /// How many received files and definitions.
    pub files: usize,
    /// Bytes in all.
    pub bytes: u64,
}

/// Why nothing was copied.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The target holds something.
    #[error("{0} is not empty; nothing was changed. Name a folder that is empty or does not exist")]
    NotEmpty(PathBuf),
    /// A file cannot be read or written, or the source is no log.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// An archive holds what no backup has.
    #[error("{path} holds `{name}`, which no backup of Rondo has; nothing of it was taken")]
    Strange {
        /// The archive.
        path: PathBuf,
        /// The name of what it holds.
        name: String,
    },
    /// What was copied does not verify.
    #[error("the copy of {path} does not verify: {why}. It was left in {left} for a look, and is not used")]
    Unverified {
        /// Of what.
        path: PathBuf,
        /// Why.
        why: String,
        /// Where it was left.
        left: PathBuf,
    },
}

/// Copies a data directory into an empty folder, or into one file whose name ends in `.tar`. What the ledger writes meanwhile is in it or not, but never half.
///
/// # Errors
/// When there is no log, the folder is not empty, something cannot be copied, or the copy does not verify.
pub fn backup(data: &Path, out: &Path) -> Result<Copied, BackupError> {
    directory::origin_of(data)?;
    if !archive::is_archive(out) {
        return carry(data, out);
    }
    if out.exists() {
        return Err(BackupError::NotEmpty(out.to_owned()));
    }
    let folder = out.with_extension("packing");
    let mut copied = carry(data, &folder)?;
    copied.bytes = archive::pack(&folder, out)?;
    fs::remove_dir_all(&folder).map_err(io("remove", &folder))?;
    Ok(copied)
}

/// Copies a backup (a folder or one file), or the records of an export, into an empty data directory. The key and the memory of signing are put back beside it by hand.
///
/// # Errors
/// When the folder is no backup, the directory is not empty, something cannot be copied, or the copy does not verify.
pub fn restore(from: &Path, data: &Path) -> Result<Copied, BackupError> {
    if !from.is_file() {
        return carry(from, data);
    }
    let folder = data.with_extension("unpacked");
    if folder.exists() {
        return Err(BackupError::NotEmpty(folder));
    }
    let copied = archive::unpack(from, &folder).and_then(|()| carry(&folder, data));
    match fs::remove_dir_all(&folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(io("remove", &folder)(e).into()),
        _ => copied,
    }
}

/// Copies into a folder beside the target first, which takes the target's place once the copy has verified.
fn carry(from: &Path, to: &Path) -> Result<Copied, BackupError> {
    let empty = match fs::read_dir(to) {
        Ok(mut found) => found.next().is_none(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => true,
        Err(e) => return Err(io("list", to)(e).into()),
    };
    if !empty {
        return Err(BackupError::NotEmpty(to.to_owned()));
    }
    let beside = to.with_extension("incoming");
    if beside.exists() {
        return Err(BackupError::NotEmpty(beside));
    }
    let mut copied = Copied { origin: String::new(), head: Head { size: 0, root: [0; 32] }, files: 0, bytes: 0 };
    if inspect::is_export(from) {
        load::load(from, &beside, &mut copied)?;
    } else {
        directory::origin_of(from)?;
        gather(from, &beside, &mut copied)?;
    }
    let found = inspect::inspect(&beside, None, &[])?;
    if !found.hashes_to_root() {
        let why = why(&found);
        return Err(BackupError::Unverified { path: from.to_owned(), why, left: beside });
    }
    if to.exists() {
        fs::remove_dir(to).map_err(io("replace", to))?;
    }
    fs::rename(&beside, to).map_err(io("name", to))?;
    copied.origin = found.origin;
    copied.head = found.head;
    Ok(copied)
}

/// Copies the files of a log.
fn gather(from: &Path, beside: &Path, copied: &mut Copied) -> Result<(), OpenError> {
    // The checkpoint before the journal, and the files after it: what is signed and what is spoken of is then in the copy.
    for name in ["log.vkey", "checkpoint"] {
        copied.bytes += one(&from.join(name), &beside.join(name))?;
    }
    let folder = from.join("journal");
    for (_, segment) in journal::segments(&folder)? {
        let name = segment.file_name().unwrap_or_default();
        copied.bytes += one(&segment, &beside.join("journal").join(name))?;
    }
    tree(&from.join("files"), &beside.join("files"), copied)?;
    // Last: without its note a directory holds no log.
    copied.bytes += one(&from.join("log.json"), &beside.join("log.json"))?;
    Ok(())
}

fn why(found: &Inspection) -> String {
    match (&found.damage, &found.checkpoint) {
        (Some(damage), _) => damage.to_string(),
        (None, Err(error)) => error.to_string(),
        (None, Ok(_)) => "its records do not hash to what its checkpoint signs".to_owned(),
    }
}

/// Copies a file as long as it is now, and waits until it is on the device.
fn one(from: &Path, to: &Path) -> Result<u64, OpenError> {
    let source = File::open(from).map_err(io("read", from))?;
    let length = source.metadata().map_err(io("read", from))?.len();
    let folder = to.parent().unwrap_or(to);
    fs::create_dir_all(folder).map_err(io("create", folder))?;
    let mut target = File::create(to).map_err(io("create", to))?;
    let bytes = copy(&mut source.take(length), &mut target).map_err(io("write", to))?;
    target.sync_all().map_err(io("write", to))?;
    Ok(bytes)
}

/// Copies a folder of files and folders of files; what is only arriving is left out.
fn tree(from: &Path, to: &Path, copied: &mut Copied) -> Result<(), OpenError> {
    fs::create_dir_all(to).map_err(io("create", to))?;
    for entry in fs::read_dir(from).map_err(io("list", from))? {
        let path = entry.map_err(io("list", from))?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            tree(&path, &target, copied)?;
        } else if path.extension().is_none() {
            copied.bytes += one(&path, &target)?;
            copied.files += 1;
        }
    }
    Ok(())
}
