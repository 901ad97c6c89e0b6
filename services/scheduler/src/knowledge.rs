//! What the scheduler knows: the states of all streams but figures, what is due when, and events not yet acted on.

mod saved;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rondo_domain::calendar::Moment;
use rondo_domain::event::Event;
use rondo_domain::round::{RoundEvent, RoundState};
use rondo_domain::run::{Occurrence, RunCommand, RunEvent, Stage};
use rondo_domain::stream::StreamKind;
use rondo_domain::workflow::{Each, LESSON_CARRIED, TRIGGER_EVENTS};
use rondo_domain::world::World;
use rondo_domain::{Command, CommandId, Country, FileHash, RoundId, StreamId, Wish};
use rondo_eventlog::Record;

use crate::timers::Timers;

/// A run: its round, and its country where it is one's.
pub(crate) type RunKey = (RoundId, Option<Country>);

/// Occurrences fired in one turn, at the most; the rest come with the next one.
const AT_ONCE: usize = 1_000;

/// An event that a step may wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Happened {
    pub(crate) event: &'static str,
    pub(crate) at: Timestamp,
    /// What makes it itself.
    pub(crate) of: String,
}

#[derive(Debug)]
pub(crate) struct Knowledge {
    pub(crate) world: World,
    timers: Timers,
    /// Occurrences that have fired and are not completed.
    pub(crate) fired: BTreeSet<(RunKey, Occurrence)>,
    /// Events of each round and country that steps may wait for, until they are planned.
    pub(crate) happened: BTreeMap<RunKey, Vec<Happened>>,
    /// Rounds whose steps must be planned again: configured, extended, joined, or a cron step fired.
    pub(crate) replan: BTreeSet<RoundId>,
    /// Notices and releases whose outcome has consequences.
    pub(crate) outcomes: Vec<StreamId>,
    /// When each country's deadline was last moved.
    extended: BTreeMap<RunKey, Timestamp>,
    /// Lessons that a later round began with.
    carried: BTreeSet<(RoundId, usize)>,
    refused: BTreeMap<CommandId, String>,
    /// The notice or release of whose outcome a command came that is not known to be taken.
    followed: BTreeMap<CommandId, StreamId>,
    /// Rounds of which steps could not be planned, because a date could not be reckoned or the definition does not hold.
    undated: BTreeSet<RoundId>,
    /// What is wrong in a round, in words, since it was planned last.
    troubles: BTreeMap<RoundId, BTreeSet<String>>,
    /// Events for which steps could not be planned, and why not.
    unplanned: BTreeMap<RunKey, Vec<Happened>>,
    /// By which versions of its workflow each round went before, and until when.
    migrated: BTreeMap<RoundId, Vec<(Timestamp, FileHash)>>,
    next_unpaused: Option<Timestamp>,
    /// When a fired occurrence that waits has to be looked at again.
    pub(crate) wake: Option<Timestamp>,
}

impl Default for Knowledge {
    fn default() -> Self {
        Self {
            world: World::of(&World::WITHOUT_FIGURES),
            timers: Timers::default(),
            fired: BTreeSet::new(),
            happened: BTreeMap::new(),
            replan: BTreeSet::new(),
            outcomes: Vec::new(),
            extended: BTreeMap::new(),
            carried: BTreeSet::new(),
            refused: BTreeMap::new(),
            followed: BTreeMap::new(),
            undated: BTreeSet::new(),
            troubles: BTreeMap::new(),
            unplanned: BTreeMap::new(),
            migrated: BTreeMap::new(),
            next_unpaused: None,
            wake: None,
        }
    }
}

/// The events whose outcome asks for something.
const OUTCOMES: [&str; 8] = [
    "NoticeSent",
    "NoticeBounced",
    "NoticeRefused",
    "NoticeUndelivered",
    "NoticeComplained",
    "NoticeDelivered",
    "NoticeAnswered",
    "ReleasePublished",
];

impl Knowledge {
    #[cfg(test)]
    pub(crate) fn with(world: World, timers: Timers) -> Self {
        Self { world, timers, ..Self::default() }
    }

    /// Takes in a record.
    pub(crate) fn take(&mut self, record: &Record) {
        let at = record.time().instant();
        if let Event::Run(event) = &record.event {
            self.take_run(record, event);
        }
        self.world.apply(&record.stream, &record.event, &record.stamp());
        if OUTCOMES.contains(&record.name.as_str()) {
            self.outcomes.push(record.stream.clone());
        }
        let Some(round) = record.stream.round_id().or_else(|| self.round_of_release(&record.stream)) else { return };
        let country = match &record.event {
            Event::Round(RoundEvent::CountryAdmitted { participant, .. }) => Some(participant.country.clone()),
            Event::Round(RoundEvent::DeadlineExtended { country, .. }) => Some(country.clone()),
            Event::Participation(_) => record.stream.country(),
            _ => None,
        };
        if let Event::Round(RoundEvent::DeadlineExtended { country, .. }) = &record.event {
            self.extended.insert((round.clone(), Some(country.clone())), at);
        }
        if matches!(record.event, Event::Round(_)) {
            self.replan.insert(round.clone());
            // A refusal may have been about the state that has just changed.
            self.refused.clear();
            self.outcomes.extend(std::mem::take(&mut self.followed).into_values());
        }
        if let Event::Round(RoundEvent::MigrationApproved { was, .. }) = &record.event {
            let before = (at, was.bundle.clone());
            self.migrated.entry(round.clone()).or_default().push(before);
        }
        if matches!(record.event, Event::Round(RoundEvent::RoundLaunched {})) {
            self.carry_lessons(&round, at);
        }
        let waited_for = TRIGGER_EVENTS.iter().find(|known| known.name == record.name);
        if let Some(known) = waited_for.filter(|known| (known.each == Each::Country) == country.is_some()) {
            let happened = Happened { event: known.word, at, of: record.command.to_string()[..12].to_owned() };
            let all = self.happened.entry((round, country)).or_default();
            if !all.contains(&happened) {
                all.push(happened);
            }
        }
    }

    /// A round that is launched begins with what was learned for its workflow in the rounds that were launched since the last
    /// one of it, and in that one.
    fn carry_lessons(&mut self, id: &RoundId, at: Timestamp) {
        let Some(workflow) = self.world.round(id).and_then(|round| round.pin.as_ref()).map(|pin| pin.workflow.clone())
        else {
            return;
        };
        let mut carried = Vec::new();
        for (other, round) in self.world.rounds().into_iter().filter(|(other, _)| other != id) {
            let mine = round.lessons.iter().enumerate().filter(|(_, (of, _))| *of == workflow);
            for (number, _) in mine {
                let lesson = Happened { event: LESSON_CARRIED, at, of: format!("{other}.{number}") };
                if self.carried.insert((other.clone(), number)) {
                    carried.push(lesson);
                }
            }
        }
        if !carried.is_empty() {
            self.happened.entry((id.clone(), None)).or_default().extend(carried);
        }
    }

    fn round_of_release(&self, stream: &StreamId) -> Option<RoundId> {
        let release = stream.part(0).filter(|_| stream.kind() == StreamKind::Release)?.parse().ok()?;
        self.world.release(&release)?.round.clone()
    }

    fn take_run(&mut self, record: &Record, event: &RunEvent) {
        let Some(round) = record.stream.round_id() else { return };
        let key = (round.clone(), record.stream.country());
        match event {
            RunEvent::StepPlanned { due, .. } | RunEvent::StepMoved { is: due, .. } => {
                self.timers.set(due.at, key);
                if matches!(event, RunEvent::StepMoved { .. }) {
                    // It may have been wished before the round changed once more.
                    self.replan.insert(round);
                }
            }
            RunEvent::StepFired { occurrence, .. } => {
                // The next occurrence of a schedule follows the one that fired; its own name is a local time.
                if occurrence.of.parse::<jiff::civil::DateTime>().is_ok() {
                    self.replan.insert(round);
                }
                self.fired.insert((key, occurrence.clone()));
            }
            RunEvent::StepCompleted { occurrence, .. } => {
                self.fired.remove(&(key, occurrence.clone()));
            }
            RunEvent::TaskOpened { .. } | RunEvent::TaskEscalated { .. } | RunEvent::TaskAnswered { .. } => {}
        }
    }

    /// The bundles that rounds are pinned to, and those that they were.
    pub(crate) fn pins(&self) -> BTreeSet<FileHash> {
        let pins = self.world.rounds().into_iter().filter_map(|(_, round)| Some(round.pin.as_ref()?.bundle.clone()));
        pins.chain(self.migrated.values().flatten().map(|(_, was)| was.clone())).collect()
    }

    /// By which versions of its workflow a round went at that instant or later, but does not go any more.
    pub(crate) fn versions_since(&self, round: &RoundId, at: Timestamp) -> impl Iterator<Item = &FileHash> {
        let all = self.migrated.get(round).into_iter().flatten();
        all.filter(move |(until, _)| at <= *until).map(|(_, was)| was)
    }

    /// Occurrences due by now, earliest first, of rounds that are not held.
    pub(crate) fn due(&mut self, now: Timestamp) -> Vec<(RunKey, Occurrence)> {
        let (mut due, next) = self.timers.due(&self.world, now);
        due.truncate(AT_ONCE);
        self.next_unpaused = next;
        due
    }

    /// When the next occurrence is due that [`Self::due`] did not return, or one that waits has to be looked at again.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        [self.next_unpaused, self.wake].into_iter().flatten().min()
    }

    /// Whether a step whose time has come is due once more: its time had come when the deadline was moved, and by the new
    /// deadline it is still to come.
    pub(crate) fn comes_again(&self, key: &RunKey, was: &Moment, is: &Moment) -> bool {
        self.extended.get(key).is_some_and(|moved| was.at <= *moved && *moved < is.at)
    }

    /// Remembers of which outcome a command comes.
    pub(crate) fn follows(&mut self, id: CommandId, outcome: &StreamId) {
        self.followed.insert(id, outcome.clone());
    }

    /// A command was taken; whether it came of an outcome.
    pub(crate) fn taken(&mut self, id: CommandId) -> bool {
        self.followed.remove(&id).is_some()
    }

    /// Remembers that a command was refused, and why.
    pub(crate) fn refused(&mut self, command: &Command, why: String) {
        if let Wish::Run { round, command: RunCommand::Plan { .. }, .. } = &command.wish {
            self.undated(round);
        }
        self.refused.insert(command.id, why);
    }

    /// Remembers that something is wrong in a round, until it changes.
    pub(crate) fn troubled(&mut self, round: &RoundId, why: String) {
        let all = self.troubles.entry(round.clone()).or_default();
        if !all.contains(&why) {
            tracing::error!(%round, "{why}");
            all.insert(why);
        }
    }

    /// What is wrong in a round: the first thing, and that there is more.
    pub(crate) fn trouble(&self, round: &RoundId) -> Option<String> {
        let all = self.troubles.get(round)?;
        let more = if all.len() > 1 { format!(" (and {} more of the kind)", all.len() - 1) } else { String::new() };
        all.first().map(|first| format!("{first}{more}"))
    }

    /// Remembers that some steps of a round could not be planned.
    pub(crate) fn undated(&mut self, round: &RoundId) {
        self.undated.insert(round.clone());
    }

    /// Remembers that steps could not be planned for an event.
    pub(crate) fn unplanned(&mut self, key: &RunKey, event: Happened) {
        let all = self.unplanned.entry(key.clone()).or_default();
        if !all.contains(&event) {
            all.push(event);
        }
    }

    /// The rounds to be planned again, each with what could not be planned before.
    pub(crate) fn take_replan(&mut self) -> BTreeSet<RoundId> {
        let rounds = std::mem::take(&mut self.replan);
        self.undated.retain(|round| !rounds.contains(round));
        // Of one that is not configured yet nothing was planned.
        let Self { world, troubles, .. } = self;
        let is_live = |id: &RoundId| world.round(id).is_some_and(|round| round.state != RoundState::Planned);
        troubles.retain(|round, _| !(rounds.contains(round) && is_live(round)));
        let again = self.unplanned.extract_if(.., |key, _| rounds.contains(&key.0));
        again.for_each(|(key, some)| self.happened.entry(key).or_default().extend(some));
        rounds
    }

    /// Why a command was refused, if it was and nothing has changed since.
    pub(crate) fn refusal(&self, id: CommandId) -> Option<&str> {
        self.refused.get(&id).map(String::as_str)
    }

    /// How many commands were refused for this reason, and nothing has changed since.
    pub(crate) fn refused_for(&self, why: &str) -> usize {
        self.refused.values().filter(|other| *other == why).count()
    }

    /// Where an occurrence stands.
    pub(crate) fn stage(&self, key: &RunKey, occurrence: &Occurrence) -> Option<&Stage> {
        self.world.run(&key.0, key.1.as_ref())?.occurrence(occurrence).map(|(_, stage)| stage)
    }
}
