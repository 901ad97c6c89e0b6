//! A run: the workflow at work for a round or one of its countries. Each occurrence of a step is planned, fired, completed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::calendar::Moment;
use crate::command::Context;
use crate::{Rejection, Role, StepId};

/// One occurrence of a step: the step and its nominal time or cause, so that two firings are one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Occurrence {
    /// The step.
    pub step: StepId,
    /// What makes this occurrence itself: a milestone, a cron time, or the position of the event that caused it.
    pub of: String,
}

/// What came of an occurrence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Outcome {
    /// Its action was carried out.
    Ran {
        /// What was done, in a sentence.
        what: String,
    },
    /// It was not carried out.
    Skipped {
        /// Why, in a sentence.
        reason: String,
    },
}

/// What can be wished of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunCommand {
    /// Plan an occurrence, or move one that has not fired.
    Plan {
        /// Which.
        occurrence: Occurrence,
        /// When.
        due: Moment,
    },
    /// Its time has come.
    Fire {
        /// Which.
        occurrence: Occurrence,
    },
    /// Its action is done, or will not be done.
    Complete {
        /// Which.
        occurrence: Occurrence,
        /// What came of it.
        outcome: Outcome,
    },
}

/// What happened in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", content = "data")]
pub enum RunEvent {
    /// An occurrence is planned.
    StepPlanned {
        /// Which.
        occurrence: Occurrence,
        /// When, and how that was reckoned.
        due: Moment,
    },
    /// An occurrence was moved.
    StepMoved {
        /// Which.
        occurrence: Occurrence,
        /// When it was due.
        was: Moment,
        /// When it is due.
        is: Moment,
    },
    /// Its time came.
    StepFired {
        /// Which.
        occurrence: Occurrence,
        /// Seconds after its due time, when that is a minute or more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        late_seconds: Option<i64>,
    },
    /// It is done with.
    StepCompleted {
        /// Which.
        occurrence: Occurrence,
        /// What came of it.
        #[serde(flatten)]
        outcome: Outcome,
    },
}

/// Where an occurrence stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// Not due yet.
    Planned,
    /// Due; its action is being carried out.
    Fired {
        /// When.
        at: Timestamp,
    },
    /// Done with.
    Completed {
        /// What came of it.
        outcome: Outcome,
    },
}

/// A run as it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// Occurrences with their due moment and stage.
    pub occurrences: BTreeMap<Occurrence, (Moment, Stage)>,
}

impl Run {
    /// The state after an event at an instant.
    pub fn evolve(&mut self, event: &RunEvent, at: Timestamp) {
        match event {
            RunEvent::StepPlanned { occurrence, due } | RunEvent::StepMoved { occurrence, is: due, .. } => {
                self.occurrences.insert(occurrence.clone(), (due.clone(), Stage::Planned));
            }
            RunEvent::StepFired { occurrence, .. } => self.set(occurrence, Stage::Fired { at }),
            RunEvent::StepCompleted { occurrence, outcome } => {
                self.set(occurrence, Stage::Completed { outcome: outcome.clone() });
            }
        }
    }

    fn set(&mut self, occurrence: &Occurrence, stage: Stage) {
        if let Some(entry) = self.occurrences.get_mut(occurrence) {
            entry.1 = stage;
        }
    }
}

/// Decides a command on a run. Only the engine may; what has fired is neither moved nor fired again.
///
/// # Errors
/// The rejection.
pub fn decide(state: &Run, command: &RunCommand, context: &Context<'_>) -> Result<Vec<RunEvent>, Rejection> {
    context.require_role(&[Role::Service], "drive a run")?;
    let event = match command {
        RunCommand::Plan { occurrence, due } => match state.occurrences.get(occurrence) {
            None => RunEvent::StepPlanned { occurrence: occurrence.clone(), due: due.clone() },
            Some((was, Stage::Planned)) if was != due => {
                RunEvent::StepMoved { occurrence: occurrence.clone(), was: was.clone(), is: due.clone() }
            }
            Some(_) => return Ok(Vec::new()),
        },
        RunCommand::Fire { occurrence } => match state.occurrences.get(occurrence) {
            Some((due, Stage::Planned)) if due.at <= context.now => {
                let late = context.now.duration_since(due.at).as_secs();
                RunEvent::StepFired { occurrence: occurrence.clone(), late_seconds: (late >= 60).then_some(late) }
            }
            Some((_, Stage::Planned)) => return Err(not_possible(occurrence, "planned", "fire before it is due")),
            Some(_) => return Ok(Vec::new()),
            None => return Err(not_possible(occurrence, "not planned", "fire")),
        },
        RunCommand::Complete { occurrence, outcome } => match state.occurrences.get(occurrence) {
            Some((_, Stage::Fired { .. })) => {
                RunEvent::StepCompleted { occurrence: occurrence.clone(), outcome: outcome.clone() }
            }
            Some((_, Stage::Completed { .. })) => return Ok(Vec::new()),
            _ => return Err(not_possible(occurrence, "not fired", "be completed")),
        },
    };
    Ok(vec![event])
}

fn not_possible(occurrence: &Occurrence, state: &str, act: &str) -> Rejection {
    Rejection::NotPossible {
        what: format!("the step {} of {}", occurrence.step, occurrence.of),
        state: state.to_owned(),
        act: act.to_owned(),
    }
}
