//! Tasks with an owner and an end: an early death ends the process, a first signal asks, a second one insists.

use std::future::Future;
use std::time::Duration;

pub use rondo_eventlog::with_sources;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::progress::Board;
use crate::service;

/// How long tasks have to end after they were asked to.
const GRACE: Duration = Duration::from_secs(20);
/// Signals within this time are one.
const ONE_WISH: Duration = Duration::from_millis(300);

/// Tells tasks that it is time to stop.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Returns once it is time to stop.
    pub async fn wait(&mut self) {
        // An owner that is gone means the same as being asked.
        let _ = self.0.wait_for(|stop| *stop).await;
    }

    /// Whether it is time to stop.
    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }
}

/// Why a process ended early.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// A task failed.
    #[error("{task} failed: {message}")]
    Failed {
        /// Which.
        task: &'static str,
        /// Why, with every source.
        message: String,
    },
    /// A task panicked.
    #[error("a task panicked; this is a defect: {0}")]
    Panicked(String),
    /// Tasks did not end in time.
    #[error("some tasks did not end within {} seconds and were cut off", GRACE.as_secs())]
    Slow,
    /// A second signal came.
    #[error("a second signal came; stopped at once")]
    Insisted,
}

/// The tasks of a process. Signals are listened to from its making on: make it before anything that has to be undone.
#[derive(Debug)]
pub struct Lifecycle {
    stop: watch::Sender<bool>,
    tasks: JoinSet<(&'static str, Result<(), String>)>,
    signals: Signals,
    board: Option<Board>,
    /// Why a task died while others were still being started.
    early: Result<(), Ended>,
}

impl Default for Lifecycle {
    fn default() -> Self {
        let (stop, signals) = (watch::Sender::new(false), Signals::listen());
        Self { stop, tasks: JoinSet::new(), signals, board: None, early: Ok(()) }
    }
}

impl Lifecycle {
    /// What tells tasks to stop.
    pub fn stop(&self) -> Stop {
        Stop(self.stop.subscribe())
    }

    /// Tells the service manager that the process is alive only while the log can be written, as this board has it.
    pub fn heed(&mut self, board: &Board) {
        self.board = Some(board.clone());
    }

    /// Asks every task to stop.
    pub fn ask(&self) {
        self.stop.send_replace(true);
    }

    /// Waits for something that a start needs; nothing, if a signal to stop comes first or a task dies: [`Self::end`] says which.
    pub async fn unless_asked<T>(&mut self, needed: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = needed => Some(done),
            () = self.signals.next() => None,
            Some(done) = self.tasks.join_next() => {
                self.early = died_early(done);
                None
            }
        }
    }

    /// Starts a task. When it ends before it was asked to, the process ends.
    pub fn spawn<E: std::error::Error>(
        &mut self,
        name: &'static str,
        task: impl Future<Output = Result<(), E>> + Send + 'static,
    ) {
        self.tasks.spawn(async move { (name, task.await.map_err(|e| with_sources(&e))) });
    }

    /// Says to the service manager that the process is ready, and waits until every task has ended: on a signal, when one dies early, or when `until` is done.
    ///
    /// # Errors
    /// Why it ended otherwise than asked.
    pub async fn run(mut self, until: impl Future<Output = ()>) -> Result<(), Ended> {
        service::ready();
        let early = tokio::select! {
            never = service::alive(self.board.clone()) => match never {},
            () = self.signals.next() => Ok(()),
            () = until => Ok(()),
            Some(done) = self.tasks.join_next() => died_early(done),
        };
        self.winds_up(early).await
    }

    /// Asks every task to stop and waits until they have ended, where a start is given up before there is anything to run.
    ///
    /// # Errors
    /// Why one ended otherwise than asked.
    pub async fn end(mut self) -> Result<(), Ended> {
        let early = std::mem::replace(&mut self.early, Ok(()));
        self.winds_up(early).await
    }

    async fn winds_up(mut self, early: Result<(), Ended>) -> Result<(), Ended> {
        self.ask();
        service::stopping();
        let wound_up = async {
            let mut worst = Ok(());
            while let Some(done) = self.tasks.join_next().await {
                if let Err(ended) = outcome(done) {
                    worst = Err(ended);
                }
            }
            worst
        };
        let insisted = async {
            // One wish to stop may come as several signals at once, to a process and to its group.
            tokio::time::sleep(ONE_WISH).await;
            self.signals.next().await;
        };
        tokio::select! {
            worst = wound_up => early.and(worst),
            () = insisted => Err(Ended::Insisted),
            () = tokio::time::sleep(GRACE) => early.and(Err(Ended::Slow)),
        }
    }
}

type Done = Result<(&'static str, Result<(), String>), tokio::task::JoinError>;

fn outcome(done: Done) -> Result<(), Ended> {
    match done {
        Ok((_, Ok(()))) => Ok(()),
        Ok((task, Err(message))) => Err(Ended::Failed { task, message }),
        Err(error) => Err(Ended::Panicked(error.to_string())),
    }
}

fn died_early(done: Done) -> Result<(), Ended> {
    match done {
        Ok((task, Ok(()))) => Err(Ended::Failed { task, message: "it ended before it was asked to".to_owned() }),
        other => outcome(other),
    }
}

/// The signals that ask a process to stop.
#[derive(Debug)]
struct Signals(Option<(Signal, Signal)>);

impl Signals {
    fn listen() -> Self {
        let listen = || Ok::<_, std::io::Error>((signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?));
        match listen() {
            Ok(both) => Self(Some(both)),
            Err(error) => {
                tracing::warn!("signals cannot be listened to, so that only SIGKILL stops this process: {error}");
                Self(None)
            }
        }
    }

    async fn next(&mut self) {
        match &mut self.0 {
            Some((interrupt, terminate)) => tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            },
            None => std::future::pending().await,
        }
    }
}
