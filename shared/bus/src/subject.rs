//! The subjects. Commands carry the sender's name in the subject, so that the broker's permissions say who may send as whom.

/// What the ledger answers.
pub(crate) const SUBMIT: &str = "rondo.ledger.submit";
pub(crate) const READ: &str = "rondo.ledger.read";
pub(crate) const STREAMS: &str = "rondo.ledger.streams";
pub(crate) const HEAD: &str = "rondo.ledger.head";
pub(crate) const PROBE: &str = "rondo.ledger.probe";
pub(crate) const CHECKPOINT: &str = "rondo.ledger.checkpoint";
pub(crate) const KEY: &str = "rondo.ledger.key";
pub(crate) const TILE: &str = "rondo.ledger.tile";
pub(crate) const STORE: &str = "rondo.ledger.store";
pub(crate) const FETCH: &str = "rondo.ledger.fetch";
/// The nudge: the log has grown.
pub(crate) const GROWN: &str = "rondo.grown";
/// A ledger begins to answer: whoever still waits for an answer of the one before asks again.
pub(crate) const BEGUN: &str = "rondo.begun";
/// How far each role has come.
pub(crate) const PROGRESS: &str = "rondo.progress";
/// The time, where somebody moves it.
pub(crate) const CLOCK: &str = "rondo.clock";
/// Asks for the time.
pub(crate) const CLOCK_ASKED: &str = "rondo.clock.asked";
/// Asks every role to say how far it has come.
pub(crate) const PROGRESS_ASKED: &str = "rondo.progress.asked";

/// A client's own inbox prefix: a client that may read another's inbox would read its answers.
pub fn prefix(client: &str) -> String {
    format!("_INBOX.{client}")
}
