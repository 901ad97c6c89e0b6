//! Heads that went by: what the log's root was at an earlier size, for those who know it by that.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rondo_eventlog::merkle::{Frontier, Hash, proof};
use rondo_eventlog::{Fault, Head, History};

use crate::handle::LedgerHandle;
use crate::loss::Loss;
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

    async fn is_denied(&self, by: &str, known: Head, why: &str) -> Result<bool, Fault> {
        let network = rondo_eventlog::ledger::read_all(self, "network").await?;
        if network.iter().filter_map(Loss::of).any(|loss| loss.tells_of(known.size)) {
            return Ok(false);
        }
        let (handle, by, why) = (self.clone(), by.to_owned(), why.to_owned());
        beside(move || {
            handle.hears(&by, known, &why);
            Ok(true)
        })
        .await
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
