//! The ledger's side: takes requests for as long as this ledger has the log, and answers into the sender's own inbox alone.

use std::sync::{Arc, Mutex, PoisonError};

use async_nats::{Client, HeaderMap, Message};
use bytes::Bytes;
use futures::StreamExt;
use rondo_eventlog::wire::Failure;
use rondo_eventlog::{Fault, Head, History};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::answer::{Asked, answer};
use crate::frame::{self, FAILURE, Known};
use crate::leading::{LeadError, Leadership};
use crate::subject;

/// Places for requests that are worked on at once, of 64 KiB each: as many for commands and what is short, and as many
/// for what is bulky, so that the one never waits for the other. More wait in the broker's and the client's queues.
const AT_ONCE: usize = 2_048;
/// Ledgers on one broker take each request once, should there be two for a moment.
const QUEUE: &str = "ledger";

/// Serving ended.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The requests cannot be listened to.
    #[error("the requests on the bus cannot be listened to")]
    Listen(#[source] async_nats::SubscribeError),
    /// This ledger does not have the log, or has it no longer.
    #[error(transparent)]
    Lead(#[from] LeadError),
    /// The connection is gone for good.
    #[error("the connection to the bus is gone")]
    Gone,
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] Fault),
}

/// A head, and the line that says it.
type Line = (Head, Arc<str>);

/// What every request is answered with.
#[derive(Clone)]
struct Desk {
    client: Client,
    ledger: Arc<dyn History>,
    leadership: Leadership,
    room: Arc<Semaphore>,
    /// The room of reads and of parts of files.
    bulk: Arc<Semaphore>,
    /// The newest head that was told, and the line that says so: the answers to one group tell the same.
    told: Arc<Mutex<Option<Line>>>,
}

/// Answers for the ledger while it has the log, and nudges whenever the log has grown, until the connection or the ledger ends
/// or another has the log.
///
/// # Errors
/// Why it ended.
pub async fn serve(client: Client, ledger: Arc<dyn History>, leadership: Leadership) -> Result<(), ServeError> {
    let room = || Arc::new(Semaphore::new(AT_ONCE));
    let desk = Desk { client, ledger, leadership, room: room(), bulk: room(), told: Arc::default() };
    loop {
        desk.leadership.gained().await?;
        // What waited to be answered is let go with its subscription once the log may be another's.
        let mut tasks = JoinSet::new();
        for (verb, asked) in Asked::ALL {
            tasks.spawn(desk.clone().takes(verb, asked));
        }
        tasks.spawn(desk.clone().nudges());
        tokio::select! {
            lost = desk.leadership.lost() => lost?,
            ended = tasks.join_next() => match ended {
                Some(Ok(Err(error))) => return Err(error),
                _ => return Err(ServeError::Gone),
            },
        }
    }
}

impl Desk {
    async fn takes(self, verb: &'static str, asked: Asked) -> Result<(), ServeError> {
        let listened = self.client.queue_subscribe(subject::asks(verb, "*"), QUEUE.to_owned()).await;
        let mut requests = listened.map_err(ServeError::Listen)?;
        let room = if asked.is_bulky() { &self.bulk } else { &self.room };
        while let Some(request) = requests.next().await {
            let places = asked.places(request.payload.len());
            let Ok(permit) = Arc::clone(room).acquire_many_owned(places).await else { break };
            // One that waited while this process stood still may have been answered by another.
            if !self.leadership.has() {
                continue;
            }
            let desk = self.clone();
            tokio::spawn(async move {
                desk.answers(asked, &request).await;
                drop(permit);
            });
        }
        Err(ServeError::Gone)
    }

    async fn answers(&self, asked: Asked, request: &Message) {
        let sender = subject::sender(&request.subject);
        let Some(reply) = request.reply.clone().filter(|reply| subject::is_inbox_of(sender, reply)) else {
            tracing::warn!("a request of `{sender}` is not answered: it asked for the answer outside its own inbox");
            return;
        };
        let answered = match frame::taken_apart(&request.payload) {
            Some((knows, body)) => match self.extends(sender, knows).await {
                Ok(()) => answer(&*self.ledger, asked, request, &body).await,
                Err(failure) => Err(failure),
            },
            None => Err(Failure::Refused {
                what: "a request has no line that says what its sender knows of the log".to_owned(),
            }),
        };
        let (body, headers) = match answered {
            Ok(answered) => answered,
            Err(failure) => {
                let mut headers = HeaderMap::new();
                // A header holds one line; JSON escapes every line end inside its strings.
                headers.insert(FAILURE, serde_json::to_string(&failure).unwrap_or_default());
                (Bytes::new(), headers)
            }
        };
        let line = match self.ledger.head().await {
            Ok(head) => self.tells(head),
            Err(_) => Arc::default(),
        };
        // Whoever is not answered asks again, and another ledger may have the log by then.
        if !self.leadership.has() {
            return;
        }
        let body = frame::below(&line, &body);
        let told = if headers.is_empty() {
            self.client.publish(reply, body).await
        } else {
            self.client.publish_with_headers(reply, headers, body).await
        };
        if let Err(error) = told {
            tracing::warn!("an answer could not be given; the asker asks again: {error}");
        }
    }

    fn tells(&self, head: Head) -> Arc<str> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, text)) = &*told
            && *of == head
        {
            return Arc::clone(text);
        }
        let known = Known { origin: self.leadership.origin(), head };
        let text: Arc<str> = format!("{} {known}", self.leadership.instance()).into();
        *told = Some((head, Arc::clone(&text)));
        text
    }

    /// Refuses whoever knows of this log what is not here: it would go on with a history that lost something. As long as this
    /// ledger has the log, it keeps that, since whoever is started anew forgets it.
    async fn extends(&self, sender: &str, knows: &str) -> Result<(), Failure> {
        if knows.is_empty() {
            return Ok(());
        }
        let unfit = || Failure::Refused { what: "what the asker knows of the log cannot be read".to_owned() };
        let known = Known::parse(knows).ok_or_else(unfit)?;
        let refused = |what: String| {
            tracing::error!("a request is refused: {what}");
            Failure::DoesNotExtend { what }
        };
        let Head { size, root } = known.head;
        if known.origin != self.leadership.origin() {
            let here = self.leadership.origin();
            return Err(refused(format!("the asker knows the log {}, and this is {here}", known.origin)));
        }
        if size == 0 {
            // Nothing was shown of it.
            return Ok(());
        }
        let what = match self.ledger.root_at(size).await.map_err(|fault| Failure::from(&fault))? {
            Some(here) if here == root => return Ok(()),
            Some(_) => "others stand here: this is another history of it",
            None => "they are not all here: this is an older copy of it",
        };
        let what = format!("{sender} was shown {size} records of this log, and {what}. Nothing was recorded");
        let closed = format!(
            "{what}, and nothing is signed or taken here from now on. Restore the newest; if nobody has it, or {sender} is wrong, stop every role, say so beside the ledger with `rondo audit continue --reason WHY`, and start the ledger and then the others."
        );
        let closes = self.leadership.has() && {
            let denied = self.ledger.is_denied(sender, known.head, &closed).await;
            denied.map_err(|fault| Failure::from(&fault))?
        };
        Err(refused(if closes {
            closed
        } else {
            format!("{what}. This log says that records of it were lost: start {sender} anew, so that it forgets them")
        }))
    }

    async fn nudges(self) -> Result<(), ServeError> {
        if self.client.publish(subject::BEGUN, Bytes::new()).await.is_err() {
            return Err(ServeError::Gone);
        }
        let mut size = 0;
        loop {
            let head = self.ledger.wait(size).await?;
            size = head.size;
            if !self.leadership.has() {
                self.leadership.gained().await?;
            }
            if self.client.publish(subject::GROWN, Bytes::from(size.to_string())).await.is_err() {
                return Err(ServeError::Gone);
            }
        }
    }
}
