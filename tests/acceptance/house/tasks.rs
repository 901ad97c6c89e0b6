//! Steps that wait for people: opened, answered, declined, escalated, given up, and closed when their ground is gone.

use rondo_domain::notice::{Notice, NoticeCommand, NoticeState};
use rondo_domain::participation::{Declaration, ParticipationCommand};
use rondo_domain::round::RoundCommand;
use rondo_domain::run::{Occurrence, Outcome, RunCommand, Stage, TaskAnswer};
use rondo_domain::workflow::Bundle;
use rondo_domain::{Country, NoticeId, Role, Wish};

use rondo_runtime::config::MailSection;

use crate::fixture::{House, lao, round};

fn country(code: &str) -> Country {
    code.parse().unwrap()
}

/// The occurrence of a step that hangs on the deadline.
fn of_deadline(step: &str) -> Occurrence {
    Occurrence { step: step.parse().unwrap(), of: "deadline".into() }
}

impl House {
    async fn answer(&self, person: &str, code: &str, step: &str, answer: TaskAnswer) {
        let command = RunCommand::AnswerTask { occurrence: of_deadline(step), answer, words: "so it is".to_owned() };
        let wish = Wish::Run { round: round(), country: Some(country(code)), command };
        self.act(person, wish).await.unwrap();
        self.rest().await;
    }

    /// What came of a country's step; nothing while it is under way.
    async fn outcome(&self, code: &str, step: &str) -> Option<Outcome> {
        let world = self.world().await;
        match &world.run(&round(), Some(&country(code))).unwrap().occurrence(&of_deadline(step)).unwrap().1 {
            Stage::Completed { outcome } => Some(outcome.clone()),
            _ => None,
        }
    }

    /// The roles that may answer a country's open task.
    async fn owners(&self, code: &str, step: &str) -> Vec<Role> {
        let world = self.world().await;
        let run = world.run(&round(), Some(&country(code))).unwrap();
        let task = run.open_tasks().find(|(occurrence, _)| **occurrence == of_deadline(step));
        task.map(|(_, task)| task.owners().collect()).unwrap_or_default()
    }

    async fn skipped(&self, code: &str, step: &str, why: &str) {
        match self.outcome(code, step).await {
            Some(Outcome::Skipped { reason }) => assert!(reason.contains(why), "{reason}"),
            other => panic!("{code} {step}: {other:?}"),
        }
    }

    async fn ran(&self, code: &str, step: &str, what: &str) {
        match self.outcome(code, step).await {
            Some(Outcome::Ran { what: done }) => assert!(done.contains(what), "{done}"),
            other => panic!("{code} {step}: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_waits_for_people_and_says_what_came_of_it() {
    let house = House::open().await;
    // Four weeks after the deadline nobody has answered, and the manager is asked about each letter.
    house.move_to("2025-11-28T03:00:00Z").await;
    let mails = house.notices().await;
    let told = mails.iter().filter_map(|notice| notice.brief.as_ref()).find(|brief| brief.kind == "task").unwrap();
    assert_eq!((told.person.as_str(), told.role), ("manager", Role::CollectionManager));
    let asked = told.task.as_ref().map(|task| task.what.as_str()).unwrap_or_default();
    assert!(asked.starts_with("Approve the letter"), "{asked}");
    assert_eq!(house.outcome("LAO", "approve-letter").await, None);
    house.answer("manager", "LAO", "approve-letter", TaskAnswer::Approved).await;
    house.answer("manager", "KHM", "approve-letter", TaskAnswer::Declined).await;
    house.ran("LAO", "approve-letter", "approved by manager").await;

    // The letters: one approved, one declined, the others wait as long as they may.
    house.move_to("2025-12-01T03:00:00Z").await;
    house.skipped("LAO", "letter-to-head", "holds the role head-of-agency").await;
    house.skipped("KHM", "letter-to-head", "declined by manager").await;
    assert_eq!(house.outcome("IDN", "letter-to-head").await, None);
    house.move_to("2025-12-05T03:00:00Z").await;
    house
        .skipped("IDN", "letter-to-head", "approve-letter that it needs was not carried out: nobody had settled it 144")
        .await;
    house.skipped("IDN", "approve-letter", "nobody had settled it 144 hours after its time").await;

    // The calls: one is not needed any more, one is escalated and then made, one is never made.
    assert_eq!(house.owners("LAO", "call-head").await, [Role::RegionalCoordinator]);
    let tables = house.participation().await.tables.keys().copied().collect();
    let (declaration, text) = (Declaration::NotAvailable, "we have no such data".to_owned());
    house.lao("lao-one", ParticipationCommand::Declare { tables, declaration, text }).await.unwrap();
    house.rest().await;
    house.skipped("LAO", "call-head", "every owed table is in").await;
    house.move_to("2025-12-10T03:00:00Z").await;
    house.skipped(lao().as_str(), "call-head-overdue", "every owed table is in").await;
    house.ran("IDN", "call-head-overdue", "escalated; task-overdue was raised for 1 person").await;
    assert_eq!(house.owners("IDN", "call-head").await, [Role::RegionalCoordinator, Role::CollectionManager]);
    house.answer("manager", "IDN", "call-head", TaskAnswer::Done).await;
    house.ran("IDN", "call-head", "done by manager").await;
    house.move_to("2025-12-12T09:00:00Z").await;
    house.skipped("SGP", "call-head", "nobody had settled it 168 hours after its time").await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fell_due_in_a_time_of_rest_is_judged_one_after_the_other() {
    let house = House::before_launch(MailSection::default()).await;
    // The program was not running at the launch, nor two hours later when every focal point is invited.
    house.clock.advance("2025-09-15T06:00:00Z".parse().unwrap());
    house.rest().await;
    let kinds: Vec<String> = house.notices().await.into_iter().filter_map(|n| Some(n.brief?.kind)).collect();
    assert!(kinds.iter().any(|kind| kind == "invitation"), "{kinds:?}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_to_one_of_us_that_comes_back_says_nothing_about_a_country() {
    let house = House::open().await;
    house.move_to("2025-11-28T03:00:00Z").await;
    let notices =
        house.world().await.notices(&round()).into_iter().map(|(id, one)| (id, one.clone())).collect::<Vec<_>>();
    let of_manager = |(_, one): &&(NoticeId, Notice)| {
        one.state == NoticeState::Sent && one.brief.as_ref().is_some_and(|brief| brief.person.as_str() == "manager")
    };
    let (notice, _) = notices.iter().find(of_manager).unwrap().clone();
    let command = NoticeCommand::RecordBounce { hard: true, reason: "nobody is there".to_owned() };
    house.act("coordinator", Wish::Notice { round: round(), notice: notice.clone(), command }).await.unwrap();
    house.rest().await;
    let world = house.world().await;
    assert!(matches!(world.notice(&round(), &notice).unwrap().state, NoticeState::Bounced { .. }));
    assert!(house.participation().await.bounced.is_empty());
    assert_eq!(house.owners("LAO", "approve-letter").await, [Role::CollectionManager], "the task is open all the same");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_that_is_cancelled_asks_nobody_any_more() {
    let house = House::open().await;
    house.move_to("2025-11-28T03:00:00Z").await;
    assert_eq!(house.owners("LAO", "approve-letter").await, [Role::CollectionManager]);
    house.round("coordinator", RoundCommand::Pause { reason: "the ministry asked".to_owned() }).await;
    house.rest().await;
    assert_eq!(house.outcome("LAO", "approve-letter").await, None, "a pause closes nothing");
    house.round("coordinator", RoundCommand::Cancel { reason: "there is no money".to_owned() }).await;
    house.rest().await;
    house.skipped("LAO", "approve-letter", "the round was cancelled").await;
    house.close().await;
}

/// The workflow of the round with its weekly digest and its invitation changed so.
pub fn changed(from: &str, to: &str) -> Bundle {
    let bundle = rondo_tests::bundle("ilms-asean");
    let mut files: std::collections::BTreeMap<String, String> =
        bundle.files().map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
    let text = files["workflow.toml"].replacen(from, to, 1);
    assert_ne!(text, files["workflow.toml"], "there is no {from}");
    files.insert("workflow.toml".to_owned(), text);
    Bundle::new(files).unwrap()
}

/// What came of the occurrences of a step of the round, in the order of their times.
async fn of_round(house: &House, step: &str) -> Vec<String> {
    let world = house.world().await;
    let run = world.run(&round(), None).unwrap();
    let step = step.parse().unwrap();
    let mut all: Vec<_> = run.of_step(&step).collect();
    all.sort_by_key(|(_, due, _)| due.at);
    let told = |stage: &Stage| match stage {
        Stage::Completed { outcome: Outcome::Ran { .. } } => "ran".to_owned(),
        Stage::Completed { outcome: Outcome::Skipped { reason } } => reason.clone(),
        other => format!("{other:?}").chars().take(7).collect(),
    };
    all.iter().map(|(.., stage)| told(stage)).collect()
}

/// Four Mondays pass in which nothing fires; then the round goes on.
async fn after_a_month_of_rest(to: &str) -> House {
    let digest = "to = [\"regional-coordinator\"]\ntime-limit-hours = 96";
    let bundle = changed(digest, &format!("to = [\"regional-coordinator\"]\n{to}"));
    let house = House::with_bundle(MailSection::default(), &bundle).await;
    house.move_to("2025-09-17T00:00:00Z").await;
    house.round("coordinator", RoundCommand::Pause { reason: "nothing runs".to_owned() }).await;
    house.rest().await;
    house.clock.advance("2025-10-14T00:00:00Z".parse().unwrap());
    house.rest().await;
    house.round("coordinator", RoundCommand::Resume { reason: "it goes on".to_owned() }).await;
    house.rest().await;
    house
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_schedule_missed_is_caught_up_as_it_says() {
    let house = after_a_month_of_rest("time-limit-hours = 2000").await;
    let told = of_round(&house, "digest").await;
    assert_eq!(told.len(), 5, "each nominal occurrence ends in an event, and the next one is planned: {told:?}");
    assert!(told[..3].iter().all(|one| one.contains("the one of 2025-10-13T08:30:00 is carried out in its place")));
    assert_eq!((told[3].as_str(), told[4].as_str()), ("ran", "Planned"));
    house.close().await;
    let house = after_a_month_of_rest("late = \"run\"").await;
    assert_eq!(of_round(&house, "digest").await, ["ran", "ran", "ran", "ran", "Planned"]);
    house.close().await;
    let house = after_a_month_of_rest("late = \"skip\"").await;
    let told = of_round(&house, "digest").await;
    assert!(told[..4].iter().all(|one| one.ends_with("and is not caught up")), "{told:?}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coordinator_is_asked_whether_a_late_step_is_carried_out() {
    let house = after_a_month_of_rest("late = \"ask\"").await;
    let world = house.world().await;
    let run = world.run(&round(), None).unwrap();
    let asked: Vec<Occurrence> = run.open_tasks().map(|(occurrence, _)| occurrence.clone()).collect();
    assert_eq!(asked.len(), 4, "{asked:?}");
    for (occurrence, answer) in asked.iter().zip([TaskAnswer::Approved, TaskAnswer::Declined]) {
        let command = RunCommand::AnswerTask { occurrence: occurrence.clone(), answer, words: "so".to_owned() };
        house.act("coordinator", Wish::Run { round: round(), country: None, command }).await.unwrap();
        house.rest().await;
    }
    let told = of_round(&house, "digest").await;
    assert_eq!(told[0], "ran", "{told:?}");
    assert_eq!(told[1], "declined by coordinator");
    assert_eq!(told[2], "Fired {");
    let left = house.world().await;
    assert_eq!(left.run(&round(), None).unwrap().open_tasks().count(), 2, "what was answered waits for nobody");
    let again =
        RunCommand::AnswerTask { occurrence: asked[0].clone(), answer: TaskAnswer::Declined, words: "no".to_owned() };
    assert!(house.act("coordinator", Wish::Run { round: round(), country: None, command: again }).await.is_err());
    house.close().await;
    // Whoever is not asked in time is not asked for ever.
    let house = after_a_month_of_rest("late = \"ask\"\ntime-limit-hours = 1000").await;
    house.move_to("2025-11-04T00:00:00Z").await;
    let told = of_round(&house, "digest").await;
    assert!(told[0].starts_with("nobody had said whether it is carried out late"), "{told:?}");
    house.close().await;
}
