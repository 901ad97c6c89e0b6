//! How answers of the port travel: records as lines of their stored bytes, failures as JSON with a kind.

use bytes::Bytes;
use rondo_domain::Rejection;
use serde::{Deserialize, Serialize};

use crate::codec;
use crate::ledger::{Fault, SubmitError};
use crate::merkle::{Hash, Tile};
use crate::record::Record;

/// A failure on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Failure {
    /// The command was refused.
    Rejected {
        /// Why.
        rejection: Rejection,
    },
    /// The ledger has stopped and did not take the request.
    Stopped,
    /// The ledger was lost before it answered: nobody knows whether it acted on the request.
    Unreachable {
        /// What was tried.
        what: String,
    },
    /// The ledger does not have what the asker knows of this log.
    DoesNotExtend {
        /// What is missing.
        what: String,
    },
    /// Somebody holds a checkpoint by this log's key that the log does not extend.
    Contradicted {
        /// Who holds what.
        what: String,
    },
    /// The ledger takes nothing for now.
    NotNow {
        /// Why.
        what: String,
    },
    /// There is no such thing.
    NotFound {
        /// What.
        what: String,
    },
    /// The request asks for what is never given.
    Refused {
        /// Why.
        what: String,
    },
    /// Something broke on the other side.
    Broken {
        /// What.
        what: String,
    },
}

impl From<&Fault> for Failure {
    fn from(fault: &Fault) -> Self {
        match fault {
            Fault::Stopped => Self::Stopped,
            Fault::Unreachable { what, .. } => Self::Unreachable { what: what.clone() },
            Fault::DoesNotExtend(what) => Self::DoesNotExtend { what: what.clone() },
            Fault::Contradicted(what) => Self::Contradicted { what: what.clone() },
            Fault::NotNow(what) => Self::NotNow { what: what.clone() },
            Fault::NotFound(what) => Self::NotFound { what: what.clone() },
            Fault::Refused(what) => Self::Refused { what: what.clone() },
            other => Self::Broken { what: other.to_string() },
        }
    }
}

impl From<&SubmitError> for Failure {
    fn from(error: &SubmitError) -> Self {
        match error {
            SubmitError::Rejected(rejection) => Self::Rejected { rejection: rejection.clone() },
            SubmitError::Fault(fault) => fault.into(),
        }
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Stopped => Self::Stopped,
            Failure::Unreachable { what } => Self::unreachable(what),
            Failure::DoesNotExtend { what } => Self::DoesNotExtend(what),
            Failure::Contradicted { what } => Self::Contradicted(what),
            Failure::NotNow { what } => Self::NotNow(what),
            Failure::NotFound { what } => Self::NotFound(what),
            Failure::Refused { what } => Self::Refused(what),
            Failure::Broken { what } => Self::Protocol(what),
            Failure::Rejected { rejection } => Self::Protocol(format!("a refusal where none can be: {rejection}")),
        }
    }
}

impl From<Failure> for SubmitError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Rejected { rejection } => Self::Rejected(rejection),
            other => Self::Fault(other.into()),
        }
    }
}

/// The bytes of a tile's hashes, one after the other.
pub fn to_bytes(hashes: &[Hash]) -> Bytes {
    Bytes::from(hashes.concat())
}

/// The hashes of a tile from its bytes.
///
/// # Errors
/// When the bytes are not that many hashes.
pub fn from_bytes(bytes: &[u8], tile: &Tile) -> Result<Vec<Hash>, Fault> {
    let (hashes, rest) = bytes.as_chunks();
    if rest.is_empty() && hashes.len() as u64 == tile.width {
        Ok(hashes.to_vec())
    } else {
        Err(Fault::Protocol(format!("{} bytes came as the tile {}", bytes.len(), tile.path())))
    }
}

/// Records as lines: a stored record is one line of JSON and never holds a line end.
pub fn to_lines(records: &[Record]) -> Bytes {
    let mut lines = Vec::with_capacity(records.iter().map(|record| record.bytes.len() + 1).sum());
    for record in records {
        lines.extend_from_slice(&record.bytes);
        lines.push(b'\n');
    }
    Bytes::from(lines)
}

/// Records from lines.
///
/// # Errors
/// When a line is no record.
pub fn from_lines(lines: &Bytes) -> Result<Vec<Record>, Fault> {
    lines
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| {
            codec::decode(&lines.slice_ref(line)).map_err(|e| Fault::storage("a record that came over the wire", e))
        })
        .collect()
}
