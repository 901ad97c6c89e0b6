//! Frames: what requests and answers look like on the wire: a line about the log, and the body. Failures travel in a header, so
//! that bodies stay plain.
//!
//! The line of a request says how much of the log the asker knows, and is empty where that is nothing; the line of an answer says
//! the ledger's instance, and how far its log has grown. Every message has one, so that it is no header: those are taken apart
//! into maps on both sides.

use async_nats::HeaderMap;
use bytes::Bytes;
use rondo_eventlog::wire::Failure;
use rondo_eventlog::{Fault, Head};
use serde::{Deserialize, Serialize};

/// The header of a failure.
pub(crate) const FAILURE: &str = "Rondo-Failure";
/// The header of a file part's place.
pub(crate) const PART: &str = "Rondo-Part";

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

/// A body below its line.
pub(crate) fn below(line: &str, body: &[u8]) -> Bytes {
    let mut payload = Vec::with_capacity(line.len() + 1 + body.len());
    payload.extend_from_slice(line.as_bytes());
    payload.push(b'\n');
    payload.extend_from_slice(body);
    Bytes::from(payload)
}

/// The line of a message, and its body; nothing if it has no line.
pub(crate) fn taken_apart(payload: &Bytes) -> Option<(&str, Bytes)> {
    let end = payload.iter().take(LINE).position(|byte| *byte == b'\n')?;
    let line = std::str::from_utf8(payload.get(..end)?).ok()?;
    Some((line, payload.slice(end + 1..)))
}

/// The most bytes of a line that are read.
const LINE: usize = 1_024;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_its_line_and_its_body() {
        for (line, body) in [("", ""), ("7 ab log", "{}"), ("x", "a\nb\n"), ("", "\n")] {
            let (read, below) = (below(line, body.as_bytes()), body.as_bytes());
            assert_eq!(taken_apart(&read), Some((line, Bytes::copy_from_slice(below))));
        }
        let endless = "7".repeat(LINE) + "\n";
        for wrong in ["", "{}", endless.as_str()] {
            assert_eq!(taken_apart(&Bytes::copy_from_slice(wrong.as_bytes())), None, "{} bytes", wrong.len());
        }
        assert_eq!(taken_apart(&Bytes::from_static(b"\xff\n{}")), None);
    }
}
