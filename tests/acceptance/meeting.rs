//! Another workflow on the same engine: the technical meeting. Countries answer questions, and what was learned becomes tasks of
//! the next collection.

use std::sync::Arc;

use jiff::Timestamp;
use rondo_domain::coming::{SILENCE, silence};
use rondo_domain::network::{Grant, NetworkCommand};
use rondo_domain::participation::ParticipationCommand;
use rondo_domain::round::{Pin, RoundCommand};
use rondo_domain::run::TaskName;
use rondo_domain::why::{Because, why};
use rondo_domain::workflow::Bundle;
use rondo_domain::world::World;
use rondo_domain::{Command, CommandId, Country, Role, RoundId, Wish};
use rondo_eventlog::{Ledger, SubmitError, files, ledger};
use rondo_runtime::clock::{Clock, PacedClock};
use rondo_runtime::lifecycle::Lifecycle;
use rondo_runtime::memory::MemoryLedger;
use rondo_runtime::progress::{Board, Progress};
use rondo_scheduler::{Scheduler, definitions};

struct Office {
    ledger: Arc<dyn Ledger>,
    clock: PacedClock,
    acts: std::cell::Cell<u32>,
    scheduler: Scheduler,
}

impl Office {
    fn new(begin: &str) -> Self {
        let clock = PacedClock::new(begin.parse().unwrap());
        let ledger: Arc<dyn Ledger> = Arc::new(MemoryLedger::new(Arc::new(clock.clone())));
        Self { scheduler: Scheduler::new(Arc::clone(&ledger)), ledger, clock, acts: std::cell::Cell::new(0) }
    }

    async fn act(&self, who: &str, wish: Wish) -> Result<(), SubmitError> {
        self.acts.set(self.acts.get() + 1);
        let id = CommandId::of(&["meeting", &self.acts.get().to_string()]);
        let (actor, role, via) = (who.parse().unwrap(), None, None);
        let command = Command { id, actor, role, via, on_behalf_of: None, cause: None, wish };
        self.ledger.submit(command).await.map(|_| ())
    }

    async fn grant(&self, who: &str, role: Role, country: Option<&str>) {
        let grant = Grant::of(role, country.map(|country| country.parse().unwrap()));
        let command = NetworkCommand::GrantRole { person: who.parse().unwrap(), grant };
        self.act("operator", Wish::Network { command }).await.unwrap();
    }

    async fn plan(&self, workflow: &str, year: i16) -> RoundId {
        let bundle = rondo_tests::bundle(workflow);
        let hash = files::store(&*self.ledger, &bundle.to_bytes()).await.unwrap();
        let pin = Pin { workflow: workflow.parse().unwrap(), bundle: hash };
        let round: RoundId = format!("{workflow}-{year}").parse().unwrap();
        let command = RoundCommand::Plan { pin, year, title: format!("{workflow} {year}") };
        self.act("coordinator", Wish::Round { round: round.clone(), command }).await.unwrap();
        round
    }

    /// Moves the clock from one due thing to the next.
    async fn move_to(&mut self, time: &str) {
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

    async fn world(&self) -> World {
        let mut world = World::of(&World::WITHOUT_FIGURES);
        for kind in ["network", "round/", "participation/", "notice/", "run/"] {
            for record in ledger::read_all(&*self.ledger, kind).await.unwrap() {
                world.apply(&record.stream, &record.event, &record.stamp());
            }
        }
        world
    }

    /// The people and countries that mail of a kind was raised for.
    async fn written(&self, round: &RoundId, kind: &str) -> Vec<String> {
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

    async fn open_tasks(&self, round: &RoundId) -> Vec<(String, String)> {
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

fn country(code: &str) -> Country {
    code.parse().unwrap()
}

fn choice(round: &RoundId, code: &str, choice: &str) -> Wish {
    let (question, choice, text) = ("attends".to_owned(), choice.to_owned(), "two people".to_owned());
    let command = ParticipationCommand::Choose { question, choice, text };
    Wish::Participation { round: round.clone(), country: country(code), command }
}

#[tokio::test]
async fn a_meeting_is_invited_to_answered_joined_and_learned_from() {
    let mut office = Office::new("2026-03-01T00:00:00Z");
    office.grant("coordinator", Role::RegionalCoordinator, None).await;
    office.grant("manager", Role::CollectionManager, None).await;
    office.grant("watcher", Role::Observer, None).await;
    for code in ["LAO", "THA", "VNM", "PHL"] {
        let who = code.to_ascii_lowercase();
        office.grant(&format!("{who}-focal"), Role::FocalPoint, Some(code)).await;
    }
    let meeting = office.plan("technical-meeting", 2026).await;
    office.move_to("2026-03-18T00:00:00Z").await;
    assert_eq!(office.written(&meeting, "meeting-invitation").await.len(), 4, "whoever there is, is invited");
    assert_eq!(office.written(&meeting, "observer-invitation").await, ["watcher"]);
    for (code, chosen) in [("LAO", "online"), ("THA", "in-person"), ("VNM", "no")] {
        let who = format!("{}-focal", code.to_ascii_lowercase());
        office.act(&who, choice(&meeting, code, chosen)).await.unwrap();
    }
    assert!(office.act("lao-focal", choice(&meeting, "THA", "no")).await.is_err(), "no country answers for another");
    assert!(office.act("lao-focal", choice(&meeting, "LAO", "ON LINE")).await.is_err(), "a choice is a word");
    office.move_to("2026-05-20T00:00:00Z").await;
    assert_eq!(
        office.written(&meeting, "answer-reminder").await,
        ["phl-focal", "phl-focal"],
        "who answered is left alone"
    );
    assert_eq!(office.written(&meeting, "joining-in-person").await, ["tha-focal"]);
    let told = |world: &World, code: &str| {
        let definition = definitions::read(&rondo_tests::bundle("technical-meeting")).unwrap().definition;
        why(world, &meeting, &country(code), Some(&definition), office.clock.now()).unwrap().because
    };
    let world = office.world().await;
    assert_eq!(told(&world, "PHL"), Because::NotInvited, "its mail has not left yet: nothing sends mail in this test");
    let sentence = told(&world, "LAO").sentence("Lao PDR", "the deadline");
    assert_eq!(sentence, "Lao PDR has answered (attends: online).");
    office.move_to("2026-06-09T00:00:00Z").await;
    assert_eq!(office.written(&meeting, "joining-online").await, ["lao-focal"]);
    let open = office.open_tasks(&meeting).await;
    assert!(open.iter().any(|(name, _)| name == "technical-meeting-2026/learn"), "{open:?}");
    // Two lessons, and one for another workflow.
    for (workflow, lesson) in [
        ("ilms-asean", "Ask for the source notes with the invitation."),
        ("ilms-asean", "Send the table of outflows by education a month earlier."),
        ("technical-meeting", "Book a larger room."),
    ] {
        let command = RoundCommand::Learn { workflow: workflow.parse().unwrap(), lesson: lesson.to_owned() };
        office.act("lao-focal", Wish::Round { round: meeting.clone(), command }).await.unwrap();
    }
    let collection = office.plan("ilms-asean", 2026).await;
    office.move_to("2026-09-23T00:00:00Z").await;
    let lessons: Vec<String> = office
        .open_tasks(&collection)
        .await
        .into_iter()
        .filter(|(name, _)| name.contains("/lesson"))
        .map(|(_, what)| what)
        .collect();
    assert_eq!(lessons.len(), 2, "{lessons:?}");
    assert!(lessons[0].contains("source notes") && lessons[1].contains("outflows by education"), "{lessons:?}");
    // Begun again, a scheduler asks nobody twice.
    office.scheduler = Scheduler::new(Arc::clone(&office.ledger));
    office.move_to("2026-09-24T00:00:00Z").await;
    assert_eq!(office.open_tasks(&collection).await.iter().filter(|(name, _)| name.contains("/lesson")).count(), 2);
}

#[test]
fn mistakes_in_questions_are_placed() {
    let bundle = rondo_tests::bundle("technical-meeting");
    let broken = |from: &str, to: &str| {
        let mut files: std::collections::BTreeMap<String, String> =
            bundle.files().map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
        let text = files["workflow.toml"].replacen(from, to, 1);
        assert_ne!(text, files["workflow.toml"], "there is no {from}");
        files.insert("workflow.toml".to_owned(), text);
        definitions::read(&Bundle::new(files).unwrap()).unwrap_err().to_string()
    };
    for (from, to, told) in [
        ("attends=?", "atends=?", "did you mean `attends`?"),
        ("attends=online", "attends=onlin", "did you mean `online`?"),
        ("\"in-person\", \"online\", \"no\"", "\"no\"", "between 2 and 20 choices"),
        ("\"in-person\", \"online\"", "\"In person\", \"online\"", "lower-case letters"),
        ("id = \"close\"\ncron", "id = \"closing\"\ncron", "the milestone `close` is missing"),
    ] {
        let said = broken(from, to);
        assert!(said.contains("workflow.toml") && said.contains(told), "{to}: {said}");
    }
}

#[tokio::test]
async fn a_scheduler_that_is_silent_is_noticed_and_a_paused_round_is_not() {
    let mut office = Office::new("2026-03-01T00:00:00Z");
    office.grant("coordinator", Role::RegionalCoordinator, None).await;
    let meeting = office.plan("technical-meeting", 2026).await;
    office.move_to("2026-03-02T00:00:00Z").await;
    let world = office.world().await;
    let (launch, step) = ("2026-03-16T02:00:00Z".parse::<Timestamp>().unwrap(), jiff::SignedDuration::from_mins(1));
    assert_eq!(silence(&world, launch + SILENCE), None, "a quarter of an hour is no alarm");
    let (count, first) = silence(&world, launch + SILENCE + step).unwrap();
    assert_eq!(
        (count, first.at),
        (2, launch),
        "the launch, and the invitation to Timor-Leste, where it is eleven by then"
    );
    let command = RoundCommand::Pause { reason: "nobody is here".to_owned() };
    office.act("coordinator", Wish::Round { round: meeting, command }).await.unwrap();
    assert_eq!(silence(&office.world().await, launch + SILENCE + step), None);
}

/// A clock that is set, and a steady one beside it.
struct SetClock(std::sync::Mutex<(Timestamp, u64)>);

#[async_trait::async_trait]
impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        self.0.lock().unwrap().0
    }

    fn steady(&self) -> Option<std::time::Duration> {
        Some(std::time::Duration::from_secs(self.0.lock().unwrap().1))
    }

    async fn sleep_until(&self, until: Timestamp) {
        while self.now() < until {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn a_clock_that_is_set_forward_fires_nothing_and_says_so() {
    let mut office = Office::new("2026-03-01T00:00:00Z");
    office.grant("coordinator", Role::RegionalCoordinator, None).await;
    let meeting = office.plan("technical-meeting", 2026).await;
    office.move_to("2026-03-02T00:00:00Z").await;
    let clock = Arc::new(SetClock(std::sync::Mutex::new((office.clock.now(), 1_000))));
    let (mut lifecycle, board) = (Lifecycle::default(), Board::default());
    let stop = lifecycle.stop();
    let (as_clock, as_progress): (Arc<dyn Clock>, Arc<dyn Progress>) = (clock.clone(), Arc::new(board.clone()));
    lifecycle.spawn("scheduler", rondo_scheduler::run(Arc::clone(&office.ledger), as_clock, as_progress, stop));
    let (done, finished) = tokio::sync::oneshot::channel::<()>();
    let lives = tokio::spawn(lifecycle.run(async move { finished.await.unwrap_or(()) }));
    let come = async |what: &str, holds: &dyn Fn() -> bool| {
        for _ in 0..1_000 {
            if holds() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("it does not come to this: {what}");
    };
    come("it rests", &|| board.places().contains_key("scheduler")).await;
    // Thirty days at once, and a minute by the machine.
    *clock.0.lock().unwrap() = ("2026-04-01T00:00:00Z".parse().unwrap(), 1_060);
    office.clock.advance("2026-04-01T00:00:00Z".parse().unwrap());
    come("it is suspended", &|| board.suspended().contains_key("scheduler")).await;
    let why = board.suspended()["scheduler"].clone();
    assert!(why.contains("set forward") && why.contains("nothing fires"), "{why}");
    let world = office.world().await;
    assert_eq!(world.round(&meeting).unwrap().state.as_str(), "configured", "the launch of 16 March did not fire");
    done.send(()).unwrap();
    lives.await.unwrap().unwrap();
}
