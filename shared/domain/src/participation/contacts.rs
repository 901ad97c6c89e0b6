//! The contacts of a country in a round: who was invited, whose mail came back, and what else came of mail to them.

use super::command::ParticipationCommand as C;
use super::event::ParticipationEvent as E;
use super::state::Participation;
use crate::command::Context;
use crate::{NoticeId, PersonId, Rejection, Role};

/// What became of a mail to a contact. What is known already changes nothing.
pub(super) fn told_of_mail(state: &Participation, command: &C, context: &Context<'_>) -> Result<Vec<E>, Rejection> {
    context.require_role(&[Role::Service, Role::RegionalCoordinator], "record what became of a mail")?;
    let (known, event) = match command {
        C::Invite { person } => (state.invited.contains(person), E::CountryInvited { person: person.clone() }),
        C::RecordBounce { person, notice, attempt } => {
            let event = E::ContactBounced { person: person.clone(), notice: notice.clone(), attempt: *attempt };
            (state.knows_bounce(person, notice, *attempt), event)
        }
        C::RecordUndelivered { person, notice, attempt } => {
            let event = E::MailUndelivered { person: person.clone(), notice: notice.clone(), attempt: *attempt };
            (state.has_heard(notice, *attempt), event)
        }
        C::RecordComplaint { person, notice } => {
            let event = E::MailComplained { person: person.clone(), notice: notice.clone() };
            (state.complained.contains(notice), event)
        }
        _ => return Err(Rejection::Malformed { what: "this command is not about mail to a contact".to_owned() }),
    };
    Ok(if known { Vec::new() } else { vec![event] })
}

impl Participation {
    /// Whether it is known that a mail was not delivered after that attempt.
    pub fn has_heard(&self, notice: &NoticeId, attempt: Option<u32>) -> bool {
        self.undelivered.get(notice).is_some_and(|known| attempt.is_none_or(|attempt| *known >= attempt))
    }

    /// Whether a mail that came back after that attempt says nothing new of the country's contacts: it is known of this person
    /// or of this mail, or another has this person's place.
    pub fn knows_bounce(&self, person: &PersonId, notice: &NoticeId, attempt: Option<u32>) -> bool {
        let heard = self.returned.get(notice).is_some_and(|known| attempt.is_none_or(|attempt| *known >= attempt));
        heard || self.bounced.contains(person) || self.replaced.contains(person)
    }

    /// The contacts after an event about them.
    pub(super) fn hear_of_mail(&mut self, event: &E) {
        match event {
            E::CountryInvited { person } => {
                self.invited.insert(person.clone());
            }
            E::ContactBounced { person, notice, attempt } => {
                self.bounced.insert(person.clone());
                self.returned.insert(notice.clone(), attempt.unwrap_or(u32::MAX));
            }
            E::MailUndelivered { notice, attempt, .. } => {
                self.undelivered.insert(notice.clone(), attempt.unwrap_or(u32::MAX));
            }
            E::MailComplained { notice, .. } => {
                self.complained.insert(notice.clone());
            }
            E::ContactReplaced { was, is, .. } => {
                self.bounced.remove(was);
                self.invited.remove(was);
                self.replaced.insert(was.clone());
                self.replaced.remove(is);
            }
            _ => {}
        }
    }
}
