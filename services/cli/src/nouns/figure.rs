//! `rondo figure`.

use rondo_domain::event::Event;
use rondo_domain::figure::{FigureKey, FiguresEvent};
use rondo_eventlog::{Record, ledger};
use serde_json::{Value, json};

use super::submission::read;
use crate::args::FigureVerb;
use crate::desk::Desk;
use crate::failure::Failure;
use crate::output::{Form, Listing, line};

pub(crate) async fn run(verb: &FigureVerb, desk: &Desk, form: Form) -> Result<(), Failure> {
    match verb {
        FigureVerb::LoadPublished { file, reason } => {
            let count = desk.load_published(&read(file)?, reason).await?;
            line(&format!("{count} published figures are loaded."))
        }
        FigureVerb::History { key } => {
            let entries = history(desk, key).await?;
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
                ("/position", "Record"),
            ];
            Listing { name: "history", columns, entries, empty: "" }.print(form)
        }
        FigureVerb::Show { key } => {
            let mut newest: std::collections::BTreeMap<String, Value> = std::collections::BTreeMap::new();
            for entry in history(desk, key).await? {
                newest.insert(entry["key"].as_str().unwrap_or_default().to_owned(), entry);
            }
            let columns = &[
                ("/key", "Figure"),
                ("/is_text", "Value"),
                ("/recorded_at", "Since"),
                ("/actor", "By"),
                ("/role", "Role"),
            ];
            Listing { name: "figures", columns, entries: newest.into_values().collect(), empty: "" }.print(form)
        }
    }
}

/// Every value of a figure, oldest first.
async fn history(desk: &Desk, key: &FigureKey) -> Result<Vec<Value>, Failure> {
    let prefix = format!("figures/{}/{}/{}/", key.country, key.indicator, key.year);
    let records = ledger::read_all(&*desk.ledger, &prefix).await?;
    let mut entries: Vec<Value> = records.iter().flat_map(|record| changes(record, key)).collect();
    entries.sort_by_key(|entry| entry["position"].as_u64());
    if entries.is_empty() {
        return Err(Failure::not_found(unknown(key, &records)));
    }
    Ok(entries)
}

fn changes(record: &Record, key: &FigureKey) -> Vec<Value> {
    let Event::Figures(FiguresEvent::FiguresRecorded { submission, reason, evidence, cells, round }) = &record.event
    else {
        return Vec::new();
    };
    let Some(sheet) =
        record.stream.sheet().filter(|sheet| key.source.as_ref().is_none_or(|source| *source == sheet.source))
    else {
        return Vec::new();
    };
    let entry = |change: &rondo_domain::figure::CellChange| {
        json!({
            "key": FigureKey::new(&sheet, &change.key),
            "position": record.position,
            "recorded_at": record.recorded_at,
            "actor": record.actor.id,
            "role": record.actor.role,
            "institution": record.actor.institution,
            "on_behalf_of": record.on_behalf_of,
            "was": change.was,
            "is": change.is,
            "was_text": change.was.as_ref().map(ToString::to_string),
            "is_text": change.is.to_string(),
            "status": change.is.status,
            "reason_code": reason.code,
            "reason": reason.text,
            "evidence": {"sha256": evidence.sha256, "sheet": evidence.sheet, "cell": change.cell},
            "round": round,
            "submission": submission,
            "event": record.name,
        })
    };
    cells.iter().filter(|change| change.key == key.cell).map(entry).collect()
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
