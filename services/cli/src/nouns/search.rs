//! `rondo audit search`: records by who, where, what and why; and the ready questions that auditors ask.

use std::collections::BTreeSet;
use std::sync::Arc;

use rondo_domain::event::Event;
use rondo_domain::figure::{FigureKey, FiguresEvent, SheetKey};
use rondo_domain::notice::NoticeEvent;
use rondo_domain::participation::ParticipationEvent;
use rondo_domain::round::RoundEvent;
use rondo_domain::table::{Questionnaire, TableNo};
use rondo_domain::{Country, InstitutionId, PersonId, RoundId};
use rondo_eventlog::Record;
use rondo_runtime::subscription::Subscription;
use serde_json::{Value, json};

use super::allowed::{self, Allowed};
use super::questions::Asked;
use crate::args::{Question, SearchArgs};
use crate::desk::Desk;
use crate::failure::Failure;
use crate::output::{Form, Listing, hint};

/// The longest summary of what happened, in characters.
const SUMMARY: usize = 120;

pub(crate) async fn run(args: &SearchArgs, desk: &Desk, form: Form) -> Result<(), Failure> {
    let questionnaire = questionnaire(desk).await?;
    let (mut asked, mut allowed) = (Asked::default(), Allowed::default());
    let mut entries = Vec::new();
    let (mut names, mut people) = (BTreeSet::new(), BTreeSet::new());
    let take = |record: &Record| {
        if !names.contains(&record.name) {
            names.insert(record.name.clone());
        }
        if !people.contains(&record.actor.id) {
            people.insert(record.actor.id.clone());
        }
        if args.question == Some(Question::PublishedOnAllowance) {
            entries.extend(allowed.take(record, &questionnaire, entry));
            return;
        }
        let told = match args.question {
            None => fits(record, args, &questionnaire).then(|| summary(record)),
            Some(question) => asked.answer(question, record, &questionnaire),
        };
        entries.extend(told.map(|what| entry(record, &what)));
    };
    Subscription::new(Arc::clone(&desk.ledger)).catch_up(take).await?;
    if entries.is_empty() {
        may_be_meant(args, &names, &people)?;
    }
    if args.question == Some(Question::LastByAnother) {
        entries.extend(asked.last_by_another());
        hint(
            "Figures loaded as published before the log began are left out: rondo audit search --reason published-earlier",
        );
    }
    if args.question == Some(Question::PublishedOnAllowance) {
        entries = allowed::recorded(&*desk.ledger, entries).await?;
        let place = |entry: &Value| (entry["position"].as_u64(), entry["what"].to_string());
        entries.sort_by_cached_key(place);
        entries.dedup_by_key(|entry| place(entry));
    }
    let columns = &[
        ("/position", "Record"),
        ("/recorded_at", "When"),
        ("/event", "Event"),
        ("/stream", "Of"),
        ("/actor", "Who"),
        ("/role", "Role"),
        ("/reason", "Why"),
        ("/what", "What"),
    ];
    Listing { name: "records", columns, entries, empty: "No record answers to that." }.print(form)
}

/// That a name which nothing in the log bears is not taken for an answer.
fn may_be_meant(args: &SearchArgs, names: &BTreeSet<String>, people: &BTreeSet<PersonId>) -> Result<(), Failure> {
    if let Some(event) = args.event.as_ref().filter(|event| !names.iter().any(|name| name.eq_ignore_ascii_case(event)))
    {
        let known = names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        return Err(Failure::not_found(format!("no record of this log is of an event `{event}`; it has {known}")));
    }
    if let Some(person) = args.by.as_ref().filter(|person| !people.contains(*person)) {
        return Err(Failure::not_found(format!("nothing in this log was done by `{person}`; see `rondo person list`")));
    }
    Ok(())
}

/// The questionnaire of the newest round that has one.
async fn questionnaire(desk: &Desk) -> Result<Questionnaire, Failure> {
    let world = desk.world(&["round/"]).await?;
    for (_, round) in world.rounds().into_iter().rev() {
        if let Ok(questionnaire) = desk.questionnaire(round).await {
            return Ok(questionnaire);
        }
    }
    Ok(Questionnaire::default())
}

fn fits(record: &Record, args: &SearchArgs, questionnaire: &Questionnaire) -> bool {
    let sheet = record.stream.sheet();
    let data = data(record);
    let reason = reason(&data);
    let by = |institution: &InstitutionId| {
        record.actor.institution.as_ref() == Some(institution) || record.on_behalf_of.as_ref() == Some(institution)
    };
    let figures = |holds: &dyn Fn(&SheetKey) -> bool| sheet.as_ref().is_some_and(holds);
    let held = [
        args.by.as_ref().is_none_or(|person| record.actor.id == *person),
        args.institution.as_ref().is_none_or(by),
        args.country.as_ref().is_none_or(|country| country_of(record).as_ref() == Some(country)),
        args.round.as_ref().is_none_or(|round| round_of(record).as_ref() == Some(round)),
        args.indicator.as_ref().is_none_or(|wanted| figures(&|sheet| sheet.indicator == *wanted)),
        args.period.is_none_or(|year| figures(&|sheet| sheet.year == year)),
        args.table.is_none_or(|table| tables(record, questionnaire).contains(&TableNo(table))),
        args.event.as_ref().is_none_or(|event| record.name.eq_ignore_ascii_case(event)),
        args.reason.as_ref().is_none_or(|wanted| reason.to_lowercase().contains(&wanted.to_lowercase())),
        args.since.is_none_or(|since| record.recorded_at >= since),
        args.until.is_none_or(|until| record.recorded_at <= until),
    ];
    held.iter().all(|held| *held)
}

fn data(record: &Record) -> Value {
    let stored: Value = serde_json::from_slice(&record.bytes).unwrap_or_default();
    stored.pointer("/event/data").cloned().unwrap_or_default()
}

/// The reason of an event: its code and text, or its words.
fn reason(data: &Value) -> String {
    match &data["reason"] {
        Value::String(words) => words.clone(),
        Value::Object(reason) => {
            let part = |name: &str| reason.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            format!("{}: {}", part("code"), part("text"))
        }
        _ => String::new(),
    }
}

pub(super) fn round_of(record: &Record) -> Option<RoundId> {
    match &record.event {
        Event::Figures(FiguresEvent::FiguresRecorded { round, .. }) => round.clone(),
        _ => record.stream.round_id(),
    }
}

/// The country that a record is about.
pub(super) fn country_of(record: &Record) -> Option<Country> {
    match &record.event {
        Event::Round(RoundEvent::DeadlineExtended { country, .. }) => Some(country.clone()),
        Event::Round(RoundEvent::CountryAdmitted { participant, .. }) => Some(participant.country.clone()),
        Event::Notice(NoticeEvent::NoticeDue { brief }) => brief.country.clone(),
        _ => record.stream.country(),
    }
}

/// The questionnaire tables that a record is about.
pub(super) fn tables(record: &Record, questionnaire: &Questionnaire) -> Vec<TableNo> {
    use ParticipationEvent as P;
    match &record.event {
        Event::Figures(_) => {
            let indicator = record.stream.sheet().map(|sheet| sheet.indicator);
            let layout = indicator.and_then(|indicator| questionnaire.layouts.get(&indicator));
            layout.map(|layout| layout.table).into_iter().collect()
        }
        Event::Participation(P::TablesAccepted { tables } | P::TablesDeclared { tables, .. }) => tables.clone(),
        Event::Participation(P::SubmissionChecked { tables, .. }) => tables.iter().map(|table| table.table).collect(),
        Event::Participation(P::QueryOpened { table, .. }) => vec![*table],
        Event::Participation(P::FindingsRecorded { findings, .. }) => findings.table.into_iter().collect(),
        _ => Vec::new(),
    }
}

pub(super) fn summary(record: &Record) -> String {
    if let (Event::Figures(FiguresEvent::FiguresRecorded { cells, .. }), Some(sheet)) =
        (&record.event, record.stream.sheet())
        && let Some(first) = cells.first()
    {
        let key = FigureKey::new(&sheet, &first.key);
        let was = first.was.as_ref().map(|was| format!("{was} became ")).unwrap_or_default();
        let more = if cells.len() > 1 { format!("; {} more", cells.len() - 1) } else { String::new() };
        return format!("{key}: {was}{}{more}", first.is);
    }
    let text = data(record).to_string();
    if text.chars().count() <= SUMMARY { text } else { text.chars().take(SUMMARY).chain(['…']).collect() }
}

pub(super) fn entry(record: &Record, what: &str) -> Value {
    let data = data(record);
    json!({
        "position": record.position, "recorded_at": record.recorded_at, "clock": record.clock, "event": record.name, "stream": record.stream,
        "round": round_of(record), "country": country_of(record), "actor": record.actor.id,
        "role": record.actor.role, "institution": record.actor.institution, "on_behalf_of": record.on_behalf_of,
        "reason": reason(&data), "what": what,
    })
}
