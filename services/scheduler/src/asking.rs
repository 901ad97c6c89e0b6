//! Steps that wait for people: tasks opened, escalated and given up.

use jiff::{SignedDuration, Timestamp};
use rondo_domain::release::ReleaseState;
use rondo_domain::run::{Decision, Occurrence, Outcome, RunCommand, Settlement, Stage, Task};
use rondo_domain::workflow::{Approval, Asked, LESSON, LESSON_CARRIED, Step, occurrence_of};
use rondo_domain::world::World;
use rondo_domain::{ReleaseId, Role, StepId};

use crate::actions::{Commands, Mailing, complete, raise, release_id};
use crate::interpreter::{command, wish};
use crate::knowledge::RunKey;

/// Until when a step waits for what it needs; a step without a limit waits as long as it takes.
pub(crate) fn limit(world: &World, step: &Step, key: &RunKey, occurrence: &Occurrence) -> Option<Timestamp> {
    let (due, _) = world.run(&key.0, key.1.as_ref())?.occurrence(occurrence)?;
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
    if let Some(Approval::Release(decision)) = by
        && let Some(outcome) = decided(world, key, occurrence, decision)
    {
        return vec![complete(key, occurrence, outcome)];
    }
    if let Some(outcome) = over(world, step, key, occurrence, now, "nobody had settled it") {
        return vec![complete(key, occurrence, outcome)];
    }
    if world.run(&key.0, key.1.as_ref()).is_some_and(|run| run.tasks.contains_key(occurrence)) {
        return Vec::new();
    }
    let settlement = match (by, release_id(&key.0)) {
        (Some(Approval::People(people)), _) => Settlement::Approval { people },
        (Some(Approval::Release(decision)), Some(release)) => Settlement::Decision { release, decision },
        (None | Some(Approval::Release(_)), _) => Settlement::Work,
    };
    let until = limit(world, step, key, occurrence);
    let what = sentence(world, asked, occurrence);
    let task = Task { what: what.clone(), owners: asked.owners.clone(), settlement, until };
    let mut commands = match &asked.mail {
        Some(text) => {
            let mailing = Mailing { text, to: &asked.owners, copy: &[], task: Some((occurrence, &what)), now };
            // Where nobody holds the role, the task is open all the same, and shown as nobody's.
            raise(world, step, key, occurrence, &mailing).0
        }
        None => Vec::new(),
    };
    // The task comes last: once it is open, its mails are on their way.
    let open = RunCommand::OpenTask { occurrence: occurrence.clone(), task };
    commands.push(command(&["open-task", occurrence.step.as_str(), &occurrence.of], wish(key, open)));
    commands
}

/// What a task asks; of a lesson that an earlier round taught, with the lesson in it.
fn sentence(world: &World, asked: &Asked, occurrence: &Occurrence) -> String {
    let lesson = || {
        let (round, number) = occurrence.of.strip_prefix(LESSON_CARRIED)?.strip_prefix('.')?.rsplit_once('.')?;
        let lessons = &world.round(&round.parse().ok()?)?.lessons;
        lessons.get(number.parse::<usize>().ok()?).map(|(_, lesson)| lesson.clone())
    };
    asked.task.replace(LESSON, &lesson().unwrap_or_default())
}

/// What became of a decision about the round's release: taken, or not to be taken any more because the release was put
/// together again, which asks anew.
fn decided(world: &World, key: &RunKey, occurrence: &Occurrence, decision: Decision) -> Option<Outcome> {
    use ReleaseState as S;
    let id: ReleaseId = release_id(&key.0)?;
    let state = world.release(&id)?.state;
    let (word, taken, again) = match decision {
        Decision::Approve => (
            "approved",
            matches!(state, S::Approved | S::Cleared | S::Begun | S::Published),
            asked_later(world, key, occurrence),
        ),
        Decision::Clear => ("cleared", matches!(state, S::Cleared | S::Begun | S::Published), state == S::Prepared),
    };
    if again {
        return Some(Outcome::Skipped { reason: format!("the release {id} was put together again") });
    }
    taken.then(|| Outcome::Ran { what: format!("the release {id} was {word}") })
}

/// Whether the same step asks again, and later.
fn asked_later(world: &World, key: &RunKey, occurrence: &Occurrence) -> bool {
    let Some(run) = world.run(&key.0, key.1.as_ref()) else { return false };
    let Some((due, _)) = run.occurrence(occurrence) else { return false };
    run.of_step(&occurrence.step).any(|(_, theirs, _)| theirs.at > due.at)
}

/// Brings another step's open task to more people; nothing while that step has fired and has not asked yet.
pub(crate) fn escalate(
    world: &World,
    step: &Step,
    key: &RunKey,
    occurrence: &Occurrence,
    (task_of, text, to): (&StepId, &str, &[Role]),
    now: Timestamp,
) -> Option<(Commands, Outcome)> {
    let run = world.run(&key.0, key.1.as_ref())?;
    let open: Vec<_> = run.open_tasks().filter(|(asked, _)| asked.step == *task_of).collect();
    if open.is_empty() {
        if let Some((_, Stage::Fired { .. })) = occurrence_of(run, task_of, occurrence.cause()) {
            let what = format!("the step {task_of} had asked nobody");
            return over(world, step, key, occurrence, now, &what).map(|outcome| (Vec::new(), outcome));
        }
        let reason = format!("no task of {task_of} is open");
        return Some((Vec::new(), Outcome::Skipped { reason }));
    }
    let mut commands = Vec::new();
    let mut told = String::new();
    for (asked, state) in open {
        // Theirs before they are told so; a decision stays with whoever takes it by its own rules, others can press.
        if !matches!(state.task.settlement, Settlement::Decision { .. }) {
            let wished = RunCommand::EscalateTask { occurrence: asked.clone(), to: to.to_vec() };
            commands
                .push(command(&["escalate", occurrence.step.as_str(), &occurrence.of, &asked.of], wish(key, wished)));
        }
        let mailing = Mailing { text, to, copy: &[], task: Some((asked, &state.task.what)), now };
        let (raised, outcome) = raise(world, step, key, occurrence, &mailing);
        commands.extend(raised);
        told = match outcome {
            Outcome::Ran { what } => what,
            Outcome::Skipped { reason } => reason,
        };
    }
    Some((commands, Outcome::Ran { what: format!("the task of {task_of} was escalated; {told}") }))
}
