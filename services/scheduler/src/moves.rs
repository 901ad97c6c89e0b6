//! What a change of a calendar moves: the steps still to come, and the dates that would fall elsewhere had they not been told.

use rondo_domain::Country;
use rondo_domain::calendar::{CalendarChange, DateMove, Moment};
use rondo_domain::round::Round;
use rondo_domain::run::{Run, Stage};
use rondo_domain::workflow::{Each, Trigger};

use crate::definitions::Ready;
use crate::plan::PlanError;

/// A step that another version of the workflow moves, brings or takes away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepMove {
    /// Whose; the round's own, without one.
    pub country: Option<Country>,
    /// Which.
    pub step: String,
    /// When it was due, if it was.
    pub was: Option<Moment>,
    /// When it is due, if it is.
    pub is: Option<Moment>,
}

impl Ready {
    /// The dates of a round that these changes move, and those that stay although they would be reckoned otherwise, in the
    /// order of their instants. `run` gives the run of a country, or of the round itself.
    ///
    /// # Errors
    /// When a change is about what is not known, or a date cannot be reckoned with it.
    pub fn moved_by<'r>(
        &self,
        round: &Round,
        changes: &[CalendarChange],
        run: impl Fn(Option<&Country>) -> Option<&'r Run>,
    ) -> Result<Vec<DateMove>, PlanError> {
        // What was recorded before may not be applicable any more; what is wished now has to be.
        self.calendars.changed(changes)?;
        let was = self.in_round(round);
        let mut after = round.clone();
        after.calendar_changes.extend(changes.iter().cloned());
        let is = self.in_round(&after);
        let mut moves = was.announced(&is, round)?;
        for step in &self.definition.steps {
            let Trigger::Milestone { milestone, .. } = &step.trigger else { continue };
            let whose: Vec<Option<&Country>> = match step.each {
                Each::Round => vec![None],
                Each::Country => round.participants.keys().map(Some).collect(),
            };
            for country in whose {
                let planned = run(country).and_then(|run| run.newest(&step.id, milestone.as_str()));
                let Some((_, planned, Stage::Planned)) = planned else { continue };
                let due = match is.milestone_due(&after, step, country) {
                    // The change mends another country's days, or does not reach these.
                    Err(_) if was.milestone_due(round, step, country).is_err() => continue,
                    due => due?,
                };
                if let Some(due) = due.filter(|due| due.at != planned.at) {
                    let of = step.id.to_string();
                    let moved = DateMove { country: country.cloned(), of, was: planned.clone(), is: due, stays: false };
                    moves.push(moved);
                }
            }
        }
        moves.sort_by(|a, b| (a.was.at, &a.country, &a.of).cmp(&(b.was.at, &b.country, &b.of)));
        Ok(moves)
    }

    /// What another version of the workflow does to the steps that are still to come, of each country and of the round: the
    /// moment until now, and from now on; nothing where a step comes or is no more.
    ///
    /// # Errors
    /// When a date cannot be reckoned by it.
    pub fn migrated_to<'r>(
        &self,
        other: &Self,
        round: &Round,
        run: impl Fn(Option<&Country>) -> Option<&'r Run>,
    ) -> Result<Vec<StepMove>, PlanError> {
        let is = other.in_round(round);
        let mut moves = Vec::new();
        let everybody = round.participants.keys().map(Some).chain([None]);
        for country in everybody {
            let Some(run) = run(country) else { continue };
            for step in other.definition.steps.iter().filter(|step| (step.each == Each::Country) == country.is_some()) {
                let Trigger::Milestone { milestone, .. } = &step.trigger else { continue };
                let Some(due) = is.milestone_due(round, step, country)? else { continue };
                let was = match run.newest(&step.id, milestone.as_str()) {
                    Some((_, was, Stage::Planned)) if was.at != due.at => Some(was.clone()),
                    Some(_) => continue,
                    None => None,
                };
                moves.push(StepMove { country: country.cloned(), step: step.id.to_string(), was, is: Some(due) });
            }
            for (occurrence, was, stage) in run.occurrences() {
                if *stage == Stage::Planned && other.definition.step(&occurrence.step).is_none() {
                    let (country, step) = (country.cloned(), occurrence.step.to_string());
                    moves.push(StepMove { country, step, was: Some(was.clone()), is: None });
                }
            }
        }
        Ok(moves)
    }

    /// The milestones and deadlines whose rule gives another date by the other calendars. People were told the old one, which
    /// stays until somebody moves it by a decision of its own.
    fn announced(&self, is: &Self, round: &Round) -> Result<Vec<DateMove>, PlanError> {
        // Where nobody knew the dates before, none can be said to stay.
        let Ok(before) = self.round_plan(round.year) else { return Ok(Vec::new()) };
        let after = is.round_plan(round.year)?;
        let mut moves = Vec::new();
        for (id, was) in &before.milestones {
            moves.extend(stays(None, id.as_str(), was, after.milestones.get(id)));
        }
        for participant in before.participants.iter().filter(|part| !round.moves.contains_key(&part.country)) {
            let now = after.participants.iter().find(|other| other.country == participant.country);
            let (country, was) = (Some(participant.country.clone()), &participant.deadline);
            moves.extend(stays(country, "deadline", was, now.map(|now| &now.deadline)));
        }
        Ok(moves)
    }
}

fn stays(country: Option<Country>, of: &str, was: &Moment, is: Option<&Moment>) -> Option<DateMove> {
    let is = is.filter(|is| is.at != was.at)?;
    Some(DateMove { country, of: of.to_owned(), was: was.clone(), is: is.clone(), stays: true })
}
