//! Savepoints of the scheduler: when one is written, and how a start goes on from it.

use std::io;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rondo_eventlog::{Fault, Ledger};
use rondo_runtime::savepoint::{SavepointError, Savepoints};
use rondo_runtime::subscription::Subscription;

use crate::Scheduler;
use crate::knowledge::Knowledge;

/// Records read since the last savepoint that are worth another one, at the least; they are read in some 40 ms.
const WORTH: u64 = 10_000;
/// Of a long log they are this part of all: a savepoint costs as much as it saves.
const PART: u64 = 16;
/// A savepoint is written when nothing is due for so long.
const SPARE: SignedDuration = SignedDuration::from_secs(5);

impl Scheduler {
    /// One that goes on from a savepoint. Where there is none that is whole and of this program and log, it has read nothing
    /// yet, and it is said why.
    ///
    /// # Errors
    /// The ledger's fault.
    pub async fn resume(ledger: Arc<dyn Ledger>, savepoints: &Savepoints) -> Result<Self, Fault> {
        let passed = |error: &SavepointError| {
            let path = savepoints.path().display();
            // A new version of the program is no cause for alarm.
            if matches!(error, SavepointError::OtherProgram) {
                tracing::info!("the whole log is read: of the savepoint {path}, {error}");
            } else {
                tracing::warn!("the whole log is read, and not the savepoint {path}: {error}");
            }
        };
        let mut reader = match savepoints.open() {
            Ok(Some(reader)) => reader,
            Ok(None) => return Ok(Self::new(ledger)),
            Err(error) => {
                passed(&error);
                return Ok(Self::new(ledger));
            }
        };
        let Some(subscription) = Subscription::resume(Arc::clone(&ledger), reader.place()).await? else {
            passed(&SavepointError::OtherLog);
            return Ok(Self::new(ledger));
        };
        Ok(match blocking(move || Knowledge::restored(&mut reader)).await {
            Ok(knowledge) => Self::at(ledger, subscription, knowledge),
            Err(error) => {
                passed(&error);
                Self::new(ledger)
            }
        })
    }

    /// How many records it has read, or needs not read any more.
    pub fn position(&self) -> u64 {
        self.subscription.position()
    }

    /// Writes a savepoint, unless something is left that a start has to try once more; whether it was written.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&mut self, savepoints: &Savepoints) -> io::Result<bool> {
        if !self.is_settled() {
            return Ok(false);
        }
        // One that cannot be written is not tried again before there is more to be saved.
        self.saved = self.subscription.position();
        savepoints.write(self.subscription.place(), |writer| self.knowledge.save(writer)).map(|()| true)
    }

    fn is_settled(&self) -> bool {
        self.rests && self.knowledge.is_settled() && self.subscription.position() > 0
    }

    /// Whether so much was read since the last savepoint that another one is worth its while; at the end of a process, whose
    /// start is to be quick, it need not be a part of the whole.
    pub(crate) fn is_worth_saving(&self, at_end: bool) -> bool {
        let position = self.subscription.position();
        self.is_settled() && position - self.saved >= if at_end { WORTH } else { WORTH.max(position / PART) }
    }

    /// Writes a savepoint where no other task waits for it. One that cannot be written costs time at the next start, and nothing
    /// else.
    pub(crate) async fn saved(&mut self, savepoints: &Savepoints) {
        let (here, nobody) = (savepoints.clone(), Self::new(Arc::clone(&self.ledger)));
        let mut scheduler = std::mem::replace(self, nobody);
        let (scheduler, written) = blocking(move || {
            let written = scheduler.save(&here);
            (scheduler, written)
        })
        .await;
        *self = scheduler;
        if let Err(error) = written {
            let path = savepoints.path().display();
            tracing::warn!("the savepoint {path} cannot be written; the next start takes longer: {error}");
        }
    }
}

/// Whether nothing is due for so long that a savepoint keeps nothing waiting.
pub(crate) fn has_spare_time(now: Timestamp, next: Option<Timestamp>) -> bool {
    next.is_none_or(|next| next.duration_since(now) >= SPARE)
}

/// Does what keeps a thread busy where no other task waits for it.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        // It is never cancelled, so that it has panicked; so do we.
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
}
