//! One figure, its whole life: every value it had, who gave it, why, from where.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Html;
use rondo_domain::event::Event;
use rondo_domain::figure::{FigureKey, FiguresEvent};
use rondo_eventlog::ledger;

use super::{page, words};
use crate::problem::Problem;
use crate::router::Shared;

#[derive(Template)]
#[template(path = "figure.html")]
struct FigurePage {
    title: String,
    what: String,
    now: String,
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
    cell: String,
    record: u64,
}

/// A figure's history.
pub(crate) async fn figure(State(shared): State<Shared>, Path(key): Path<String>) -> Result<Html<String>, Problem> {
    let key: FigureKey =
        key.parse().map_err(|e: rondo_domain::figure::InvalidKey| Problem::bad_request(&e.to_string()))?;
    let prefix = format!("figures/{}/{}/{}/", key.country, key.indicator, key.year);
    let mut changes = Vec::new();
    for record in ledger::read_all(&*shared.ledger, &prefix).await? {
        let Event::Figures(FiguresEvent::FiguresRecorded { reason, evidence, cells, .. }) = &record.event else {
            continue;
        };
        let source = record.stream.sheet().map(|sheet| sheet.source);
        if key.source.is_some() && key.source != source {
            continue;
        }
        for change in cells.iter().filter(|change| change.key == key.cell) {
            changes.push(Change {
                when: words::instant(record.recorded_at),
                who: format!("{}, {}", record.actor.id, record.actor.role),
                institution: record.actor.institution.as_ref().map(ToString::to_string).unwrap_or_default(),
                was: change.was.as_ref().map(ToString::to_string).unwrap_or_default(),
                is: change.is.to_string(),
                why: format!("{}: {}", reason.code.as_str(), reason.text),
                file: evidence.sha256.to_string(),
                cell: change.cell.clone().unwrap_or_default(),
                record: record.position,
            });
        }
    }
    changes.sort_by_key(|change| change.record);
    let Some(last) = changes.last() else {
        return Err(Problem::not_found(
            "No value of this figure was ever recorded. Look at the country's page for the figures it has.",
        ));
    };
    let pins = shared.projection.with(|world| {
        world.rounds().into_iter().filter_map(|(_, round)| Some(round.pin.as_ref()?.bundle.clone())).next_back()
    });
    let texts = shared.projection.texts(pins.as_ref());
    let layout = texts.questionnaire.layouts.get(&key.indicator);
    let what = layout.map(|layout| {
        let label = |dimension: u8, code: &Option<rondo_domain::Code>| {
            let classification = texts.questionnaire.classification(&layout.indicator, dimension)?;
            classification.item(code.as_ref()?).map(|item| item.label.clone())
        };
        let labels: Vec<String> =
            [label(1, &key.cell.classif1), label(2, &key.cell.classif2)].into_iter().flatten().collect();
        let name = words::country(&texts, &key.country);
        format!(
            "{name}, {}: {}, {}, {} ({})",
            key.year,
            layout.title,
            key.cell.sex.as_str(),
            labels.join(", "),
            layout.unit
        )
    });
    page(&FigurePage {
        title: key.to_string(),
        what: what.unwrap_or_default(),
        now: format!("{} since {}", last.is, last.when),
        changes,
        live: false,
        notice: shared.notice,
    })
}
