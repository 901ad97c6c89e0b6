//! `rondo audit search`: records by who, where, what and why; and the ready questions that auditors ask.

use std::collections::{BTreeMap, BTreeSet};

use rondo_domain::event::Event;
use rondo_domain::figure::{FigureKey, FiguresEvent, SheetKey};
use rondo_domain::notice::NoticeEvent;
use rondo_domain::participation::ParticipationEvent;
use rondo_domain::release::ReleaseEvent;
use rondo_domain::round::RoundEvent;
use rondo_domain::table::{Questionnaire, TableNo};
use rondo_domain::{Country, InstitutionId, PersonId, RoundId, StreamId};
use rondo_eventlog::Record;
use rondo_eventlog::ledger::MAX_READ;
use serde_json::{Value, json};

use super::allowed::{self, Allowed};
use crate::args::{Question, SearchArgs};
use crate::desk::Desk;
use crate::failure::Failure;
use crate::output::{Form, Listing};

/// The longest summary of what happened, in characters.
const SUMMARY: usize = 120;

pub(crate) async fn run(args: &SearchArgs, desk: &Desk, form: Form) -> Result<(), Failure> {
    let questionnaire = questionnaire(desk).await?;
    let (mut asked, mut allowed) = (Asked::default(), Allowed::default());
    let mut entries = Vec::new();
    let mut from = 0;
    loop {
        let records = desk.ledger.read(from, MAX_READ).await?;
        let Some(last) = records.last() else { break };
        from = last.position + 1;
        for record in &records {
            if args.question == Some(Question::PublishedOnAllowance) {
                entries.extend(allowed.take(record, &questionnaire, entry));
                continue;
            }
            let told = match args.question {
                None => fits(record, args, &questionnaire).then(|| summary(record)),
                Some(question) => asked.answer(question, record, &questionnaire),
            };
            entries.extend(told.map(|what| entry(record, &what)));
        }
    }
    if args.question == Some(Question::LastByAnother) {
        entries.extend(asked.last_by_another());
    }
    if args.question == Some(Question::PublishedOnAllowance) {
        entries = allowed::recorded(&*desk.ledger, entries).await?;
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

/// The questionnaire of the newest round that has one.
async fn questionnaire(desk: &Desk) -> Result<Questionnaire, Failure> {
    let world = desk.world(&["round/"]).await?;
    for (_, round) in world.rounds().into_iter().rev() {
        if let Ok((bundle, _)) = desk.definition(round).await
            && let Ok(questionnaire) = rondo_questionnaire::read_questionnaire(&bundle)
        {
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

fn round_of(record: &Record) -> Option<RoundId> {
    match &record.event {
        Event::Figures(FiguresEvent::FiguresRecorded { round, .. }) => round.clone(),
        _ => record.stream.round_id(),
    }
}

/// The country that a record is about.
fn country_of(record: &Record) -> Option<Country> {
    match &record.event {
        Event::Round(RoundEvent::DeadlineExtended { country, .. }) => Some(country.clone()),
        Event::Round(RoundEvent::CountryAdmitted { participant, .. }) => Some(participant.country.clone()),
        Event::Notice(NoticeEvent::NoticeDue { brief }) => brief.country.clone(),
        _ => record.stream.country(),
    }
}

/// The questionnaire tables that a record is about.
fn tables(record: &Record, questionnaire: &Questionnaire) -> Vec<TableNo> {
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

fn summary(record: &Record) -> String {
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

fn entry(record: &Record, what: &str) -> Value {
    let data = data(record);
    json!({
        "position": record.position, "recorded_at": record.recorded_at, "event": record.name, "stream": record.stream,
        "round": round_of(record), "country": country_of(record), "actor": record.actor.id,
        "role": record.actor.role, "institution": record.actor.institution, "on_behalf_of": record.on_behalf_of,
        "reason": reason(&data), "what": what,
    })
}

/// What has to be remembered along the log to answer the ready questions.
#[derive(Default)]
struct Asked {
    /// Tables that are accepted, by round and country.
    accepted: BTreeSet<(RoundId, Country, TableNo)>,
    /// Who sent figures, by round and country.
    authors: BTreeMap<(RoundId, Country), BTreeSet<PersonId>>,
    /// Who approved a release.
    approvers: BTreeMap<StreamId, PersonId>,
    /// The last record of each figure, and what it says.
    last: BTreeMap<String, Value>,
}

impl Asked {
    /// What a record has to do with a question, if it has.
    fn answer(&mut self, question: Question, record: &Record, questionnaire: &Questionnaire) -> Option<String> {
        match question {
            Question::Extensions => {
                matches!(record.event, Event::Round(RoundEvent::DeadlineExtended { .. })).then(|| summary(record))
            }
            Question::Allowances => {
                matches!(record.event, Event::Participation(ParticipationEvent::AllowanceGranted { .. }))
                    .then(|| summary(record))
            }
            Question::ChangedAfterAcceptance => self.changed_after_acceptance(record, questionnaire),
            Question::SamePerson => self.same_person(record),
            Question::PublishedOnAllowance => None,
            Question::LastByAnother => {
                self.remember_last(record);
                None
            }
        }
    }

    fn changed_after_acceptance(&mut self, record: &Record, questionnaire: &Questionnaire) -> Option<String> {
        let (round, country) = (round_of(record)?, record.stream.country()?);
        let about = tables(record, questionnaire);
        let keys = about.into_iter().map(|table| (round.clone(), country.clone(), table));
        match &record.event {
            Event::Participation(ParticipationEvent::TablesAccepted { .. }) => {
                self.accepted.extend(keys);
                None
            }
            Event::Figures(_) => {
                let changed: Vec<TableNo> = keys.filter(|key| self.accepted.remove(key)).map(|key| key.2).collect();
                changed.first().map(|table| format!("table {table} was accepted; {}", summary(record)))
            }
            _ => None,
        }
    }

    /// Acts that need two people and were one's; the domain refuses them, so that none should be found.
    fn same_person(&mut self, record: &Record) -> Option<String> {
        let by = record.actor.id.clone();
        match &record.event {
            Event::Figures(_) => {
                let key = (round_of(record)?, record.stream.country()?);
                self.authors.entry(key).or_default().insert(by);
                None
            }
            Event::Participation(ParticipationEvent::TablesAccepted { .. }) => {
                let key = (round_of(record)?, record.stream.country()?);
                let author = self.authors.get(&key).is_some_and(|authors| authors.contains(&by));
                author.then(|| format!("{by} accepted a table of figures that {by} sent"))
            }
            Event::Release(ReleaseEvent::ReleaseApproved {}) => {
                self.approvers.insert(record.stream.clone(), by);
                None
            }
            Event::Release(ReleaseEvent::ReleaseCleared {}) => {
                (self.approvers.get(&record.stream) == Some(&by)).then(|| format!("{by} cleared what {by} approved"))
            }
            _ => None,
        }
    }

    fn remember_last(&mut self, record: &Record) {
        let (Event::Figures(FiguresEvent::FiguresRecorded { cells, .. }), Some(sheet)) =
            (&record.event, record.stream.sheet())
        else {
            return;
        };
        for change in cells {
            let key = FigureKey::new(&sheet, &change.key).to_string();
            if record.actor.role.is_national() {
                self.last.remove(&key);
            } else {
                let what = format!("{key} is {}", change.is);
                self.last.insert(key, entry(record, &what));
            }
        }
    }

    /// Figures whose last value somebody else than the country wrote.
    fn last_by_another(self) -> Vec<Value> {
        self.last.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use rondo_eventlog::codec;

    use super::*;

    /// The stored record of an event, of this stream and by this person.
    fn record(event: &str, stream: &str, by: &str) -> Record {
        let path = format!("{}/../../tests/compatibility/{event}.1.json", env!("CARGO_MANIFEST_DIR"));
        let mut stored: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        stored["stream"] = json!(stream);
        stored["actor"]["id"] = json!(by);
        if event == "FiguresRecorded" {
            stored["event"]["data"]["round"] = json!("r-2025");
        }
        if event == "TablesAccepted" {
            stored["event"]["data"]["tables"] = json!([17]);
        }
        codec::decode(&Bytes::from(serde_json::to_vec(&stored).unwrap())).unwrap()
    }

    const SHEET: &str = "figures/LAO/MNA_OEMP_SEX_CDS_NB/2024/EB:1";
    const PART: &str = "participation/r-2025/LAO";

    fn answered(question: Question, records: &[Record]) -> Vec<bool> {
        let bundle = crate::builtin::bundle("ilms-asean").unwrap();
        let questionnaire = rondo_questionnaire::read_questionnaire(&bundle).unwrap();
        let mut asked = Asked::default();
        records.iter().map(|record| asked.answer(question, record, &questionnaire).is_some()).collect()
    }

    #[test]
    fn a_change_is_found_after_its_table_was_accepted_and_only_once_for_each_acceptance() {
        let (change, accept) = (record("FiguresRecorded", SHEET, "a"), record("TablesAccepted", PART, "b"));
        let elsewhere = record("FiguresRecorded", &SHEET.replace("LAO", "THA"), "a");
        let records = [change.clone(), accept.clone(), elsewhere, change.clone(), change.clone(), accept, change];
        let found = answered(Question::ChangedAfterAcceptance, &records);
        assert_eq!(found, [false, false, false, true, false, false, true]);
    }

    #[test]
    fn acts_that_need_two_people_and_were_ones_are_found() {
        let change = record("FiguresRecorded", SHEET, "a");
        let accepted = |by: &str| record("TablesAccepted", PART, by);
        assert_eq!(answered(Question::SamePerson, &[change.clone(), accepted("b")]), [false, false]);
        assert_eq!(answered(Question::SamePerson, &[change, accepted("a")]), [false, true]);
        let release = |event: &str, by: &str| record(event, "release/r-2025.1", by);
        let (approved, cleared) = (release("ReleaseApproved", "c"), release("ReleaseCleared", "c"));
        assert_eq!(answered(Question::SamePerson, &[approved.clone(), release("ReleaseCleared", "d")]), [false, false]);
        assert_eq!(answered(Question::SamePerson, &[approved, cleared]), [false, true]);
    }

    #[test]
    fn an_extension_is_found_with_its_country() {
        let extended = record("DeadlineExtended", "round/r-2025", "coordinator");
        assert_eq!(answered(Question::Extensions, std::slice::from_ref(&extended)), [true]);
        assert_eq!(country_of(&extended).unwrap().as_str(), "LAO");
    }
}
