//! The coordinator's screen: one round, who is late, the matrix of countries and tables, what happens next.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use jiff::Timestamp;
use rondo_domain::RoundId;
use rondo_domain::participation::{OwedTable, Participation, QueryState, TableState, Turn};
use rondo_domain::round::Round;
use rondo_domain::run::Stage;
use rondo_domain::world::World;

use super::{page, words};
use crate::problem::Problem;
use crate::projection::Texts;
use crate::router::Shared;

/// How many coming steps are shown.
const NEXT: usize = 10;

#[derive(Template)]
#[template(path = "rounds.html")]
struct RoundsPage {
    title: &'static str,
    live: bool,
}

#[derive(Template)]
#[template(path = "round.html")]
struct RoundPage {
    title: String,
    id: String,
    state: String,
    top: String,
    stuck: Vec<Stuck>,
    tables: Vec<(String, String)>,
    rows: Vec<Row>,
    next: Vec<NextStep>,
    live: bool,
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

struct NextStep {
    when: String,
    country: String,
    step: String,
    why: String,
}

/// The first page: the newest round, or how to make one.
pub(crate) async fn rounds(State(shared): State<Shared>) -> Response {
    let newest = shared
        .projection
        .with(|world| world.rounds().into_iter().max_by_key(|(id, round)| (round.year, id.clone())).map(|(id, _)| id));
    match newest {
        Some(id) => Redirect::temporary(&format!("/rounds/{id}")).into_response(),
        None => page(&RoundsPage { title: "Rounds", live: true }).into_response(),
    }
}

/// A round.
pub(crate) async fn round(State(shared): State<Shared>, Path(id): Path<String>) -> Result<Html<String>, Problem> {
    let unknown = || Problem::not_found("There is no such round.");
    let id: RoundId = id.parse().map_err(|_| unknown())?;
    let pin = shared.projection.with(|world| world.round(&id).map(|round| round.pin.clone())).ok_or_else(unknown)?;
    let texts = shared.projection.texts(pin.as_ref().map(|pin| &pin.bundle));
    let view = shared.projection.with(|world| world.round(&id).map(|round| view(world, &id, round, &texts)));
    page(&view.ok_or_else(unknown)?)
}

/// The instant the log speaks of: its newest record about this round.
fn as_of(world: &World, id: &RoundId) -> Timestamp {
    let runs = world.runs().into_iter().filter(|(round, ..)| round == id);
    let fired = runs.flat_map(|(_, _, run)| run.occurrences.values()).filter(|(_, stage)| *stage != Stage::Planned);
    fired.map(|(due, _)| due.at).max().unwrap_or(Timestamp::UNIX_EPOCH)
}

fn view(world: &World, id: &RoundId, round: &Round, texts: &Texts) -> RoundPage {
    let now = as_of(world, id);
    let tables: Vec<_> = texts.questionnaire.tables.iter().map(|(no, title)| (*no, title.clone())).collect();
    let mut rows = Vec::new();
    let mut stuck = Vec::new();
    let (mut owed, mut received, mut questions, mut declared) = (0, 0, 0, 0);
    for (country, participant) in &round.participants {
        let part = world.participation(id, country).cloned().unwrap_or_default();
        let late = now > participant.deadline.at;
        owed += participant.tables.len();
        received += part.tables.values().filter(|table| table.state.is_in()).count();
        declared += part.tables.values().filter(|table| table.state == TableState::Declared).count();
        questions += part.queries.values().filter(|query| query.state == QueryState::Open).count();
        let name = words::country(texts, country);
        if let Some(what) = stuck_because(&part, late) {
            stuck.push(Stuck {
                code: country.to_string(),
                country: name.clone(),
                what,
                turn: turn(part.turn()),
                since: part.turn_since.map(words::instant).unwrap_or_default(),
            });
        }
        rows.push(Row {
            code: country.to_string(),
            country: name,
            state: part.state().as_str(),
            deadline: words::moment(&participant.deadline),
            cells: tables.iter().map(|(no, _)| cell(part.tables.get(no), late)).collect(),
        });
    }
    let top = format!(
        "{} · {} of {} received · {} with questions · {} declared without data",
        round.state.as_str(),
        received,
        words::count(owed, "table", "tables"),
        questions,
        declared
    );
    RoundPage {
        title: round.title.clone(),
        id: id.to_string(),
        state: if round.paused { format!("{}, paused", round.state.as_str()) } else { round.state.as_str().to_owned() },
        top,
        stuck,
        tables: tables.into_iter().map(|(no, title)| (no.to_string(), title)).collect(),
        rows,
        next: next_steps(world, id, texts),
        live: true,
    }
}

fn stuck_because(part: &Participation, late: bool) -> Option<String> {
    let missing: Vec<String> = part.missing().map(|no| no.to_string()).collect();
    let open = part.queries.values().filter(|query| query.state == QueryState::Open).count();
    if part.owes_tables() && !part.bounced.is_empty() {
        return Some("mail to the contact came back: a new focal point has to be found".to_owned());
    }
    if part.owes_tables() && late {
        return Some(format!("overdue: table {}", missing.join(", ")));
    }
    (open > 0).then(|| format!("{} open", words::count(open, "question", "questions")))
}

fn turn(turn: Turn) -> &'static str {
    match turn {
        Turn::Country => "the country",
        Turn::Ilo => "ILO",
        Turn::Nobody => "nobody",
    }
}

fn cell(table: Option<&OwedTable>, late: bool) -> Cell {
    let Some(table) = table else { return Cell { letter: "", class: "none", sentence: "not owed".to_owned() } };
    let (letter, class, sentence) = match table.state {
        TableState::Expected if late => ("L", "late", "late"),
        TableState::Expected => ("E", "expected", "expected"),
        TableState::Received => ("R", "received", "received"),
        TableState::WithErrors => ("Q", "questions", "questions"),
        TableState::Clean => ("C", "clean", "checked, clean"),
        TableState::Explained => ("X", "clean", "explained"),
        TableState::Allowed => ("W", "allowed", "allowed"),
        TableState::Declared => ("N", "declared", "confirmed: no data"),
        TableState::Accepted => ("A", "accepted", "accepted"),
        TableState::Confirmed => ("K", "accepted", "confirmed by the country"),
        TableState::Published => ("P", "published", "published"),
    };
    let years: Vec<String> = table.years.iter().map(ToString::to_string).collect();
    let sentence = if years.is_empty() { sentence.to_owned() } else { format!("{sentence}; {}", years.join(", ")) };
    Cell { letter, class, sentence }
}

fn next_steps(world: &World, id: &RoundId, texts: &Texts) -> Vec<NextStep> {
    let mut coming = Vec::new();
    for (round, country, run) in world.runs() {
        if round != *id {
            continue;
        }
        for (occurrence, (due, stage)) in &run.occurrences {
            if *stage == Stage::Planned {
                let country = country.as_ref().map(|country| words::country(texts, country)).unwrap_or_default();
                coming.push((due.at, country, occurrence.step.to_string(), due.clone()));
            }
        }
    }
    coming.sort_by(|a, b| (a.0, &a.1, &a.2).cmp(&(b.0, &b.1, &b.2)));
    coming
        .into_iter()
        .take(NEXT)
        .map(|(_, country, step, due)| NextStep { when: words::moment(&due), country, step, why: due.explanation() })
        .collect()
}
