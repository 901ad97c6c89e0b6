//! The contacts of a country in a round: who was invited, whose mail came back, and what else came of mail to them.

use super::command::ParticipationCommand as C;
use super::event::ParticipationEvent as E;
use super::state::Participation;
use crate::command::Context;
use crate::event::Stamp;
use crate::{NoticeId, PersonId, Rejection, Role, RoundId};

/// What became of a mail to a contact. What is known already changes nothing, and neither does mail to somebody who was replaced
/// since it left, whether or not they have come back.
pub(super) fn told_of_mail(
    state: &Participation,
    round: &RoundId,
    command: &C,
    context: &Context<'_>,
) -> Result<Vec<E>, Rejection> {
    let attempted = |notice: &NoticeId| context.notice(round, notice).and_then(|notice| notice.attempted_at);
    let concerns = |person: &PersonId, notice: &NoticeId| state.is_of_contact(person, attempted(notice));
    context.require_role(&[Role::Service, Role::RegionalCoordinator], "record what became of a mail")?;
    let (known, event) = match command {
        C::Invite { person } => {
            let known = state.invited.contains(person) || state.replaced.contains(person);
            (known, E::CountryInvited { person: person.clone() })
        }
        C::RecordBounce { person, notice, attempt } => {
            let event = E::ContactBounced { person: person.clone(), notice: notice.clone(), attempt: *attempt };
            (state.knows_bounce(person, notice, *attempt) || !concerns(person, notice), event)
        }
        C::RecordUndelivered { person, notice, attempt } => {
            let event = E::MailUndelivered { person: person.clone(), notice: notice.clone(), attempt: *attempt };
            (state.has_heard(notice, *attempt) || !concerns(person, notice), event)
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
    /// or of this mail.
    pub fn knows_bounce(&self, person: &PersonId, notice: &NoticeId, attempt: Option<u32>) -> bool {
        let heard = self.returned.get(notice).is_some_and(|known| attempt.is_none_or(|attempt| *known >= attempt));
        heard || self.bounced.contains(person)
    }

    /// Whether what became of a mail says anything about a contact of now: nobody has this person's place, and if they came in
    /// another's, it left after that. `attempted` is where its last attempt stands in the log; of a mail of which that is not
    /// known, anything may be said.
    pub fn is_of_contact(&self, person: &PersonId, attempted: Option<u64>) -> bool {
        let before = |since: &u64| attempted.is_some_and(|attempted| attempted < *since);
        !self.replaced.contains(person) && !self.since.get(person).is_some_and(before)
    }

    /// The contacts after an event about them.
    pub(super) fn hear_of_mail(&mut self, event: &E, stamp: &Stamp<'_>) {
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
                self.since.remove(was);
                // A contact who stands, and takes over from another, is still spoken of by what was sent to them before.
                if self.replaced.remove(is) || !self.invited.contains(is) {
                    self.since.insert(is.clone(), stamp.position);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::StreamId;
    use crate::event::Aggregate;
    use crate::network::{Grant, Network, NetworkEvent};
    use crate::participation::decide;

    /// Lao PDR in a round, with the people of its network.
    #[derive(Default)]
    struct Played {
        network: Network,
        part: Participation,
        size: u64,
    }

    impl Played {
        fn with(people: &[&str], events: &[E]) -> Self {
            let mut played = Self::default();
            for (person, role, country) in people.iter().map(|who| (*who, Role::FocalPoint, Some("LAO"))).chain([(
                "ilo",
                Role::RegionalCoordinator,
                None,
            )]) {
                let grant = Grant::of(role, country.map(|country| country.parse().unwrap()));
                played.of_network(&NetworkEvent::RoleGranted { person: person.parse().unwrap(), grant });
            }
            played.happens(&E::ParticipationExpected { tables: Vec::new() });
            events.iter().for_each(|event| played.happens(event));
            played
        }

        fn of_network(&mut self, event: &NetworkEvent) {
            let actor =
                Network::default().actor(&"scheduler".parse().unwrap(), None, None, Timestamp::UNIX_EPOCH).unwrap();
            self.network.evolve(event, &Stamp { at: Timestamp::UNIX_EPOCH, actor: &actor, position: self.size });
            self.size += 1;
        }

        fn happens(&mut self, event: &E) {
            let actor =
                Network::default().actor(&"scheduler".parse().unwrap(), None, None, Timestamp::UNIX_EPOCH).unwrap();
            self.part.evolve(event, &Stamp { at: Timestamp::UNIX_EPOCH, actor: &actor, position: self.size });
            self.size += 1;
        }

        /// `rondo participation replace`, as the task says.
        fn replace(&mut self, was: &str, is: &str) -> Result<(), Rejection> {
            let now = Timestamp::UNIX_EPOCH;
            let actor = self.network.actor(&"ilo".parse().unwrap(), None, None, now).unwrap();
            let network = Aggregate::Network(self.network.clone());
            let around = [(StreamId::network(), &network)];
            let context = Context { actor: &actor, now, surroundings: &around };
            let command = C::ReplaceContact {
                was: was.parse().unwrap(),
                is: is.parse().unwrap(),
                reason: "they cannot be reached".to_owned(),
            };
            let (round, country) = ("ilms-asean-2025".parse().unwrap(), "LAO".parse().unwrap());
            for event in decide(&self.part, &round, &country, &command, &context)? {
                self.happens(&event);
            }
            Ok(())
        }
    }

    fn invited(person: &str) -> E {
        E::CountryInvited { person: person.parse().unwrap() }
    }

    fn bounced(person: &str) -> E {
        let (person, notice) = (person.parse().unwrap(), "lao-invite-1".parse().unwrap());
        E::ContactBounced { person, notice, attempt: None }
    }

    fn replaced(was: &str, is: &str) -> E {
        let (was, is, reason) = (was.parse().unwrap(), is.parse().unwrap(), "they left".to_owned());
        E::ContactReplaced { was, is, reason }
    }

    #[test]
    fn a_contact_who_stands_and_takes_over_is_still_spoken_of_by_earlier_mail() {
        let is_of_contact = |part: &Participation, who: &str| part.is_of_contact(&who.parse().unwrap(), Some(4));
        let stood = Played::with(&["one", "two"], &[invited("one"), invited("two"), replaced("one", "two")]);
        assert!(is_of_contact(&stood.part, "two") && !is_of_contact(&stood.part, "one"));
        let new = Played::with(&["one", "two"], &[invited("one"), replaced("one", "two")]);
        assert!(!is_of_contact(&new.part, "two"), "it was sent before they came");
    }

    #[test]
    fn whoever_cannot_be_reached_can_be_replaced_whatever_became_of_them_since() {
        let people = ["one", "two", "three"];
        for (what, events) in [
            ("never invited", vec![bounced("one")]),
            ("invited", vec![invited("one"), bounced("one")]),
            // As records of before have it: the mail of somebody who was replaced came back later.
            ("replaced by another", vec![invited("one"), replaced("one", "two"), bounced("one")]),
            ("replaced by who is to come again", vec![invited("one"), replaced("one", "three"), bounced("one")]),
            ("replaced twice", vec![replaced("one", "two"), replaced("two", "three"), bounced("one")]),
            ("back again", vec![replaced("one", "two"), replaced("two", "one"), bounced("one")]),
            ("in whose place somebody comes who was replaced", vec![replaced("three", "one"), bounced("one")]),
        ] {
            for role_ended in [false, true] {
                let mut played = Played::with(&people, &events);
                if role_ended {
                    let grant = Grant::of(Role::FocalPoint, Some("LAO".parse().unwrap()));
                    let (person, reason) = ("one".parse().unwrap(), "has left".to_owned());
                    played.of_network(&NetworkEvent::RoleEnded { person, grant, reason });
                }
                assert!(!played.part.bounced.is_empty(), "{what}: somebody is asked");
                played.replace("one", "three").unwrap_or_else(|refused| panic!("{what}, {role_ended}: {refused}"));
                assert!(played.part.bounced.is_empty(), "{what}: the task is done");
            }
        }
        let mut played = Played::with(&people, &[bounced("one"), replaced("one", "two")]);
        for (was, is) in [("one", "three"), ("two", "two"), ("two", "stranger"), ("stranger", "three")] {
            assert!(played.replace(was, is).is_err(), "{was} by {is}");
        }
    }

    #[test]
    fn a_contact_is_judged_by_mail_that_left_since_they_came() {
        let part = Played::with(&["one", "two"], &[replaced("one", "two"), replaced("two", "one")]).part;
        let (one, two): (PersonId, PersonId) = ("one".parse().unwrap(), "two".parse().unwrap());
        let since = part.since[&one];
        assert!(!part.is_of_contact(&one, Some(since - 1)) && part.is_of_contact(&one, Some(since + 1)));
        assert!(part.is_of_contact(&one, None) && !part.is_of_contact(&two, None));
        assert!(
            part.is_of_contact(&"three".parse().unwrap(), Some(0)),
            "who never came in another's place is one since ever"
        );
    }
}
