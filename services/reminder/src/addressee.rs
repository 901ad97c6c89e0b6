//! Who is behind an address: people of the register that share one get one mail.

use std::collections::BTreeMap;

use rondo_domain::notice::{Notice, NoticeBrief, NoticeStanding};
use rondo_domain::world::World;
use rondo_domain::{PersonId, RoundId};
use rondo_runtime::people::{People, Person};

use crate::outbox::NoticeKey;

/// Whether two people are written to at one address.
pub(crate) fn share(people: &People, one: &PersonId, other: &PersonId) -> bool {
    let address = |person: &PersonId| people.person.get(person).map(|person| person.email.trim().to_lowercase());
    one == other || address(one).is_some_and(|one| Some(one) == address(other))
}

/// Whether two notices were raised by one step for one occasion, to whomever.
fn same(one: &NoticeBrief, other: &NoticeBrief) -> bool {
    let raised = |brief: &NoticeBrief| (brief.step.clone(), brief.due_at);
    says_the_same(one, other) && raised(one) == raised(other)
}

/// Whether two notices say the same if they leave now, to whomever: a text says what holds when it leaves, whichever step asked for it
/// and when.
pub(crate) fn says_the_same(one: &NoticeBrief, other: &NoticeBrief) -> bool {
    one.kind == other.kind && one.country == other.country && one.task == other.task
}

/// The people to whom a mail goes, as one: with the names of all.
pub(crate) fn together(people: &People, to: &[&PersonId]) -> Option<Person> {
    let known: Vec<&Person> = to.iter().filter_map(|person| people.person.get(*person)).collect();
    let mut names: Vec<&str> = Vec::new();
    for person in &known {
        if !names.contains(&person.name.as_str()) {
            names.push(&person.name);
        }
    }
    known.first().map(|first| Person { name: names.join(", "), ..Person::clone(first) })
}

/// The Message-ID of a mail that said the same to the same address already, if one did. What a person asks for is sent all the same.
pub(crate) fn told_before(world: &World, people: &People, key: &NoticeKey, notice: &Notice) -> Option<String> {
    let brief = notice.brief.as_ref().filter(|_| !notice.at_once && notice.attempts == 0)?;
    let (round, id): &(RoundId, _) = key;
    let notices = world.notices(round);
    let twin = notices.iter().find(|(other, twin)| {
        other != id
            && twin.state.standing() == NoticeStanding::Left
            && twin.brief.as_ref().is_some_and(|told| {
                told.person != brief.person && same(told, brief) && share(people, &told.person, &brief.person)
            })
    });
    twin.and_then(|(_, twin)| twin.message_id.clone())
}

/// Of notices that go in one mail, one of each thing to say: a copy is left out where the mail itself goes to the same address.
pub(crate) fn once<T>(all: Vec<(&NoticeBrief, bool, T)>) -> Vec<T> {
    let mut kept: BTreeMap<usize, (&NoticeBrief, bool, T)> = BTreeMap::new();
    for (place, (brief, is_copy, it)) in all.into_iter().enumerate() {
        let before = kept
            .iter()
            .find(|(_, (told, ..))| says_the_same(told, brief))
            .map(|(place, (_, was_copy, _))| (*place, *was_copy));
        match before {
            None => {
                kept.insert(place, (brief, is_copy, it));
            }
            Some((place, true)) if !is_copy => {
                kept.insert(place, (brief, is_copy, it));
            }
            Some(_) => {}
        }
    }
    kept.into_values().map(|(_, _, it)| it).collect()
}
