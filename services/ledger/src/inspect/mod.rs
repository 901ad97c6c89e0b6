//! Looking at a log from outside: does every byte hash to what was signed, and does that extend what was saved earlier?

mod export;
mod index;
mod network;
mod surroundings;

pub(crate) use export::read_tile;
pub use export::{export, is_export};
pub use index::{Index, index};
pub use network::network;
pub use surroundings::{Files, Unfinished, files, keys, unfinished};

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rondo_eventlog::merkle::tile::WIDTH;
use rondo_eventlog::merkle::{Checkpoint, Frontier, Hash, NoteError, Tile, Verifier, leaf_hash, tree};
use rondo_eventlog::record::Time;
use rondo_eventlog::{Head, codec};

use crate::directory::OpenError;
use crate::journal::{self, AtDamage, JournalError, Span, fold};
use crate::loss::Loss;
use crate::notary::TREE;
use crate::tree::TreeReader;

/// What cannot be read as it should.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// The journal is damaged.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A file of an export is missing or cannot be read.
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A bundle of entries does not come apart.
    #[error("{path} is damaged: it should hold the records from {first} on, and does not come apart as such")]
    Bundle {
        /// Which.
        path: String,
        /// Its first record.
        first: u64,
    },
    /// A tile does not hold the hashes of what is below it.
    #[error("{path} is damaged: it does not hold the hashes of what is below it")]
    Tile {
        /// Which.
        path: String,
    },
}

/// What an inspection found.
#[derive(Debug)]
pub struct Inspection {
    /// The log's name.
    pub origin: String,
    /// The public key in vkey form.
    pub vkey: String,
    /// Whether the checkpoint is signed by that key, and what it says.
    pub checkpoint: Result<Checkpoint, NoteError>,
    /// Records found whole.
    pub records: u64,
    /// The root that they hash to at the checkpoint's size.
    pub root_at_checkpoint: Option<Hash>,
    /// Checkpoints saved earlier, in the order asked: whether the key signed it, what it says, and the root that the records
    /// have at its size.
    pub saved: Vec<Result<(Checkpoint, Option<Hash>), NoteError>>,
    /// The root over all records.
    pub head: Head,
    /// The first record whose bytes are not those that were hashed when it was written.
    pub altered: Option<u64>,
    /// The first record whose place is not what it says.
    pub misplaced: Option<u64>,
    /// What the log itself says is lost of it, in its order.
    pub losses: Vec<Loss>,
    /// Damage, with its place.
    pub damage: Option<Damage>,
    /// Bytes at the very end that were never acknowledged; the next start cuts them off.
    pub torn: u64,
    /// When the last record found whole was recorded.
    pub latest: Option<Time>,
}

impl Inspection {
    /// Whether the bytes hash to the signed root.
    pub fn hashes_to_root(&self) -> bool {
        self.damage.is_none()
            && self.misplaced.is_none()
            && self.altered.is_none()
            && self.checkpoint.as_ref().is_ok_and(|signed| Some(signed.head.root) == self.root_at_checkpoint)
    }

    /// Whether the log extends the saved checkpoint of this number; nothing where it was not given.
    pub fn extends(&self, saved: usize) -> Option<bool> {
        let saved = self.saved.get(saved)?;
        Some(saved.as_ref().is_ok_and(|(saved, root)| Some(saved.head.root) == *root))
    }
}

/// Records being hashed, and what is looked for in them.
pub(crate) struct Read {
    inspection: Inspection,
    frontier: Frontier,
}

impl Read {
    fn begin(folder: &Path, keys: Option<&str>, saved: &[&str]) -> Result<Self, OpenError> {
        let read = |name: &str| {
            let path: PathBuf = folder.join(name);
            fs::read_to_string(&path).map_err(|source| OpenError::Io { what: "read", path, source })
        };
        let keys = keys.map_or_else(|| read("log.vkey"), |keys| Ok(keys.to_owned()))?;
        let is_key = |line: &&str| !line.is_empty() && !line.starts_with('#');
        let keys: Vec<&str> = keys.lines().map(str::trim_end).filter(is_key).collect();
        let note = read("checkpoint")?;
        // What was saved was signed by the key of its day; each of those that the caller trusts may have been it.
        let by = |note: &str, vkey: &str| Checkpoint::open(note, &Verifier::from_vkey(vkey)?);
        let open = |note: &str| {
            let found = keys.iter().find_map(|vkey| by(note, vkey).ok());
            found.map_or_else(|| by(note, keys.last().copied().unwrap_or_default()), Ok)
        };
        let vkey = keys.iter().find(|vkey| by(&note, vkey).is_ok()).or(keys.last()).copied().unwrap_or_default();
        let vkey = vkey.to_owned();
        let verifier = Verifier::from_vkey(&vkey);
        let empty = Head { size: 0, root: tree::empty_root() };
        let mut inspection = Inspection {
            origin: verifier.as_ref().map(|verifier| verifier.name().to_owned()).unwrap_or_default(),
            checkpoint: open(&note),
            saved: saved.iter().map(|saved| open(saved).map(|saved| (saved, None))).collect(),
            vkey,
            records: 0,
            root_at_checkpoint: None,
            head: empty,
            altered: None,
            misplaced: None,
            losses: Vec::new(),
            damage: None,
            torn: 0,
            latest: None,
        };
        note_root(&mut inspection, empty);
        Ok(Self { inspection, frontier: Frontier::default() })
    }

    fn signed(&self) -> Option<Head> {
        self.inspection.checkpoint.as_ref().map(|checkpoint| checkpoint.head).ok()
    }

    /// Takes the next record, its hash, and the hash that it had when it was written, where that is known.
    fn take(&mut self, bytes: &[u8], leaf: Hash, expected: Option<&Hash>) {
        let position = self.frontier.size();
        if self.inspection.altered.is_none() && expected.is_some_and(|expected| *expected != leaf) {
            self.inspection.altered = Some(position);
        }
        if self.inspection.misplaced.is_none() && codec::position_of(bytes).ok() != Some(position) {
            self.inspection.misplaced = Some(position);
        }
        self.inspection.losses.extend(Loss::in_bytes(bytes));
        self.frontier.push(leaf);
        if self.is_asked(self.frontier.size()) {
            let at = Head { size: self.frontier.size(), root: self.frontier.root() };
            note_root(&mut self.inspection, at);
        }
    }

    /// Whether the root at this size is wanted.
    fn is_asked(&self, size: u64) -> bool {
        let saved = self.inspection.saved.iter().flatten().any(|(saved, _)| saved.head.size == size);
        saved || self.signed().is_some_and(|head| head.size == size)
    }

    /// Notes damage; the first counts.
    fn damage(&mut self, damage: Damage) {
        self.inspection.damage.get_or_insert(damage);
    }

    fn end(mut self) -> Inspection {
        self.inspection.records = self.frontier.size();
        self.inspection.head = Head { size: self.frontier.size(), root: self.frontier.root() };
        self.inspection
    }
}

/// Notes the root at a size that is asked about.
fn note_root(inspection: &mut Inspection, at: Head) {
    if inspection.checkpoint.as_ref().is_ok_and(|signed| signed.head.size == at.size) {
        inspection.root_at_checkpoint = Some(at.root);
    }
    for (saved, root) in inspection.saved.iter_mut().flatten() {
        if saved.head.size == at.size {
            *root = Some(at.root);
        }
    }
}

/// Hashes every record of a data directory's journal again, with the key that stands beside it or those that the caller
/// trusts, one a line, and checkpoints that were saved earlier.
///
/// # Errors
/// When the directory holds no log, or its key or checkpoint cannot be read.
pub fn inspect(data: &Path, keys: Option<&str>, saved: &[&str]) -> Result<Inspection, OpenError> {
    let origin = crate::directory::origin_of(data)?;
    let mut read = Read::begin(data, keys, saved)?;
    read.inspection.origin = origin;
    // Before the journal: a ledger at work may acknowledge more meanwhile.
    let acknowledged = crate::acknowledged::size(data)?;
    if let Err(error) = walk(data, &mut read, acknowledged) {
        read.damage(error.into());
    }
    Ok(read.end())
}

fn walk(data: &Path, read: &mut Read, acknowledged: u64) -> Result<(), JournalError> {
    let folder = data.join("journal");
    let tree = TreeReader::new(&data.join(TREE));
    let mut expected: Vec<Hash> = Vec::new();
    let signed = read.signed().map_or(0, |head| head.size);
    let all = Span::whole(AtDamage::FailsBefore(signed.max(acknowledged)));
    let folded = fold::<JournalError>(&folder, all, |record| {
        if record.ends_group
            && let Ok(time) = codec::time_of(record.bytes)
        {
            read.inspection.latest = Some(time);
        }
        let position = record.position;
        if position.is_multiple_of(WIDTH) {
            let width = signed.saturating_sub(position).min(WIDTH);
            // The hashes follow from the journal; where they are not there, the root alone tells.
            expected = tree.tile(&Tile { level: Some(0), index: position / WIDTH, width }).unwrap_or_default();
        }
        let leaf = leaf_hash(record.bytes);
        read.take(record.bytes, leaf, expected.get((position % WIDTH) as usize));
        Ok(ControlFlow::Continue(()))
    })?;
    read.inspection.torn = folded.torn;
    match folded.end {
        // An older copy is known by what was signed.
        Some(end) if folded.torn == 0 && read.frontier.size() >= signed => journal::holds(&folder, end, acknowledged),
        _ => Ok(()),
    }
}
