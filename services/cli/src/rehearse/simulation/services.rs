//! The program's services in a simulated round: the real ones, each of which may die at any of its commands and is begun anew.

use super::*;
use rondo_eventlog::Fault;
use rondo_publisher::Publisher;
use rondo_runtime::progress::Idle;
use rondo_validator::Validator;

/// One of the program's services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Which {
    Scheduler,
    Reminder,
    Validator,
    Publisher,
}

impl Which {
    pub(super) const ALL: [Self; 4] = [Self::Scheduler, Self::Reminder, Self::Validator, Self::Publisher];
}

/// A service at its place in the log.
enum Running {
    Scheduler(Box<Scheduler>),
    Reminder(Box<Reminder>),
    Validator(Box<Validator>),
    Publisher(Box<Publisher>),
}

/// What services are made of, those that run, and until when the others stay down.
pub(super) struct Services {
    pub(super) parts: Box<dyn Fn() -> rondo_reminder::Parts>,
    pub(super) trouble: Trouble,
    /// Where the publisher writes.
    folder: tempfile::TempDir,
    running: BTreeMap<Which, Running>,
    down: BTreeMap<Which, Timestamp>,
}

impl Services {
    pub(super) fn new(parts: Box<dyn Fn() -> rondo_reminder::Parts>, trouble: Trouble) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { parts, trouble, folder, running: BTreeMap::new(), down: BTreeMap::new() }
    }

    fn begin(&self, which: Which) -> Running {
        let parts = (self.parts)();
        match which {
            Which::Scheduler => Running::Scheduler(Box::new(Scheduler::new(parts.ledger))),
            Which::Reminder => Running::Reminder(Box::new(Reminder::new(parts))),
            Which::Validator => Running::Validator(Box::new(Validator::new(parts.ledger))),
            Which::Publisher => {
                let folder = self.folder.path().to_owned();
                Running::Publisher(Box::new(Publisher::new(parts.ledger, folder)))
            }
        }
    }

    /// Lets a service act until it rests or dies; gives its place and when it has something to do, and nothing of one that died.
    pub(super) async fn turn(&mut self, which: Which, now: Timestamp) -> Option<(u64, Option<Timestamp>)> {
        if let Some(until) = self.down.get(&which).filter(|until| **until > now) {
            return Some((u64::MAX, Some(*until)));
        }
        self.down.remove(&which);
        loop {
            let begun = self.running.remove(&which).unwrap_or_else(|| self.begin(which));
            let running = self.running.entry(which).or_insert(begun);
            let turn: Result<Option<Idle>, _> = match running {
                Running::Scheduler(scheduler) => scheduler.turn(now).await,
                Running::Reminder(reminder) => reminder.turn().await,
                Running::Validator(validator) => validator.turn().await,
                Running::Publisher(publisher) => publisher.turn().await,
            };
            match turn {
                Ok(None) => {}
                Ok(Some(idle)) => return Some((idle.position, idle.next)),
                Err(Fault::Stopped) => {
                    self.running.remove(&which);
                    let mails = matches!(which, Which::Scheduler | Which::Reminder);
                    self.down.extend(self.trouble.down_until(now, mails).map(|until| (which, until)));
                    return None;
                }
                // Nothing but what was drawn may go wrong.
                Err(fault) => panic!("the {which:?} failed: {fault}"),
            }
        }
    }
}
