//! Received files travel in parts, each within one message of the bus.

use bytes::Bytes;
use rondo_domain::FileHash;

use crate::ledger::{Fault, Ledger};

/// Bytes of a file in one part.
pub const PART: usize = 512 * 1024;

/// The largest file stored: a submission, or a workflow's bundle.
pub const MAX_FILE: u64 = 16 * 1024 * 1024;

/// A part of a file that is being stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePart {
    /// The hash of the whole file.
    pub hash: FileHash,
    /// The whole file's size.
    pub total: u64,
    /// Where this part begins.
    pub offset: u64,
    /// The part.
    pub bytes: Bytes,
}

/// Stores a file whole; when this returns it is on disk under its hash.
///
/// # Errors
/// The ledger's fault.
pub async fn store(ledger: &dyn Ledger, bytes: &[u8]) -> Result<FileHash, Fault> {
    let hash = FileHash::of(bytes);
    let total = bytes.len() as u64;
    if total == 0 || total > MAX_FILE {
        return Err(Fault::Refused(format!("a file has between 1 and {MAX_FILE} bytes; this one has {total}")));
    }
    for (index, part) in bytes.chunks(PART).enumerate() {
        let part =
            FilePart { hash: hash.clone(), total, offset: (index * PART) as u64, bytes: Bytes::copy_from_slice(part) };
        ledger.store_part(part).await?;
    }
    Ok(hash)
}

/// Fetches a file whole, and checks that it is the one asked for.
///
/// # Errors
/// When there is no such file, or the ledger fails.
pub async fn fetch(ledger: &dyn Ledger, hash: &FileHash) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    loop {
        let part = ledger.fetch_part(hash, bytes.len() as u64).await?;
        if part.total > MAX_FILE || (part.bytes.is_empty() && (bytes.len() as u64) < part.total) {
            return Err(Fault::Protocol(format!("the file {hash} came in parts that do not fit together")));
        }
        bytes.extend_from_slice(&part.bytes);
        if bytes.len() as u64 >= part.total {
            break;
        }
    }
    if FileHash::of(&bytes) == *hash {
        Ok(bytes)
    } else {
        Err(Fault::Corrupt(format!("the stored file {hash} no longer has that hash")))
    }
}
