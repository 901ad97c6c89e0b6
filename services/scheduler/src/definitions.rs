//! The pinned definition of each round, with its calendars, fetched by hash and checked.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rondo_domain::calendar::{CalendarChange, CalendarError, Calendars};
use rondo_domain::round::{Round, RoundState};
use rondo_domain::workflow::{Bundle, Definition, Problem, read_definition};
use rondo_domain::{Country, FileHash};
use rondo_eventlog::{Fault, Ledger, files};
use rondo_runtime::lifecycle::with_sources;

use crate::cron;
use crate::knowledge::Knowledge;

/// A definition ready for use.
#[derive(Debug, Clone)]
pub struct Ready {
    /// The definition.
    pub definition: Definition,
    /// The calendars of countries and places.
    pub calendars: Calendars,
}

impl Ready {
    /// The definition as it holds in a round: with the changes of calendars that were recorded in it, as far as they can be
    /// applied. Whose days are not known by them has no dates.
    pub fn in_round(&self, round: &Round) -> Cow<'_, Self> {
        if round.calendar_changes.is_empty() {
            return Cow::Borrowed(self);
        }
        let calendars = self.calendars.standing(&round.calendar_changes);
        Cow::Owned(Self { definition: self.definition.clone(), calendars })
    }

    /// The changes recorded in a round that cannot be applied, in sentences.
    fn unapplied(&self, round: &Round) -> impl Iterator<Item = String> {
        let told = |(change, error): &(&CalendarChange, CalendarError)| {
            format!("a change of the calendar of {} cannot be applied: {error}", change.country)
        };
        self.calendars.unapplied(&round.calendar_changes).iter().map(told).collect::<Vec<_>>().into_iter()
    }
}

/// Reads a bundle whole, which a round may be planned on: definition and calendars, each cron expression tried.
///
/// # Errors
/// The first problem, with its place.
pub fn read(bundle: &Bundle) -> Result<Ready, Problem> {
    let ready = joined(bundle, Calendars::read(bundle)?)?;
    cron::check(&ready.definition, bundle.text("workflow.toml")?)?;
    Ok(ready)
}

/// Reads a bundle that a round is pinned to already. What a later version asks of new ones alone is not asked of it: a round
/// that began goes on.
///
/// # Errors
/// The first problem, with its place.
pub fn pinned(bundle: &Bundle) -> Result<Ready, Problem> {
    joined(bundle, Calendars::pinned(bundle)?)
}

fn joined(bundle: &Bundle, calendars: Calendars) -> Result<Ready, Problem> {
    let definition = read_definition(bundle)?;
    let workflow = bundle.text("workflow.toml")?;
    let participants = bundle.text("participants.toml")?;
    let expected = definition.expected.iter().map(|expected| ("participants.toml", participants, &expected.country));
    let clocks = definition.milestones.values().filter_map(|rule| rule.country.as_ref()).chain([&definition.home]);
    for (file, text, country) in expected.chain(clocks.map(|country| ("workflow.toml", workflow, country))) {
        if calendars.get(country).is_none() {
            let offset = text.find(&format!("\"{country}\"")).unwrap_or(0);
            let message = format!("{country} has no calendar in calendar/countries.toml");
            let known = calendars.countries.keys().map(Country::as_str);
            return Err(Problem::at(file, text, offset, message).suggest(country.as_str(), known));
        }
    }
    cron::read(&definition, workflow)?;
    Ok(Ready { definition, calendars })
}

/// The definitions in use, by the hash of their bundle; of those that cannot be read, why not.
#[derive(Debug, Default)]
pub(crate) struct Definitions(BTreeMap<FileHash, Result<Ready, String>>);

impl Definitions {
    /// Fetches what a round is pinned to and is not here yet. What cannot be read holds up its own rounds alone, and is tried
    /// again at the next start.
    pub(crate) async fn load(&mut self, ledger: &dyn Ledger, knowledge: &Knowledge) -> Result<(), Fault> {
        for hash in knowledge.pins() {
            if self.0.contains_key(&hash) {
                continue;
            }
            let ready = match fetched(ledger, &hash).await {
                Err(fault) if fault.is_passing() => return Err(fault),
                fetched => fetched.map_err(|fault| with_sources(&fault)),
            };
            if let Err(why) = &ready {
                tracing::error!("the workflow {hash} cannot be read, and its rounds wait: {why}");
            }
            self.0.insert(hash, ready);
        }
        Ok(())
    }

    pub(crate) fn get(&self, hash: &FileHash) -> Option<&Ready> {
        self.0.get(hash)?.as_ref().ok()
    }

    /// What is wrong with the definitions and calendars of rounds that are under way, in sentences.
    pub(crate) fn troubles(&self, knowledge: &Knowledge) -> Vec<String> {
        let mut told = Vec::new();
        for (id, round) in knowledge.world.rounds() {
            let Some(pin) = round.pin.as_ref().filter(|_| is_under_way(round)) else { continue };
            match self.0.get(&pin.bundle) {
                Some(Ok(ready)) => told.extend(ready.unapplied(round).map(|what| format!("In {id} {what}."))),
                Some(Err(why)) => told.push(format!("The workflow of {id} cannot be read, and its steps wait: {why}.")),
                None => {}
            }
            told.extend(knowledge.trouble(&id).map(|what| format!("In {id} {what}.")));
        }
        told
    }
}

fn is_under_way(round: &Round) -> bool {
    !matches!(round.state, RoundState::Unplanned | RoundState::Published | RoundState::Cancelled)
}

async fn fetched(ledger: &dyn Ledger, hash: &FileHash) -> Result<Ready, Fault> {
    let bytes = files::fetch(ledger, hash).await?;
    let bundle = Bundle::from_bytes(&bytes).map_err(|e| Fault::storage(format!("the workflow {hash}"), e))?;
    pinned(&bundle).map_err(|e| Fault::storage(format!("the workflow {hash}"), e))
}
