//! One hash over the whole state that the log folds into, to be compared between two installations of one version.

use rondo_domain::StreamId;
use rondo_domain::event::Aggregate;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::ledger::{Fault, Ledger, MAX_READ, is_last};

/// The whole state, in a few words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct State {
    /// How many streams there are.
    pub streams: u64,
    /// How many records they have.
    pub records: u64,
    /// SHA-256 over each stream's name, number of records and state, in the order of their names; in hexadecimal. The form
    /// of a state is the program's own, and so is the hash.
    pub sha256: String,
}

/// Folds every stream, one after the other, and hashes what comes of them.
///
/// # Errors
/// The ledger's fault.
pub async fn hash(ledger: &dyn Ledger) -> Result<State, Fault> {
    let mut whole = Sha256::new();
    let (mut streams, mut records) = (0, 0);
    let mut open: Option<(StreamId, u64, Aggregate)> = None;
    let close = |whole: &mut Sha256, (stream, version, state): (StreamId, u64, Aggregate)| {
        whole.update(format!("{stream}\n{}\n{state:?}\n", version + 1));
    };
    loop {
        let after = open.as_ref().map(|(stream, version, _)| (stream.as_str().to_owned(), *version));
        let after = after.as_ref().map(|(stream, version)| (stream.as_str(), *version));
        let more = ledger.read_streams("", after, MAX_READ).await?;
        let last = is_last(&more, MAX_READ);
        for record in more {
            records += 1;
            if let Some(other) = open.take_if(|(stream, ..)| *stream != record.stream) {
                close(&mut whole, other);
            }
            let (_, version, state) = open.get_or_insert_with(|| {
                streams += 1;
                (record.stream.clone(), 0, Aggregate::new(record.stream.kind()))
            });
            *version = record.version;
            state.evolve(&record.event, &record.stamp());
        }
        if last {
            break;
        }
    }
    if let Some(last) = open {
        close(&mut whole, last);
    }
    Ok(State { streams, records, sha256: hex::encode(whole.finalize()) })
}
