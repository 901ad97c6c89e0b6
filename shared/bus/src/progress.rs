//! Progress over the bus: each role tells how far it has come and what is wrong, now and then, when that changes, and when asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::Client;
use bytes::Bytes;
use futures::StreamExt;
use jiff::Timestamp;
use rondo_eventlog::Fault;
use rondo_runtime::clock::Stopwatch;
use rondo_runtime::progress::{Board, Idle, Report, Roles};

use crate::subject;

/// How often each role says that it is alive.
const EVERY: Duration = Duration::from_secs(5);

fn lost(e: async_nats::SubscribeError) -> Fault {
    Fault::Unreachable { what: "progress".to_owned(), source: Some(Box::new(e)) }
}

/// Begins to tell the bus what the roles on this board say of themselves, and to answer whoever asks.
///
/// # Errors
/// When the bus cannot be listened to.
pub async fn tell(client: Client, board: Board) -> Result<(), Fault> {
    let mut asked = client.subscribe(subject::PROGRESS_ASKED).await.map_err(lost)?;
    let mut changes = board.changes();
    tokio::spawn(async move {
        let mut again = tokio::time::interval(EVERY);
        loop {
            tokio::select! {
                () = changes.next() => {}
                _ = again.tick() => {}
                message = asked.next() => if message.is_none() { return },
            }
            for (role, report) in board.reports() {
                let body = serde_json::to_vec(&report).map(Bytes::from).unwrap_or_default();
                // Whoever did not hear asks again.
                let _ = client.publish(format!("{}.{role}", subject::PROGRESS), body).await;
            }
        }
    });
    Ok(())
}

/// Hears what roles elsewhere say of themselves.
#[derive(Clone)]
pub struct BusBoard {
    client: Client,
    heard: Arc<Mutex<BTreeMap<String, (Report, Stopwatch)>>>,
}

impl BusBoard {
    /// Begins to listen.
    ///
    /// # Errors
    /// When the bus cannot be listened to.
    pub async fn new(client: Client) -> Result<Self, Fault> {
        let mut told = client.subscribe(format!("{}.*", subject::PROGRESS)).await.map_err(lost)?;
        let board = Self { client, heard: Arc::default() };
        let heard = Arc::clone(&board.heard);
        tokio::spawn(async move {
            while let Some(message) = told.next().await {
                let role = message.subject.rsplit('.').next().unwrap_or_default().to_owned();
                if let Ok(report) = serde_json::from_slice(&message.payload) {
                    let now = Stopwatch::start();
                    heard.lock().unwrap_or_else(PoisonError::into_inner).insert(role, (report, now));
                }
            }
        });
        Ok(board)
    }

    /// Asks every role to say how far it has come.
    ///
    /// # Errors
    /// When the bus does not carry it.
    pub async fn ask(&self) -> Result<(), Fault> {
        let lost = |e| Fault::Unreachable { what: "progress".to_owned(), source: Some(Box::new(e)) };
        self.client.publish(subject::PROGRESS_ASKED, Bytes::new()).await.map_err(lost)
    }

    fn idle(&self, role: &str) -> Option<Idle> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).get(role)?.0.idle
    }

    /// Whether every one of these roles has acted on `size` records and has nothing due by `now`.
    pub fn is_quiet(&self, roles: &[&'static str], size: u64, now: Timestamp) -> bool {
        let quiet = |idle: Idle| idle.position >= size && idle.next.is_none_or(|next| next > now);
        roles.iter().all(|role| self.idle(role).is_some_and(quiet))
    }

    /// When the next thing is due in any of these roles.
    pub fn next_due(&self, roles: &[&'static str]) -> Option<Timestamp> {
        roles.iter().filter_map(|role| self.idle(role)?.next).min()
    }
}

impl Roles for BusBoard {
    fn reports(&self) -> BTreeMap<String, Report> {
        let aged = |(role, (report, heard)): (&String, &(Report, Stopwatch))| {
            // What was said is as old as it was then, and older by what has passed since.
            let since = heard.elapsed().as_secs();
            let (turned, rested, running) = (report.turned + since, report.rested + since, report.running + since);
            (role.clone(), Report { turned, rested, running, ..report.clone() })
        };
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).iter().map(aged).collect()
    }
}
