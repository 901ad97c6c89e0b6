//! What a savepoint holds of the scheduler's knowledge: the folded states, and what is still to be acted on. What is due, and what
//! has fired and is not done with, follows from them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead};

use jiff::Timestamp;
use rondo_domain::event::Aggregate;
use rondo_domain::network::Network;
use rondo_domain::run::Stage;
use rondo_domain::world::World;
use rondo_domain::{FileHash, RoundId, StreamId};
use rondo_runtime::savepoint::{Reader, SavepointError, Writer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Happened, Knowledge, RunKey, TRIGGER_EVENTS};
use crate::timers::Timers;

/// The first line; each further one is a stream with its state. What was refused or could not be planned is open: a start tries
/// it again, as one does that reads the whole log.
#[derive(Serialize, Deserialize)]
struct First {
    network: Network,
    extended: Vec<(RunKey, Timestamp)>,
    carried: BTreeSet<(RoundId, usize)>,
    migrated: BTreeMap<RoundId, Vec<(Timestamp, FileHash)>>,
    happened: Vec<(RunKey, Vec<Happened>)>,
    replan: BTreeSet<RoundId>,
    outcomes: BTreeSet<StreamId>,
}

impl Serialize for Happened {
    fn serialize<S: Serializer>(&self, writer: S) -> Result<S::Ok, S::Error> {
        (self.event, self.at, &self.of).serialize(writer)
    }
}

impl<'de> Deserialize<'de> for Happened {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        let (event, at, of): (String, _, _) = Deserialize::deserialize(reader)?;
        let unknown = || serde::de::Error::custom(format_args!("`{event}` is no event that steps wait for"));
        let known = TRIGGER_EVENTS.iter().find(|known| known.word == event).ok_or_else(unknown)?;
        Ok(Self { event: known.word, at, of })
    }
}

impl Knowledge {
    /// Events that steps may wait for and that were not planned for yet, or could not be.
    fn open_events(&self) -> BTreeMap<RunKey, Vec<Happened>> {
        let mut open = self.happened.clone();
        self.unplanned.iter().for_each(|(key, some)| open.entry(key.clone()).or_default().extend(some.iter().cloned()));
        open
    }

    /// Writes it down.
    pub(crate) fn save(&self, writer: &mut Writer<'_>) -> io::Result<()> {
        writer.line(&First {
            network: self.world.network().clone(),
            extended: self.extended.clone().into_iter().collect(),
            carried: self.carried.clone(),
            migrated: self.migrated.clone(),
            happened: self.open_events().into_iter().collect(),
            replan: &self.replan | &self.undated,
            outcomes: self.outcomes.iter().chain(self.followed.values()).cloned().collect(),
        })?;
        self.world.states().try_for_each(|line| writer.line(&line))
    }

    /// Knows again what was written down.
    pub(crate) fn restored(reader: &mut Reader<impl BufRead>) -> Result<Self, SavepointError> {
        let first: First = reader.line()?.ok_or(SavepointError::CutOff(2))?;
        let mut known = Self {
            world: World::restored(&World::WITHOUT_FIGURES, first.network),
            extended: first.extended.into_iter().collect(),
            carried: first.carried,
            migrated: first.migrated,
            happened: first.happened.into_iter().collect(),
            replan: first.replan,
            outcomes: first.outcomes.into_iter().collect(),
            ..Self::default()
        };
        let (mut runs, mut waiting) = (Vec::new(), Vec::new());
        while let Some((stream, version, state)) = reader.line::<(StreamId, u64, Aggregate)>()? {
            if let (Aggregate::Run(run), Some(round)) = (&state, stream.round_id()) {
                let key = (round, stream.country());
                let fired = run.occurrences().filter(|(.., stage)| matches!(stage, Stage::Fired { .. }));
                known.fired.extend(fired.map(|(occurrence, ..)| (key.clone(), occurrence.clone())));
                waiting.extend(run.planned().map(|(_, due)| (due.at, runs.len() as u32)));
                runs.push(key);
            }
            known.world.restore(stream, version, state);
        }
        known.timers = Timers::of(runs, waiting);
        Ok(known)
    }

    /// Whether another one knows the same and would do the same.
    pub(crate) fn agrees_with(&self, other: &Self) -> bool {
        let outcomes =
            |one: &Self| -> BTreeSet<StreamId> { one.outcomes.iter().chain(one.followed.values()).cloned().collect() };
        self.world == other.world
            && self.fired == other.fired
            && (&self.extended, &self.carried, &self.migrated) == (&other.extended, &other.carried, &other.migrated)
            && self.open_events() == other.open_events()
            && &self.replan | &self.undated == &other.replan | &other.undated
            && outcomes(self) == outcomes(other)
            && [self, other].iter().all(|one| one.timers.has_all(&one.world))
    }
}

#[cfg(test)]
mod tests {
    use rondo_domain::event::Event;
    use rondo_domain::release::ReleaseCommand;
    use rondo_domain::round::RoundEvent;
    use rondo_domain::{Command, Wish};
    use rondo_eventlog::Record;
    use rondo_runtime::savepoint::{Reached, Savepoints};

    use super::*;

    #[test]
    fn a_start_tries_again_what_was_refused_or_could_not_be_planned() {
        let folder = tempfile::tempdir().unwrap();
        let savepoints = Savepoints::of(folder.path(), "scheduler");
        let round: RoundId = "ilms-asean-2025".parse().unwrap();
        let key = (round.clone(), Some("LAO".parse().unwrap()));
        let happened = Happened { event: "query-opened", at: Timestamp::UNIX_EPOCH, of: "0123456789ab".to_owned() };
        let wish = Wish::Release { release: "ilms-asean-2025.1".parse().unwrap(), command: ReleaseCommand::Approve };
        let outcome = wish.stream();
        let command = Command::of_service("scheduler", &["once"], wish).unwrap();
        let mut known = Knowledge::default();
        known.undated(&round);
        known.unplanned(&key, happened.clone());
        known.follows(command.id, &outcome);
        known.refused(&command, "not yet".to_owned());
        savepoints.write(Reached { position: 1, last: [0; 32] }, |writer| known.save(writer)).unwrap();
        let again = Knowledge::restored(&mut savepoints.open().unwrap().unwrap()).unwrap();
        assert!(again.agrees_with(&known));
        assert!(again.refusal(command.id).is_none());
        assert_eq!((&again.outcomes, &again.replan), (&vec![outcome.clone()], &BTreeSet::from([round.clone()])));
        assert_eq!(again.happened, BTreeMap::from([(key.clone(), vec![happened.clone()])]));
        // When the round changes, the refused one is followed again at once, without a start.
        let mut changed = Knowledge::default();
        changed.follows(command.id, &outcome);
        changed.refused(&command, "not yet".to_owned());
        changed.take(&Record {
            bytes: bytes::Bytes::new(),
            stream: StreamId::round(&round),
            version: 0,
            position: 0,
            recorded_at: Timestamp::UNIX_EPOCH,
            clock: None,
            actor: Network::default().actor(&command.actor, None, None, Timestamp::UNIX_EPOCH).unwrap(),
            via: None,
            on_behalf_of: None,
            command: command.id,
            cause: None,
            wish: None,
            event: Event::Round(RoundEvent::RoundFinalising {}),
            name: "RoundFinalising".to_owned(),
            schema: 1,
        });
        assert_eq!((&changed.outcomes, changed.refusal(command.id)), (&vec![outcome.clone()], None));
        // A command that was taken leaves nothing to be tried; what was planned with the round is not tried twice.
        known.taken(command.id);
        assert!(!again.agrees_with(&known));
        known.replan.insert(round);
        known.take_replan();
        assert!(known.undated.is_empty() && known.unplanned.is_empty());
        assert_eq!(known.happened, BTreeMap::from([(key, vec![happened])]));
    }
}
