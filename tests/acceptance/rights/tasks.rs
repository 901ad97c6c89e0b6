//! What the workflow asks of people is answered by those whom it asked, and by nobody else.

use rondo_domain::calendar::Moment;
use rondo_domain::run::{Occurrence, Outcome, RunCommand, Settlement, Task, TaskAnswer};
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
    let occurrence = Occurrence { step: step.parse().unwrap(), of: "launch".to_owned() };
    let owners = owners.to_vec();
    let asks = Task { what: "Call them.".to_owned(), owners, settlement, until: None };
    let (plan, fire) = (occurrence.clone(), occurrence.clone());
    let due = Moment { at: "2026-01-01T00:00:00Z".parse().unwrap(), ..moment() };
    given.accepts("scheduler", task(RunCommand::Plan { occurrence: plan, due }, country)).await;
    given.accepts("scheduler", task(RunCommand::Fire { occurrence: fire }, country)).await;
    let open = RunCommand::OpenTask { occurrence: occurrence.clone(), task: asks };
    given.accepts("scheduler", task(open, country)).await;
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
    given.refuses("lao-head", task(answer(&work, TaskAnswer::Done, " "), Some("LAO")), "reason.required").await;
    given
        .refuses("lao-head", task(answer(&work, TaskAnswer::Approved, "yes"), Some("LAO")), "state.not-possible")
        .await;
    let other = Occurrence { step: "sing".parse().unwrap(), of: "launch".to_owned() };
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

    let decision = Settlement::Decision { command: "rondo release approve r.1".to_owned() };
    let release = asked(&given, "approve", None, &two, decision).await;
    given.refuses("manager", task(answer(&release, TaskAnswer::Approved, "x"), None), "state.not-possible").await;
}
