//! The signed tree's hashes on disk, one file a level, so that a proof reads a few kilobytes and hashes nothing again.
//!
//! `tree/level-0` holds the hash of every leaf, `tree/level-1` the root of every 256 of them, and so on: a tile (C2SP
//! tlog-tiles) is a slice of one file, whatever its width. All of it follows from the journal: what is missing, short or
//! does not have the signed root is written anew.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rondo_eventlog::Head;
use rondo_eventlog::merkle::proof::{self, Subtrees};
use rondo_eventlog::merkle::tile::{self, LEVELS, WIDTH};
use rondo_eventlog::merkle::{Hash, Tile};

/// Bytes of a hash.
const HASH: u64 = 32;

fn path(folder: &Path, level: usize) -> PathBuf {
    folder.join(format!("level-{level}"))
}

struct Level {
    file: File,
    /// Hashes that are not in the file yet.
    waiting: Vec<u8>,
    /// The hashes of the tile that is not full.
    open: Vec<Hash>,
}

/// The writer of the files.
pub(crate) struct TreeWriter {
    folder: PathBuf,
    levels: Vec<Level>,
}

impl TreeWriter {
    /// A writer that goes on at a tree of this size and root; nothing where the files do not hold that tree.
    pub(crate) fn resume(folder: &Path, head: Head) -> io::Result<Option<Self>> {
        if head.size == 0 {
            return Ok(None);
        }
        let mut writer = Self { folder: folder.to_owned(), levels: Vec::new() };
        for level in 0.. {
            let count = head.size >> (8 * level);
            if count == 0 {
                break;
            }
            let path = path(folder, level);
            let file = match OpenOptions::new().read(true).append(true).open(&path) {
                Ok(file) => file,
                Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(e) => return Err(e),
            };
            if file.metadata()?.len() < count * HASH {
                return Ok(None);
            }
            file.set_len(count * HASH)?;
            let open = read(&file, count / WIDTH * WIDTH, count % WIDTH)?;
            writer.levels.push(Level { file, waiting: Vec::new(), open });
        }
        // A level that the signed tree does not reach holds what was written and never signed: it would be gone on with.
        for level in writer.levels.len()..usize::from(LEVELS) {
            match fs::remove_file(path(folder, level)) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
        }
        let tree = TreeReader::new(folder);
        Ok((proof::root(&tree, 0, head.size)? == head.root).then_some(writer))
    }

    /// A writer of an empty tree, in place of whatever is there.
    pub(crate) fn anew(folder: &Path) -> io::Result<Self> {
        match fs::remove_dir_all(folder) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => fs::create_dir(folder)?,
        }
        Ok(Self { folder: folder.to_owned(), levels: Vec::new() })
    }

    /// Adds a leaf by its hash.
    pub(crate) fn push(&mut self, leaf: Hash) -> io::Result<()> {
        let (mut level, mut hash) = (0, leaf);
        loop {
            if level == self.levels.len() {
                let file = OpenOptions::new().read(true).append(true).create(true).open(path(&self.folder, level))?;
                self.levels.push(Level { file, waiting: Vec::new(), open: Vec::new() });
            }
            let at = &mut self.levels[level];
            at.waiting.extend(hash);
            at.open.push(hash);
            if (at.open.len() as u64) < WIDTH {
                return Ok(());
            }
            hash = tile::fold(&at.open);
            at.open.clear();
            level += 1;
        }
    }

    /// Brings what was added into the files. They are not synced while the log grows: what a machine that goes down takes is written anew.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        for level in &mut self.levels {
            level.file.write_all(&level.waiting)?;
            level.waiting.clear();
            level.waiting.shrink_to(1 << 16);
        }
        Ok(())
    }
}

/// Waits until the files are on the device.
pub(crate) fn sync(folder: &Path) -> io::Result<()> {
    if !folder.exists() {
        // A log that is opened to record a loss has signed nothing yet.
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        File::open(entry?.path())?.sync_data()?;
    }
    File::open(folder)?.sync_all()
}

/// A reader of the files.
#[derive(Debug, Clone)]
pub(crate) struct TreeReader {
    folder: PathBuf,
}

impl TreeReader {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// The hashes of a tile.
    pub(crate) fn tile(&self, tile: &Tile) -> io::Result<Vec<Hash>> {
        let level = usize::from(tile.level.unwrap_or_default());
        read(&File::open(path(&self.folder, level))?, tile.index * WIDTH, tile.width)
    }
}

/// The hashes of the leaves alone, kept open: they are asked for with every record.
#[derive(Debug)]
pub(crate) struct Leaves {
    path: PathBuf,
    file: OnceLock<File>,
}

impl Leaves {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { path: path(folder, 0), file: OnceLock::new() }
    }

    /// The hash of a leaf of the signed tree; the files of an unsigned one may still be replaced.
    pub(crate) fn hash(&self, position: u64) -> io::Result<Hash> {
        let mut hash = [0; HASH as usize];
        self.file()?.read_exact_at(&mut hash, position * HASH)?;
        Ok(hash)
    }

    /// The hashes of so many leaves of the signed tree.
    pub(crate) fn hashes(&self, first: u64, count: u64) -> io::Result<Vec<Hash>> {
        read(self.file()?, first, count)
    }

    fn file(&self) -> io::Result<&File> {
        if let Some(file) = self.file.get() {
            return Ok(file);
        }
        let file = File::open(&self.path)?;
        Ok(self.file.get_or_init(|| file))
    }
}

impl Subtrees for TreeReader {
    type Error = io::Error;

    fn subtree(&self, level: u32, index: u64) -> io::Result<Hash> {
        let (level, first, count) = tile::place(level, index);
        Ok(tile::fold(&read(&File::open(path(&self.folder, usize::from(level)))?, first, count)?))
    }
}

fn read(file: &File, first: u64, count: u64) -> io::Result<Vec<Hash>> {
    let mut bytes = vec![0; (count * HASH) as usize];
    file.read_exact_at(&mut bytes, first * HASH)?;
    Ok(bytes.as_chunks().0.to_vec())
}

#[cfg(test)]
mod tests {
    use rondo_eventlog::merkle::{Frontier, leaf_hash};

    use super::*;

    #[test]
    fn a_level_beyond_the_signed_size_is_not_gone_on_with() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("tree");
        let mut writer = TreeWriter::anew(&folder).unwrap();
        let mut signed = Frontier::default();
        for n in 0..300u32 {
            let leaf = leaf_hash(&n.to_be_bytes());
            if n < 200 {
                signed.push(leaf);
            }
            writer.push(leaf).unwrap();
        }
        writer.flush().unwrap();
        let head = Head { size: 200, root: signed.root() };
        // What was written beyond 200 was never signed, and its first tile at level 1 stands there.
        let mut writer = TreeWriter::resume(&folder, head).unwrap().unwrap();
        for n in 1_000..1_400u32 {
            let leaf = leaf_hash(&n.to_be_bytes());
            signed.push(leaf);
            writer.push(leaf).unwrap();
        }
        writer.flush().unwrap();
        assert_eq!(proof::root(&TreeReader::new(&folder), 0, 600).unwrap(), signed.root());
        assert!(TreeWriter::resume(&folder, Head { size: 600, root: signed.root() }).unwrap().is_some());
    }

    #[test]
    fn files_are_gone_on_with_cut_back_or_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("tree");
        let mut writer = TreeWriter::anew(&folder).unwrap();
        let mut frontier = Frontier::default();
        let mut heads = Vec::new();
        for n in 0..1_000u32 {
            let leaf = leaf_hash(&n.to_be_bytes());
            heads.push(Head { size: frontier.size(), root: frontier.root() });
            writer.push(leaf).unwrap();
            frontier.push(leaf);
        }
        writer.flush().unwrap();
        // Written and not signed: it is cut back to what was.
        let mut writer = TreeWriter::resume(&folder, heads[700]).unwrap().unwrap();
        for n in 700..900u32 {
            writer.push(leaf_hash(&n.to_be_bytes())).unwrap();
        }
        writer.flush().unwrap();
        assert!(TreeWriter::resume(&folder, heads[900]).unwrap().is_some());
        let tile = Tile { level: Some(1), index: 0, width: 3 };
        assert_eq!(TreeReader::new(&folder).tile(&tile).unwrap().len(), 3);
        assert!(TreeWriter::resume(&folder, heads[950]).unwrap().is_none(), "it is short");
        let other = Head { root: [1; 32], ..heads[900] };
        assert!(TreeWriter::resume(&folder, other).unwrap().is_none(), "it has another root");
        TreeWriter::anew(&folder).unwrap();
        assert!(TreeWriter::resume(&folder, heads[900]).unwrap().is_none(), "it is gone");
    }
}
