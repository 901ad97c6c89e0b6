//! Tasks with an owner and an end: an early death ends the process, a first signal asks, a second one insists.

use std::error::Error;
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

/// Why a task ended otherwise than asked.
type Why = Box<dyn Error + Send + Sync>;

/// Why a process ended early.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// A task failed.
    #[error("{task} failed: {}", with_sources(&**source))]
    Failed {
        /// Which.
        task: &'static str,
        /// Why.
        source: Why,
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
    tasks: JoinSet<(&'static str, Result<(), Why>)>,
    signals: Signals,
    board: Option<Board>,
    /// Why a task died while others were still being started.
    early: Result<(), Ended>,
    /// Whether a signal asked for the end: another one insists.
    is_asked: bool,
}

impl Default for Lifecycle {
    fn default() -> Self {
        let (stop, signals) = (watch::Sender::new(false), Signals::listen());
        Self { stop, tasks: JoinSet::new(), signals, board: None, early: Ok(()), is_asked: false }
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
            () = self.signals.next() => {
                self.is_asked = true;
                None
            }
            Some(done) = self.tasks.join_next() => {
                self.early = died_early(done);
                None
            }
        }
    }

    /// Starts a task. When it ends before it was asked to, the process ends.
    pub fn spawn<E: Error + Send + Sync + 'static>(
        &mut self,
        name: &'static str,
        task: impl Future<Output = Result<(), E>> + Send + 'static,
    ) {
        self.tasks.spawn(async move { (name, task.await.map_err(Why::from)) });
    }

    /// Says to the service manager that the process is ready, and waits until every task has ended: on a signal, when one dies early, or when `until` is done.
    ///
    /// # Errors
    /// Why it ended otherwise than asked.
    pub async fn run(mut self, until: impl Future<Output = ()>) -> Result<(), Ended> {
        service::ready();
        let early = tokio::select! {
            never = service::alive(self.board.clone()) => match never {},
            () = self.signals.next() => {
                self.is_asked = true;
                Ok(())
            }
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
            if !self.is_asked {
                // The end came by itself: a first signal asks for what is under way.
                self.signals.next().await;
            }
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

type Done = Result<(&'static str, Result<(), Why>), tokio::task::JoinError>;

fn outcome(done: Done) -> Result<(), Ended> {
    match done {
        Ok((_, Ok(()))) => Ok(()),
        Ok((task, Err(source))) => Err(Ended::Failed { task, source }),
        Err(error) => Err(Ended::Panicked(error.to_string())),
    }
}

fn died_early(done: Done) -> Result<(), Ended> {
    match done {
        Ok((task, Ok(()))) => Err(Ended::Failed { task, source: "it ended before it was asked to".into() }),
        other => outcome(other),
    }
}

/// The signals that ask a process to stop.
#[derive(Debug)]
enum Signals {
    Heard(Signal, Signal),
    /// They cannot be listened to.
    Deaf,
    #[cfg(test)]
    Played(tokio::sync::mpsc::UnboundedReceiver<()>),
}

impl Signals {
    fn listen() -> Self {
        let listen = || Ok::<_, std::io::Error>((signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?));
        match listen() {
            Ok((interrupt, terminate)) => Self::Heard(interrupt, terminate),
            Err(error) => {
                tracing::warn!("signals cannot be listened to, so that only SIGKILL stops this process: {error}");
                Self::Deaf
            }
        }
    }

    async fn next(&mut self) {
        match self {
            Self::Heard(interrupt, terminate) => tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            },
            Self::Deaf => std::future::pending().await,
            #[cfg(test)]
            Self::Played(signals) => match signals.recv().await {
                Some(()) => {}
                None => std::future::pending().await,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::{mpsc, oneshot};

    use super::*;

    /// How a process ends that has done what it was for, while its last act takes as long as so many signals.
    async fn ended_under(signals: usize) -> Result<(), Ended> {
        let (sends, played) = mpsc::unbounded_channel();
        let mut lifecycle = Lifecycle { signals: Signals::Played(played), ..Lifecycle::default() };
        let mut stop = lifecycle.stop();
        let (asked, is_asked) = oneshot::channel();
        let (done, is_done) = oneshot::channel::<()>();
        lifecycle.spawn("signing", async move {
            stop.wait().await;
            let _ = asked.send(());
            let _ = is_done.await;
            Ok::<_, std::io::Error>(())
        });
        let ends = tokio::spawn(lifecycle.run(std::future::ready(())));
        is_asked.await.unwrap();
        for _ in 0..signals {
            let _ = sends.send(());
            // They are two wishes, and not one that came as several signals.
            tokio::time::sleep(2 * ONE_WISH).await;
        }
        let _ = done.send(());
        ends.await.unwrap()
    }

    #[tokio::test]
    async fn a_first_signal_at_the_last_act_is_no_second_one() {
        assert!(ended_under(1).await.is_ok(), "what is under way ends as it should");
        assert!(matches!(ended_under(2).await, Err(Ended::Insisted)));
    }

    #[tokio::test]
    async fn why_a_task_failed_is_kept_and_told_once() {
        let mut lifecycle = Lifecycle::default();
        lifecycle.spawn("disk", async { Err(std::io::Error::other("it is full")) });
        let ended = lifecycle.run(std::future::pending()).await.unwrap_err();
        assert_eq!(with_sources(&ended), "disk failed: it is full");
        let Ended::Failed { source, .. } = ended else { panic!("it failed") };
        assert!(source.is::<std::io::Error>());
    }
}
