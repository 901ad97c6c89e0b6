//! Frames: what requests and answers look like on the wire. Failures travel in a header, so that bodies stay plain.

use async_nats::HeaderMap;
use bytes::Bytes;
use rondo_eventlog::Fault;
use rondo_eventlog::wire::Failure;
use serde::{Deserialize, Serialize};

/// The header of a failure.
pub(crate) const FAILURE: &str = "Rondo-Failure";
/// The header of a file part's place.
pub(crate) const PART: &str = "Rondo-Part";

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
