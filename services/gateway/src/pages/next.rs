//! What happens next in a round: the steps that would be carried out as things stand, each with its reason.

use jiff::Timestamp;
use rondo_domain::RoundId;
use rondo_domain::round::RoundState;
use rondo_domain::run::Stage;
use rondo_domain::workflow::{Guarded, Needed, needed, unmet};
use rondo_domain::world::World;

use super::words;
use crate::projection::Texts;

/// How many coming steps are shown.
const SHOWN: usize = 10;

/// A coming step.
pub(super) struct NextStep {
    pub(super) when: String,
    pub(super) country: String,
    pub(super) step: String,
    pub(super) why: String,
}

/// The next steps, and how many more are planned. A step whose guards do not hold now is left out: as things stand it will
/// not be carried out.
pub(super) fn steps(world: &World, id: &RoundId, texts: &Texts) -> (Vec<NextStep>, usize) {
    let Some(round) = world.round(id) else { return (Vec::new(), 0) };
    // Before its launch nothing that guards ask about is there yet.
    let has_begun = !matches!(round.state, RoundState::Unplanned | RoundState::Planned | RoundState::Configured);
    let mut coming: Vec<(Timestamp, NextStep)> = Vec::new();
    for (_, country, run) in world.runs().into_iter().filter(|(of, ..)| of == id) {
        let participation = country.as_ref().and_then(|country| world.participation(id, country));
        for (occurrence, (due, stage)) in &run.occurrences {
            let step = texts.definition.as_ref().and_then(|definition| definition.step(&occurrence.step));
            let guards = step.into_iter().flat_map(|step| step.guards.iter().map(String::as_str));
            if *stage != Stage::Planned
                || (has_begun && unmet(guards, Guarded { round, participation }).is_some())
                || step.zip(texts.definition.as_ref()).is_some_and(|(step, definition)| {
                    let key = (id, country.as_ref());
                    matches!(needed(world, definition, step, key, occurrence), Needed::Failed(_))
                })
            {
                continue;
            }
            let why = step.map(|step| step.why.clone()).unwrap_or_default();
            let next = NextStep {
                when: words::moment(due),
                country: country.as_ref().map(|country| words::country(texts, country)).unwrap_or_default(),
                step: occurrence.step.to_string(),
                why: if due.moved.is_empty() { why } else { format!("{why} ({})", due.explanation()) },
            };
            coming.push((due.at, next));
        }
    }
    coming.sort_by(|a, b| (a.0, &a.1.country, &a.1.step).cmp(&(b.0, &b.1.country, &b.1.step)));
    let more = coming.len().saturating_sub(SHOWN);
    (coming.into_iter().take(SHOWN).map(|(_, step)| step).collect(), more)
}
