//! What stood in a mail's way. Only one kind of it says anything about the contact.

use serde::{Deserialize, Serialize};

/// What stood in the way of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Obstacle {
    /// Nobody is reached at this address (RFC 3463: X.1.x, X.2.1). The one that is about the contact.
    Address,
    /// The mailbox is full (X.2.2).
    Full,
    /// It was taken for unwanted mail.
    Spam,
    /// A rule of the recipient's server, or ours towards it (X.7.x).
    Policy,
    /// Too much mail came at once.
    Rate,
    /// It is too large (X.2.3, X.3.4).
    Size,
    /// Its form or content is refused (X.6.x).
    Content,
    /// A server or the way to it is in trouble (X.3.x, X.4.x).
    Server,
    /// It waited as long as mail waits (X.4.7).
    Time,
    /// No cause was given.
    Unstated,
}

impl Obstacle {
    /// In words, as the end of "it was not delivered: …".
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Address => "nobody is reached at this address",
            Self::Full => "the mailbox is full",
            Self::Spam => "the recipient's server took it for spam",
            Self::Policy => "a rule of the recipient's server refuses it",
            Self::Rate => "too much mail came at once",
            Self::Size => "it is too large",
            Self::Content => "the recipient's server refuses its form or content",
            Self::Server => "a mail server, or the way to it, is in trouble",
            Self::Time => "it could not be delivered in time",
            Self::Unstated => "the report gives no cause",
        }
    }
}
