//! A mail of a round, as its records tell what became of it.

use jiff::Timestamp;
use rondo_domain::notice::{NoticeBrief, NoticeEvent};

/// A mail as its records tell it.
pub(super) struct Mail {
    pub(super) brief: NoticeBrief,
    /// Under which Message-ID it was offered, from which record on.
    pub(super) messages: Vec<(u64, String)>,
    pub(super) events: Vec<(Timestamp, NoticeEvent)>,
    /// Where each event stands.
    pub(super) places: Vec<u64>,
}

impl Mail {
    /// The Message-ID under which it was being sent when the log had so many records.
    pub(super) fn under_way(&self, size: u64) -> Option<&str> {
        let last = self.places.iter().rposition(|place| *place < size)?;
        let (place, message) = self.messages.iter().rfind(|(place, _)| *place < size)?;
        (self.places[last] == *place).then_some(message)
    }

    /// Whether it was offered to a mail server by then.
    pub(super) fn tried(&self, by: Timestamp) -> bool {
        self.events.iter().any(|(at, event)| *at <= by && matches!(event, NoticeEvent::NoticeAttempted { .. }))
    }
}
