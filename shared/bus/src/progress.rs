//! Progress over the bus: each role tells how far it has come, and tells it again when asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_nats::Client;
use bytes::Bytes;
use futures::StreamExt;
use jiff::Timestamp;
use rondo_eventlog::Fault;
use rondo_runtime::progress::{Idle, Progress};
use tokio::sync::watch;

use crate::subject;

/// Tells the bus how far the roles of this process have come.
#[derive(Clone)]
pub struct BusProgress {
    told: watch::Sender<BTreeMap<&'static str, Idle>>,
}

impl BusProgress {
    /// Begins to tell, and to answer whoever asks.
    ///
    /// # Errors
    /// When the bus cannot be listened to.
    pub async fn new(client: Client) -> Result<Self, Fault> {
        let lost = |e| Fault::Unreachable { what: "progress".to_owned(), source: Some(Box::new(e)) };
        let mut asked = client.subscribe(subject::PROGRESS_ASKED).await.map_err(lost)?;
        let told = watch::Sender::new(BTreeMap::new());
        let mut changes = told.subscribe();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    changed = changes.changed() => if changed.is_err() { return },
                    message = asked.next() => if message.is_none() { return },
                }
                let places = changes.borrow_and_update().clone();
                for (role, idle) in places {
                    let body = serde_json::to_vec(&idle).map(Bytes::from).unwrap_or_default();
                    // Whoever did not hear asks again.
                    let _ = client.publish(format!("{}.{role}", subject::PROGRESS), body).await;
                }
            }
        });
        Ok(Self { told })
    }
}

impl Progress for BusProgress {
    fn idle(&self, role: &'static str, idle: Idle) {
        self.told.send_modify(|places| {
            places.insert(role, idle);
        });
    }
}

/// Hears how far roles elsewhere have come.
#[derive(Clone)]
pub struct BusBoard {
    client: Client,
    places: Arc<Mutex<BTreeMap<String, Idle>>>,
}

impl BusBoard {
    /// Begins to listen.
    ///
    /// # Errors
    /// When the bus cannot be listened to.
    pub async fn new(client: Client) -> Result<Self, Fault> {
        let lost = |e| Fault::Unreachable { what: "progress".to_owned(), source: Some(Box::new(e)) };
        let mut told = client.subscribe(format!("{}.*", subject::PROGRESS)).await.map_err(lost)?;
        let places: Arc<Mutex<BTreeMap<String, Idle>>> = Arc::default();
        let heard = Arc::clone(&places);
        tokio::spawn(async move {
            while let Some(message) = told.next().await {
                let role = message.subject.rsplit('.').next().unwrap_or_default().to_owned();
                if let Ok(idle) = serde_json::from_slice(&message.payload) {
                    heard.lock().unwrap_or_else(PoisonError::into_inner).insert(role, idle);
                }
            }
        });
        Ok(Self { client, places })
    }

    /// Asks every role to say how far it has come.
    ///
    /// # Errors
    /// When the bus does not carry it.
    pub async fn ask(&self) -> Result<(), Fault> {
        let lost = |e| Fault::Unreachable { what: "progress".to_owned(), source: Some(Box::new(e)) };
        self.client.publish(subject::PROGRESS_ASKED, Bytes::new()).await.map_err(lost)
    }

    /// Whether every one of these roles has acted on `size` records and has nothing due by `now`.
    pub fn is_quiet(&self, roles: &[&'static str], size: u64, now: Timestamp) -> bool {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let quiet = |idle: &Idle| idle.position >= size && idle.next.is_none_or(|next| next > now);
        roles.iter().all(|role| places.get(*role).is_some_and(quiet))
    }

    /// When the next thing is due in any of these roles.
    pub fn next_due(&self, roles: &[&'static str]) -> Option<Timestamp> {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        roles.iter().filter_map(|role| places.get(*role)?.next).min()
    }
}
