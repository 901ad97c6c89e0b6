//! Who is a contact of a country at each place of the log: nobody else is written to, and each of them is invited once.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rondo_domain::network::NetworkEvent;
use rondo_domain::notice::NoticeBrief;
use rondo_domain::participation::ParticipationEvent;
use rondo_domain::{Country, Event, NoticeId, PersonId};
use rondo_eventlog::Record;

use super::{Span, Story};

/// Somebody of a country.
type Contact = (Country, PersonId);

/// The contacts of all countries, as the records tell of them.
#[derive(Default)]
pub(super) struct Contacts {
    /// From where on to where somebody was none, because another had their place.
    replaced: BTreeMap<Contact, Vec<(u64, u64)>>,
    /// From where on a focal point's role had ended.
    ended: BTreeMap<Contact, u64>,
    /// How often somebody came in another's place.
    comings: BTreeMap<Contact, usize>,
    /// Whose mail came back and who has not been replaced.
    bounced: BTreeMap<Country, BTreeSet<PersonId>>,
    /// When somebody of a country could not be reached.
    unreachable: Vec<(Country, Span)>,
    /// When somebody of a country was replaced, or their role ended.
    changed: Vec<(Country, Timestamp)>,
}

impl Contacts {
    pub(super) fn take(&mut self, record: &Record) {
        let at = record.recorded_at;
        match (&record.event, record.stream.country()) {
            (Event::Participation(ParticipationEvent::ContactBounced { person, .. }), Some(country)) => {
                if self.bounced.entry(country.clone()).or_default().is_empty() {
                    self.unreachable.push((country.clone(), (at, Timestamp::MAX)));
                }
                self.bounced.entry(country).or_default().insert(person.clone());
            }
            (Event::Participation(ParticipationEvent::ContactReplaced { was, is, .. }), Some(country)) => {
                self.changed.push((country.clone(), at));
                let of = |person: &PersonId| (country.clone(), person.clone());
                self.replaced.entry(of(was)).or_default().push((record.position, u64::MAX));
                let back = self.replaced.entry(of(is)).or_default();
                back.iter_mut().for_each(|span| span.1 = span.1.min(record.position));
                *self.comings.entry(of(is)).or_default() += 1;
                let bounced = self.bounced.entry(country.clone()).or_default();
                bounced.remove(was);
                if bounced.is_empty() {
                    let theirs = self.unreachable.iter_mut().filter(|(of, _)| *of == country);
                    theirs.for_each(|(_, span)| span.1 = span.1.min(at));
                }
            }
            (Event::Network(NetworkEvent::RoleEnded { person, grant, .. }), _) => {
                let Some(country) = &grant.country else { return };
                self.changed.push((country.clone(), at));
                self.ended.insert((country.clone(), person.clone()), record.position);
            }
            _ => {}
        }
    }

    /// Why somebody is no contact any more when the log has so many records, if so.
    pub(super) fn left(&self, brief: &NoticeBrief, size: u64) -> Option<String> {
        let country = brief.country.as_ref().filter(|_| brief.role.is_of_country())?;
        let contact = (country.clone(), brief.person.clone());
        let meets = |span: &&(u64, u64)| span.0 < size && size <= span.1;
        if self.replaced.get(&contact).into_iter().flatten().any(|span| meets(&span)) {
            return Some(format!("another had the place of {}", brief.person));
        }
        self.ended
            .get(&contact)
            .filter(|ended| **ended < size)
            .map(|_| format!("the role of {} had ended", brief.person))
    }

    /// Whether a country's contacts changed or could not be reached in that time.
    pub(super) fn hinder(&self, country: &Country, span: Span) -> bool {
        let meets = |other: &Span| other.0 < span.1 && span.0 < other.1;
        self.unreachable.iter().any(|(of, other)| of == country && meets(other))
            || self.changed.iter().any(|(of, at)| of == country && span.0 <= *at && *at <= span.1)
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
                usize::from(arrived.contains(id));
        }
        let often = |(contact, times): (&Contact, &usize)| {
            let comings = 1 + self.contacts.comings.get(contact).copied().unwrap_or(0);
            let (country, person) = contact;
            (*times > comings)
                .then(|| format!("{person} of {country} was invited {times} times, and came {comings} times"))
        };
        invited.iter().filter_map(often).collect()
    }
}
