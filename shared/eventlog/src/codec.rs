//! The stored form of a record: one JSON object, decimals as strings, no key twice, UTF-8.

use bytes::Bytes;
use jiff::Timestamp;
use rondo_domain::event::Event;
use rondo_domain::stream::StreamKind;
use rondo_domain::{Actor, CommandId, InstitutionId, PersonId, StreamId};
use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer as _, Serialize};
use serde_json::value::RawValue;

use crate::record::{MAX_RECORD, Record, Time};
use crate::upcaster;
use crate::wish::{Sealed, WishHash};

/// Why a record cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The record is larger than the log takes.
    #[error("a record of {0} bytes is larger than the {MAX_RECORD} the log takes")]
    TooLarge(usize),
    /// The bytes are not a record.
    #[error("the stored bytes are not a record")]
    Malformed(#[from] serde_json::Error),
    /// The event is of a schema this program does not know.
    #[error("the event {name} has schema {schema}; this program knows up to {known}: use a newer one")]
    UnknownSchema {
        /// The event.
        name: String,
        /// Its schema.
        schema: u32,
        /// The newest known.
        known: u32,
    },
}

#[derive(Serialize)]
struct Stored<'a> {
    id: RecordId,
    stream: &'a StreamId,
    version: u64,
    position: u64,
    schema: u32,
    event: &'a Event,
    recorded_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    clock: Option<Timestamp>,
    actor: &'a Actor,
    #[serde(skip_serializing_if = "Option::is_none")]
    via: Option<&'a PersonId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_behalf_of: Option<&'a InstitutionId>,
    command: CommandId,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<CommandId>,
    wish: WishHash,
    salt: &'a str,
}

#[derive(Deserialize)]
struct Read<'a> {
    stream: StreamId,
    version: u64,
    position: u64,
    schema: u32,
    #[serde(borrow)]
    event: &'a RawValue,
    recorded_at: Timestamp,
    #[serde(default)]
    clock: Option<Timestamp>,
    actor: Actor,
    #[serde(default)]
    via: Option<PersonId>,
    #[serde(default)]
    on_behalf_of: Option<InstitutionId>,
    command: CommandId,
    #[serde(default)]
    cause: Option<CommandId>,
    #[serde(default)]
    wish: Option<WishHash>,
}

/// Where a record stands: stream, version there, position in the log, ordinal among the command's records.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Stream.
    pub stream: &'a StreamId,
    /// Version.
    pub version: u64,
    /// Position.
    pub position: u64,
    /// Ordinal, from 0.
    pub ordinal: usize,
}

/// A record's own id: its command's, and its ordinal among that command's records.
struct RecordId(CommandId, usize);

impl std::fmt::Display for RecordId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl Serialize for RecordId {
    fn serialize<S: serde::Serializer>(&self, writer: S) -> Result<S::Ok, S::Error> {
        writer.collect_str(self)
    }
}

/// Writes a record's stored form. The buffer is used anew each time, so that only the record's own bytes are allocated.
///
/// # Errors
/// When it is too large.
pub fn encode(
    buffer: &mut Vec<u8>,
    place: Place<'_>,
    event: &Event,
    command: &Sealed,
    actor: &Actor,
    time: impl Into<Time>,
    salt: &str,
) -> Result<Bytes, CodecError> {
    let Time { recorded_at, clock } = time.into();
    let stored = Stored {
        id: RecordId(command.id, place.ordinal),
        stream: place.stream,
        version: place.version,
        position: place.position,
        schema: upcaster::CURRENT,
        event,
        recorded_at,
        clock,
        actor,
        via: command.via.as_ref(),
        on_behalf_of: command.on_behalf_of.as_ref(),
        command: command.id,
        cause: command.cause,
        wish: command.hash(),
        salt,
    };
    buffer.clear();
    serde_json::to_writer(&mut *buffer, &stored)?;
    if buffer.len() > MAX_RECORD { Err(CodecError::TooLarge(buffer.len())) } else { Ok(Bytes::copy_from_slice(buffer)) }
}

/// Reads a record from its stored form, lifting an event of an older schema to the current one.
///
/// # Errors
/// When the bytes are no record, or of a schema unknown here.
pub fn decode(bytes: &Bytes) -> Result<Record, CodecError> {
    let read: Read<'_> = serde_json::from_slice(bytes)?;
    let name = leading::<&str>(read.event.get().as_bytes(), "name")?.to_owned();
    if read.schema > upcaster::CURRENT {
        return Err(CodecError::UnknownSchema { name, schema: read.schema, known: upcaster::CURRENT });
    }
    let event = event(read.stream.kind(), &upcaster::lift(&name, read.schema, read.event.get())?)?;
    Ok(Record {
        stream: read.stream,
        version: read.version,
        position: read.position,
        recorded_at: read.recorded_at,
        clock: read.clock,
        actor: read.actor,
        via: read.via,
        on_behalf_of: read.on_behalf_of,
        command: read.command,
        cause: read.cause,
        wish: read.wish,
        event,
        name,
        schema: read.schema,
        bytes: bytes.clone(),
    })
}

/// A record's stream as it says itself. It stands near the beginning, and what follows it is not read.
///
/// # Errors
/// When the bytes do not begin as a record.
pub fn stream_of(bytes: &[u8]) -> Result<StreamId, CodecError> {
    Ok(leading(bytes, "stream")?)
}

/// When a record was recorded, without reading the rest.
///
/// # Errors
/// When the bytes are no record.
pub fn time_of(bytes: &[u8]) -> Result<Time, CodecError> {
    #[derive(Deserialize)]
    struct When {
        recorded_at: Timestamp,
        #[serde(default)]
        clock: Option<Timestamp>,
    }
    let When { recorded_at, clock } = serde_json::from_slice(bytes)?;
    Ok(Time { recorded_at, clock })
}

/// A record's position as it says itself. It stands near the beginning, and what follows it is not read.
///
/// # Errors
/// When the bytes do not begin as a record.
pub fn position_of(bytes: &[u8]) -> Result<u64, CodecError> {
    Ok(leading(bytes, "position")?)
}

/// A member of an object that stands near its beginning; what follows it is not read.
fn leading<'de, T: Deserialize<'de>>(json: &'de [u8], member: &'static str) -> Result<T, serde_json::Error> {
    let mut found = None;
    let read = serde_json::Deserializer::from_slice(json).deserialize_map(Member(member, &mut found));
    match (found, read) {
        // Having stopped half-way is an error to the reader of JSON, and none here.
        (Some(found), _) => Ok(found),
        (None, Err(error)) => Err(error),
        (None, Ok(())) => Err(serde_json::Error::missing_field(member)),
    }
}

struct Member<'f, T>(&'static str, &'f mut Option<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Member<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<&str>()? {
            if key == self.0 {
                *self.1 = Some(map.next_value()?);
                return Ok(());
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

fn event(kind: StreamKind, json: &str) -> Result<Event, serde_json::Error> {
    Ok(match kind {
        StreamKind::Network => Event::Network(serde_json::from_str(json)?),
        StreamKind::Round => Event::Round(serde_json::from_str(json)?),
        StreamKind::Participation => Event::Participation(serde_json::from_str(json)?),
        StreamKind::Figures => Event::Figures(serde_json::from_str(json)?),
        StreamKind::Notice => Event::Notice(serde_json::from_str(json)?),
        StreamKind::Release => Event::Release(serde_json::from_str(json)?),
        StreamKind::Run => Event::Run(serde_json::from_str(json)?),
    })
}

#[cfg(test)]
mod tests {
    use rondo_domain::round::{RoundCommand, RoundEvent};
    use rondo_domain::{Command, Wish};

    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let round = "ilms-asean-2025".parse().unwrap();
        let wish = Wish::Round { round, command: RoundCommand::Launch };
        let command = Sealed::new(Command::of_service("scheduler", &["launch"], wish).unwrap()).unwrap();
        let actor = rondo_domain::network::Network::default()
            .actor(&command.actor, None, None, jiff::Timestamp::UNIX_EPOCH)
            .unwrap();
        let stream = command.wish.stream();
        let event = Event::Round(RoundEvent::RoundLaunched {});
        let place = Place { stream: &stream, version: 2, position: 7, ordinal: 0 };
        let bytes = encode(&mut Vec::new(), place, &event, &command, &actor, Timestamp::UNIX_EPOCH, "00ff").unwrap();
        let record = decode(&bytes).unwrap();
        assert_eq!(
            (record.position, record.version, &record.event, record.name.as_str()),
            (7, 2, &event, "RoundLaunched")
        );
        assert_eq!(record.bytes, bytes);
        assert_eq!(record.wish, Some(command.hash()));
        let older =
            String::from_utf8(bytes.to_vec()).unwrap().replace(&format!("\"wish\":\"{}\",", command.hash()), "");
        assert_eq!(decode(&Bytes::from(older)).unwrap().wish, None);
        assert!(decode(&Bytes::from_static(b"{\"position\":")).is_err());
        assert_eq!(position_of(&bytes).unwrap(), 7);
        assert_eq!(stream_of(&bytes).unwrap(), stream);
        for wrong in
            ["", "[]", "{}", "{\"position\":", "{\"position\":\"7\"}", "{\"id\":7", "{\"id\":{\"position\":7}}"]
        {
            assert!(position_of(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
