//! Frames: what requests and answers look like on the wire. Failures travel in a header, so that bodies stay plain.

use async_nats::HeaderMap;
use bytes::Bytes;
use rondo_eventlog::wire::Failure;
use rondo_eventlog::{Fault, Head};
use serde::{Deserialize, Serialize};

/// The header of a failure.
pub(crate) const FAILURE: &str = "Rondo-Failure";
/// The header of a file part's place.
pub(crate) const PART: &str = "Rondo-Part";

/// The header of an answer: the ledger's instance, and how far its log has grown.
pub(crate) const LEDGER: &str = "Rondo-Ledger";
/// The header of a request: how much of the log the asker knows.
pub(crate) const KNOWS: &str = "Rondo-Knows";

/// What somebody knows of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known<'t> {
    /// The log's name.
    pub(crate) origin: &'t str,
    pub(crate) head: Head,
}

impl std::fmt::Display for Known<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut root = [0; 64];
        hex::encode_to_slice(self.head.root, &mut root).map_err(|_| std::fmt::Error)?;
        write!(f, "{} {} {}", self.head.size, std::str::from_utf8(&root).unwrap_or_default(), self.origin)
    }
}

impl<'t> Known<'t> {
    /// Reads it back, if it is one.
    pub(crate) fn parse(text: &'t str) -> Option<Self> {
        let mut parts = text.splitn(3, ' ');
        let size = parts.next()?.parse().ok()?;
        let mut root = [0; 32];
        hex::decode_to_slice(parts.next()?, &mut root).ok()?;
        Some(Self { origin: parts.next()?, head: Head { size, root } })
    }
}

/// Which records are wanted.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ReadRequest {
    pub(crate) from: u64,
    pub(crate) limit: usize,
}

/// Which streams are wanted.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StreamsRequest {
    pub(crate) prefix: String,
    pub(crate) after: Option<(String, u64)>,
    pub(crate) limit: usize,
}

/// A part's place in its file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PartPlace {
    pub(crate) hash: rondo_domain::FileHash,
    pub(crate) offset: u64,
    pub(crate) total: u64,
}

pub(crate) fn encode(value: &impl Serialize) -> Result<Bytes, Fault> {
    serde_json::to_vec(value).map(Bytes::from).map_err(|e| Fault::Protocol(format!("a request cannot be written: {e}")))
}

pub(crate) fn decode<'b, T: Deserialize<'b>>(bytes: &'b [u8]) -> Result<T, Fault> {
    serde_json::from_slice(bytes).map_err(|e| Fault::Protocol(format!("a message of the bus is malformed: {e}")))
}

/// The failure of an answer, if it is one.
pub(crate) fn failure(headers: Option<&HeaderMap>) -> Option<Failure> {
    let text = headers?.get(FAILURE)?;
    Some(serde_json::from_str(text.as_str()).unwrap_or_else(|_| Failure::Broken { what: text.to_string() }))
}
