//! Heads that went by: what the log's root was at an earlier size, for those who know it by that; and whether the log may be
//! written and signed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rondo_eventlog::merkle::{Frontier, Hash, proof};
use rondo_eventlog::{CommitPoint, Fault, Head, History};

use crate::handle::LedgerHandle;
use crate::notary::TREE;
use crate::reading::beside;
use crate::tree::TreeReader;

/// The most heads that are remembered; older ones are found in the signed tree.
const MOST: usize = 16_384;
/// How long a record may stay unsigned at the most, while somebody asks for the root before it.
const UNSIGNED: Duration = Duration::from_secs(5);

/// The newest heads, one for each group that was brought to the disk.
#[derive(Debug, Default)]
pub(crate) struct Past(Mutex<VecDeque<Head>>);

impl Past {
    pub(crate) fn add(&self, head: Head) {
        let mut heads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if heads.len() == MOST {
            heads.pop_front();
        }
        heads.push_back(head);
    }

    /// The root at this size, if a group ended there lately.
    pub(crate) fn root_at(&self, size: u64) -> Option<Hash> {
        let heads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = heads.binary_search_by_key(&size, |head| head.size).ok()?;
        heads.get(found).map(|head| head.root)
    }
}

/// Who says whether the log may be written and signed; where nobody was named, the file alone decides.
#[derive(Default)]
pub(crate) struct Point(OnceLock<Arc<dyn CommitPoint>>);

impl std::fmt::Debug for Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Point").field(&self.0.get().is_some()).finish()
    }
}

impl Point {
    pub(crate) fn set(&self, point: Arc<dyn CommitPoint>) {
        // Named once, before anything acts; a second name changes nothing.
        let _ = self.0.set(point);
    }

    /// Returns once the log may be written and signed, or says why it may not.
    pub(crate) fn admit(&self) -> Result<(), Fault> {
        self.0.get().map_or(Ok(()), |point| point.admit())
    }
}

impl LedgerHandle {
    /// Lets somebody else say, from now on, whether the log may be written and signed: named before anything acts on it.
    pub fn commits_at(&self, point: Arc<dyn CommitPoint>) {
        self.log.point.set(point);
    }

    /// Refuses to write where the signing key is not there.
    pub(crate) fn may_write(&self) -> Result<(), Fault> {
        self.log.contradicted.is_not()?;
        if self.reads_only {
            return Err(Fault::Refused(
                "this copy of the log has no signing key: it can be read, and nothing is recorded in it. Put the folder `keys` back where it is the log itself"
                    .to_owned(),
            ));
        }
        Ok(())
    }
}

#[async_trait]
impl History for LedgerHandle {
    async fn root_at(&self, size: u64) -> Result<Option<Hash>, Fault> {
        let head = self.log.head();
        if size > head.size {
            return Ok(None);
        }
        if size == 0 || size == head.size {
            return Ok(Some(if size == 0 { Frontier::default().root() } else { head.root }));
        }
        if let Some(root) = self.log.past.root_at(size) {
            return Ok(Some(root));
        }
        let mut signed = self.log.signed.subscribe();
        let reached = async { signed.wait_for(|signed| *signed >= size).await.is_ok() };
        if tokio::time::timeout(UNSIGNED, reached).await != Ok(true) {
            return Err(Fault::NotNow(format!("the ledger has not signed {size} records yet")));
        }
        let tree = TreeReader::new(&self.data.join(TREE));
        let read = move || proof::root(&tree, 0, size);
        let unread = |e| Fault::storage("cannot read the hashes of the tree", e);
        beside(move || read().map(Some).map_err(unread)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_heads_are_found_by_their_size() {
        let past = Past::default();
        for n in 0..MOST as u64 + 10 {
            past.add(Head { size: n * 3, root: [n as u8; 32] });
        }
        assert_eq!(past.root_at(MOST as u64 * 3), Some([MOST as u8; 32]));
        assert_eq!(past.root_at(MOST as u64 * 3 + 1), None, "no group ended there");
        assert_eq!(past.root_at(9 * 3), None, "it is forgotten");
    }
}
