//! The validator reads every event of participations and rounds, and the files they speak of.
//! It sends commands: record figures for the person who sent them, reject a file, complete a check.
//! It knows the backlog: submissions whose check was asked for and is not done.
//! It must never change a figure, nor judge by other rules than those the round is pinned to.

mod backlog;
mod check;
mod intake;
mod recorded;

use std::sync::Arc;

use rondo_eventlog::{Fault, Ledger};
use rondo_runtime::alarm::AlarmCode;
use rondo_runtime::lifecycle::Stop;
use rondo_runtime::progress::{Idle, Progress};
use rondo_runtime::subscription::Subscription;

use backlog::Backlog;
use check::{Checked, Checker};

/// The name under which the validator acts.
pub const ROLE: &str = rondo_domain::Service::Validator.name();

/// A validator at its place in the log.
pub struct Validator {
    backlog: Backlog,
    checker: Checker,
    subscription: Subscription,
}

impl Validator {
    /// One that has read nothing yet.
    pub fn new(ledger: Arc<dyn Ledger>) -> Self {
        let subscription = Subscription::new(Arc::clone(&ledger));
        Self { backlog: Backlog::default(), checker: Checker::new(ledger), subscription }
    }

    /// Reads on, and checks the submission that has waited longest. When none waits, says how far it has come.
    ///
    /// # Errors
    /// A fault that does not pass.
    pub async fn turn(&mut self) -> Result<Option<Idle>, Fault> {
        let Self { backlog, checker, subscription } = self;
        subscription.catch_up(|record| backlog.take(record)).await?;
        match backlog.next() {
            Some(work) => {
                match checker.carry_out(backlog, &work, subscription.position()).await? {
                    Checked::Recorded => {}
                    // What is read next shows it.
                    Checked::BeforeUs => backlog.leave_alone(&work),
                    Checked::Unchanged => {
                        tracing::error!(submission = %work.2, "a check was answered as one of before, and changed nothing");
                        backlog.leave_alone(&work);
                    }
                }
                Ok(None)
            }
            None => Ok(Some(Idle { position: subscription.position(), next: None })),
        }
    }
}

/// Checks submissions until asked to stop.
///
/// # Errors
/// A fault that does not pass.
pub async fn run(ledger: Arc<dyn Ledger>, progress: Arc<dyn Progress>, mut stop: Stop) -> Result<(), Fault> {
    let mut validator = Validator::new(ledger);
    loop {
        let Some(idle) = validator.turn().await? else {
            progress.turned(ROLE);
            if stop.is_asked() {
                return Ok(());
            }
            continue;
        };
        let stuck = match validator.backlog.left_alone() {
            0 => None,
            count => Some(format!("Nothing is recorded of the check of {count} received files; the log says why.")),
        };
        progress.alarm(ROLE, AlarmCode::NoProgress, stuck.as_deref());
        progress.idle(ROLE, idle);
        tokio::select! {
            nudged = validator.subscription.nudged() => nudged?,
            () = stop.wait() => return Ok(()),
        }
    }
}
