//! The pinned definition of each round, with its calendars, fetched by hash and checked.

use std::collections::BTreeMap;

use rondo_domain::calendar::{Calendar, read_calendars};
use rondo_domain::workflow::{Bundle, Definition, Problem, read_definition};
use rondo_domain::{Country, FileHash};
use rondo_eventlog::{Fault, Ledger, files};

use crate::cron;
use crate::knowledge::Knowledge;

/// A definition ready for use.
#[derive(Debug)]
pub struct Ready {
    /// The definition.
    pub definition: Definition,
    /// Calendars by country.
    pub calendars: BTreeMap<Country, Calendar>,
}

/// Reads a bundle whole: definition and calendars, each cron expression tried.
///
/// # Errors
/// The first problem, with its place.
pub fn read(bundle: &Bundle) -> Result<Ready, Problem> {
    let definition = read_definition(bundle)?;
    let calendars = read_calendars(bundle.text("calendar/countries.toml")?, bundle.text("calendar/holidays.csv")?)
        .map_err(|error| error.0)?;
    let workflow = bundle.text("workflow.toml")?;
    let participants = bundle.text("participants.toml")?;
    let expected = definition.expected.iter().map(|expected| ("participants.toml", participants, &expected.country));
    let clocks = definition.milestones.values().filter_map(|rule| rule.country.as_ref()).chain([&definition.home]);
    for (file, text, country) in expected.chain(clocks.map(|country| ("workflow.toml", workflow, country))) {
        if !calendars.contains_key(country) {
            let offset = text.find(&format!("\"{country}\"")).unwrap_or(0);
            let message = format!("{country} has no calendar in calendar/countries.toml");
            let known = calendars.keys().map(Country::as_str);
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
