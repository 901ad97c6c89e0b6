//! The pinned definition of each round, with its calendars, fetched by hash and checked.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rondo_domain::calendar::{CalendarError, Calendars};
use rondo_domain::round::Round;
use rondo_domain::workflow::{Bundle, Definition, Problem, read_definition};
use rondo_domain::{Country, FileHash};
use rondo_eventlog::{Fault, Ledger, files};

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
    /// The definition as it holds in a round: with the changes of calendars that were recorded in it.
    ///
    /// # Errors
    /// When a change is about what is not known here.
    pub fn in_round(&self, round: &Round) -> Result<Cow<'_, Self>, CalendarError> {
        if round.calendar_changes.is_empty() {
            return Ok(Cow::Borrowed(self));
        }
        let calendars = self.calendars.changed(&round.calendar_changes)?;
        Ok(Cow::Owned(Self { definition: self.definition.clone(), calendars }))
    }
}

/// Reads a bundle whole: definition and calendars, each cron expression tried.
///
/// # Errors
/// The first problem, with its place.
pub fn read(bundle: &Bundle) -> Result<Ready, Problem> {
    let definition = read_definition(bundle)?;
    let calendars = Calendars::read(bundle)?;
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
    cron::check(&definition, workflow)?;
    Ok(Ready { definition, calendars })
}

/// The definitions in use, by the hash of their bundle.
#[derive(Debug, Default)]
pub(crate) struct Definitions(BTreeMap<FileHash, Ready>);

impl Definitions {
    /// Fetches what a round is pinned to and is not here yet.
    pub(crate) async fn load(&mut self, ledger: &dyn Ledger, knowledge: &Knowledge) -> Result<(), Fault> {
        for hash in knowledge.pins() {
            if self.0.contains_key(&hash) {
                continue;
            }
            let bytes = files::fetch(ledger, &hash).await?;
            let bundle = Bundle::from_bytes(&bytes).map_err(|e| Fault::storage(format!("the workflow {hash}"), e))?;
            let ready = read(&bundle).map_err(|e| Fault::storage(format!("the workflow {hash}"), e))?;
            self.0.insert(hash, ready);
        }
        Ok(())
    }

    pub(crate) fn get(&self, hash: &FileHash) -> Option<&Ready> {
        self.0.get(hash)
    }
}
