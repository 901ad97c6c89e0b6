//! The contacts of a country: who has whose place in which role, of whom mail tells, and who is reached again.

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
        let actor = Network::default().actor(&"scheduler".parse().unwrap(), None, None, Timestamp::UNIX_EPOCH).unwrap();
        self.network.evolve(event, &Stamp { at: Timestamp::UNIX_EPOCH, actor: &actor, position: self.size });
        self.size += 1;
    }

    fn happens(&mut self, event: &E) {
        let actor = Network::default().actor(&"scheduler".parse().unwrap(), None, None, Timestamp::UNIX_EPOCH).unwrap();
        self.part.evolve(event, &Stamp { at: Timestamp::UNIX_EPOCH, actor: &actor, position: self.size });
        self.size += 1;
    }

    /// Gives somebody one more role.
    fn grant(&mut self, who: &str, role: Role) {
        let (person, grant) = (who.parse().unwrap(), Grant::of(role, Some("LAO".parse().unwrap())));
        self.of_network(&NetworkEvent::RoleGranted { person, grant });
    }

    /// Takes the role of a focal point from somebody.
    fn end(&mut self, who: &str) {
        let grant = Grant::of(Role::FocalPoint, Some("LAO".parse().unwrap()));
        let (person, reason) = (who.parse().unwrap(), "has left".to_owned());
        self.of_network(&NetworkEvent::RoleEnded { person, grant, reason });
    }

    /// `rondo participation replace`, as the task says.
    fn replace(&mut self, was: &str, is: &str) -> Result<(), Rejection> {
        let (was, is, reason) = (was.parse().unwrap(), is.parse().unwrap(), "they cannot be reached".to_owned());
        self.does(&C::ReplaceContact { was, is, reason })
    }

    /// `rondo participation reached`.
    fn reach(&mut self, who: &str) -> Result<(), Rejection> {
        self.does(&C::Reach { person: who.parse().unwrap(), reason: "the address was put right".to_owned() })
    }

    /// What the coordinator wishes.
    fn does(&mut self, command: &C) -> Result<(), Rejection> {
        let now = Timestamp::UNIX_EPOCH;
        let actor = self.network.actor(&"ilo".parse().unwrap(), None, None, now).unwrap();
        let network = Aggregate::Network(self.network.clone());
        let around = [(StreamId::network(), &network)];
        let context = Context { actor: &actor, now, surroundings: &around };
        let (round, country) = ("ilms-asean-2025".parse().unwrap(), "LAO".parse().unwrap());
        for event in decide(&self.part, &round, &country, command, &context)? {
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
    E::ContactReplaced { was, is, reason, roles: Vec::new(), keeps: Vec::new() }
}

#[test]
fn a_contact_who_stands_and_takes_over_is_still_spoken_of_by_earlier_mail() {
    let is_of_contact =
        |part: &Participation, who: &str, role| part.is_of_contact(&who.parse().unwrap(), role, Some(4));
    // The invitation of the second had left and nobody had told yet that it arrived; or they are another role's, and never invited.
    for (events, role) in [
        (vec![invited("one"), invited("two")], Role::FocalPoint),
        (vec![invited("one")], Role::FocalPoint),
        (vec![], Role::NationalCoordinator),
    ] {
        let mut stood = Played::with(&["one", "two"], &events);
        if role != Role::FocalPoint {
            ["one", "two"].into_iter().for_each(|who| {
                stood.end(who);
                stood.grant(who, role);
            });
        }
        stood.replace("one", "two").unwrap();
        assert!(is_of_contact(&stood.part, "two", role) && !is_of_contact(&stood.part, "one", role), "{events:?}");
    }
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
                played.end("one");
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
    let since = part.since[&one][&Role::FocalPoint];
    let is_of_contact = |who: &PersonId, attempted: Option<u64>| part.is_of_contact(who, Role::FocalPoint, attempted);
    assert!(!is_of_contact(&one, Some(since - 1)) && is_of_contact(&one, Some(since + 1)));
    assert!(is_of_contact(&one, None) && !is_of_contact(&two, None));
    assert!(is_of_contact(&"three".parse().unwrap(), Some(0)), "who never came in another's place is one since ever");
}

/// The roles in which somebody is written to no more.
fn gone(part: &Participation, who: &str) -> Vec<Role> {
    part.replaced.get(&who.parse().unwrap()).into_iter().flatten().copied().collect()
}

#[test]
fn whoever_is_replaced_in_one_role_stays_what_they_are_in_every_other() {
    use Role::{FocalPoint as F, HeadOfAgency as H, NationalCoordinator as N};
    // What the one holds and the other, whether the one was invited, and in which roles the other comes then.
    for (of_was, of_is, invited_as_one, place) in [
        (vec![F, N], vec![F], true, vec![F]),
        (vec![F, N], vec![F, N], true, vec![N, F]),
        // The role of a focal point ended before, or another came later.
        (vec![N], vec![F], true, vec![F]),
        (vec![N], vec![F], false, vec![N]),
        (vec![F], vec![N], true, vec![F]),
        (vec![N, H], vec![H], false, vec![H]),
        (vec![], vec![F], true, vec![F]),
    ] {
        let events: Vec<E> = invited_as_one.then(|| invited("one")).into_iter().collect();
        let mut played = Played::with(&[], &events);
        of_was.iter().for_each(|role| played.grant("one", *role));
        of_is.iter().for_each(|role| played.grant("two", *role));
        played.replace("one", "two").unwrap_or_else(|refused| panic!("{of_was:?} by {of_is:?}: {refused}"));
        assert_eq!(gone(&played.part, "one"), place, "{of_was:?} by {of_is:?}");
        // Whoever moves up is written to as what they have become.
        played.grant("one", Role::Alternate);
        let one: PersonId = "one".parse().unwrap();
        assert!(played.part.is_of_contact(&one, Role::Alternate, Some(0)), "{of_was:?} by {of_is:?}");
        assert_eq!(played.part.invited.contains(&one), invited_as_one && !place.contains(&F), "{of_was:?}");
        played.replace("two", "one").unwrap();
    }
}

#[test]
fn that_nobody_is_reached_is_known_as_long_as_they_are_a_contact_in_any_role() {
    use Role::{FocalPoint as F, NationalCoordinator as N};
    let one: PersonId = "one".parse().unwrap();
    let mut played = Played::with(&[], &[invited("one"), bounced("one")]);
    [("one", F), ("one", N), ("two", F), ("three", F), ("four", N)]
        .into_iter()
        .for_each(|(who, role)| played.grant(who, role));
    played.replace("one", "two").unwrap();
    assert_eq!(
        (gone(&played.part, "one"), played.part.bounced.contains_key(&one)),
        (vec![F], true),
        "as N nobody is reached"
    );
    // Who comes next comes in the role that is left, whatever they hold.
    let mut other = Played { network: played.network.clone(), part: played.part.clone(), size: played.size };
    other.replace("one", "three").unwrap();
    assert_eq!((gone(&other.part, "one"), other.part.bounced.is_empty()), (vec![N, F], true));
    played.replace("one", "four").unwrap();
    assert_eq!(
        (gone(&played.part, "one"), played.part.bounced.is_empty()),
        (vec![N, F], true),
        "they are none any more"
    );
    // That they are reached is said of the address, and so of every role.
    let mut reached = Played::with(&[], &[invited("one"), bounced("one")]);
    [("one", F), ("one", N), ("two", F)].into_iter().for_each(|(who, role)| reached.grant(who, role));
    reached.reach("one").unwrap();
    reached.replace("one", "two").unwrap();
    assert!(reached.part.reached.contains_key(&one) && reached.part.bounced.is_empty());
}

#[test]
fn a_replacement_that_names_no_role_stands_for_all_of_the_country_as_it_did() {
    let played = Played::with(&["one", "two"], &[invited("one"), replaced("one", "two")]);
    assert_eq!(gone(&played.part, "one"), Role::OF_COUNTRY);
    let back = Played::with(&["one", "two"], &[replaced("one", "two"), replaced("two", "one")]);
    assert!(gone(&back.part, "one").is_empty() && !gone(&back.part, "two").is_empty());
}

#[test]
fn a_coordinator_says_that_a_contact_is_reached_again_and_mail_of_before_is_no_news() {
    let mut played = Played::with(&["one", "two"], &[invited("one"), bounced("one")]);
    let came_back = played.size - 1;
    assert!(matches!(played.reach("two"), Err(Rejection::NotPossible { .. })), "nothing of theirs came back");
    let one: PersonId = "one".parse().unwrap();
    // A mail leaves to the right address, and then the coordinator says that they are reached there.
    let sent_again = played.size;
    played.size += 1;
    played.reach("one").unwrap();
    assert!(played.part.bounced.is_empty() && played.part.invited.contains(&one));
    assert_eq!(played.part.reached[&one].reason, "the address was put right");
    assert!(
        !played.part.is_of_contact(&one, Role::FocalPoint, Some(came_back - 1)),
        "it went to the address of before"
    );
    assert!(played.part.is_of_contact(&one, Role::FocalPoint, Some(sent_again)), "this address may be wrong as well");
    assert!(played.part.is_of_contact(&one, Role::FocalPoint, Some(played.size)));
    assert!(matches!(played.reach("one"), Err(Rejection::NotPossible { .. })), "it is known");
    let (notice, attempt) = ("lao-invite-2".parse().unwrap(), Some(1));
    played.happens(&E::ContactBounced { person: one, notice, attempt });
    assert!(played.part.reached.is_empty(), "they are not reached any more");
    played.reach("one").unwrap();
    played.replace("one", "two").unwrap();
    assert!(played.part.reached.is_empty() && played.reach("one").is_err());
}

/// A mail to somebody that came back, as it stands where it was known.
fn came_back(person: &str, failed: u64) -> Notice {
    let brief = crate::notice::NoticeBrief {
        kind: "invitation".to_owned(),
        country: Some("LAO".parse().unwrap()),
        person: person.parse().unwrap(),
        role: Role::FocalPoint,
        step: "invite".parse().unwrap(),
        due_at: Timestamp::UNIX_EPOCH,
        reason: "the round is launched".to_owned(),
        task: None,
        guards: Vec::new(),
    };
    let mut notice = Notice { brief: Some(brief), ..Notice::default() };
    let reason = "no such mailbox".to_owned();
    let actor = Network::default().actor(&"scheduler".parse().unwrap(), None, None, Timestamp::UNIX_EPOCH).unwrap();
    let stamp = Stamp { at: Timestamp::UNIX_EPOCH, actor: &actor, position: failed };
    notice.evolve(&crate::notice::NoticeEvent::NoticeBounced { hard: true, reason }, &stamp);
    notice
}

#[test]
fn mail_of_which_it_was_known_before_a_word_that_it_came_back_is_no_news_after_it() {
    let one: PersonId = "one".parse().unwrap();
    for word in ["reached", "replaced in another role"] {
        let mut played = Played::with(&["one", "two"], &[invited("one"), bounced("one")]);
        let known = played.size;
        played.size += 1;
        if word == "reached" {
            played.reach("one").unwrap();
        } else {
            let (was, is, reason) = (one.clone(), "two".parse().unwrap(), "they moved".to_owned());
            let roles = vec![Role::NationalCoordinator];
            played.happens(&E::ContactReplaced { was, is, reason, roles, keeps: Vec::new() });
        }
        assert!(played.part.is_settled(&one, &came_back("one", known)), "{word}");
        assert!(!played.part.is_settled(&one, &came_back("one", played.size)), "{word}: this was heard since");
        // Whatever becomes of them after that, it was known before.
        played.happens(&bounced("one"));
        played.replace("one", "two").unwrap();
        played.replace("two", "one").unwrap();
        assert!(played.part.is_settled(&one, &came_back("one", known)), "{word}, and replaced");
    }
    // Nothing was told of them, so that whatever was heard before is told yet.
    let replaced = Played::with(&["one", "two"], &[replaced("two", "one")]);
    assert!(!replaced.part.is_settled(&one, &came_back("one", 1)) && replaced.part.settled.is_empty());
}
