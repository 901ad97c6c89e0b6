//! Loading an export: the log that others' tools read, as the journal of a data directory. Received files are not in it.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use rondo_eventlog::merkle::{Tile, tile};

use super::{BackupError, Copied, one, why};
use crate::directory::{self, io};
use crate::inspect;
use crate::journal::JournalWriter;

/// Writes the records of an export that verifies into a folder beside the target.
pub(super) fn load(export: &Path, beside: &Path, copied: &mut Copied) -> Result<(), BackupError> {
    let found = inspect::export(export, None, &[])?;
    if !found.hashes_to_root() {
        return Err(BackupError::Unverified { path: export.to_owned(), why: why(&found) });
    }
    let folder = beside.join("journal");
    for folder in [&folder, &beside.join("files")] {
        fs::create_dir_all(folder).map_err(io("create", folder))?;
    }
    for name in ["log.vkey", "checkpoint"] {
        copied.bytes += one(&export.join(name), &beside.join(name))?;
    }
    let mut journal = JournalWriter::create(&folder).map_err(directory::OpenError::from)?;
    for bundle in Tile::all(found.records).filter(|tile| tile.level.is_none()) {
        let path = export.join(bundle.path());
        let bytes = inspect::read_tile(&path).map_err(io("read", &path))?;
        // The export has verified, so that each bundle comes apart.
        let records: Vec<Bytes> = tile::entries(&bytes).into_iter().flatten().map(Bytes::copy_from_slice).collect();
        journal.append(&records).map_err(directory::OpenError::from)?;
        copied.bytes += bytes.len() as u64;
    }
    Ok(directory::write_note(beside, &found.origin)?)
}
