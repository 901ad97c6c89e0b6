//! The client's side: the port, spoken over the bus. It remembers how much of the log it was shown, and says so with every request:
//! a ledger that does not have all of it refuses.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::client::{RequestError, RequestErrorKind};
use async_nats::{Client, HeaderMap, Message, Request};
use async_trait::async_trait;
use futures::StreamExt;
use rondo_domain::{Command, FileHash};
use rondo_eventlog::files::FilePart;
use rondo_eventlog::merkle::{Hash, Tile};
use rondo_eventlog::wire::{self, Failure};
use rondo_eventlog::{Accepted, Fault, Head, Ledger, Record, SubmitError};
use tokio::sync::watch;

use crate::frame::{self, Known, PART, PartPlace, ReadRequest, StreamsRequest};
use crate::subject;

/// How long a reader that waits is kept waiting at most: a nudge that got lost costs no more than this.
const WAIT: Duration = Duration::from_secs(2);

/// The ledger, reached over the bus.
#[derive(Clone)]
pub struct BusLedger {
    client: Client,
    sender: Arc<str>,
    /// The most that an answer has shown, and the line that says so.
    known: Arc<Mutex<(u64, Arc<str>)>>,
    grown: watch::Receiver<u64>,
    /// Changes each time a ledger begins to answer.
    begun: watch::Receiver<u64>,
}

impl BusLedger {
    /// The ledger as `sender` reaches it. The nudge is listened to from now on.
    ///
    /// # Errors
    /// When the nudge cannot be listened to.
    pub async fn new(client: Client, sender: &str) -> Result<Self, Fault> {
        let lost = |e| Fault::Unreachable { what: "the nudge".to_owned(), source: Some(Box::new(e)) };
        let mut nudges = client.subscribe(subject::GROWN).await.map_err(lost)?;
        let mut beginnings = client.subscribe(subject::BEGUN).await.map_err(lost)?;
        let (told, grown) = watch::channel(0);
        let (began, begun) = watch::channel(0);
        tokio::spawn(async move {
            while beginnings.next().await.is_some() {
                began.send_modify(|times| *times += 1);
            }
        });
        tokio::spawn(async move {
            while let Some(nudge) = nudges.next().await {
                // A nudge says no more than that there is something to read; its text is the size, for waiting.
                let size = std::str::from_utf8(&nudge.payload).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
                if told.send(size).is_err() {
                    return;
                }
            }
        });
        Ok(Self { client, sender: sender.into(), known: Arc::default(), grown, begun })
    }

    async fn request(&self, verb: &str, body: &[u8]) -> Result<Result<Message, Failure>, Fault> {
        self.request_with(verb, None, body).await
    }

    /// Asks, and gives the answer with its body alone.
    async fn request_with(
        &self,
        verb: &str,
        headers: Option<HeaderMap>,
        body: &[u8],
    ) -> Result<Result<Message, Failure>, Fault> {
        let subject = subject::asks(verb, &self.sender);
        let body = frame::below(&self.knows(), body);
        let asked = Request { headers, ..Request::new().payload(body) };
        let asked = self.client.send_request(subject.clone(), asked);
        let mut message = self.answered(async { asked.await.map_err(|e| unreachable(&subject, e)) }).await?;
        if let Some(failure) = frame::failure(message.headers.as_ref()) {
            return Ok(Err(failure));
        }
        let unfit = || Fault::Protocol("an answer has no line that says what the log is".to_owned());
        let (line, body) = frame::taken_apart(&message.payload).ok_or_else(unfit)?;
        self.is_shown(line);
        message.payload = body;
        Ok(Ok(message))
    }

    /// The line of a request: what this asker was shown.
    fn knows(&self) -> Arc<str> {
        Arc::clone(&self.known.lock().unwrap_or_else(PoisonError::into_inner).1)
    }

    /// Remembers the most that was shown. Answers overtake one another.
    fn is_shown(&self, line: &str) {
        let Some((_, known)) = line.split_once(' ') else { return };
        let Some(shown) = Known::parse(known) else { return };
        let mut most = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if most.1.is_empty() || most.0 < shown.head.size {
            *most = (shown.head.size, known.into());
        }
    }

    /// Waits for an answer, or until another ledger begins to answer: the one that was asked is then gone with its answer,
    /// and asking again is safe.
    async fn answered(&self, answer: impl Future<Output = Result<Message, Fault>>) -> Result<Message, Fault> {
        let mut begun = self.begun.clone();
        begun.mark_unchanged();
        tokio::select! {
            answered = answer => answered,
            Ok(()) = begun.changed() => Err(Fault::Unreachable {
                what: "the ledger was started again before it answered".to_owned(),
                source: None,
            }),
        }
    }

    async fn ask(&self, verb: &str, body: &[u8]) -> Result<Message, Fault> {
        self.request(verb, body).await?.map_err(Fault::from)
    }
}

fn unreachable(subject: &str, error: RequestError) -> Fault {
    let what = match error.kind() {
        RequestErrorKind::NoResponders => "nobody answers for the ledger on the bus".to_owned(),
        RequestErrorKind::TimedOut => "the ledger did not answer in time".to_owned(),
        _ => format!("the bus did not carry {subject}"),
    };
    Fault::Unreachable { what, source: Some(Box::new(error)) }
}

#[async_trait]
impl Ledger for BusLedger {
    async fn submit(&self, command: Command) -> Result<Accepted, SubmitError> {
        let body = frame::encode(&command)?;
        let answer = self.request(subject::SUBMIT, &body).await?.map_err(SubmitError::from)?;
        Ok(frame::decode(&answer.payload)?)
    }

    async fn read(&self, from: u64, limit: usize) -> Result<Vec<Record>, Fault> {
        let body = frame::encode(&ReadRequest { from, limit })?;
        wire::from_lines(&self.ask(subject::READ, &body).await?.payload)
    }

    async fn read_streams(&self, prefix: &str, after: Option<(&str, u64)>, limit: usize) -> Result<Vec<Record>, Fault> {
        let after = after.map(|(stream, version)| (stream.to_owned(), version));
        let body = frame::encode(&StreamsRequest { prefix: prefix.to_owned(), after, limit })?;
        wire::from_lines(&self.ask(subject::STREAMS, &body).await?.payload)
    }

    async fn head(&self) -> Result<Head, Fault> {
        frame::decode(&self.ask(subject::HEAD, &[]).await?.payload)
    }

    async fn probe(&self) -> Result<Head, Fault> {
        frame::decode(&self.ask(subject::PROBE, &[]).await?.payload)
    }

    async fn wait(&self, size: u64) -> Result<Head, Fault> {
        let mut grown = self.grown.clone();
        // Asked first, because the nudge that matters may have come before anybody listened.
        let head = self.head().await?;
        if head.size > size {
            return Ok(head);
        }
        let nudged = tokio::time::timeout(WAIT, async { grown.wait_for(|grown| *grown > size).await.is_ok() }).await;
        if nudged == Ok(false) { Err(Fault::Stopped) } else { self.head().await }
    }

    async fn checkpoint(&self) -> Result<String, Fault> {
        let answer = self.ask(subject::CHECKPOINT, &[]).await?;
        String::from_utf8(answer.payload.to_vec()).map_err(|_| Fault::Protocol("the checkpoint is not text".to_owned()))
    }

    async fn key(&self) -> Result<String, Fault> {
        let answer = self.ask(subject::KEY, &[]).await?;
        String::from_utf8(answer.payload.to_vec()).map_err(|_| Fault::Protocol("the key is not text".to_owned()))
    }

    async fn tile(&self, tile: Tile) -> Result<Vec<Hash>, Fault> {
        let answer = self.ask(subject::TILE, tile.path().as_bytes()).await?;
        wire::from_bytes(&answer.payload, &tile)
    }

    async fn store_part(&self, part: FilePart) -> Result<(), Fault> {
        let place = PartPlace { hash: part.hash, offset: part.offset, total: part.total };
        let place = String::from_utf8_lossy(&frame::encode(&place)?).into_owned();
        let mut headers = HeaderMap::new();
        headers.insert(PART, place.as_str());
        self.request_with(subject::STORE, Some(headers), &part.bytes).await?.map_err(Fault::from).map(|_| ())
    }

    async fn fetch_part(&self, hash: &FileHash, offset: u64) -> Result<FilePart, Fault> {
        let asked = PartPlace { hash: hash.clone(), offset, total: 0 };
        let answer = self.ask(subject::FETCH, &frame::encode(&asked)?).await?;
        let missing = || Fault::Protocol("a part of a file came without its place".to_owned());
        let place = answer.headers.as_ref().and_then(|headers| headers.get(PART)).ok_or_else(missing)?;
        let place: PartPlace = frame::decode(place.as_str().as_bytes())?;
        Ok(FilePart { hash: place.hash, total: place.total, offset: place.offset, bytes: answer.payload })
    }
}
