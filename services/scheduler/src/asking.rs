//! Steps that wait for people: tasks opened, escalated and given up, and steps that need others to be carried out first.

use jiff::{SignedDuration, Timestamp};
use rondo_domain::release::ReleaseState;
use rondo_domain::run::{Occurrence, Outcome, Run, RunCommand, Settlement, Stage, Task};
use rondo_domain::workflow::{Approval, Asked, Definition, Each, Step};
use rondo_domain::world::World;
use rondo_domain::{ReleaseId, Role, StepId};

use crate::actions::{Commands, Mailing, complete, raise, release_id};
use crate::interpreter::{command, wish};
use crate::knowledge::RunKey;

/// What the steps that another one needs allow.
pub(crate) enum Needed {
    /// Each was carried out.
    Met,
    /// One is still open.
    Waits(StepId),
    /// One was not carried out, in words.
    Failed(String),
}

/// Whether a step's needed steps were carried out, each in the same run or, if it is the round's, in the round's.
pub(crate) fn needed(world: &World, definition: &Definition, step: &Step, key: &RunKey) -> Needed {
    for id in &step.needs {
        let of_round = definition.step(id).is_some_and(|other| other.each == Each::Round);
        let run = world.run(&key.0, key.1.as_ref().filter(|_| !of_round));
        match run.and_then(|run| latest(run, id)) {
            Some((_, Stage::Completed { outcome: Outcome::Ran { .. } })) => {}
            Some((_, Stage::Completed { outcome: Outcome::Skipped { reason } })) => {
                return Needed::Failed(format!("the step {id} that it needs was not carried out: {reason}"));
            }
            _ => return Needed::Waits(id.clone()),
        }
    }
    Needed::Met
}

/// The occurrence of a step that is due last.
fn latest<'r>(run: &'r Run, step: &StepId) -> Option<(&'r Occurrence, &'r Stage)> {
    let all = run.occurrences.iter().filter(|(occurrence, _)| occurrence.step == *step);
    all.max_by_key(|(_, (due, _))| due.at).map(|(occurrence, (_, stage))| (occurrence, stage))
}

/// Until when a step waits for what it needs; a step without a limit waits as long as it takes.
pub(crate) fn limit(world: &World, step: &Step, key: &RunKey, occurrence: &Occurrence) -> Option<Timestamp> {
    let (due, _) = world.run(&key.0, key.1.as_ref())?.occurrences.get(occurrence)?;
    due.at.checked_add(SignedDuration::from_hours(i64::from(step.time_limit_hours?))).ok()
}

/// That a step waited longer than its limit, if it did.
pub(crate) fn over(
    world: &World,
    step: &Step,
    key: &RunKey,
    occurrence: &Occurrence,
    now: Timestamp,
    what: &str,
) -> Option<Outcome> {
    let hours = step.time_limit_hours?;
    let over = limit(world, step, key, occurrence).is_some_and(|until| now >= until);
    over.then(|| Outcome::Skipped { reason: format!("{what} {hours} hours after its time") })
}

/// What a step that asks people does now: open its task, give it up, or note that it is settled; nothing while it waits.
pub(crate) fn ask(
    world: &World,
    step: &Step,
    key: &RunKey,
    occurrence: &Occurrence,
    (asked, by): (&Asked, Option<Approval>),
    now: Timestamp,
) -> Commands {
    if let Some(what) = by.and_then(|by| decided(world, key, by)) {
        return vec![complete(key, occurrence, Outcome::Ran { what })];
    }
    if let Some(outcome) = over(world, step, key, occurrence, now, "nobody had settled it") {
        return vec![complete(key, occurrence, outcome)];
    }
    if world.run(&key.0, key.1.as_ref()).is_some_and(|run| run.tasks.contains_key(occurrence)) {
        return Vec::new();
    }
    let settlement = match by {
        None => Settlement::Work,
        Some(Approval::People(people)) => Settlement::Approval { people },
        Some(Approval::ReleaseApproved) => Settlement::Decision { command: release_command(key, "approve") },
        Some(Approval::ReleaseCleared) => Settlement::Decision { command: release_command(key, "clear") },
    };
    let until = limit(world, step, key, occurrence);
    let task = Task { what: asked.task.clone(), owners: asked.owners.clone(), settlement, until };
    let mut commands = match &asked.mail {
        Some(text) => {
            let mailing = Mailing { text, to: &asked.owners, reason: &asked.task };
            raise(world, step, key, occurrence, &mailing).0
        }
        None => Vec::new(),
    };
    // The task comes last: once it is open, its mails are on their way.
    let open = RunCommand::OpenTask { occurrence: occurrence.clone(), task };
    commands.push(command(&["open-task", occurrence.step.as_str(), &occurrence.of], wish(key, open)));
    commands
}

fn release_command(key: &RunKey, verb: &str) -> String {
    format!("rondo release {verb} {}.1", key.0)
}

/// What was decided about the round's release, if that was.
fn decided(world: &World, key: &RunKey, by: Approval) -> Option<String> {
    use ReleaseState as S;
    let id: ReleaseId = release_id(&key.0)?;
    let release = world.release(&id)?;
    let (word, reached) = match by {
        Approval::People(_) => return None,
        Approval::ReleaseApproved => {
            ("approved", matches!(release.state, S::Approved | S::Cleared | S::Begun | S::Published))
        }
        Approval::ReleaseCleared => ("cleared", matches!(release.state, S::Cleared | S::Begun | S::Published)),
    };
    reached.then(|| format!("the release {id} was {word}"))
}

/// Gives another step's task to more people, if it is open; nothing while that step has fired and has not asked yet.
pub(crate) fn escalate(
    world: &World,
    step: &Step,
    key: &RunKey,
    occurrence: &Occurrence,
    (task_of, text, to): (&StepId, &str, &[Role]),
    now: Timestamp,
) -> Option<(Commands, Outcome)> {
    let run = world.run(&key.0, key.1.as_ref())?;
    let (asked, state) = match latest(run, task_of) {
        Some((asked, Stage::Fired { .. })) => match run.tasks.get(asked) {
            Some(state) => (asked, state),
            None => {
                let what = format!("the step {task_of} had asked nobody");
                return over(world, step, key, occurrence, now, &what).map(|outcome| (Vec::new(), outcome));
            }
        },
        _ => {
            let reason = format!("the task of {task_of} is not open");
            return Some((Vec::new(), Outcome::Skipped { reason }));
        }
    };
    let mailing = Mailing { text, to, reason: &state.task.what };
    let (mut commands, mailed) = raise(world, step, key, occurrence, &mailing);
    let wished = RunCommand::EscalateTask { occurrence: asked.clone(), to: to.to_vec() };
    commands.push(command(&["escalate", occurrence.step.as_str(), &occurrence.of], wish(key, wished)));
    let what = match mailed {
        Outcome::Ran { what } => format!("the task of {task_of} was escalated; {what}"),
        Outcome::Skipped { reason } => format!("the task of {task_of} was escalated; {reason}"),
    };
    Some((commands, Outcome::Ran { what }))
}
