//! What a workflow definition says, after it was read and checked.

use std::collections::BTreeMap;

use jiff::civil::Time;

use crate::calendar::{Hours, Offset, Roll};
use crate::run::Decision;
use crate::table::TableNo;
use crate::{Country, MilestoneId, Role, StepId, WorkflowId};

/// How a milestone's date is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MilestoneRule {
    /// Its name.
    pub id: MilestoneId,
    /// A cron expression of five fields on the local wall clock; the first occurrence in the window counts.
    pub cron: String,
    /// Which year: 0 is the collection year, 1 the one after.
    pub year: i16,
    /// The zone's country: whose calendar and clock it follows. Absent for a date of each country (the deadline).
    pub country: Option<Country>,
    /// Where it goes when that day is not worked.
    pub roll: Roll,
}

/// How often a step happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Each {
    /// Once for the round.
    Round,
    /// For each country.
    Country,
}

/// What makes a step due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// At every occurrence of a cron expression between two milestones.
    Cron {
        /// Five fields, local wall clock.
        expression: String,
        /// Not before this milestone.
        from: MilestoneId,
        /// Not after this milestone.
        until: MilestoneId,
    },
    /// Some time away from a milestone.
    Milestone {
        /// The milestone.
        milestone: MilestoneId,
        /// How far.
        offset: Offset,
        /// At what local time; absent means the milestone's own time.
        at: Option<Time>,
    },
    /// After an event, at once or some time later.
    Event {
        /// The event's name in the language, one of [`TRIGGER_EVENTS`].
        event: String,
        /// How long after.
        offset: Option<Offset>,
        /// At what local time, with an offset.
        at: Option<Time>,
    },
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Launch the round.
    Launch,
    /// The general deadline passed.
    BeginClosing,
    /// Close the round to submissions.
    Close,
    /// Begin confirmation and release.
    Finalise,
    /// Mail people by role.
    Mail {
        /// The mail text's name.
        text: String,
        /// To the holders of these roles.
        to: Vec<Role>,
        /// A copy to the holders of these, where it goes to anybody.
        copy: Vec<Role>,
    },
    /// Have a received submission checked.
    Validate,
    /// Put failed rules to the country.
    Ask,
    /// Put the release together.
    PrepareRelease,
    /// Publish the release that was approved and cleared.
    Publish,
    /// Ask a person to do something, and wait until it is done.
    WaitForPerson(Asked),
    /// Ask people to approve something, and wait for them.
    Approve {
        /// What is asked of whom.
        asked: Asked,
        /// What counts as approval.
        by: Approval,
    },
    /// Give another step's task to more people, if it is still open.
    Escalate {
        /// The step whose task it is.
        task_of: StepId,
        /// The mail that tells them.
        text: String,
        /// To the holders of these roles.
        to: Vec<Role>,
    },
}

/// What a step asks of people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// In a sentence.
    pub task: String,
    /// Whoever holds one of these roles may answer.
    pub owners: Vec<Role>,
    /// The mail by which they learn of it, if they do.
    pub mail: Option<String>,
}

/// What counts as approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approval {
    /// The consent of so many different people.
    People(u8),
    /// A decision about the round's release, by its own rules about who may.
    Release(Decision),
}

impl Action {
    /// The mail text it sends, if it sends one.
    pub fn mail(&self) -> Option<&str> {
        match self {
            Self::Mail { text, .. } | Self::Escalate { text, .. } => Some(text),
            Self::WaitForPerson(asked) | Self::Approve { asked, .. } => asked.mail.as_deref(),
            _ => None,
        }
    }
}

/// What becomes of a step that fires late, as after a time in which nothing ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Late {
    /// It is carried out, each occurrence of it.
    #[default]
    Run,
    /// Of several that are late, the newest is carried out in the place of all.
    RunOnce,
    /// It is not carried out.
    Skip,
    /// A coordinator is asked.
    Ask,
}

/// What becomes of a step while an earlier occurrence of it is still under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overlap {
    /// Both go on.
    #[default]
    Run,
    /// It waits for the earlier one.
    Wait,
    /// It is not carried out.
    Skip,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name.
    pub id: StepId,
    /// How often.
    pub each: Each,
    /// When.
    pub trigger: Trigger,
    /// Only if all of these hold, from [`GUARDS`].
    pub guards: Vec<String>,
    /// Only after these steps were carried out: it waits while one is open, and is skipped where one was not carried out.
    pub needs: Vec<StepId>,
    /// What.
    pub action: Action,
    /// Where its date goes when that day is not worked.
    pub roll: Roll,
    /// Fired later than this many hours after it was due, it is skipped.
    pub time_limit_hours: Option<u32>,
    /// What becomes of it when it fires an hour late or more, within its time limit.
    pub late: Late,
    /// What becomes of it while an earlier occurrence of it is still under way.
    pub overlap: Overlap,
    /// How often a mail that was refused for now is tried again.
    pub retries: u32,
    /// Why the step exists, in a sentence shown to people.
    pub why: String,
}

/// A country the definition expects, with its dates of membership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The country.
    pub country: Country,
    /// The tables it owes.
    pub tables: Vec<TableNo>,
    /// Not a member before.
    pub member_from: Option<jiff::civil::Date>,
    /// The language its people read, of which a rehearsal tells; everybody's own is in the register of people.
    pub language: String,
}

/// A question that every country is asked, with the choices there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Its name, for example `attends`.
    pub key: String,
    /// What is asked, in a sentence.
    pub text: String,
    /// The choices.
    pub choices: Vec<String>,
}

/// A definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Its name.
    pub id: WorkflowId,
    /// What every country is asked besides its tables.
    pub questions: Vec<Question>,
    /// Its title, in which `{year}` stands for the collection year.
    pub title: String,
    /// The country whose clock the round's own steps follow.
    pub home: Country,
    /// How many reference years are asked, the last one being the year before collection.
    pub reference_years: u8,
    /// How many attempts a mail refused for now has, by default.
    pub retries: u32,
    /// Whether an attempt cut off by a crash of ours is repeated under the same Message-ID, or held for a person.
    pub resend_after_crash: bool,
    /// The local hours in which mail leaves, on working days of the recipient's country; at any time without them.
    pub mail_hours: Option<Hours>,
    /// How many minutes mail to one person is gathered, so that one mail brings all of it; each goes out alone with 0.
    pub gather_minutes: u8,
    /// Milestones by name.
    pub milestones: BTreeMap<MilestoneId, MilestoneRule>,
    /// Steps in the order written.
    pub steps: Vec<Step>,
    /// Countries.
    pub expected: Vec<Expected>,
}

impl Definition {
    /// What a step asks of people, in a sentence: itself, or the step whose task it brings to others.
    pub fn task<'d>(&'d self, step: &'d Step) -> Option<&'d str> {
        match &step.action {
            Action::WaitForPerson(asked) | Action::Approve { asked, .. } => Some(asked.task.as_str()),
            Action::Escalate { task_of, .. } => self.task(self.step(task_of).filter(|other| other.id != step.id)?),
            _ => None,
        }
    }

    /// The roles that a step's mail goes to, of which holders of this one get a copy; nothing where they get the mail itself.
    pub fn copied(&self, step: &StepId, role: Role) -> Option<&[Role]> {
        match &self.step(step)?.action {
            Action::Mail { to, copy, .. } if copy.contains(&role) => Some(to),
            _ => None,
        }
    }

    /// A step by its name.
    pub fn step(&self, id: &StepId) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == *id)
    }
}

/// The guards a step may name, each with its meaning.
pub const GUARDS: &[(&str, &str)] = &[
    ("owes-tables", "the country still owes a table and its part is not closed"),
    ("not-acknowledged", "the country has neither acknowledged nor sent anything"),
    (
        "contact-reachable",
        "somebody to whom the mail goes is reached; of a step without mail, mail to no contact came back",
    ),
    ("contact-unreachable", "mail to a contact came back and nobody has taken the place yet"),
    ("has-failures", "a failed rule of the country's tables was not asked about yet"),
    ("has-open-query", "a query waits for the country's answer"),
    ("awaits-confirmation", "tables are accepted and the country has not confirmed"),
    ("round-open", "the round takes submissions"),
    ("submission-accepted", "the country's last submission was loaded"),
];

/// The word for a lesson of an earlier round that a round begins with.
pub const LESSON_CARRIED: &str = "lesson-carried";

/// In a task's sentence, where the lesson stands that it is about.
pub const LESSON: &str = "{lesson}";

/// An event that a step may wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TriggerEvent {
    /// Its word in the language.
    pub word: &'static str,
    /// Its name in the log.
    pub name: &'static str,
    /// Whether it is a country's or the round's; a step that waits for it is the same.
    pub each: Each,
}

const fn of(each: Each, word: &'static str, name: &'static str) -> TriggerEvent {
    TriggerEvent { word, name, each }
}

/// The events a step may wait for.
pub const TRIGGER_EVENTS: [TriggerEvent; 16] = [
    of(Each::Country, "country-admitted", "CountryAdmitted"),
    of(Each::Country, "contact-bounced", "ContactBounced"),
    of(Each::Country, "mail-undelivered", "MailUndelivered"),
    of(Each::Country, "mail-complained", "MailComplained"),
    of(Each::Country, "contact-replaced", "ContactReplaced"),
    of(Each::Country, "submission-received", "SubmissionReceived"),
    of(Each::Country, "submission-checked", "SubmissionChecked"),
    of(Each::Country, "submission-rejected", "SubmissionRejected"),
    of(Each::Country, "query-opened", "QueryOpened"),
    of(Each::Country, "country-confirmed", "CountryConfirmed"),
    of(Each::Country, "deadline-extended", "DeadlineExtended"),
    of(Each::Country, "release-published", "ParticipationPublished"),
    of(Each::Country, "choice-made", "ChoiceMade"),
    // A lesson of an earlier round, at the launch of this one; it has no name of its own in the log.
    of(Each::Round, LESSON_CARRIED, ""),
    of(Each::Round, "release-prepared", "ReleasePrepared"),
    of(Each::Round, "release-approved", "ReleaseApproved"),
];
