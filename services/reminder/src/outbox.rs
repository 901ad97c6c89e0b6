//! The outbox: notices decided and not yet settled, folded from events.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rondo_domain::event::Event;
use rondo_domain::notice::NoticeState;
use rondo_domain::world::World;
use rondo_domain::{NoticeId, RoundId};
use rondo_eventlog::Record;

/// A notice, by its round and id.
pub(crate) type NoticeKey = (RoundId, NoticeId);

/// What is to be done about a notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Work {
    /// Send it, or find that it is no longer true.
    Send(NoticeKey),
    /// An attempt was cut off by a crash of ours.
    Resolve(NoticeKey),
}

#[derive(Debug)]
pub(crate) struct Outbox {
    pub(crate) world: World,
    waiting: BTreeMap<NoticeKey, Option<Timestamp>>,
    cut_off: BTreeSet<NoticeKey>,
    /// Until when nothing is tried, because the mail server is away or does not take us.
    held_until: Option<Timestamp>,
    /// How often in a row the server was away.
    outages: u32,
}

impl Default for Outbox {
    fn default() -> Self {
        Self {
            world: World::of(&World::WITHOUT_FIGURES),
            waiting: BTreeMap::new(),
            cut_off: BTreeSet::new(),
            held_until: None,
            outages: 0,
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
        let state = self.world.notice(&round, &id).map(|notice| notice.state.clone());
        let key = (round, id);
        match state {
            Some(NoticeState::Due) => {
                self.waiting.insert(key, None);
            }
            Some(NoticeState::Deferred { until }) => {
                self.waiting.insert(key, Some(until));
            }
            _ => {
                self.waiting.remove(&key);
                self.cut_off.remove(&key);
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

    /// Tries nothing before this instant: what one mail found out about the server holds for all of them.
    pub(crate) fn hold(&mut self, until: Timestamp) {
        self.held_until = Some(until);
        self.outages += 1;
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

    /// What is to be done next.
    pub(crate) fn next(&self, now: Timestamp) -> Option<Work> {
        if self.held_until.is_some_and(|until| until > now) {
            return None;
        }
        if let Some(key) = self.cut_off.first() {
            return Some(Work::Resolve(key.clone()));
        }
        let due = self.waiting.iter().find(|(_, until)| until.is_none_or(|until| until <= now));
        due.map(|(key, _)| Work::Send(key.clone()))
    }

    /// When the next notice is to be tried, as far as nothing is to be done before.
    pub(crate) fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        let held =
            self.held_until.filter(|until| *until > now && !(self.waiting.is_empty() && self.cut_off.is_empty()));
        held.or_else(|| self.waiting.values().flatten().min().copied())
    }
}
