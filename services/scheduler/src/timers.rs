//! When something is due: an index over all runs, so small that a million steps may wait for years.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rondo_domain::round::RoundState;
use rondo_domain::run::{Occurrence, Run};
use rondo_domain::world::World;

use crate::knowledge::RunKey;

/// When in which run something may be due. What it is stands in the run alone, and whether it still is: a step that was moved
/// or dropped leaves its old timer behind, which is let go when its time comes.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    runs: Vec<RunKey>,
    numbers: BTreeMap<RunKey, u32>,
    set: BTreeSet<(Timestamp, u32)>,
}

impl Timers {
    /// All of some runs at once; each is named by its number in `runs`.
    pub(crate) fn of(runs: Vec<RunKey>, set: Vec<(Timestamp, u32)>) -> Self {
        let numbers = runs.iter().cloned().zip(0..).collect();
        Self { runs, numbers, set: BTreeSet::from_iter(set) }
    }

    /// Whether there is a timer for everything that waits.
    pub(crate) fn has_all(&self, world: &World) -> bool {
        world.runs().into_iter().all(|(round, country, run)| {
            let number = self.numbers.get(&(round, country));
            run.planned().all(|(_, due)| number.is_some_and(|number| self.set.contains(&(due.at, *number))))
        })
    }

    /// Something is planned in a run for that instant.
    pub(crate) fn set(&mut self, at: Timestamp, run: RunKey) {
        let number = self.numbers.get(&run).copied().unwrap_or_else(|| {
            let number = self.runs.len() as u32;
            self.runs.push(run.clone());
            self.numbers.insert(run, number);
            number
        });
        self.set.insert((at, number));
    }

    /// Occurrences whose time has come and that have not fired, earliest first, of rounds that are not held; and when the next
    /// may be due.
    pub(crate) fn due(&mut self, world: &World, now: Timestamp) -> (Vec<(RunKey, Occurrence)>, Option<Timestamp>) {
        let (mut come, mut next) = (Vec::new(), None);
        for (at, number) in &self.set {
            let Some(key) = self.runs.get(*number as usize) else { continue };
            let round = world.round(&key.0);
            if *at > now {
                // What is held has no next time; whatever lets it go on is an event.
                let waits = round.is_some_and(|round| !round.paused && round.state != RoundState::Cancelled);
                next = waits.then_some(*at);
                if waits {
                    break;
                }
            } else if round.is_some_and(|round| !round.paused) {
                come.push((*at, *number, key));
            }
        }
        // Nothing of a cancelled round comes any more.
        let lives = |key: &RunKey| world.round(&key.0).is_some_and(|round| round.state != RoundState::Cancelled);
        let runs: BTreeSet<(u32, &RunKey)> =
            come.iter().filter(|(.., key)| lives(key)).map(|(_, number, key)| (*number, *key)).collect();
        let mut due = Vec::new();
        for (number, key) in runs {
            let planned = world.run(&key.0, key.1.as_ref()).into_iter().flat_map(Run::planned);
            due.extend(planned.filter(|(_, moment)| moment.at <= now).map(|(of, moment)| (moment.at, key, of, number)));
        }
        due.sort_unstable();
        let timers: BTreeSet<_> = due.iter().map(|(at, .., number)| (*at, *number)).collect();
        let gone: Vec<_> =
            come.iter().map(|(at, number, _)| (*at, *number)).filter(|one| !timers.contains(one)).collect();
        let due = due.into_iter().map(|(_, key, of, _)| (key.clone(), of.clone())).collect();
        for timer in &gone {
            self.set.remove(timer);
        }
        (due, next)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use rondo_domain::calendar::{Moment, Reckoning};
    use rondo_domain::event::{Event, Stamp};
    use rondo_domain::network::Network;
    use rondo_domain::round::RoundEvent;
    use rondo_domain::run::RunEvent;
    use rondo_domain::{RoundId, StreamId};

    use super::*;

    /// A round with so many steps that were due in 1970, and all their timers.
    fn waiting(count: usize) -> (World, Timers, RoundId) {
        let (mut world, mut timers) = (World::of(&World::WITHOUT_FIGURES), Timers::default());
        let round: RoundId = "ilms-asean-2025".parse().unwrap();
        happens(&mut world, &StreamId::round(&round), &Event::Round(RoundEvent::RoundLaunched {}));
        for n in 0..count {
            let occurrence = Occurrence { step: "remind".parse().unwrap(), of: n.to_string().into() };
            let reckoning =
                Reckoning { zone: "UTC".to_owned(), calendar: String::new(), moved: Vec::new(), rule: String::new() };
            let due = Moment::new(Timestamp::UNIX_EPOCH, date(1970, 1, 1).at(0, 0, 0, 0), reckoning);
            timers.set(due.at, (round.clone(), None));
            let planned = Event::Run(RunEvent::StepPlanned { occurrence, due });
            happens(&mut world, &StreamId::run(&round, None), &planned);
        }
        (world, timers, round)
    }

    fn happens(world: &mut World, stream: &StreamId, event: &Event) {
        let actor = Network::default().actor(&"scheduler".parse().unwrap(), None, None, Timestamp::UNIX_EPOCH).unwrap();
        let stamp = Stamp { at: Timestamp::UNIX_EPOCH, actor: &actor, position: 0 };
        world.apply(stream, event, &stamp);
    }

    #[test]
    fn timers_of_a_cancelled_round_are_let_go_and_those_of_a_paused_one_kept() {
        let (mut world, mut timers, round) = waiting(3);
        let stream = StreamId::round(&round);
        happens(&mut world, &stream, &Event::Round(RoundEvent::RoundPaused { reason: "wait".to_owned() }));
        assert_eq!(timers.due(&world, Timestamp::UNIX_EPOCH), (Vec::new(), None));
        happens(&mut world, &stream, &Event::Round(RoundEvent::RoundResumed { reason: "go on".to_owned() }));
        assert_eq!(timers.due(&world, Timestamp::UNIX_EPOCH).0.len(), 3);
        happens(&mut world, &stream, &Event::Round(RoundEvent::RoundCancelled { reason: "no more".to_owned() }));
        assert_eq!((timers.due(&world, Timestamp::UNIX_EPOCH), timers.set.len()), ((Vec::new(), None), 0));
    }

    #[test]
    fn a_turn_takes_a_part_of_what_is_due_and_the_next_ones_the_rest() {
        let (world, timers, _) = waiting(2_500);
        let mut known = crate::knowledge::Knowledge::with(world, timers);
        assert_eq!(known.due(Timestamp::UNIX_EPOCH).len(), 1_000);
    }
}
