//! The port to the log: submit, read, head, wait. The services know the log by this alone.

use std::error::Error;

use async_trait::async_trait;
use rondo_domain::{Command, FileHash, Rejection};
use serde::{Deserialize, Serialize};

use crate::files::FilePart;
use crate::merkle::{Hash, Tile};
use crate::record::Record;

/// The most records one read returns.
pub const MAX_READ: usize = 1_000;

/// Bytes of records after which a read ends, so that an answer fits a message of the bus.
pub const MAX_READ_BYTES: usize = 700 * 1024;

/// Whether records read by [`Ledger::read_streams`] with this limit are the last ones there are.
pub fn is_last(records: &[Record], limit: usize) -> bool {
    records.len() < limit.min(MAX_READ)
        && records.iter().map(|record| record.bytes.len()).sum::<usize>() <= MAX_READ_BYTES
}

/// What an accepted command did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// The position of its first record; with `count` 0, the head at the time.
    pub first: u64,
    /// How many records.
    pub count: u64,
    /// Whether it had been accepted before and this is that answer again.
    pub repeated: bool,
}

impl Accepted {
    /// The number of records a reader must have seen to know of it.
    pub fn end(&self) -> u64 {
        self.first + self.count
    }

    /// Whether it recorded something that a reader who had read `seen` records when it decided cannot have known. A service
    /// whose command did not would decide the same again, for ever.
    pub fn is_progress(&self, seen: u64) -> bool {
        self.count > 0 && self.end() > seen
    }
}

/// How far the log has grown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// How many records it has.
    pub size: u64,
    /// The root of the tree over them (RFC 6962, SHA-256).
    pub root: [u8; 32],
}

/// Something broke; the sender cannot mend it by another wish.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The ledger cannot be reached, or was lost before it answered: nobody knows whether it acted on the request.
    #[error("the ledger cannot be reached: {what}")]
    Unreachable {
        /// What was tried.
        what: String,
        /// Why it failed.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// The ledger is stopping or has stopped, and did not take the request.
    #[error("the ledger has stopped; nothing was recorded by this request")]
    Stopped,
    /// The ledger does not have what the asker knows of this log: it is an older copy, or another history or log.
    #[error("{0}")]
    DoesNotExtend(String),
    /// Somebody holds a checkpoint by this log's key that the log does not extend: nothing is taken before a person has seen to it.
    #[error("{0}")]
    Contradicted(String),
    /// The ledger takes nothing for now; the same request may be taken later.
    #[error("{0}")]
    NotNow(String),
    /// What is stored is not what was stored.
    #[error("{0}")]
    Corrupt(String),
    /// The request or the answer does not fit the protocol.
    #[error("{0}")]
    Protocol(String),
    /// The request asks for what is never given.
    #[error("{0}")]
    Refused(String),
    /// There is no such thing.
    #[error("{0} is not stored here")]
    NotFound(String),
    /// The disk or the store failed.
    #[error("{what}")]
    Storage {
        /// What was tried.
        what: String,
        /// Why it failed.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl Fault {
    /// A storage fault with its source.
    pub fn storage(what: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Storage { what: what.into(), source: source.into() }
    }

    /// The ledger was lost before it answered.
    pub fn unreachable(what: impl Into<String>) -> Self {
        Self::Unreachable { what: what.into(), source: None }
    }

    /// The same refusal for another who waits for it: by its kind, and with its sources in words. Nothing was recorded, so that one
    /// that was lost on the way comes again as one that may be asked later.
    pub fn again(&self) -> Self {
        match self {
            Self::Unreachable { .. } | Self::NotNow(_) => Self::NotNow(with_sources(self)),
            Self::Stopped => Self::Stopped,
            Self::DoesNotExtend(why) => Self::DoesNotExtend(why.clone()),
            Self::Contradicted(why) => Self::Contradicted(why.clone()),
            Self::Corrupt(why) => Self::Corrupt(why.clone()),
            Self::Protocol(why) => Self::Protocol(why.clone()),
            Self::Refused(why) => Self::Refused(why.clone()),
            Self::NotFound(what) => Self::NotFound(what.clone()),
            Self::Storage { what, source } => Self::storage(what.clone(), with_sources(&**source)),
        }
    }

    /// Whether the same request may succeed later. A service waits out all of them; two of them pass only once a person has put
    /// the newest log in the place of this one.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Stopped | Self::NotNow(_))
            || matches!(self, Self::DoesNotExtend(_) | Self::Contradicted(_))
    }

    /// Whether nobody knows if the request was acted on. The same request again, with the same id, is safe.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    /// The stable code of a fault that its sender can act on.
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::Unreachable { .. } => Some("ledger.unreachable"),
            Self::Stopped => Some("ledger.stopped"),
            Self::NotNow(_) => Some("ledger.not-now"),
            Self::DoesNotExtend(_) => Some("ledger.does-not-extend"),
            Self::Contradicted(_) => Some("ledger.contradicted"),
            _ => None,
        }
    }
}

/// An error and all its sources, in one line.
pub fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// Why a command has no effect.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// It was refused.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// Something broke.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl SubmitError {
    /// Whether the same command may succeed later.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Fault(fault) if fault.is_passing())
    }

    /// Whether the command's id stands for another one that was recorded. To a service, whose ids are born of causes, that says
    /// that the cause has had its effect, as far as it was known then; the same again would change nothing.
    pub fn is_used_otherwise(&self) -> bool {
        matches!(self, Self::Rejected(Rejection::IdUsedOtherwise { .. }))
    }
}

/// The log, as everything but the ledger itself knows it.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Decides a command. When this returns `Ok`, its records are on disk.
    async fn submit(&self, command: Command) -> Result<Accepted, SubmitError>;

    /// Records in the order of the log, from a position on; at most `limit` and [`MAX_READ`], none after [`MAX_READ_BYTES`].
    async fn read(&self, from: u64, limit: usize) -> Result<Vec<Record>, Fault>;

    /// Records of every stream whose name begins so, by stream and version; `after` is the last one already read. There are
    /// fewer than `limit` and [`MAX_READ`] only at the end, or where those before are more than [`MAX_READ_BYTES`]: see
    /// [`is_last`].
    async fn read_streams(&self, prefix: &str, after: Option<(&str, u64)>, limit: usize) -> Result<Vec<Record>, Fault>;

    /// How far the log has grown.
    async fn head(&self) -> Result<Head, Fault>;

    /// Tries the way that a command goes, up to the disk, and records nothing. A port that reaches the log by another one asks
    /// that; where there is no such way, the head is all there is to ask for.
    async fn probe(&self) -> Result<Head, Fault> {
        self.head().await
    }

    /// Returns once the log has more than `size` records, or after a while all the same: a nudge, not a promise.
    async fn wait(&self, size: u64) -> Result<Head, Fault>;

    /// The newest signed checkpoint, as its note.
    async fn checkpoint(&self) -> Result<String, Fault>;

    /// The log's public key in vkey form (C2SP signed-note).
    async fn key(&self) -> Result<String, Fault>;

    /// The hashes of a tile of the signed tree (C2SP tlog-tiles).
    async fn tile(&self, tile: Tile) -> Result<Vec<Hash>, Fault>;

    /// Stores a part of a file; the file is there once its last part is.
    async fn store_part(&self, part: FilePart) -> Result<(), Fault>;

    /// A part of a stored file.
    async fn fetch_part(&self, hash: &FileHash, offset: u64) -> Result<FilePart, Fault>;
}

/// Every record of the streams whose name begins so.
///
/// # Errors
/// The ledger's fault.
pub async fn read_all(ledger: &dyn Ledger, prefix: &str) -> Result<Vec<Record>, Fault> {
    let mut records: Vec<Record> = Vec::new();
    loop {
        let after = records.last().map(|record| (record.stream.to_string(), record.version));
        let after = after.as_ref().map(|(stream, version)| (stream.as_str(), *version));
        let more = ledger.read_streams(prefix, after, MAX_READ).await?;
        let last = is_last(&more, MAX_READ);
        records.extend(more);
        if last {
            return Ok(records);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_again_keeps_its_kind_and_tells_its_sources() {
        let away = Fault::Unreachable { what: "asking".to_owned(), source: Some("the line is cut".into()) };
        assert!(matches!(away.again(), Fault::NotNow(told) if told.ends_with("asking: the line is cut")));
        let broken = Fault::storage("asking the witnesses panicked", "index out of bounds").again();
        assert!(
            matches!(&broken, Fault::Storage { what, .. } if what == "asking the witnesses panicked"),
            "{broken:?}"
        );
        assert_eq!(broken.source().map(ToString::to_string).as_deref(), Some("index out of bounds"));
        assert!(!broken.is_passing(), "a defect is not waited out");
        assert!(matches!(Fault::Corrupt("bent".to_owned()).again(), Fault::Corrupt(told) if told == "bent"));
        assert_eq!(Fault::DoesNotExtend("older".to_owned()).again().code(), Some("ledger.does-not-extend"));
    }
}
