//! An office that holds meetings: a log in memory, a clock that is set, and a scheduler that is asked for one turn after the other.

use std::sync::Arc;

use jiff::Timestamp;
use rondo_domain::network::{Grant, NetworkCommand};
use rondo_domain::round::{Pin, RoundCommand};
use rondo_domain::run::TaskName;
use rondo_domain::world::World;
use rondo_domain::{Command, CommandId, Role, RoundId, Wish};
use rondo_eventlog::{Ledger, SubmitError, files, ledger};
use rondo_runtime::clock::{Clock, PacedClock};
use rondo_runtime::memory::MemoryLedger;
use rondo_scheduler::Scheduler;

pub struct Office {
    pub ledger: Arc<dyn Ledger>,
    pub clock: PacedClock,
    acts: std::cell::Cell<u32>,
    pub scheduler: Scheduler,
}

impl Office {
    pub fn new(begin: &str) -> Self {
        let clock = PacedClock::new(begin.parse().unwrap());
        let ledger: Arc<dyn Ledger> = Arc::new(MemoryLedger::new(Arc::new(clock.clone())));
        Self { scheduler: Scheduler::new(Arc::clone(&ledger)), ledger, clock, acts: std::cell::Cell::new(0) }
    }

    pub async fn act(&self, who: &str, wish: Wish) -> Result<(), SubmitError> {
        self.acts.set(self.acts.get() + 1);
        let id = CommandId::of(&["meeting", &self.acts.get().to_string()]);
        let (actor, role, via) = (who.parse().unwrap(), None, None);
        let command = Command { role, via, ..Command::of(id, actor, wish) };
        self.ledger.submit(command).await.map(|_| ())
    }

    pub async fn grant(&self, who: &str, role: Role, country: Option<&str>) {
        let grant = Grant::of(role, country.map(|country| country.parse().unwrap()));
        let command = NetworkCommand::GrantRole { person: who.parse().unwrap(), grant };
        self.act("operator", Wish::Network { command }).await.unwrap();
    }

    pub async fn plan(&self, workflow: &str, year: i16) -> RoundId {
        let bundle = rondo_tests::bundle(workflow);
        let hash = files::store(&*self.ledger, &bundle.to_bytes()).await.unwrap();
        let pin = Pin { workflow: workflow.parse().unwrap(), bundle: hash };
        let round: RoundId = format!("{workflow}-{year}").parse().unwrap();
        let command = RoundCommand::Plan { pin, year, title: format!("{workflow} {year}") };
        self.act("coordinator", Wish::Round { round: round.clone(), command }).await.unwrap();
        round
    }

    /// Moves the clock from one due thing to the next.
    pub async fn move_to(&mut self, time: &str) {
        let to: Timestamp = time.parse().unwrap();
        loop {
            let now = self.clock.now();
            let idle = loop {
                if let Some(idle) = self.scheduler.turn(now).await.unwrap() {
                    break idle;
                }
            };
            if now >= to {
                return;
            }
            self.clock.advance(idle.next.filter(|next| *next > now).unwrap_or(to).min(to));
        }
    }

    pub async fn world(&self) -> World {
        let mut world = World::of(&World::WITHOUT_FIGURES);
        for kind in ["network", "round/", "participation/", "notice/", "run/"] {
            for record in ledger::read_all(&*self.ledger, kind).await.unwrap() {
                world.apply(&record.stream, &record.event, &record.stamp());
            }
        }
        world
    }

    /// The people and countries that mail of a kind was raised for.
    pub async fn written(&self, round: &RoundId, kind: &str) -> Vec<String> {
        let world = self.world().await;
        let mut all: Vec<String> = world
            .notices(round)
            .into_iter()
            .filter_map(|(_, notice)| notice.brief.as_ref().filter(|brief| brief.kind == kind))
            .map(|brief| brief.person.to_string())
            .collect();
        all.sort();
        all
    }

    pub async fn open_tasks(&self, round: &RoundId) -> Vec<(String, String)> {
        let world = self.world().await;
        let mut open = Vec::new();
        for (of, country, run) in world.runs().into_iter().filter(|(of, ..)| of == round) {
            for (occurrence, task) in run.open_tasks() {
                let name = TaskName::of(run, &of, country.as_ref(), occurrence);
                open.push((name.to_string(), task.task.what.clone()));
            }
        }
        open
    }
}
