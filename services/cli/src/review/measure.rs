//! What a round came to, measured from its records: response, timeliness, punctuality, completeness, revisions, questions and
//! reminders. Timeliness and punctuality are those of the European Statistical System: the time from the end of the reference
//! period, and from the date that was announced.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::date;
use rondo_domain::calendar::Calendars;
use rondo_domain::event::Event;
use rondo_domain::figure::{FiguresEvent, Sex};
use rondo_domain::notice::{Notice, NoticeStanding};
use rondo_domain::participation::{Participation, ParticipationEvent as P, QueryState, TableState};
use rondo_domain::round::Round;
use rondo_domain::table::{Layout, Part, Questionnaire, TableNo};
use rondo_domain::workflow::OWES_TABLES;
use rondo_domain::world::World;
use rondo_domain::{Country, RoundId};
use rondo_eventlog::life::AsOf;
use rondo_eventlog::{Ledger, Record, ledger, vintage};
use serde::Serialize;

use crate::failure::Failure;

/// A mail counts as followed by an answer for so many days.
pub(super) const FOLLOWED_WITHIN_DAYS: i64 = 7;

/// How many of a table's cells came, by sex, and how many there would be.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Filled {
    pub(super) table: u8,
    pub(super) title: String,
    pub(super) state: String,
    pub(super) years: usize,
    pub(super) total: usize,
    pub(super) men: usize,
    pub(super) women: usize,
    /// Cells there would be for one sex, of the indicators that were sent (of the first one, where none was).
    pub(super) expected_each: usize,
}

/// What a country's part came to.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct OfCountry {
    pub(super) country: String,
    pub(super) name: String,
    pub(super) state: String,
    /// Why its part was closed without an answer, or was not taken up.
    pub(super) closed: Option<String>,
    pub(super) answered: bool,
    pub(super) deadline: Option<Timestamp>,
    pub(super) extensions: u32,
    /// What the deadline was before it was last moved, and why it was moved.
    pub(super) extended: Option<(Timestamp, String)>,
    pub(super) first_sent: Option<Timestamp>,
    /// When every owed table was in.
    pub(super) complete_at: Option<Timestamp>,
    /// Days from the deadline to then; negative before it.
    pub(super) punctuality_days: Option<i64>,
    /// Days from the end of the last reference year to then.
    pub(super) timeliness_days: Option<i64>,
    pub(super) tables: Vec<Filled>,
    /// Figures that had a value in this log and got another in this round.
    pub(super) revised: usize,
    /// The middle one of their relative changes, in percent.
    pub(super) revised_median_percent: Option<f64>,
    pub(super) questions: usize,
    pub(super) corrected: usize,
    pub(super) allowed: usize,
    /// Days that each open question has waited.
    pub(super) open_days: Vec<i64>,
}

/// What mail of a kind came to.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct OfMail {
    pub(super) kind: String,
    pub(super) sent: usize,
    /// Not sent, because it was no longer true or came too late.
    pub(super) suppressed: usize,
    /// Refused, come back, not delivered, or unknown; what is only delayed is not among them.
    pub(super) failed: usize,
    /// Sent, and the country's file or declaration came within the days that count.
    pub(super) followed: Option<usize>,
}

/// What a round came to.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Measured {
    pub(super) round: String,
    pub(super) title: String,
    pub(super) state: String,
    pub(super) countries: Vec<OfCountry>,
    pub(super) mails: Vec<OfMail>,
    pub(super) published_at: Option<Timestamp>,
    /// Days from the announced hour of the release to its publication.
    pub(super) release_punctuality_days: Option<i64>,
    /// Days from the end of the last reference year to the publication.
    pub(super) release_timeliness_days: Option<i64>,
}

impl Measured {
    pub(super) fn answered(&self) -> usize {
        self.countries.iter().filter(|country| country.answered).count()
    }

    /// Countries whose every table was in by their deadline.
    pub(super) fn in_time(&self) -> usize {
        self.countries.iter().filter(|country| country.punctuality_days.is_some_and(|days| days <= 0)).count()
    }

    pub(super) fn sum(&self, of: impl Fn(&OfCountry) -> usize) -> usize {
        self.countries.iter().map(of).sum()
    }

    /// The cells that came, of those there would be, in every table that is owed.
    pub(super) fn completeness(&self) -> (usize, usize) {
        let tables = || self.countries.iter().flat_map(|country| &country.tables);
        (tables().map(Filled::came).sum(), tables().map(|table| 3 * table.expected_each).sum())
    }
}

impl Filled {
    pub(super) fn came(&self) -> usize {
        self.total + self.men + self.women
    }
}

/// Days from one instant to another, begun ones towards the later not counted.
fn days(from: Timestamp, to: Timestamp) -> i64 {
    to.duration_since(from).as_secs().div_euclid(24 * 3600)
}

/// The end of the last reference year.
fn end_of_reference(round: &Round) -> Option<Timestamp> {
    let last = round.reference_years.iter().max()?;
    date(last + 1, 1, 1).to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// Measures a round.
pub(super) async fn round(
    ledger: &dyn Ledger,
    world: &World,
    (id, round): (&RoundId, &Round),
    (questionnaire, calendars): (&Questionnaire, &Calendars),
    now: Timestamp,
) -> Result<Measured, Failure> {
    let records = ledger::read_all(ledger, &format!("participation/{id}/")).await?;
    let published_at = records
        .iter()
        .find(|record| matches!(record.event, Event::Participation(P::ParticipationPublished { .. })))
        .map(|record| record.recorded_at);
    let release = round.milestones.iter().find(|(name, _)| name.as_str() == "release").map(|(_, moment)| moment.at);
    let mut countries = Vec::new();
    for country in round.participants.keys() {
        let part = world.participation(id, country).cloned().unwrap_or_default();
        let mut measured = of_country(round, country, &part, &records, now);
        measured.name = calendars.get(country).map_or_else(|| country.to_string(), |calendar| calendar.name.clone());
        measured.tables = tables(ledger, (id, round), questionnaire, country, &part).await?;
        let changes = revisions(ledger, (id, round), questionnaire, country).await?;
        measured.revised = changes.len();
        measured.revised_median_percent = median(changes.into_iter().flatten().collect());
        countries.push(measured);
    }
    Ok(Measured {
        round: id.to_string(),
        title: round.title.clone(),
        state: round.state.as_str().to_owned(),
        countries,
        mails: mails(world, id, &records),
        published_at,
        release_punctuality_days: release.zip(published_at).map(|(due, out)| days(due, out)),
        release_timeliness_days: end_of_reference(round).zip(published_at).map(|(end, out)| days(end, out)),
    })
}

fn of_country(round: &Round, country: &Country, part: &Participation, records: &[Record], now: Timestamp) -> OfCountry {
    let mine = records.iter().filter(|record| record.stream.country().as_ref() == Some(country));
    let (mut in_since, mut first_sent) = (BTreeMap::<TableNo, Timestamp>::new(), None);
    for record in mine {
        let Event::Participation(event) = &record.event else { continue };
        let at = record.recorded_at;
        match event {
            P::SubmissionReceived { .. } => first_sent = first_sent.or(Some(at)),
            P::SubmissionChecked { tables, .. } => {
                for checked in tables {
                    in_since.entry(checked.table).or_insert(at);
                }
            }
            P::TablesDeclared { tables, .. } => {
                for table in tables {
                    in_since.entry(*table).or_insert(at);
                }
            }
            _ => {}
        }
    }
    let is_complete = !part.tables.is_empty() && part.tables.keys().all(|table| in_since.contains_key(table));
    let complete_at = in_since.values().max().copied().filter(|_| is_complete);
    let deadline = round.participants.get(country).map(|participant| participant.deadline.at);
    let queries = |state: QueryState| part.queries.values().filter(move |query| query.state == state);
    OfCountry {
        country: country.to_string(),
        state: part.state().as_str().to_owned(),
        closed: part.closed.clone().or_else(|| part.declined.clone()),
        answered: !in_since.is_empty(),
        deadline,
        extensions: round.moves.get(country).copied().unwrap_or(0),
        extended: round.extensions.get(country).map(|(was, reason)| (was.at, reason.clone())),
        first_sent,
        complete_at,
        punctuality_days: complete_at.zip(deadline).map(|(done, due)| {
            // Within the day of the deadline is in time; a minute after it is a day late.
            if done <= due { -days(done, due) } else { days(due, done) + 1 }
        }),
        timeliness_days: end_of_reference(round).zip(complete_at).map(|(end, done)| days(end, done)),
        questions: part.queries.len(),
        corrected: queries(QueryState::Accepted).count(),
        allowed: queries(QueryState::Allowed).count(),
        open_days: queries(QueryState::Open).map(|query| days(query.opened_at, now)).collect(),
        ..OfCountry::default()
    }
}

/// How many cells an indicator has for one sex and year: by country, the total, at most five countries and the others.
fn cells_each(questionnaire: &Questionnaire, layout: &Layout) -> usize {
    let rows = |dimension: u8, named: bool| {
        let Some(items) = questionnaire.classification(&layout.indicator, dimension) else {
            return usize::from(!named);
        };
        if items.by_country {
            return 7;
        }
        items.items.values().filter(|item| item.offered && item.part != Part::Group).count().max(1)
    };
    rows(1, layout.classif1.is_some()).max(1) * rows(2, layout.classif2.is_some()).max(1)
}

async fn tables(
    ledger: &dyn Ledger,
    of: (&RoundId, &Round),
    questionnaire: &Questionnaire,
    country: &Country,
    part: &Participation,
) -> Result<Vec<Filled>, Failure> {
    let figures = vintage::read(ledger, of, questionnaire, Some(country), AsOf::new(None, false)).await?;
    let years = of.1.reference_years.len();
    let mut all = Vec::new();
    for (no, table) in &part.tables {
        let mine: Vec<_> = figures.iter().filter(|figure| figure.table == *no && figure.is.value.is_some()).collect();
        let count = |sex: Sex| mine.iter().filter(|figure| figure.key.cell.sex == sex).count();
        let sent: BTreeSet<_> = mine.iter().map(|figure| figure.key.indicator.clone()).collect();
        let first = questionnaire.indicators(*no).next();
        let meant = questionnaire.indicators(*no).filter(|layout| match sent.is_empty() {
            true => first.is_some_and(|first| first.indicator == layout.indicator),
            false => sent.contains(&layout.indicator),
        });
        let each: usize = meant.map(|layout| cells_each(questionnaire, layout)).sum();
        all.push(Filled {
            table: no.0,
            title: questionnaire.tables.get(no).cloned().unwrap_or_default(),
            state: if table.state == TableState::Expected && (part.closed.is_some() || part.declined.is_some()) {
                "not-answered".to_owned()
            } else {
                let word = serde_json::to_value(table.state).ok();
                word.and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
            },
            years: mine.iter().map(|figure| figure.key.year).collect::<BTreeSet<_>>().len(),
            total: count(Sex::Total),
            men: count(Sex::Male),
            women: count(Sex::Female),
            // What a country declared that it does not have is not missing.
            expected_each: if table.state == TableState::Declared { 0 } else { each * years },
        });
    }
    Ok(all)
}

/// The figures that were given another value in the round, each with its relative change in percent where there is one.
async fn revisions(
    ledger: &dyn Ledger,
    (id, round): (&RoundId, &Round),
    questionnaire: &Questionnaire,
    country: &Country,
) -> Result<Vec<Option<f64>>, Failure> {
    let mut changes = Vec::new();
    let tables = round.participants.get(country).map(|participant| participant.tables.clone()).unwrap_or_default();
    for layout in tables.iter().flat_map(|table| questionnaire.indicators(*table)) {
        for record in ledger::read_all(ledger, &format!("figures/{country}/{}/", layout.indicator)).await? {
            let Event::Figures(FiguresEvent::FiguresRecorded { round: of, cells, .. }) = &record.event else {
                continue;
            };
            if of.as_ref() != Some(id) {
                continue;
            }
            for cell in cells.iter().filter(|cell| cell.was.as_ref().is_some_and(|was| *was != cell.is)) {
                let number = |value: &rondo_domain::figure::FigureValue| {
                    value.value.and_then(|n| n.to_string().parse::<f64>().ok())
                };
                let (was, is) = (cell.was.as_ref().and_then(number), number(&cell.is));
                changes.push(
                    was.zip(is).filter(|(was, _)| *was != 0.0).map(|(was, is)| 100.0 * (is - was).abs() / was.abs()),
                );
            }
        }
    }
    Ok(changes)
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let high = *values.get(middle)?;
    let middle = if values.len() % 2 == 1 { high } else { f64::midpoint(values[middle - 1], high) };
    Some((middle * 10.0).round() / 10.0)
}

fn mails(world: &World, id: &RoundId, records: &[Record]) -> Vec<OfMail> {
    let answers: Vec<(Country, Timestamp)> = records
        .iter()
        .filter(|record| {
            matches!(record.event, Event::Participation(P::SubmissionReceived { .. } | P::TablesDeclared { .. }))
        })
        .filter_map(|record| Some((record.stream.country()?, record.recorded_at)))
        .collect();
    let mut kinds: BTreeMap<String, OfMail> = BTreeMap::new();
    for (_, notice) in world.notices(id) {
        let Some(brief) = &notice.brief else { continue };
        let of =
            kinds.entry(brief.kind.clone()).or_insert_with(|| OfMail { kind: brief.kind.clone(), ..OfMail::default() });
        match notice.state.standing() {
            NoticeStanding::Suppressed => of.suppressed += 1,
            NoticeStanding::Astray => of.failed += 1,
            NoticeStanding::Left => of.sent += 1,
            _ => of.sent += usize::from(notice.sent_at.is_some()),
        }
        // Only what asks for tables is followed by them.
        if brief.kind == "invitation" || brief.guards.iter().any(|guard| guard == OWES_TABLES) {
            let followed = usize::from(is_followed(notice, brief.country.as_ref(), &answers));
            of.followed = Some(of.followed.unwrap_or(0) + followed);
        }
    }
    kinds.into_values().collect()
}

fn is_followed(notice: &Notice, country: Option<&Country>, answers: &[(Country, Timestamp)]) -> bool {
    let Some(sent) = notice.sent_at else { return false };
    let soon = |at: Timestamp| at > sent && days(sent, at) < FOLLOWED_WITHIN_DAYS;
    answers.iter().any(|(of, at)| Some(of) == country && soon(*at))
}
