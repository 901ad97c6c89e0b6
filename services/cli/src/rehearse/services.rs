//! The services that a rehearsal has no need of: what the validator and the publisher would say, at once and without a file.

use std::collections::BTreeMap;
use std::sync::Arc;

use rondo_domain::event::Event;
use rondo_domain::finding::{Finding, Severity, Verdict};
use rondo_domain::participation::{
    CheckedTable, ParticipationCommand, ParticipationEvent as P, SubmissionState, TableFindings,
};
use rondo_domain::release::{ReleaseCommand, ReleaseEvent, ReleaseState};
use rondo_domain::table::TableNo;
use rondo_domain::world::World;
use rondo_domain::{Command, Country, FileHash, ReleaseId, RoundId, SubmissionId, Wish, Year};
use rondo_eventlog::{Ledger, Record, SubmitError};

use super::answers::{Answers, Quality};
use crate::failure::Failure;

/// Which of its country's files a submission is, from 1.
pub(super) fn number(submission: &SubmissionId) -> u8 {
    submission.as_str().rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or(1)
}

/// What one of a country's files is like: the second one is taken whatever the first was.
pub(super) fn quality(answers: &Answers, country: &Country, number: u8) -> Quality {
    match answers.quality(country) {
        Quality::RefusedFirst if number > 1 => Quality::Good,
        quality => quality,
    }
}

/// What a service says to a record, if it says anything.
pub(super) async fn answer(
    ledger: &Arc<dyn Ledger>,
    record: &Record,
    (tables, years): (&BTreeMap<Country, Vec<TableNo>>, &[Year]),
    answers: &Answers,
) -> Result<bool, Failure> {
    match (&record.event, record.stream.country(), record.stream.round_id()) {
        (Event::Participation(P::CheckRequested { submission }), Some(country), Some(round)) => {
            let tables = tables.get(&country).map(Vec::as_slice).unwrap_or_default();
            let command = checked(submission, tables, years, quality(answers, &country, number(submission)));
            let wish = Wish::Participation { round, country, command };
            said(ledger, "validator", &["check", submission.as_str()], wish).await
        }
        (Event::Release(ReleaseEvent::ReleaseBegun {}), ..) => {
            let Some(release) = record.stream.part(0).and_then(|id| id.parse::<ReleaseId>().ok()) else {
                return Ok(false);
            };
            published(ledger, release).await
        }
        _ => Ok(false),
    }
}

/// What the services are still to say in a log that is gone on with: files that are being read, and a release that has begun.
pub(super) async fn take_up(
    ledger: &Arc<dyn Ledger>,
    world: &World,
    round: &RoundId,
    (tables, years): (&BTreeMap<Country, Vec<TableNo>>, &[Year]),
    answers: &Answers,
) -> Result<(), Failure> {
    for (country, owed) in tables {
        let Some(part) = world.participation(round, country) else { continue };
        let read = |sent: &&SubmissionId| part.submissions[*sent].state == SubmissionState::CheckRequested;
        for submission in part.submissions.keys().filter(read) {
            let command = checked(submission, owed, years, quality(answers, country, number(submission)));
            let wish = Wish::Participation { round: round.clone(), country: country.clone(), command };
            said(ledger, "validator", &["check", submission.as_str()], wish).await?;
        }
    }
    for (id, release) in world.releases() {
        if release.state == ReleaseState::Begun && release.round.as_ref() == Some(round) {
            published(ledger, id).await?;
        }
    }
    Ok(())
}

async fn published(ledger: &Arc<dyn Ledger>, release: ReleaseId) -> Result<bool, Failure> {
    let manifest = FileHash::of(release.as_str().as_bytes());
    let wish = Wish::Release { release, command: ReleaseCommand::Complete { manifest, figures: 0 } };
    said(ledger, "publisher", &["complete"], wish).await
}

fn checked(submission: &SubmissionId, tables: &[TableNo], years: &[Year], quality: Quality) -> ParticipationCommand {
    let submission = submission.clone();
    let of = |table, finding| vec![TableFindings { table, findings: vec![finding] }];
    if quality == Quality::RefusedFirst {
        let findings = of(None, found("R01", Severity::Fatal));
        return ParticipationCommand::Reject { submission, findings, extent: None };
    }
    let findings = match tables.first().filter(|_| quality == Quality::WithFindings) {
        Some(table) => of(Some(*table), found("R20", Severity::Error)),
        None => Vec::new(),
    };
    let checked = tables.iter().map(|table| CheckedTable { table: *table, years: years.to_vec(), sources: Vec::new() });
    ParticipationCommand::CompleteCheck { submission, tables: checked.collect(), figures: 0, findings, extent: None }
}

fn found(rule: &str, severity: Severity) -> Finding {
    let told = "as the rehearsal has it".to_owned();
    Finding {
        rule: rule.to_owned(),
        severity,
        verdict: Verdict::Fail,
        keys: Vec::new(),
        observed: told.clone(),
        expected: told.clone(),
        message: told,
        place: None,
        repair: None,
    }
}

async fn said(ledger: &Arc<dyn Ledger>, role: &'static str, cause: &[&str], wish: Wish) -> Result<bool, Failure> {
    let command = Command::of_service(role, cause, wish)?;
    match ledger.submit(command).await {
        Ok(_) => Ok(true),
        Err(SubmitError::Rejected(rejection)) => Err(rejection.into()),
        Err(SubmitError::Fault(fault)) => Err(fault.into()),
    }
}
