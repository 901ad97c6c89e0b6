//! The coordinator's screen: one round, who is late, the matrix of countries and tables, what happens next.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use jiff::{SignedDuration, Timestamp};
use rondo_domain::RoundId;
use rondo_domain::calendar::Moment;
use rondo_domain::participation::{
    Declaration, OwedTable, Participation, ParticipationState, QueryState, TableState, Turn,
};
use rondo_domain::round::Round;
use rondo_domain::world::World;

use super::next::{self, NextStep};
use super::tasks::{self, OpenTask};
use super::{page, words};
use crate::health::alarms_of_now;
use crate::problem::Problem;
use crate::projection::Texts;
use crate::router::Shared;

#[derive(Template)]
#[template(path = "rounds.html")]
struct RoundsPage {
    title: &'static str,
    rounds: Vec<(String, String, &'static str)>,
    live: bool,
    notice: Arc<str>,
}

#[derive(Template)]
#[template(path = "round.html")]
struct RoundPage {
    title: String,
    id: String,
    state: String,
    alarms: Vec<String>,
    top: String,
    dates: String,
    stuck: Vec<Stuck>,
    asked: Vec<OpenTask>,
    tables: Vec<(String, String)>,
    rows: Vec<Row>,
    next: Vec<NextStep>,
    more: usize,
    live: bool,
    notice: Arc<str>,
}

struct Stuck {
    code: String,
    country: String,
    what: String,
    turn: &'static str,
    since: String,
}

struct Row {
    code: String,
    country: String,
    state: &'static str,
    deadline: String,
    cells: Vec<Cell>,
}

/// One cell of the matrix: a letter that alone says all, a class for shape and colour, a sentence.
struct Cell {
    letter: &'static str,
    class: &'static str,
    sentence: String,
}

/// The first page: the one round there is, a list of them, or how to make one.
pub(crate) async fn rounds(State(shared): State<Shared>) -> Response {
    let mut rounds = shared.projection.with(|world| {
        let all = world.rounds().into_iter();
        all.map(|(id, round)| (round.year, id.to_string(), round.title.clone(), round.state.as_str()))
            .collect::<Vec<_>>()
    });
    rounds.sort_by(|a, b| (b.0, &b.1).cmp(&(a.0, &a.1)));
    if let [(_, only, ..)] = &rounds[..] {
        return Redirect::temporary(&format!("/rounds/{only}")).into_response();
    }
    let rounds = rounds.into_iter().map(|(_, id, title, state)| (id, title, state)).collect();
    page(&RoundsPage { title: "Rounds", rounds, live: true, notice: shared.notice }).into_response()
}

/// A round.
pub(crate) async fn round(State(shared): State<Shared>, Path(id): Path<String>) -> Result<Html<String>, Problem> {
    let unknown = || Problem::not_found("There is no such round.");
    let id: RoundId = id.parse().map_err(|_| unknown())?;
    let pin = shared.projection.with(|world| world.round(&id).map(|round| round.pin.clone())).ok_or_else(unknown)?;
    let texts = shared.projection.texts(pin.as_ref().map(|pin| &pin.bundle));
    let now = shared.clock.now();
    let view = |world: &World| world.round(&id).map(|round| view(world, &id, round, &texts, (now, &shared.notice)));
    let mut round = shared.projection.with(view).ok_or_else(unknown)?;
    let read = *shared.projection.position().borrow();
    round.alarms = alarms_of_now(&shared, read).await.into_iter().map(|alarm| alarm.says).collect();
    page(&round)
}

fn view(world: &World, id: &RoundId, round: &Round, texts: &Texts, (now, notice): (Timestamp, &Arc<str>)) -> RoundPage {
    let tables: Vec<_> = texts.questionnaire.tables.iter().map(|(no, title)| (*no, title.clone())).collect();
    let mut rows = Vec::new();
    let mut stuck = Vec::new();
    let mut counted = Counted::default();
    for (country, participant) in &round.participants {
        let part = world.participation(id, country).cloned().unwrap_or_default();
        let late = now.duration_since(participant.deadline.at);
        let name = words::country(texts, country);
        counted.take(&part, participant.tables.len());
        if let Some((days, what)) = stuck_because(&part, late, round.takes_submissions()) {
            let since = if days > 0 { words::moment(&participant.deadline) } else { String::new() };
            let line = Stuck {
                code: country.to_string(),
                country: name.clone(),
                what,
                turn: turn(part.turn()),
                since: part.turn_since.filter(|_| days == 0).map_or(since, |at| words::local(texts, Some(country), at)),
            };
            stuck.push((days, line));
        }
        let ended = part.closed.is_some() || part.declined.is_some();
        rows.push(Row {
            code: country.to_string(),
            country: words::capitalised(&name),
            state: part.state().as_str(),
            deadline: words::moment(&participant.deadline),
            cells: tables.iter().map(|(no, _)| cell(part.tables.get(no), late.is_positive(), ended)).collect(),
        });
    }
    stuck.sort_by_key(|(days, line)| (std::cmp::Reverse(*days), line.country.clone()));
    rows.sort_by(|a, b| a.country.trim_start_matches("The ").cmp(b.country.trim_start_matches("The ")));
    let (next, more) = next::steps(world, id, texts);
    RoundPage {
        title: round.title.clone(),
        id: id.to_string(),
        state: if round.paused { format!("{}, paused", round.state.as_str()) } else { round.state.as_str().to_owned() },
        alarms: Vec::new(),
        top: format!("{}: {}", words::local(texts, None, now), counted.in_words(round)),
        dates: dates(round),
        stuck: stuck.into_iter().map(|(_, line)| line).collect(),
        asked: tasks::open(world, id, None, texts, now),
        tables: tables.into_iter().map(|(no, title)| (no.to_string(), title)).collect(),
        rows,
        next,
        more,
        live: true,
        notice: Arc::clone(notice),
    }
}

/// Tables of a round, counted by what has come of them.
#[derive(Default)]
struct Counted {
    owed: usize,
    with_data: usize,
    declared: usize,
    questions: usize,
}

impl Counted {
    fn take(&mut self, part: &Participation, owed: usize) {
        let count = |holds: fn(&OwedTable) -> bool| part.tables.values().filter(|table| holds(table)).count();
        self.owed += owed;
        self.declared += count(|table| table.state == TableState::Declared);
        self.with_data += count(|table| table.state.is_in() && table.state != TableState::Declared);
        self.questions += count(|table| table.state == TableState::WithErrors);
    }

    fn in_words(&self, round: &Round) -> String {
        format!(
            "{}{} · of {}: {} with data, {} declared without, {} not answered · {} with questions",
            round.state.as_str(),
            if round.paused { ", paused" } else { "" },
            words::count(self.owed, "table", "tables"),
            self.with_data,
            self.declared,
            self.owed.saturating_sub(self.with_data + self.declared),
            self.questions
        )
    }
}

/// The milestones of a round, in their order.
fn dates(round: &Round) -> String {
    let mut dates: Vec<_> = round.milestones.iter().collect();
    dates.sort_by_key(|(_, moment)| moment.at);
    let one =
        |(id, moment): (&rondo_domain::MilestoneId, &Moment)| format!("{id} {}", moment.local.strftime("%-d %b %Y"));
    dates.into_iter().map(one).collect::<Vec<_>>().join(" · ")
}

/// What a country's part is stuck at, with how many days it is overdue.
fn stuck_because(part: &Participation, late: SignedDuration, takes_answers: bool) -> Option<(i64, String)> {
    let missing: Vec<String> = part.missing().map(|no| no.to_string()).collect();
    let count = |state| part.queries.values().filter(|query| query.state == state).count();
    if part.owes_tables() && !part.bounced.is_empty() {
        return Some((
            0,
            "mail to the contact came back: a right address or another contact has to be found".to_owned(),
        ));
    }
    if part.owes_tables() && late.is_positive() {
        let days = late.as_hours() / 24;
        let tables = if missing.len() == 1 { "table" } else { "tables" };
        let by = match usize::try_from(days) {
            Ok(0) | Err(_) => "since the end of the deadline's day".to_owned(),
            Ok(days) => format!("by {}", words::count(days, "day", "days")),
        };
        // The first hours count as a day, so that what is overdue stands before what is not.
        return Some((days + 1, format!("overdue {by}: {tables} {}", missing.join(", "))));
    }
    let (open, answered) = (count(QueryState::Open), count(QueryState::Answered));
    if open > 0 {
        return Some((0, format!("{} open", words::count(open, "question", "questions"))));
    }
    if answered > 0 {
        return Some((0, format!("{} for ILO to decide", words::count(answered, "answer", "answers"))));
    }
    waits(part, takes_answers).map(|what| (0, what))
}

/// What a part that is in waits for before it can be published.
fn waits(part: &Participation, takes_answers: bool) -> Option<String> {
    use TableState as T;
    let tables = |states: &[T]| part.tables.values().filter(|table| states.contains(&table.state)).count();
    let told = |count, what: &str| format!("{} {what}", words::count(count, "table", "tables"));
    let (failing, clean) = (tables(&[T::WithErrors]), tables(&[T::Clean, T::Explained, T::Allowed]));
    match part.state() {
        ParticipationState::UnderReview if failing > 0 => Some(told(failing, "with questions still to be put")),
        ParticipationState::UnderReview if clean > 0 => Some(told(clean, "to be accepted")),
        // While the round is open nobody has asked for it yet.
        ParticipationState::Validated | ParticipationState::ValidatedWithAllowances if !takes_answers => {
            Some("to be confirmed by the country".to_owned())
        }
        _ => None,
    }
}

fn turn(turn: Turn) -> &'static str {
    match turn {
        Turn::Country => "the country",
        Turn::Ilo => "ILO",
        Turn::Nobody => "nobody",
    }
}

fn cell(table: Option<&OwedTable>, late: bool, ended: bool) -> Cell {
    let Some(table) = table else { return Cell { letter: "", class: "none", sentence: "not owed".to_owned() } };
    let (letter, class, sentence) = match table.state {
        TableState::Expected if ended => ("–", "declared", "closed without an answer"),
        TableState::Expected if late => ("L", "late", "late"),
        TableState::Expected => ("E", "expected", "expected"),
        TableState::Received => ("R", "received", "received"),
        TableState::WithErrors => ("Q", "questions", "questions"),
        TableState::Clean => ("C", "clean", "checked, clean"),
        TableState::Explained => ("X", "clean", "explained"),
        TableState::Allowed => ("W", "allowed", "allowed"),
        TableState::Declared => {
            ("N", "declared", table.declaration.map_or("declared without data", Declaration::as_str))
        }
        TableState::Accepted => ("A", "accepted", "accepted"),
        TableState::Confirmed => ("K", "accepted", "confirmed by the country"),
        TableState::Published => ("P", "published", "published"),
    };
    let years: Vec<String> = table.years.iter().map(ToString::to_string).collect();
    let sentence = if years.is_empty() { sentence.to_owned() } else { format!("{sentence}; {}", years.join(", ")) };
    Cell { letter, class, sentence }
}

#[cfg(test)]
mod tests {
    use rondo_domain::event::{Aggregate, Stamp};
    use rondo_domain::network::Network;
    use rondo_domain::participation::{CheckedTable, ParticipationEvent as E};
    use rondo_domain::stream::StreamKind;
    use rondo_domain::table::TableNo;

    use super::*;

    fn after(events: &[E]) -> Participation {
        let actor =
            Network::default().actor(&"scheduler".parse().unwrap(), None, None, jiff::Timestamp::UNIX_EPOCH).unwrap();
        let mut state = Aggregate::new(StreamKind::Participation);
        for event in events {
            let stamp = Stamp { at: Timestamp::UNIX_EPOCH, actor: &actor, position: 0 };
            state.evolve(&rondo_domain::event::Event::Participation(event.clone()), &stamp);
        }
        let Aggregate::Participation(part) = state else { panic!("a participation") };
        *part
    }

    #[test]
    fn a_part_that_is_in_waits_for_ilo_and_then_for_its_confirmation() {
        let tables = vec![TableNo(17)];
        let mut events = vec![E::ParticipationExpected { tables: tables.clone() }];
        let waiting = |events: &[E], open| stuck_because(&after(events), SignedDuration::ZERO, open).map(|told| told.1);
        assert_eq!(waiting(&events, true), None, "it still has time");
        let file = serde_json::from_str(&std::fs::read_to_string(golden("SubmissionReceived")).unwrap());
        let file: serde_json::Value = file.unwrap();
        events.push(serde_json::from_value(file["event"].clone()).unwrap());
        let E::SubmissionReceived { submission, .. } = &events[1] else { panic!("a submission") };
        let submission = submission.clone();
        let checked = CheckedTable { table: TableNo(17), years: vec![2024], sources: Vec::new() };
        events.push(E::SubmissionChecked { submission, tables: vec![checked], figures: 1, extent: None });
        assert_eq!(waiting(&events, true).as_deref(), Some("1 table to be accepted"));
        events.push(E::TablesAccepted { tables });
        assert_eq!(waiting(&events, true), None, "nobody has asked for it yet");
        assert_eq!(waiting(&events, false).as_deref(), Some("to be confirmed by the country"));
        events.push(E::CountryConfirmed {});
        assert_eq!(waiting(&events, false), None);
    }

    fn golden(event: &str) -> String {
        format!("{}/../../tests/compatibility/{event}.1.json", env!("CARGO_MANIFEST_DIR"))
    }
}
