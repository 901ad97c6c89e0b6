//! Where a notice stands in the large: what every reader that counts or chooses mail has to see alike.

use super::NoticeState;

/// Where a notice stands in the large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeStanding {
    /// Nothing was decided yet.
    Unraised,
    /// It is still to be sent.
    Waits,
    /// A sending has begun and has no end yet.
    BeingSent,
    /// It has left, and nothing is known that kept it from arriving; it may be delayed.
    Left,
    /// It was not sent, or not again, because that was not needed any more.
    Suppressed,
    /// It did not arrive, or nobody knows whether it did.
    Astray,
}

impl NoticeState {
    /// Where it stands in the large.
    pub fn standing(&self) -> NoticeStanding {
        match self {
            Self::Unraised => NoticeStanding::Unraised,
            Self::Due | Self::Postponed { .. } | Self::Deferred { .. } => NoticeStanding::Waits,
            Self::Attempted => NoticeStanding::BeingSent,
            Self::Sent | Self::Delivered | Self::Answered => NoticeStanding::Left,
            Self::Suppressed { .. } => NoticeStanding::Suppressed,
            Self::Refused { .. } | Self::Bounced { .. } | Self::Undelivered { .. } | Self::Unknown => {
                NoticeStanding::Astray
            }
        }
    }
}
