//! A vintage: the figures of a round as they were known, or as the public saw them, at an instant.

use std::collections::BTreeMap;

use rondo_domain::event::Event;
use rondo_domain::figure::{CellKey, FigureKey, FigureValue, FiguresEvent, SheetKey};
use rondo_domain::release::{ReleaseEvent, ReleasedTables};
use rondo_domain::round::Round;
use rondo_domain::table::{Questionnaire, TableNo};
use rondo_domain::{Country, ReleaseId, RoundId};
use serde::Serialize;

use crate::ledger::{Fault, Ledger, read_all};
use crate::life::{Act, AsOf};
use crate::record::Record;

/// A figure of a vintage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Figure {
    /// Which, with its source.
    pub key: FigureKey,
    /// The questionnaire table it belongs to.
    pub table: TableNo,
    /// Its value then.
    pub is: FigureValue,
    /// Who recorded that value, and when.
    pub recorded: Act,
    /// The release by which the public saw it; absent where the vintage is of what was known.
    pub release: Option<ReleaseId>,
}

/// A value, and who recorded it.
pub type Attributed = (FigureValue, Act);

/// What a country's table held in the newest release: which, and the position before which everything counted.
type Released = BTreeMap<(Country, TableNo), (ReleaseId, u64)>;

/// The figures of a round's tables and reference years, of every country or of one, in the order of their keys.
///
/// # Errors
/// The ledger's fault.
pub async fn read(
    ledger: &dyn Ledger,
    (id, round): (&RoundId, &Round),
    questionnaire: &Questionnaire,
    only: Option<&Country>,
    as_of: AsOf,
) -> Result<Vec<Figure>, Fault> {
    let released = released(&read_all(ledger, "release/").await?, id, as_of.instant());
    let published = matches!(as_of, AsOf::Published(_));
    let mut figures = Vec::new();
    for (country, participant) in round.participants.iter().filter(|(country, _)| only.is_none_or(|o| o == *country)) {
        for table in &participant.tables {
            let out = released.get(&(country.clone(), *table));
            if published && out.is_none() {
                continue;
            }
            let holds = |record: &Record| match out.filter(|_| published) {
                Some((_, before)) => record.position < *before,
                None => record.recorded_at <= as_of.instant(),
            };
            for layout in questionnaire.indicators(*table) {
                for year in &round.reference_years {
                    let prefix = format!("figures/{country}/{}/{year}/", layout.indicator);
                    for (sheet, cells) in sheets(ledger, &prefix, holds).await? {
                        figures.extend(cells.into_iter().map(|(cell, (is, recorded))| Figure {
                            key: FigureKey::new(&sheet, &cell),
                            table: *table,
                            is: if published { is.shown() } else { is },
                            // A value that came after a release was put together does not stand in it.
                            release: out.filter(|(_, before)| recorded.position < *before).map(|(id, _)| id.clone()),
                            recorded,
                        }));
                    }
                }
            }
        }
    }
    Ok(figures)
}

/// The values of every sheet whose stream begins so, after the records that count.
///
/// # Errors
/// The ledger's fault.
pub async fn sheets(
    ledger: &dyn Ledger,
    prefix: &str,
    counts: impl Fn(&Record) -> bool,
) -> Result<BTreeMap<SheetKey, BTreeMap<CellKey, Attributed>>, Fault> {
    let mut sheets: BTreeMap<SheetKey, BTreeMap<CellKey, Attributed>> = BTreeMap::new();
    for record in read_all(ledger, prefix).await?.iter().filter(|record| counts(record)) {
        let Event::Figures(FiguresEvent::FiguresRecorded { cells, .. }) = &record.event else { continue };
        let Some(sheet) = record.stream.sheet() else { continue };
        let values = sheets.entry(sheet).or_default();
        for change in cells {
            values.insert(change.key.clone(), (change.is.clone(), Act::of(record)));
        }
    }
    Ok(sheets)
}

/// What the newest release that was out at an instant held of each country's tables.
fn released(records: &[Record], round: &RoundId, at: jiff::Timestamp) -> Released {
    let mut prepared: BTreeMap<&str, (u64, &[ReleasedTables])> = BTreeMap::new();
    let mut out: Vec<(u64, ReleaseId, u64, &[ReleasedTables])> = Vec::new();
    for record in records.iter().filter(|record| record.recorded_at <= at) {
        let stream = record.stream.as_str();
        match &record.event {
            Event::Release(ReleaseEvent::ReleasePrepared { round: of, contents, .. }) if of == round => {
                prepared.insert(stream, (record.position, contents));
            }
            Event::Release(ReleaseEvent::ReleasePublished { .. }) => {
                let release = record.stream.part(0).and_then(|id| id.parse().ok());
                if let (Some((before, contents)), Some(release)) = (prepared.get(stream), release) {
                    out.push((record.position, release, *before, contents));
                }
            }
            _ => {}
        }
    }
    out.sort_by_key(|(published, ..)| *published);
    let mut newest = Released::new();
    for (_, release, before, contents) in out {
        for part in contents {
            for table in &part.tables {
                newest.insert((part.country.clone(), *table), (release.clone(), before));
            }
        }
    }
    newest
}
