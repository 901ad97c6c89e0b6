//! A round: one year's collection, from its plan to its release.

mod decide;
mod migration;

pub use decide::{MAX_PARTICIPANTS, RoundCommand, decide};

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::calendar::{CalendarChange, DateMove, Moment};
use crate::notice::NoticeBrief;
use crate::table::TableNo;
use crate::{Country, FileHash, MilestoneId, PersonId, ReleaseId, WorkflowId, Year};

/// Where a round stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoundState {
    /// Nothing happened yet.
    #[default]
    Unplanned,
    /// The workflow and the year are chosen.
    Planned,
    /// Dates, countries, tables and rules are frozen.
    Configured,
    /// Countries are asked.
    Collecting,
    /// The general deadline has passed; late answers are still taken.
    Closing,
    /// No more submissions.
    Closed,
    /// Countries confirm, the release is prepared.
    Finalising,
    /// Released.
    Published,
    /// Called off.
    Cancelled,
}

impl RoundState {
    /// The state in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unplanned => "unplanned",
            Self::Planned => "planned",
            Self::Configured => "configured",
            Self::Collecting => "collecting",
            Self::Closing => "closing",
            Self::Closed => "closed",
            Self::Finalising => "finalising",
            Self::Published => "published",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The workflow definition a round is pinned to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// The workflow.
    pub workflow: WorkflowId,
    /// The SHA-256 of its bundle of files, which is kept under it.
    pub bundle: FileHash,
}

/// A country's part in a round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Participant {
    /// The country.
    pub country: Country,
    /// When its answer is due.
    pub deadline: Moment,
    /// The tables it owes.
    pub tables: Vec<TableNo>,
}

/// What a configuration freezes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundPlan {
    /// Round-wide milestones: `launch`, `close`, `confirm`, `release` and what else the workflow names.
    pub milestones: BTreeMap<MilestoneId, Moment>,
    /// The countries at launch.
    pub participants: Vec<Participant>,
    /// The reference years asked for.
    pub reference_years: Vec<Year>,
}

/// What happened to a round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", content = "data")]
pub enum RoundEvent {
    /// The round was planned on a workflow definition, which is pinned by hash.
    RoundPlanned {
        /// The definition.
        pin: Pin,
        /// The collection year.
        year: Year,
        /// The round's title.
        title: String,
    },
    /// Dates, countries and tables are frozen.
    RoundConfigured {
        /// The definition.
        pin: Pin,
        /// What is frozen.
        plan: RoundPlan,
    },
    /// More countries of a round that has just been configured: one record does not hold all of them.
    CountriesConfigured {
        /// They.
        participants: Vec<Participant>,
    },
    /// The round began.
    RoundLaunched {},
    /// A country joined the running round.
    CountryAdmitted {
        /// Its part.
        participant: Participant,
        /// Why.
        reason: String,
    },
    /// A country's deadline was moved.
    DeadlineExtended {
        /// Whose.
        country: Country,
        /// Until when it was.
        was: Moment,
        /// Until when it is.
        is: Moment,
        /// Why.
        reason: String,
    },
    /// Steps stop firing.
    RoundPaused {
        /// Why.
        reason: String,
    },
    /// Steps fire again.
    RoundResumed {
        /// Why.
        reason: String,
    },
    /// Mail of some kind stops leaving.
    MailPaused {
        /// Which.
        scope: MailScope,
        /// Why.
        reason: String,
    },
    /// Mail that was paused leaves again, as far as it is still true.
    MailResumed {
        /// Which.
        scope: MailScope,
        /// Why.
        reason: String,
    },
    /// Days of a calendar are off or worked, or its week or zone is another, from now on in this round. What was announced
    /// stays; what is still to come is reckoned again.
    CalendarChanged {
        /// What.
        changes: Vec<CalendarChange>,
        /// The dates that this moves, and those that it would move if people had not been told them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        moves: Vec<DateMove>,
        /// Why.
        reason: String,
    },
    /// Somebody proposes that the round goes on by another version of its workflow.
    MigrationProposed {
        /// The version.
        is: Pin,
        /// What that does to the steps of each country and of the round.
        effects: Vec<MigrationEffect>,
        /// Who proposes it, and does not approve it.
        by: PersonId,
        /// Why.
        reason: String,
    },
    /// Somebody else approved it: from now on the round goes by that version.
    MigrationApproved {
        /// The version until now.
        was: Pin,
        /// The version from now on.
        is: Pin,
    },
    /// It was taken back or not approved.
    MigrationRejected {
        /// Why.
        reason: String,
    },
    /// Something was learned that the next round of a workflow begins with, as a task.
    LessonLearned {
        /// Of which workflow.
        workflow: WorkflowId,
        /// In a sentence.
        lesson: String,
    },
    /// The general deadline passed.
    RoundClosing {},
    /// No more submissions are taken.
    RoundClosed {},
    /// Submissions are taken again.
    RoundReopened {
        /// Why.
        reason: String,
    },
    /// Confirmation and release are being prepared.
    RoundFinalising {},
    /// The round's release is out.
    RoundPublished {
        /// The release.
        release: ReleaseId,
    },
    /// The round was called off.
    RoundCancelled {
        /// Why.
        reason: String,
    },
}

/// A round as it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// Where it stands.
    pub state: RoundState,
    /// Whether steps are held.
    pub paused: bool,
    /// Its title.
    pub title: String,
    /// The collection year.
    pub year: Year,
    /// The pinned definition.
    pub pin: Option<Pin>,
    /// Round-wide milestones.
    pub milestones: BTreeMap<MilestoneId, Moment>,
    /// Countries taking part.
    pub participants: BTreeMap<Country, Participant>,
    /// Reference years.
    pub reference_years: Vec<Year>,
    /// How often each country's deadline was moved, which is the SEQUENCE of its calendar entry (RFC 5545, section 3.8.7.4).
    pub moves: BTreeMap<Country, u32>,
    /// What each deadline that was moved had been before, and why it was moved, of the last time.
    pub extensions: BTreeMap<Country, (Moment, String)>,
    /// Mail that is held, and why.
    #[serde(with = "crate::pairs")]
    pub mail_paused: BTreeMap<MailScope, String>,
    /// When mail that was held was let go of, the last time.
    #[serde(with = "crate::pairs")]
    pub mail_resumed: BTreeMap<MailScope, Timestamp>,
    /// What was learned, and for the next round of which workflow.
    pub lessons: Vec<(WorkflowId, String)>,
    /// Another version of the workflow by which it is to go on, who proposed it, and why.
    pub proposed: Option<(Pin, PersonId, String)>,
    /// What changed in calendars since the round was planned, in the order it was recorded.
    pub calendar_changes: Vec<CalendarChange>,
}

/// What another version of a workflow does to the steps of a country, or of the round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationEffect {
    /// Whose; the round's own, without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<Country>,
    /// Steps that are due at another time.
    pub moved: u32,
    /// Steps that come.
    pub added: u32,
    /// Steps that are no more.
    pub dropped: u32,
}

/// Which mails of a round.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailScope {
    /// Every one.
    All,
    /// Those about a country.
    Country(Country),
    /// Those of a kind.
    Kind(String),
    /// Those to a person.
    Person(PersonId),
}

impl MailScope {
    /// Whether a mail is one of them.
    fn has(&self, brief: &NoticeBrief) -> bool {
        match self {
            Self::All => true,
            Self::Country(country) => brief.country.as_ref() == Some(country),
            Self::Kind(kind) => brief.kind == *kind,
            Self::Person(person) => brief.person == *person,
        }
    }
}

impl std::fmt::Display for MailScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::All => f.write_str("all mail"),
            Self::Country(country) => write!(f, "mail about {country}"),
            Self::Kind(kind) => write!(f, "mail of the kind {kind}"),
            Self::Person(person) => write!(f, "mail to {person}"),
        }
    }
}

impl Round {
    /// The state after an event that was recorded at this instant.
    pub fn evolve(&mut self, event: &RoundEvent, at: Timestamp) {
        match event {
            RoundEvent::RoundPlanned { pin, year, title } => {
                self.state = RoundState::Planned;
                self.pin = Some(pin.clone());
                self.year = *year;
                self.title.clone_from(title);
            }
            RoundEvent::RoundConfigured { pin, plan } => {
                self.state = RoundState::Configured;
                self.pin = Some(pin.clone());
                self.milestones = plan.milestones.clone();
                self.participants = plan.participants.iter().map(|p| (p.country.clone(), p.clone())).collect();
                self.reference_years.clone_from(&plan.reference_years);
            }
            RoundEvent::CountriesConfigured { participants } => {
                self.participants.extend(participants.iter().map(|p| (p.country.clone(), p.clone())));
            }
            RoundEvent::CountryAdmitted { participant, .. } => {
                self.participants.insert(participant.country.clone(), participant.clone());
            }
            RoundEvent::DeadlineExtended { country, was, is, reason } => {
                if let Some(participant) = self.participants.get_mut(country) {
                    participant.deadline = is.clone();
                    self.extensions.insert(country.clone(), (was.clone(), reason.clone()));
                    *self.moves.entry(country.clone()).or_default() += 1;
                }
            }
            RoundEvent::RoundLaunched {} | RoundEvent::RoundReopened { .. } => self.state = RoundState::Collecting,
            RoundEvent::RoundPaused { .. } => self.paused = true,
            RoundEvent::RoundResumed { .. } => self.paused = false,
            RoundEvent::MailPaused { scope, reason } => {
                self.mail_paused.insert(scope.clone(), reason.clone());
            }
            RoundEvent::MailResumed { scope, .. } => {
                self.mail_paused.remove(scope);
                self.mail_resumed.insert(scope.clone(), at);
            }
            RoundEvent::LessonLearned { workflow, lesson } => self.lessons.push((workflow.clone(), lesson.clone())),
            RoundEvent::MigrationProposed { is, by, reason, .. } => {
                self.proposed = Some((is.clone(), by.clone(), reason.clone()));
            }
            RoundEvent::MigrationApproved { is, .. } => {
                self.pin = Some(is.clone());
                self.proposed = None;
            }
            RoundEvent::MigrationRejected { .. } => self.proposed = None,
            RoundEvent::CalendarChanged { changes, .. } => self.calendar_changes.extend(changes.iter().cloned()),
            RoundEvent::RoundClosing {} => self.state = RoundState::Closing,
            RoundEvent::RoundClosed {} => self.state = RoundState::Closed,
            RoundEvent::RoundFinalising {} => self.state = RoundState::Finalising,
            RoundEvent::RoundPublished { .. } => self.state = RoundState::Published,
            RoundEvent::RoundCancelled { .. } => self.state = RoundState::Cancelled,
        }
    }

    /// How a country's deadline came to be, in words: by which rule, and why it was moved if it was.
    pub fn deadline_explained(&self, country: &Country) -> String {
        let rule = self.participants.get(country).map(|part| part.deadline.explanation()).unwrap_or_default();
        match self.extensions.get(country) {
            Some((was, reason)) => {
                format!("{rule}; moved from {}: {reason}", was.local.strftime("%a %-d %b %Y %H:%M"))
            }
            None => rule,
        }
    }

    /// What holds a mail, and why, if it is paused.
    pub fn holds_mail(&self, brief: &NoticeBrief) -> Option<(&MailScope, &str)> {
        let held = self.mail_paused.iter().find(|(scope, _)| scope.has(brief));
        held.map(|(scope, reason)| (scope, reason.as_str()))
    }

    /// When a mail that was held was let go of, the last time; nothing where it never was.
    pub fn let_mail_go(&self, brief: &NoticeBrief) -> Option<Timestamp> {
        self.mail_resumed.iter().filter(|(scope, _)| scope.has(brief)).map(|(_, at)| *at).max()
    }

    /// Whether submissions are taken.
    pub fn takes_submissions(&self) -> bool {
        matches!(self.state, RoundState::Collecting | RoundState::Closing)
    }
}
