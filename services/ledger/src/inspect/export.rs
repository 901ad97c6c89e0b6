//! Looking at an export: does every entry hash to its tile, every tile to its parent, and all of it to the signed root?

use std::fs;
use std::io::Read as _;
use std::path::Path;

use rondo_eventlog::merkle::tile::{Levels, entries};
use rondo_eventlog::merkle::{Hash, Tile, leaf_hash};

use super::{Damage, Inspection, Read};
use crate::directory::OpenError;

/// Whether a folder is an export.
pub fn is_export(folder: &Path) -> bool {
    folder.join("tile").is_dir() || (folder.join("checkpoint").exists() && !folder.join("log.json").exists())
}

/// Looks at an export, with the key that stands beside it or those that the caller trusts, one a line, and checkpoints that
/// were saved earlier.
///
/// # Errors
/// When the key or the checkpoint cannot be read.
pub fn export(folder: &Path, keys: Option<&str>, saved: &[&str]) -> Result<Inspection, OpenError> {
    let mut read = Read::begin(folder, keys, saved)?;
    let size = read.signed().map_or(0, |head| head.size);
    let mut levels = Levels::default();
    for tile in Tile::all(size).filter(|tile| tile.level.is_none()) {
        if let Err(damage) = take(folder, &tile, &mut read, &mut levels) {
            read.damage(damage);
            break;
        }
    }
    for tile in Tile::all(levels.size()).filter(|tile| tile.level.is_some()) {
        let path = tile.path();
        let expected = levels.tile(&tile);
        match read_tile(&folder.join(&path)) {
            Ok(bytes) if Some(&bytes) == expected.as_ref() => {}
            Ok(_) => read.damage(Damage::Tile { path }),
            Err(source) => read.damage(Damage::Unreadable { path, source }),
        }
    }
    Ok(read.end())
}

/// The most bytes that a bundle of entries has: 256 of them with 16-bit lengths.
const LARGEST: u64 = 256 * (2 + 0xFFFF);

/// A file of an export, and never more of it than the largest has.
pub(crate) fn read_tile(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST { Err(std::io::Error::other("it is larger than any tile")) } else { Ok(bytes) }
}

fn take(folder: &Path, tile: &Tile, read: &mut Read, levels: &mut Levels) -> Result<(), Damage> {
    let path = tile.path();
    let bytes = read_tile(&folder.join(&path)).map_err(|source| Damage::Unreadable { path: path.clone(), source })?;
    let hashes = Tile { level: Some(0), ..*tile };
    // Without the tile of hashes the entries are still held against the root.
    let expected = read_tile(&folder.join(hashes.path())).unwrap_or_default();
    let expected: &[Hash] = expected.as_chunks().0;
    let found = entries(&bytes).filter(|entries| entries.len() as u64 == tile.width);
    let Some(found) = found else { return Err(Damage::Bundle { path, first: levels.size() }) };
    for (at, entry) in found.iter().enumerate() {
        let leaf = leaf_hash(entry);
        read.take(entry, leaf, expected.get(at));
        levels.push(leaf);
    }
    Ok(())
}
