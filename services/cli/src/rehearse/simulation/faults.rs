//! What goes wrong in a simulated round: services that die at any step, commands that come twice, and mail servers of every mood.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use rondo_domain::notice::{About, Refusal};
use rondo_domain::{Command, CommandId};
use rondo_eventlog::merkle::Checkpoint;
use rondo_eventlog::{Accepted, Fault, Ledger, SubmitError};
use rondo_reminder::Letter;
use rondo_reminder::transport::{Outcome, Transport};
use rondo_runtime::clock::Clock;
use rondo_testkit::between::OnTheWay;

/// How often, in a thousand, a command of a service is the last thing it does.
const CRASHES: u32 = 6;

/// A mail that was offered to a server.
#[derive(Debug, Clone)]
pub(super) struct Offered {
    pub(super) at: Timestamp,
    /// How many records there were by then.
    pub(super) size: u64,
    /// The round and the notice that leads it.
    pub(super) name: String,
    /// Whether it lies in somebody's mailbox.
    pub(super) arrived: bool,
}

#[derive(Default)]
struct Happened {
    mails: Vec<Offered>,
    refused: Vec<String>,
    crashes: u32,
    down: Vec<(Timestamp, Timestamp)>,
    /// The last command, and how often in a row it came.
    last: Option<(CommandId, u32)>,
    /// The next command of a service does not arrive: it dies while a mail is under way.
    dies: bool,
}

/// Chance, and what it did.
#[derive(Clone)]
pub(super) struct Trouble {
    chance: Arc<Mutex<Rng>>,
    happened: Arc<Mutex<Happened>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Trouble {
    pub(super) fn new(chance: Rng) -> Self {
        Self { chance: Arc::new(Mutex::new(chance)), happened: Arc::default() }
    }

    pub(super) fn mails(&self) -> Vec<Offered> {
        locked(&self.happened).mails.clone()
    }

    /// What services asked for and were refused.
    pub(super) fn refused(&self) -> Vec<String> {
        locked(&self.happened).refused.clone()
    }

    pub(super) fn crashes(&self) -> u32 {
        locked(&self.happened).crashes
    }

    /// Until when a service that dies now stays down, if it is not there again at once.
    /// Whether mail hangs on it says whether a mail that was missed meanwhile is excused.
    pub(super) fn down_until(&self, now: Timestamp, mails: bool) -> Option<Timestamp> {
        let mut chance = locked(&self.chance);
        let until = (chance.u8(0..4) == 0).then(|| now + SignedDuration::from_hours(chance.i64(1..60)))?;
        if mails {
            locked(&self.happened).down.push((now, until));
        }
        Some(until)
    }

    /// When a service was down on which mail hangs.
    pub(super) fn down(&self) -> Vec<(Timestamp, Timestamp)> {
        locked(&self.happened).down.clone()
    }

    fn one_in_a_thousand(&self, times: u32) -> bool {
        locked(&self.chance).u32(0..1000) < times
    }

    /// A service that sends the same command over and over does not see what came of it.
    fn note(&self, id: CommandId) {
        let mut happened = locked(&self.happened);
        let times = happened.last.filter(|(last, _)| *last == id).map_or(1, |(_, times)| times + 1);
        happened.last = Some((id, times));
        if times == 10 {
            happened.refused.push(format!("the command {id} was sent over and over"));
        }
    }

    fn dies(&self) -> Fault {
        locked(&self.happened).crashes += 1;
        Fault::Stopped
    }
}

/// Services may die: before a command arrives, or after it was carried out and before they hear of it.
#[async_trait]
impl OnTheWay for Trouble {
    async fn submit(&self, ledger: &dyn Ledger, command: Command) -> Result<Accepted, SubmitError> {
        self.note(command.id);
        let armed = std::mem::take(&mut locked(&self.happened).dies);
        if armed || self.one_in_a_thousand(CRASHES) {
            return Err(self.dies().into());
        }
        if self.one_in_a_thousand(20) {
            // An answer that got lost on the bus: the same command is sent again.
            let _lost = ledger.submit(command.clone()).await;
        }
        let told = format!("{command:?}");
        let answer = ledger.submit(command).await;
        if let Err(SubmitError::Rejected(rejection)) = &answer {
            locked(&self.happened).refused.push(format!("{rejection} ({told})"));
        }
        if self.one_in_a_thousand(CRASHES) {
            return Err(self.dies().into());
        }
        answer
    }

    async fn checkpoint(&self, ledger: &dyn Ledger) -> Result<String, Fault> {
        // Nobody signs in memory; what a release carries is its text.
        let head = ledger.head().await?;
        Ok(Checkpoint { origin: "simulation".to_owned(), head }.text())
    }
}

/// A mail server that takes most mails, refuses some, is away at times, and of which one cannot always say whether it took a mail.
pub(super) struct MoodyServer {
    pub(super) trouble: Trouble,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ledger: Arc<dyn Ledger>,
}

#[async_trait]
impl Transport for MoodyServer {
    async fn send(&self, letter: &Letter) -> Outcome {
        let size = self.ledger.head().await.map_or(0, |head| head.size);
        let roll = locked(&self.trouble.chance).u32(0..100);
        let refusal = |about, code, class| Refusal::new(about, code, class);
        let (outcome, arrived) = match roll {
            0..4 => (Outcome::RefusedForNow(refusal(About::Mail, 451, "try again")), false),
            4..5 => (Outcome::Refused(refusal(About::Recipient, 550, "no such mailbox")), false),
            5..7 => (Outcome::Unknown("the connection broke".to_owned()), roll == 5),
            7..9 => (Outcome::Unavailable(refusal(About::Server, 0, "away")), false),
            9..11 => {
                locked(&self.trouble.happened).dies = true;
                (Outcome::Accepted, roll == 9)
            }
            _ => (Outcome::Accepted, true),
        };
        if letter.is_test {
            return outcome;
        }
        let offered = Offered { at: self.clock.now(), size, name: letter.name.clone(), arrived };
        locked(&self.trouble.happened).mails.push(offered);
        outcome
    }
}
