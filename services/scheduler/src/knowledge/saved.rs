//! What a savepoint holds of the scheduler's knowledge: the folded states. What is due, and what has fired and is not done with,
//! follows from them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead};

use jiff::Timestamp;
use rondo_domain::event::Aggregate;
use rondo_domain::network::Network;
use rondo_domain::run::Stage;
use rondo_domain::world::World;
use rondo_domain::{RoundId, StreamId};
use rondo_runtime::savepoint::{Reader, SavepointError, Writer};
use serde::{Deserialize, Serialize};

use super::{Knowledge, RunKey};
use crate::timers::Timers;

/// The first line; each further one is a stream with its state.
#[derive(Serialize, Deserialize)]
struct First<'k> {
    network: Cow<'k, Network>,
    extended: Vec<(RunKey, Timestamp)>,
    carried: Cow<'k, BTreeSet<(RoundId, usize)>>,
}

impl Knowledge {
    /// Whether everything heard of was acted upon. As long as something was refused, or could not be reckoned, there is no
    /// savepoint: a start that reads the whole log tries it once more.
    pub(crate) fn is_settled(&self) -> bool {
        let Self { happened, replan, outcomes, refused, undated, .. } = self;
        happened.is_empty() && replan.is_empty() && outcomes.is_empty() && refused.is_empty() && !undated
    }

    /// Writes it down.
    pub(crate) fn save(&self, writer: &mut Writer<'_>) -> io::Result<()> {
        let network = Cow::Borrowed(self.world.network());
        let extended = self.extended.iter().map(|(key, at)| (key.clone(), *at)).collect();
        writer.line(&First { network, extended, carried: Cow::Borrowed(&self.carried) })?;
        self.world.states().try_for_each(|line| writer.line(&line))
    }

    /// Knows again what was written down.
    pub(crate) fn restored(reader: &mut Reader<impl BufRead>) -> Result<Self, SavepointError> {
        let mut known = Self::default();
        let Some(First { network, extended, carried }) = reader.line()? else { return Ok(known) };
        known.world = World::restored(&World::WITHOUT_FIGURES, network.into_owned());
        known.extended = BTreeMap::from_iter(extended);
        known.carried = carried.into_owned();
        let (mut runs, mut waiting) = (Vec::new(), Vec::new());
        while let Some((stream, state)) = reader.line::<(StreamId, Aggregate)>()? {
            if let (Aggregate::Run(run), Some(round)) = (&state, stream.round_id()) {
                let key = (round, stream.country());
                let fired = run.occurrences().filter(|(.., stage)| matches!(stage, Stage::Fired { .. }));
                known.fired.extend(fired.map(|(occurrence, ..)| (key.clone(), occurrence.clone())));
                waiting.extend(run.planned().map(|(_, due)| (due.at, runs.len() as u32)));
                runs.push(key);
            }
            known.world.restore(stream, state);
        }
        known.timers = Timers::of(runs, waiting);
        Ok(known)
    }
}

#[cfg(test)]
mod tests {
    use rondo_domain::CommandId;

    use super::*;

    #[test]
    fn what_a_start_has_to_try_again_is_not_settled() {
        let all_done = Knowledge::default;
        assert!(all_done().is_settled());
        let mut refused = all_done();
        refused.refused(CommandId::of(&["once"]), "not yet".to_owned());
        let round: RoundId = "ilms-asean-2025".parse().unwrap();
        let undated = Knowledge { undated: true, ..all_done() };
        let unplanned = Knowledge { replan: BTreeSet::from([round.clone()]), ..all_done() };
        let unheard = Knowledge { happened: BTreeMap::from([((round.clone(), None), Vec::new())]), ..all_done() };
        let unfollowed = Knowledge { outcomes: vec![StreamId::round(&round)], ..all_done() };
        for open in [refused, undated, unplanned, unheard, unfollowed] {
            assert!(!open.is_settled(), "{open:?}");
        }
    }
}
