//! Backups: the journal, the received files and the public side of the log, copied while the ledger runs or not; and back.
//!
//! The signing key and the memory of what was signed are not in it, and neither is the register of people: they are kept
//! apart, so that a stolen backup signs nothing, an old one cannot be signed on, and an erased person stays erased.

mod archive;
mod load;

use std::fs::{self, File};
use std::io::{Read, copy};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rondo_eventlog::Head;
use rondo_runtime::durable::{create_folders, replace, sync_folder};

use crate::acknowledged;
use crate::bystander::is_empty_but_for;
use crate::contradicted;
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
    /// Received files that records speak of and that are not there, or not as they were received.
    pub missing: Vec<String>,
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
    /// The file is no archive.
    #[error("{0} is not a tar file, or is cut off; a compressed one has to be unpacked first. Nothing of it was taken")]
    NoArchive(PathBuf),
    /// The target is inside of what is backed up.
    #[error(
        "{0} is inside the data directory that is backed up; nothing was changed. Name a place elsewhere, on another disk at best"
    )]
    Inside(PathBuf),
    /// There is nothing to restore from.
    #[error("{0} does not exist")]
    Absent(PathBuf),
    /// An archive holds what no backup has.
    #[error("{path} holds `{name}`, which no backup of Rondo has; nothing of it was taken")]
    Strange {
        /// The archive.
        path: PathBuf,
        /// The name of what it holds.
        name: String,
    },
    /// What was copied does not verify.
    #[error("what was read from {path} does not verify: {why}. Nothing was put in place")]
    Unverified {
        /// Of what.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

/// Copies a data directory into an empty folder, or into one file whose name ends in `.tar`. What the ledger writes meanwhile is in it or not, but never half.
///
/// # Errors
/// When there is no log, the folder is not empty, something cannot be copied, or the copy does not verify.
pub fn backup(data: &Path, out: &Path) -> Result<Copied, BackupError> {
    directory::origin_of(data)?;
    if is_inside(out, data) {
        return Err(BackupError::Inside(out.to_owned()));
    }
    if !archive::is_archive(out) {
        return carry(data, out, For::Keeping);
    }
    if out.exists() {
        return Err(BackupError::NotEmpty(out.to_owned()));
    }
    let folder = scratch(out, "packing");
    cleared(&folder)?;
    let packed = carry(data, &folder, For::Keeping).and_then(|mut copied| {
        copied.bytes = archive::pack(&folder, out, &scratch(out, "tar"))?;
        Ok(copied)
    });
    cleared(&folder)?;
    packed
}

/// Copies a backup (a folder or one file), or the records of an export, into an empty data directory. The key and the memory of signing are put back beside it by hand.
///
/// # Errors
/// When the folder is no backup, the directory is not empty, something cannot be copied, or the copy does not verify.
pub fn restore(from: &Path, data: &Path) -> Result<Copied, BackupError> {
    if !from.is_file() {
        if !from.exists() {
            return Err(BackupError::Absent(from.to_owned()));
        }
        return carry(from, data, For::Starting);
    }
    let made = prepared(data)?;
    let folder = data.join(UNPACKED);
    cleared(&folder)?;
    let copied = archive::unpack(from, &folder).and_then(|()| carry(&folder, data, For::Starting));
    cleared(&folder)?;
    if made && copied.is_err() {
        fs::remove_dir(data).map_err(io("remove", data))?;
    }
    copied
}

/// Whether a path would be made inside a directory.
fn is_inside(path: &Path, directory: &Path) -> bool {
    let there = path.ancestors().skip(1).find_map(|parent| match parent.as_os_str().is_empty() {
        true => fs::canonicalize(".").ok(),
        false => fs::canonicalize(parent).ok(),
    });
    there.zip(fs::canonicalize(directory).ok()).is_some_and(|(there, directory)| there.starts_with(directory))
}

/// Where a backup is unpacked, and where a copy is gathered until it has verified: inside the target, which may be the one place
/// that this user can write to, or a disk of its own.
const UNPACKED: &str = ".rondo-unpacked";
const INCOMING: &str = ".rondo-incoming";
/// What a copy consists of, the note that makes it a log last.
const PARTS: [&str; 8] = ["journal", "files", "log.vkey", "checkpoint", SAID[0], SAID[1], RESTORED, "log.json"];
/// What may stand against the log's being signed; most logs have none of it.
const SAID: [&str; 2] = [contradicted::NAME, contradicted::WORDS];
/// The mark of a data directory that was restored and has not been started since: a JSON object, empty at first. It stands there
/// before the log does, so that no restored log is ever without it; whoever starts the log takes it away.
pub const RESTORED: &str = "restored";

/// Whether a directory holds what a copying gathers, and no log yet.
pub(crate) fn is_half_copied(data: &Path) -> bool {
    !data.join("log.json").exists() && [UNPACKED, INCOMING].iter().any(|name| data.join(name).exists())
}

/// What a copy is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum For {
    Keeping,
    /// To be started: it is marked.
    Starting,
}

/// Makes sure that the target is there and empty, and takes away what a copying left that was cut off. Says whether it was made.
fn prepared(to: &Path) -> Result<bool, BackupError> {
    if !to.exists() {
        create_folders(to).map_err(OpenError::from)?;
        // Received files and figures before their release are nobody else's to read.
        fs::set_permissions(to, fs::Permissions::from_mode(0o700)).map_err(io("protect", to))?;
        return Ok(true);
    }
    if !to.is_dir() {
        return Err(BackupError::NotEmpty(to.to_owned()));
    }
    let incoming = to.join(INCOMING);
    if incoming.exists() && !to.join("log.json").exists() && is_empty_but_for(to, &CUT_OFF)? {
        for part in PARTS {
            cleared(&to.join(part))?;
        }
    }
    if !is_empty_but_for(to, &[UNPACKED, INCOMING])? {
        return Err(BackupError::NotEmpty(to.to_owned()));
    }
    cleared(&incoming)?;
    Ok(false)
}

/// What a copying may leave that was cut off while it put things in place.
const CUT_OFF: [&str; 9] =
    [UNPACKED, INCOMING, "journal", "files", "log.vkey", "checkpoint", SAID[0], SAID[1], RESTORED];

/// A place beside a target that is this program's own, under a name that nobody else gives.
fn scratch(target: &Path, what: &str) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
    target.with_file_name(format!(".{name}.rondo-{what}"))
}

/// Removes what an earlier try that was cut off left in a scratch place.
fn cleared(scratch: &Path) -> Result<(), OpenError> {
    let removed = if scratch.is_dir() { fs::remove_dir_all(scratch) } else { fs::remove_file(scratch) };
    match removed {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(io("remove", scratch)(e)),
        _ => Ok(()),
    }
}

/// Copies into a scratch folder in the target first, whose contents take their places once the copy has verified. Of a failure
/// nothing is left.
fn carry(from: &Path, to: &Path, made_for: For) -> Result<Copied, BackupError> {
    let made = prepared(to)?;
    let incoming = to.join(INCOMING);
    let carried = into_scratch(from, to, &incoming, made_for);
    if carried.is_err() && !to.join("log.json").exists() {
        // What had its place already would be in the next one's way.
        PARTS.iter().try_for_each(|part| cleared(&to.join(part)))?;
    }
    cleared(&incoming)?;
    if made && carried.is_err() {
        fs::remove_dir(to).map_err(io("remove", to))?;
    }
    carried
}

fn into_scratch(from: &Path, to: &Path, incoming: &Path, made_for: For) -> Result<Copied, BackupError> {
    fs::create_dir(incoming).map_err(io("create", incoming))?;
    let private = || fs::Permissions::from_mode(0o700);
    fs::set_permissions(incoming, private()).map_err(io("protect", incoming))?;
    let nothing = Head { size: 0, root: rondo_eventlog::merkle::tree::empty_root() };
    let mut copied = Copied { origin: String::new(), head: nothing, files: 0, bytes: 0, missing: Vec::new() };
    let is_export = inspect::is_export(from);
    // Before the journal: a ledger at work may acknowledge more meanwhile.
    let acknowledged = if is_export { 0 } else { acknowledged::size(from)? };
    if is_export {
        load::load(from, incoming, &mut copied)?;
    } else {
        directory::origin_of(from)?;
        gather(from, incoming, &mut copied)?;
    }
    let found = inspect::inspect(incoming, None, &[])?;
    if !found.hashes_to_root() {
        return Err(BackupError::Unverified { path: from.to_owned(), why: why(&found) });
    }
    if found.records < acknowledged {
        let why = format!("{acknowledged} records were acknowledged, and only {} can be read", found.records);
        return Err(BackupError::Unverified { path: from.to_owned(), why });
    }
    cut(&incoming.join("journal"), found.torn)?;
    if !is_export {
        let files = inspect::files(incoming)?;
        copied.missing = files.missing.iter().map(ToString::to_string).chain(files.damaged).collect();
    }
    if made_for == For::Starting {
        replace(&incoming.join(RESTORED), b"{}").map_err(OpenError::from)?;
    }
    // A directory that was there before keeps its mode, which may be somebody else's to set.
    for folder in ["journal", "files"].map(|folder| incoming.join(folder)) {
        fs::set_permissions(&folder, private()).map_err(io("protect", &folder))?;
    }
    names_synced(incoming)?;
    let synced = |folder: &Path| File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("sync", folder));
    for part in PARTS {
        if part == "log.json" {
            // Before the note that makes it a log, everything else is there for good.
            synced(to)?;
        }
        if (SAID.contains(&part) || part == RESTORED) && !incoming.join(part).exists() {
            continue;
        }
        fs::rename(incoming.join(part), to.join(part)).map_err(io("name", &to.join(part)))?;
    }
    synced(to)?;
    copied.origin = found.origin;
    copied.head = found.head;
    Ok(copied)
}

/// Cuts off what was being written while it was copied, and was not acknowledged by then.
fn cut(journal: &Path, torn: u64) -> Result<(), OpenError> {
    let Some((_, last)) = journal::segments(journal)?.pop().filter(|_| torn > 0) else { return Ok(()) };
    let file = File::options().write(true).open(&last).map_err(io("open", &last))?;
    let length = file.metadata().map_err(io("read", &last))?.len().saturating_sub(torn);
    file.set_len(length).and_then(|()| file.sync_all()).map_err(io("cut", &last))
}

/// Waits until the name of everything in a folder is on the device, whatever it stands in.
fn names_synced(folder: &Path) -> Result<(), OpenError> {
    for entry in fs::read_dir(folder).map_err(io("list", folder))? {
        let path = entry.map_err(io("list", folder))?.path();
        if path.is_dir() {
            names_synced(&path)?;
        }
    }
    Ok(sync_folder(folder)?)
}

/// Takes away what a restore left that was cut off once all of it had its place.
pub(crate) fn clear_leftovers(data: &Path) -> Result<(), OpenError> {
    [UNPACKED, INCOMING].iter().try_for_each(|name| cleared(&data.join(name)))
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
    // What stands against the log's being signed stands against a copy's as well.
    for name in SAID {
        match one(&from.join(name), &beside.join(name)) {
            // The log extends by now what was said, or never heard any of it.
            Err(OpenError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
            copy => copied.bytes += copy?,
        }
    }
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
