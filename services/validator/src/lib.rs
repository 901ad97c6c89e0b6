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
use rondo_runtime::lifecycle::Stop;
use rondo_runtime::progress::{Idle, Progress};
use rondo_runtime::subscription::Subscription;

use backlog::Backlog;
use check::Checker;

/// The name under which the validator acts.
pub const ROLE: &str = "validator";

/// Checks submissions until asked to stop.
///
/// # Errors
/// A fault that does not pass.
pub async fn run(ledger: Arc<dyn Ledger>, progress: Arc<dyn Progress>, mut stop: Stop) -> Result<(), Fault> {
    let mut backlog = Backlog::default();
    let mut subscription = Subscription::new(Arc::clone(&ledger));
    let mut checker = Checker::new(ledger);
    loop {
        subscription.catch_up(|record| backlog.take(record)).await?;
        if let Some(work) = backlog.next() {
            checker.carry_out(&backlog, &work).await?;
            if stop.is_asked() {
                return Ok(());
            }
            continue;
        }
        progress.idle(ROLE, Idle { position: subscription.position(), next: None });
        tokio::select! {
            nudged = subscription.nudged() => nudged?,
            () = stop.wait() => return Ok(()),
        }
    }
}
