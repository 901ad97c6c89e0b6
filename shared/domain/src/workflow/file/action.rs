//! What a step does, as written: which words go with which action.

use serde::Deserialize;
use toml::Spanned;

use super::{Reader, StepEntry};
use crate::run::Decision;
use crate::workflow::Problem;
use crate::workflow::definition::{Action, Approval, Asked, Each, LESSON, Step, Trigger};
use crate::{Role, StepId};

/// The most people whose consent one step may need.
const MAX_PEOPLE: u8 = 9;

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ActionWord {
    Launch,
    BeginClosing,
    Close,
    Finalise,
    Mail,
    Validate,
    Ask,
    PrepareRelease,
    Publish,
    WaitForPerson,
    Approve,
    Escalate,
}

/// A decision with a command of its own, on which a step may wait.
#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
pub(super) enum DecisionWord {
    ReleaseApproved,
    ReleaseCleared,
}

/// The words of a step that belong to some actions only, each with whether it was written.
fn written(entry: &StepEntry) -> [(&'static str, bool); 8] {
    [
        ("mail", entry.mail.is_some()),
        ("to", !entry.to.is_empty()),
        ("copy", !entry.copy.is_empty()),
        ("task", entry.task.is_some()),
        ("owner", !entry.owner.is_empty()),
        ("people", entry.people.is_some()),
        ("settled-by", entry.settled_by.is_some()),
        ("task-of", entry.task_of.is_some()),
    ]
}

/// What goes with an action: the words it needs, and those it may have.
fn words(action: ActionWord) -> (&'static [&'static str], &'static [&'static str]) {
    match action {
        ActionWord::Mail => (&["mail", "to"], &["copy"]),
        ActionWord::WaitForPerson => (&["task", "owner"], &["mail"]),
        ActionWord::Approve => (&["task", "owner"], &["mail", "people", "settled-by"]),
        ActionWord::Escalate => (&["task-of", "mail", "to"], &[]),
        _ => (&[], &[]),
    }
}

impl Reader<'_> {
    pub(super) fn action(&self, entry: &StepEntry) -> Result<Action, Problem> {
        let word = *entry.action.get_ref();
        let (needed, allowed) = words(word);
        for (name, is_written) in written(entry) {
            if is_written && !needed.contains(&name) && !allowed.contains(&name) {
                return Err(self.problem(&entry.action.span(), format!("`{name}` does not go with this `do`")));
            }
            if !is_written && needed.contains(&name) {
                return Err(self.problem(&entry.action.span(), format!("this `do` needs `{name}`")));
            }
        }
        if entry.time_limit_hours == Some(0) {
            let message = "`time-limit-hours = 0` gives the step up as soon as it comes".to_owned();
            return Err(self.problem(&entry.action.span(), message));
        }
        let waits = !entry.needs.is_empty()
            || matches!(word, ActionWord::WaitForPerson | ActionWord::Approve | ActionWord::Escalate);
        if waits && entry.time_limit_hours.is_none() {
            let message = "a step that waits needs `time-limit-hours`, after which it is given up".to_owned();
            return Err(self.problem(&entry.action.span(), message));
        }
        for (name, roles) in [("to", &entry.to), ("copy", &entry.copy), ("owner", &entry.owner)] {
            if let Some((_, twice)) = roles.iter().enumerate().find(|(index, role)| roles[..*index].contains(role)) {
                return Err(self.problem(&entry.action.span(), format!("the role {twice} stands twice in `{name}`")));
            }
        }
        let text = self.mail_text(entry)?;
        Ok(match word {
            ActionWord::Launch => Action::Launch,
            ActionWord::BeginClosing => Action::BeginClosing,
            ActionWord::Close => Action::Close,
            ActionWord::Finalise => Action::Finalise,
            ActionWord::Validate => Action::Validate,
            ActionWord::Ask => Action::Ask,
            ActionWord::PrepareRelease => Action::PrepareRelease,
            ActionWord::Publish => Action::Publish,
            ActionWord::Mail => {
                if let Some(twice) = entry.copy.iter().find(|role| entry.to.contains(role)) {
                    let message = format!("a {twice} gets the mail itself, and needs no copy");
                    return Err(self.problem(&entry.action.span(), message));
                }
                Action::Mail { text: text.unwrap_or_default(), to: entry.to.clone(), copy: entry.copy.clone() }
            }
            ActionWord::WaitForPerson => Action::WaitForPerson(self.asked(entry, text)?),
            ActionWord::Approve => Action::Approve { asked: self.asked(entry, text)?, by: self.approval(entry)? },
            ActionWord::Escalate => {
                let Some(task_of) = &entry.task_of else {
                    return Err(self.problem(&entry.action.span(), "this `do` needs `task-of`".to_owned()));
                };
                self.owners(entry, &entry.to)?;
                Action::Escalate {
                    task_of: self.parsed(task_of)?,
                    text: text.unwrap_or_default(),
                    to: entry.to.clone(),
                }
            }
        })
    }

    fn mail_text(&self, entry: &StepEntry) -> Result<Option<String>, Problem> {
        let known = |text| self.known(text, "mail text in the folder `mail`", self.mails.iter().copied());
        entry.mail.as_ref().map(known).transpose()
    }

    fn asked(&self, entry: &StepEntry, mail: Option<String>) -> Result<Asked, Problem> {
        let task = match &entry.task {
            Some(task) => self.sentence(task, Some(LESSON))?,
            None => String::new(),
        };
        self.owners(entry, &entry.owner)?;
        Ok(Asked { task, owners: entry.owner.clone(), mail })
    }

    /// Whether holders of these roles can own the step's task.
    fn owners(&self, entry: &StepEntry, roles: &[Role]) -> Result<(), Problem> {
        let wrong = roles.iter().find_map(|role| {
            if !role.owns_tasks() {
                return Some(format!("the role {role} changes nothing, and can own no task"));
            }
            let foreign = role.is_of_country() && entry.each.is_round();
            foreign.then(|| {
                format!("a {role} belongs to a country, and this step is the round's: its task cannot be theirs")
            })
        });
        wrong.map_or(Ok(()), |message| Err(self.problem(&entry.action.span(), message)))
    }

    fn approval(&self, entry: &StepEntry) -> Result<Approval, Problem> {
        match (entry.people, entry.settled_by) {
            (Some(_), Some(_)) => {
                Err(self.problem(&entry.action.span(), "`people` and `settled-by` exclude each other".to_owned()))
            }
            (_, Some(_)) if !entry.each.is_round() => {
                Err(self.problem(&entry.action.span(), "a release belongs to the round: `each = \"round\"`".to_owned()))
            }
            (_, Some(word)) => {
                let decision = match word {
                    DecisionWord::ReleaseApproved => Decision::Approve,
                    DecisionWord::ReleaseCleared => Decision::Clear,
                };
                if entry.owner != [decision.role()] {
                    let message = format!("that decision is taken by a {}: no other `owner` can", decision.role());
                    return Err(self.problem(&entry.action.span(), message));
                }
                Ok(Approval::Release(decision))
            }
            (people, None) => match people.unwrap_or(1) {
                people @ 1..=MAX_PEOPLE => Ok(Approval::People(people)),
                _ => Err(self.problem(&entry.action.span(), format!("between 1 and {MAX_PEOPLE} people can approve"))),
            },
        }
    }

    /// Whether the steps that this one names are there, and can be what it takes them for.
    pub(super) fn names(&self, entry: &StepEntry, step: &Step, before: &[Step], all: &[StepId]) -> Result<(), Problem> {
        for (needed, written) in step.needs.iter().zip(&entry.needs) {
            let other = self.above(written, needed, before, all)?;
            if other.each == Each::Country && step.each == Each::Round {
                let message = format!("the step `{needed}` is each country's, and this one is the round's");
                return Err(self.problem(&written.span(), message));
            }
            let same_event = matches!((&other.trigger, &step.trigger),
                (Trigger::Event { event: theirs, .. }, Trigger::Event { event: ours, .. }) if theirs == ours);
            if !same_event && !matches!(other.trigger, Trigger::Milestone { .. }) {
                let message = format!(
                    "the step `{needed}` may happen more than once, or never: only a step that hangs on a milestone, or on the same event, can be needed"
                );
                return Err(self.problem(&written.span(), message));
            }
        }
        if let (Action::Escalate { task_of, .. }, Some(written)) = (&step.action, &entry.task_of) {
            let other = self.above(written, task_of, before, all)?;
            if !matches!(other.action, Action::WaitForPerson(_) | Action::Approve { .. }) {
                return Err(self.problem(&written.span(), format!("the step `{task_of}` asks nothing of a person")));
            }
            if other.each != step.each {
                return Err(self.problem(&written.span(), format!("`each` is not that of `{task_of}`")));
            }
        }
        Ok(())
    }

    /// The step that another one names, which must stand above it, so that no two wait for each other.
    fn above<'s>(
        &self,
        written: &Spanned<String>,
        id: &StepId,
        before: &'s [Step],
        all: &[StepId],
    ) -> Result<&'s Step, Problem> {
        self.known(written, "step", all.iter().map(StepId::as_str))?;
        let missing =
            || self.problem(&written.span(), format!("the step `{id}` has to stand above the one that names it"));
        before.iter().find(|step| step.id == *id).ok_or_else(missing)
    }
}
