//! The commit point: what has to be known before records count. On one machine the journal's file is it; where several
//! machines could write, somebody else says whose turn it is.

use async_trait::async_trait;

use crate::ledger::{Fault, Head, Ledger};
use crate::merkle::Hash;

/// Says whether a ledger still has the log to itself.
///
/// It is asked by the committer before it appends a group, and by the notary before it signs.
pub trait CommitPoint: Send + Sync {
    /// Returns once it is known that this ledger may write and sign. Blocks its thread while nobody knows.
    ///
    /// # Errors
    /// When it may not, and why; nothing may be appended or signed by it from then on.
    fn admit(&self) -> Result<(), Fault>;

    /// Whether `admit` would wait now, as nobody knows. What waits for that is held up by no disk.
    fn waits(&self) -> bool {
        false
    }
}

/// A log in the hands of whoever stores it, who alone can say what stood at its end at an earlier size.
#[async_trait]
pub trait History: Ledger {
    /// The root of the tree over the first `size` records (RFC 6962, SHA-256); nothing if there are fewer.
    ///
    /// # Errors
    /// The ledger's fault.
    async fn root_at(&self, size: u64) -> Result<Option<Hash>, Fault>;

    /// Notes that somebody was shown a head of this log that it does not have, and is about to be told so: it is an older copy or
    /// another history. Says whether that closes the log: whoever signs it then signs and takes nothing, until a person has seen to
    /// it. It does not where the log itself says that those records are lost, nor where nothing is signed.
    ///
    /// # Errors
    /// The ledger's fault.
    async fn is_denied(&self, by: &str, known: Head, why: &str) -> Result<bool, Fault>;
}
