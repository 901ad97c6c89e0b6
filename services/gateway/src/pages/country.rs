//! A country in a round: its tables, its submissions, its questions.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Html;
use jiff::Timestamp;
use rondo_domain::event::Event;
use rondo_domain::figure::{FigureKey, FiguresEvent};
use rondo_domain::network::Network;
use rondo_domain::participation::{Participation, QueryState, TableState};
use rondo_domain::{Country, Role, RoundId, why};
use rondo_eventlog::{Ledger, ledger};

use super::next::{self, NextStep};
use super::tasks::{self, OpenTask, SettledTask};
use super::{mail, page, words};
use crate::problem::Problem;
use crate::projection::Texts;
use crate::router::Shared;

#[derive(Template)]
#[template(path = "country.html")]
struct CountryPage {
    title: String,
    round: String,
    country: String,
    state: &'static str,
    why: String,
    held: Vec<String>,
    deadline: String,
    explanation: String,
    people: Vec<(&'static str, String)>,
    mails: Vec<mail::Line>,
    next: Vec<NextStep>,
    closed: String,
    asked: Vec<OpenTask>,
    settled: Vec<SettledTask>,
    tables: Vec<TableLine>,
    submissions: Vec<SubmissionLine>,
    queries: Vec<QueryLine>,
    live: bool,
    notice: Arc<str>,
}

struct TableLine {
    no: String,
    title: String,
    state: String,
    years: String,
    has_figures: bool,
}

struct SubmissionLine {
    id: String,
    received: String,
    by: String,
    file: String,
    sha256: String,
    state: String,
    extent: String,
    findings: Vec<String>,
}

struct QueryLine {
    table: String,
    /// The first figure it is about: its address, if it was ever recorded, and its name.
    about: Option<(Option<String>, String)>,
    question: String,
    repair: String,
    state: &'static str,
    answer: String,
    decision: String,
}

/// A country in a round.
pub(crate) async fn country(
    State(shared): State<Shared>,
    Path((round, country)): Path<(String, String)>,
) -> Result<Html<String>, Problem> {
    let unknown = || Problem::not_found("This country does not take part in this round, or there is no such round.");
    let round: RoundId = round.parse().map_err(|_| unknown())?;
    let country: Country = country.parse().map_err(|_| unknown())?;
    let pin = shared.projection.with(|world| world.round(&round).and_then(|found| found.pin.clone()));
    let texts = shared.projection.texts(pin.as_ref().map(|pin| &pin.bundle));
    let sheets = shared.projection.with(|world| {
        world.participation(&round, &country).map(|part| sheets(part, &country, &texts)).unwrap_or_default()
    });
    let now = shared.clock.now();
    let recorded = recorded(&*shared.ledger, &sheets).await?;
    let view = shared.projection.with(|world| {
        let participant = world.round(&round)?.participants.get(&country)?;
        let part = world.participation(&round, &country).cloned().unwrap_or_default();
        let why = why::why(world, &round, &country, texts.definition.as_ref(), now)?;
        Some(CountryPage {
            title: words::capitalised(&words::country(&texts, &country)),
            round: round.to_string(),
            country: country.to_string(),
            state: part.state().as_str(),
            deadline: words::moment(&participant.deadline),
            explanation: world.round(&round)?.deadline_explained(&country),
            why: why.because.sentence(&words::country(&texts, &country), &words::moment(&participant.deadline)),
            held: why.held,
            people: people(world.network(), &country, now),
            mails: mail::about(world, &round, &country, &texts, MAILS),
            next: why.next.iter().take(NEXT).map(|coming| next::step(coming, &texts)).collect(),
            closed: part.closed.clone().or_else(|| part.declined.clone()).unwrap_or_default(),
            asked: tasks::open(world, &round, Some(&country), &texts, now),
            settled: tasks::settled(world, &round, &country),
            tables: tables(&part, &country, &texts, &recorded),
            submissions: submissions(&part, &country, &texts),
            queries: queries(&part, &recorded),
            live: true,
            notice: Arc::clone(&shared.notice),
        })
    });
    page(&view.ok_or_else(unknown)?)
}

/// How many mails, and how many coming steps, the page shows.
const MAILS: usize = 12;
const NEXT: usize = 6;

/// Who holds each role for a country, as ids: names are in the register alone.
fn people(network: &Network, country: &Country, now: Timestamp) -> Vec<(&'static str, String)> {
    let of = |role: Role| {
        let ids: Vec<String> = network.holders(role, Some(country), now).iter().map(ToString::to_string).collect();
        (role.as_str(), if ids.is_empty() { "nobody".to_owned() } else { ids.join(", ") })
    };
    Role::OF_COUNTRY.map(of).to_vec()
}

/// Where the figures of the tables and years that the page shows are recorded.
fn sheets(part: &Participation, country: &Country, texts: &Texts) -> Vec<String> {
    let mut prefixes = Vec::new();
    for (no, table) in &part.tables {
        for layout in texts.questionnaire.indicators(*no) {
            prefixes.extend(table.years.iter().map(|year| format!("figures/{country}/{}/{year}/", layout.indicator)));
        }
    }
    prefixes
}

/// Every figure of these sheets that was ever recorded, without its source.
async fn recorded(reader: &dyn Ledger, sheets: &[String]) -> Result<BTreeSet<String>, Problem> {
    let mut keys = BTreeSet::new();
    for prefix in sheets {
        for record in ledger::read_all(reader, prefix).await? {
            let (Some(sheet), Event::Figures(FiguresEvent::FiguresRecorded { cells, .. })) =
                (record.stream.sheet(), &record.event)
            else {
                continue;
            };
            let name = |cell| FigureKey { source: None, ..FigureKey::new(&sheet, cell) }.to_string();
            keys.extend(cells.iter().map(|change| name(&change.key)));
        }
    }
    Ok(keys)
}

fn tables(part: &Participation, country: &Country, texts: &Texts, recorded: &BTreeSet<String>) -> Vec<TableLine> {
    let line = |(no, table): (&rondo_domain::table::TableNo, &rondo_domain::participation::OwedTable)| {
        let declared = table.declaration.map(|d| format!(" ({})", d.as_str())).unwrap_or_default();
        let state = match table.state {
            TableState::Expected if part.closed.is_some() || part.declined.is_some() => "closed without an answer",
            TableState::Expected => "expected",
            TableState::Received => "received",
            TableState::WithErrors => "with questions",
            TableState::Clean => "checked, clean",
            TableState::Explained => "explained",
            TableState::Allowed => "allowed",
            TableState::Declared => "no data",
            TableState::Accepted => "accepted",
            TableState::Confirmed => "confirmed by the country",
            TableState::Published => "published",
        };
        let of = |layout: &rondo_domain::table::Layout, year| format!("{country}/{}/{year}/", layout.indicator);
        let holds = |year| {
            texts.questionnaire.indicators(*no).any(|layout| {
                let prefix = of(layout, year);
                recorded.range(prefix.clone()..).next().is_some_and(|key| key.starts_with(&prefix))
            })
        };
        TableLine {
            no: no.to_string(),
            title: texts.questionnaire.tables.get(no).cloned().unwrap_or_default(),
            state: format!("{state}{declared}"),
            years: table.years.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            has_figures: table.years.iter().any(holds),
        }
    };
    part.tables.iter().map(line).collect()
}

fn submissions(part: &Participation, country: &Country, texts: &Texts) -> Vec<SubmissionLine> {
    let mut lines: Vec<_> = part.submissions.iter().collect();
    lines.sort_by_key(|(_, submission)| submission.position);
    lines
        .into_iter()
        .map(|(id, submission)| SubmissionLine {
            id: id.to_string(),
            received: words::local(texts, Some(country), submission.received_at),
            by: submission.author.to_string(),
            file: submission.file.name.clone(),
            sha256: submission.file.sha256.to_string(),
            state: format!("{:?}", submission.state).to_lowercase(),
            extent: submission.extent.map(|extent| extent.to_string()).unwrap_or_default(),
            findings: submission
                .findings
                .iter()
                .flat_map(|group| &group.findings)
                .filter(|finding| finding.needs_answer())
                .map(|finding| format!("{} ({}): {}", finding.rule, finding.severity.as_str(), finding.message))
                .collect(),
        })
        .collect()
}

fn queries(part: &Participation, recorded: &BTreeSet<String>) -> Vec<QueryLine> {
    let mut queries: Vec<_> = part.queries.values().collect();
    queries.sort_by_key(|query| (query.table, query.finding.keys.first().cloned(), query.finding.rule.clone()));
    queries
        .into_iter()
        .map(|query| QueryLine {
            table: query.table.to_string(),
            about: query.finding.keys.first().and_then(|key| key.parse::<FigureKey>().ok()).map(|key| {
                let known = recorded.contains(&FigureKey { source: None, ..key.clone() }.to_string());
                (known.then(|| format!("/figures/{key}")), format!("{}, {}", key.year, key.cell))
            }),
            question: format!("{}: {}", query.finding.rule, query.finding.message),
            repair: query
                .finding
                .repair
                .as_ref()
                .map(|repair| format!("{} instead of {} would fit ({})", repair.to, repair.from, repair.kind))
                .unwrap_or_default(),
            state: match query.state {
                QueryState::Open => "waits for the country",
                QueryState::Answered => "answered",
                QueryState::Accepted => "answer accepted",
                QueryState::Allowed => "allowed",
            },
            answer: query.answer.as_ref().map(|(_, text)| text.clone()).unwrap_or_default(),
            decision: query.allowance.clone().unwrap_or_default(),
        })
        .collect()
}
