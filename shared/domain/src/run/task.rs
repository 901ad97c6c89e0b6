//! A task: what the workflow asks of a person, who may answer it, and what came of it. The step waits until it is settled.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Occurrence, Outcome, Run, RunEvent, Stage, TaskName, not_possible};
use crate::command::Context;
use crate::reason::text_is_well_formed;
use crate::round::RoundState;
use crate::{Country, PersonId, Rejection, ReleaseId, Role, RoundId, release};

/// What settles a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Settlement {
    /// One owner says that it is done, or why it cannot be.
    Work,
    /// So many different owners approve; one who declines ends it.
    Approval {
        /// How many.
        people: u8,
    },
    /// One owner approves that a late step is carried out all the same; it is then, and ends as it ends.
    Late,
    /// A decision about a release, which has commands and rules of its own.
    Decision {
        /// Which release.
        release: ReleaseId,
        /// Which decision.
        decision: Decision,
    },
}

/// A decision about a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// That it is approved.
    Approve,
    /// That it is cleared for publication.
    Clear,
}

impl Decision {
    /// The verb of the command by which it is taken.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Clear => "clear",
        }
    }

    /// The role that may take it.
    pub fn role(self) -> Role {
        match self {
            Self::Approve => release::APPROVER,
            Self::Clear => release::CLEARER,
        }
    }
}

/// What is asked of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// What is to be done, in a sentence.
    pub what: String,
    /// Whoever holds one of these roles may answer; for a country's run a national role must be that country's.
    pub owners: Vec<Role>,
    /// What settles it.
    pub settlement: Settlement,
    /// Not settled by then, it counts as not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// What an owner says of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskAnswer {
    /// It is done.
    Done,
    /// Approved.
    Approved,
    /// It cannot be done, or is not approved.
    Declined,
}

impl TaskAnswer {
    /// In one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Approved => "approved",
            Self::Declined => "declined",
        }
    }
}

/// A person's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// Whose.
    pub person: PersonId,
    /// What.
    pub answer: TaskAnswer,
    /// What was done or why, in the person's words.
    pub words: String,
}

/// A task as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskState {
    /// What was asked, of its first owners and those it was escalated to.
    pub task: Task,
    /// The roles it was escalated to, which are owners now.
    pub escalated_to: Vec<Role>,
    /// Who answered what, in order.
    pub answers: Vec<Answered>,
}

impl TaskState {
    /// A task nobody has answered yet.
    pub(super) fn new(task: &Task) -> Self {
        Self { task: task.clone(), escalated_to: Vec::new(), answers: Vec::new() }
    }

    /// The roles that may answer it now.
    pub fn owners(&self) -> impl Iterator<Item = Role> {
        self.task.owners.iter().chain(&self.escalated_to).copied()
    }

    /// The command by which a person answers it, where it is called by this name.
    pub fn answer_with(&self, name: &TaskName) -> String {
        match &self.task.settlement {
            Settlement::Work => format!("rondo task done {name} --text … --as YOU"),
            Settlement::Approval { .. } | Settlement::Late => format!("rondo task approve {name} --reason … --as YOU"),
            Settlement::Decision { release, decision } => {
                format!("rondo release {} {release} --as YOU", decision.as_str())
            }
        }
    }

    /// Whether a late step was allowed, so that nobody is waited for any more.
    fn is_allowed(&self) -> bool {
        self.task.settlement == Settlement::Late && self.lacks() == 0
    }

    /// How many more answers it needs to be settled.
    pub fn lacks(&self) -> usize {
        let wanted = match self.task.settlement {
            Settlement::Approval { people } => usize::from(people),
            Settlement::Work | Settlement::Late | Settlement::Decision { .. } => 1,
        };
        wanted.saturating_sub(self.answers.len())
    }
}

impl Run {
    /// The tasks that wait for people, by occurrence.
    pub fn open_tasks(&self) -> impl Iterator<Item = (&Occurrence, &TaskState)> {
        let open = |occurrence: &Occurrence| {
            self.occurrence(occurrence).is_some_and(|(_, stage)| matches!(stage, Stage::Fired { .. }))
        };
        self.tasks.iter().filter(move |(occurrence, task)| open(occurrence) && !task.is_allowed())
    }

    /// The open task of an occurrence.
    ///
    /// # Errors
    /// `task.unknown`, or `state.not-possible` where it is settled.
    fn open_task(&self, occurrence: &Occurrence, act: &str) -> Result<&TaskState, Rejection> {
        let task = self
            .tasks
            .get(occurrence)
            .ok_or_else(|| Rejection::UnknownTask { task: format!("{} of {}", occurrence.step, occurrence.of) })?;
        match self.occurrence(occurrence) {
            Some((_, Stage::Fired { .. })) if !task.is_allowed() => Ok(task),
            _ => Err(not_possible(occurrence, "settled", act)),
        }
    }
}

/// That each of these roles may own a task.
fn may_own(roles: &[Role]) -> Result<(), Rejection> {
    match roles.iter().find(|role| !role.owns_tasks()) {
        Some(role) => Err(Rejection::Malformed { what: format!("the role {role} can own no task") }),
        None => Ok(()),
    }
}

/// Opens a task for a fired occurrence; opened before, nothing happens.
///
/// # Errors
/// `state.not-possible` where the occurrence has not fired or is done with; `command.malformed` for an owner that can be none.
pub(super) fn open(state: &Run, occurrence: &Occurrence, task: &Task) -> Result<Vec<RunEvent>, Rejection> {
    may_own(&task.owners)?;
    match state.occurrence(occurrence) {
        Some((_, Stage::Fired { .. })) if state.tasks.contains_key(occurrence) => Ok(Vec::new()),
        Some((_, Stage::Fired { .. })) => {
            Ok(vec![RunEvent::TaskOpened { occurrence: occurrence.clone(), task: task.clone() }])
        }
        _ => Err(not_possible(occurrence, "not under way", "open a task")),
    }
}

/// Gives an open task to more roles; those that own it already are left out.
///
/// # Errors
/// `task.unknown`; `state.not-possible` where it is settled, or a decision whose rules say who takes it; `command.malformed`
/// for a role that can own none.
pub(super) fn escalate(state: &Run, occurrence: &Occurrence, to: &[Role]) -> Result<Vec<RunEvent>, Rejection> {
    let task = state.open_task(occurrence, "be escalated")?;
    may_own(to)?;
    if let Settlement::Decision { decision, .. } = &task.task.settlement {
        return Err(not_possible(occurrence, &format!("the {}'s alone", decision.role()), "be escalated"));
    }
    let more: Vec<Role> = to.iter().copied().filter(|role| task.owners().all(|owner| owner != *role)).collect();
    if more.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![RunEvent::TaskEscalated { occurrence: occurrence.clone(), to: more }])
}

/// Takes a person's answer, and settles the task where that is enough.
///
/// # Errors
/// `task.unknown`; `state.not-possible` where it is settled, past its time, of a cancelled round, or waits for another kind
/// of answer; `actor.not-allowed`; `actor.other-country`; `actor.same-person` for a second approval; `reason.required`
/// without words.
pub(super) fn answer(
    state: &Run,
    (round, country): (&RoundId, Option<&Country>),
    (occurrence, answer, words): (&Occurrence, TaskAnswer, &str),
    context: &Context<'_>,
) -> Result<Vec<RunEvent>, Rejection> {
    let task = state.open_task(occurrence, "be answered")?;
    if context.round(round)?.state == RoundState::Cancelled {
        return Err(not_possible(occurrence, "of a cancelled round", "be answered"));
    }
    if task.task.until.is_some_and(|until| until <= context.now) {
        return Err(not_possible(occurrence, "past its time", "be answered"));
    }
    let owners: Vec<Role> = task.owners().collect();
    context.require_role(&owners, &format!("answer the task {}", occurrence.step))?;
    match country {
        Some(country) => context.require_country(country)?,
        None if context.actor.role.is_of_country() => return Err(context.not_allowed("answer a task of the round")),
        None => {}
    }
    let fits = match &task.task.settlement {
        Settlement::Work => answer != TaskAnswer::Approved,
        Settlement::Approval { .. } | Settlement::Late => answer != TaskAnswer::Done,
        Settlement::Decision { release, decision } => {
            let command = format!("settled by `rondo release {} {release}`", decision.as_str());
            return Err(not_possible(occurrence, &command, "be answered by itself"));
        }
    };
    if !fits {
        let (state, act) = match answer {
            TaskAnswer::Approved => ("work to be done", "be approved"),
            _ => ("a question of approval", "be done"),
        };
        return Err(not_possible(occurrence, state, act));
    }
    if !text_is_well_formed(words) {
        return Err(Rejection::ReasonRequired { figures: Vec::new() });
    }
    // Consent may be taken back, and counts once.
    if answer == TaskAnswer::Approved && task.answers.iter().any(|answered| answered.person == context.actor.id) {
        return Err(context.same_person("the one who approved already", "the next who does"));
    }
    let (occurrence, words) = (occurrence.clone(), words.to_owned());
    let mut events = vec![RunEvent::TaskAnswered { occurrence: occurrence.clone(), answer, words }];
    let by = &context.actor.id;
    let outcome = match answer {
        TaskAnswer::Declined => Some(Outcome::Skipped { reason: format!("declined by {by}") }),
        TaskAnswer::Done => Some(Outcome::Ran { what: format!("done by {by}") }),
        // The step is carried out now, and says itself what came of it.
        TaskAnswer::Approved if task.task.settlement == Settlement::Late => None,
        TaskAnswer::Approved => {
            let all = task.answers.iter().map(|answered| &answered.person).chain([by]);
            let all = all.map(ToString::to_string).collect::<Vec<_>>().join(" and ");
            (task.lacks() <= 1).then(|| Outcome::Ran { what: format!("approved by {all}") })
        }
    };
    events.extend(outcome.map(|outcome| RunEvent::StepCompleted { occurrence, outcome }));
    Ok(events)
}
