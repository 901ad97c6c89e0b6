//! The reminder reads every event of notices, and of the rounds and participations they are about.
//! It sends mail, and commands that record each attempt before it is made and what became of it after.
//! It knows the outbox: notices that are due and have no outcome yet.
//! It must never send what is no longer true, nor send again what may have arrived without a stated rule.

mod compose;
mod delivery;
mod outbox;
pub mod texts;
pub mod transport;

use std::path::PathBuf;
use std::sync::Arc;

use rondo_eventlog::{Fault, Ledger};
use rondo_runtime::clock::Clock;
use rondo_runtime::config::MailSection;
use rondo_runtime::lifecycle::Stop;
use rondo_runtime::progress::{Idle, Progress};
use rondo_runtime::subscription::Subscription;

use delivery::Delivery;
use outbox::Outbox;
use transport::Transport;

/// The name under which the reminder acts.
pub const ROLE: &str = "reminder";

/// What the reminder is handed.
pub struct Parts {
    /// The log.
    pub ledger: Arc<dyn Ledger>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Who hears how far it has come.
    pub progress: Arc<dyn Progress>,
    /// How mail leaves.
    pub transport: Box<dyn Transport>,
    /// Sender, links and texts' fixed parts.
    pub mail: MailSection,
    /// The register of people.
    pub people: PathBuf,
}

/// Sends what is due until asked to stop.
///
/// # Errors
/// A fault that does not pass.
pub async fn run(parts: Parts, mut stop: Stop) -> Result<(), Fault> {
    let mut outbox = Outbox::default();
    let mut subscription = Subscription::new(Arc::clone(&parts.ledger));
    let mut delivery = Delivery::new(&parts);
    subscription.catch_up(|record| outbox.take(record)).await?;
    outbox.note_cut_off();
    loop {
        subscription.catch_up(|record| outbox.take(record)).await?;
        if let Some(work) = outbox.next(parts.clock.now()) {
            match delivery.carry_out(&outbox, &work).await? {
                Some(until) => outbox.hold(until),
                None => outbox.resume(),
            }
            if stop.is_asked() {
                return Ok(());
            }
            continue;
        }
        let next = outbox.next_due(parts.clock.now());
        parts.progress.idle(ROLE, Idle { position: subscription.position(), next });
        let due = async {
            match next {
                Some(next) => parts.clock.sleep_until(next).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            nudged = subscription.nudged() => nudged?,
            () = due => {}
            () = stop.wait() => return Ok(()),
        }
    }
}
