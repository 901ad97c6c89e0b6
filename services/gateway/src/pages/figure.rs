//! One figure, its whole life: every value it had, who gave it, why, from where.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::Html;
use jiff::Timestamp;
use rondo_domain::RoundId;
use rondo_domain::figure::FigureKey;
use rondo_eventlog::life::{self, AsOf, Found, Value};
use rondo_eventlog::wire::Failure;
use serde::Deserialize;
use serde_json::json;

use super::{page, words};
use crate::problem::{PortFailure, Problem};
use crate::projection::Texts;
use crate::router::Shared;

#[derive(Template)]
#[template(path = "figure.html")]
struct FigurePage {
    title: String,
    what: String,
    now: String,
    /// The country's page in each round that changed it: address and name.
    pages: Vec<(String, String)>,
    /// How each value came to be, newest first, in sentences.
    told: Vec<Vec<String>>,
    changes: Vec<Change>,
    live: bool,
    notice: Arc<str>,
}

struct Change {
    when: String,
    who: String,
    institution: String,
    was: String,
    is: String,
    why: String,
    file: String,
    sha256: String,
    cell: String,
    checks: String,
    releases: String,
    record: u64,
}

/// A figure's history.
pub(crate) async fn figure(State(shared): State<Shared>, Path(key): Path<String>) -> Result<Html<String>, Problem> {
    let key: FigureKey =
        key.parse().map_err(|e: rondo_domain::figure::InvalidKey| Problem::bad_request(&e.to_string()))?;
    let texts = newest_texts(&shared);
    let table = texts.questionnaire.layouts.get(&key.indicator).map(|layout| layout.table);
    let life = life::read(&*shared.ledger, &key, table, AsOf::Now).await?;
    let Some(last) = life.last() else {
        return Err(Problem::not_found(
            "No value of this figure was ever recorded. Look at the country's page for the figures it has.",
        ));
    };
    let rounds: BTreeSet<&RoundId> = life.iter().filter_map(|value| value.round.as_ref()).collect();
    let country = words::capitalised(&words::country(&texts, &key.country));
    let of_round = |round: &&RoundId| {
        let address = format!("/rounds/{round}/{}", key.country);
        let table = table.map(|table| (format!("{address}/tables/{table}"), format!("table {table}")));
        std::iter::once((address, format!("{country}, {round}"))).chain(table)
    };
    let pages = rounds.iter().flat_map(of_round).collect();
    page(&FigurePage {
        title: key.to_string(),
        what: in_words(&key, &texts),
        now: format!("{} since {}", last.change.is, words::instant(last.recorded.at)),
        pages,
        changes: life.iter().map(Change::of).collect(),
        told: life.iter().rev().map(Value::explained).collect(),
        live: false,
        notice: shared.notice,
    })
}

/// As of when a figure is asked about.
#[derive(Debug, Deserialize)]
pub(crate) struct When {
    as_of: Option<Timestamp>,
    #[serde(default)]
    published: bool,
}

/// A figure's history for programs: every value, oldest first, as it is or as it was at an instant.
pub(crate) async fn figure_json(
    State(shared): State<Shared>,
    Path(key): Path<String>,
    Query(when): Query<When>,
) -> Result<Json<serde_json::Value>, PortFailure> {
    let refused = |e: rondo_domain::figure::InvalidKey| PortFailure(Failure::Refused { what: e.to_string() });
    let key: FigureKey = key.parse().map_err(refused)?;
    let as_of = AsOf::new(when.as_of, when.published);
    let texts = newest_texts(&shared);
    let table = texts.questionnaire.layouts.get(&key.indicator).map(|layout| layout.table);
    let values = life::read(&*shared.ledger, &key, table, as_of).await?;
    Ok(Json(json!({"version": 1, "key": key, "values": values})))
}

/// The texts of the newest round.
fn newest_texts(shared: &Shared) -> Arc<Texts> {
    let pins = shared.projection.with(|world| {
        world.rounds().into_iter().filter_map(|(_, round)| Some(round.pin.as_ref()?.bundle.clone())).next_back()
    });
    shared.projection.texts(pins.as_ref())
}

/// What a figure is, in words.
fn in_words(key: &FigureKey, texts: &Texts) -> String {
    let Some(layout) = texts.questionnaire.layouts.get(&key.indicator) else { return String::new() };
    let labels: Vec<String> = words::categories(texts, layout, &key.cell).filter(|label| !label.is_empty()).collect();
    let name = words::country(texts, &key.country);
    let sex = words::sex(key.cell.sex);
    format!("{name}, {}: {}, {sex}, {} ({})", key.year, layout.title, labels.join(", "), layout.unit)
}

/// A rule that failed, and whether a later submission settled it.
fn checked(found: &Found) -> String {
    let settled = found.settled.as_ref().map(|(submission, _)| format!(" (settled by {submission})"));
    format!("{}{}", found.finding.rule, settled.unwrap_or_default())
}

impl Change {
    fn of(value: &Value) -> Self {
        let file = value.received.as_ref().map(|(file, _)| file.name.clone());
        let releases = value.releases.iter().map(|released| released.release.to_string());
        let mut checks: Vec<String> = value.findings.iter().map(checked).collect();
        checks.dedup();
        Self {
            when: words::instant(value.recorded.at),
            who: format!("{}, {}", value.recorded.by, value.recorded.role),
            institution: value.institution.as_ref().map(ToString::to_string).unwrap_or_default(),
            was: value.change.was.as_ref().map(ToString::to_string).unwrap_or_default(),
            is: value.change.is.to_string(),
            why: format!("{}: {}", value.reason.code.as_str(), value.reason.text),
            file: file.unwrap_or_else(|| format!("{}…", value.sha256.as_str().get(..12).unwrap_or_default())),
            sha256: value.sha256.to_string(),
            cell: value.change.cell.clone().unwrap_or_default(),
            checks: checks.join(", "),
            releases: releases.collect::<Vec<_>>().join(", "),
            record: value.recorded.position,
        }
    }
}
