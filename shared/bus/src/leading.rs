//! Leading: a ledger asks whether it may have the log, and goes on asking for as long as it answers.
//!
//! It says how it stands, hears itself and others (`claim`), and counts what it said as good for a few seconds by the steady clock.
//! While that is so it writes, signs and answers; while it is not so, after a pause of the process, of the machine or of the
//! broker, it does none of it. The claims have a connection of their own, so that a flood of requests does not delay them.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::client::RequestErrorKind;
use async_nats::connection::State;
use async_nats::{Client, Message, Request, Subscriber};
use bytes::Bytes;
use futures::StreamExt;
use rondo_eventlog::{CommitPoint, Fault, History};
use rondo_runtime::clock::Stopwatch;
use rondo_runtime::lifecycle::with_sources;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::claim::{Claim, Claimant, Said, Stand, Turn};
use crate::frame;
use crate::subject::{self, prefix};

/// How often a ledger says how it stands.
const BEAT: Duration = Duration::from_millis(400);
/// For how long what it said counts, once it has come back.
const LEASE: Duration = Duration::from_secs(3);
/// So many words take longer than that.
const PATIENCE: u32 = 10;
/// How long an answer to who has the log is waited for, and how often one that does not answer is asked. The broker of
/// `deploy/nats.conf` gives up a connection whose other end is gone within this time.
const ANSWER: Duration = Duration::from_secs(1);
const ASKED: u32 = 25;
/// Between two looks of a thread that waits to know.
const LOOK: Duration = Duration::from_millis(20);

/// Who wants to have the log.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Drawn at this start.
    pub instance: String,
    /// The log's name.
    pub origin: String,
    /// The run of the broker on which the ledger of this data directory last had the log, by [`Leadership::broker`].
    pub led_on: Option<String>,
}

/// Why a ledger does not have the log, or has it no longer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LeadError {
    /// Another has it.
    #[error(
        "another ledger answers on this broker ({0}), and this one ends; it answers nothing more. One broker carries one log: stop one of the two, or name another broker with --nats"
    )]
    Another(String),
    /// One that does not answer may have it.
    #[error(
        "a ledger is connected to this broker and does not say how it stands; it may be paused or hang. Nothing was announced. Stop it, or start this one again once the broker has missed it"
    )]
    Silent,
    /// The bus cannot be spoken on.
    #[error("the ledger cannot claim its log on the bus")]
    Bus(#[source] Arc<dyn Error + Send + Sync>),
    /// The connection is gone for good, or whoever kept up the claim is.
    #[error("the ledger cannot claim its log on the bus: the connection is gone")]
    Gone,
}

/// Whether this ledger has the log, for those who act on it.
#[derive(Debug, Clone)]
enum Lease {
    Unsure,
    /// It has the log, as of then.
    Held(Stopwatch),
    Ended(LeadError),
}

struct Shared {
    lease: watch::Sender<Lease>,
    client: Client,
    stops: AtomicBool,
}

/// A ledger's having the log. Clones share it; it is kept up until the last one is let go.
#[derive(Clone)]
pub struct Leadership {
    shared: Arc<Shared>,
    instance: Arc<str>,
    origin: Arc<str>,
    _keeper: Arc<Keeping>,
}

struct Keeping(JoinHandle<()>);

impl Drop for Keeping {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Claims the log, and returns once this ledger has it.
///
/// # Errors
/// When another ledger has it or may have it, or the bus cannot be spoken on.
pub async fn claim(client: Client, ledger: Arc<dyn History>, by: Candidate) -> Result<Leadership, LeadError> {
    let heard = subscribed(&client, subject::CLAIM).await?;
    let shared = Arc::new(Shared { lease: watch::Sender::new(Lease::Unsure), client, stops: AtomicBool::new(false) });
    let keeper = Keeper {
        claimant: Claimant::new(by.instance.clone(), by.origin.clone(), PATIENCE),
        connection: shared.connection(),
        shared: Arc::clone(&shared),
        ledger,
        said: Said::default(),
        heard,
        asked: None,
        silent: 0,
        led_on: by.led_on,
    };
    let keeping = tokio::spawn(keeper.keep());
    let leadership = Leadership {
        shared,
        instance: by.instance.into(),
        origin: by.origin.into(),
        _keeper: Arc::new(Keeping(keeping)),
    };
    leadership.gained().await?;
    Ok(leadership)
}

async fn subscribed(client: &Client, subject: &'static str) -> Result<Subscriber, LeadError> {
    let subscriber = client.subscribe(subject).await.map_err(bus)?;
    client.flush().await.map_err(bus)?;
    Ok(subscriber)
}

fn bus(error: impl Error + Send + Sync + 'static) -> LeadError {
    LeadError::Bus(Arc::new(error))
}

impl Shared {
    fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// The broker's run and this connection's number in it.
    fn connection(&self) -> (String, u64) {
        let info = self.client.server_info();
        (info.server_id, info.client_id)
    }

    fn has(&self) -> bool {
        matches!(&*self.lease.borrow(), Lease::Held(then) if then.elapsed() < LEASE) && self.is_connected()
    }
}

impl Leadership {
    /// Whether this ledger has the log now.
    pub(crate) fn has(&self) -> bool {
        self.shared.has()
    }

    /// What it was drawn at its start.
    pub(crate) fn instance(&self) -> &str {
        &self.instance
    }

    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// The run of the broker that the log is led on; another one after each start of it.
    pub fn broker(&self) -> String {
        self.shared.connection().0
    }

    /// Says that the process is about to end: whoever waits to know whether this ledger has the log waits no longer.
    pub fn stops(&self) {
        self.shared.stops.store(true, Ordering::Release);
    }

    /// Returns once this ledger has the log.
    pub(crate) async fn gained(&self) -> Result<(), LeadError> {
        self.turned(|lease| matches!(lease, Lease::Held(_))).await
    }

    /// Returns once it is not sure any more.
    pub(crate) async fn lost(&self) -> Result<(), LeadError> {
        self.turned(|lease| matches!(lease, Lease::Unsure)).await
    }

    async fn turned(&self, wanted: impl Fn(&Lease) -> bool) -> Result<(), LeadError> {
        let mut lease = self.shared.lease.subscribe();
        let found = lease.wait_for(|now| wanted(now) || matches!(now, Lease::Ended(_))).await;
        match found.as_deref() {
            Ok(Lease::Ended(why)) => Err(why.clone()),
            Ok(_) => Ok(()),
            Err(_) => Err(LeadError::Gone),
        }
    }
}

impl CommitPoint for Leadership {
    fn admit(&self) -> Result<(), Fault> {
        loop {
            if self.shared.has() {
                return Ok(());
            }
            if let Lease::Ended(why) = &*self.shared.lease.borrow() {
                return Err(Fault::NotNow(with_sources(why)));
            }
            if self.shared.stops.load(Ordering::Acquire) {
                return Err(Fault::Stopped);
            }
            std::thread::sleep(LOOK);
        }
    }

    fn waits(&self) -> bool {
        let ended = matches!(&*self.shared.lease.borrow(), Lease::Ended(_));
        !ended && !self.shared.has() && !self.shared.stops.load(Ordering::Acquire)
    }
}

/// Keeps the claim up.
struct Keeper {
    shared: Arc<Shared>,
    ledger: Arc<dyn History>,
    claimant: Claimant,
    said: Said<Stopwatch>,
    connection: (String, u64),
    /// What ledgers say.
    heard: Subscriber,
    /// Who asks who has the log; listened to from the claim on.
    asked: Option<Subscriber>,
    /// How often one that is there did not answer.
    silent: u32,
    led_on: Option<String>,
}

impl Keeper {
    async fn keep(mut self) {
        // It ends the process, whose last words it is.
        let Err(why) = self.work().await;
        self.shared.lease.send_replace(Lease::Ended(why));
    }

    async fn work(&mut self) -> Result<std::convert::Infallible, LeadError> {
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let turn = tokio::select! {
                _ = beat.tick() => {
                    self.looks_after();
                    Turn::Speak
                }
                message = self.heard.next() => self.hears(message).await?,
                message = next(self.asked.as_mut()) => {
                    self.tells(message).await?;
                    Turn::Wait
                }
            };
            match turn {
                Turn::Wait | Turn::Hold => {}
                Turn::Speak => self.speaks().await?,
                Turn::Ask if self.nobody_has_it().await? => {
                    self.asked = Some(subscribed(&self.shared.client, subject::LEADS).await?);
                    let sure = self.led_on.as_ref() == Some(&self.connection.0);
                    self.claimant.claims(sure);
                    self.speaks().await?;
                }
                Turn::Ask => {}
                Turn::End(other) => return Err(LeadError::Another(other.to_string())),
            }
        }
    }

    /// Claims anew after every reconnection, and when nothing came back in time.
    fn looks_after(&mut self) {
        let connection = self.shared.connection();
        let again = connection != self.connection;
        let late = self.claimant.stand() == Stand::Leads && !self.shared.has();
        if (again || late) && self.claimant.stand() != Stand::Asks {
            self.claimant.claims_anew();
        }
        self.connection = connection;
        self.tells_of_loss();
    }

    fn tells_of_loss(&self) {
        if self.claimant.stand() != Stand::Leads {
            let lost = self.shared.lease.send_if_modified(|lease| {
                let had = matches!(lease, Lease::Held(_));
                if had {
                    *lease = Lease::Unsure;
                }
                had
            });
            if lost {
                tracing::warn!(
                    "the ledger was cut off or paused: it asks whether another has the log, and answers nothing"
                );
            }
        }
    }

    async fn speaks(&mut self) -> Result<(), LeadError> {
        // What is said while nobody hears would be told later, when it is no longer so.
        if !self.shared.is_connected() {
            return Ok(());
        }
        let claim = self.claimant.says(self.head().await?);
        self.said.push(claim.serial, Stopwatch::start());
        let body = frame::encode(&claim).map_err(bus)?;
        self.shared.client.publish(subject::CLAIM, body).await.map_err(bus)
    }

    async fn hears(&mut self, message: Option<Message>) -> Result<Turn, LeadError> {
        let message = message.ok_or(LeadError::Gone)?;
        // What no ledger of ours says is no claim.
        let Ok(claim) = frame::decode::<Claim>(&message.payload) else { return Ok(Turn::Wait) };
        let head = self.head().await?;
        let own = self.claimant.is_own(&claim);
        let when = if own { self.said.take(claim.serial) } else { None };
        if own && self.shared.connection() != self.connection {
            self.looks_after();
        }
        let fresh = when.is_some_and(|when| when.elapsed() < LEASE);
        let turn = self.claimant.hears(&claim, fresh, head);
        match (&turn, when) {
            (Turn::Hold, Some(when)) => {
                let had = matches!(self.shared.lease.send_replace(Lease::Held(when)), Lease::Held(_));
                if !had {
                    tracing::info!("the ledger has the log: {claim}");
                }
            }
            _ => self.tells_of_loss(),
        }
        Ok(turn)
    }

    /// Asks who has the log.
    async fn nobody_has_it(&mut self) -> Result<bool, LeadError> {
        let asked = Request::new().payload(Bytes::new()).timeout(Some(ANSWER));
        match self.shared.client.send_request(subject::LEADS, asked).await {
            Ok(answer) => {
                let told = frame::decode::<Claim>(&answer.payload).map(|claim| claim.to_string());
                Err(LeadError::Another(told.unwrap_or_else(|_| "of another version".to_owned())))
            }
            Err(error) => match error.kind() {
                RequestErrorKind::NoResponders => Ok(true),
                // One that does not answer is there all the same.
                RequestErrorKind::TimedOut if self.silent == ASKED => Err(LeadError::Silent),
                RequestErrorKind::TimedOut => {
                    self.silent += 1;
                    Ok(false)
                }
                _ => Ok(false),
            },
        }
    }

    /// Tells a ledger that asks how this one stands.
    async fn tells(&mut self, message: Option<Message>) -> Result<(), LeadError> {
        let message = message.ok_or(LeadError::Gone)?;
        let inbox = format!("{}.", prefix("ledger"));
        let Some(reply) = message.reply.filter(|reply| reply.starts_with(&inbox)) else { return Ok(()) };
        let claim = self.claimant.now(self.head().await?);
        let body = frame::encode(&claim).map_err(bus)?;
        self.shared.client.publish(reply, body).await.map_err(bus)
    }

    async fn head(&self) -> Result<rondo_eventlog::Head, LeadError> {
        self.ledger.head().await.map_err(bus)
    }
}

async fn next(subscriber: Option<&mut Subscriber>) -> Option<Message> {
    match subscriber {
        Some(subscriber) => subscriber.next().await,
        None => std::future::pending().await,
    }
}
