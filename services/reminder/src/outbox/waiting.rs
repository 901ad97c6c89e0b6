//! A notice that waits in the outbox: from when on it may leave, for whom, and what it was postponed for.

use jiff::Timestamp;
use rondo_domain::PersonId;
use rondo_domain::notice::{Notice, NoticeState, WaitsFor};

/// A notice that is still to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Waiting {
    /// Not before this instant.
    pub(super) from: Timestamp,
    /// Whether it is gathered with others from then on.
    pub(super) gathers: bool,
    pub(super) person: PersonId,
    /// What it was postponed for, if it was.
    waits_for: Option<WaitsFor>,
}

impl Waiting {
    /// Whether it waits for its recipient to be in the register of people.
    pub(super) fn is_unlisted(&self) -> bool {
        self.waits_for == Some(WaitsFor::Register)
    }

    /// Whether it waits for this recipient to be reached again.
    pub(super) fn is_unreached(&self, person: &PersonId) -> bool {
        self.waits_for == Some(WaitsFor::Contact) && self.person == *person
    }

    /// Whether it waits for a calendar that says when its recipient is at work.
    pub(super) fn is_without_calendar(&self) -> bool {
        self.waits_for == Some(WaitsFor::Calendar)
    }
}

/// Whether and from when on a notice is still to be sent.
pub(super) fn waits(notice: &Notice) -> Option<Waiting> {
    let waits_for = match &notice.state {
        NoticeState::Postponed { waits_for, .. } => *waits_for,
        _ => None,
    };
    let (from, gathers) = match &notice.state {
        NoticeState::Due => (notice.raised_at?, !notice.at_once),
        NoticeState::Postponed { until, .. } | NoticeState::Deferred { until } => (*until, false),
        _ => return None,
    };
    Some(Waiting { from, gathers, person: notice.brief.as_ref()?.person.clone(), waits_for })
}
