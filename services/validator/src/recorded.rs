//! What stands: the figures of a country as recorded, and as the sender of a file could see them.

use std::collections::{BTreeMap, BTreeSet};

use rondo_domain::event::Event;
use rondo_domain::figure::{CellWish, Figures, SheetKey};
use rondo_domain::participation::ReceivedSubmission;
use rondo_domain::table::{Questionnaire, TableNo};
use rondo_domain::{Country, Source, Year};
use rondo_eventlog::{Fault, Ledger, ledger};
use rondo_rules::{Reported, Sheet};

/// A sheet that is recorded.
#[derive(Debug, Default)]
pub(crate) struct RecordedSheet {
    /// As it is now.
    pub(crate) current: Figures,
    /// As the sender could see it: what was there when the file arrived, and what the sender recorded since. What another
    /// recorded meanwhile is not in it, so that nobody overwrites unseen.
    pub(crate) seen: Figures,
    /// How many records its stream has: what is wished of it is told from what was wished before by that.
    pub(crate) version: u64,
}

/// The sources of every figure of a country, whatever its year.
pub(crate) async fn sources(reader: &dyn Ledger, country: &Country) -> Result<Vec<Source>, Fault> {
    let records = ledger::read_all(reader, &format!("figures/{country}/")).await?;
    let sources: BTreeSet<Source> =
        records.iter().filter_map(|record| record.stream.sheet()).map(|sheet| sheet.source).collect();
    Ok(sources.into_iter().collect())
}

/// Every recorded sheet of a country in the years and tables that are asked.
#[derive(Debug, Default)]
pub(crate) struct Recorded(BTreeMap<SheetKey, (TableNo, RecordedSheet)>);

impl Recorded {
    /// Reads it from the log, for a submission of this country.
    pub(crate) async fn read(
        reader: &dyn Ledger,
        questionnaire: &Questionnaire,
        country: &Country,
        (years, tables): (&[Year], &[TableNo]),
        received: &ReceivedSubmission,
    ) -> Result<Self, Fault> {
        let mut all = Self::default();
        for layout in tables.iter().flat_map(|table| questionnaire.indicators(*table)) {
            for year in years {
                let prefix = format!("figures/{country}/{}/{year}/", layout.indicator);
                for record in ledger::read_all(reader, &prefix).await? {
                    let (Some(sheet), Event::Figures(event)) = (record.stream.sheet(), &record.event) else { continue };
                    let (_, stands) = all.0.entry(sheet).or_insert_with(|| (layout.table, RecordedSheet::default()));
                    stands.current.evolve(event);
                    stands.version = record.version + 1;
                    if record.position < received.position || record.actor.id == received.author {
                        stands.seen.evolve(event);
                    }
                }
            }
        }
        Ok(all)
    }

    /// The sheets as they are now, for the rules.
    pub(crate) fn sheets(&self) -> Vec<Sheet> {
        let sheet = |(key, (table, stands)): (&SheetKey, &(TableNo, RecordedSheet))| {
            let cells = stands.current.cells.iter();
            let cells = cells.map(|(cell, value)| (cell.clone(), Reported { value: value.clone(), line: 0 })).collect();
            Sheet { key: key.clone(), table: *table, cells }
        };
        self.0.iter().map(sheet).collect()
    }

    /// What the sender of a sheet wishes: each figure from what could be seen to what was reported.
    pub(crate) fn wishes(&self, sheet: &Sheet) -> Vec<CellWish> {
        let seen = self.0.get(&sheet.key).map(|(_, stands)| &stands.seen);
        let wish = |(key, reported): (&_, &Reported)| CellWish {
            key: Clone::clone(key),
            was: seen.and_then(|seen| seen.cells.get(key).cloned()),
            is: reported.value.clone(),
            cell: Some(format!("row {}", reported.line)),
        };
        sheet.cells.iter().map(wish).collect()
    }

    /// The version of a sheet's stream.
    pub(crate) fn version(&self, sheet: &SheetKey) -> u64 {
        self.0.get(sheet).map_or(0, |(_, stands)| stands.version)
    }

    /// A sheet as it is now.
    pub(crate) fn current(&self, sheet: &SheetKey) -> Figures {
        self.0.get(sheet).map(|(_, stands)| stands.current.clone()).unwrap_or_default()
    }
}
