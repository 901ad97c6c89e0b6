//! A notice: one mail to one person for one occasion, from the decision to send it to what became of it.

mod decide;
mod obstacle;
mod refusal;
mod standing;
mod waits_for;

pub use decide::{NoticeCommand, decide};
pub use obstacle::Obstacle;
pub use refusal::{About, Hindrance, LONGEST_REPLY, Refusal};
pub use standing::NoticeStanding;
pub use waits_for::WaitsFor;

use std::num::NonZeroU64;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::event::Stamp;
use crate::run::Occurrence;
use crate::{Country, PersonId, Role, StepId};

/// What is known of an attempt that an end of ours cut off, in words.
pub const CUT_OFF: &str = "the program ended while it was being sent";

/// What a notice is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeBrief {
    /// The kind, which is the name of its text: `invitation`, `reminder-before`.
    pub kind: String,
    /// The country it is about; absent for round-wide mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<Country>,
    /// To whom.
    pub person: PersonId,
    /// The recipient's role.
    pub role: Role,
    /// The step that asked for it.
    pub step: StepId,
    /// When it was due.
    pub due_at: Timestamp,
    /// Why, in a sentence.
    pub reason: String,
    /// The task it tells of; once that is settled, it is not sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskBrief>,
    /// The guards that must still hold when it is sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<String>,
}

/// The task that a notice tells of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskBrief {
    /// Whose occurrence asks.
    pub occurrence: Occurrence,
    /// What is asked, in a sentence.
    pub what: String,
}

/// What happened to a notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", content = "data")]
#[allow(missing_docs, reason = "the fields are those of the command of the same name")]
pub enum NoticeEvent {
    /// It is due.
    NoticeDue { brief: NoticeBrief },
    /// It waits for the recipient's working hours, or for something else.
    NoticePostponed {
        until: Timestamp,
        reason: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        waits_for: Option<WaitsFor>,
    },
    /// It shall not be sent.
    NoticeSuppressed { reason: String },
    /// A sending begins.
    NoticeAttempted {
        attempt: u32,
        message_id: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address_token: Option<String>,
    },
    /// The server took it.
    NoticeSent { attempt: u32 },
    /// The server refused for now.
    NoticeDeferred { attempt: u32, refusal: Refusal, until: Timestamp },
    /// The server refused for good.
    NoticeRefused { attempt: u32, refusal: Refusal },
    /// Nobody knows.
    NoticeUnknown {
        attempt: u32,
        reason: String,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        resend: bool,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        cut_off: bool,
    },
    /// It came back for good, where that is `hard`; otherwise a server on its way says that it is delayed, and it is under way.
    NoticeBounced { hard: bool, reason: String },
    /// It was not delivered and will not be, which says nothing about the contact.
    NoticeUndelivered { obstacle: Obstacle, reason: String },
    /// A program answered for the recipient.
    NoticeAutoAnswered {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Date>,
    },
    /// The recipient, or their provider, complained about it.
    NoticeComplained { kind: String },
    /// The recipient's server has it.
    NoticeDelivered {},
    /// The recipient answered.
    NoticeAnswered {},
    /// It is to be sent again.
    NoticeReleased { reason: String },
}

impl NoticeEvent {
    /// Whether it is that nobody knows what became of a mail because a program of ours ended, which says nothing of the mail server.
    /// Records before this was a value say it in words.
    pub fn was_cut_off(&self) -> bool {
        matches!(self, Self::NoticeUnknown { cut_off, reason, .. } if *cut_off || reason == CUT_OFF)
    }
}

/// Where a notice stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[allow(missing_docs, reason = "each state is named after the event that leads to it")]
pub enum NoticeState {
    #[default]
    Unraised,
    Due,
    Postponed {
        until: Timestamp,
        reason: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        waits_for: Option<WaitsFor>,
    },
    Suppressed {
        reason: String,
    },
    Attempted,
    Sent,
    Delivered,
    Answered,
    Deferred {
        until: Timestamp,
    },
    Refused {
        refusal: Refusal,
    },
    Unknown,
    Bounced {
        reason: String,
    },
    Undelivered {
        obstacle: Obstacle,
        reason: String,
    },
}

impl NoticeState {
    /// Every state in one word.
    pub const NAMES: [&str; 13] = [
        "unraised",
        "due",
        "postponed",
        "suppressed",
        "attempted",
        "sent",
        "delivered",
        "answered",
        "deferred",
        "refused",
        "unknown",
        "bounced",
        "undelivered",
    ];

    /// In one word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Unraised => "unraised",
            Self::Due => "due",
            Self::Postponed { .. } => "postponed",
            Self::Suppressed { .. } => "suppressed",
            Self::Attempted => "attempted",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Answered => "answered",
            Self::Deferred { .. } => "deferred",
            Self::Refused { .. } => "refused",
            Self::Unknown => "unknown",
            Self::Bounced { .. } => "bounced",
            Self::Undelivered { .. } => "undelivered",
        }
    }
}

/// A notice as it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// What for.
    pub brief: Option<NoticeBrief>,
    /// Where it stands.
    pub state: NoticeState,
    /// When it was raised, or released to be sent again.
    pub raised_at: Option<Timestamp>,
    /// From when on it could leave: when it was due, or raised if that is later; the end of what it was postponed for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaves_from: Option<Timestamp>,
    /// Whether a person wants it sent whatever the hour.
    pub at_once: bool,
    /// Attempts begun.
    pub attempts: u32,
    /// Where in the log the last of them stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempted_at: Option<u64>,
    /// Where in the log it stands what became of it last: that it came back or was refused for good, that their server has it, or that
    /// its recipient answered it from the address that is known of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard_at: Option<NonZeroU64>,
    /// Its Message-ID, once an attempt began.
    pub message_id: Option<String>,
    /// By what the reminder knows the address that the last attempt went to, where it has a secret for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address_token: Option<String>,
    /// When the server took it.
    pub sent_at: Option<Timestamp>,
    /// How often the server refused the mail itself for now; an absent server does not count.
    pub refusals: u32,
    /// Why it did not leave when it was last tried.
    pub refusal: Option<Refusal>,
    /// How many events it has had: the version of its stream, from which ids of commands are born.
    pub version: u64,
    /// What a program answered for the recipient, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absence: Option<Absence>,
    /// What is known of its delay, while it is under way and a server says that it is delayed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<String>,
    /// Of which kind a complaint about it was, if there was one (RFC 5965).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complaint: Option<Box<str>>,
}

/// What an automatic answer said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absence {
    /// When it was recorded.
    pub at: Timestamp,
    /// Until when the recipient is away, if it said so.
    pub until: Option<Date>,
}

impl Absence {
    /// In words.
    pub fn told(self) -> String {
        match self.until {
            Some(until) => format!("away until {}", until.strftime("%-d %B %Y")),
            None => "an automatic answer came".to_owned(),
        }
    }
}

impl Notice {
    /// What else came in about it, beside what became of it; in words.
    pub fn remarks(&self) -> Vec<String> {
        let delay = self.delay.as_ref().map(|reason| match reason.strip_prefix("it is delayed") {
            Some(more) => format!("delayed{more}"),
            None => format!("delayed: {reason}"),
        });
        let complaint = self.complaint.as_ref().map(|kind| format!("a complaint came ({kind})"));
        delay.into_iter().chain(self.absence.map(Absence::told)).chain(complaint).collect()
    }

    /// Where it stands that its recipient answered it from the address that is known of them, or that their server has it.
    pub fn reached_at(&self) -> Option<u64> {
        let is_there = matches!(self.state, NoticeState::Delivered | NoticeState::Answered);
        self.heard_at.filter(|_| is_there).map(NonZeroU64::get)
    }

    /// Where it stands that it came back, or was refused, for good.
    pub fn failed_at(&self) -> Option<u64> {
        let has_failed = matches!(self.state, NoticeState::Bounced { .. } | NoticeState::Refused { .. });
        self.heard_at.filter(|_| has_failed).map(NonZeroU64::get)
    }

    fn hear(&mut self, event: &NoticeEvent, stamp: &Stamp<'_>) {
        use NoticeEvent as E;
        self.heard_at = match event {
            // What a coordinator heard by telephone, or from another address, says nothing of the one that is known.
            E::NoticeAnswered {} if stamp.actor.role != Role::Service => None,
            E::NoticeRefused { .. }
            | E::NoticeBounced { hard: true, .. }
            | E::NoticeDelivered {}
            | E::NoticeAnswered {} => NonZeroU64::new(stamp.position),
            _ => return,
        };
    }

    /// The state after an event.
    pub fn evolve(&mut self, event: &NoticeEvent, stamp: &Stamp<'_>) {
        use NoticeEvent as E;
        self.version += 1;
        self.hear(event, stamp);
        let delay = self.delay.take();
        self.state = match event {
            E::NoticeAutoAnswered { until } => {
                (self.absence, self.delay) = (Some(Absence { at: stamp.at, until: *until }), delay);
                return;
            }
            E::NoticeComplained { kind } => {
                (self.complaint, self.delay) = (Some(kind.as_str().into()), delay);
                return;
            }
            E::NoticeDue { brief } => {
                self.brief = Some(brief.clone());
                self.raised_at = Some(stamp.at);
                self.leaves_from = Some(brief.due_at.max(stamp.at));
                NoticeState::Due
            }
            E::NoticePostponed { until, reason, waits_for } => {
                let waits_for = waits_for.or_else(|| WaitsFor::told_by(reason));
                self.leaves_from = Some(*until);
                NoticeState::Postponed { until: *until, reason: reason.clone(), waits_for }
            }
            E::NoticeSuppressed { reason } => NoticeState::Suppressed { reason: reason.clone() },
            E::NoticeAttempted { attempt, message_id, address_token } => {
                self.address_token.clone_from(address_token);
                self.attempts = *attempt;
                self.attempted_at = Some(stamp.position);
                self.message_id = Some(message_id.clone());
                NoticeState::Attempted
            }
            E::NoticeSent { .. } => {
                self.sent_at = Some(stamp.at);
                self.refusal = None;
                NoticeState::Sent
            }
            E::NoticeDeferred { until, refusal, .. } => {
                self.refusals += u32::from(refusal.about != About::Server);
                self.refusal = Some(refusal.clone());
                NoticeState::Deferred { until: *until }
            }
            E::NoticeRefused { refusal, .. } => NoticeState::Refused { refusal: refusal.clone() },
            E::NoticeUnknown { resend: true, .. } => NoticeState::Deferred { until: stamp.at },
            E::NoticeUnknown { .. } => NoticeState::Unknown,
            // Whoever says that it is delayed has it, and tries on: it has left. Of what is known to have come to its end, that
            // says nothing any more.
            E::NoticeBounced { hard: false, reason } => {
                if matches!(self.state, NoticeState::Sent | NoticeState::Unknown) {
                    (self.state, self.delay) = (NoticeState::Sent, Some(reason.clone()));
                }
                return;
            }
            E::NoticeBounced { hard: true, reason } => NoticeState::Bounced { reason: reason.clone() },
            E::NoticeUndelivered { obstacle, reason } => {
                NoticeState::Undelivered { obstacle: *obstacle, reason: reason.clone() }
            }
            E::NoticeDelivered {} => NoticeState::Delivered,
            E::NoticeAnswered {} => NoticeState::Answered,
            E::NoticeReleased { .. } => {
                (self.raised_at, self.leaves_from) = (Some(stamp.at), Some(stamp.at));
                self.at_once = true;
                self.refusals = 0;
                NoticeState::Due
            }
        };
    }
}
