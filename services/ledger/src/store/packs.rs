//! Packs: 16 records under one number, cut into parts that stay below the size sled handles well.

use bytes::{BufMut, Bytes, BytesMut};
use rondo_eventlog::Fault;

/// Records in a pack.
pub const PACK: u64 = 16;

/// The largest value of one key; a value near 128 KiB would go to files that sled never syncs.
const PART: usize = 6 * 1024;

fn key(number: u64, part: u16) -> [u8; 10] {
    let mut key = [0; 10];
    key[..8].copy_from_slice(&number.to_be_bytes());
    key[8..].copy_from_slice(&part.to_be_bytes());
    key
}

pub(super) fn put(tree: &sled::Tree, number: u64, records: &[Bytes]) -> Result<(), Fault> {
    let mut whole = BytesMut::with_capacity(records.iter().map(|record| record.len() + 4).sum());
    for record in records {
        whole.put_u32_le(record.len() as u32);
        whole.extend_from_slice(record);
    }
    for (part, bytes) in whole.chunks(PART).enumerate() {
        tree.insert(key(number, part as u16), bytes).map_err(super::fault)?;
    }
    Ok(())
}

pub(super) fn get(tree: &sled::Tree, number: u64) -> Result<Option<Vec<Bytes>>, Fault> {
    let mut whole = BytesMut::new();
    for part in tree.scan_prefix(number.to_be_bytes()) {
        whole.extend_from_slice(&part.map_err(super::fault)?.1);
    }
    if whole.is_empty() {
        return Ok(None);
    }
    let whole = whole.freeze();
    let mut records = Vec::with_capacity(PACK as usize);
    let mut at = 0;
    while at < whole.len() {
        let length = whole.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
        let end = length.map_or(usize::MAX, |length| at + 4 + length as usize);
        if end > whole.len() {
            return Err(Fault::Corrupt(format!(
                "pack {number} of the store is damaged; delete the folder `index`, it is rebuilt"
            )));
        }
        records.push(whole.slice(at + 4..end));
        at = end;
    }
    Ok(Some(records))
}
