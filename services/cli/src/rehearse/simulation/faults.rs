//! What goes wrong in a simulated round: services that die at any step, commands that come twice, and mail servers of every mood.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use rondo_domain::notice::{About, NoticeCommand, Refusal};
use rondo_domain::{Command, CommandId, Wish};
use rondo_eventlog::merkle::Checkpoint;
use rondo_eventlog::{Accepted, Fault, Ledger, SubmitError};
use rondo_reminder::Letter;
use rondo_reminder::transport::{Outcome, Transport};
use rondo_runtime::clock::Clock;
use rondo_scheduler::Scheduler;
use rondo_testkit::between::OnTheWay;

use super::returned::{self, Fate};

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
    /// Its subject and its plain text, as its recipient reads them.
    pub(super) text: String,
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
    /// What comes in about mails, and when: the name of its file, and its bytes.
    coming_in: BTreeMap<(Timestamp, String), Vec<u8>>,
    /// Addresses at which nobody is reached any more.
    gone: BTreeSet<String>,
    /// Addresses that were put right, and from which the next mail is answered, or said to have arrived.
    mended: BTreeSet<String>,
    /// When which address was put right, or was thought to be.
    righted: Vec<(String, Timestamp)>,
    /// How often something came in.
    heard: usize,
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

    /// Says that something was promised and is not so.
    pub(super) fn broke(&self, what: String) {
        locked(&self.happened).refused.push(what);
    }

    /// A scheduler at rest has no command that was answered and changed nothing.
    pub(super) fn makes_progress(&self, scheduler: &Scheduler, which: &str) {
        let unchanged = scheduler.unchanged();
        if unchanged > 0 {
            self.broke(format!("no-progress: {unchanged} commands of the {which} changed nothing"));
        }
    }

    /// What has come in about mails by now: files by their names.
    pub(super) fn came_in(&self, now: Timestamp) -> Vec<(String, Vec<u8>)> {
        let mut happened = locked(&self.happened);
        let later = happened.coming_in.split_off(&(now + SignedDuration::from_nanos(1), String::new()));
        let come = std::mem::replace(&mut happened.coming_in, later);
        happened.heard += come.len();
        come.into_iter().map(|((_, name), bytes)| (name, bytes)).collect()
    }

    /// When something comes in next.
    pub(super) fn next_coming_in(&self) -> Option<Timestamp> {
        locked(&self.happened).coming_in.first_key_value().map(|((at, _), _)| *at)
    }

    /// How often something came in.
    pub(super) fn heard(&self) -> usize {
        locked(&self.happened).heard
    }

    /// Somebody is reached at an address again.
    pub(super) fn is_reached(&self, address: &str, now: Timestamp) {
        locked(&self.happened).gone.remove(address);
        self.is_righted(address, now);
    }

    /// An address was put right, and the next mail to it is heard of.
    pub(super) fn is_mended(&self, address: &str, now: Timestamp) {
        self.is_reached(address, now);
        locked(&self.happened).mended.insert(address.to_owned());
    }

    /// Somebody has another address in the register, which may be as wrong as the one before.
    pub(super) fn is_righted(&self, address: &str, now: Timestamp) {
        locked(&self.happened).righted.push((address.to_owned(), now));
    }

    /// When which address was put right, or was thought to be.
    pub(super) fn righted(&self) -> Vec<(String, Timestamp)> {
        locked(&self.happened).righted.clone()
    }

    /// Draws what becomes of a mail that the server took; whether it lies in a mailbox then.
    fn arrives(&self, letter: &Letter, now: Timestamp) -> bool {
        let (mut chance, mut happened) = (locked(&self.chance), locked(&self.happened));
        let to = returned::recipient(letter);
        let fate = if happened.mended.remove(&to) {
            Some(if chance.bool() { Fate::Answer } else { Fate::Delivered })
        } else if happened.gone.contains(&to) {
            Some(Fate::Gone)
        } else {
            Fate::drawn(&mut chance)
        };
        let Some(fate) = fate else { return true };
        if fate == Fate::Gone {
            happened.gone.insert(to);
        }
        let at = Fate::heard_at(now, &mut chance);
        let name = format!("{:06}.eml", happened.mails.len());
        // Each is a mail of its own, though it reports the same of a mail that was sent again.
        let written =
            [format!("Received: from mx.example with ESMTP id {name}\n").as_bytes(), &returned::written(fate, letter)]
                .concat();
        happened.coming_in.insert((at, name), written);
        fate != Fate::Gone
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
        // What is written elsewhere may come when it fits nothing any more.
        let is_hearsay = is_hearsay(&command.wish);
        let answer = ledger.submit(command).await;
        if let Err(SubmitError::Rejected(rejection)) = &answer
            && !is_hearsay
        {
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

/// Whether a wish tells of what came in about a mail.
fn is_hearsay(wish: &Wish) -> bool {
    use NoticeCommand as C;
    let Wish::Notice { command, .. } = wish else { return false };
    matches!(
        command,
        C::RecordBounce { .. }
            | C::RecordUndelivered { .. }
            | C::RecordComplaint { .. }
            | C::RecordAutoAnswer { .. }
            | C::ConfirmDelivered
            | C::RecordAnswer
    )
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
            _ if letter.is_test => (Outcome::Accepted, true),
            _ => (Outcome::Accepted, self.trouble.arrives(letter, self.clock.now())),
        };
        if letter.is_test {
            return outcome;
        }
        let (name, text) = (letter.name.clone(), returned::text(letter));
        let offered = Offered { at: self.clock.now(), size, name, arrived, text };
        locked(&self.trouble.happened).mails.push(offered);
        outcome
    }
}
