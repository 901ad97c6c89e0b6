//! `rondo figure`.

use rondo_domain::ReleaseId;
use rondo_domain::event::Event;
use rondo_domain::figure::{FigureKey, FiguresEvent};
use rondo_domain::table::TableNo;
use rondo_eventlog::life::{self, AsOf, Value};
use rondo_eventlog::{Record, ledger};
use serde_json::{Value as Json, json};

use super::submission::read;
use crate::args::{FigureVerb, When};
use crate::desk::Desk;
use crate::failure::Failure;
use crate::output::{Form, Listing, document};

pub(crate) async fn run(verb: &FigureVerb, desk: &Desk, form: Form) -> Result<(), Failure> {
    match verb {
        FigureVerb::LoadPublished { file, reason } => {
            let count = desk.load_published(&read(file)?, reason).await?;
            desk.said(form, &format!("{count} published figures are loaded."))
        }
        FigureVerb::History { key, when } => {
            let entries = life(desk, key, when).await?.iter().map(entry).collect();
            let columns = &[
                ("/recorded_at", "When"),
                ("/actor", "Who"),
                ("/role", "Role"),
                ("/institution", "Institution"),
                ("/was_text", "Was"),
                ("/is_text", "Is"),
                ("/reason_code", "Why"),
                ("/reason", "In words"),
                ("/evidence/cell", "Place"),
                ("/round", "Round"),
                ("/releases", "Released in"),
                ("/position", "Record"),
            ];
            Listing { name: "history", columns, entries, empty: NOTHING }.print(form)
        }
        FigureVerb::Show { key, when } => {
            let newest = newest(&life(desk, key, when).await?);
            let columns = &[
                ("/key", "Figure"),
                ("/is_text", "Value"),
                ("/recorded_at", "Since"),
                ("/actor", "By"),
                ("/role", "Role"),
            ];
            let entries = newest.iter().map(entry).collect();
            Listing { name: "figures", columns, entries, empty: NOTHING }.print(form)
        }
        FigureVerb::Explain { key, when } => {
            let life = life(desk, key, when).await?;
            if form == Form::Csv {
                let columns = &[
                    ("/key", "Figure"),
                    ("/is_text", "Value"),
                    ("/recorded_at", "When"),
                    ("/position", "Record"),
                    ("/explained", "Explained"),
                ];
                let entries = life.iter().rev().map(explained).collect();
                return Listing { name: "values", columns, entries, empty: NOTHING }.print(form);
            }
            let mut told = String::new();
            for value in life.iter().rev() {
                told.push_str(&value.explained().join("\n  "));
                told.push_str("\n\n");
            }
            if told.is_empty() {
                told.push_str(NOTHING);
            }
            document(form, json!({"key": key, "values": life}), &told)
        }
    }
}

/// What is said where a figure had no value at the instant asked about.
const NOTHING: &str =
    "This figure had no value then; its first one came later. `rondo figure history` without a date shows every value.";

/// The newest value of each source.
fn newest(life: &[Value]) -> Vec<Value> {
    let mut newest: std::collections::BTreeMap<String, &Value> = std::collections::BTreeMap::new();
    for value in life {
        newest.insert(value.key.to_string(), value);
    }
    newest.into_values().cloned().collect()
}

/// Every value of a figure, oldest first, as of the instant asked about.
async fn life(desk: &Desk, key: &FigureKey, when: &When) -> Result<Vec<Value>, Failure> {
    let as_of = AsOf::new(when.as_of, when.published);
    let table = table(desk, key).await?;
    let told = life::read(&*desk.ledger, key, table, as_of).await?;
    if told.is_empty() {
        let prefix = format!("figures/{}/{}/{}/", key.country, key.indicator, key.year);
        let records = ledger::read_all(&*desk.ledger, &prefix).await?;
        let recorded = records.iter().any(|record| life::speaks_of(record, key));
        if !recorded {
            return Err(Failure::not_found(unknown(key, &records)));
        }
    }
    Ok(told)
}

/// The questionnaire table of a figure, by the newest round that knows its indicator.
async fn table(desk: &Desk, key: &FigureKey) -> Result<Option<TableNo>, Failure> {
    let world = desk.world(&["round/"]).await?;
    for (_, round) in world.rounds().into_iter().rev() {
        let Ok(questionnaire) = desk.questionnaire(round).await else { continue };
        if let Some(layout) = questionnaire.layouts.get(&key.indicator) {
            return Ok(Some(layout.table));
        }
    }
    Ok(None)
}

fn explained(value: &Value) -> Json {
    let mut entry = entry(value);
    entry["explained"] = json!(value.explained().join(" "));
    entry
}

fn entry(value: &Value) -> Json {
    let change = &value.change;
    let releases: Vec<&ReleaseId> = value.releases.iter().map(|released| &released.release).collect();
    let act = |act: &Option<life::Act>| act.as_ref().map(|act| json!(act));
    json!({
        "key": value.key,
        "position": value.recorded.position,
        "recorded_at": value.recorded.at,
        "until": value.until,
        "actor": value.recorded.by,
        "role": value.recorded.role,
        "institution": value.institution,
        "on_behalf_of": value.on_behalf_of,
        "was": change.was,
        "is": change.is,
        "was_text": change.was.as_ref().map(ToString::to_string),
        "is_text": change.is.to_string(),
        "status": change.is.status,
        "reason_code": value.reason.code,
        "reason": value.reason.text,
        "evidence": {"sha256": value.sha256, "sheet": value.sheet, "cell": change.cell},
        "round": value.round,
        "submission": value.submission,
        "file": value.received.as_ref().map(|(file, _)| &file.name),
        "event": value.event,
        "findings": value.findings,
        "allowances": value.allowances,
        "accepted": act(&value.accepted),
        "confirmed": act(&value.confirmed),
        "releases": releases,
    })
}

fn unknown(key: &FigureKey, records: &[Record]) -> String {
    let wanted = key.to_string();
    let known: Vec<String> = records
        .iter()
        .filter_map(|record| match &record.event {
            Event::Figures(FiguresEvent::FiguresRecorded { cells, .. }) => {
                Some((record.stream.sheet()?, cells.iter().map(|change| change.key.clone()).collect::<Vec<_>>()))
            }
            _ => None,
        })
        .flat_map(|(sheet, cells)| cells.into_iter().map(move |cell| FigureKey::new(&sheet, &cell).to_string()))
        .collect();
    let near = rondo_domain::workflow::nearest(&wanted, known.iter().map(String::as_str));
    let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
    format!("no value of {wanted} was ever recorded{hint}")
}
