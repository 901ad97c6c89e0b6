//! A witness's word against this log, weighed before it is believed: by what it shows, by how the log has grown meanwhile, and by
//! what the log itself says is lost.

use reqwest::StatusCode;
use rondo_eventlog::merkle::{Checkpoint, Verifier};
use rondo_eventlog::{Head, Ledger};
use rondo_ledger::contradicted;
use rondo_runtime::lifecycle::with_sources;
use sha2::{Digest, Sha256};

use super::{NotCosigned, Witnesses, text_of};
use crate::receipts;

/// What is said where a witness shows nothing that proves its word.
const NOT_KEPT: &str = "It shows no proof of that, so that none was kept and the next start does not know of it: do not start this log where this witness cannot be asked";

impl Witnesses {
    /// What remains of a witness's word that it holds what this log does not extend, held against the log as it is by now and
    /// against what the log itself says is lost. What proves it is kept: whoever looks for what happened begins there.
    pub(super) async fn weighed(
        &self,
        ledger: &dyn Ledger,
        url: &str,
        asked: &Checkpoint,
        (seen, why): (u64, String),
    ) -> NotCosigned {
        let shown = self.shown(url, &asked.origin).await;
        let by = |vkey: &str| {
            let key = Verifier::from_vkey(vkey).ok()?;
            Checkpoint::open(shown.as_ref()?, &key).ok().map(|checkpoint| checkpoint.head)
        };
        let ours = ledger.key().await.ok().and_then(|vkey| by(&vkey));
        if let (Some(head), Some(note)) = (ours, &shown) {
            if self.extends(head).await {
                // An older one than the witness speaks of answers nothing.
                if head.size >= seen {
                    return NotCosigned::Overtaken;
                }
            } else {
                return match contradicted::keep(&self.data, note) {
                    Ok(()) => NotCosigned::Contradicts { seen, why },
                    Err(error) => {
                        let told = with_sources(&error);
                        tracing::error!("what the witness shows of this log could not be kept: {told}");
                        NotCosigned::Contradicts { seen, why: format!("{why}. {NOT_KEPT}") }
                    }
                };
            }
        }
        // One that cannot be read excuses nothing.
        for loss in crate::nouns::key::losses(ledger).await.unwrap_or_default() {
            if by(&loss.was).is_some_and(|head| head.size >= seen && loss.tells_of(head.size)) {
                let kept = loss.kept;
                return NotCosigned::Away(format!(
                    "it still holds what this log says is lost, from before record {kept}, where another key took over; whoever runs it has to let it forget that and take the new key"
                ));
            }
        }
        let grown = seen > asked.head.size && ledger.head().await.is_ok_and(|head| head.size >= seen);
        if grown && receipts::checkpoint(ledger, seen).await.is_ok() {
            return NotCosigned::Overtaken;
        }
        NotCosigned::Contradicts { seen, why: format!("{why}. {NOT_KEPT}") }
    }

    /// The checkpoint that a witness shows of this log, if it shows one.
    async fn shown(&self, url: &str, origin: &str) -> Option<String> {
        let address =
            format!("{}/{}/checkpoint", url.trim_end_matches('/'), hex::encode(Sha256::digest(origin.as_bytes())));
        let answer = self.client.get(address).send().await.ok()?;
        if answer.status() != StatusCode::OK {
            return None;
        }
        text_of(answer).await.ok()
    }

    /// Whether the journal is known to extend a head. Read from its beginning: rarely asked, and no tile is signed so far yet.
    async fn extends(&self, head: Head) -> bool {
        let data = self.data.clone();
        let read = tokio::task::spawn_blocking(move || contradicted::extends(&data, &head)).await;
        matches!(read, Ok(Ok(true)))
    }
}
