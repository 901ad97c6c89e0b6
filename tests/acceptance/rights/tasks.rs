//! What the workflow asks of people is answered by those whom it asked, and by nobody else.

use rondo_domain::calendar::Moment;
use rondo_domain::round::RoundCommand;
use rondo_domain::run::{Decision, Occurrence, Outcome, RunCommand, Settlement, Task, TaskAnswer};
use rondo_domain::{Role, Wish};

use crate::{Given, moment};

fn task(command: RunCommand, country: Option<&str>) -> Wish {
    Wish::Run { round: "r".parse().unwrap(), country: country.map(|code| code.parse().unwrap()), command }
}

fn answer(occurrence: &Occurrence, answer: TaskAnswer, words: &str) -> RunCommand {
    RunCommand::AnswerTask { occurrence: occurrence.clone(), answer, words: words.to_owned() }
}

/// An occurrence that has fired and asks this.
async fn asked(
    given: &Given,
    step: &str,
    country: Option<&str>,
    owners: &[Role],
    settlement: Settlement,
) -> Occurrence {
    let occurrence = fired(given, step, country).await;
    let asks = Task { what: "Call them.".to_owned(), owners: owners.to_vec(), settlement, until: None };
    let open = RunCommand::OpenTask { occurrence: occurrence.clone(), task: asks };
    given.accepts("scheduler", task(open, country)).await;
    occurrence
}

async fn fired(given: &Given, step: &str, country: Option<&str>) -> Occurrence {
    let occurrence = Occurrence { step: step.parse().unwrap(), of: "launch".into() };
    let (plan, fire) = (occurrence.clone(), occurrence.clone());
    let due = Moment { at: "2026-01-01T00:00:00Z".parse().unwrap(), ..moment() };
    given.accepts("scheduler", task(RunCommand::Plan { occurrence: plan, due }, country)).await;
    given.accepts("scheduler", task(RunCommand::Fire { occurrence: fire }, country)).await;
    occurrence
}

#[tokio::test]
async fn a_task_is_answered_by_its_owners_with_words_and_by_as_many_as_it_needs() {
    let given = Given::a_launched_round().await;
    let work = asked(&given, "call", Some("LAO"), &[Role::HeadOfAgency], Settlement::Work).await;
    let done = answer(&work, TaskAnswer::Done, "they send on Monday");
    for person in ["lao", "tha", "coordinator", "auditor", "observer", "admin", "operator", "scheduler"] {
        given.refuses(person, task(done.clone(), Some("LAO")), "actor.not-allowed").await;
    }
    given.refuses("tha-head", task(done.clone(), Some("LAO")), "actor.other-country").await;
    given.refuses("lao-head", task(answer(&work, TaskAnswer::Done, " "), Some("LAO")), "reason.required").await;
    given
        .refuses("lao-head", task(answer(&work, TaskAnswer::Approved, "yes"), Some("LAO")), "state.not-possible")
        .await;
    let other = Occurrence { step: "sing".parse().unwrap(), of: "launch".into() };
    given.refuses("lao-head", task(answer(&other, TaskAnswer::Done, "x"), Some("LAO")), "task.unknown").await;
    for drives in [
        RunCommand::Complete { occurrence: work.clone(), outcome: Outcome::Ran { what: "x".to_owned() } },
        RunCommand::EscalateTask { occurrence: work.clone(), to: vec![Role::RegionalCoordinator] },
    ] {
        given.refuses("coordinator", task(drives, Some("LAO")), "actor.not-allowed").await;
    }
    let escalate = RunCommand::EscalateTask { occurrence: work.clone(), to: vec![Role::RegionalCoordinator] };
    given.accepts("scheduler", task(escalate, Some("LAO"))).await;
    given.accepts("coordinator", task(done.clone(), Some("LAO"))).await;
    given.refuses("lao-head", task(done, Some("LAO")), "state.not-possible").await;

    let two = [Role::RegionalCoordinator, Role::CollectionManager];
    let letter = asked(&given, "letter", None, &two, Settlement::Approval { people: 2 }).await;
    let yes = answer(&letter, TaskAnswer::Approved, "as agreed");
    given.refuses("manager", task(answer(&letter, TaskAnswer::Done, "x"), None), "state.not-possible").await;
    given.accepts("manager", task(yes.clone(), None)).await;
    given.refuses("manager", task(yes.clone(), None), "actor.same-person").await;
    given.accepts("coordinator", task(yes.clone(), None)).await;
    given.refuses("coordinator", task(yes, None), "state.not-possible").await;

    let decision = Settlement::Decision { release: "r.1".parse().unwrap(), decision: Decision::Approve };
    let release = asked(&given, "approve", None, &two, decision).await;
    given.refuses("manager", task(answer(&release, TaskAnswer::Approved, "x"), None), "state.not-possible").await;
    let escalate = RunCommand::EscalateTask { occurrence: release, to: vec![Role::Validator] };
    given.refuses("scheduler", task(escalate, None), "state.not-possible").await;
}

#[tokio::test]
async fn nobody_who_only_looks_on_can_be_made_an_owner_nor_a_country_of_the_rounds_tasks() {
    let given = Given::a_launched_round().await;
    let work = asked(&given, "call", None, &[Role::HeadOfAgency], Settlement::Work).await;
    given.refuses("lao-head", task(answer(&work, TaskAnswer::Done, "x"), None), "actor.not-allowed").await;
    for role in [Role::Auditor, Role::Observer, Role::Administrator, Role::Service] {
        let escalate = RunCommand::EscalateTask { occurrence: work.clone(), to: vec![role] };
        given.refuses("scheduler", task(escalate, None), "command.malformed").await;
        let asks = Task { what: "x".to_owned(), owners: vec![role], settlement: Settlement::Work, until: None };
        let open = RunCommand::OpenTask { occurrence: work.clone(), task: asks };
        given.refuses("scheduler", task(open, None), "command.malformed").await;
    }
}

#[tokio::test]
async fn a_task_past_its_time_or_of_a_cancelled_round_is_not_answered() {
    let given = Given::a_launched_round().await;
    let until = Some("2026-01-15T10:00:00Z".parse().unwrap());
    let late = fired(&given, "late", None).await;
    let owners = vec![Role::RegionalCoordinator];
    let asks = Task { what: "Call them.".to_owned(), owners: owners.clone(), settlement: Settlement::Work, until };
    given.accepts("scheduler", task(RunCommand::OpenTask { occurrence: late.clone(), task: asks }, None)).await;
    given.refuses("coordinator", task(answer(&late, TaskAnswer::Done, "x"), None), "state.not-possible").await;
    let work = asked(&given, "call", None, &owners, Settlement::Work).await;
    given.accepts("coordinator", crate::round(RoundCommand::Cancel { reason: "no money".to_owned() })).await;
    given.refuses("coordinator", task(answer(&work, TaskAnswer::Done, "x"), None), "state.not-possible").await;
}
