//! Reading the log from a place on: catch up, then stay live. A nudge only says that there is something to read.

use std::sync::Arc;
use std::time::Duration;

use rondo_eventlog::{Fault, Ledger, Record};

use crate::backoff::Backoff;

/// Records taken at once.
const BATCH: usize = 500;

/// A reader's place in the log.
pub struct Subscription {
    ledger: Arc<dyn Ledger>,
    position: u64,
    backoff: Backoff,
}

impl Subscription {
    /// Reads from the beginning.
    pub fn new(ledger: Arc<dyn Ledger>) -> Self {
        let backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));
        Self { ledger, position: 0, backoff }
    }

    /// How many records were handed out.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Hands every record up to the present head to `each`, in order. A fault that passes is waited out.
    ///
    /// # Errors
    /// A fault that does not pass.
    pub async fn catch_up(&mut self, mut each: impl FnMut(&Record)) -> Result<(), Fault> {
        loop {
            match self.ledger.read(self.position, BATCH).await {
                Ok(records) => {
                    self.backoff.reset();
                    for record in &records {
                        each(record);
                        self.position = record.position + 1;
                    }
                    // A read may end early because its answer is full, so that only an empty one is the end.
                    if records.is_empty() {
                        return Ok(());
                    }
                }
                Err(fault) if fault.is_passing() => self.pause("reading", &fault).await,
                Err(fault) => return Err(fault),
            }
        }
    }

    /// Returns when the log has more than was handed out, or after a while.
    ///
    /// # Errors
    /// A fault that does not pass.
    pub async fn nudged(&mut self) -> Result<(), Fault> {
        match self.ledger.wait(self.position).await {
            Ok(_) => Ok(()),
            Err(fault) if fault.is_passing() => {
                self.pause("waiting for", &fault).await;
                Ok(())
            }
            Err(fault) => Err(fault),
        }
    }

    async fn pause(&mut self, doing: &str, fault: &Fault) {
        let wait = self.backoff.wait();
        tracing::warn!(wait_ms = wait.as_millis() as u64, "{doing} the log failed for now: {fault}");
        tokio::time::sleep(wait).await;
    }
}
