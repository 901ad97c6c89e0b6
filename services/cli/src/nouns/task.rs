//! `rondo task`.

use rondo_domain::RoundId;
use rondo_domain::run::{Occurrence, Outcome, Run, Stage, TaskAnswer, TaskName, TaskState};
use serde_json::{Value, json};

use super::remark;
use crate::args::TaskVerb;
use crate::desk::Desk;
use crate::failure::Failure;
use crate::output::{Form, Listing, hint, said};

pub(crate) async fn run(verb: &TaskVerb, desk: &Desk, form: Form, served: bool) -> Result<(), Failure> {
    let (task, answer, words) = match verb {
        TaskVerb::List { round, all } => return list(desk, round.as_ref(), *all, form).await,
        TaskVerb::Done { task, text } => (task, TaskAnswer::Done, text),
        TaskVerb::Approve { task, reason } => (task, TaskAnswer::Approved, reason),
        TaskVerb::Decline { task, reason } => (task, TaskAnswer::Declined, reason),
    };
    let lacking = desk.answer_task(task, answer, words).await?;
    remark(served);
    said(
        form,
        &match answer {
            TaskAnswer::Done => format!("The task {task} is done."),
            TaskAnswer::Declined => format!("The task {task} is declined."),
            TaskAnswer::Approved => format!("The task {task} is approved by {}.", desk.person),
        },
    )?;
    if let Some(lacking) = lacking {
        hint(&format!("{lacking} more must approve it."));
    }
    Ok(())
}

async fn list(desk: &Desk, only: Option<&RoundId>, all: bool, form: Form) -> Result<(), Failure> {
    if let Some(round) = only {
        desk.round(round).await?;
    }
    let world = desk.world(&["run/"]).await?;
    let mut entries = Vec::new();
    for (round, country, run) in world.runs().into_iter().filter(|(round, ..)| only.is_none_or(|only| only == round)) {
        for (occurrence, task) in &run.tasks {
            let open = run.open_tasks().any(|(other, _)| other == occurrence);
            if all || open {
                let name = TaskName::of(run, &round, country.as_ref(), occurrence);
                entries.push(entry(&name, run, occurrence, task, open));
            }
        }
    }
    let columns = &[
        ("/task", "Task"),
        ("/what", "What"),
        ("/owners", "Whose"),
        ("/until", "Until"),
        ("/state", "State"),
        ("/outcome", "Outcome"),
        ("/said", "In their words"),
        ("/answer_with", "Answer with"),
    ];
    Listing { name: "tasks", columns, entries, empty: "Nothing waits for a person." }.print(form)
}

fn entry(name: &TaskName, run: &Run, occurrence: &Occurrence, task: &TaskState, open: bool) -> Value {
    let outcome = match run.occurrence(occurrence) {
        Some((_, Stage::Completed { outcome: Outcome::Ran { what } })) => Some(what),
        Some((_, Stage::Completed { outcome: Outcome::Skipped { reason } })) => Some(reason),
        _ => None,
    };
    let words = task.answers.iter().map(|answered| format!("{}: {}", answered.person, answered.words));
    json!({
        "task": name.to_string(), "round": name.round, "country": name.country, "step": occurrence.step,
        "occurrence": occurrence.of, "what": task.task.what, "owners": task.owners().collect::<Vec<_>>(),
        "until": task.task.until, "state": if open { "open" } else { "settled" }, "answers": task.answers,
        "said": words.collect::<Vec<_>>(),
        "outcome": outcome, "answer_with": open.then(|| task.answer_with(name)),
    })
}
