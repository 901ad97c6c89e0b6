//! A figure's life: every value it had, with who, why, from which place of which file, what the rules said, who accepted,
//! confirmed and released it. Put together from the log alone, as it is or as it was at an instant.

mod told;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rondo_domain::event::Event;
use rondo_domain::figure::{CellChange, FigureKey, FiguresEvent};
use rondo_domain::finding::Finding;
use rondo_domain::participation::{ParticipationEvent, ReceivedFile, TableFindings};
use rondo_domain::release::ReleaseEvent;
use rondo_domain::table::TableNo;
use rondo_domain::{
    FileHash, InstitutionId, PersonId, QueryId, Reason, ReleaseId, Role, RoundId, StreamId, SubmissionId,
};
use serde::Serialize;

use crate::ledger::{Fault, Ledger, read_all};
use crate::record::Record;

/// Who did something, in which role, when, and in which record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Act {
    /// Who.
    pub by: PersonId,
    /// In which role.
    pub role: Role,
    /// When it was recorded.
    pub at: Timestamp,
    /// The record's position.
    pub position: u64,
}

impl Act {
    pub(crate) fn of(record: &Record) -> Self {
        let (by, role) = (record.actor.id.clone(), record.actor.role);
        Self { by, role, at: record.recorded_at, position: record.position }
    }
}

/// A failed rule that was allowed to stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Allowance {
    /// The rule.
    pub rule: String,
    /// Why it may stand.
    pub reason: String,
    /// By whom.
    pub act: Act,
}

/// A release in which a value stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Released {
    /// Which.
    pub release: ReleaseId,
    /// Who approved it.
    pub approved: Option<Act>,
    /// Who cleared it.
    pub cleared: Option<Act>,
    /// When it went out.
    pub published: Act,
}

/// What a rule said of a figure, and what settled it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    /// The finding.
    #[serde(flatten)]
    pub finding: Finding,
    /// The later submission by which the rule no longer failed, and its check.
    pub settled: Option<(SubmissionId, Act)>,
}

/// One value of a figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Value {
    /// The figure, with its source.
    pub key: FigureKey,
    /// The change as it was recorded.
    pub change: CellChange,
    /// The record by which it was: who and when.
    pub recorded: Act,
    /// The event's name.
    pub event: String,
    /// The actor's institution.
    pub institution: Option<InstitutionId>,
    /// The institution for which the actor acted.
    pub on_behalf_of: Option<InstitutionId>,
    /// When another value took its place; absent while it stands.
    pub until: Option<Timestamp>,
    /// Why.
    pub reason: Reason,
    /// The file it came from.
    pub sha256: FileHash,
    /// The sheet of that file.
    pub sheet: Option<String>,
    /// The round; absent for figures published before the first one.
    pub round: Option<RoundId>,
    /// The submission that brought it, and its file.
    pub submission: Option<SubmissionId>,
    /// That file, and who sent it when.
    pub received: Option<(ReceivedFile, Act)>,
    /// What the rules said of this figure in that submission.
    pub findings: Vec<Found>,
    /// What of it was allowed to stand.
    pub allowances: Vec<Allowance>,
    /// Who accepted the table while it had this value.
    pub accepted: Option<Act>,
    /// Who confirmed the country's tables while it had this value.
    pub confirmed: Option<Act>,
    /// The releases in which it stood.
    pub releases: Vec<Released>,
}

/// As of when a life is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AsOf {
    /// All that the log holds.
    #[default]
    Now,
    /// What was known at an instant: what was recorded by then.
    Known(Timestamp),
    /// What the public saw at an instant: values that stood in a release that was out by then.
    Published(Timestamp),
}

impl AsOf {
    /// As of an instant or now, by what was known or by what was published.
    pub fn new(at: Option<Timestamp>, published: bool) -> Self {
        match (at, published) {
            (None, false) => Self::Now,
            (Some(at), false) => Self::Known(at),
            (at, true) => Self::Published(at.unwrap_or(Timestamp::MAX)),
        }
    }

    pub(crate) fn instant(self) -> Timestamp {
        match self {
            Self::Now => Timestamp::MAX,
            Self::Known(at) | Self::Published(at) => at,
        }
    }
}

/// The life of a figure, oldest value first. `table` is the questionnaire table it belongs to, where that is known.
///
/// # Errors
/// The ledger's fault.
pub async fn read(
    ledger: &dyn Ledger,
    key: &FigureKey,
    table: Option<TableNo>,
    as_of: AsOf,
) -> Result<Vec<Value>, Fault> {
    let until = as_of.instant();
    let mut life = history(ledger, key, until).await?;
    let rounds: BTreeSet<RoundId> = life.iter().filter_map(|value| value.round.clone()).collect();
    for round in rounds {
        let stream = StreamId::participation(&round, &key.country);
        let mut part = read_all(ledger, stream.as_str()).await?;
        part.retain(|record| record.stream == stream && record.recorded_at <= until);
        in_round(&mut life, &round, &part, table);
        let ends = ends(&life);
        let of_round = life.iter_mut().zip(ends).filter(|(value, _)| value.round.as_ref() == Some(&round));
        for (value, end) in of_round {
            table.into_iter().for_each(|table| settle(value, end, &part, table));
        }
    }
    if let Some(table) = table {
        let mut releases = read_all(ledger, "release/").await?;
        releases.retain(|record| record.recorded_at <= until);
        released(&mut life, &releases, &key.country, table);
    }
    if let AsOf::Published(_) = as_of {
        life.retain(|value| !value.releases.is_empty());
    }
    Ok(life)
}

/// Every value a figure had until an instant: what was recorded, when, by whom, why and from where; oldest first. What
/// became of the values is not looked for.
///
/// # Errors
/// The ledger's fault.
pub async fn history(ledger: &dyn Ledger, key: &FigureKey, until: Timestamp) -> Result<Vec<Value>, Fault> {
    let prefix = format!("figures/{}/{}/{}/", key.country, key.indicator, key.year);
    let records = read_all(ledger, &prefix).await?;
    let mut values: Vec<Value> =
        records.iter().filter(|record| record.recorded_at <= until).flat_map(|record| values(record, key)).collect();
    values.sort_by_key(|value| value.recorded.position);
    let until: Vec<_> = followers(&values).into_iter().map(|next| Some(values[next?].recorded.at)).collect();
    for (value, until) in values.iter_mut().zip(until) {
        value.until = until;
    }
    Ok(values)
}

/// Whether a record changes a figure.
pub fn speaks_of(record: &Record, key: &FigureKey) -> bool {
    !values(record, key).is_empty()
}

fn values(record: &Record, key: &FigureKey) -> Vec<Value> {
    let Event::Figures(FiguresEvent::FiguresRecorded { round, submission, reason, evidence, cells }) = &record.event
    else {
        return Vec::new();
    };
    let wanted = |source| key.source.as_ref().is_none_or(|wanted| *wanted == source);
    let Some(sheet) = record.stream.sheet().filter(|sheet| wanted(sheet.source.clone())) else { return Vec::new() };
    let value = |change: &CellChange| Value {
        key: FigureKey::new(&sheet, &change.key),
        change: change.clone(),
        recorded: Act::of(record),
        event: record.name.clone(),
        institution: record.actor.institution.clone(),
        on_behalf_of: record.on_behalf_of.clone(),
        until: None,
        reason: reason.clone(),
        sha256: evidence.sha256.clone(),
        sheet: evidence.sheet.clone(),
        round: round.clone(),
        submission: submission.clone(),
        received: None,
        findings: Vec::new(),
        allowances: Vec::new(),
        accepted: None,
        confirmed: None,
        releases: Vec::new(),
    };
    cells.iter().filter(|change| change.key == key.cell).map(value).collect()
}

/// Which value of the same source followed each one, if one did. They are one figure's, and differ in their source alone.
fn followers(life: &[Value]) -> Vec<Option<usize>> {
    let mut next = BTreeMap::new();
    let mut found: Vec<_> = (0..life.len()).rev().map(|at| next.insert(&life[at].key.source, at)).collect();
    found.reverse();
    found
}

/// The position at which each value of its source was followed by another.
fn ends(life: &[Value]) -> Vec<u64> {
    followers(life).into_iter().map(|next| next.map_or(u64::MAX, |next| life[next].recorded.position)).collect()
}

/// What happened in the round to the values that it brought.
fn in_round(life: &mut [Value], round: &RoundId, part: &[Record], table: Option<TableNo>) {
    use ParticipationEvent as P;
    let ends = ends(life);
    let mut asked: BTreeMap<&QueryId, &Finding> = BTreeMap::new();
    for record in part {
        let Event::Participation(event) = &record.event else { continue };
        if let P::QueryOpened { query, finding, .. } = event {
            asked.insert(query, finding);
        }
        for (value, end) in life.iter_mut().zip(&ends).filter(|(value, _)| value.round.as_ref() == Some(round)) {
            let stands = (value.recorded.position..*end).contains(&record.position);
            let about = |finding: &Finding| finding.keys.contains(&value.key.to_string());
            match event {
                P::SubmissionReceived { submission, file, .. } if value.submission.as_ref() == Some(submission) => {
                    value.received = Some((file.clone(), Act::of(record)));
                }
                P::FindingsRecorded { submission, findings: TableFindings { findings, .. } }
                    if value.submission.as_ref() == Some(submission) =>
                {
                    let found = |finding: &Finding| Found { finding: finding.clone(), settled: None };
                    value.findings.extend(findings.iter().filter(|finding| about(finding)).map(found));
                }
                P::AllowanceGranted { query, reason } if stands => {
                    if let Some(finding) = asked.get(query).filter(|finding| about(finding)) {
                        let (rule, reason) = (finding.rule.clone(), reason.clone());
                        value.allowances.push(Allowance { rule, reason, act: Act::of(record) });
                    }
                }
                P::TablesAccepted { tables } if stands && table.is_some_and(|table| tables.contains(&table)) => {
                    value.accepted = Some(Act::of(record));
                }
                P::CountryConfirmed {} if stands && value.accepted.is_some() => value.confirmed = Some(Act::of(record)),
                _ => {}
            }
        }
    }
}

/// Which findings of a value failed no more when a later submission of its table was checked.
fn settle(value: &mut Value, end: u64, part: &[Record], table: TableNo) {
    use ParticipationEvent as P;
    let mut failing: BTreeMap<&SubmissionId, BTreeSet<&str>> = BTreeMap::new();
    let key = value.key.to_string();
    let later = part.iter().filter(|record| (value.recorded.position..end).contains(&record.position));
    for record in later {
        match &record.event {
            Event::Participation(P::FindingsRecorded { submission, findings }) => {
                let about = findings.findings.iter().filter(|finding| finding.keys.contains(&key));
                failing.entry(submission).or_default().extend(about.map(|finding| finding.rule.as_str()));
            }
            Event::Participation(P::SubmissionChecked { submission, tables, .. })
                if value.submission.as_ref() != Some(submission)
                    && tables.iter().any(|checked| checked.table == table) =>
            {
                let fails = failing.remove(submission).unwrap_or_default();
                let mended = value.findings.iter_mut().filter(|found| !fails.contains(found.finding.rule.as_str()));
                for found in mended.filter(|found| found.settled.is_none()) {
                    found.settled = Some((submission.clone(), Act::of(record)));
                }
            }
            _ => {}
        }
    }
}

/// In which releases each value stood: the last one recorded before a release was put together.
fn released(life: &mut [Value], releases: &[Record], country: &rondo_domain::Country, table: TableNo) {
    #[derive(Default)]
    struct Prepared {
        at: Option<u64>,
        approved: Option<Act>,
        cleared: Option<Act>,
    }
    let ends = ends(life);
    let mut prepared: BTreeMap<StreamId, Prepared> = BTreeMap::new();
    for record in releases {
        let Event::Release(event) = &record.event else { continue };
        let standing = prepared.entry(record.stream.clone()).or_default();
        match event {
            ReleaseEvent::ReleasePrepared { contents, .. } => {
                let holds = contents.iter().any(|part| part.country == *country && part.tables.contains(&table));
                *standing = Prepared { at: holds.then_some(record.position), ..Prepared::default() };
            }
            ReleaseEvent::ReleaseApproved {} => standing.approved = Some(Act::of(record)),
            ReleaseEvent::ReleaseCleared {} => standing.cleared = Some(Act::of(record)),
            ReleaseEvent::ReleaseBegun {} => {}
            ReleaseEvent::ReleasePublished { .. } => {
                let release = record.stream.part(0).and_then(|id| id.parse::<ReleaseId>().ok());
                let (Some(at), Some(release)) = (standing.at, release) else { continue };
                for (value, end) in life.iter_mut().zip(&ends) {
                    if value.recorded.position < at && *end >= at {
                        value.releases.push(Released {
                            release: release.clone(),
                            approved: standing.approved.clone(),
                            cleared: standing.cleared.clone(),
                            published: Act::of(record),
                        });
                    }
                }
            }
        }
    }
}
