//! A record: an event with its place in the log, and who caused it, when and why. Its bytes are written once.

use bytes::Bytes;
use jiff::Timestamp;
use rondo_domain::event::{Event, Stamp};
use rondo_domain::{Actor, CommandId, InstitutionId, PersonId, StreamId};

use crate::wish::WishHash;

/// The largest record, in bytes: entry bundles of the tile layout (C2SP tlog-tiles) have 16-bit lengths.
pub const MAX_RECORD: usize = 60 * 1024;

/// When something was recorded. Time in the log never runs back: while the clock shows an instant before the latest record, or one
/// that nobody vouches for, time in the log stands still at that record's, and the record says what the clock showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time {
    /// The time in the log, which no later record is before.
    pub recorded_at: Timestamp,
    /// What the clock showed, where time in the log stood still.
    pub clock: Option<Timestamp>,
}

impl Time {
    /// The instant at which it happened, as far as anybody can say: what the clock showed where the log was ahead of it, and else
    /// the time in the log.
    pub fn instant(self) -> Timestamp {
        self.clock.map_or(self.recorded_at, |clock| clock.min(self.recorded_at))
    }
}

impl From<Timestamp> for Time {
    fn from(recorded_at: Timestamp) -> Self {
        Self { recorded_at, clock: None }
    }
}

/// A record as read back from the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The stored bytes: the leaf of the tree. Never re-serialised.
    pub bytes: Bytes,
    /// Its stream.
    pub stream: StreamId,
    /// Its place in the stream, from 0.
    pub version: u64,
    /// Its place in the log, from 0.
    pub position: u64,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// What the clock showed, where time in the log stood still: see [`Time`].
    pub clock: Option<Timestamp>,
    /// Who caused it.
    pub actor: Actor,
    /// The service that passed the command on for a person.
    pub via: Option<PersonId>,
    /// The institution for which the actor acted.
    pub on_behalf_of: Option<InstitutionId>,
    /// The command it came of.
    pub command: CommandId,
    /// What gave rise to the command.
    pub cause: Option<CommandId>,
    /// The hash of what was wished; older records have none.
    pub wish: Option<WishHash>,
    /// What happened.
    pub event: Event,
    /// The name under which the event is stored.
    pub name: String,
    /// The schema number it was stored with.
    pub schema: u32,
}

impl Record {
    /// When it was recorded.
    pub fn time(&self) -> Time {
        Time { recorded_at: self.recorded_at, clock: self.clock }
    }

    /// When, by whom and where.
    pub fn stamp(&self) -> Stamp<'_> {
        Stamp { at: self.time().instant(), actor: &self.actor, position: self.position }
    }
}
