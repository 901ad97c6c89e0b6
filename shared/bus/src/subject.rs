//! The subjects. What is asked of the ledger carries the sender's name in the subject, so that the broker's permissions say who may
//! ask as whom, and the ledger knows into whose inbox an answer may go.

/// What the ledger is asked: `rondo.ledger.VERB.SENDER`.
const LEDGER: &str = "rondo.ledger";
/// The verbs.
pub(crate) const SUBMIT: &str = "submit";
pub(crate) const READ: &str = "read";
pub(crate) const STREAMS: &str = "streams";
pub(crate) const HEAD: &str = "head";
pub(crate) const PROBE: &str = "probe";
pub(crate) const CHECKPOINT: &str = "checkpoint";
pub(crate) const KEY: &str = "key";
pub(crate) const TILE: &str = "tile";
pub(crate) const STORE: &str = "store";
pub(crate) const FETCH: &str = "fetch";
/// How ledgers stand to the log, told by each of them to all of them.
pub(crate) const CLAIM: &str = "rondo.ledger.claim";
/// Asks who has the log.
pub(crate) const LEADS: &str = "rondo.ledger.leads";
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

/// The subject under which a sender asks the ledger this; `*` for every sender.
pub(crate) fn asks(verb: &str, sender: &str) -> String {
    format!("{LEDGER}.{verb}.{sender}")
}

/// The sender of a request, by its subject.
pub(crate) fn sender(subject: &str) -> &str {
    subject.rsplit('.').next().unwrap_or_default()
}

/// A client's own inbox prefix: a client that may read another's inbox would read its answers.
pub fn prefix(client: &str) -> String {
    format!("_INBOX.{client}")
}

/// Whether a subject is in that client's inbox, and nothing else.
pub(crate) fn is_inbox_of(client: &str, subject: &str) -> bool {
    let below = subject.strip_prefix("_INBOX.").and_then(|rest| rest.strip_prefix(client)?.strip_prefix('.'));
    below.is_some_and(|below| below.split('.').all(|part| !part.is_empty() && part != "*" && part != ">"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inbox_is_its_owners_alone() {
        assert!(is_inbox_of("reminder", "_INBOX.reminder.a1.b2"));
        let others = ["_INBOX.reminder", "_INBOX.reminder.", "_INBOX.reminders.a", "_INBOX.gateway.a", "rondo.begun"];
        for other in others.into_iter().chain(["_INBOX.reminder.>", "_INBOX.reminder.*", "x._INBOX.reminder.a", ""]) {
            assert!(!is_inbox_of("reminder", other), "{other}");
        }
    }
}
