//! Days that turn out otherwise than the calendar had them, states that rest on other days, and people who stand in for others.

use jiff::Timestamp;
use jiff::civil::date;
use rondo_domain::calendar::{CalendarChange, DateMove, DayChange};
use rondo_domain::network::{Grant, NetworkCommand};
use rondo_domain::notice::NoticeEvent;
use rondo_domain::participation::{Declaration, ParticipationCommand};
use rondo_domain::round::{RoundCommand, RoundEvent};
use rondo_domain::run::RunEvent;
use rondo_domain::{Country, Event, Rejection, Role, Wish};
use rondo_eventlog::{Record, ledger};
use rondo_runtime::config::MailSection;
use rondo_scheduler::definitions::{self, Ready};

use crate::fixture::{House, lao, person, round};

fn ready() -> Ready {
    definitions::read(&rondo_tests::bundle("ilms-asean")).unwrap()
}

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

impl House {
    async fn records(&self, prefix: &str) -> Vec<Record> {
        ledger::read_all(&*self.ledger, prefix).await.unwrap()
    }

    /// Records that a day is off in Lao PDR, as `rondo calendar change` does; the dates that it named.
    async fn day_off(&self, day: jiff::civil::Date) -> Vec<DateMove> {
        self.changed(DayChange::DayOff { date: day, title: "National mourning".to_owned(), estimated: false }).await
    }

    async fn changed(&self, change: DayChange) -> Vec<DateMove> {
        let world = self.world().await;
        let changes = vec![CalendarChange { country: lao(), place: None, change }];
        let standing = world.round(&round()).unwrap();
        let moves = ready().moved_by(standing, &changes, |country| world.run(&round(), country)).unwrap();
        let reason = "decree of the government".to_owned();
        let command = RoundCommand::ChangeCalendar { changes, moves: moves.clone(), reason };
        self.round("coordinator", command).await;
        self.rest().await;
        moves
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_proclaimed_off_moves_what_is_to_come_and_nothing_that_was_told() {
    let house = House::with_mail(MailSection::default()).await;
    house.move_to("2025-10-01T00:00:00Z").await;
    let told = |moves: &[DateMove]| {
        let told = |one: &DateMove| (one.of.clone(), one.was.local.date(), one.is.local.date(), one.stays);
        moves.iter().map(told).collect::<Vec<_>>()
    };
    // Three working days before Friday 31 October was Tuesday the 28th.
    let moves = house.day_off(date(2025, 10, 28)).await;
    let row = |of: &str, was: i8, is: i8| (of.to_owned(), date(2025, 10, was), date(2025, 10, is), false);
    assert_eq!(told(&moves), [row("remind-before-1", 17, 16), row("remind-before-2", 28, 27)]);
    let moved: Vec<String> = house
        .records("run/ilms-asean-2025/LAO")
        .await
        .iter()
        .filter_map(|record| match &record.event {
            Event::Run(RunEvent::StepMoved { occurrence, was, is }) => {
                Some(format!("{} {} {}", occurrence.step, was.local.date(), is.local.date()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(moved, ["remind-before-1 2025-10-17 2025-10-16", "remind-before-2 2025-10-28 2025-10-27"]);
    // The day of the deadline itself: it was told to people, and stays.
    let moves = house.day_off(date(2025, 10, 31)).await;
    let deadline = moves.iter().find(|one| one.of == "deadline").unwrap();
    assert!(deadline.stays && deadline.is.explanation().contains("National mourning"), "{deadline:?}");
    let world = house.world().await;
    let kept = &world.round(&round()).unwrap().participants[&lao()].deadline;
    assert_eq!(kept.local.to_string(), "2025-10-31T23:59:00");
    let events = house.records("round/").await;
    let recorded =
        events.iter().filter(|record| matches!(record.event, Event::Round(RoundEvent::CalendarChanged { .. })));
    assert_eq!(recorded.count(), 2);
    // Nobody is written to on a day that was proclaimed off.
    house.move_to("2025-11-20T00:00:00Z").await;
    for record in house.records("notice/ilms-asean-2025/lao-remind").await {
        if matches!(record.event, Event::Notice(NoticeEvent::NoticeAttempted { .. })) {
            let day = jiff::tz::TimeZone::get("Asia/Vientiane").unwrap().to_datetime(record.recorded_at).date();
            assert!(day != date(2025, 10, 28) && day != date(2025, 10, 31), "{day}");
        }
    }
    let nobody = RoundCommand::ChangeCalendar { changes: Vec::new(), moves: Vec::new(), reason: "so".to_owned() };
    let refused = house.act("coordinator", Wish::Round { round: round(), command: nobody }).await.unwrap_err();
    assert!(matches!(refused, Rejection::Malformed { .. }), "{refused}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_off_that_is_taken_back_moves_the_step_back_as_often_as_it_happens() {
    let house = House::with_mail(MailSection::default()).await;
    house.move_to("2025-10-01T00:00:00Z").await;
    let day = date(2025, 10, 28);
    for _ in 0..2 {
        house.day_off(day).await;
        house.changed(DayChange::Worked { date: day, title: "the decree was withdrawn".to_owned() }).await;
    }
    let moved = house.records("run/ilms-asean-2025/LAO").await;
    let moved = moved.iter().filter_map(|record| match &record.event {
        Event::Run(RunEvent::StepMoved { occurrence, is, .. }) if occurrence.step.as_str() == "remind-before-2" => {
            Some(is.local.date())
        }
        _ => None,
    });
    let eve = date(2025, 10, 27);
    assert_eq!(moved.collect::<Vec<_>>(), [eve, day, eve, day]);
    // The reminder leaves on the day that it stands on.
    house.move_to("2025-10-30T00:00:00Z").await;
    let sent = house.records("notice/ilms-asean-2025/lao-remind-before-2").await;
    let sent = sent.iter().find(|record| matches!(record.event, Event::Notice(NoticeEvent::NoticeSent { .. })));
    let local = jiff::tz::TimeZone::get("Asia/Vientiane").unwrap().to_datetime(sent.unwrap().recorded_at);
    assert_eq!(local.date(), day);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_of_rest_that_was_proclaimed_off_is_one_of_rest_again_once_that_is_taken_back() {
    let house = House::with_mail(MailSection::default()).await;
    house.move_to("2025-10-01T00:00:00Z").await;
    let saturday = date(2025, 10, 25);
    let step = "remind-before-1".parse().unwrap();
    let stands = async || {
        let world = house.world().await;
        let run = world.run(&round(), Some(&lao())).unwrap();
        run.of_step(&step).map(|(_, due, _)| due.local.date()).collect::<Vec<_>>()
    };
    let before = stands().await;
    assert_eq!(before, [date(2025, 10, 17)]);
    for _ in 0..2 {
        assert_eq!(house.day_off(saturday).await, [], "nobody works on it as it is");
        assert_eq!(house.changed(DayChange::AsCalendar { date: saturday }).await, []);
        assert_eq!(stands().await, before);
    }
    // It is another thing that a Saturday is worked; and that is taken back in the same way.
    let worked = DayChange::Worked { date: saturday, title: "for a day off".to_owned() };
    assert_eq!(house.changed(worked).await.len(), 1);
    assert_ne!(stands().await, before);
    assert_eq!(house.changed(DayChange::AsCalendar { date: saturday }).await.len(), 1);
    assert_eq!(stands().await, before);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_institution_in_a_state_that_rests_otherwise_is_written_to_on_its_own_days() {
    let house = House::before_launch(MailSection::default()).await;
    let register = house.data().join("people.toml");
    let people = std::fs::read_to_string(&register).unwrap();
    let entry = "\n[person.mys-one]\nname = \"Siti\"\nemail = \"mys-one@example.org\"\nlanguage = \"ms\"\n";
    std::fs::write(&register, format!("{people}{entry}")).unwrap();
    let malaysia: Country = "MYS".parse().unwrap();
    let institution: rondo_domain::InstitutionId = "mys-kelantan".parse().unwrap();
    let command = NetworkCommand::RegisterInstitution {
        institution: institution.clone(),
        country: Some(malaysia.clone()),
        name: "Labour office of Kelantan".to_owned(),
        place: Some("MY-03".parse().unwrap()),
    };
    house.act("operator", Wish::Network { command }).await.unwrap();
    let grant = Grant { institution: Some(institution.clone()), ..Grant::of(Role::FocalPoint, Some(malaysia.clone())) };
    let command = NetworkCommand::GrantRole { person: person("mys-one"), grant };
    house.act("operator", Wish::Network { command }).await.unwrap();
    // A Friday: Kuala Lumpur works, and Kota Bharu rests until Sunday.
    house.move_to("2025-10-10T02:00:00Z").await;
    let until = ready().set_deadline(&malaysia, date(2025, 11, 14), None).unwrap();
    let command = RoundCommand::Extend { country: malaysia, until, reason: "floods".to_owned() };
    house.round("coordinator", command).await;
    house.move_to("2025-10-13T00:00:00Z").await;
    let events: Vec<_> = house.records("notice/ilms-asean-2025/mys-extension").await;
    let postponed = events.iter().find_map(|record| match &record.event {
        Event::Notice(NoticeEvent::NoticePostponed { until, reason, .. }) => Some((*until, reason.clone())),
        _ => None,
    });
    let (until, reason) = postponed.expect("nobody is there on a Friday");
    assert_eq!(until, at("2025-10-12T00:30:00Z"));
    assert_eq!(reason, "Fri 10 Oct is Friday, a rest day in Kelantan");
    let sent = events.iter().find(|record| matches!(record.event, Event::Notice(NoticeEvent::NoticeSent { .. })));
    assert_eq!(sent.map(|record| record.recorded_at), Some(at("2025-10-12T00:30:00Z")), "Sunday at half past eight");
    // The institution changes its name; the old one is kept with its time.
    let command = NetworkCommand::RegisterInstitution {
        institution: institution.clone(),
        country: Some("MYS".parse().unwrap()),
        name: "Labour department of Kelantan".to_owned(),
        place: Some("MY-03".parse().unwrap()),
    };
    house.act("operator", Wish::Network { command }).await.unwrap();
    let world = house.world().await;
    let known = &world.network().institutions[&institution];
    let names: Vec<&str> = known.names.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, ["Labour office of Kelantan", "Labour department of Kelantan"]);
    assert!(known.names[0].0 < known.names[1].0);
    house.close().await;
}

fn delegation(to: &str, from: Option<&str>, until: &str) -> Wish {
    let command = NetworkCommand::Delegate {
        person: person("lao-one"),
        to: person(to),
        role: Role::FocalPoint,
        country: Some(lao()),
        from: from.map(at),
        until: at(until),
        reason: "leave".to_owned(),
    };
    Wish::Network { command }
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_stands_in_from_a_day_until_a_day() {
    let house = House::with_mail(MailSection::default()).await;
    house.move_to("2025-09-20T00:00:00Z").await;
    let declare = |table: u8| ParticipationCommand::Declare {
        tables: vec![rondo_domain::table::TableNo(table)],
        declaration: Declaration::NotAvailable,
        text: "there is no such register".to_owned(),
    };
    // Only whoever is away, or who keeps the network, says who stands in; for a time that ends.
    let refused = |outcome: Result<_, Rejection>| outcome.map(|_: rondo_eventlog::Accepted| ()).unwrap_err();
    let by_other = refused(house.act("lao-two", delegation("lao-deputy", None, "2025-10-15T00:00:00Z")).await);
    assert!(matches!(by_other, Rejection::NotAllowed { .. }), "{by_other}");
    let past = refused(house.act("lao-one", delegation("lao-deputy", None, "2025-09-19T00:00:00Z")).await);
    assert!(matches!(past, Rejection::Malformed { .. }), "{past}");
    let endless = refused(house.act("lao-one", delegation("lao-deputy", None, "2027-10-15T00:00:00Z")).await);
    assert!(matches!(endless, Rejection::Malformed { .. }), "{endless}");
    let from = Some("2025-10-01T00:00:00Z");
    house.act("lao-one", delegation("lao-deputy", from, "2025-10-15T00:00:00Z")).await.unwrap();
    let early = refused(house.lao("lao-deputy", declare(17)).await);
    assert!(matches!(early, Rejection::UnknownActor { .. }), "{early}");
    house.move_to("2025-10-02T00:00:00Z").await;
    house.lao("lao-deputy", declare(17)).await.unwrap();
    let chain = NetworkCommand::Delegate {
        person: person("lao-deputy"),
        to: person("lao-third"),
        role: Role::FocalPoint,
        country: Some(lao()),
        from: None,
        until: at("2025-10-10T00:00:00Z"),
        reason: "leave as well".to_owned(),
    };
    let chain = refused(house.act("lao-deputy", Wish::Network { command: chain }).await);
    assert!(matches!(chain, Rejection::UnknownActor { .. }), "who stands in passes nothing on: {chain}");
    let until = ready().set_deadline(&lao(), date(2025, 11, 14), None).unwrap();
    house.round("coordinator", RoundCommand::Extend { country: lao(), until, reason: "leave".to_owned() }).await;
    house.move_to("2025-10-16T00:00:00Z").await;
    let world = house.world().await;
    let told: Vec<String> = world
        .notices(&round())
        .into_iter()
        .filter_map(|(_, notice)| notice.brief.as_ref().filter(|brief| brief.kind == "extension"))
        .map(|brief| brief.person.to_string())
        .collect();
    assert!(told.contains(&"lao-deputy".to_owned()) && told.contains(&"lao-one".to_owned()), "{told:?}");
    let late = refused(house.lao("lao-deputy", declare(16)).await);
    assert!(matches!(late, Rejection::UnknownActor { .. }), "{late}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reminders_follow_a_deadline_that_is_moved_after_their_time() {
    let house = House::with_mail(MailSection::default()).await;
    // Both reminders before the deadline have gone out, and the one on the day is due within the hour.
    house.move_to("2025-10-31T01:00:00Z").await;
    let until = ready().set_deadline(&lao(), date(2025, 11, 21), None).unwrap();
    house.round("coordinator", RoundCommand::Extend { country: lao(), until, reason: "a storm".to_owned() }).await;
    // Four weeks after the new deadline, the manager is asked about the letter; then there is more time again.
    house.move_to("2025-12-19T03:00:00Z").await;
    let run = |world: &rondo_domain::world::World| world.run(&round(), Some(&lao())).unwrap().clone();
    let told = run(&house.world().await);
    let days = |step: &str| {
        let step = step.parse().unwrap();
        let days = told.of_step(&step).map(|(of, due, _)| format!("{} {}", of.of, due.local.date()));
        days.collect::<Vec<_>>()
    };
    assert_eq!(days("remind-before-2"), ["deadline 2025-10-28", "deadline+1 2025-11-18"]);
    // It had not fired, and was moved.
    assert_eq!(days("remind-on-day"), ["deadline 2025-11-21"]);
    assert_eq!(days("overdue-1"), ["deadline 2025-11-28"]);
    let sent: Vec<String> = house
        .notices()
        .await
        .iter()
        .filter_map(|notice| notice.brief.as_ref())
        .filter(|brief| brief.country == Some(lao()) && brief.person.as_str() == "lao-one")
        .filter(|brief| brief.kind.starts_with("reminder-"))
        .map(|brief| format!("{} {}", brief.step, brief.due_at.strftime("%F")))
        .collect();
    let expected = [
        "overdue-1 2025-11-28",
        "remind-before-2 2025-10-28",
        "remind-before-2 2025-11-18",
        "remind-on-day 2025-11-21",
    ];
    for one in expected {
        assert!(sent.iter().any(|sent| sent == one), "{one} is missing: {sent:?}");
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_person_or_for_the_morning_is_given_up_when_the_deadline_moves() {
    let house = House::with_mail(MailSection::default()).await;
    // The manager is asked about the letter, and nobody has answered.
    house.move_to("2025-11-28T03:00:00Z").await;
    let step = "approve-letter".parse().unwrap();
    let extend = async |day: jiff::civil::Date| {
        let until = ready().set_deadline(&lao(), day, None).unwrap();
        house.round("coordinator", RoundCommand::Extend { country: lao(), until, reason: "a flood".to_owned() }).await;
        house.rest().await;
    };
    let past = ready().set_deadline(&lao(), date(2025, 11, 14), None).unwrap();
    let command = RoundCommand::Extend { country: lao(), until: past, reason: "a flood".to_owned() };
    let refused = house.act("coordinator", Wish::Round { round: round(), command }).await.unwrap_err();
    assert!(refused.to_string().contains("is past"), "{refused}");
    let behind = ready().set_deadline(&lao(), date(2025, 12, 19), None).unwrap();
    let command = RoundCommand::Extend { country: lao(), until: behind, reason: "a flood".to_owned() };
    let refused = house.act("coordinator", Wish::Round { round: round(), command }).await.unwrap_err();
    assert!(refused.to_string().contains("behind the close of the round"), "{refused}");
    extend(date(2025, 12, 5)).await;
    let world = house.world().await;
    let run = world.run(&round(), Some(&lao())).unwrap();
    let stages: Vec<String> = run.of_step(&step).map(|(of, _, stage)| format!("{} {stage:?}", of.of)).collect();
    assert!(stages[0].starts_with("deadline Completed") && stages[0].contains("the deadline was moved"), "{stages:?}");
    assert_eq!(stages[1], "deadline+1 Planned");
    assert_eq!(run.open_tasks().count(), 0);
    house.close().await;

    // A reminder that waits for Monday morning when the country gets more time on Saturday is not sent.
    let house = House::with_mail(MailSection::default()).await;
    let command = RoundCommand::PauseMail {
        scope: rondo_domain::round::MailScope::All,
        reason: "the mail server is moved".to_owned(),
    };
    house.move_to("2025-11-06T03:00:00Z").await;
    house.round("coordinator", command).await;
    house.move_to("2025-11-08T03:00:00Z").await;
    let until = ready().set_deadline(&lao(), date(2025, 11, 28), None).unwrap();
    house.round("coordinator", RoundCommand::Extend { country: lao(), until, reason: "a flood".to_owned() }).await;
    let command =
        RoundCommand::ResumeMail { scope: rondo_domain::round::MailScope::All, reason: "it is moved".to_owned() };
    house.round("coordinator", command).await;
    house.move_to("2025-11-10T04:00:00Z").await;
    let late: Vec<_> = house
        .notices()
        .await
        .into_iter()
        .filter(|notice| {
            let brief = notice.brief.as_ref();
            brief.is_some_and(|brief| brief.country == Some(lao()) && brief.step.as_str() == "overdue-1")
        })
        .map(|notice| format!("{:?}", notice.state))
        .collect();
    assert!(!late.is_empty() && late.iter().all(|state| state.contains("the deadline was moved")), "{late:?}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaves_any_more_of_a_round_that_was_cancelled() {
    let house = House::with_mail(MailSection::default()).await;
    // More time is granted on a Saturday, on which nobody is written to; on Sunday the round is cancelled.
    house.move_to("2025-10-18T03:00:00Z").await;
    let until = ready().set_deadline(&lao(), date(2025, 11, 21), None).unwrap();
    house.round("coordinator", RoundCommand::Extend { country: lao(), until, reason: "a storm".to_owned() }).await;
    house.move_to("2025-10-19T03:00:00Z").await;
    house.round("coordinator", RoundCommand::Cancel { reason: "it is not held this year".to_owned() }).await;
    house.move_to("2025-10-21T03:00:00Z").await;
    let told: Vec<String> = house
        .notices()
        .await
        .into_iter()
        .filter(|notice| notice.brief.as_ref().is_some_and(|brief| brief.kind == "extension"))
        .map(|notice| format!("{:?}", notice.state))
        .collect();
    assert!(!told.is_empty() && told.iter().all(|state| state.contains("the round was cancelled")), "{told:?}");
    house.close().await;
}
