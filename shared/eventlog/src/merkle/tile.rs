//! Tiles (C2SP tlog-tiles): the tree in files of 256 hashes, the entries in bundles of 256, and the paths of both.

use super::proof::Subtrees;
use super::tree::{Hash, node_hash};

/// Hashes in a full tile, entries in a full bundle.
pub const WIDTH: u64 = 256;

/// The levels a tile may have.
pub const LEVELS: u8 = 8;

/// A tile or a bundle of entries: which, and how wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    /// The level of hashes; nothing for a bundle of entries.
    pub level: Option<u8>,
    /// Its index within the level.
    pub index: u64,
    /// How many hashes or entries: 1 to 256.
    pub width: u64,
}

impl Tile {
    /// The path below the log's prefix: `tile/1/x001/x234/067.p/17`, `tile/entries/000`.
    pub fn path(&self) -> String {
        let level = self.level.map_or_else(|| "entries".to_owned(), |level| level.to_string());
        let mut groups = vec![format!("{:03}", self.index % 1_000)];
        let mut rest = self.index / 1_000;
        while rest > 0 {
            groups.push(format!("x{:03}", rest % 1_000));
            rest /= 1_000;
        }
        groups.reverse();
        let partial = if self.width == WIDTH { String::new() } else { format!(".p/{}", self.width) };
        format!("tile/{level}/{}{partial}", groups.join("/"))
    }

    /// How many records a tree must have to have this tile; nothing where no tree can.
    pub fn end(&self) -> Option<u64> {
        let hashes = self.index.checked_mul(WIDTH)?.checked_add(self.width)?;
        hashes.checked_mul(1_u64.checked_shl(8 * u32::from(self.level.unwrap_or(0)))?)
    }

    /// The tile that a path names, `tile/` included; nothing for any other spelling of it.
    pub fn from_path(path: &str) -> Option<Self> {
        let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let level = if level == "entries" { None } else { Some(level.parse().ok().filter(|level| *level < LEVELS)?) };
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, width.parse().ok().filter(|width| (1..WIDTH).contains(width))?),
            None => (rest, WIDTH),
        };
        let mut index: u64 = 0;
        for group in number.split('/') {
            let digits = group.strip_prefix('x').unwrap_or(group);
            index = index.checked_mul(1_000)?.checked_add(digits.parse().ok()?)?;
        }
        let tile = Self { level, index, width };
        // One spelling alone names a tile: no missing zeroes, no needless groups.
        (tile.path() == path).then_some(tile)
    }

    /// Every tile and bundle of a tree of this size that is full, and the partial ones at its right edge.
    pub fn all(size: u64) -> impl Iterator<Item = Self> {
        let levels = std::iter::once(None).chain((0..LEVELS).map(Some));
        levels.flat_map(move |level| {
            let count = size >> (8 * u32::from(level.unwrap_or(0)));
            let full = (0..count / WIDTH).map(move |index| Self { level, index, width: WIDTH });
            let edge = Some(Self { level, index: count / WIDTH, width: count % WIDTH });
            full.chain(edge.filter(|edge| edge.width > 0))
        })
    }
}

/// The hashes of a tree by level: at each, the roots of its full tiles of the level below.
#[derive(Debug, Clone, Default)]
pub struct Levels {
    levels: Vec<Vec<Hash>>,
}

impl Levels {
    /// Adds a leaf by its hash.
    pub fn push(&mut self, leaf: Hash) {
        push(&mut self.levels, 0, leaf);
    }

    /// How many leaves.
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// The bytes of a tile of hashes, if the tree has it.
    pub fn tile(&self, tile: &Tile) -> Option<Vec<u8>> {
        let hashes = self.levels.get(usize::from(tile.level?))?;
        let start = usize::try_from(tile.index.checked_mul(WIDTH)?).ok()?;
        Some(hashes.get(start..start + tile.width as usize)?.concat())
    }
}

fn push(levels: &mut Vec<Vec<Hash>>, level: usize, hash: Hash) {
    if levels.len() == level {
        levels.push(Vec::new());
    }
    levels[level].push(hash);
    let end = levels[level].len();
    if (end as u64).is_multiple_of(WIDTH) {
        let root = fold(&levels[level][end - WIDTH as usize..]);
        push(levels, level + 1, root);
    }
}

/// The root over a power of two of hashes.
pub fn fold(hashes: &[Hash]) -> Hash {
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = row.chunks_exact(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
    }
    row.first().copied().unwrap_or_default()
}

/// Where the subtree of `2^level` leaves at `index` is found: the tile level, the first hash there, and how many.
pub fn place(level: u32, index: u64) -> (u8, u64, u64) {
    let within = level % 8;
    ((level / 8) as u8, index << within, 1 << within)
}

impl Subtrees for Levels {
    type Error = OutOfTree;

    fn subtree(&self, level: u32, index: u64) -> Result<Hash, OutOfTree> {
        let (level, first, count) = place(level, index);
        let range = || {
            let first = usize::try_from(first).ok()?;
            self.levels.get(usize::from(level))?.get(first..first.checked_add(count as usize)?)
        };
        range().map(fold).ok_or(OutOfTree)
    }
}

/// A subtree that the tree does not have was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the tree has no such subtree")]
pub struct OutOfTree;

/// A bundle of entries: each with its length before it, 16 bits, big-endian. An entry is at most 65,535 bytes.
pub fn bundle<B: AsRef<[u8]>>(entries: &[B]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.iter().map(|entry| entry.as_ref().len() + 2).sum());
    for entry in entries.iter().map(AsRef::as_ref) {
        bytes.extend((entry.len() as u16).to_be_bytes());
        bytes.extend(entry);
    }
    bytes
}

/// The entries of a bundle; nothing where a length leads beyond its end.
pub fn entries(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk::<2>()?;
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        entries.push(entry);
        bytes = rest;
    }
    Some(entries)
}

#[cfg(test)]
mod tests {
    use super::super::proof;
    use super::super::tree::{Frontier, leaf_hash};
    use super::*;

    #[test]
    fn a_tree_of_70000_has_the_tiles_that_the_standard_counts() {
        let all: Vec<Tile> = Tile::all(70_000).collect();
        let count = |level: Option<u8>, full: bool| {
            all.iter().filter(|tile| tile.level == level && (tile.width == WIDTH) == full).count()
        };
        assert_eq!((count(Some(0), true), count(Some(1), true), count(Some(2), true)), (273, 1, 0));
        let edges: Vec<String> = all.iter().filter(|tile| tile.width < WIDTH).map(Tile::path).collect();
        assert_eq!(edges, ["tile/entries/273.p/112", "tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]);
    }

    #[test]
    fn a_path_names_one_tile_and_a_tile_has_one_path() {
        for (level, index, width) in [(Some(0), 1_234_067, 256), (Some(3), 0, 1), (None, 999, 255), (None, 1_000, 256)]
        {
            let tile = Tile { level, index, width };
            assert_eq!(Tile::from_path(&tile.path()), Some(tile));
        }
        assert_eq!(Tile { level: Some(1), index: 1_234_067, width: 256 }.path(), "tile/1/x001/x234/067");
        let others = [
            "tile/0/1",
            "tile/0/x000/001",
            "tile/0/001/002",
            "tile/0/000.p/256",
            "tile/0/000.p/0",
            "tile/8/000",
            "tile/0/000.p/01",
            "tile/00/000",
            "tile/0/../001",
            "tile/entries/",
            "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        ];
        for other in others {
            assert_eq!(Tile::from_path(other), None, "{other}");
        }
    }

    #[test]
    fn the_levels_have_the_root_of_the_frontier_and_tiles_of_their_widths() {
        let (mut levels, mut frontier) = (Levels::default(), Frontier::default());
        for n in 0..66_000u32 {
            let leaf = leaf_hash(&n.to_be_bytes());
            levels.push(leaf);
            frontier.push(leaf);
        }
        assert_eq!(proof::root(&levels, 0, levels.size()).unwrap(), frontier.root());
        for tile in Tile::all(levels.size()).filter(|tile| tile.level.is_some()) {
            assert_eq!(levels.tile(&tile).unwrap().len() as u64, tile.width * 32);
        }
        assert_eq!(levels.subtree(3, 8_250), Err(OutOfTree));
    }

    #[test]
    fn a_bundle_comes_apart_as_it_was_put_together() {
        let all = [b"one".to_vec(), Vec::new(), vec![7; 65_535]];
        let bytes = bundle(&all);
        assert_eq!(entries(&bytes).unwrap(), all.iter().map(Vec::as_slice).collect::<Vec<_>>());
        assert_eq!(entries(&bytes[..bytes.len() - 1]), None);
    }
}
