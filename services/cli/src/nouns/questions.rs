//! The ready questions of an auditor: what of each record answers them, with what has to be remembered along the log.

use std::collections::{BTreeMap, BTreeSet};

use rondo_domain::event::Event;
use rondo_domain::figure::{FigureKey, FiguresEvent};
use rondo_domain::participation::ParticipationEvent;
use rondo_domain::release::ReleaseEvent;
use rondo_domain::round::RoundEvent;
use rondo_domain::table::{Questionnaire, TableNo};
use rondo_domain::{Country, PersonId, QueryId, ReasonCode, RoundId, StreamId};
use rondo_eventlog::Record;
use serde_json::Value;

use super::search::{entry, round_of, summary, tables};
use crate::args::Question;

/// What has to be remembered along the log to answer the ready questions.
#[derive(Default)]
pub(super) struct Asked {
    /// Tables that are accepted, by round and country.
    accepted: BTreeSet<(RoundId, Country, TableNo)>,
    /// Who sent figures, by round and country.
    authors: BTreeMap<(RoundId, Country), BTreeSet<PersonId>>,
    /// Who approved a release.
    approvers: BTreeMap<StreamId, PersonId>,
    /// What each question is about.
    questions: BTreeMap<(StreamId, QueryId), String>,
    /// The last record of each figure, and what it says.
    last: BTreeMap<String, Value>,
}

impl Asked {
    /// What a record has to do with a question, if it has.
    pub(super) fn answer(
        &mut self,
        question: Question,
        record: &Record,
        questionnaire: &Questionnaire,
    ) -> Option<String> {
        match question {
            Question::Extensions => {
                matches!(record.event, Event::Round(RoundEvent::DeadlineExtended { .. })).then(|| summary(record))
            }
            Question::Allowances => self.allowance(record),
            Question::ChangedAfterAcceptance => self.changed_after_acceptance(record, questionnaire),
            Question::SamePerson => self.same_person(record),
            Question::PublishedOnAllowance => None,
            Question::LastByAnother => {
                self.remember_last(record);
                None
            }
        }
    }

    /// What was allowed to stand: the rule, the table and the figures of its question.
    fn allowance(&mut self, record: &Record) -> Option<String> {
        let part = record.stream.clone();
        match &record.event {
            Event::Participation(ParticipationEvent::QueryOpened { query, table, finding }) => {
                let figures = match finding.keys.as_slice() {
                    [] => String::new(),
                    [one] => format!(": {one}"),
                    [first, more @ ..] => format!(": {first} and {} more", more.len()),
                };
                self.questions
                    .insert((part, query.clone()), format!("{} fails in table {table}{figures}", finding.rule));
                None
            }
            Event::Participation(ParticipationEvent::AllowanceGranted { query, .. }) => {
                Some(self.questions.get(&(part, query.clone())).cloned().unwrap_or_else(|| format!("{query} stands")))
            }
            _ => None,
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
        let (Event::Figures(FiguresEvent::FiguresRecorded { cells, reason, .. }), Some(sheet)) =
            (&record.event, record.stream.sheet())
        else {
            return;
        };
        if reason.code == ReasonCode::PublishedEarlier {
            return;
        }
        for change in cells {
            let key = FigureKey::new(&sheet, &change.key).to_string();
            if record.actor.role.is_of_country() {
                self.last.remove(&key);
            } else {
                let what = format!("{key} is {}", change.is);
                self.last.insert(key, entry(record, &what));
            }
        }
    }

    /// Figures whose last value somebody else than the country wrote.
    pub(super) fn last_by_another(self) -> Vec<Value> {
        self.last.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use rondo_eventlog::codec;
    use serde_json::json;

    use super::super::search::country_of;

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
    fn figures_that_another_than_the_country_wrote_last_are_found_and_not_those_loaded_before() {
        let written = |role: &str, code: &str| {
            let mut stored: Value = serde_json::from_slice(&record("FiguresRecorded", SHEET, "a").bytes).unwrap();
            stored["actor"]["role"] = json!(role);
            stored["event"]["data"]["reason"]["code"] = json!(code);
            codec::decode(&Bytes::from(serde_json::to_vec(&stored).unwrap())).unwrap()
        };
        let last = |records: &[Record]| {
            let mut asked = Asked::default();
            records.iter().for_each(|record| asked.remember_last(record));
            asked.last_by_another().len()
        };
        let loaded = written("collection-manager", "published-earlier");
        let (ours, theirs) =
            (written("regional-coordinator", "error-in-entry"), written("focal-point", "first-report"));
        assert_eq!(last(std::slice::from_ref(&loaded)), 0);
        assert_eq!(last(&[theirs.clone(), ours.clone()]), 1);
        assert_eq!(last(&[loaded, ours, theirs]), 0);
    }

    #[test]
    fn an_extension_is_found_with_its_country() {
        let extended = record("DeadlineExtended", "round/r-2025", "coordinator");
        assert_eq!(answered(Question::Extensions, std::slice::from_ref(&extended)), [true]);
        assert_eq!(country_of(&extended).unwrap().as_str(), "LAO");
    }
}
