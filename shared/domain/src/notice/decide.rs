//! What may happen to a notice, and who may wish it.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Notice, NoticeBrief, NoticeEvent, NoticeStanding, NoticeState, Obstacle, Refusal, WaitsFor};
use crate::command::Context;
use crate::reason::text_is_well_formed;
use crate::{Rejection, Role};

/// What can be wished of a notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeCommand {
    /// Decide that it is due.
    Raise {
        /// What for.
        brief: NoticeBrief,
    },
    /// Wait for the recipient's working hours, or for something else.
    Postpone {
        /// Until when.
        until: Timestamp,
        /// Why nothing is sent now, in a sentence.
        reason: String,
        /// The same as a value.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        waits_for: Option<WaitsFor>,
    },
    /// Decide that it shall not be sent, or not once more.
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
        /// By what the reminder knows the address that it goes to: hexadecimal digits, under a secret that is in no record.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address_token: Option<String>,
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
        /// Whether the workflow says that it is sent once more, as far as it is still true.
        #[serde(default)]
        resend: bool,
        /// Whether an end of our program cut it off, so that nothing is known of the mail server.
        #[serde(default)]
        cut_off: bool,
    },
    /// It came back.
    RecordBounce {
        /// Whether for good, because nobody is reached at that address; otherwise it is late.
        hard: bool,
        /// What is known.
        reason: String,
    },
    /// It was not delivered and will not be, for a reason that says nothing about the contact.
    RecordUndelivered {
        /// What stood in its way.
        obstacle: Obstacle,
        /// What is known.
        reason: String,
    },
    /// A program answered for the recipient.
    RecordAutoAnswer {
        /// Until when they are away, if it said so.
        until: Option<Date>,
    },
    /// The recipient, or their provider, complained.
    RecordComplaint {
        /// Of which kind (RFC 5965): `abuse`, `fraud`, ….
        kind: String,
    },
    /// The recipient's server said that it has it.
    ConfirmDelivered,
    /// The recipient answered it: as the reminder knows by the address that an answer came from, or a coordinator says.
    RecordAnswer,
    /// Have it sent at once, whatever holds it: an unknown outcome, a refusal, the hour, a pause of mail; or once more, where it
    /// came back or was not delivered.
    SendAgain {
        /// Why.
        reason: String,
    },
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
        C::Postpone { until, reason, waits_for } => {
            context.require_role(ENGINE, "postpone a notice")?;
            require(state, "be postponed", waits(&state.state))?;
            E::NoticePostponed { until: *until, reason: reason.clone(), waits_for: *waits_for }
        }
        C::Suppress { reason } => {
            context.require_role(
                &[Role::Service, Role::RegionalCoordinator, Role::CollectionManager],
                "suppress a notice",
            )?;
            // What failed may be settled in another way, and is said of nobody's mail any more.
            require(state, "be suppressed", waits(&state.state) || failed(&state.state))?;
            E::NoticeSuppressed { reason: reason.clone() }
        }
        C::Attempt { attempt, message_id, address_token } => {
            context.require_role(ENGINE, "send a notice")?;
            let next = *attempt == state.attempts + 1;
            let ready = waits(&state.state) || state.state == S::Attempted;
            require(state, "be attempted", next && ready)?;
            let (message_id, address_token) = (message_id.clone(), token(address_token.as_ref())?);
            E::NoticeAttempted { attempt: *attempt, message_id, address_token }
        }
        C::ConfirmSent { attempt } => outcome(state, *attempt, context, E::NoticeSent { attempt: *attempt })?,
        C::Defer { attempt, refusal, until } => {
            let event = E::NoticeDeferred { attempt: *attempt, refusal: refusal.clone(), until: *until };
            outcome(state, *attempt, context, event)?
        }
        C::Refuse { attempt, refusal } => {
            outcome(state, *attempt, context, E::NoticeRefused { attempt: *attempt, refusal: refusal.clone() })?
        }
        C::MarkUnknown { attempt, reason, resend, cut_off } => {
            let (attempt, reason, resend, cut_off) = (*attempt, reason.clone(), *resend, *cut_off);
            let event = E::NoticeUnknown { attempt, reason, resend, cut_off };
            outcome(state, attempt, context, event)?
        }
        C::RecordBounce { .. } | C::RecordUndelivered { .. } | C::ConfirmDelivered | C::RecordAnswer => {
            return came_back(state, command, context);
        }
        C::RecordAutoAnswer { .. } | C::RecordComplaint { .. } => return remarked(state, command, context),
        C::SendAgain { reason } => {
            context.require_role(COORDINATORS, "have a notice sent again")?;
            require_text(reason)?;
            let held = failed(&state.state) || matches!(state.state, S::Suppressed { .. });
            require(state, "be sent again", held || waits(&state.state))?;
            E::NoticeReleased { reason: reason.clone() }
        }
    };
    Ok(vec![event])
}

/// What is heard of a mail after it has left. What is known already changes nothing.
fn came_back(state: &Notice, command: &NoticeCommand, context: &Context<'_>) -> Result<Vec<NoticeEvent>, Rejection> {
    use NoticeState as S;
    context.require_role(&[Role::Service, Role::RegionalCoordinator], "record what came back of a notice")?;
    // What failed is over, whatever else is heard of it.
    let is_over = matches!(state.state, S::Bounced { .. } | S::Undelivered { .. });
    let has_arrived = matches!(state.state, S::Delivered | S::Answered);
    let known = match command {
        NoticeCommand::RecordBounce { hard: true, reason } => {
            require_text(reason)?;
            matches!(state.state, S::Bounced { .. })
        }
        NoticeCommand::RecordBounce { hard: false, reason } => {
            require_text(reason)?;
            // A warning of delay may be overtaken by the mail.
            is_over || has_arrived || state.delay.as_ref() == Some(reason)
        }
        NoticeCommand::RecordUndelivered { reason, .. } => {
            require_text(reason)?;
            is_over
        }
        NoticeCommand::ConfirmDelivered => is_over || has_arrived,
        _ => state.state == S::Answered,
    };
    if known {
        return Ok(Vec::new());
    }
    // Whoever answers it has it, whatever was heard of it before.
    let is_answer = matches!(command, NoticeCommand::RecordAnswer);
    let (act, holds) =
        if is_answer { ("be answered", state.attempts > 0) } else { ("come back", has_left(&state.state)) };
    require(state, act, holds)?;
    Ok(vec![match command {
        NoticeCommand::RecordBounce { hard, reason } => {
            NoticeEvent::NoticeBounced { hard: *hard, reason: reason.clone() }
        }
        NoticeCommand::RecordUndelivered { obstacle, reason } => {
            NoticeEvent::NoticeUndelivered { obstacle: *obstacle, reason: reason.clone() }
        }
        NoticeCommand::ConfirmDelivered => NoticeEvent::NoticeDelivered {},
        _ => NoticeEvent::NoticeAnswered {},
    }])
}

/// What else comes in about a mail that has left, whatever became of it.
fn remarked(state: &Notice, command: &NoticeCommand, context: &Context<'_>) -> Result<Vec<NoticeEvent>, Rejection> {
    context.require_role(&[Role::Service, Role::RegionalCoordinator], "record what came in about a notice")?;
    require(state, "be answered", state.attempts > 0)?;
    let event = match command {
        NoticeCommand::RecordComplaint { kind } => {
            let is_word =
                !kind.is_empty() && kind.len() <= 20 && kind.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
            if !is_word {
                return Err(Rejection::Malformed { what: "a complaint has a kind of at most 20 letters".to_owned() });
            }
            if state.complaint.is_some() {
                return Ok(Vec::new());
            }
            NoticeEvent::NoticeComplained { kind: kind.clone() }
        }
        NoticeCommand::RecordAutoAnswer { until } => {
            if state.absence.is_some_and(|known| known.until == *until || until.is_none()) {
                return Ok(Vec::new());
            }
            NoticeEvent::NoticeAutoAnswered { until: *until }
        }
        _ => return Err(Rejection::Malformed { what: "this command is no remark about a notice".to_owned() }),
    };
    Ok(vec![event])
}

/// Whether it is still to be sent.
fn waits(state: &NoticeState) -> bool {
    state.standing() == NoticeStanding::Waits
}

/// Whether it did not arrive, or nobody knows whether it did.
fn failed(state: &NoticeState) -> bool {
    state.standing() == NoticeStanding::Astray
}

/// Whether it has left, or may have, and did not come back for good.
fn has_left(state: &NoticeState) -> bool {
    state.standing() == NoticeStanding::Left || matches!(state, NoticeState::Unknown | NoticeState::Undelivered { .. })
}

fn outcome(state: &Notice, attempt: u32, context: &Context<'_>, event: NoticeEvent) -> Result<NoticeEvent, Rejection> {
    context.require_role(ENGINE, "record what became of a notice")?;
    require(state, "have an outcome", state.state == NoticeState::Attempted && state.attempts == attempt)?;
    Ok(event)
}

/// A token of an address, which never is the address.
fn token(token: Option<&String>) -> Result<Option<String>, Rejection> {
    let is_digits = |token: &&String| (16..=64).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_hexdigit());
    match token {
        Some(token) if !is_digits(&token) => {
            Err(Rejection::Malformed { what: "a token of an address has 16 to 64 hexadecimal digits".to_owned() })
        }
        token => Ok(token.cloned()),
    }
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

#[cfg(test)]
mod tests;
