//! The ledger's side: answers requests as a NATS micro service, so that the ordinary `nats` tool can list and time them.

use std::sync::Arc;
use std::time::Duration;

use async_nats::service::{Request, ServiceExt};
use async_nats::{Client, HeaderMap};
use bytes::Bytes;
use futures::StreamExt;
use rondo_domain::Command;
use rondo_eventlog::files::FilePart;
use rondo_eventlog::merkle::Tile;
use rondo_eventlog::wire::{self, Failure};
use rondo_eventlog::{Fault, Ledger, SubmitError};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::frame::{self, FAILURE, PART, PartPlace, ReadRequest, StreamsRequest};
use crate::subject;

/// Requests worked on at once; more wait in the broker's and the client's queues.
const AT_ONCE: usize = 2_048;

/// Serving ended.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The service cannot be announced.
    #[error("the ledger cannot be announced on the bus: {0}")]
    Announce(String),
    /// Another ledger has this broker.
    #[error(
        "another ledger answers on this broker; nothing was announced. One broker carries one log: stop that one, or name another broker with --nats"
    )]
    Another,
    /// The connection is gone for good.
    #[error("the connection to the bus is gone")]
    Gone,
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] Fault),
}

#[derive(Clone, Copy)]
enum Asked {
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

type Answer = Result<(Bytes, HeaderMap), Failure>;

/// Answers for the ledger and nudges whenever the log has grown, until the connection or the ledger ends.
///
/// # Errors
/// Why it ended.
pub async fn serve(client: Client, ledger: Arc<dyn Ledger>) -> Result<(), ServeError> {
    alone(&client).await?;
    let announce = |e: async_nats::Error| ServeError::Announce(e.to_string());
    let service = client
        .service_builder()
        .description("The one writer of Rondo's log")
        .start("rondo-ledger", env!("CARGO_PKG_VERSION"))
        .await
        .map_err(announce)?;
    let submit = format!("{}.*", subject::SUBMIT);
    let endpoints = [
        ("submit", submit.as_str(), Asked::Submit),
        ("read", subject::READ, Asked::Read),
        ("streams", subject::STREAMS, Asked::Streams),
        ("head", subject::HEAD, Asked::Head),
        ("probe", subject::PROBE, Asked::Probe),
        ("checkpoint", subject::CHECKPOINT, Asked::Checkpoint),
        ("key", subject::KEY, Asked::Key),
        ("tile", subject::TILE, Asked::Tile),
        ("store", subject::STORE, Asked::Store),
        ("fetch", subject::FETCH, Asked::Fetch),
    ];
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    for (name, subject, asked) in endpoints {
        let mut endpoint = service.endpoint_builder().name(name).add(subject).await.map_err(announce)?;
        let (ledger, room) = (Arc::clone(&ledger), Arc::clone(&room));
        tasks.spawn(async move {
            while let Some(request) = endpoint.next().await {
                let Ok(permit) = Arc::clone(&room).acquire_owned().await else { break };
                let ledger = Arc::clone(&ledger);
                tokio::spawn(async move {
                    let answer = answer(&*ledger, asked, &request).await;
                    reply(&request, answer).await;
                    drop(permit);
                });
            }
            Err(ServeError::Gone)
        });
    }
    tasks.spawn(nudge(client, ledger));
    tasks.join_next().await.map_or(Err(ServeError::Gone), |ended| ended.unwrap_or(Err(ServeError::Gone)))
}

/// How long another ledger is listened for.
const ANOTHER: Duration = Duration::from_secs(1);

/// Makes sure that no other ledger answers on this broker: two would share the commands, and make two histories of one log.
async fn alone(client: &Client) -> Result<(), ServeError> {
    match tokio::time::timeout(ANOTHER, client.request(subject::HEAD, Bytes::new())).await {
        Ok(Ok(_)) => Err(ServeError::Another),
        // Nobody answers, or one that is gone and whom the broker has not missed yet.
        Ok(Err(_)) | Err(_) => Ok(()),
    }
}

async fn nudge(client: Client, ledger: Arc<dyn Ledger>) -> Result<(), ServeError> {
    if client.publish(subject::BEGUN, Bytes::new()).await.is_err() {
        return Err(ServeError::Gone);
    }
    let mut size = 0;
    loop {
        let head = ledger.wait(size).await?;
        size = head.size;
        if client.publish(subject::GROWN, Bytes::from(size.to_string())).await.is_err() {
            return Err(ServeError::Gone);
        }
    }
}

async fn answer(ledger: &dyn Ledger, asked: Asked, request: &Request) -> Answer {
    let body = &request.message.payload;
    let plain = |bytes: Bytes| Ok((bytes, HeaderMap::new()));
    let failed = |fault: Fault| Failure::from(&fault);
    match asked {
        Asked::Submit => {
            let command: Command = frame::decode(body).map_err(failed)?;
            permitted(&request.message.subject, &command)?;
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
            let place = request.message.headers.as_ref().and_then(|headers| headers.get(PART));
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
fn permitted(subject: &str, command: &Command) -> Result<(), Failure> {
    let sender = subject.rsplit('.').next().unwrap_or_default();
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

async fn reply(request: &Request, answer: Answer) {
    let (body, headers) = match answer {
        Ok(answered) => answered,
        Err(failure) => {
            let text = serde_json::to_string(&failure).unwrap_or_default();
            let mut headers = HeaderMap::new();
            // A header holds one line; JSON escapes every line end inside its strings.
            headers.insert(FAILURE, text.as_str());
            (Bytes::new(), headers)
        }
    };
    if let Err(error) = request.respond_with_headers(Ok(body), headers).await {
        tracing::warn!("an answer could not be given; the asker asks again: {error}");
    }
}
