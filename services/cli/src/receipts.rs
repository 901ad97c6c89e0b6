//! Receipts and proofs: made from the signed tree's tiles, and checked before they are handed out.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rondo_eventlog::merkle::proof::{self, Subtrees};
use rondo_eventlog::merkle::tile::{WIDTH, fold, place};
use rondo_eventlog::merkle::{Checkpoint, Hash, Receipt, Tile, Verifier, leaf_hash};
use rondo_eventlog::{Fault, Head, Ledger, Record};
use rondo_runtime::clock::Stopwatch;

use crate::failure::Failure;

/// How long a checkpoint over a new record is waited for; one is signed at most a second after it.
const PATIENCE: Duration = Duration::from_secs(10);

/// The tiles of a tree that were fetched so far.
struct Fetched {
    size: u64,
    tiles: RefCell<HashMap<(u8, u64), Vec<Hash>>>,
}

impl Subtrees for Fetched {
    /// The tile that is still to be fetched.
    type Error = Tile;

    fn subtree(&self, level: u32, index: u64) -> Result<Hash, Tile> {
        let (level, first, count) = place(level, index);
        let (index, at) = (first / WIDTH, (first % WIDTH) as usize);
        let tiles = self.tiles.borrow();
        let missing = || {
            let width = ((self.size >> (8 * u32::from(level))) - index * WIDTH).min(WIDTH);
            Tile { level: Some(level), index, width }
        };
        let hashes = tiles.get(&(level, index)).and_then(|tile| tile.get(at..at + count as usize));
        hashes.map(fold).ok_or_else(missing)
    }
}

/// The newest checkpoint that signs at least so many records, waited for a moment: its note and what it says.
pub(crate) async fn checkpoint(ledger: &dyn Ledger, size: u64) -> Result<(String, Checkpoint), Failure> {
    let verifier = Verifier::from_vkey(&ledger.key().await?).map_err(|e| Failure::of(&e))?;
    let waiting = Stopwatch::start();
    loop {
        let note = ledger.checkpoint().await?;
        let checkpoint = Checkpoint::open(&note, &verifier).map_err(|e| Failure::of(&e))?;
        if checkpoint.head.size >= size {
            return Ok((note, checkpoint));
        }
        if waiting.elapsed() > PATIENCE {
            let signed = checkpoint.head.size;
            let sentence =
                format!("only {signed} records are signed; without a server nothing new is. Start `rondo up`");
            return Err(Failure::try_later(sentence));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A proof made from tiles that are fetched as it asks for them.
async fn from_tiles<T>(
    ledger: &dyn Ledger,
    size: u64,
    prove: impl Fn(&Fetched) -> Result<T, Tile>,
) -> Result<T, Failure> {
    let fetched = Fetched { size, tiles: RefCell::default() };
    // A proof touches a few tiles a level.
    for _ in 0..64 {
        match prove(&fetched) {
            Ok(proof) => return Ok(proof),
            Err(tile) => {
                let hashes = ledger.tile(tile).await?;
                let key = (tile.level.unwrap_or_default(), tile.index);
                fetched.tiles.borrow_mut().insert(key, hashes);
            }
        }
    }
    Err(Fault::Protocol("the tiles of the tree do not have the widths that its size gives them".to_owned()).into())
}

/// A receipt for a record, and the record.
pub(crate) async fn receipt(ledger: &dyn Ledger, position: u64) -> Result<(Receipt, Record), Failure> {
    let head = ledger.head().await?;
    if position >= head.size {
        let sentence = format!("there is no record {position}; the log has {} records, from 0 on", head.size);
        return Err(Failure::not_found(sentence));
    }
    let (note, checkpoint) = checkpoint(ledger, position + 1).await?;
    let missing = || Failure::not_found(format!("there is no record {position}"));
    let record = ledger.read(position, 1).await?.into_iter().next().ok_or_else(missing)?;
    let size = checkpoint.head.size;
    let path = from_tiles(ledger, size, |tiles| proof::inclusion(tiles, position, size)).await?;
    if !proof::includes(&leaf_hash(&record.bytes), position, size, &path, &checkpoint.head.root) {
        return Err(unsound());
    }
    for loss in crate::nouns::key::losses(ledger).await? {
        crate::output::hint(&format!("The log says: {loss}"));
    }
    Ok((Receipt { index: position, path, checkpoint: note }, record))
}

/// The proof that the log extends the tree of its first `old` records.
pub(crate) async fn consistency(ledger: &dyn Ledger, old: u64) -> Result<(Checkpoint, Vec<Hash>), Failure> {
    let (_, checkpoint) = checkpoint(ledger, old).await?;
    let proof = consistency_up_to(ledger, old, &checkpoint.head).await?;
    Ok((checkpoint, proof))
}

/// The proof that the tree with this signed head extends that of its first `old` records, held against the head.
pub(crate) async fn consistency_up_to(ledger: &dyn Ledger, old: u64, head: &Head) -> Result<Vec<Hash>, Failure> {
    let Head { size, root } = head;
    let size = *size;
    let proof = from_tiles(ledger, size, |tiles| proof::consistency(tiles, old, size)).await?;
    let was = from_tiles(ledger, old, |tiles| proof::root(tiles, 0, old)).await?;
    if !proof::extends((old, &was), (size, root), &proof) {
        return Err(unsound());
    }
    Ok(proof)
}

/// The refusal to hand out a proof that would convince nobody.
fn unsound() -> Failure {
    Failure::failed(
        "the proof does not hold: the hashes of the tree are damaged. Run `rondo audit verify`; then stop, delete the folder `tree`, and start again: it is written anew",
    )
}

/// Writes a receipt beside its record, as `NAME.tlog-proof` and `NAME.record`; files that are there are not written over.
pub(crate) fn write(folder: &Path, name: &str, receipt: &Receipt, record: &Record) -> Result<PathBuf, Failure> {
    let path = folder.join(format!("{name}.tlog-proof"));
    let files = [(path.clone(), receipt.text().into_bytes()), (path.with_extension("record"), record.bytes.to_vec())];
    for (path, bytes) in files {
        let failed = |e: std::io::Error| match e.kind() {
            std::io::ErrorKind::AlreadyExists => {
                Failure::conflict(format!("{} is there already; nothing was changed", path.display()))
            }
            _ => Failure::failed(format!("cannot write {}: {e}; nothing was changed", path.display())),
        };
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(&path).map_err(failed)?;
        std::io::Write::write_all(&mut file, &bytes).map_err(failed)?;
    }
    Ok(path)
}
