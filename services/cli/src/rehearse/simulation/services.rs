//! The program's services in a simulated round: the real ones, each of which may die at any of its commands and is begun anew.

use super::*;
use rondo_eventlog::Fault;
use rondo_publisher::Publisher;
use rondo_runtime::progress::Idle;
use rondo_runtime::savepoint::Savepoints;
use rondo_validator::Validator;

/// After so many rests the scheduler writes a savepoint, so that it often begins anew from one that is some time old.
const SAVED_EVERY: u32 = 16;

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
    /// Where the publisher writes, and the scheduler its savepoint.
    folder: tempfile::TempDir,
    savepoints: Savepoints,
    /// How often the scheduler rested.
    rests: u32,
    running: BTreeMap<Which, Running>,
    down: BTreeMap<Which, Timestamp>,
}

impl Services {
    pub(super) fn new(parts: Box<dyn Fn() -> rondo_reminder::Parts>, trouble: Trouble) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let savepoints = Savepoints::of(&folder.path().join("savepoints"), rondo_scheduler::ROLE);
        Self { parts, trouble, folder, savepoints, rests: 0, running: BTreeMap::new(), down: BTreeMap::new() }
    }

    async fn begin(&self, which: Which) -> Running {
        let parts = (self.parts)();
        match which {
            Which::Scheduler => {
                let scheduler = Scheduler::resume(parts.ledger, &self.savepoints).await.unwrap();
                assert_eq!(scheduler.position() > 0, self.savepoints.path().exists(), "the savepoint was passed over");
                Running::Scheduler(Box::new(scheduler))
            }
            Which::Reminder => Running::Reminder(Box::new(Reminder::new(parts))),
            Which::Validator => Running::Validator(Box::new(Validator::new(parts.ledger))),
            Which::Publisher => {
                let folder = self.folder.path().to_owned();
                Running::Publisher(Box::new(Publisher::new(parts.ledger, folder)))
            }
        }
    }

    /// Whether two schedulers that came to rest agree, of which one went on from the last savepoint and the other read the whole
    /// log.
    pub(super) async fn agree(&self, ledger: &Arc<dyn Ledger>, now: Timestamp) -> bool {
        let mut resumed = Scheduler::resume(Arc::clone(ledger), &self.savepoints).await.unwrap();
        assert!(resumed.position() > 0, "the savepoint was passed over");
        let mut anew = Scheduler::new(Arc::clone(ledger));
        let mut idle = Vec::new();
        for scheduler in [&mut resumed, &mut anew] {
            idle.push(loop {
                if let Some(idle) = scheduler.turn(now).await.unwrap() {
                    break (idle.position, idle.next);
                }
            });
            self.trouble.makes_progress(scheduler, "scheduler that began anew at the end");
        }
        idle[0] == idle[1] && resumed.agrees_with(&anew)
    }

    /// Lets a service act until it rests or dies; gives its place and when it has something to do, and nothing of one that died.
    pub(super) async fn turn(&mut self, which: Which, now: Timestamp) -> Option<(u64, Option<Timestamp>)> {
        if let Some(until) = self.down.get(&which).filter(|until| **until > now) {
            return Some((u64::MAX, Some(*until)));
        }
        self.down.remove(&which);
        loop {
            let begun = match self.running.remove(&which) {
                Some(running) => running,
                None => self.begin(which).await,
            };
            let running = self.running.entry(which).or_insert(begun);
            let turn: Result<Option<Idle>, _> = match running {
                Running::Scheduler(scheduler) => scheduler.turn(now).await,
                Running::Reminder(reminder) => reminder.turn().await,
                Running::Validator(validator) => validator.turn().await,
                Running::Publisher(publisher) => publisher.turn().await,
            };
            match turn {
                Ok(None) => {}
                Ok(Some(idle)) => {
                    if let Running::Scheduler(scheduler) = running {
                        self.trouble.makes_progress(scheduler, "scheduler");
                        self.rests += 1;
                        if self.rests.is_multiple_of(SAVED_EVERY) {
                            assert!(scheduler.save(&self.savepoints).unwrap());
                            let ledger = (self.parts)().ledger;
                            let again = Scheduler::resume(ledger, &self.savepoints).await.unwrap();
                            assert!(again.agrees_with(scheduler), "the savepoint holds something else");
                        }
                    }
                    return Some((idle.position, idle.next));
                }
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
