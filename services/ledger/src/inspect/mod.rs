//! Looking at a data directory from outside: does every byte of the journal hash to what was signed?

mod surroundings;

pub use surroundings::{Files, files, keys};

use std::fs;
use std::path::{Path, PathBuf};

use rondo_eventlog::merkle::{Checkpoint, Frontier, NoteError, Verifier, leaf_hash};
use rondo_eventlog::{Head, codec};

use crate::directory::OpenError;
use crate::journal::{JournalError, JournalReader};

/// What an inspection found.
#[derive(Debug)]
pub struct Inspection {
    /// The log's name.
    pub origin: String,
    /// The public key in vkey form.
    pub vkey: String,
    /// Whether the checkpoint is signed by that key, and what it says.
    pub checkpoint: Result<Checkpoint, NoteError>,
    /// Records found whole in the journal.
    pub records: u64,
    /// The root that they hash to at the checkpoint's size.
    pub root_at_checkpoint: Option<[u8; 32]>,
    /// The root over all of them.
    pub head: Head,
    /// The first record whose place is not what it says.
    pub misplaced: Option<u64>,
    /// Damage, with its place.
    pub damage: Option<JournalError>,
    /// Bytes at the very end that were never acknowledged; the next start cuts them off.
    pub torn: u64,
}

impl Inspection {
    /// Whether the bytes hash to the signed root.
    pub fn hashes_to_root(&self) -> bool {
        self.damage.is_none()
            && self.misplaced.is_none()
            && self.checkpoint.as_ref().is_ok_and(|signed| Some(signed.head.root) == self.root_at_checkpoint)
    }
}

/// Hashes every record of a data directory's journal again.
///
/// # Errors
/// When the directory holds no log, or its key or checkpoint cannot be read.
pub fn inspect(data: &Path) -> Result<Inspection, OpenError> {
    let origin = crate::directory::origin_of(data)?;
    let read = |name: &str| {
        let path: PathBuf = data.join(name);
        fs::read_to_string(&path).map_err(|source| OpenError::Io { what: "read", path, source })
    };
    let vkey = read("log.vkey")?.trim_end().to_owned();
    let note = read("checkpoint")?;
    let checkpoint = Verifier::from_vkey(&vkey).and_then(|verifier| Checkpoint::open(&note, &verifier));
    let signed = checkpoint.as_ref().map(|checkpoint| checkpoint.head.size).ok();
    let mut inspection = Inspection {
        origin,
        vkey,
        checkpoint,
        records: 0,
        root_at_checkpoint: (signed == Some(0)).then(rondo_eventlog::merkle::tree::empty_root),
        head: Head { size: 0, root: rondo_eventlog::merkle::tree::empty_root() },
        misplaced: None,
        damage: None,
        torn: 0,
    };
    let mut frontier = Frontier::default();
    if let Err(error) = walk(&data.join("journal"), &mut frontier, signed, &mut inspection) {
        inspection.damage = Some(error);
    }
    inspection.records = frontier.size();
    inspection.head = Head { size: frontier.size(), root: frontier.root() };
    Ok(inspection)
}

fn walk(
    folder: &Path,
    frontier: &mut Frontier,
    signed: Option<u64>,
    inspection: &mut Inspection,
) -> Result<(), JournalError> {
    let Some(mut reader) = JournalReader::open(folder, None, None)? else { return Ok(()) };
    loop {
        let group = match reader.next_group() {
            Ok(Some(group)) => group,
            Ok(None) => return Ok(()),
            Err(error) => {
                inspection.torn = reader.torn(signed.unwrap_or(0))?.ok_or(error)?;
                return Ok(());
            }
        };
        for bytes in &group.records {
            let position = frontier.size();
            if inspection.misplaced.is_none() && codec::position_of(bytes).ok() != Some(position) {
                inspection.misplaced = Some(position);
            }
            frontier.push(leaf_hash(bytes));
            if signed == Some(frontier.size()) {
                inspection.root_at_checkpoint = Some(frontier.root());
            }
        }
    }
}
