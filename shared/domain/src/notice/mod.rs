//! A notice: one mail to one person for one occasion, from the decision to send it to what became of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::command::Context;
use crate::event::Stamp;
use crate::reason::text_is_well_formed;
use crate::run::Occurrence;
use crate::{Country, PersonId, Rejection, Role, StepId};

/// Why a mail server refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The server's reply code, 0 where there was none.
    pub code: u16,
    /// The reply's class in words; never the server's own text, which may hold an address.
    pub class: String,
    /// What it is about.
    pub about: About,
}

/// What a refusal is about, and so what helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum About {
    /// The mail: its size, its content, a policy. A person has to look.
    Mail,
    /// The server, which is away or does not take us. It says nothing about the mail; waiting helps, or an operator.
    Server,
    /// The recipient: nobody is reached at that address, so that another contact is needed.
    Recipient,
}

impl Refusal {
    /// A refusal about something, by a reply code (RFC 5321, section 4.2.3), 0 where there was no reply.
    pub fn new(about: About, code: u16, class: &str) -> Self {
        Self { code, class: class.to_owned(), about }
    }
}

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

/// What can be wished of a notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeCommand {
    /// Decide that it is due.
    Raise {
        /// What for.
        brief: NoticeBrief,
    },
    /// Decide that it shall not be sent.
    Suppress {
        /// Why.
        reason: String,
    },
    /// Record that a sending begins.
    Attempt {
        /// Which one, from 1.
        attempt: u32,
        /// The Message-ID, the same for every attempt.
        message_id: String,
    },
    /// The server took it.
    ConfirmSent {
        /// Of which attempt.
        attempt: u32,
    },
    /// The server refused for now; it is tried again.
    Defer {
        /// Which attempt.
        attempt: u32,
        /// How it was refused.
        refusal: Refusal,
        /// When it is tried again.
        until: Timestamp,
    },
    /// The server refused for good.
    Refuse {
        /// Which attempt.
        attempt: u32,
        /// How.
        refusal: Refusal,
    },
    /// Nobody knows whether the server took it.
    MarkUnknown {
        /// Which attempt.
        attempt: u32,
        /// What is known.
        reason: String,
    },
    /// It came back.
    RecordBounce {
        /// Whether for good.
        hard: bool,
        /// What is known.
        reason: String,
    },
    /// Release a notice that is held as unknown or refused, to be sent again.
    SendAgain {
        /// Why.
        reason: String,
    },
}

/// What happened to a notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", content = "data")]
#[allow(missing_docs, reason = "the fields are those of the command of the same name")]
pub enum NoticeEvent {
    /// It is due.
    NoticeDue { brief: NoticeBrief },
    /// It shall not be sent.
    NoticeSuppressed { reason: String },
    /// A sending begins.
    NoticeAttempted { attempt: u32, message_id: String },
    /// The server took it.
    NoticeSent { attempt: u32 },
    /// The server refused for now.
    NoticeDeferred { attempt: u32, refusal: Refusal, until: Timestamp },
    /// The server refused for good.
    NoticeRefused { attempt: u32, refusal: Refusal },
    /// Nobody knows.
    NoticeUnknown { attempt: u32, reason: String },
    /// It came back.
    NoticeBounced { hard: bool, reason: String },
    /// It is to be sent again.
    NoticeReleased { reason: String },
}

/// Where a notice stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "each state is named after the event that leads to it")]
pub enum NoticeState {
    #[default]
    Unraised,
    Due,
    Suppressed {
        reason: String,
    },
    Attempted,
    Sent,
    Deferred {
        until: Timestamp,
    },
    Refused {
        refusal: Refusal,
    },
    Unknown,
    Bounced {
        hard: bool,
        reason: String,
    },
}

impl NoticeState {
    /// In one word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Unraised => "unraised",
            Self::Due => "due",
            Self::Suppressed { .. } => "suppressed",
            Self::Attempted => "attempted",
            Self::Sent => "sent",
            Self::Deferred { .. } => "deferred",
            Self::Refused { .. } => "refused",
            Self::Unknown => "unknown",
            Self::Bounced { .. } => "bounced",
        }
    }
}

/// A notice as it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notice {
    /// What for.
    pub brief: Option<NoticeBrief>,
    /// Where it stands.
    pub state: NoticeState,
    /// Attempts begun.
    pub attempts: u32,
    /// Its Message-ID, once an attempt began.
    pub message_id: Option<String>,
    /// When the server took it.
    pub sent_at: Option<Timestamp>,
    /// How often the server refused the mail itself for now; an absent server does not count.
    pub refusals: u32,
}

impl Notice {
    /// The state after an event.
    pub fn evolve(&mut self, event: &NoticeEvent, stamp: &Stamp<'_>) {
        use NoticeEvent as E;
        self.state = match event {
            E::NoticeDue { brief } => {
                self.brief = Some(brief.clone());
                NoticeState::Due
            }
            E::NoticeSuppressed { reason } => NoticeState::Suppressed { reason: reason.clone() },
            E::NoticeAttempted { attempt, message_id } => {
                self.attempts = *attempt;
                self.message_id = Some(message_id.clone());
                NoticeState::Attempted
            }
            E::NoticeSent { .. } => {
                self.sent_at = Some(stamp.at);
                NoticeState::Sent
            }
            E::NoticeDeferred { until, refusal, .. } => {
                self.refusals += u32::from(refusal.about != About::Server);
                NoticeState::Deferred { until: *until }
            }
            E::NoticeRefused { refusal, .. } => NoticeState::Refused { refusal: refusal.clone() },
            E::NoticeUnknown { .. } => NoticeState::Unknown,
            E::NoticeBounced { hard, reason } => NoticeState::Bounced { hard: *hard, reason: reason.clone() },
            E::NoticeReleased { .. } => NoticeState::Due,
        };
    }
}

const ENGINE: &[Role] = &[Role::Service];
const COORDINATORS: &[Role] = &[Role::CollectionManager, Role::RegionalCoordinator];

/// Decides a command on a notice. A repeated outcome of the same attempt changes nothing.
///
/// # Errors
/// The rejection.
pub fn decide(state: &Notice, command: &NoticeCommand, context: &Context<'_>) -> Result<Vec<NoticeEvent>, Rejection> {
    use NoticeCommand as C;
    use NoticeEvent as E;
    use NoticeState as S;
    let event = match command {
        C::Raise { brief } => {
            context.require_role(&[Role::Service, Role::RegionalCoordinator], "raise a notice")?;
            if state.brief.is_some() {
                return Ok(Vec::new());
            }
            E::NoticeDue { brief: brief.clone() }
        }
        C::Suppress { reason } => {
            context.require_role(
                &[Role::Service, Role::RegionalCoordinator, Role::CollectionManager],
                "suppress a notice",
            )?;
            require(state, "be suppressed", matches!(state.state, S::Due | S::Deferred { .. }))?;
            E::NoticeSuppressed { reason: reason.clone() }
        }
        C::Attempt { attempt, message_id } => {
            context.require_role(ENGINE, "send a notice")?;
            let next = *attempt == state.attempts + 1;
            let ready = matches!(state.state, S::Due | S::Deferred { .. } | S::Attempted);
            require(state, "be attempted", next && ready)?;
            E::NoticeAttempted { attempt: *attempt, message_id: message_id.clone() }
        }
        C::ConfirmSent { attempt } => outcome(state, *attempt, context, E::NoticeSent { attempt: *attempt })?,
        C::Defer { attempt, refusal, until } => {
            let event = E::NoticeDeferred { attempt: *attempt, refusal: refusal.clone(), until: *until };
            outcome(state, *attempt, context, event)?
        }
        C::Refuse { attempt, refusal } => {
            outcome(state, *attempt, context, E::NoticeRefused { attempt: *attempt, refusal: refusal.clone() })?
        }
        C::MarkUnknown { attempt, reason } => {
            outcome(state, *attempt, context, E::NoticeUnknown { attempt: *attempt, reason: reason.clone() })?
        }
        C::RecordBounce { hard, reason } => {
            context.require_role(&[Role::Service, Role::RegionalCoordinator], "record a bounce")?;
            require_text(reason)?;
            require(state, "bounce", matches!(state.state, S::Sent | S::Unknown))?;
            E::NoticeBounced { hard: *hard, reason: reason.clone() }
        }
        C::SendAgain { reason } => {
            context.require_role(COORDINATORS, "have a notice sent again")?;
            require_text(reason)?;
            let held =
                matches!(state.state, S::Unknown | S::Refused { .. } | S::Suppressed { .. } | S::Deferred { .. });
            require(state, "be sent again", held)?;
            E::NoticeReleased { reason: reason.clone() }
        }
    };
    Ok(vec![event])
}

fn outcome(state: &Notice, attempt: u32, context: &Context<'_>, event: NoticeEvent) -> Result<NoticeEvent, Rejection> {
    context.require_role(ENGINE, "record what became of a notice")?;
    require(state, "have an outcome", state.state == NoticeState::Attempted && state.attempts == attempt)?;
    Ok(event)
}

fn require(state: &Notice, act: &str, holds: bool) -> Result<(), Rejection> {
    if holds {
        return Ok(());
    }
    Err(Rejection::NotPossible {
        what: "the notice".to_owned(),
        state: state.state.as_str().to_owned(),
        act: act.to_owned(),
    })
}

fn require_text(text: &str) -> Result<(), Rejection> {
    if text_is_well_formed(text) { Ok(()) } else { Err(Rejection::ReasonRequired { figures: Vec::new() }) }
}
