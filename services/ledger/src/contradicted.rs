//! What ends the signing: somebody holds a checkpoint by our key that this log does not extend.

use std::sync::OnceLock;

use rondo_eventlog::Fault;

use crate::handle::LedgerHandle;

/// Why nothing more is signed or taken, once that is so.
#[derive(Debug, Default)]
pub(crate) struct Contradicted(OnceLock<String>);

impl Contradicted {
    /// Refuses where it is so.
    pub(crate) fn is_not(&self) -> Result<(), Fault> {
        self.0.get().map_or(Ok(()), |why| Err(Fault::NotNow(why.clone())))
    }

    /// Whether it is so.
    pub(crate) fn is(&self) -> bool {
        self.0.get().is_some()
    }
}

impl LedgerHandle {
    /// Signs nothing more, not even at the end, and takes no command: somebody holds a checkpoint that this log does not extend.
    pub fn sign_no_more(&self, why: &str) {
        let _ = self.log.contradicted.0.set(why.to_owned());
    }
}
