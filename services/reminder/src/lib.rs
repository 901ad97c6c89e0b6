//! The reminder reads every event of notices, and of the rounds and participations they are about.
//! It sends mail, and commands that record each attempt before it is made and what became of it after.
//! It knows the outbox: notices that are due and have no outcome yet.
//! It must never send what is no longer true, nor send again what may have arrived without a stated rule.

mod compose;
mod delivery;
mod outbox;
pub mod texts;
pub mod transport;

use std::sync::Arc;

use rondo_eventlog::{Fault, Ledger};
use rondo_runtime::clock::Clock;
use rondo_runtime::config::MailSection;
use rondo_runtime::lifecycle::Stop;
use rondo_runtime::people::Register;
use rondo_runtime::progress::{Idle, Progress};
use rondo_runtime::subscription::Subscription;

pub use compose::Letter;
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
    pub people: Arc<dyn Register>,
}

/// A reminder at its place in the log.
pub struct Reminder {
    outbox: Outbox,
    subscription: Subscription,
    delivery: Delivery,
    /// Whether it has read what was there when it began.
    has_begun: bool,
}

impl Reminder {
    /// One that has read nothing yet.
    pub fn new(parts: Parts) -> Self {
        let subscription = Subscription::new(Arc::clone(&parts.ledger));
        Self { outbox: Outbox::default(), subscription, delivery: Delivery::new(parts), has_begun: false }
    }

    /// Reads on, and brings one due notice to its recorded end. When none was due, says how far it has come and when one will be.
    ///
    /// # Errors
    /// A fault that does not pass.
    pub async fn turn(&mut self) -> Result<Option<Idle>, Fault> {
        let Self { outbox, subscription, delivery, has_begun } = self;
        subscription.catch_up(|record| outbox.take(record)).await?;
        if !*has_begun {
            outbox.note_cut_off();
            *has_begun = true;
        }
        let now = delivery.parts.clock.now();
        let Some(work) = outbox.next(now) else {
            return Ok(Some(Idle { position: subscription.position(), next: outbox.next_due(now) }));
        };
        match delivery.carry_out(outbox, &work).await? {
            Some(until) => outbox.hold(until),
            None => outbox.resume(),
        }
        Ok(None)
    }
}

/// Sends what is due until asked to stop.
///
/// # Errors
/// A fault that does not pass.
pub async fn run(parts: Parts, mut stop: Stop) -> Result<(), Fault> {
    let (clock, progress) = (Arc::clone(&parts.clock), Arc::clone(&parts.progress));
    let mut reminder = Reminder::new(parts);
    loop {
        let Some(idle) = reminder.turn().await? else {
            if stop.is_asked() {
                return Ok(());
            }
            continue;
        };
        progress.idle(ROLE, idle);
        let due = async {
            match idle.next {
                Some(next) => clock.sleep_until(next).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            nudged = reminder.subscription.nudged() => nudged?,
            () = due => {}
            () = stop.wait() => return Ok(()),
        }
    }
}
