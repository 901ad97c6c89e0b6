//! Packs: 32 records under one number, pressed (LZ4), and cut into parts that stay below the size sled handles well.

use bytes::{BufMut, Bytes, BytesMut};
use rondo_eventlog::Fault;
use rondo_eventlog::record::MAX_RECORD;

/// Records in a pack: alike, so that pressing them together leaves a third or less.
pub const PACK: u64 = 32;

/// The largest value of one key; a value near 128 KiB would go to files that sled never syncs.
const PART: usize = 6 * 1024;

/// Bytes of a length.
const LENGTH: usize = 4;

/// The most a pack holds before it is pressed; one that says more is damaged.
const LARGEST: usize = PACK as usize * (LENGTH + MAX_RECORD);

fn key(number: u64, part: u16) -> [u8; 10] {
    let mut key = [0; 10];
    key[..8].copy_from_slice(&number.to_be_bytes());
    key[8..].copy_from_slice(&part.to_be_bytes());
    key
}

pub(super) fn put(tree: &sled::Tree, number: u64, records: &[Bytes]) -> Result<(), Fault> {
    let mut whole = BytesMut::with_capacity(records.iter().map(|record| record.len() + LENGTH).sum());
    for record in records {
        whole.put_u32_le(record.len() as u32);
        whole.extend_from_slice(record);
    }
    let pressed = lz4_flex::compress_prepend_size(&whole);
    for (part, bytes) in pressed.chunks(PART).enumerate() {
        tree.insert(key(number, part as u16), bytes).map_err(super::fault)?;
    }
    Ok(())
}

pub(super) fn get(tree: &sled::Tree, number: u64) -> Result<Option<Vec<Bytes>>, Fault> {
    let mut pressed = Vec::new();
    for part in tree.scan_prefix(number.to_be_bytes()) {
        pressed.extend_from_slice(&part.map_err(super::fault)?.1);
    }
    if pressed.is_empty() {
        return Ok(None);
    }
    unpack(&pressed).map(Some).ok_or_else(|| {
        Fault::Corrupt(format!("pack {number} of the store is damaged; delete the folder `index`, it is rebuilt"))
    })
}

/// Reads every pack, and says how many there are.
pub(super) fn read_all(tree: &sled::Tree) -> Result<u64, Fault> {
    let (mut count, mut last) = (0, None);
    for part in tree.iter() {
        let (key, _) = part.map_err(super::fault)?;
        let number = key.first_chunk().map(|number| u64::from_be_bytes(*number));
        if number.is_some() && number != last {
            get(tree, number.unwrap_or_default())?;
            count += 1;
        }
        last = number;
    }
    Ok(count)
}

fn unpack(pressed: &[u8]) -> Option<Vec<Bytes>> {
    let length = u32::from_le_bytes(*pressed.first_chunk()?) as usize;
    if length > LARGEST {
        return None;
    }
    let whole = Bytes::from(lz4_flex::decompress_size_prepended(pressed).ok()?);
    let mut records = Vec::with_capacity(PACK as usize);
    let mut at = 0;
    while at < whole.len() {
        let length = u32::from_le_bytes(*whole.get(at..)?.first_chunk()?) as usize;
        let end = (at + LENGTH).checked_add(length).filter(|end| *end <= whole.len())?;
        records.push(whole.slice(at + LENGTH..end));
        at = end;
    }
    // A pack is stored once it is full: with fewer, a reader would ask for the same one again and again.
    (records.len() as u64 == PACK).then_some(records)
}
