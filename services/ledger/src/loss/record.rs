//! A loss, as a record of the log tells of it.

use rondo_domain::event::Event;
use rondo_domain::network::{Heard, NetworkEvent, Speaker};
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
    /// How many the ledger itself had noted as answered for, where they are more than were kept and than were signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<u64>,
    /// Who was shown how many, or others, by their word alone; the most first. It proves nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heard: Vec<Heard>,
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
        let Event::Network(event) = &record.event else { return None };
        let NetworkEvent::LogContinued { was, is, kept, signed, root, acknowledged, heard, reason } = event.clone()
        else {
            return None;
        };
        Some(Self { kept, signed, root, acknowledged, heard, was, is, reason })
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

/// The records from one position to before another, as the subject of a sentence.
fn lost(from: u64, end: u64) -> String {
    match end.saturating_sub(1) {
        last if last == from => format!("record {from} is lost"),
        last => format!("records {from} to {last} are lost"),
    }
}

/// `a`, `a and b`, `a, b and c`.
fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [before @ .., last] => format!("{} and {last}", before.join(", ")),
    }
}

impl Loss {
    /// What is known to be lost, or of another history, and from what.
    fn known(&self) -> String {
        let beyond = |size: &u64| *size > self.kept;
        let signed = self.signed.filter(beyond);
        let other = self.signed.filter(|signed| *signed <= self.kept);
        let other =
            other.map(|signed| format!("another history of {signed} records was signed as well, and is not this one"));
        let range = match (signed.max(self.acknowledged.filter(beyond)), &other) {
            (Some(end), _) => Some(lost(self.kept, end)),
            (None, Some(_)) => None,
            (None, None) => {
                let said = self.heard.iter().map(|word| word.size).filter(beyond).max();
                let nobody = || format!("records from {} on are lost, if there were any", self.kept);
                Some(said.map_or_else(nobody, |end| format!("{} by the word of others", lost(self.kept, end))))
            }
        };
        other.into_iter().chain(range).collect::<Vec<_>>().join("; ")
    }

    /// Who was shown how many records, a clause for those who say the same.
    fn said(&self) -> String {
        let same = |one: &Heard, other: &Heard| (one.size, &one.root) == (other.size, &other.root);
        let clauses = self.heard.chunk_by(same).map(|alike| shown(alike, self.kept));
        clauses.collect::<Vec<_>>().join(", and ")
    }
}

/// What those who say the same were shown of a log of which so many records are left.
fn shown(alike: &[Heard], kept: u64) -> String {
    let mut roles: Vec<&str> = Vec::new();
    let mut who: Vec<String> = Vec::new();
    for word in alike {
        match &word.by {
            Speaker::Role(name) => roles.push(name),
            witness @ Speaker::Witness { .. } => who.push(witness.to_string()),
        }
    }
    if !roles.is_empty() {
        let role = if roles.len() == 1 { "role" } else { "roles" };
        who.insert(0, format!("the {role} {}", listed(&roles)));
    }
    let who = listed(&who.iter().map(String::as_str).collect::<Vec<_>>());
    let were = if alike.len() == 1 { "was" } else { "were" };
    let size = alike.first().map_or(0, |word| word.size);
    let others = if size > kept { "" } else { "other " };
    let records = if size == 1 { "record" } else { "records" };
    format!("{who} {were} shown {size} {others}{records}")
}

impl std::fmt::Display for Loss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.known())?;
        if !self.heard.is_empty() {
            write!(f, " ({}; that is their word, and proves nothing)", self.said())?;
        }
        write!(f, ", because: {}", self.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(name: &str, size: u64) -> Heard {
        Heard { by: Speaker::Role(name.to_owned()), size, root: Some("ab".repeat(32)) }
    }

    fn witness(name: &str, size: u64) -> Heard {
        Heard { by: Speaker::Witness { name: name.to_owned(), key: "aa".to_owned() }, size, root: None }
    }

    #[test]
    fn a_loss_names_what_is_known_of_it_and_words_as_words() {
        let told = |signed: Option<u64>, acknowledged: Option<u64>, heard: &[Heard]| {
            let (was, is, reason) = ("old".to_owned(), "new".to_owned(), "fire".to_owned());
            let root = signed.map(|_| "cd".repeat(32));
            Loss { kept: 3, signed, root, acknowledged, heard: heard.to_vec(), was, is, reason }.to_string()
        };
        assert_eq!(told(None, None, &[]), "records from 3 on are lost, if there were any, because: fire");
        assert_eq!(told(Some(4), None, &[]), "record 3 is lost, because: fire");
        assert_eq!(told(Some(5), None, &[]), "records 3 to 4 are lost, because: fire");
        assert_eq!(told(Some(5), Some(7), &[]), "records 3 to 6 are lost, because: fire");
        assert_eq!(told(None, Some(4), &[]), "record 3 is lost, because: fire");
        assert_eq!(
            told(Some(2), None, &[]),
            "another history of 2 records was signed as well, and is not this one, because: fire"
        );
        let five = ["gateway", "publisher", "reminder", "scheduler", "validator"].map(|name| role(name, 5));
        assert_eq!(
            told(None, None, &five),
            "records 3 to 4 are lost by the word of others (the roles gateway, publisher, reminder, scheduler and validator were shown 5 records; that is their word, and proves nothing), because: fire"
        );
        assert_eq!(
            told(Some(4), None, &[witness("one", 9), role("scheduler", 5), role("gateway", 1)]),
            "record 3 is lost (the witness one was shown 9 records, and the role scheduler was shown 5 records, and the role gateway was shown 1 other record; that is their word, and proves nothing), because: fire"
        );
        assert_eq!(
            told(None, None, &[role("scheduler", 4)]),
            "record 3 is lost by the word of others (the role scheduler was shown 4 records; that is their word, and proves nothing), because: fire"
        );
    }
}
