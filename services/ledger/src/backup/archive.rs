//! A backup as one file (tar, POSIX.1-1988 ustar with GNU's long names): packed from a folder that has verified, and unpacked
//! into one before anything in it is believed.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rondo_domain::FileHash;

use super::{BackupError, cleared};
use crate::contradicted;
use crate::directory::{OpenError, io};

/// The most bytes of a note: the log's, its key or its checkpoint.
const MAX_NOTE: u64 = 64 * 1024;

/// Whether a path is to be one file.
pub(super) fn is_archive(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "tar")
}

/// Packs a folder into a file, which gets its name once it is on the device. Returns its length.
pub(super) fn pack(folder: &Path, to: &Path, beside: &Path) -> Result<u64, OpenError> {
    cleared(beside)?;
    let packed = write(folder, to, beside);
    if packed.is_err() {
        cleared(beside)?;
    }
    packed
}

fn write(folder: &Path, to: &Path, beside: &Path) -> Result<u64, OpenError> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(beside).map_err(io("create", beside))?;
    let mut archive = tar::Builder::new(file);
    archive.mode(tar::HeaderMode::Deterministic);
    archive.append_dir_all("", folder).map_err(io("write", beside))?;
    let mut file = archive.into_inner().map_err(io("write", beside))?;
    file.flush().and_then(|()| file.sync_all()).map_err(io("sync", beside))?;
    let length = file.metadata().map_err(io("read", beside))?.len();
    fs::rename(beside, to).map_err(io("name", to))?;
    let parent = match to.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    File::open(parent).and_then(|folder| folder.sync_all()).map_err(io("sync", parent))?;
    Ok(length)
}

/// Unpacks a file into a folder that does not exist yet. Only what a backup has is taken: no links, no other names.
pub(super) fn unpack(from: &Path, to: &Path) -> Result<(), BackupError> {
    let read = || io("read", from);
    let mut archive = tar::Archive::new(File::open(from).map_err(read())?);
    fs::create_dir(to).map_err(io("create", to))?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).map_err(io("protect", to))?;
    // Of a log without received files the archive brings no file by which this folder would be made.
    fs::create_dir(to.join("files")).map_err(io("create", to))?;
    // Raw: names are short here, and the headers of long ones, which are read whole, are refused like any other kind.
    for entry in archive.entries().map_err(read())?.raw(true) {
        let entry = entry.map_err(|_| BackupError::NoArchive(from.to_owned()))?;
        let name: PathBuf = entry.path().map_err(read())?.into_owned();
        let kind = entry.header().entry_type();
        if kind.is_dir() && !name.is_absolute() {
            continue;
        }
        if !kind.is_file() || !belongs(&name) {
            return Err(BackupError::Strange { path: from.to_owned(), name: name.display().to_string() });
        }
        let target = to.join(&name);
        let folder = target.parent().unwrap_or(to);
        fs::create_dir_all(folder).map_err(io("create", folder))?;
        let mut file = File::create_new(&target).map_err(io("create", &target))?;
        let most = if name.components().count() == 1 { MAX_NOTE } else { u64::MAX };
        std::io::copy(&mut entry.take(most), &mut file).map_err(io("write", &target))?;
    }
    Ok(())
}

/// Whether a backup has a file of that name.
fn belongs(name: &Path) -> bool {
    let parts: Option<Vec<&str>> = name.components().map(|part| part.as_os_str().to_str()).collect();
    match parts.as_deref() {
        Some(["log.json" | "log.vkey" | "checkpoint" | contradicted::NAME | contradicted::WORDS]) => true,
        Some(["journal", segment]) => segment
            .strip_suffix(".journal")
            .is_some_and(|digits| digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit())),
        Some(["files", folder, file]) => file.starts_with(folder) && file.parse::<FileHash>().is_ok(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_backup_has_is_unpacked() {
        for good in ["log.json", "journal/00000000000000000000.journal", &format!("files/ab/ab{}", "0".repeat(62))] {
            assert!(belongs(Path::new(good)), "{good}");
        }
        for bad in ["/log.json", "../log.json", "keys/log.key", "journal/1.journal", "files/../log.json", "files/ab/cd"]
        {
            assert!(!belongs(Path::new(bad)), "{bad}");
        }
    }
}
