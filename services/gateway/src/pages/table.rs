//! The figures of a country's table in a round, as they are or as they were at an instant; each leads to its whole life.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Html;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rondo_domain::figure::CellKey;
use rondo_domain::table::TableNo;
use rondo_domain::{Country, RoundId, Year};
use rondo_eventlog::life::AsOf;
use rondo_eventlog::vintage::{self, Figure};
use serde::Deserialize;

use super::{page, words};
use crate::problem::Problem;
use crate::projection::Texts;
use crate::router::Shared;

#[derive(Template)]
#[template(path = "table.html")]
struct TablePage {
    title: String,
    round: String,
    country: String,
    country_name: String,
    count: String,
    /// The day asked about, for the form.
    day: String,
    published: bool,
    parts: Vec<Part>,
    live: bool,
    notice: Arc<str>,
}

/// One indicator from one source.
struct Part {
    title: String,
    about: String,
    heads: Vec<String>,
    years: Vec<Year>,
    rows: Vec<Row>,
}

struct Row {
    sex: &'static str,
    labels: Vec<String>,
    /// A figure's address and value for each year.
    cells: Vec<Option<(String, String)>>,
}

/// As of when the figures are asked about: the end of a day in UTC, or now.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct When {
    #[serde(default)]
    as_of: String,
    #[serde(default)]
    published: bool,
}

impl When {
    fn instant(&self) -> Result<Option<Timestamp>, Problem> {
        if self.as_of.is_empty() {
            return Ok(None);
        }
        let end = |day: Date| day.tomorrow().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp().checked_sub(ONE).ok();
        let at = self.as_of.parse().ok().and_then(end);
        at.map(Some).ok_or_else(|| Problem::bad_request("Give the day as YEAR-MONTH-DAY, for example 2025-11-30."))
    }
}

/// The smallest part of time that is told apart.
const ONE: jiff::SignedDuration = jiff::SignedDuration::from_nanos(1);

/// The figures of a table.
pub(crate) async fn table(
    State(shared): State<Shared>,
    Path((round, country, number)): Path<(String, String, String)>,
    Query(when): Query<When>,
) -> Result<Html<String>, Problem> {
    let unknown =
        || Problem::not_found("This country does not owe this table in this round, or there is no such round.");
    let id: RoundId = round.parse().map_err(|_| unknown())?;
    let country: Country = country.parse().map_err(|_| unknown())?;
    let number = TableNo(number.parse().map_err(|_| unknown())?);
    let mut round = shared.projection.with(|world| world.round(&id).cloned()).ok_or_else(unknown)?;
    let texts = shared.projection.texts(round.pin.as_ref().map(|pin| &pin.bundle));
    let participant = round.participants.get_mut(&country).ok_or_else(unknown)?;
    if !participant.tables.contains(&number) {
        return Err(unknown());
    }
    // No other table is looked for.
    participant.tables = vec![number];
    let as_of = AsOf::new(when.instant()?, when.published);
    let figures = vintage::read(&*shared.ledger, (&id, &round), &texts.questionnaire, Some(&country), as_of).await?;
    let content = texts.questionnaire.tables.get(&number).cloned().unwrap_or_default();
    let then = if when.as_of.is_empty() { String::new() } else { format!(" as of the end of {} (UTC)", when.as_of) };
    page(&TablePage {
        title: format!("Table {number}: {content}"),
        round: id.to_string(),
        country: country.to_string(),
        country_name: words::capitalised(&words::country(&texts, &country)),
        count: match figures.len() {
            0 => format!("No figure{then}"),
            1 => format!("One figure{then}"),
            count => format!("{count} figures{then}"),
        },
        day: when.as_of,
        published: when.published,
        parts: parts(&figures, &texts, &round.reference_years),
        live: false,
        notice: shared.notice,
    })
}

fn parts(figures: &[Figure], texts: &Texts, years: &[Year]) -> Vec<Part> {
    let mut parts: BTreeMap<(String, String), Vec<&Figure>> = BTreeMap::new();
    for figure in figures {
        let source = figure.key.source.as_ref().map(ToString::to_string).unwrap_or_default();
        parts.entry((figure.key.indicator.to_string(), source)).or_default().push(figure);
    }
    parts.into_iter().filter_map(|((_, source), figures)| part(&source, &figures, texts, years)).collect()
}

fn part(source: &str, figures: &[&Figure], texts: &Texts, years: &[Year]) -> Option<Part> {
    let layout = texts.questionnaire.layouts.get(&figures.first()?.key.indicator)?;
    let mut rows: BTreeMap<&CellKey, Vec<Option<(String, String)>>> = BTreeMap::new();
    for figure in figures {
        let cells = rows.entry(&figure.key.cell).or_insert_with(|| vec![None; years.len()]);
        if let Some(cell) = years.iter().position(|year| *year == figure.key.year).and_then(|at| cells.get_mut(at)) {
            *cell = Some((figure.key.to_string(), figure.is.to_string()));
        }
    }
    let is_there =
        |dimension: &(u8, &str)| texts.questionnaire.classification(&layout.indicator, dimension.0).is_some();
    let heads = [(1, "Category"), (2, "Second category")].into_iter().filter(is_there);
    Some(Part {
        title: layout.title.clone(),
        about: format!("{}; source {source}; indicator {}", layout.unit, layout.indicator),
        heads: heads.map(|(_, head)| head.to_owned()).collect(),
        years: years.to_vec(),
        rows: rows
            .into_iter()
            .map(|(key, cells)| Row {
                sex: words::sex(key.sex),
                labels: words::categories(texts, layout, key).collect(),
                cells,
            })
            .collect(),
    })
}
