//! What the ledger answers to one request.

use async_nats::{HeaderMap, Message};
use bytes::Bytes;
use rondo_domain::Command;
use rondo_eventlog::files::{self, FilePart};
use rondo_eventlog::ledger::MAX_READ_BYTES;
use rondo_eventlog::merkle::Tile;
use rondo_eventlog::wire::{self, Failure};
use rondo_eventlog::{Fault, History, SubmitError};

use crate::frame::{self, PART, PartPlace, ReadRequest, StreamsRequest};
use crate::subject;

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Asked {
    Submit,
    Read,
    Streams,
    Head,
    Probe,
    Checkpoint,
    Key,
    Tile,
    Store,
    Fetch,
}

impl Asked {
    /// Everything that can be asked, with its verb.
    pub(crate) const ALL: [(&'static str, Self); 10] = [
        (subject::SUBMIT, Self::Submit),
        (subject::READ, Self::Read),
        (subject::STREAMS, Self::Streams),
        (subject::HEAD, Self::Head),
        (subject::PROBE, Self::Probe),
        (subject::CHECKPOINT, Self::Checkpoint),
        (subject::KEY, Self::Key),
        (subject::TILE, Self::Tile),
        (subject::STORE, Self::Store),
        (subject::FETCH, Self::Fetch),
    ];
}

/// The bytes of a place: most commands and their answers take less.
pub(crate) const PLACE: usize = 64 * 1024;

impl Asked {
    /// Whether it is asked or answered with much.
    pub(crate) fn is_bulky(self) -> bool {
        matches!(self, Self::Read | Self::Streams | Self::Store | Self::Fetch)
    }

    /// How many places a request takes while it is worked on, with a payload of so many bytes: those that it brings, and those that it
    /// is answered with, which records take as they are stored, as they are read and as they are written.
    pub(crate) fn places(self, payload: usize) -> u32 {
        let answer = match self {
            Self::Read | Self::Streams => 3 * MAX_READ_BYTES,
            Self::Fetch => 2 * files::PART,
            _ => 0,
        };
        // A payload is far below what fits; one that is not takes all there is.
        (1 + (payload + answer) / PLACE).min(usize::from(u8::MAX)) as u32
    }
}

/// A body and its headers, or why there is none.
pub(crate) type Answer = Result<(Bytes, HeaderMap), Failure>;

/// Answers a request whose body this is.
pub(crate) async fn answer(ledger: &dyn History, asked: Asked, request: &Message, body: &Bytes) -> Answer {
    let plain = |bytes: Bytes| Ok((bytes, HeaderMap::new()));
    let failed = |fault: Fault| Failure::from(&fault);
    match asked {
        Asked::Submit => {
            let command: Command = frame::decode(body).map_err(failed)?;
            permitted(subject::sender(&request.subject), &command)?;
            let accepted = ledger.submit(command).await.map_err(|e: SubmitError| Failure::from(&e))?;
            plain(frame::encode(&accepted).map_err(failed)?)
        }
        Asked::Read => {
            let asked: ReadRequest = frame::decode(body).map_err(failed)?;
            plain(wire::to_lines(&ledger.read(asked.from, asked.limit).await.map_err(failed)?))
        }
        Asked::Streams => {
            let asked: StreamsRequest = frame::decode(body).map_err(failed)?;
            let after = asked.after.as_ref().map(|(stream, version)| (stream.as_str(), *version));
            let records = ledger.read_streams(&asked.prefix, after, asked.limit).await.map_err(failed)?;
            plain(wire::to_lines(&records))
        }
        Asked::Head => plain(frame::encode(&ledger.head().await.map_err(failed)?).map_err(failed)?),
        Asked::Probe => plain(frame::encode(&ledger.probe().await.map_err(failed)?).map_err(failed)?),
        Asked::Checkpoint => plain(Bytes::from(ledger.checkpoint().await.map_err(failed)?)),
        Asked::Key => plain(Bytes::from(ledger.key().await.map_err(failed)?)),
        Asked::Tile => {
            let unknown = || Failure::Refused { what: "this is not the path of a tile".to_owned() };
            let tile = std::str::from_utf8(body).ok().and_then(Tile::from_path).ok_or_else(unknown)?;
            plain(wire::to_bytes(&ledger.tile(tile).await.map_err(failed)?))
        }
        Asked::Store => {
            let place = request.headers.as_ref().and_then(|headers| headers.get(PART));
            let place = place.ok_or_else(|| Failure::Refused { what: "a part without its place".to_owned() })?;
            let place: PartPlace = frame::decode(place.as_str().as_bytes()).map_err(failed)?;
            let part = FilePart { hash: place.hash, total: place.total, offset: place.offset, bytes: body.clone() };
            ledger.store_part(part).await.map_err(failed)?;
            plain(Bytes::new())
        }
        Asked::Fetch => {
            let asked: PartPlace = frame::decode(body).map_err(failed)?;
            let part = ledger.fetch_part(&asked.hash, asked.offset).await.map_err(failed)?;
            let place = PartPlace { hash: part.hash, offset: part.offset, total: part.total };
            let place = frame::encode(&place).map_err(failed)?;
            let mut headers = HeaderMap::new();
            headers.insert(PART, String::from_utf8_lossy(&place).as_ref());
            Ok((part.bytes, headers))
        }
    }
}

/// A service may act as itself; the validator records figures for whoever sent them; only the gateway and the operator
/// bring people's own acts.
fn permitted(sender: &str, command: &Command) -> Result<(), Failure> {
    let as_itself = command.actor.as_str() == sender;
    let is_service = rondo_domain::Actor::is_service(&command.actor);
    let figures = matches!(command.wish, rondo_domain::Wish::Figures { .. });
    let for_person = !is_service
        && sender == "validator"
        && figures
        && command.via.as_ref().is_some_and(|via| via.as_str() == sender);
    let for_people = matches!(sender, "gateway" | "operator") && (!is_service || command.actor.as_str() == "operator");
    if as_itself || for_person || for_people {
        Ok(())
    } else {
        Err(Failure::Refused { what: format!("`{sender}` may not act as `{}`", command.actor) })
    }
}
