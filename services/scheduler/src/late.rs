//! What becomes of a step that fires late, after a time of rest, or while an earlier occurrence of it is still under way.

use jiff::{SignedDuration, Timestamp};
use rondo_domain::Role;
use rondo_domain::run::{Occurrence, Outcome, Run, RunCommand, Settlement, Stage, Task};
use rondo_domain::workflow::{Late, Overlap, Step};
use rondo_domain::world::World;

use crate::actions::{Commands, complete};
use crate::asking;
use crate::interpreter::{command, wish};
use crate::knowledge::RunKey;

/// From when on a step counts as late: a restart of ours is not a delay.
const LATE: SignedDuration = SignedDuration::from_hours(1);

/// Who is asked whether a late step is carried out all the same.
const ASKED: [Role; 2] = [Role::RegionalCoordinator, Role::CollectionManager];

/// What is done instead of carrying a fired step out, by its policy; nothing where it is carried out.
pub(crate) fn instead(
    world: &World,
    step: &Step,
    key: &RunKey,
    occurrence: &Occurrence,
    now: Timestamp,
) -> Option<Commands> {
    let run = world.run(&key.0, key.1.as_ref())?;
    let skip = |reason: String| Some(vec![complete(key, occurrence, Outcome::Skipped { reason })]);
    // Looked for only where it matters: a run may have thousands of occurrences.
    if step.overlap != Overlap::Run
        && let Some(other) = earlier(run, occurrence)
    {
        return match step.overlap {
            Overlap::Skip => skip(format!("the one of {} is still under way", other.of)),
            _ => Some(Vec::new()),
        };
    }
    let (due, Stage::Fired { at }) = run.occurrence(occurrence)? else { return None };
    let late = at.duration_since(due.at);
    if late < LATE {
        return None;
    }
    let hours = late.as_hours();
    match step.late {
        Late::Run => None,
        Late::Skip => skip(format!("it came {hours} hours late, and is not caught up")),
        Late::RunOnce => {
            let newer = run.of_step(&occurrence.step).filter(|(_, theirs, _)| theirs.at > due.at && theirs.at <= *at);
            let newest = newer.max_by_key(|(_, theirs, _)| theirs.at)?;
            skip(format!("it came {hours} hours late; the one of {} is carried out in its place", newest.0.of))
        }
        Late::Ask => match run.tasks.get(occurrence) {
            Some(asked) if asked.lacks() == 0 => None,
            Some(_) => {
                let over =
                    asking::over(world, step, key, occurrence, now, "nobody had said whether it is carried out late");
                Some(over.map(|outcome| complete(key, occurrence, outcome)).into_iter().collect())
            }
            None => {
                let what = format!(
                    "The step {} was due on {} and came {hours} hours late: approve that it is carried out all the same, or decline.",
                    step.id,
                    due.local.strftime("%a %-d %b %Y %H:%M")
                );
                let until = asking::limit(world, step, key, occurrence);
                let task = Task { what, owners: ASKED.to_vec(), settlement: Settlement::Late, until };
                let open = RunCommand::OpenTask { occurrence: occurrence.clone(), task };
                Some(vec![command(&["ask-late", occurrence.step.as_str(), &occurrence.of], wish(key, open))])
            }
        },
    }
}

/// An earlier occurrence of the same step that has fired and is not done with.
fn earlier<'r>(run: &'r Run, occurrence: &'r Occurrence) -> Option<&'r Occurrence> {
    let due = run.occurrence(occurrence)?.0.at;
    let mut before = run.of_step(&occurrence.step).filter(|(_, theirs, _)| theirs.at < due);
    before.find(|(.., stage)| matches!(stage, Stage::Fired { .. })).map(|(other, ..)| other)
}
