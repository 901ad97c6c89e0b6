//! The reminder reads every event of notices, and of the rounds and participations they are about; and inbound mail.
//! It sends mail, and commands that record each attempt before it is made and what became of it after.
//! It knows the outbox: notices that are due and have no outcome yet.
//! It must never send what is no longer true, nor send again what may have arrived without a stated rule.

mod addressee;
mod alarms;
mod bounds;
pub mod check;
mod compose;
mod delivery;
mod entry;
mod facts;
mod held_up;
mod inbox;
mod letter;
mod meaning;
mod outbox;
mod preview;
mod register;
mod return_path;
mod returned;
mod standing;
mod texts;
pub mod transport;
mod unclear;
mod unsent;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rondo_eventlog::{Fault, Ledger};
use rondo_runtime::alarm::AlarmCode;
use rondo_runtime::clock::{Clock, JumpGuard};
use rondo_runtime::config::MailSection;
use rondo_runtime::lifecycle::Stop;
use rondo_runtime::patient::taken_up_anew;
use rondo_runtime::people::Register;
use rondo_runtime::progress::{Idle, Progress};
use rondo_runtime::subscription::Subscription;

pub use compose::{ComposeError, Draft};
use delivery::Delivery;
pub use inbox::ASIDE;
use inbox::Inbox;
pub use letter::Letter;
use outbox::{Outbox, Work};
pub use preview::{Preview, PreviewError, previews};
pub use return_path::ReturnPath;
use transport::{Signer, Transport};
pub use unclear::{Unclear, unclear};

/// The name under which the reminder acts.
pub const ROLE: &str = rondo_domain::Service::Reminder.name();

/// How often a clock that was set is looked at again.
const AFTER_JUMP: Duration = Duration::from_secs(10);

/// How often the folder of inbound mail is looked into when nothing else happens.
const INBOX_EVERY: Duration = Duration::from_secs(20);

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
    /// By which key mail is signed, if it is.
    pub signer: Option<Signer>,
    /// The address that mail leaves from and comes back to, if that is read here.
    pub returns: Option<ReturnPath>,
    /// The folder of inbound mail, if it is read here.
    pub inbox: Option<PathBuf>,
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
    inbox: Option<Inbox>,
    /// Whether it has read what was there when it began.
    has_begun: bool,
    /// Whether its last turn ended in the middle of its work, as that of one before it did at a start.
    was_cut_off: bool,
}

impl Reminder {
    /// One that has read nothing yet.
    pub fn new(parts: Parts) -> Self {
        let subscription = Subscription::new(Arc::clone(&parts.ledger));
        let inbox = parts.inbox.clone().map(Inbox::new);
        let (outbox, delivery) = (Outbox::default(), Delivery::new(parts));
        Self { outbox, subscription, delivery, inbox, has_begun: false, was_cut_off: true }
    }

    /// Reads on, and brings one due notice to its recorded end. When none was due, says how far it has come and when one will be.
    ///
    /// # Errors
    /// A fault that does not pass.
    pub async fn turn(&mut self) -> Result<Option<Idle>, Fault> {
        let turn = self.work().await;
        self.was_cut_off |= turn.is_err();
        turn
    }

    async fn work(&mut self) -> Result<Option<Idle>, Fault> {
        let Self { outbox, subscription, delivery, inbox, has_begun, was_cut_off } = self;
        subscription.catch_up(|record| outbox.take(record)).await?;
        delivery.seen = subscription.position();
        delivery.read_on(outbox).await?;
        if outbox.waits_for_register() {
            let people = delivery.people()?;
            outbox.register(&people);
        }
        if std::mem::take(was_cut_off) {
            outbox.note_cut_off();
        }
        if !*has_begun {
            let people = delivery.people()?;
            register::compare(outbox.world.network(), &people, delivery.parts.clock.now());
            *has_begun = true;
        }
        let now = delivery.parts.clock.now();
        let work = outbox.next(now);
        // What came in about a mail is recorded once it is known what became of the mail.
        if !matches!(work, Some(Work::Resolve(_)))
            && let Some(inbox) = inbox
            && inbox.turn(&outbox.world, delivery).await?
        {
            return Ok(None);
        }
        let Some(work) = work else {
            delivery.parts.transport.rest().await;
            alarms::tell(outbox, inbox.as_ref(), &*delivery.parts.progress, now);
            return Ok(Some(Idle { position: subscription.position(), next: outbox.next_due(now) }));
        };
        let done = delivery.carry_out(outbox, &work).await?;
        match done.held {
            Some(held) => outbox.hold(held),
            None if done.answered => outbox.resume(),
            None => {}
        }
        outbox.leave_alone(done.stuck, now);
        Ok(None)
    }
}

/// Sends what is due until asked to stop.
///
/// # Errors
/// A fault that does not pass.
pub async fn run(parts: Parts, mut stop: Stop) -> Result<(), Fault> {
    let (clock, progress) = (Arc::clone(&parts.clock), Arc::clone(&parts.progress));
    let (mut reminder, mut guard) = (Reminder::new(parts), JumpGuard::default());
    loop {
        let jump = guard.doubt(&*clock);
        let why = jump.map(|jump| {
            let minutes = jump.as_mins().abs();
            let way = if jump.is_positive() { "forward" } else { "back" };
            format!("The reminder waits: the clock was set {way} by {minutes} minutes. No mail leaves until it is set right or synchronised, somebody says on this machine that it is right (rondo audit clock --today YYYY-MM-DD), or the reminder is started anew.")
        });
        progress.alarm(ROLE, AlarmCode::ClockSet, why.as_deref());
        if jump.is_some() {
            progress.turned(ROLE);
            tokio::select! {
                () = tokio::time::sleep(AFTER_JUMP) => continue,
                () = stop.wait() => return Ok(()),
            }
        }
        let turn = reminder.turn().await;
        let Some(idle) = taken_up_anew(turn, &mut stop).await?.flatten() else {
            progress.turned(ROLE);
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
            () = tokio::time::sleep(INBOX_EVERY), if reminder.inbox.is_some() => {}
            () = stop.wait() => return Ok(()),
        }
    }
}
