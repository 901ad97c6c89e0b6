//! Reading: what a read gathers, as much as fits an answer, and where it is done.

use std::path::Path;

use bytes::Bytes;
use rondo_eventlog::Fault;
use rondo_eventlog::ledger::MAX_READ_BYTES;

/// Records of a read, as they are gathered.
pub(crate) struct Collected {
    from: u64,
    limit: usize,
    bytes: usize,
    pub(crate) found: Vec<Bytes>,
}

impl Collected {
    /// Up to `limit` records from a position on.
    pub(crate) fn new(from: u64, limit: usize) -> Self {
        Self { from, limit, bytes: 0, found: Vec::new() }
    }

    /// The position of the next record.
    pub(crate) fn position(&self) -> u64 {
        self.from + self.found.len() as u64
    }

    /// Takes a record, if there is room for it.
    pub(crate) fn take(&mut self, record: Bytes) -> bool {
        if self.found.len() == self.limit || self.bytes > MAX_READ_BYTES {
            return false;
        }
        self.bytes += record.len();
        self.found.push(record);
        true
    }
}

/// Reads from the disk beside those who are answered, and not in their place.
pub(crate) async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Fault::Stopped)?
}

/// The text of a file.
pub(crate) async fn read_text(path: &Path) -> Result<String, Fault> {
    match tokio::fs::read_to_string(path).await {
        Ok(text) => Ok(text),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(Fault::NotFound(path.display().to_string())),
        Err(e) => Err(Fault::storage(format!("cannot read {}", path.display()), e)),
    }
}
