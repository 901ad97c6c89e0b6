//! Reading the log from a place on: catch up, then stay live. A nudge only says that there is something to read.

use std::sync::Arc;

use rondo_eventlog::{Fault, Ledger, Record};

/// Records taken at once.
const BATCH: usize = 500;

/// A reader's place in the log.
pub struct Subscription {
    ledger: Arc<dyn Ledger>,
    position: u64,
}

impl Subscription {
    /// Reads from the beginning.
    pub fn new(ledger: Arc<dyn Ledger>) -> Self {
        Self { ledger, position: 0 }
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
