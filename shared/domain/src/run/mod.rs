//! A run: the workflow at work for a round or one of its countries. Each occurrence of a step is planned, fired, completed.

mod occurrence;
mod saved;
mod task;
mod task_name;

pub use occurrence::Occurrence;
pub use task::{Answered, Decision, Settlement, Task, TaskAnswer, TaskState};
pub use task_name::{InvalidTaskName, TaskName};

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::calendar::Moment;
use crate::command::Context;
use crate::event::Stamp;
use crate::reason::text_is_well_formed;
use crate::{Country, Rejection, Role, RoundId, StepId};

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
    /// A person decides that an occurrence is not carried out.
    Drop {
        /// Which.
        occurrence: Occurrence,
        /// Why.
        reason: String,
    },
    /// A fired occurrence asks something of a person.
    OpenTask {
        /// Which.
        occurrence: Occurrence,
        /// What is asked.
        task: Task,
    },
    /// An open task belongs to more people.
    EscalateTask {
        /// Which.
        occurrence: Occurrence,
        /// To the holders of these roles.
        to: Vec<Role>,
    },
    /// A person answers an open task.
    AnswerTask {
        /// Which.
        occurrence: Occurrence,
        /// The answer.
        answer: TaskAnswer,
        /// What was done or why, in the person's words.
        words: String,
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
    /// It asks something of a person.
    TaskOpened {
        /// Which.
        occurrence: Occurrence,
        /// What is asked.
        task: Task,
    },
    /// Its task belongs to more people.
    TaskEscalated {
        /// Which.
        occurrence: Occurrence,
        /// Who may answer it as well.
        to: Vec<Role>,
    },
    /// A person answered its task.
    TaskAnswered {
        /// Which.
        occurrence: Occurrence,
        /// The answer.
        answer: TaskAnswer,
        /// What was done or why, in the person's words.
        words: String,
    },
}

/// Where an occurrence stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// When each occurrence is due that waits for its time: most of what a log holds may wait for years.
    waiting: BTreeMap<Occurrence, Moment>,
    /// Those whose time has come, when they were due, and their stage.
    come: BTreeMap<Occurrence, (Moment, Stage)>,
    /// What was asked of people, settled or not.
    pub tasks: BTreeMap<Occurrence, TaskState>,
}

impl Run {
    /// The state after an event.
    pub fn evolve(&mut self, event: &RunEvent, stamp: &Stamp<'_>) {
        match event {
            RunEvent::StepPlanned { occurrence, due } | RunEvent::StepMoved { occurrence, is: due, .. } => {
                self.come.remove(occurrence);
                let step = self.of_step(&occurrence.step).next().map_or(&occurrence.step, |(other, ..)| &other.step);
                let occurrence = Occurrence { step: step.clone(), of: occurrence.of.clone() };
                self.waiting.insert(occurrence, due.clone());
            }
            RunEvent::StepFired { occurrence, .. } => self.set(occurrence, Stage::Fired { at: stamp.at }),
            RunEvent::StepCompleted { occurrence, outcome } => {
                self.set(occurrence, Stage::Completed { outcome: outcome.clone() });
            }
            RunEvent::TaskOpened { occurrence, task } => {
                self.tasks.insert(occurrence.clone(), TaskState::new(task));
            }
            RunEvent::TaskEscalated { occurrence, to } => {
                if let Some(task) = self.tasks.get_mut(occurrence) {
                    task.escalated_to.extend(to);
                }
            }
            RunEvent::TaskAnswered { occurrence, answer, words } => {
                if let Some(task) = self.tasks.get_mut(occurrence) {
                    let (person, words) = (stamp.actor.id.clone(), words.clone());
                    task.answers.push(Answered { person, answer: *answer, words });
                }
            }
        }
    }

    fn set(&mut self, occurrence: &Occurrence, stage: Stage) {
        if let Some((occurrence, due)) = self.waiting.remove_entry(occurrence) {
            self.come.insert(occurrence, (due, stage));
        } else if let Some(come) = self.come.get_mut(occurrence) {
            come.1 = stage;
        }
    }

    /// When an occurrence is due, and where it stands.
    pub fn occurrence(&self, occurrence: &Occurrence) -> Option<(&Moment, &Stage)> {
        let waits = self.waiting.get(occurrence).map(|due| (due, &Stage::Planned));
        waits.or_else(|| self.come.get(occurrence).map(|(due, stage)| (due, stage)))
    }

    /// Every occurrence with its due moment and stage: those that have come, then those that wait, each by step.
    pub fn occurrences(&self) -> impl Iterator<Item = (&Occurrence, &Moment, &Stage)> {
        let come = self.come.iter().map(|(occurrence, (due, stage))| (occurrence, due, stage));
        come.chain(self.waiting.iter().map(|(occurrence, due)| (occurrence, due, &Stage::Planned)))
    }

    /// The occurrences of one step: those that have come, then those that wait.
    pub fn of_step<'r>(&'r self, step: &'r StepId) -> impl Iterator<Item = (&'r Occurrence, &'r Moment, &'r Stage)> {
        let first = Occurrence { step: step.clone(), of: SmolStr::default() };
        let come = self.come.range(first.clone()..).map(|(occurrence, (due, stage))| (occurrence, due, stage));
        let waiting = self.waiting.range(first..).map(|(occurrence, due)| (occurrence, due, &Stage::Planned));
        let mine = |of: &(&Occurrence, &Moment, &Stage)| of.0.step == *step;
        come.take_while(mine).chain(waiting.take_while(mine))
    }

    /// The newest of a step's occurrences that have the same cause.
    pub fn newest<'r>(&'r self, step: &'r StepId, cause: &'r str) -> Option<(&'r Occurrence, &'r Moment, &'r Stage)> {
        let same = self.of_step(step).filter(move |(occurrence, ..)| occurrence.cause() == cause);
        same.max_by_key(|(occurrence, ..)| occurrence.times())
    }

    /// The occurrence that came in the place of this one, because its deadline was moved after its time had come.
    pub fn in_place_of<'r>(&'r self, occurrence: &'r Occurrence) -> Option<(&'r Occurrence, &'r Moment)> {
        let (newest, due, _) = self.newest(&occurrence.step, occurrence.cause())?;
        (newest.times() > occurrence.times()).then_some((newest, due))
    }

    /// The occurrences whose time has not come, and when it will.
    pub fn planned(&self) -> impl Iterator<Item = (&Occurrence, &Moment)> {
        self.waiting.iter()
    }
}

/// Decides a command on a run, of the round or of a country. Only the engine drives it, what has fired is neither moved nor
/// fired again; people answer the tasks that they own.
///
/// # Errors
/// The rejection.
pub fn decide(
    state: &Run,
    of: (&RoundId, Option<&Country>),
    command: &RunCommand,
    context: &Context<'_>,
) -> Result<Vec<RunEvent>, Rejection> {
    if !matches!(command, RunCommand::AnswerTask { .. } | RunCommand::Drop { .. }) {
        context.require_role(&[Role::Service], "drive a run")?;
    }
    match command {
        RunCommand::Plan { occurrence, due } => Ok(plan(state, occurrence, due)),
        RunCommand::Fire { occurrence } => fire(state, occurrence, context.now),
        RunCommand::Complete { occurrence, outcome } => complete(state, occurrence, outcome),
        RunCommand::Drop { occurrence, reason } => dropped(state, occurrence, reason, context),
        RunCommand::OpenTask { occurrence, task } => task::open(state, occurrence, task),
        RunCommand::EscalateTask { occurrence, to } => task::escalate(state, occurrence, to),
        RunCommand::AnswerTask { occurrence, answer, words } => {
            task::answer(state, of, (occurrence, *answer, words), context)
        }
    }
}

fn plan(state: &Run, occurrence: &Occurrence, due: &Moment) -> Vec<RunEvent> {
    match state.occurrence(occurrence) {
        None => vec![RunEvent::StepPlanned { occurrence: occurrence.clone(), due: due.clone() }],
        Some((was, Stage::Planned)) if was != due => {
            vec![RunEvent::StepMoved { occurrence: occurrence.clone(), was: was.clone(), is: due.clone() }]
        }
        Some(_) => Vec::new(),
    }
}

fn fire(state: &Run, occurrence: &Occurrence, now: Timestamp) -> Result<Vec<RunEvent>, Rejection> {
    match state.occurrence(occurrence) {
        Some((due, Stage::Planned)) if due.at <= now => {
            let late = now.duration_since(due.at).as_secs();
            let late_seconds = (late >= 60).then_some(late);
            Ok(vec![RunEvent::StepFired { occurrence: occurrence.clone(), late_seconds }])
        }
        Some((_, Stage::Planned)) => Err(not_possible(occurrence, "planned", "fire before it is due")),
        Some(_) => Ok(Vec::new()),
        None => Err(not_possible(occurrence, "not planned", "fire")),
    }
}

fn complete(state: &Run, occurrence: &Occurrence, outcome: &Outcome) -> Result<Vec<RunEvent>, Rejection> {
    match state.occurrence(occurrence) {
        Some((_, Stage::Fired { .. })) => {
            Ok(vec![RunEvent::StepCompleted { occurrence: occurrence.clone(), outcome: outcome.clone() }])
        }
        Some((_, Stage::Completed { .. })) => Ok(Vec::new()),
        _ => Err(not_possible(occurrence, "not fired", "be completed")),
    }
}

/// An occurrence that a person drops ends as one that was not carried out.
fn dropped(
    state: &Run,
    occurrence: &Occurrence,
    reason: &str,
    context: &Context<'_>,
) -> Result<Vec<RunEvent>, Rejection> {
    context.require_role(&[Role::CollectionManager, Role::RegionalCoordinator], "drop a step")?;
    if !text_is_well_formed(reason) {
        return Err(Rejection::ReasonRequired { figures: Vec::new() });
    }
    let outcome = Outcome::Skipped { reason: format!("dropped by {}: {reason}", context.actor.id) };
    let completed = RunEvent::StepCompleted { occurrence: occurrence.clone(), outcome };
    match state.occurrence(occurrence) {
        Some((_, Stage::Planned)) => {
            Ok(vec![RunEvent::StepFired { occurrence: occurrence.clone(), late_seconds: None }, completed])
        }
        Some((_, Stage::Fired { .. })) => Ok(vec![completed]),
        Some((_, Stage::Completed { .. })) => Err(not_possible(occurrence, "done with", "be dropped")),
        None => Err(not_possible(occurrence, "not planned", "be dropped")),
    }
}

fn not_possible(occurrence: &Occurrence, state: &str, act: &str) -> Rejection {
    Rejection::NotPossible {
        what: format!("the step {} of {}", occurrence.step, occurrence.of),
        state: state.to_owned(),
        act: act.to_owned(),
    }
}
