//! The check of a submission: its outcome, and the queries that its failed rules give rise to.

use super::MAX_FINDINGS;
use super::command::ParticipationCommand as C;
use super::event::{Answer, ParticipationEvent as E, TableFindings};
use super::parts::{Query, QueryState, SubmissionState};
use super::state::Participation;
use crate::finding::Finding;
use crate::table::TableNo;
use crate::{CommandId, Country, QueryId, Rejection, SubmissionId};

/// Bytes of findings in one event at about the most; a record holds 60 KB.
const BYTES_PER_EVENT: usize = 30_000;

/// Decides the commands around a check.
pub(super) fn decide(state: &Participation, country: &Country, command: &C) -> Result<Vec<E>, Rejection> {
    match command {
        C::RequestCheck { submission } => {
            if state_of(state, submission)? == SubmissionState::Received {
                Ok(vec![E::CheckRequested { submission: submission.clone() }])
            } else {
                Ok(Vec::new())
            }
        }
        C::Reject { submission, findings, extent } => {
            require_open(state, submission)?;
            let mut events = recorded(submission, findings)?;
            events.push(E::SubmissionRejected { submission: submission.clone(), extent: *extent });
            Ok(events)
        }
        C::CompleteCheck { submission, tables, figures, findings, extent } => {
            require_open(state, submission)?;
            if let Some(table) = tables.iter().find(|checked| !state.tables.contains_key(&checked.table)) {
                return Err(Rejection::UnknownTable { country: country.to_string(), table: table.table.to_string() });
            }
            let mut events = recorded(submission, findings)?;
            events.push(E::SubmissionChecked {
                submission: submission.clone(),
                tables: tables.clone(),
                figures: *figures,
                extent: *extent,
            });
            let covered: Vec<TableNo> = tables.iter().map(|checked| checked.table).collect();
            events.extend(corrected(state, submission, &covered, findings));
            Ok(events)
        }
        C::AskFindings => Ok(asked(state)?),
        _ => Err(Rejection::Malformed { what: "this command is not about a check".to_owned() }),
    }
}

/// The id of the query about a finding: the same table, rule and figures always give the same one.
fn query_id(table: TableNo, finding: &Finding) -> Result<QueryId, Rejection> {
    let mut parts = vec![finding.rule.as_str(), finding.observed.as_str()];
    parts.extend(finding.keys.iter().map(String::as_str));
    let hash = CommandId::of(&parts).to_string();
    let rule = finding.rule.to_ascii_lowercase();
    format!("q-{table}-{rule}-{}", &hash[..8])
        .parse()
        .map_err(|e: crate::InvalidId| Rejection::Malformed { what: e.to_string() })
}

fn asked(state: &Participation) -> Result<Vec<E>, Rejection> {
    let mut events = Vec::new();
    for (no, table) in &state.tables {
        for finding in &table.findings {
            let query = query_id(*no, finding)?;
            // What was corrected once and stands there again is asked again.
            let corrected = |query: &Query| {
                query.state == QueryState::Accepted && matches!(query.answer, Some((Answer::Corrected, _)))
            };
            if state.queries.get(&query).is_none_or(corrected) {
                events.push(E::QueryOpened { query, table: *no, finding: finding.clone() });
            }
        }
    }
    Ok(events)
}

fn corrected(
    state: &Participation,
    submission: &SubmissionId,
    tables: &[TableNo],
    findings: &[TableFindings],
) -> Vec<E> {
    let repeated = |query: &Query| {
        findings.iter().filter(|group| group.table == Some(query.table)).flat_map(|group| &group.findings).any(
            |finding| {
                finding.rule == query.finding.rule && finding.keys == query.finding.keys && finding.needs_answer()
            },
        )
    };
    let settled = |query: &Query| {
        tables.contains(&query.table)
            && query.finding.rule.starts_with('R')
            && matches!(query.state, QueryState::Open | QueryState::Answered)
            && !repeated(query)
    };
    let mut events = Vec::new();
    for (id, _) in state.queries.iter().filter(|(_, query)| settled(query)) {
        events.push(E::QueryAnswered {
            query: id.clone(),
            answer: Answer::Corrected,
            text: format!("corrected by submission {submission}"),
        });
        events.push(E::QueryAccepted { query: id.clone() });
    }
    events
}

fn recorded(submission: &SubmissionId, findings: &[TableFindings]) -> Result<Vec<E>, Rejection> {
    let count: usize = findings.iter().map(|group| group.findings.len()).sum();
    if count > MAX_FINDINGS {
        return Err(Rejection::OutOfBounds { what: format!("{count} findings"), limit: MAX_FINDINGS });
    }
    let mut events = Vec::new();
    for group in findings {
        for part in chunks(&group.findings) {
            let findings = TableFindings { table: group.table, findings: part.to_vec() };
            events.push(E::FindingsRecorded { submission: submission.clone(), findings });
        }
    }
    Ok(events)
}

/// Runs of findings that fit an event each.
fn chunks(findings: &[Finding]) -> Vec<&[Finding]> {
    let mut chunks = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (index, finding) in findings.iter().enumerate() {
        let size = size(finding);
        if bytes + size > BYTES_PER_EVENT && index > start {
            chunks.push(&findings[start..index]);
            (start, bytes) = (index, 0);
        }
        bytes += size;
    }
    if start < findings.len() {
        chunks.push(&findings[start..]);
    }
    chunks
}

/// About how many bytes a finding takes when it is stored.
fn size(finding: &Finding) -> usize {
    let texts = [&finding.observed, &finding.expected, &finding.message];
    let keys: usize = finding.keys.iter().map(|key| key.len() + 4).sum();
    300 + keys + texts.iter().map(|text| text.len()).sum::<usize>()
}

fn state_of(state: &Participation, submission: &SubmissionId) -> Result<SubmissionState, Rejection> {
    state
        .submissions
        .get(submission)
        .map(|received| received.state)
        .ok_or_else(|| Rejection::UnknownSubmission { submission: submission.to_string() })
}

fn require_open(state: &Participation, submission: &SubmissionId) -> Result<(), Rejection> {
    if state_of(state, submission)?.is_open() {
        Ok(())
    } else {
        Err(Rejection::SubmissionSettled { submission: submission.to_string() })
    }
}
