//! The outbox: notices decided and not yet settled, folded from events.

mod waiting;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use rondo_domain::event::Event;
use rondo_domain::notice::{NoticeEvent, NoticeState, Refusal};
use rondo_domain::participation::ParticipationEvent;
use rondo_domain::round::RoundState;
use rondo_domain::world::World;
use rondo_domain::{FileHash, NoticeId, PersonId, RoundId};
use rondo_eventlog::Record;
use rondo_runtime::people::People;
use rondo_runtime::telemetry::ALWAYS;

use crate::addressee;
use crate::held_up::HeldUp;
use crate::unsent;
use waiting::{Waiting, waits};

/// A notice, by its round and id.
pub(crate) type NoticeKey = (RoundId, NoticeId);

/// The most notices that one mail brings.
const MAX_GATHERED: usize = 20;

/// How long a notice is left alone of which something was to be recorded and was not, as long as it does not change.
const LEFT_ALONE: SignedDuration = SignedDuration::from_hours(1);

/// What is to be done about notices, which leave as one mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Work {
    /// Send them, or find that they are no longer true.
    Send(Vec<NoticeKey>),
    /// An attempt was cut off by a crash of ours.
    Resolve(Vec<NoticeKey>),
    /// Try whether the server says again what becomes of mails, before the next one is handed to it.
    Probe,
}

/// Why nothing is tried for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Halt {
    /// Until when.
    pub(crate) until: Timestamp,
    /// What stands in the way.
    pub(crate) refusal: Refusal,
}

/// A notice of which something was to be recorded and was not: doing the same again would do nothing again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stuck {
    version: u64,
    until: Timestamp,
}

#[derive(Debug)]
pub(crate) struct Outbox {
    pub(crate) world: World,
    waiting: BTreeMap<NoticeKey, Waiting>,
    cut_off: BTreeSet<NoticeKey>,
    stuck: BTreeMap<NoticeKey, Stuck>,
    /// For how long mail of a definition is gathered.
    gathering: BTreeMap<FileHash, SignedDuration>,
    /// Why nothing is tried, or was not when it was tried last.
    held: Option<Halt>,
    /// Whether the last that was heard of the server is that nobody knows what became of a mail.
    in_doubt: bool,
    /// How often in a row the server was away.
    outages: u32,
    /// Who was in the register of people when it was read last.
    listed: BTreeSet<PersonId>,
    /// For how long mail was held up by what only people mend.
    pub(crate) held_up: HeldUp,
}

impl Default for Outbox {
    fn default() -> Self {
        Self {
            world: World::of(&World::WITHOUT_FIGURES),
            waiting: BTreeMap::new(),
            cut_off: BTreeSet::new(),
            stuck: BTreeMap::new(),
            gathering: BTreeMap::new(),
            held: None,
            in_doubt: false,
            outages: 0,
            listed: BTreeSet::new(),
            held_up: HeldUp::default(),
        }
    }
}

impl Outbox {
    /// Takes in a record.
    pub(crate) fn take(&mut self, record: &Record) {
        self.world.apply(&record.stream, &record.event, &record.stamp());
        match &record.event {
            Event::Notice(event @ NoticeEvent::NoticeUnknown { .. }) => self.in_doubt |= !event.was_cut_off(),
            Event::Notice(NoticeEvent::NoticeSent { .. }) => self.in_doubt = false,
            Event::Notice(_) => {}
            Event::Round(_) => return self.look_again(record, |waiting| waiting.is_without_calendar()),
            Event::Participation(ParticipationEvent::ContactReached { person, .. }) => {
                return self.look_again(record, |waiting| waiting.is_unreached(person));
            }
            Event::Participation(ParticipationEvent::ContactReplaced { was, .. }) => {
                return self.look_again(record, |waiting| waiting.is_unreached(was));
            }
            _ => return,
        }
        let id = record.stream.part(1).and_then(|part| part.parse::<NoticeId>().ok());
        let (Some(round), Some(id)) = (record.stream.round_id(), id) else { return };
        let notice = self.world.notice(&round, &id);
        let (waiting, has_outcome) =
            (notice.and_then(waits), notice.is_none_or(|it| it.state != NoticeState::Attempted));
        let key = (round, id);
        if let Some(notice) = notice {
            self.held_up.take(&key, &notice.state, record.stamp().at);
        }
        // What else came in about it says nothing of what became of it.
        if has_outcome {
            self.cut_off.remove(&key);
        }
        self.stuck.remove(&key);
        match waiting {
            Some(waiting) => {
                self.waiting.insert(key, waiting);
            }
            None => {
                self.waiting.remove(&key);
            }
        }
    }

    /// A round has changed, and perhaps its calendar, or a contact: what of its mail waits for that is looked at.
    fn look_again(&mut self, record: &Record, waits: impl Fn(&Waiting) -> bool) {
        let round = record.stream.round_id();
        let waiting = self.waiting.iter_mut().filter(|(key, _)| Some(&key.0) == round.as_ref());
        for (_, waiting) in waiting.filter(|(_, waiting)| waits(waiting)) {
            waiting.from = waiting.from.min(record.recorded_at);
        }
    }

    /// Called after a catching up, at the start and wherever a turn ended in the middle: what is attempted and has no outcome was cut
    /// off.
    pub(crate) fn note_cut_off(&mut self) {
        for (round, _) in self.world.rounds() {
            let attempted =
                self.world.notices(&round).into_iter().filter(|(_, notice)| notice.state == NoticeState::Attempted);
            let keys: Vec<NoticeKey> = attempted.map(|(id, _)| (round.clone(), id)).collect();
            self.cut_off.extend(keys);
        }
    }

    /// The definitions of rounds for which it is not known yet how long mail is gathered.
    pub(crate) fn unread(&self) -> Vec<FileHash> {
        let pins = self.world.rounds().into_iter().filter_map(|(_, round)| Some(round.pin.as_ref()?.bundle.clone()));
        pins.filter(|hash| !self.gathering.contains_key(hash)).collect()
    }

    /// Says for how long mail of a definition is gathered.
    pub(crate) fn gather(&mut self, hash: FileHash, minutes: u8) {
        self.gathering.insert(hash, SignedDuration::from_mins(i64::from(minutes)));
    }

    /// Tries nothing before an instant: what one mail found out about the server holds for all of them.
    pub(crate) fn hold(&mut self, held: Halt) {
        self.held = Some(held);
        self.outages += 1;
    }

    /// Whether mail waits for somebody to be in the register.
    pub(crate) fn waits_for_register(&self) -> bool {
        self.waiting.values().any(|waiting| waiting.is_unlisted())
    }

    /// Takes in who is in the register now: what waited for them leaves.
    pub(crate) fn register(&mut self, people: &People) {
        self.listed = people.person.keys().cloned().collect();
    }

    /// The people for whose address mail waits that is for them still.
    pub(crate) fn unlisted(&self, now: Timestamp) -> BTreeSet<&PersonId> {
        let waits = self.waiting.iter().filter(|(_, waiting)| waiting.is_unlisted());
        let waits = waits.filter(|(key, _)| !self.is_moot(key, now)).map(|(_, waiting)| &waiting.person);
        waits.filter(|person| !self.listed.contains(*person)).collect()
    }

    /// Whether what waits for something that only people mend is for nobody any more, so that it need not wait for it.
    fn is_moot(&self, key: &NoticeKey, now: Timestamp) -> bool {
        if self.world.round(&key.0).is_some_and(|round| round.state == RoundState::Cancelled) {
            return true;
        }
        let brief = self.world.notice(&key.0, &key.1).and_then(|notice| notice.brief.as_ref());
        brief.is_some_and(|brief| {
            let part = brief.country.as_ref().and_then(|country| self.world.participation(&key.0, country));
            unsent::not_theirs(&self.world, part, brief, now).is_some()
        })
    }

    /// The server answered.
    pub(crate) fn resume(&mut self) {
        if self.held.take().is_some() {
            tracing::info!(target: ALWAYS, role = "reminder", "mail leaves again");
        }
        (self.outages, self.in_doubt) = (0, false);
    }

    /// Why nothing is tried, or was not when it was tried last.
    pub(crate) fn held(&self) -> Option<&Halt> {
        self.held.as_ref()
    }

    /// How often in a row the server was away.
    pub(crate) fn outages(&self) -> u32 {
        self.outages
    }

    /// Leaves notices alone of which something was to be recorded and was not, until they change or a while has passed.
    pub(crate) fn leave_alone(&mut self, keys: Vec<NoticeKey>, now: Timestamp) {
        for key in keys {
            let version = self.world.notice(&key.0, &key.1).map_or(0, |notice| notice.version);
            self.stuck.insert(key, Stuck { version, until: now + LEFT_ALONE });
        }
    }

    /// How many notices are left alone.
    pub(crate) fn left_alone(&self) -> usize {
        self.stuck.len()
    }

    /// How many notices wait for a calendar.
    pub(crate) fn without_calendar(&self, now: Timestamp) -> usize {
        let waits = self.waiting.iter().filter(|(_, waiting)| waiting.is_without_calendar());
        waits.filter(|(key, _)| !self.is_moot(key, now)).count()
    }

    /// How many notices wait although nobody knows what their round is, or by which texts it goes.
    pub(crate) fn without_texts(&self) -> usize {
        let keys = self.waiting.keys().chain(&self.cut_off);
        keys.filter(|key| !self.has_texts(&key.0)).count()
    }

    fn has_texts(&self, round: &RoundId) -> bool {
        let pin = self.world.round(round).and_then(|round| round.pin.as_ref());
        pin.is_some_and(|pin| self.gathering.contains_key(&pin.bundle))
    }

    /// Until when a notice is left alone, if it is.
    fn alone_until(&self, key: &NoticeKey) -> Option<Timestamp> {
        let version = self.world.notice(&key.0, &key.1).map_or(0, |notice| notice.version);
        self.stuck.get(key).filter(|stuck| stuck.version == version).map(|stuck| stuck.until)
    }

    fn gathered_for(&self, round: &RoundId) -> SignedDuration {
        let pin = self.world.round(round).and_then(|round| round.pin.as_ref());
        pin.and_then(|pin| self.gathering.get(&pin.bundle)).copied().unwrap_or_default()
    }

    /// When a waiting notice may leave; never while its mail is paused or its round's texts are not known.
    fn leaves(&self, key: &NoticeKey, waiting: &Waiting, now: Timestamp) -> Option<Timestamp> {
        let gathered = if waiting.gathers { self.gathered_for(&key.0) } else { SignedDuration::ZERO };
        self.leaves_after(key, waiting, gathered, now)
    }

    /// The same, where mail is gathered for so long.
    fn leaves_after(
        &self,
        key: &NoticeKey,
        waiting: &Waiting,
        gathered: SignedDuration,
        now: Timestamp,
    ) -> Option<Timestamp> {
        if !self.has_texts(&key.0) {
            return None;
        }
        let notice = self.world.notice(&key.0, &key.1)?;
        let held = || self.world.round(&key.0)?.holds_mail(notice.brief.as_ref()?);
        if !notice.at_once && held().is_some() {
            return None;
        }
        if waiting.is_unlisted() && self.listed.contains(&waiting.person) {
            return notice.raised_at;
        }
        let waits_for_people = waiting.is_unlisted() || waiting.is_without_calendar();
        let from = if waits_for_people && waiting.from > now && self.is_moot(key, now) {
            notice.raised_at?
        } else {
            waiting.from + gathered
        };
        Some(from.max(self.alone_until(key).unwrap_or(Timestamp::MIN)))
    }

    /// When an attempt that was cut off is looked at.
    fn resolves(&self, key: &NoticeKey) -> Option<Timestamp> {
        self.has_texts(&key.0).then(|| self.alone_until(key).unwrap_or(Timestamp::MIN))
    }

    /// What is to be done next.
    pub(crate) fn next(&self, now: Timestamp) -> Option<Work> {
        // That asks no server.
        if let Some(key) = self.cut_off.iter().find(|key| self.resolves(key).is_some_and(|from| from <= now)) {
            return Some(Work::Resolve(self.of_one_mail(key)));
        }
        if self.held.as_ref().is_some_and(|held| held.until > now) {
            return None;
        }
        // Whoever has waited longest goes first, so that none that is deferred again and again keeps others from leaving.
        let due =
            self.waiting.iter().filter_map(|(key, waiting)| Some((self.leaves(key, waiting, now)?, key, waiting)));
        let due = due.filter(|(from, ..)| *from <= now).min_by_key(|(from, key, _)| (*from, *key));
        // A hold ends with an answer of the server, though nothing is due that would bring one.
        let Some((_, first, waiting)) = due else { return self.held.is_some().then_some(Work::Probe) };
        if self.in_doubt {
            return Some(Work::Probe);
        }
        if self.gathered_for(&first.0) == SignedDuration::ZERO {
            return Some(Work::Send(vec![first.clone()]));
        }
        Some(Work::Send(self.together(first, now, |other| other == &waiting.person)))
    }

    /// The notices of a round that are due now to some people, in the order of their times, so many as go in one mail.
    fn together(&self, first: &NoticeKey, now: Timestamp, to: impl Fn(&PersonId) -> bool) -> Vec<NoticeKey> {
        let is_due =
            |key: &NoticeKey, waiting: &Waiting| self.leaves(key, waiting, now).is_some_and(|from| from <= now);
        let together =
            self.waiting.iter().filter(|(key, other)| key.0 == first.0 && to(&other.person) && is_due(key, other));
        let mut together: Vec<(Option<Timestamp>, &NoticeKey)> =
            together.map(|(key, _)| (self.due(key), key)).collect();
        together.sort();
        together.into_iter().take(MAX_GATHERED).map(|(_, key)| key.clone()).collect()
    }

    /// These notices, and those that are due to whoever shares the address of their recipient: all, where the round gathers mail, and
    /// otherwise those that say the same.
    pub(crate) fn with_those_who_share(&self, keys: &[NoticeKey], people: &People, now: Timestamp) -> Vec<NoticeKey> {
        let brief = |key: &NoticeKey| self.world.notice(&key.0, &key.1)?.brief.as_ref();
        let Some((first, lead)) = keys.first().and_then(|first| Some((first, brief(first)?))) else {
            return keys.to_vec();
        };
        let all = self.together(first, now, |other| addressee::share(people, &lead.person, other));
        let gathers = self.gathered_for(&first.0) != SignedDuration::ZERO;
        let fits = |key: &NoticeKey| {
            keys.contains(key) || gathers || brief(key).is_some_and(|other| addressee::says_the_same(lead, other))
        };
        let mut chosen: Vec<NoticeKey> = all.into_iter().filter(fits).collect();
        // What says the same goes along, though it would be gathered with others a little longer.
        let waits = |key: &NoticeKey, waiting: &Waiting| {
            key.0 == first.0
                && waiting.person == lead.person
                && self.leaves_after(key, waiting, SignedDuration::ZERO, now).is_some_and(|from| from <= now)
                && brief(key).is_some_and(|other| addressee::says_the_same(lead, other))
        };
        let again = self.waiting.iter().filter(|(key, waiting)| !chosen.contains(key) && waits(key, waiting));
        chosen.extend(again.map(|(key, _)| key.clone()).collect::<Vec<_>>());
        // The one for whose sake it leaves is among them, however many there are.
        chosen.extend(keys.iter().filter(|key| !chosen.contains(key)).cloned().collect::<Vec<_>>());
        chosen
    }

    fn due(&self, key: &NoticeKey) -> Option<Timestamp> {
        self.world.notice(&key.0, &key.1)?.brief.as_ref().map(|brief| brief.due_at)
    }

    /// The notices that were cut off together, since one mail brings them.
    fn of_one_mail(&self, key: &NoticeKey) -> Vec<NoticeKey> {
        let mail = |key: &NoticeKey| self.world.notice(&key.0, &key.1).and_then(|notice| notice.message_id.clone());
        let wanted = mail(key);
        self.cut_off.iter().filter(|other| mail(other) == wanted).cloned().collect()
    }

    /// When the next notice is to be tried, as far as nothing is to be done before.
    pub(crate) fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        let resolved = self.cut_off.iter().filter_map(|key| self.resolves(key)).min();
        let next = match self.held.as_ref().map(|held| held.until).filter(|until| *until > now) {
            Some(until) => Some(until),
            None => self.waiting.iter().filter_map(|(key, waiting)| self.leaves(key, waiting, now)).min(),
        };
        [resolved, next].into_iter().flatten().min()
    }
}
