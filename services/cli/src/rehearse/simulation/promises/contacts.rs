//! Who is a contact of a country in which role at each place of the log, and who of them is reached: nobody else is written to, each
//! is invited once, and of mail that comes back somebody hears.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rondo_domain::network::NetworkEvent;
use rondo_domain::notice::{NoticeBrief, NoticeEvent};
use rondo_domain::participation::ParticipationEvent;
use rondo_domain::run::RunEvent;
use rondo_domain::{Country, Event, NoticeId, PersonId, Role};
use rondo_eventlog::Record;

use super::{IN_TIME, Judged, Mail, Played, Span, Story};

/// Somebody of a country.
type Contact = (Country, PersonId);

/// From where to where in the log something was so.
type Places = (u64, u64);

/// That somebody is reached again.
struct Reached {
    at: Timestamp,
    place: u64,
    /// Where it was told that they were not.
    told: u64,
    /// Whether a coordinator says so.
    by_word: bool,
}

/// The contacts of all countries, as the records tell of them.
#[derive(Default)]
pub(super) struct Contacts {
    /// Since when somebody holds a role.
    granted: BTreeMap<(Contact, Role), Timestamp>,
    /// From where and when on to where and when somebody was none in a role, because another had their place.
    replaced: BTreeMap<(Contact, Role), Vec<(Places, Span)>>,
    /// From where and when on a role of somebody had ended.
    ended: BTreeMap<(Contact, Role), (u64, Timestamp)>,
    /// How often somebody came in another's place.
    comings: BTreeMap<Contact, usize>,
    /// Where and when it was told that nobody is reached at somebody's address, until where and when.
    unreached: BTreeMap<Contact, Vec<(Places, Span)>>,
    reached: BTreeMap<Contact, Vec<Reached>>,
    /// When somebody of a country was replaced, or their role ended.
    changed: Vec<(Country, Timestamp)>,
    /// When a contact was asked for.
    asked: Vec<(Country, Timestamp)>,
}

impl Contacts {
    pub(super) fn take(&mut self, record: &Record) {
        use ParticipationEvent as P;
        let at = record.recorded_at;
        match (&record.event, record.stream.country()) {
            (Event::Participation(P::ContactBounced { person, .. }), Some(country)) => {
                let span = ((record.position, u64::MAX), (at, Timestamp::MAX));
                self.unreached.entry((country, person.clone())).or_default().push(span);
            }
            (Event::Participation(P::ContactReached { person, notice, .. }), Some(country)) => {
                let contact = (country, person.clone());
                let told = self.unreached.get(&contact).and_then(|spans| spans.last()).map(|(places, _)| places.0);
                let (place, told) = (record.position, told.unwrap_or(record.position));
                let reached = Reached { at, place, told, by_word: notice.is_none() };
                self.reached.entry(contact.clone()).or_default().push(reached);
                self.is_over(&contact, record);
            }
            (Event::Participation(P::ContactReplaced { was, is, roles, .. }), Some(country)) => {
                self.changed.push((country.clone(), at));
                let of = |person: &PersonId| (country.clone(), person.clone());
                for role in roles {
                    let span = ((record.position, u64::MAX), (at, Timestamp::MAX));
                    self.replaced.entry((of(was), *role)).or_default().push(span);
                    let back = self.replaced.entry((of(is), *role)).or_default();
                    back.iter_mut().for_each(|(places, span)| {
                        (places.1, span.1) = (places.1.min(record.position), span.1.min(at));
                    });
                }
                *self.comings.entry(of(is)).or_default() += 1;
                // Whoever is a contact in another role still is not reached in it.
                let mut left = self.granted.keys().filter(|(contact, _)| *contact == of(was));
                if !left.any(|place| self.holds(place)) {
                    self.is_over(&of(was), record);
                }
            }
            (Event::Network(NetworkEvent::RoleGranted { person, grant }), _) => {
                let Some(country) = &grant.country else { return };
                self.granted.entry(((country.clone(), person.clone()), grant.role)).or_insert(at);
            }
            (Event::Network(NetworkEvent::RoleEnded { person, grant, .. }), _) => {
                let Some(country) = &grant.country else { return };
                self.changed.push((country.clone(), at));
                self.ended.insert(((country.clone(), person.clone()), grant.role), (record.position, at));
            }
            (Event::Run(RunEvent::TaskOpened { occurrence, .. }), Some(country))
                if occurrence.step.as_str() == "find-contact" =>
            {
                self.asked.push((country, at));
            }
            _ => {}
        }
    }

    /// Whether somebody holds their place in a role now.
    fn holds(&self, place: &(Contact, Role)) -> bool {
        let gone = self.replaced.get(place).into_iter().flatten().any(|(places, _)| places.1 == u64::MAX);
        !gone && !self.ended.contains_key(place)
    }

    /// Nobody asks any more whether somebody is reached.
    fn is_over(&mut self, contact: &Contact, record: &Record) {
        for (places, span) in self.unreached.get_mut(contact).into_iter().flatten() {
            (places.1, span.1) = (places.1.min(record.position), span.1.min(record.recorded_at));
        }
    }

    /// Why somebody is no contact any more, or is not reached, when the log has so many records, if so.
    pub(super) fn left(&self, brief: &NoticeBrief, size: u64) -> Option<String> {
        let country = brief.country.as_ref().filter(|_| brief.role.is_of_country())?;
        let contact = (country.clone(), brief.person.clone());
        let meets = |span: &Places| span.0 < size && size <= span.1;
        if self.unreached.get(&contact).into_iter().flatten().any(|(places, _)| meets(places)) {
            return Some(format!("mail to {} had come back", brief.person));
        }
        let place = (contact, brief.role);
        if self.replaced.get(&place).into_iter().flatten().any(|(places, _)| meets(places)) {
            return Some(format!("another had the place of {} as {}", brief.person, brief.role));
        }
        let has_ended = self.ended.get(&place).is_some_and(|(ended, _)| *ended < size);
        has_ended.then(|| format!("the role {} of {} had ended", brief.role, brief.person))
    }

    /// Whether nobody held one of these roles of a country, and was reached, all through that time.
    pub(super) fn hinder(&self, country: &Country, roles: &[Role], span: Span) -> bool {
        let meets = |other: &Span| other.0 < span.1 && span.0 < other.1;
        let stands = |(place, since): (&(Contact, Role), &Timestamp)| {
            let gone = self.replaced.get(place).into_iter().flatten().map(|(_, span)| span);
            let lost = self.unreached.get(&place.0).into_iter().flatten().map(|(_, span)| span);
            let ended = self.ended.get(place).is_some_and(|(_, ended)| *ended < span.1);
            let is_one = place.0.0 == *country && roles.contains(&place.1) && *since <= span.0;
            is_one && !ended && !gone.chain(lost).any(meets)
        };
        !self.granted.iter().any(stands)
    }

    /// Whether a country's contacts changed in that time.
    fn changes(&self, country: &Country, span: Span) -> bool {
        self.changed.iter().any(|(of, at)| of == country && span.0 <= *at && *at <= span.1)
    }

    /// Whether a coordinator said that somebody is reached after a mail to them left and before it came back.
    fn said_before(&self, contact: &Contact, left: Option<(u64, Timestamp)>, failed: u64) -> bool {
        let between =
            |one: &Reached| one.by_word && one.place < failed && left.is_some_and(|(left, _)| left < one.place);
        self.reached.get(contact).into_iter().flatten().any(between)
    }

    /// Whether what becomes of a mail is told of somebody: they have their place, and got into it before it left; and it did not go to
    /// the address of before, where that was put right and they were said to be reached again. `righted` says when which was.
    fn speaks_of(
        &self,
        contact: &Contact,
        mail: &Mail,
        (left, failed): (Option<(u64, Timestamp)>, u64),
        righted: &[(String, Timestamp)],
    ) -> bool {
        let (left, left_at) = left.unwrap_or((0, Timestamp::MIN));
        let place = (contact.clone(), mail.brief.role);
        let gone = self.replaced.get(&place).into_iter().flatten().any(|(span, _)| span.0 < failed && left < span.1);
        let was_righted = |until: Timestamp| {
            let theirs = righted.iter().filter(|(address, _)| *address == super::super::contacts::address(&contact.1));
            theirs.map(|(_, at)| *at).any(|at| left_at < at && at <= until)
        };
        let is_before =
            |one: &Reached| one.place < failed && if one.by_word { was_righted(one.at) } else { left < one.told };
        !gone && !self.reached.get(contact).into_iter().flatten().any(is_before)
    }
}

impl Story {
    /// Contacts who were invited more often than they came. `arrived` are the mails that lay in a mailbox.
    pub(super) fn invited_again(&self, arrived: &BTreeSet<&NoticeId>) -> Vec<String> {
        let mut invited: BTreeMap<Contact, usize> = BTreeMap::new();
        for (id, mail) in &self.mails {
            let Some(country) = mail.brief.country.as_ref().filter(|_| mail.brief.kind == "invitation") else {
                continue;
            };
            *invited.entry((country.clone(), mail.brief.person.clone())).or_default() +=
                usize::from(arrived.contains(id) && !mail.was_asked_for());
        }
        let often = |(contact, times): (&Contact, &usize)| {
            let comings = 1 + self.contacts.comings.get(contact).copied().unwrap_or(0);
            let (country, person) = contact;
            (*times > comings)
                .then(|| format!("{person} of {country} was invited {times} times, and came {comings} times"))
        };
        invited.iter().filter_map(often).collect()
    }

    /// Mail of contacts that came back for good and of which nobody was told, or for which nobody was asked to do something.
    pub(super) fn unheard(&self, played: &Played, judged: &mut Judged) -> Vec<String> {
        let (mut broken, righted) = (Vec::new(), played.trouble.righted());
        for (id, mail) in &self.mails {
            let Some(country) = mail.brief.country.clone().filter(|_| Role::NATIONAL.contains(&mail.brief.role)) else {
                continue;
            };
            let contact = (country, mail.brief.person.clone());
            for (failed, at) in mail.came_back() {
                if !self.contacts.speaks_of(&contact, mail, (mail.left(failed), failed), &righted) {
                    continue;
                }
                let mut told = self.contacts.unreached.get(&contact).into_iter().flatten();
                // That of another mail is enough, as long as it counts.
                let is_told = told.any(|(places, span)| span.0 <= at + IN_TIME && failed < places.1);
                if !is_told && self.unsettled(played, &contact, at) {
                    continue;
                }
                *judged.entry("mail that came back is told").or_default() += 1;
                if self.contacts.said_before(&contact, mail.left(failed), failed) {
                    *judged.entry("mail that came back after a word is told").or_default() += 1;
                }
                if !is_told {
                    broken.push(format!("{id} came back at {at}, and nobody was told of it"));
                }
            }
        }
        for ((country, person), spans) in &self.contacts.unreached {
            for (_, (from, until)) in spans {
                let by = *from + IN_TIME;
                let asked = |(of, at): &(Country, Timestamp)| of == country && *from <= *at && *at <= by;
                let is_asked = self.contacts.asked.iter().any(asked);
                if !is_asked && (*until <= by || self.stood_still(played, (*from, by))) {
                    continue;
                }
                *judged.entry("a task asks for a contact").or_default() += 1;
                if !is_asked {
                    broken.push(format!("mail to {person} of {country} came back at {from}, and nobody was asked"));
                }
            }
        }
        broken
    }

    /// Whether it cannot be said that what came back at that instant has to be told: the contact changed, was heard of or was
    /// unreachable by then, or whoever tells of it stood still.
    fn unsettled(&self, played: &Played, contact: &Contact, at: Timestamp) -> bool {
        let span = (at, at + IN_TIME);
        let is_theirs = |mail: &&Mail| mail.brief.person == contact.1;
        let heard = |mail: &Mail| mail.heard().any(|(_, heard)| span.0 <= heard && heard <= span.1);
        let is_heard = self.mails.values().filter(is_theirs).any(heard);
        let before = self.launched.is_none_or(|launched| at < launched);
        before || is_heard || self.contacts.changes(&contact.0, span) || self.stood_still(played, span)
    }

    /// People who were kept from what their country has to do by the role in which they were taken, though they hold another.
    pub(super) fn kept_from(&self, played: &Played, judged: &mut Judged) -> Vec<String> {
        let confirmed = played.records.iter().filter(|record| record.name == "CountryConfirmed");
        let by_two = confirmed.filter(|record| {
            let place = |role| ((record.stream.country().unwrap(), record.actor.id.clone()), role);
            [Role::FocalPoint, Role::NationalCoordinator]
                .iter()
                .all(|role| self.contacts.granted.contains_key(&place(*role)))
        });
        *judged.entry("confirmed by who holds two roles").or_default() += by_two.count();
        played.refused.iter().filter(|why| why.contains(" may not ")).cloned().collect()
    }

    /// Contacts who were heard of after their mail had come back, and count as unreachable all the same.
    pub(super) fn unreached(&self, played: &Played, judged: &mut Judged) -> Vec<String> {
        let mut broken = Vec::new();
        for (id, mail) in &self.mails {
            let Some(country) = mail.brief.country.clone() else { continue };
            let contact = (country, mail.brief.person.clone());
            for (place, at) in mail.heard() {
                let spans = self.contacts.unreached.get(&contact).into_iter().flatten();
                let mut then = spans.filter(|(places, _)| places.0 < place && place < places.1);
                let Some((_, (_, until))) = then.next().filter(|_| !self.stood_still(played, (at, at + IN_TIME)))
                else {
                    continue;
                };
                *judged.entry("a contact who is heard of is reached").or_default() += 1;
                if *until > at + IN_TIME {
                    broken.push(format!("{id} was heard of at {at}, and {} is still unreachable", contact.1));
                }
            }
        }
        broken
    }
}

impl Mail {
    /// Where and when it came back, or was refused, because nobody is reached at its recipient's address.
    fn came_back(&self) -> impl Iterator<Item = (u64, Timestamp)> {
        let is_lost = |event: &NoticeEvent| match event {
            NoticeEvent::NoticeBounced { hard, .. } => *hard,
            NoticeEvent::NoticeRefused { refusal, .. } => refusal.about == rondo_domain::notice::About::Recipient,
            _ => false,
        };
        self.told().filter(move |(_, _, event)| is_lost(event)).map(|(place, at, _)| (place, at))
    }

    /// Where and when its recipient answered it, or their server said that it has it.
    fn heard(&self) -> impl Iterator<Item = (u64, Timestamp)> {
        let is_heard =
            |event: &NoticeEvent| matches!(event, NoticeEvent::NoticeAnswered {} | NoticeEvent::NoticeDelivered {});
        self.told().filter(move |(_, _, event)| is_heard(event)).map(|(place, at, _)| (place, at))
    }

    /// Where and when it left last before a place of the log.
    fn left(&self, before: u64) -> Option<(u64, Timestamp)> {
        let attempted = |event: &NoticeEvent| matches!(event, NoticeEvent::NoticeAttempted { .. });
        let told = self.told().filter(|(place, _, event)| *place < before && attempted(event));
        told.last().map(|(place, at, _)| (place, at))
    }

    fn was_asked_for(&self) -> bool {
        self.events.iter().any(|(_, event)| matches!(event, NoticeEvent::NoticeReleased { .. }))
    }

    fn told(&self) -> impl Iterator<Item = (u64, Timestamp, &NoticeEvent)> {
        self.places.iter().zip(&self.events).map(|(place, (at, event))| (*place, *at, event))
    }
}
