//! Savepoints of the scheduler: when one is written, and how a start goes on from it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rondo_eventlog::{Fault, Ledger};
use rondo_runtime::clock::Stopwatch;
use rondo_runtime::lifecycle::with_sources;
use rondo_runtime::savepoint::{SavepointError, Savepoints};
use rondo_runtime::subscription::Subscription;

use crate::Scheduler;
use crate::knowledge::Knowledge;

/// Of a long log so large a part is worth another savepoint, which costs as much as it saves.
const PART: u64 = 16;
/// A savepoint is written when nothing is due for so long, or for as long as it takes when that is more.
const SPARE: Duration = Duration::from_secs(5);
/// So many times what is worth a savepoint is not let come without one, whatever is due.
const AT_MOST: u64 = 4;

impl Scheduler {
    /// One that goes on from a savepoint. Where there is none that is whole and of this program and log, it has read nothing
    /// yet, and it is said why.
    ///
    /// # Errors
    /// The ledger's fault.
    pub async fn resume(ledger: Arc<dyn Ledger>, savepoints: &Savepoints) -> Result<Self, Fault> {
        match Self::from_savepoint(&ledger, savepoints).await? {
            Ok(scheduler) => Ok(scheduler.unwrap_or_else(|| Self::new(ledger))),
            Err(error) => {
                let (path, error) = (savepoints.path().display(), with_sources(&error));
                tracing::info!("the whole log is read, and not the savepoint {path}: {error}");
                Ok(Self::new(ledger))
            }
        }
    }

    async fn from_savepoint(
        ledger: &Arc<dyn Ledger>,
        savepoints: &Savepoints,
    ) -> Result<Result<Option<Self>, SavepointError>, Fault> {
        let here = savepoints.clone();
        let mut reader = match blocking(move || here.open()).await {
            Ok(Some(reader)) => reader,
            Ok(None) => return Ok(Ok(None)),
            Err(error) => return Ok(Err(error)),
        };
        let Some(subscription) = Subscription::resume(Arc::clone(ledger), reader.reached()).await? else {
            return Ok(Err(SavepointError::OtherLog));
        };
        let knowledge = blocking(move || Knowledge::restored(&mut reader)).await;
        Ok(knowledge.map(|knowledge| Some(Self::at(Arc::clone(ledger), subscription, knowledge))))
    }

    /// How many records it has read, or needs not read any more.
    pub fn position(&self) -> u64 {
        self.subscription.position()
    }

    /// Whether another one has read as much, knows the same of it and would do the same.
    pub fn agrees_with(&self, other: &Self) -> bool {
        self.position() == other.position() && self.knowledge.agrees_with(&other.knowledge)
    }

    /// Writes a savepoint, if it rests: what it has read is then acted on; whether it was written.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&mut self, savepoints: &Savepoints) -> io::Result<bool> {
        if !self.rests || self.position() == 0 {
            return Ok(false);
        }
        let watch = Stopwatch::start();
        // One that cannot be written is not tried again before there is more to be saved.
        self.saved_to = self.position();
        let written = savepoints.write(self.subscription.reached(), |writer| self.knowledge.save(writer));
        self.took = watch.elapsed();
        written.map(|()| true)
    }

    /// Writes a savepoint where one is worth its while and keeps nothing waiting, in a thread of its own. One that cannot be
    /// written costs time at the next start, and nothing else.
    pub(crate) async fn keep_savepoint(&mut self, savepoints: &Savepoints, when: When) {
        let read = self.position() - self.saved_to;
        let worth = savepoints.worth.max(self.position() / PART);
        let is_time = match when {
            When::AtEnd => read >= savepoints.worth,
            When::UntilDue(spare) => read >= worth * AT_MOST || read >= worth && spare >= SPARE.max(self.took * 2),
        };
        if !is_time || !self.rests {
            return;
        }
        let (here, nobody) = (savepoints.clone(), Self::new(Arc::clone(&self.ledger)));
        let mut scheduler = std::mem::replace(self, nobody);
        let (scheduler, written) = blocking(move || {
            let written = scheduler.save(&here);
            (scheduler, written)
        })
        .await;
        *self = scheduler;
        if let Err(error) = written {
            let (path, error) = (savepoints.path().display(), with_sources(&error));
            tracing::warn!("the savepoint {path} cannot be written; the next start takes longer: {error}");
        }
    }
}

/// When a savepoint may be written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum When {
    /// The process ends, and its next start is to be quick.
    AtEnd,
    /// Nothing is due for so long.
    UntilDue(Duration),
}

impl When {
    /// Until something is due.
    pub(crate) fn until(now: Timestamp, next: Option<Timestamp>) -> Self {
        let spare = next.map(|next| next.duration_since(now).max(SignedDuration::ZERO));
        Self::UntilDue(spare.map_or(Duration::MAX, SignedDuration::unsigned_abs))
    }
}

/// Does what keeps a thread busy where no other task waits for it.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await.map_err(tokio::task::JoinError::try_into_panic) {
        Ok(done) => done,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        // The runtime is being shut down: nobody waits for this any more.
        Err(Err(_)) => std::future::pending().await,
    }
}
