//! Figures that were published although a rule fails on them, on whose allowance and with which words.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rondo_domain::event::Event;
use rondo_domain::figure::{FigureKey, FiguresEvent};
use rondo_domain::finding::Finding;
use rondo_domain::participation::ParticipationEvent;
use rondo_domain::release::{ReleaseEvent, ReleasedTables};
use rondo_domain::table::Questionnaire;
use rondo_domain::{Country, QueryId, RoundId, StreamId};
use rondo_eventlog::{Fault, Ledger, Record, life};
use serde_json::{Value, json};

/// An allowance that stands: the rule, and the entry of its record.
type Allowance = (String, Value);

/// What has to be remembered along the log.
#[derive(Default)]
pub(super) struct Allowed {
    asked: BTreeMap<(RoundId, Country, QueryId), Finding>,
    /// By round and figure; a figure that changes stands on its allowance no more.
    standing: BTreeMap<(RoundId, String), Vec<Allowance>>,
    /// What each release would publish on an allowance, as it was put together.
    prepared: BTreeMap<StreamId, Vec<(String, Allowance)>>,
}

impl Allowed {
    /// Takes in a record; the publication of a release gives what stands in it on an allowance.
    pub(super) fn take(
        &mut self,
        record: &Record,
        questionnaire: &Questionnaire,
        entry: impl Fn(&Record, &str) -> Value,
    ) -> Vec<Value> {
        match &record.event {
            Event::Participation(event) => self.asked_or_allowed(record, event, entry),
            Event::Figures(FiguresEvent::FiguresRecorded { cells, .. }) => {
                if let Some(sheet) = record.stream.sheet().filter(|_| !self.standing.is_empty()) {
                    let changed: Vec<String> =
                        cells.iter().map(|change| FigureKey::new(&sheet, &change.key).to_string()).collect();
                    self.standing.retain(|(_, key), _| !changed.contains(key));
                }
            }
            Event::Release(ReleaseEvent::ReleasePrepared { round, contents, .. }) => {
                let inside = |(of, key): &(RoundId, String)| of == round && is_in(key, contents, questionnaire);
                let stands = self.standing.iter().filter(|(of, _)| inside(of)).flat_map(|((_, key), allowances)| {
                    allowances.iter().map(|allowance| (key.clone(), allowance.clone()))
                });
                self.prepared.insert(record.stream.clone(), stands.collect());
            }
            Event::Release(ReleaseEvent::ReleasePublished { .. }) => {
                let out = self.prepared.remove(&record.stream).unwrap_or_default();
                return out.into_iter().map(|(key, allowance)| published(record, &key, allowance)).collect();
            }
            _ => {}
        }
        Vec::new()
    }

    fn asked_or_allowed(
        &mut self,
        record: &Record,
        event: &ParticipationEvent,
        entry: impl Fn(&Record, &str) -> Value,
    ) {
        let (Some(round), Some(country)) = (record.stream.round_id(), record.stream.country()) else { return };
        match event {
            ParticipationEvent::QueryOpened { query, finding, .. } => {
                self.asked.insert((round, country, query.clone()), finding.clone());
            }
            ParticipationEvent::AllowanceGranted { query, .. } => {
                let Some(finding) = self.asked.get(&(round.clone(), country, query.clone())) else { return };
                for key in &finding.keys {
                    let allowance = (finding.rule.clone(), entry(record, ""));
                    self.standing.entry((round.clone(), key.clone())).or_default().push(allowance);
                }
            }
            _ => {}
        }
    }
}

/// Leaves out what rules missed: a figure that a finding names and nobody ever recorded was not published either.
pub(super) async fn recorded(ledger: &dyn Ledger, entries: Vec<Value>) -> Result<Vec<Value>, Fault> {
    let mut kept = Vec::new();
    for entry in entries {
        let key = entry["figure"].as_str().and_then(|key| key.parse::<FigureKey>().ok());
        if let Some(key) = key
            && !life::history(ledger, &key, Timestamp::MAX).await?.is_empty()
        {
            kept.push(entry);
        }
    }
    Ok(kept)
}

/// Whether a figure is in the released tables.
fn is_in(key: &str, contents: &[ReleasedTables], questionnaire: &Questionnaire) -> bool {
    let Ok(key) = key.parse::<FigureKey>() else { return false };
    let table = questionnaire.layouts.get(&key.indicator).map(|layout| layout.table);
    contents.iter().any(|part| part.country == key.country && table.is_some_and(|table| part.tables.contains(&table)))
}

/// The entry of an allowance, and which published figure stands on it.
fn published(record: &Record, key: &str, (rule, mut entry): Allowance) -> Value {
    let release = record.stream.part(0).unwrap_or_default().to_owned();
    if let Some(fields) = entry.as_object_mut() {
        let what = format!("{key} stands in {release} although {rule} fails");
        fields.insert("what".to_owned(), json!(what));
        fields.insert("figure".to_owned(), json!(key));
        fields.insert("rule".to_owned(), json!(rule));
        fields.insert("release".to_owned(), json!(release));
        fields.insert("published".to_owned(), json!(record.position));
    }
    entry
}
