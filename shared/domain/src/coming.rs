//! What comes next in a round: the steps that would be carried out as things stand.

use crate::calendar::Moment;
use crate::round::RoundState;
use crate::run::Occurrence;
use crate::workflow::{Definition, Guarded, Needed, needed, recipients, unmet};
use crate::world::World;
use crate::{Country, RoundId};

/// A step that is planned and, as things stand, will be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coming {
    /// Whose step; the round's own, without one.
    pub country: Option<Country>,
    /// Which.
    pub occurrence: Occurrence,
    /// When, and how that was reckoned.
    pub due: Moment,
    /// Why, as the workflow has it.
    pub why: String,
}

impl Coming {
    /// Why it comes, as the workflow has it, and how its date was reckoned where that moved it off the day that this names.
    pub fn explained(&self) -> String {
        let why = &self.why;
        if self.due.reckoned.moved.is_empty() { why.clone() } else { format!("{why} ({})", self.due.explanation()) }
    }
}

/// The coming steps of a round, the earliest first. A step whose guards do not hold now, or that needs another which was not
/// carried out, is left out: as things stand it will not be carried out either.
pub fn coming(world: &World, id: &RoundId, definition: Option<&Definition>) -> Vec<Coming> {
    let Some(round) = world.round(id) else { return Vec::new() };
    // Before its launch nothing that guards ask about is there yet.
    let has_begun = !matches!(round.state, RoundState::Unplanned | RoundState::Planned | RoundState::Configured);
    let mut coming = Vec::new();
    for (_, country, run) in world.runs().into_iter().filter(|(of, ..)| of == id) {
        let participation = country.as_ref().and_then(|country| world.participation(id, country));
        for (occurrence, due) in run.planned() {
            let step = definition.and_then(|definition| definition.step(&occurrence.step));
            let guards = step.into_iter().flat_map(|step| step.guards.iter().map(String::as_str));
            let key = (id, country.as_ref());
            let recipients = step.and_then(|step| recipients(world, step, key, due.at));
            let guarded = Guarded { round, participation, recipients: recipients.as_deref() };
            let guarded = || has_begun && unmet(guards, guarded).is_some();
            let failed = || {
                step.zip(definition).is_some_and(|(step, definition)| {
                    matches!(needed(world, definition, step, key, occurrence), Needed::Failed(_))
                })
            };
            if guarded() || failed() {
                continue;
            }
            coming.push(Coming {
                country: country.clone(),
                occurrence: occurrence.clone(),
                due: due.clone(),
                why: step.map(|step| step.why.clone()).unwrap_or_default(),
            });
        }
    }
    coming.sort_by(|a, b| (a.due.at, &a.country, &a.occurrence).cmp(&(b.due.at, &b.country, &b.occurrence)));
    coming
}

/// How long after its time a step that has not fired raises an alarm.
pub const SILENCE: jiff::SignedDuration = jiff::SignedDuration::from_mins(15);

/// How many steps of every round should have fired and have not, and when the first of them was due: the scheduler is silent.
/// A paused or cancelled round fires nothing.
pub fn silence(world: &World, now: jiff::Timestamp) -> Option<(usize, Moment)> {
    let quiet = |id: &RoundId| world.round(id).is_none_or(|round| round.paused || round.state == RoundState::Cancelled);
    let runs = world.runs().into_iter().filter(|(id, ..)| !quiet(id));
    let overdue = runs.flat_map(|(_, _, run)| run.planned().filter(|(_, due)| due.at + SILENCE < now));
    let (mut count, mut first): (usize, Option<&Moment>) = (0, None);
    for (_, due) in overdue {
        count += 1;
        if first.is_none_or(|first| due.at < first.at) {
            first = Some(due);
        }
    }
    first.map(|first| (count, first.clone()))
}
