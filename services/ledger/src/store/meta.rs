//! How far the store reaches, kept in one key, so that it changes at once or not at all.

use rondo_eventlog::Fault;
use rondo_eventlog::merkle::Frontier;
use serde::{Deserialize, Serialize};

use crate::journal::Location;

/// The shape of the store; another one is rebuilt from the journal.
const FORMAT: u32 = 3;

/// How far the store reaches: every record before is in a pack, and every place before is in sled and not only in memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    format: u32,
    /// The group in which the first record stands that is in no pack yet.
    pub at: Location,
    /// The tree's frontier before that group.
    pub frontier: Frontier,
}

impl Reached {
    /// The store reaches to this group.
    pub fn new(at: Location, frontier: Frontier) -> Self {
        Self { format: FORMAT, at, frontier }
    }
}

pub(super) fn read(tree: &sled::Tree) -> Result<Option<Reached>, Fault> {
    let Some(bytes) = tree.get("reached").map_err(super::fault)? else { return Ok(None) };
    let reached: Reached = serde_json::from_slice(&bytes)
        .map_err(|e| Fault::storage("the store's note of how far it reaches is damaged; it is rebuilt", e))?;
    if reached.format == FORMAT && reached.frontier.size() == reached.at.position {
        Ok(Some(reached))
    } else {
        Err(Fault::Corrupt(format!("it has the form {}, and this program writes {FORMAT}", reached.format)))
    }
}

pub(super) fn write(tree: &sled::Tree, reached: &Reached) -> Result<(), Fault> {
    let bytes = serde_json::to_vec(reached).map_err(|e| Fault::storage("cannot write the store's reach", e))?;
    tree.insert("reached", bytes).map_err(super::fault)?;
    Ok(())
}

pub(super) fn read_end(tree: &sled::Tree) -> Result<u64, Fault> {
    let Some(bytes) = tree.get("end").map_err(super::fault)? else { return Ok(0) };
    let damaged = |_| Fault::Corrupt("the store's note of its end is damaged; it is rebuilt".to_owned());
    bytes.as_ref().try_into().map(u64::from_be_bytes).map_err(damaged)
}

pub(super) fn write_end(tree: &sled::Tree, end: u64) -> Result<(), Fault> {
    tree.insert("end", &end.to_be_bytes()).map_err(super::fault)?;
    Ok(())
}
