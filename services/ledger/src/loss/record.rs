//! A loss, as a record of the log tells of it.

use rondo_domain::event::Event;
use rondo_domain::network::NetworkEvent;
use rondo_eventlog::{Head, Record, codec};
use serde::{Deserialize, Serialize};

use crate::rotation;

/// What is lost, as a record of the log says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// How many records were left; the record that says so stands there.
    pub kept: u64,
    /// How many had been signed, as far as that is known. As many as were kept or fewer: the key signed another history of the log as
    /// well, of so many records.
    pub signed: Option<u64>,
    /// The root that they had, in hexadecimal, as far as that is known.
    pub root: Option<String>,
    /// The key that had signed.
    pub was: String,
    /// The key that signs from there on.
    pub is: String,
    /// Why.
    pub reason: String,
}

impl Loss {
    /// The loss that a record tells of.
    pub fn of(record: &Record) -> Option<Self> {
        let Event::Network(NetworkEvent::LogContinued { was, is, kept, signed, root, reason }) = &record.event else {
            return None;
        };
        let (was, is, root, reason) = (was.clone(), is.clone(), root.clone(), reason.clone());
        Some(Self { kept: *kept, signed: *signed, root, was, is, reason })
    }

    /// Whether it tells of what the key before had signed over so many records and this log does not extend: they are lost, or of
    /// the other history.
    pub fn tells_of(&self, size: u64) -> bool {
        size > self.kept || self.signed.is_some_and(|signed| signed <= self.kept)
    }

    /// Whether it tells of this checkpoint: the key before had signed it, or it is the very one that the record names.
    pub(crate) fn excuses(&self, key: &str, head: &Head) -> bool {
        let named = self.signed == Some(head.size) && self.root.as_deref() == Some(&*hex::encode(head.root));
        named || (self.was == key && self.tells_of(head.size))
    }

    /// The loss that stored bytes tell of. Of most records the beginning is enough to say that they tell of none.
    pub(crate) fn in_bytes(bytes: &[u8]) -> Option<Self> {
        rotation::begins_with(bytes, "LogContinued").then_some(())?;
        Self::of(&codec::decode(&bytes::Bytes::copy_from_slice(bytes)).ok()?)
    }
}

impl std::fmt::Display for Loss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.signed {
            Some(signed) if signed <= self.kept => {
                write!(f, "another history of {signed} records was signed as well, and is not this one")?;
            }
            Some(signed) if signed == self.kept + 1 => write!(f, "record {} is lost", self.kept)?,
            Some(signed) => write!(f, "records {} to {} are lost", self.kept, signed - 1)?,
            None => write!(f, "records from {} on are lost, if there were any", self.kept)?,
        }
        write!(f, ", because: {}", self.reason)
    }
}
