//! A witness's word against this log: what it shows for it is fetched and held against the log as it is by then, what comes of that is
//! kept, and it is said.

use reqwest::StatusCode;
use rondo_eventlog::merkle::Checkpoint;
use rondo_eventlog::{Head, Ledger};
use rondo_ledger::contradicted::{self, Speaker, Weighed, Word};
use rondo_runtime::lifecycle::with_sources;
use sha2::{Digest, Sha256};

use super::{NotCosigned, Witnesses, text_of};
use crate::failure::Failure;
use crate::nouns::key;
use crate::receipts;

impl Witnesses {
    /// What remains of a witness's word that it holds what this log does not extend, held against the log as it is by now and
    /// against what the log itself says is lost. What proves it is kept, as whoever looks for what happened begins there, and so is
    /// a word without proof: the next start asks for an answer of that witness.
    pub(super) async fn weighed(
        &self,
        ledger: &dyn Ledger,
        (by, url): (&Speaker, &str),
        asked: &Checkpoint,
        (seen, why): (u64, String),
    ) -> NotCosigned {
        let note = self.shown(url, &asked.origin).await;
        let weighed = match self.weighs(ledger, note.as_deref(), asked, seen).await {
            Ok(weighed) => weighed,
            // Nothing is known then, and nobody is accused of anything.
            Err(failure) => {
                return NotCosigned::Unweighed(format!(
                    "it says: {why}. Whether that is so is not known: {}",
                    failure.sentence
                ));
            }
        };
        match weighed {
            // What it shows is how this log begins: that takes back what it said before.
            Weighed::Overtaken { agrees: true } => match contradicted::withdraw(&self.data, by) {
                Ok(_) => NotCosigned::Overtaken,
                Err(error) => NotCosigned::Unweighed(with_sources(&error)),
            },
            Weighed::Overtaken { agrees: false } => NotCosigned::Overtaken,
            Weighed::Lost { kept } => NotCosigned::HoldsLost(format!(
                "it still holds what this log says is lost, from before record {kept}, where another key took over; whoever runs it has to let it forget that and take the new key"
            )),
            Weighed::Proven => {
                let note = note.unwrap_or_default();
                let why = match contradicted::keep(&self.data, &note) {
                    Ok(()) => why,
                    Err(error) => format!(
                        "{why}. It shows proof of that, which could not be kept ({}). Save what {} shows, and do not start this log where this witness cannot be asked",
                        with_sources(&error),
                        address(url, &asked.origin)
                    ),
                };
                NotCosigned::Contradicts { seen, why }
            }
            Weighed::Said => {
                let word = Word { by: by.clone(), size: seen, root: None, says: why.clone() };
                let why = match contradicted::keep_word(&self.data, word) {
                    Ok(()) => format!(
                        "{why}. It showed no proof, so its word was kept as `disputed`: a start waits until this witness has been asked again and agrees"
                    ),
                    Err(error) => format!(
                        "{why}. It showed no proof, and its word could not be kept ({}), so that the next start will not know of it: do not start this log where this witness cannot be asked",
                        with_sources(&error)
                    ),
                };
                NotCosigned::Contradicts { seen, why }
            }
        }
    }

    /// Gathers what there is to be known, and weighs the word.
    async fn weighs(
        &self,
        ledger: &dyn Ledger,
        note: Option<&str>,
        asked: &Checkpoint,
        seen: u64,
    ) -> Result<Weighed, Failure> {
        let listed = key::keys(ledger).await?;
        let mut keys = vec![ledger.key().await?.trim_end().to_owned()];
        keys.extend(listed.iter().rev().filter_map(|key| Some(key["key"].as_str()?.to_owned())));
        let shown = note.and_then(|note| contradicted::shown(note, &keys));
        let shown = match &shown {
            Some(shown) => Some((shown, self.extends(shown.head).await?)),
            None => None,
        };
        let losses = key::losses(ledger).await?;
        let is_grown = seen > asked.head.size
            && ledger.head().await?.size >= seen
            && receipts::checkpoint(ledger, seen).await.is_ok();
        Ok(contradicted::weigh(seen, shown, &losses, is_grown))
    }

    /// The checkpoint that a witness shows of this log, if it shows one.
    async fn shown(&self, url: &str, origin: &str) -> Option<String> {
        let answer = self.client.get(address(url, origin)).send().await.ok()?;
        if answer.status() != StatusCode::OK {
            return None;
        }
        text_of(answer).await.ok()
    }

    /// Whether the journal extends a head. Read from its beginning: rarely asked, and no tile is signed so far yet.
    async fn extends(&self, head: Head) -> Result<bool, Failure> {
        let data = self.data.clone();
        let read = tokio::task::spawn_blocking(move || contradicted::extends(&data, &head)).await;
        Ok(read.map_err(|e| Failure::of(&e))??)
    }
}

/// Where a witness shows what it saw of a log.
fn address(url: &str, origin: &str) -> String {
    format!("{}/{}/checkpoint", url.trim_end_matches('/'), hex::encode(Sha256::digest(origin.as_bytes())))
}
