//! The outbox: notices decided and not yet settled, folded from events.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use rondo_domain::event::Event;
use rondo_domain::notice::{Notice, NoticeState};
use rondo_domain::world::World;
use rondo_domain::{FileHash, NoticeId, PersonId, RoundId};
use rondo_eventlog::Record;
use rondo_runtime::people::People;

/// A notice, by its round and id.
pub(crate) type NoticeKey = (RoundId, NoticeId);

/// The most notices that one mail brings.
const MAX_GATHERED: usize = 20;

/// How long a notice is left alone of which something was to be recorded and was not, as long as it does not change.
const LEFT_ALONE: SignedDuration = SignedDuration::from_hours(1);

/// Why a notice waits whose recipient's address nobody knows.
pub(crate) const NOT_IN_REGISTER: &str = "its recipient is not in the register of people";

/// What is to be done about notices, which leave as one mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Work {
    /// Send them, or find that they are no longer true.
    Send(Vec<NoticeKey>),
    /// An attempt was cut off by a crash of ours.
    Resolve(Vec<NoticeKey>),
}

/// A notice that is still to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Waiting {
    /// Not before this instant.
    from: Timestamp,
    /// Whether it is gathered with others from then on.
    gathers: bool,
    /// Whether it waits for its recipient to be in the register of people.
    is_unlisted: bool,
    person: PersonId,
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
    /// Until when nothing is tried, because the mail server is away or does not take us.
    held_until: Option<Timestamp>,
    /// How often in a row the server was away.
    outages: u32,
    /// Who was in the register of people when it was read last.
    listed: BTreeSet<PersonId>,
}

impl Default for Outbox {
    fn default() -> Self {
        Self {
            world: World::of(&World::WITHOUT_FIGURES),
            waiting: BTreeMap::new(),
            cut_off: BTreeSet::new(),
            stuck: BTreeMap::new(),
            gathering: BTreeMap::new(),
            held_until: None,
            outages: 0,
            listed: BTreeSet::new(),
        }
    }
}

impl Outbox {
    /// Takes in a record.
    pub(crate) fn take(&mut self, record: &Record) {
        self.world.apply(&record.stream, &record.event, &record.stamp());
        if !matches!(record.event, Event::Notice(_)) {
            return;
        }
        let id = record.stream.part(1).and_then(|part| part.parse::<NoticeId>().ok());
        let (Some(round), Some(id)) = (record.stream.round_id(), id) else { return };
        let waiting = self.world.notice(&round, &id).and_then(waits);
        let key = (round, id);
        // Its outcome is recorded now, or it was never cut off.
        self.cut_off.remove(&key);
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

    /// Called once, after the first catching up: what is attempted and has no outcome was cut off by an end of ours.
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

    /// Tries nothing before this instant: what one mail found out about the server holds for all of them.
    pub(crate) fn hold(&mut self, until: Timestamp) {
        self.held_until = Some(until);
        self.outages += 1;
    }

    /// Whether mail waits for somebody to be in the register.
    pub(crate) fn waits_for_register(&self) -> bool {
        self.waiting.values().any(|waiting| waiting.is_unlisted)
    }

    /// Takes in who is in the register now: what waited for them leaves.
    pub(crate) fn register(&mut self, people: &People) {
        self.listed = people.person.keys().cloned().collect();
    }

    /// The people for whose address mail waits.
    pub(crate) fn unlisted(&self) -> BTreeSet<&PersonId> {
        let waits = self.waiting.values().filter(|waiting| waiting.is_unlisted);
        waits.map(|waiting| &waiting.person).filter(|person| !self.listed.contains(*person)).collect()
    }

    /// The server answered.
    pub(crate) fn resume(&mut self) {
        self.held_until = None;
        self.outages = 0;
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
    fn leaves(&self, key: &NoticeKey, waiting: &Waiting) -> Option<Timestamp> {
        if !self.has_texts(&key.0) {
            return None;
        }
        let notice = self.world.notice(&key.0, &key.1)?;
        let held = || self.world.round(&key.0)?.holds_mail(notice.brief.as_ref()?);
        if !notice.at_once && held().is_some() {
            return None;
        }
        if waiting.is_unlisted && self.listed.contains(&waiting.person) {
            return notice.raised_at;
        }
        let gathered = if waiting.gathers { self.gathered_for(&key.0) } else { SignedDuration::ZERO };
        Some((waiting.from + gathered).max(self.alone_until(key).unwrap_or(Timestamp::MIN)))
    }

    /// When an attempt that was cut off is looked at.
    fn resolves(&self, key: &NoticeKey) -> Option<Timestamp> {
        self.has_texts(&key.0).then(|| self.alone_until(key).unwrap_or(Timestamp::MIN))
    }

    /// What is to be done next.
    pub(crate) fn next(&self, now: Timestamp) -> Option<Work> {
        if self.held_until.is_some_and(|until| until > now) {
            return None;
        }
        if let Some(key) = self.cut_off.iter().find(|key| self.resolves(key).is_some_and(|from| from <= now)) {
            return Some(Work::Resolve(self.of_one_mail(key)));
        }
        let is_due = |key: &NoticeKey, waiting: &Waiting| self.leaves(key, waiting).is_some_and(|from| from <= now);
        let (first, waiting) = self.waiting.iter().find(|(key, waiting)| is_due(key, waiting))?;
        if self.gathered_for(&first.0) == SignedDuration::ZERO {
            return Some(Work::Send(vec![first.clone()]));
        }
        let together = self
            .waiting
            .iter()
            .filter(|(key, other)| key.0 == first.0 && other.person == waiting.person && is_due(key, other));
        let mut together: Vec<(Option<Timestamp>, &NoticeKey)> =
            together.map(|(key, _)| (self.due(key), key)).collect();
        together.sort();
        Some(Work::Send(together.into_iter().take(MAX_GATHERED).map(|(_, key)| key.clone()).collect()))
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
        let waiting = self.waiting.iter().filter_map(|(key, waiting)| self.leaves(key, waiting));
        let next = waiting.chain(self.cut_off.iter().filter_map(|key| self.resolves(key))).min()?;
        Some(next.max(self.held_until.filter(|until| *until > now).unwrap_or(Timestamp::MIN)))
    }
}

/// Whether and from when on a notice is still to be sent.
fn waits(notice: &Notice) -> Option<Waiting> {
    let (from, gathers) = match &notice.state {
        NoticeState::Due => (notice.raised_at?, !notice.at_once),
        NoticeState::Postponed { until, .. } | NoticeState::Deferred { until } => (*until, false),
        _ => return None,
    };
    let is_unlisted = matches!(&notice.state, NoticeState::Postponed { reason, .. } if reason == NOT_IN_REGISTER);
    Some(Waiting { from, gathers, is_unlisted, person: notice.brief.as_ref()?.person.clone() })
}
