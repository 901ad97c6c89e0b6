//! A clock that somebody else moves, for rehearsals over the bus: the time is what was told last.

use async_nats::Client;
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use jiff::Timestamp;
use rondo_eventlog::Fault;
use rondo_runtime::clock::{Clock, PacedClock};

use crate::subject;

/// The time as it is told on the bus.
pub struct BusClock(PacedClock);

impl BusClock {
    /// Listens, asks, and waits until the time was told once.
    ///
    /// # Errors
    /// When the bus cannot be listened to, or nobody tells the time.
    pub async fn new(client: Client) -> Result<Self, Fault> {
        let lost = |e| Fault::Unreachable { what: "the clock".to_owned(), source: Some(Box::new(e)) };
        let mut told = client.subscribe(subject::CLOCK).await.map_err(lost)?;
        let first = async {
            let mut asking = tokio::time::interval(std::time::Duration::from_millis(100));
            loop {
                tokio::select! {
                    _ = asking.tick() => { let _ = client.publish(subject::CLOCK_ASKED, Bytes::new()).await; }
                    message = told.next() => match message {
                        Some(message) => if let Some(time) = time(&message.payload) { return Ok(time) },
                        None => return Err(Fault::Stopped),
                    }
                }
            }
        };
        let start = first.await?;
        let clock = PacedClock::new(start);
        let moved = clock.clone();
        tokio::spawn(async move {
            while let Some(message) = told.next().await {
                if let Some(time) = time(&message.payload) {
                    moved.advance(time);
                }
            }
        });
        Ok(Self(clock))
    }
}

fn time(payload: &[u8]) -> Option<Timestamp> {
    std::str::from_utf8(payload).ok()?.parse().ok()
}

#[async_trait]
impl Clock for BusClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    async fn sleep_until(&self, until: Timestamp) {
        self.0.sleep_until(until).await;
    }
}

/// Moves the clock on the bus, and tells the time to whoever asks.
pub struct ClockHand {
    client: Client,
    clock: PacedClock,
}

impl ClockHand {
    /// A hand that begins at this instant.
    ///
    /// # Errors
    /// When the bus cannot be listened to.
    pub async fn new(client: Client, start: Timestamp) -> Result<Self, Fault> {
        let lost = |e| Fault::Unreachable { what: "the clock".to_owned(), source: Some(Box::new(e)) };
        let clock = PacedClock::new(start);
        let mut asked = client.subscribe(subject::CLOCK_ASKED).await.map_err(lost)?;
        let (telling, shown) = (client.clone(), clock.clone());
        tokio::spawn(async move {
            while asked.next().await.is_some() {
                // Whoever did not hear asks again.
                let _ = telling.publish(subject::CLOCK, Bytes::from(shown.now().to_string())).await;
            }
        });
        Ok(Self { client, clock })
    }

    /// What it shows.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Moves it forward.
    ///
    /// # Errors
    /// When the bus does not carry it.
    pub async fn advance(&self, to: Timestamp) -> Result<(), Fault> {
        self.clock.advance(to);
        self.tell().await
    }

    /// Tells the time again.
    ///
    /// # Errors
    /// When the bus does not carry it.
    pub async fn tell(&self) -> Result<(), Fault> {
        let lost = |e| Fault::Unreachable { what: "the clock".to_owned(), source: Some(Box::new(e)) };
        self.client.publish(subject::CLOCK, Bytes::from(self.clock.now().to_string())).await.map_err(lost)
    }
}
