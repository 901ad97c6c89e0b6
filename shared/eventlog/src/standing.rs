//! How a stream stands: its state, its next version, and what was answered in it. It is what commands are decided on, wherever
//! a log is kept, and follows from the stream's records.

use std::collections::HashMap;

use rondo_domain::event::Aggregate;
use rondo_domain::rejection::Otherwise;
use rondo_domain::stream::StreamKind;
use rondo_domain::{CommandId, PersonId, Rejection};
use sha2::{Digest, Sha256};

use crate::ledger::Accepted;
use crate::record::Record;
use crate::wish::{Sealed, WishHash};

/// What is known of a command that was accepted and recorded something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The position of its first record.
    pub first: u64,
    /// How many records it has.
    pub count: u64,
    /// Who had sent it, as recorded.
    pub actor: PersonId,
    /// The hash of what was wished; older records have none.
    pub wish: Option<WishHash>,
}

/// A stream's standing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The state that its events fold into.
    pub state: Aggregate,
    /// The version of its next record.
    pub version: u64,
    /// The position of its last record.
    pub last: Option<u64>,
    /// What was answered, by the command's id.
    pub accepted: HashMap<CommandId, Answer>,
}

impl Standing {
    /// That of a stream without records.
    pub fn new(kind: StreamKind) -> Self {
        Self { state: Aggregate::new(kind), version: 0, last: None, accepted: HashMap::new() }
    }

    /// Takes in the stream's next record.
    pub fn take(&mut self, record: &Record) {
        self.state.evolve(&record.event, &record.stamp());
        self.version += 1;
        self.last = Some(record.position);
        let fresh = || Answer { first: record.position, count: 0, actor: record.actor.id.clone(), wish: record.wish };
        self.accepted.entry(record.command).or_insert_with(fresh).count += 1;
    }

    /// The answer that a command had before, if its id had one in this stream. It is the same command if the same person or
    /// service sent it, in whatever role, and wished the same, as far as the record says what was wished.
    ///
    /// # Errors
    /// `command.id-used-otherwise`.
    pub fn answered(&self, command: &Sealed) -> Result<Option<Accepted>, Rejection> {
        let Some(Answer { first, count, actor, wish }) = self.accepted.get(&command.id) else { return Ok(None) };
        let used = |otherwise| Rejection::IdUsedOtherwise { id: command.id.to_string(), otherwise };
        if *actor != command.actor {
            return Err(used(Otherwise::Actor));
        }
        if wish.is_some_and(|wish| wish != command.hash()) {
            return Err(used(Otherwise::Wish));
        }
        Ok(Some(Accepted { first: *first, count: *count, repeated: true }))
    }

    /// SHA-256 over all of it. The form of a state is the program's own, and so is the hash: two of one version are compared by it.
    pub fn digest(&self) -> [u8; 32] {
        let mut answers: Vec<_> = self.accepted.iter().collect();
        answers.sort_by_key(|(id, _)| **id);
        Sha256::digest(format!("{:?}\n{}\n{:?}\n{answers:?}", self.state, self.version, self.last)).into()
    }
}
