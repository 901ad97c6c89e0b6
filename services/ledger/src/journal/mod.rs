//! The journal: the truth, an append-only sequence of groups of records in segment files.
//!
//! A segment is named after the position of its first record, 20 digits and `.journal`, and begins with a header of
//! 32 bytes: the magic `RONDO\0J1`, the first position (u64), zeros, and the CRC-32C of the 28 bytes before (u32).
//! Then follow groups. A group is what one `fdatasync` made durable: 32 bytes of header (the magic `RONDO\0G1`, the
//! position of its first record as u64, the count of records as u32, the length of the body as u32, four zeros, and the
//! CRC-32C of the 28 bytes before and the body) and the body: each record as its length (u32) and its bytes. All numbers
//! are little-endian.
//!
//! Since a group is written only after the one before it is durable, a bad group with a good one after it is damage of
//! something that was acknowledged, and stops the ledger. A bad group with none after it is cut, unless it was acknowledged:
//! the checkpoint, the index and the file `acknowledged` tell how many records were. A journal that holds fewer is damaged.

mod fold;
mod frame;
mod lock;
mod point;
mod reader;
mod writer;

pub use fold::{AtDamage, Folded, Placed, Span, fold, hash, root_at};
pub use frame::{FIRST, GROUP_HEADER, Location, SEGMENT_HEADER, encode_group};
pub use lock::Held;
pub use point::PointReader;
pub use reader::{Group, JournalReader, Tail, holds, judge, recover, segments, strangers};
pub use writer::{JournalWriter, SEGMENT_SIZE};

use std::io;
use std::path::PathBuf;

/// Why the journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system failed.
    #[error("{what} {path}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Another process appends to it.
    #[error("{0} is held by another process; nothing was changed")]
    Held(PathBuf),
    /// Somebody else came between.
    #[error(
        "{path} is no longer this ledger's alone: {what}. Nothing more is recorded. See to it that one process alone has the data directory, then start again"
    )]
    Taken {
        /// The segment.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// Bytes that were acknowledged are damaged.
    #[error(
        "the journal is damaged at byte {offset} of {path}, where record {position} should begin: {what}. Nothing was changed. Restore this file from a backup; what stands before that byte is whole"
    )]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// The record expected there.
        position: u64,
        /// What is wrong.
        what: String,
    },
}

impl JournalError {
    pub(crate) fn io(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }
}
