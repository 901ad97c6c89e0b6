//! What somebody says that they were shown of a log which lacks it: their word, which proves nothing.

use serde::{Deserialize, Serialize};

use crate::reason::is_hidden;

/// Who says something against a log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Speaker {
    /// A witness of the policy.
    Witness {
        /// Its name there.
        name: String,
        /// Its public key in hexadecimal: it stays the same under another name.
        key: String,
    },
    /// A role on the bus, by the name of its user.
    Role(String),
}

impl Speaker {
    /// Whether it is the same one.
    pub fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Witness { key, .. }, Self::Witness { key: other, .. }) => key == other,
            _ => self == other,
        }
    }
}

impl std::fmt::Display for Speaker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Witness { name, .. } => write!(f, "the witness {name}"),
            Self::Role(name) => write!(f, "the role {name}"),
        }
    }
}

/// How much of a log somebody says that they were shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// Who.
    pub by: Speaker,
    /// How many records.
    pub size: u64,
    /// The root over them (RFC 6962, SHA-256, in hexadecimal), where they say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
}

impl Heard {
    /// The most words that one record holds.
    pub const MOST: usize = 64;

    /// Whether it can stand in a record: names are short and show all that is in them, and a root is one.
    pub fn is_well_formed(&self) -> bool {
        let is_name = |text: &str| !text.is_empty() && text.len() <= 256 && !text.chars().any(is_hidden);
        let is_named = match &self.by {
            Speaker::Witness { name, key } => is_name(name) && is_name(key),
            Speaker::Role(name) => is_name(name),
        };
        is_named && self.root.iter().all(|root| is_root(root))
    }
}

/// Whether a text is a root: 64 hexadecimal digits.
pub(super) fn is_root(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|digit| digit.is_ascii_hexdigit())
}
