//! The contacts of a country in a round: who was invited, whose mail came back and who is reached again, who takes whose place,
//! and what else came of mail to them.

use std::collections::BTreeSet;

use super::command::ParticipationCommand as C;
use super::decide::{COORDINATORS, COUNTRY, not_possible, require_text};
use super::event::ParticipationEvent as E;
use super::parts::Reached;
use super::state::Participation;
use crate::command::Context;
use crate::event::Stamp;
use crate::network::Grant;
use crate::notice::Notice;
use crate::{Country, NoticeId, PersonId, Rejection, Role, RoundId};

/// The role in which contacts are invited, unless it is said otherwise.
const INVITED: Role = Role::FocalPoint;

/// What became of a mail to a contact. What is known already changes nothing, and neither does mail to somebody who was replaced
/// since it left, whether or not they have come back.
pub(super) fn told_of_mail(
    state: &Participation,
    round: &RoundId,
    command: &C,
    context: &Context<'_>,
) -> Result<Vec<E>, Rejection> {
    let concerns = |person: &PersonId, notice: &NoticeId| {
        let notice = context.notice(round, notice);
        let role = notice.and_then(|notice| notice.brief.as_ref()).map_or(INVITED, |brief| brief.role);
        state.is_of_contact(person, role, notice.and_then(|notice| notice.attempted_at))
    };
    context.require_role(&[Role::Service, Role::RegionalCoordinator], "record what became of a mail")?;
    let (known, event) = match command {
        C::Invite { person, role } => {
            let known = state.invited.contains(person) || state.is_replaced(person, role.unwrap_or(INVITED));
            (known, E::CountryInvited { person: person.clone() })
        }
        C::RecordBounce { person, notice, attempt } => {
            let event = E::ContactBounced { person: person.clone(), notice: notice.clone(), attempt: *attempt };
            let is_settled = context.notice(round, notice).is_some_and(|notice| state.is_settled(person, notice));
            (state.knows_bounce(person, notice, *attempt) || is_settled || !concerns(person, notice), event)
        }
        C::RecordUndelivered { person, notice, attempt } => {
            let event = E::MailUndelivered { person: person.clone(), notice: notice.clone(), attempt: *attempt };
            (state.has_heard(notice, *attempt) || !concerns(person, notice), event)
        }
        C::RecordComplaint { person, notice } => {
            let event = E::MailComplained { person: person.clone(), notice: notice.clone() };
            (state.complained.contains(notice), event)
        }
        C::RecordReached { person, notice } => {
            let reached = context.notice(round, notice).is_some_and(|notice| state.is_reached_by(person, notice));
            let event =
                E::ContactReached { person: person.clone(), notice: Some(notice.clone()), reason: String::new() };
            (!reached, event)
        }
        _ => return Err(Rejection::Malformed { what: "this command is not about mail to a contact".to_owned() }),
    };
    Ok(if known { Vec::new() } else { vec![event] })
}

/// What a coordinator says of a contact: that another has their place, or that they are reached again.
pub(super) fn changed(
    state: &Participation,
    country: &Country,
    command: &C,
    context: &Context<'_>,
) -> Result<Vec<E>, Rejection> {
    let event = match command {
        C::ReplaceContact { was, is, reason } => {
            context.require_role(COORDINATORS, "replace a contact")?;
            require_text(reason)?;
            let roles = place(state, country, (was, is), context)?;
            let keeps = held(country, was, context).into_iter();
            let keeps = keeps.filter(|role| !roles.contains(role) && !state.is_replaced(was, *role)).collect();
            E::ContactReplaced { was: was.clone(), is: is.clone(), reason: reason.clone(), roles, keeps }
        }
        C::Reach { person, reason } => {
            context.require_role(COORDINATORS, "say that a contact is reached")?;
            require_text(reason)?;
            if !state.bounced.contains_key(person) {
                let act =
                    format!("have {person} reached again: no mail to them came back since they were reached last");
                return Err(not_possible(state, country, &act));
            }
            E::ContactReached { person: person.clone(), notice: None, reason: reason.clone() }
        }
        _ => return Err(Rejection::Malformed { what: "this command is not about a contact".to_owned() }),
    };
    Ok(vec![event])
}

/// The roles for a country that somebody holds now.
fn held(country: &Country, person: &PersonId, context: &Context<'_>) -> BTreeSet<Role> {
    let grants = context.network().and_then(|network| network.grants.get(person)).into_iter().flatten();
    let of_country = grants.filter(|grant| COUNTRY.contains(&grant.role) && grant.country.as_ref() == Some(country));
    of_country.filter(|grant| grant.holds_at(context.now)).map(|grant| grant.role).collect()
}

/// The roles in which one person can come in another's place: the one is a contact of the country in them, and the other holds a
/// role for it.
fn place(
    state: &Participation,
    country: &Country,
    (was, is): (&PersonId, &PersonId),
    context: &Context<'_>,
) -> Result<Vec<Role>, Rejection> {
    let malformed = |what: String| Err(Rejection::Malformed { what });
    if was == is {
        let what = format!("{was} is no contact of {country} in whose place {is} could come");
        return malformed(format!("{what}: that they are reached again is said with `rondo participation reached`"));
    }
    let network = context.network();
    let grants = |person: &PersonId| network.and_then(|network| network.grants.get(person)).into_iter().flatten();
    let of_country = |grant: &&Grant| COUNTRY.contains(&grant.role) && grant.country.as_ref() == Some(country);
    // Where they have the place in some of the roles no more, it is the others of which is spoken.
    let standing = |roles: BTreeSet<Role>| {
        let stands = roles.iter().copied().filter(|role| !state.is_replaced(was, *role)).collect::<BTreeSet<_>>();
        if stands.is_empty() { roles } else { stands }
    };
    let (of_was, of_is) = (standing(held(country, was, context)), held(country, is, context));
    let is_invited = state.invited.contains(was);
    let is_contact = is_invited || state.bounced.contains_key(was);
    // Whoever was invited was a contact as one who is, though that role may have ended meanwhile.
    let stood_in = standing(of_was.iter().copied().chain(is_invited.then_some(INVITED)).collect());
    let shared = &stood_in & &of_is;
    let roles = [&shared, &of_was, &of_is].into_iter().find(|roles| !roles.is_empty()).cloned().unwrap_or_default();
    // Records of before may say of somebody who was replaced already that their mail came back: the task that asks for another
    // contact then asks in their place, and has to be answered.
    let is_over = !state.bounced.contains_key(was) && roles.iter().all(|role| state.is_replaced(was, *role));
    if is_over && state.replaced.contains_key(was) {
        return malformed(format!("{was} is no contact of {country} in whose place {is} could come"));
    }
    if !is_contact && !grants(was).any(|grant| of_country(&grant)) {
        return malformed(format!("{was} is no contact of {country}, so nobody comes in their place"));
    }
    if of_is.is_empty() {
        return malformed(format!("{is} holds no role for {country}: give them one first, with `rondo person grant`"));
    }
    Ok(roles.into_iter().collect())
}

impl Participation {
    /// Whether it is known that a mail was not delivered after that attempt.
    pub fn has_heard(&self, notice: &NoticeId, attempt: Option<u32>) -> bool {
        self.undelivered.get(notice).is_some_and(|known| attempt.is_none_or(|attempt| *known >= attempt))
    }

    /// Whether a mail that came back after that attempt says nothing new of the country's contacts: it is known of this person
    /// or of this mail.
    pub fn knows_bounce(&self, person: &PersonId, notice: &NoticeId, attempt: Option<u32>) -> bool {
        let heard = self.returned.get(notice).is_some_and(|known| attempt.is_none_or(|attempt| *known >= attempt));
        heard || self.bounced.contains_key(person)
    }

    /// Whether another has a person's place in this role.
    pub fn is_replaced(&self, person: &PersonId, role: Role) -> bool {
        self.replaced.get(person).is_some_and(|roles| roles.contains(&role))
    }

    /// Whether what became of a mail to somebody in a role says anything about a contact of now: nobody has their place in it, and if
    /// they came back into it, or are reached again, it left after that. `attempted` is where its last attempt stands in the log; of a
    /// mail of which that is not known, anything may be said.
    pub fn is_of_contact(&self, person: &PersonId, role: Role, attempted: Option<u64>) -> bool {
        let since = self.since.get(person).and_then(|since| since.get(&role));
        let is_before = since.is_some_and(|since| attempted.is_some_and(|attempted| attempted < *since));
        !self.is_replaced(person, role) && !is_before
    }

    /// Whether it was known already that a mail came back when it was said that its recipient is reached, or that another has their
    /// place. Several mails may come back while one of them is told, and nothing is recorded of the others: whoever reads the log
    /// from its beginning after that holds them for as little news as whoever went along.
    pub fn is_settled(&self, person: &PersonId, notice: &Notice) -> bool {
        let settled = self.settled.get(person);
        settled.is_some_and(|settled| notice.failed_at().is_some_and(|failed| failed < *settled))
    }

    /// Whether a mail shows that somebody is reached whose mail came back: they answered it, or their server said that it has it,
    /// after that was told.
    pub fn is_reached_by(&self, person: &PersonId, notice: &Notice) -> bool {
        let is_theirs = notice.brief.as_ref().is_some_and(|brief| brief.person == *person);
        let came_back = self.bounced.get(person);
        is_theirs && came_back.is_some_and(|at| notice.reached_at().is_some_and(|reached| reached > *at))
    }

    /// The contacts after an event about them.
    pub(super) fn hear_of_mail(&mut self, event: &E, stamp: &Stamp<'_>) {
        match event {
            E::CountryInvited { person } => {
                self.invited.insert(person.clone());
            }
            E::ContactBounced { person, notice, attempt } => {
                self.bounced.insert(person.clone(), stamp.position);
                self.reached.remove(person);
                self.returned.insert(notice.clone(), attempt.unwrap_or(u32::MAX));
            }
            E::MailUndelivered { notice, attempt, .. } => {
                self.undelivered.insert(notice.clone(), attempt.unwrap_or(u32::MAX));
            }
            E::MailComplained { notice, .. } => {
                self.complained.insert(notice.clone());
            }
            E::ContactReached { person, reason, .. } => {
                let came_back = self.bounced.remove(person);
                self.settled.insert(person.clone(), stamp.position);
                let reached = Reached { at: stamp.at, by: stamp.actor.id.clone(), reason: reason.clone() };
                self.reached.insert(person.clone(), reached);
                // Of several mails that came back one was told, and the others are no news after it. What left since then may have
                // gone to the right address already, and is heard of.
                let since = came_back.unwrap_or(stamp.position);
                self.since.entry(person.clone()).or_default().extend(COUNTRY.iter().map(|role| (*role, since)));
            }
            E::ContactReplaced { was, is, roles, keeps, .. } => {
                if keeps.is_empty() {
                    if self.bounced.remove(was).is_some() {
                        self.settled.insert(was.clone(), stamp.position);
                    }
                    self.reached.remove(was);
                }
                self.replace((was, is), roles, stamp.position);
            }
            _ => {}
        }
    }

    fn replace(&mut self, (was, is): (&PersonId, &PersonId), roles: &[Role], position: u64) {
        let roles = if roles.is_empty() { &Role::OF_COUNTRY[..] } else { roles };
        if roles.contains(&INVITED) {
            self.invited.remove(was);
        }
        self.replaced.entry(was.clone()).or_default().extend(roles);
        if let Some(since) = self.since.get_mut(was) {
            since.retain(|role, _| !roles.contains(role));
        }
        // A contact who stands, and takes over from another, is still spoken of by what was sent to them before.
        let back: BTreeSet<Role> = roles.iter().copied().filter(|role| self.is_replaced(is, *role)).collect();
        let Some(gone) = self.replaced.get_mut(is).filter(|_| !back.is_empty()) else { return };
        gone.retain(|role| !back.contains(role));
        if gone.is_empty() {
            self.replaced.remove(is);
        }
        self.since.entry(is.clone()).or_default().extend(back.into_iter().map(|role| (role, position)));
    }
}

#[cfg(test)]
mod tests;
