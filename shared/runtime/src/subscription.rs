//! Reading the log from a place on: catch up, then stay live. A nudge only says that there is something to read.

use std::sync::Arc;

use bytes::Bytes;
use rondo_eventlog::merkle::leaf_hash;
use rondo_eventlog::{Fault, Ledger, Record};

use crate::savepoint::Reached;

/// Records taken at once.
const BATCH: usize = 500;

/// A reader's place in the log.
pub struct Subscription {
    ledger: Arc<dyn Ledger>,
    position: u64,
    /// The last record that was handed out.
    last: Bytes,
}

impl Subscription {
    /// Reads from the beginning.
    pub fn new(ledger: Arc<dyn Ledger>) -> Self {
        Self { ledger, position: 0, last: Bytes::new() }
    }

    /// Reads on from a place where somebody was before; nothing, if this log has no such reached.
    ///
    /// # Errors
    /// The ledger's fault.
    pub async fn resume(ledger: Arc<dyn Ledger>, reached: &Reached) -> Result<Option<Self>, Fault> {
        let Some(before) = reached.position.checked_sub(1) else { return Ok(None) };
        let last = ledger.read(before, 1).await?.pop().map(|record| record.bytes).unwrap_or_default();
        let same = leaf_hash(&last) == reached.last;
        Ok(same.then_some(Self { ledger, position: reached.position, last }))
    }

    /// How far this reader is, to be resumed there.
    pub fn reached(&self) -> Reached {
        Reached { position: self.position, last: leaf_hash(&self.last) }
    }

    /// How many records were handed out.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Hands every record up to the present head to `each`, in order.
    ///
    /// # Errors
    /// The ledger's fault.
    pub async fn catch_up(&mut self, mut each: impl FnMut(&Record)) -> Result<(), Fault> {
        loop {
            let records = self.ledger.read(self.position, BATCH).await?;
            // A read may end early because its answer is full, so that only an empty one is the end.
            if records.is_empty() {
                return Ok(());
            }
            for record in &records {
                each(record);
                self.position = record.position + 1;
            }
            // A copy: a record's bytes may be a part of a whole answer's.
            self.last = records.last().map(|record| Bytes::copy_from_slice(&record.bytes)).unwrap_or_default();
            // A ledger in this process answers at once: whoever else has something to do gets their turn between two batches.
            tokio::task::yield_now().await;
        }
    }

    /// Returns when the log has more than was handed out, or after a while.
    ///
    /// # Errors
    /// The ledger's fault.
    pub async fn nudged(&mut self) -> Result<(), Fault> {
        self.ledger.wait(self.position).await.map(|_| ())
    }
}
