//! Needs: whether the steps that another one needs were carried out.

use super::definition::{Definition, Each, Step};
use crate::run::{Occurrence, Outcome, Run, Stage};
use crate::world::World;
use crate::{Country, RoundId, StepId};

/// What the steps that another one needs allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needed {
    /// Each was carried out.
    Met,
    /// One is still open.
    Waits(StepId),
    /// One was not carried out, in words.
    Failed(String),
}

/// Whether the steps that an occurrence needs were carried out, each in the same run or, if it is the round's, in the
/// round's.
pub fn needed(
    world: &World,
    definition: &Definition,
    step: &Step,
    (round, country): (&RoundId, Option<&Country>),
    occurrence: &Occurrence,
) -> Needed {
    for id in &step.needs {
        let of_round = definition.step(id).is_some_and(|other| other.each == Each::Round);
        let run = world.run(round, country.filter(|_| !of_round));
        match run.and_then(|run| occurrence_of(run, id, occurrence.cause())) {
            Some((_, Stage::Completed { outcome: Outcome::Ran { .. } })) => {}
            Some((_, Stage::Completed { outcome: Outcome::Skipped { reason } })) => {
                return Needed::Failed(format!("the step {id} that it needs was not carried out: {reason}"));
            }
            _ => return Needed::Waits(id.clone()),
        }
    }
    Needed::Met
}

/// The occurrence of a step that another one's occurrence means: the newest of the same cause, or else the newest whose time came.
pub fn occurrence_of<'r>(run: &'r Run, step: &'r StepId, of: &'r str) -> Option<(&'r Occurrence, &'r Stage)> {
    let same = run.newest(step, of);
    let came = || run.of_step(step).filter(|(.., stage)| **stage != Stage::Planned).max_by_key(|(_, due, _)| due.at);
    same.or_else(came).map(|(occurrence, _, stage)| (occurrence, stage))
}
