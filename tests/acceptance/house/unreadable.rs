//! Calendars and workflows that cannot be applied or read: refused when they are wished, and where they are recorded already,
//! told, and in nobody else's way.

use std::sync::Arc;

use bytes::Bytes;
use jiff::civil::date;
use rondo_domain::calendar::{CalendarChange, DayChange};
use rondo_domain::event::Event;
use rondo_domain::network::{Grant, Network, NetworkCommand};
use rondo_domain::notice::NoticeState;
use rondo_domain::participation::SubmissionState;
use rondo_domain::round::{Pin, RoundCommand, RoundEvent};
use rondo_domain::run::RunEvent;
use rondo_domain::workflow::Bundle;
use rondo_domain::{Command, CommandId, Rejection, Role, RoundId, StreamId, Wish};
use rondo_eventlog::codec::{self, Place};
use rondo_eventlog::{Ledger, Record, Sealed, files, ledger};
use rondo_runtime::clock::{Clock, PacedClock};
use rondo_runtime::config::MailSection;
use rondo_runtime::memory::MemoryLedger;
use rondo_scheduler::{Scheduler, definitions};

use crate::fixture::{House, lao, lao_2023, round};

fn of_lao(change: DayChange) -> CalendarChange {
    CalendarChange { country: lao(), place: None, change }
}

fn zone(name: &str) -> DayChange {
    DayChange::Zone { zone: name.to_owned() }
}

fn changing(round: &RoundId, change: CalendarChange) -> Wish {
    let (changes, reason) = (vec![change], "a decree".to_owned());
    Wish::Round { round: round.clone(), command: RoundCommand::ChangeCalendar { changes, moves: Vec::new(), reason } }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_a_calendar_that_cannot_be_applied_is_refused_when_it_is_wished() {
    let house = House::with_mail(MailSection::default()).await;
    let off = DayChange::DayOff { date: date(2025, 10, 28), title: "a storm".to_owned(), estimated: false };
    let nobody = CalendarChange { country: "XYZ".parse().unwrap(), ..of_lao(off.clone()) };
    let nowhere = CalendarChange { place: Some("LA-ZZ".parse().unwrap()), ..of_lao(off.clone()) };
    let before = house.ledger.head().await.unwrap();
    for (change, says) in [
        (of_lao(zone("Asia/Nowhere")), "`Asia/Nowhere` is not a zone of the time-zone database"),
        (nobody, "there is no calendar for XYZ"),
        (nowhere, "there is no calendar for LA-ZZ"),
    ] {
        let refused = house.act("coordinator", changing(&round(), change)).await.unwrap_err();
        assert!(matches!(&refused, Rejection::Malformed { what } if what == says), "{refused}");
    }
    assert_eq!(house.ledger.head().await.unwrap(), before);
    house.act("coordinator", changing(&round(), of_lao(off))).await.unwrap();
    house.rest().await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_that_this_version_does_not_read_holds_up_its_own_round_alone() {
    let house = House::before_launch(MailSection::default()).await;
    // Another version took what this one refuses: here a folder without its files.
    let other: RoundId = "ilms-asean-other".parse().unwrap();
    let hash = files::store(&*house.ledger, b"{\"files\":{\"workflow.toml\":\"from another time\"}}").await.unwrap();
    let pin = Pin { workflow: "ilms-asean".parse().unwrap(), bundle: hash };
    let command = RoundCommand::Plan { pin, year: 2025, title: "Another round".to_owned() };
    house.act("coordinator", Wish::Round { round: other.clone(), command }).await.unwrap();
    house.rest().await;
    house.move_to("2025-10-20T03:00:00Z").await;
    let world = house.world().await;
    assert_eq!(world.round(&round()).unwrap().state.as_str(), "collecting");
    assert_eq!(world.round(&other).unwrap().state.as_str(), "planned");
    let sent = house.notices().await.iter().filter(|notice| notice.state == NoticeState::Sent).count();
    assert!(sent >= 4, "invitations and reminders leave: {sent}");
    let checked = house.sent_and_checked("lao-one", "lao-1", &lao_2023("1.072"), None).await;
    assert_ne!(checked, SubmissionState::Received, "files are checked");
    // Every role is there at the end: none of them has ended early.
    house.close().await;
}

#[test]
fn what_is_asked_of_new_workflows_alone_is_not_asked_of_those_that_rounds_are_pinned_to() {
    let bundle = rondo_tests::bundle("ilms-asean");
    let with = |path: &str, change: &dyn Fn(&str) -> String| {
        let files = bundle
            .files()
            .map(|(name, text)| (name.to_owned(), if name == path { change(text) } else { text.to_owned() }));
        Bundle::new(files.collect()).unwrap()
    };
    let half_a_year = with("calendar/holidays.csv", &|text| {
        text.lines().filter(|line| !line.starts_with("LAO,2025-0")).map(|line| format!("{line}\n")).collect()
    });
    let often = with("workflow.toml", &|text| text.replace("30 8 * * MON", "*/30 8 * * MON"));
    for (bundle, says) in [(half_a_year, "give the year whole"), (often, "more than once an hour")] {
        let refused = definitions::read(&bundle).unwrap_err().to_string();
        assert!(refused.contains(says), "{refused}");
        definitions::pinned(&bundle).unwrap();
    }
}

/// A ledger in memory and a clock at the beginning of September.
struct Memory {
    ledger: Arc<dyn Ledger>,
    clock: PacedClock,
    acts: u32,
}

impl Memory {
    async fn act(&mut self, person: &str, wish: Wish) {
        self.acts += 1;
        let id = CommandId::of(&["unreadable", &self.acts.to_string()]);
        let actor = person.parse().unwrap();
        let command = Command::of(id, actor, wish);
        self.ledger.submit(command).await.unwrap();
    }

    async fn rest(&self, scheduler: &mut Scheduler) {
        while scheduler.turn(self.clock.now()).await.unwrap().is_none() {}
    }

    async fn records(&self, prefix: &str) -> Vec<Record> {
        ledger::read_all(&*self.ledger, prefix).await.unwrap()
    }

    async fn has(&self, round: &RoundId, name: &str) -> bool {
        self.records(StreamId::round(round).as_str()).await.iter().any(|record| record.name == name)
    }
}

/// The record of a change that another version of the program took.
fn recorded(records: &[Record], round: &RoundId, change: CalendarChange) -> Record {
    let stream = StreamId::round(round);
    let version = records.iter().filter(|record| record.stream == stream).count() as u64;
    let place = Place { stream: &stream, version, position: records.len() as u64, ordinal: 0 };
    let actor = Network::default().actor(&"scheduler".parse().unwrap(), None, None, jiff::Timestamp::MIN).unwrap();
    let wish = changing(round, change.clone());
    let command = Sealed::new(Command::of_service("scheduler", &["another version"], wish).unwrap()).unwrap();
    let (changes, reason) = (vec![change], "a decree".to_owned());
    let event = Event::Round(RoundEvent::CalendarChanged { changes, moves: Vec::new(), reason });
    let at = records.last().unwrap().recorded_at;
    let bytes: Bytes = codec::encode(&mut Vec::new(), place, &event, &command, &actor, at, "00").unwrap();
    codec::decode(&bytes).unwrap()
}

#[tokio::test]
async fn a_recorded_change_that_cannot_be_applied_is_in_nobodys_way_and_can_be_mended() {
    let clock = PacedClock::new("2025-09-01T00:00:00Z".parse().unwrap());
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let bundle = rondo_tests::bundle("ilms-asean").to_bytes();
    let mut log = Memory { ledger: Arc::new(MemoryLedger::new(Arc::clone(&shared))), clock, acts: 0 };
    let hash = files::store(&*log.ledger, &bundle).await.unwrap();
    let (mine, other): (RoundId, RoundId) = (round(), "ilms-asean-other".parse().unwrap());
    let grant = Grant::of(Role::RegionalCoordinator, None);
    let command = NetworkCommand::GrantRole { person: "coordinator".parse().unwrap(), grant };
    log.act("operator", Wish::Network { command }).await;
    for round in [&mine, &other] {
        let pin = Pin { workflow: "ilms-asean".parse().unwrap(), bundle: hash.clone() };
        let command = RoundCommand::Plan { pin, year: 2025, title: "A round".to_owned() };
        log.act("coordinator", Wish::Round { round: round.clone(), command }).await;
    }
    log.rest(&mut Scheduler::new(Arc::clone(&log.ledger))).await;
    let mut records = log.ledger.read(0, 1_000).await.unwrap();
    records.push(recorded(&records, &mine, of_lao(zone("Asia/Nowhere"))));
    log.ledger = Arc::new(MemoryLedger::going_on(shared, records, [(hash, bundle)]));
    let mut scheduler = Scheduler::new(Arc::clone(&log.ledger));
    log.rest(&mut scheduler).await;
    log.clock.advance("2025-09-15T02:00:00Z".parse().unwrap());
    log.rest(&mut scheduler).await;
    assert!(log.has(&mine, "RoundLaunched").await && log.has(&other, "RoundLaunched").await);
    // The days of others are reckoned on, in the same round as well.
    let off = DayChange::DayOff { date: date(2025, 10, 28), title: "a storm".to_owned(), estimated: false };
    let singapore = CalendarChange { country: "SGP".parse().unwrap(), ..of_lao(off.clone()) };
    log.act("coordinator", changing(&mine, singapore)).await;
    log.act("coordinator", changing(&mine, of_lao(off))).await;
    log.rest(&mut scheduler).await;
    let moved = async |country: &str| {
        let run = log.records(&format!("run/ilms-asean-2025/{country}")).await;
        run.iter().filter(|record| matches!(record.event, Event::Run(RunEvent::StepMoved { .. }))).count()
    };
    assert_eq!((moved("SGP").await > 0, moved("LAO").await), (true, 0));
    // Another zone in its place mends it, and the day off counts at last.
    log.act("coordinator", changing(&mine, of_lao(zone("Asia/Vientiane")))).await;
    log.rest(&mut scheduler).await;
    let run = log.records("run/ilms-asean-2025/LAO").await;
    assert!(run.iter().any(|record| matches!(record.event, Event::Run(RunEvent::StepMoved { .. }))));
}
