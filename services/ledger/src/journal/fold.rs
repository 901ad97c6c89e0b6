//! The one fold over a journal: its records in their order, each with its place, handed on one by one. Whoever reads a journal from
//! a place on reads it here; only a start does otherwise, which takes whole groups and cuts what was never acknowledged, and whoever looks
//! whether a single group stands at a place.

use std::ops::ControlFlow;
use std::path::Path;

use bytes::Bytes;
use rondo_eventlog::merkle::{Frontier, Hash, leaf_hash};

use super::JournalError;
use super::frame::Location;
use super::reader::JournalReader;

/// Which records are read, and what damage does.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// Where a group begins; nothing for the first one.
    pub from: Option<Location>,
    /// The position before which reading ends; nothing for the journal's end.
    pub to: Option<u64>,
    /// What becomes of damage.
    pub damage: AtDamage,
}

/// What becomes of damage, and of a file that cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtDamage {
    /// It is an error, with its place.
    Fails,
    /// It is an error, but for an end of the file that holds none of the first so many records, which were acknowledged.
    FailsBefore(u64),
    /// Reading ends there: somebody else tells of it.
    Ends,
}

impl Span {
    /// The whole journal.
    pub fn whole(damage: AtDamage) -> Self {
        Self { from: None, to: None, damage }
    }

    /// The records before a position, from a group on or from the first one; damage is an error.
    pub fn up_to(to: u64, from: Option<Location>) -> Self {
        Self { from, to: Some(to), damage: AtDamage::Fails }
    }
}

/// A record as it is read.
#[derive(Debug, Clone, Copy)]
pub struct Placed<'a> {
    /// Where its group begins.
    pub group: Location,
    /// Its position in the log.
    pub position: u64,
    /// Whether it is the last one of its group.
    pub ends_group: bool,
    /// Its bytes.
    pub bytes: &'a Bytes,
}

/// Up to where a journal was read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Folded {
    /// Where the last group that was read begins.
    pub last: Option<Location>,
    /// Where the next group begins, or would; nothing where there is no journal.
    pub end: Option<Location>,
    /// Bytes at the end that were never acknowledged.
    pub torn: u64,
}

/// Reads records in order and hands each on, until the closure breaks off. A group is whole or not at all: its records are handed on
/// once all of it was read.
///
/// # Errors
/// When a file cannot be read or is damaged, as far as that is an error here; and the closure's own.
pub fn fold<E: From<JournalError>>(
    folder: &Path,
    Span { from, to, damage }: Span,
    mut each: impl FnMut(Placed<'_>) -> Result<ControlFlow<()>, E>,
) -> Result<Folded, E> {
    let mut folded = Folded::default();
    let Some(mut reader) = JournalReader::open(folder, from, to)? else { return Ok(folded) };
    loop {
        let group = reader.next_group();
        folded.end = Some(reader.location());
        let group = match (group, damage) {
            (Ok(Some(group)), _) => group,
            (Ok(None), _) | (Err(_), AtDamage::Ends) => return Ok(folded),
            (Err(error), AtDamage::FailsBefore(acknowledged)) => {
                folded.torn = reader.torn(acknowledged)?.ok_or(error)?;
                return Ok(folded);
            }
            (Err(error), _) => return Err(error.into()),
        };
        folded.last = Some(group.at);
        let count = group.records.len();
        for (index, (bytes, position)) in group.records.iter().zip(group.at.position..).enumerate() {
            if to.is_some_and(|to| position >= to) {
                return Ok(folded);
            }
            let placed = Placed { group: group.at, position, ends_group: index + 1 == count, bytes };
            if each(placed)?.is_break() {
                return Ok(folded);
            }
        }
    }
}

/// Reads records as [`fold`] does, lets a frontier grow by each that follows on it, and hands that on with the hash of its leaf and
/// the frontier as it is then (RFC 6962, SHA-256). Records that the frontier has already are passed over.
///
/// # Errors
/// As [`fold`].
pub fn hash<E: From<JournalError>>(
    folder: &Path,
    span: Span,
    frontier: &mut Frontier,
    mut each: impl FnMut(Placed<'_>, Hash, &Frontier) -> Result<ControlFlow<()>, E>,
) -> Result<Folded, E> {
    fold(folder, span, |record| {
        if record.position != frontier.size() {
            return Ok(ControlFlow::Continue(()));
        }
        let leaf = leaf_hash(record.bytes);
        frontier.push(leaf);
        each(record, leaf, frontier)
    })
}

/// The root of the tree over the first `size` records (RFC 6962, SHA-256), each of them read; nothing if there are fewer.
///
/// # Errors
/// When a file cannot be read or is damaged.
pub fn root_at(folder: &Path, size: u64) -> Result<Option<Hash>, JournalError> {
    let mut frontier = Frontier::default();
    hash::<JournalError>(folder, Span::up_to(size, None), &mut frontier, |_, _, _| Ok(ControlFlow::Continue(())))?;
    Ok((frontier.size() == size).then(|| frontier.root()))
}
