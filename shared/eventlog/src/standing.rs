//! How a stream stands: its state, its next version, and what was answered in it. It is what commands are decided on, wherever
//! a log is kept, and follows from the stream's records.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use rondo_domain::event::Aggregate;
use rondo_domain::rejection::Otherwise;
use rondo_domain::stream::StreamKind;
use rondo_domain::{CommandId, PersonId, Rejection};
use sha2::{Digest, Sha256};

use crate::ledger::Accepted;
use crate::record::Record;
use crate::wish::{Sealed, WishHash};

/// What is known of a command that was accepted and recorded something. Kept for every command of a stream, so that it is small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Answer {
    /// The position of its first record.
    first: u64,
    /// How many records it has.
    count: u32,
    /// Which of the stream's senders had sent it, as recorded.
    sender: u32,
    /// The hash of what was wished; older records have none.
    wish: Option<WishHash>,
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
    answers: HashMap<CommandId, Answer>,
    /// Whoever sent anything to this stream, in the order in which they first did: few, so that each is found by looking at all.
    senders: Vec<PersonId>,
}

impl Standing {
    /// That of a stream without records.
    pub fn new(kind: StreamKind) -> Self {
        let (answers, senders) = (HashMap::new(), Vec::new());
        Self { state: Aggregate::new(kind), version: 0, last: None, answers, senders }
    }

    /// Takes in the stream's next record.
    pub fn take(&mut self, record: &Record) {
        self.state.evolve(&record.event, &record.stamp());
        self.version += 1;
        self.last = Some(record.position);
        self.answer(record.command, record.position, 1, (&record.actor.id, record.wish));
    }

    /// Notes that a command was answered with so many records from a position on; more of them, where it has some already.
    pub fn answer(&mut self, command: CommandId, first: u64, count: u32, (actor, wish): (&PersonId, Option<WishHash>)) {
        match self.answers.entry(command) {
            Entry::Occupied(mut answer) => answer.get_mut().count += count,
            Entry::Vacant(place) => {
                let known = self.senders.iter().position(|sender| sender == actor);
                let sender = known.unwrap_or_else(|| {
                    self.senders.push(actor.clone());
                    self.senders.len() - 1
                });
                place.insert(Answer { first, count, sender: sender as u32, wish });
            }
        }
    }

    /// How many commands were answered.
    pub fn answered_commands(&self) -> usize {
        self.answers.len()
    }

    /// The answer that a command had before, if its id had one in this stream. It is the same command if the same person or
    /// service sent it, in whatever role, and wished the same, as far as the record says what was wished.
    ///
    /// # Errors
    /// `command.id-used-otherwise`.
    pub fn answered(&self, command: &Sealed) -> Result<Option<Accepted>, Rejection> {
        let Some(Answer { first, count, sender, wish }) = self.answers.get(&command.id).copied() else {
            return Ok(None);
        };
        let used = |otherwise| Rejection::IdUsedOtherwise { id: command.id.to_string(), otherwise };
        if self.senders.get(sender as usize) != Some(&command.actor) {
            return Err(used(Otherwise::Actor));
        }
        if wish.is_some_and(|wish| wish != command.hash()) {
            return Err(used(Otherwise::Wish));
        }
        Ok(Some(Accepted { first, count: count.into(), repeated: true }))
    }

    /// SHA-256 over all of it. The form of a state is the program's own, and so is the hash: two of one version are compared by it.
    pub fn digest(&self) -> [u8; 32] {
        let mut answers: Vec<_> = self.answers.iter().collect();
        answers.sort_by_key(|(id, _)| **id);
        let Self { state, version, last, senders, .. } = self;
        Sha256::digest(format!("{state:?}\n{version}\n{last:?}\n{senders:?}\n{answers:?}")).into()
    }
}
