//! A record: an event with its place in the log, and who caused it, when and why. Its bytes are written once.

use bytes::Bytes;
use jiff::Timestamp;
use rondo_domain::event::{Event, Stamp};
use rondo_domain::{Actor, CommandId, InstitutionId, PersonId, StreamId};

/// The largest record, in bytes: entry bundles of the tile layout (C2SP tlog-tiles) have 16-bit lengths.
pub const MAX_RECORD: usize = 60 * 1024;

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
    /// What happened.
    pub event: Event,
    /// The name under which the event is stored.
    pub name: String,
    /// The schema number it was stored with.
    pub schema: u32,
}

impl Record {
    /// When, by whom and where.
    pub fn stamp(&self) -> Stamp<'_> {
        Stamp { at: self.recorded_at, actor: &self.actor, position: self.position }
    }
}
