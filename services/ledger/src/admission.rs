//! Whether the log may be written and signed: who is asked about it, and what forbids it.

use std::sync::{Arc, PoisonError, RwLock};

use rondo_eventlog::{CommitPoint, Fault};

use crate::handle::LedgerHandle;

/// Who says whether the log may be written and signed; where nobody was named, the file alone decides.
#[derive(Default)]
pub(crate) struct Point(RwLock<Option<Arc<dyn CommitPoint>>>);

impl std::fmt::Debug for Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Point").field(&self.named().is_some()).finish()
    }
}

impl Point {
    pub(crate) fn set(&self, point: Arc<dyn CommitPoint>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(point);
    }

    /// Lets go of whoever was named, once nothing is written or signed any more: they may hold the log themselves.
    pub(crate) fn let_go(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn named(&self) -> Option<Arc<dyn CommitPoint>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns once the log may be written and signed, or says why it may not.
    pub(crate) fn admit(&self) -> Result<(), Fault> {
        self.named().map_or(Ok(()), |point| point.admit())
    }

    /// Whether nobody knows for now whether it may, so that what is to be written waits.
    pub(crate) fn waits(&self) -> bool {
        self.named().is_some_and(|point| point.waits())
    }
}

impl LedgerHandle {
    /// Lets somebody else say, from now on, whether the log may be written and signed: named before anything acts on it.
    pub fn commits_at(&self, point: Arc<dyn CommitPoint>) {
        self.log.point.set(point);
    }

    /// Refuses what is to be written where the log is contradicted, or its signing key is not there.
    pub(crate) fn may_write(&self) -> Result<(), Fault> {
        self.log.contradicted.is_not_for_good()?;
        if self.reads_only {
            return Err(Fault::Refused(
                "this copy of the log has no signing key: it can be read, and nothing is recorded in it. Put the folder `keys` back where it is the log itself"
                    .to_owned(),
            ));
        }
        Ok(())
    }
}
