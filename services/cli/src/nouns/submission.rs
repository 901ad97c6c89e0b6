//! `rondo submission`.

use std::time::Duration;

use rondo_domain::participation::{Channel, MAX_FILE, ReceivedSubmission, SubmissionState};
use rondo_domain::{Country, Reason, ReasonCode, RoundId, SubmissionId};
use rondo_runtime::clock::Stopwatch;
use serde_json::{Value, json};

use super::{audit, remark};
use crate::args::SubmissionVerb;
use crate::desk::{Desk, How};
use crate::failure::Failure;
use crate::output::{Form, Listing, document, hint};
use crate::receipts;

pub(crate) async fn run(verb: &SubmissionVerb, desk: &Desk, form: Form, served: bool) -> Result<(), Failure> {
    match verb {
        SubmissionVerb::Send { round, country, file, reason_code, reason, source } => {
            let bytes = read(file)?;
            let name = file.file_name().and_then(|name| name.to_str()).unwrap_or("file").to_owned();
            let reason =
                reason_code.as_deref().zip(reason.clone()).map(|(code, text)| reason_of(code, text)).transpose()?;
            let how = How { channel: Channel::Upload, reason, source: source.clone() };
            let (id, sha256) = desk.send(round, country, &name, &bytes, how).await?;
            let before = desk.given.before();
            let received =
                before.map_or("Received".to_owned(), |before| format!("This was {}: received", before.told()));
            let told = format!("{received} as {id}, {} bytes, SHA-256 {sha256}.", bytes.len());
            let found = if served { checked(desk, round, country, &id).await? } else { None };
            let state = found.as_ref().map_or(SubmissionState::Received, |found| found.state);
            let mut value = json!({
                "submission": id, "sha256": sha256, "bytes": bytes.len(), "state": state,
                "extent": found.as_ref().and_then(|found| found.extent),
            });
            if let Some(before) = before {
                value["recorded_before"] = before.json();
            }
            document(form, value, &told)?;
            remark(served);
            hint(&format!("Next: rondo submission show {round} {country} {id}"));
            found.map_or(Ok(()), |found| judged(&found))
        }
        SubmissionVerb::Receipt { round, country, submission, out } => {
            let part = desk.participation(round, country).await?;
            let found = part.submissions.get(submission).ok_or_else(|| {
                Failure::from(rondo_domain::Rejection::UnknownSubmission { submission: submission.to_string() })
            })?;
            let (receipt, record) = receipts::receipt(&*desk.ledger, found.position).await?;
            audit::written(&[receipts::write(out, submission.as_str(), &receipt, &record)?], form)
        }
        SubmissionVerb::List { round } => list(desk, round, form).await,
        SubmissionVerb::Show { round, country, submission } => show(desk, round, country, submission, form).await,
    }
}

/// How long the check of a file that was just sent is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// A submission once it was checked; nothing where that takes long.
async fn checked(
    desk: &Desk,
    round: &RoundId,
    country: &Country,
    id: &SubmissionId,
) -> Result<Option<ReceivedSubmission>, Failure> {
    let waiting = Stopwatch::start();
    while waiting.elapsed() < PATIENCE {
        let head = desk.ledger.head().await?;
        let part = desk.participation(round, country).await?;
        if let Some(found) = part.submissions.get(id).filter(|found| !found.state.is_open()) {
            return Ok(Some(found.clone()));
        }
        desk.ledger.wait(head.size).await?;
    }
    Ok(None)
}

/// What the check of a file says, in a sentence; a file that was not loaded is a failure.
fn judged(found: &ReceivedSubmission) -> Result<(), Failure> {
    let findings = || found.findings.iter().flat_map(|group| &group.findings).filter(|finding| finding.needs_answer());
    let count = findings().count();
    if found.state == SubmissionState::Rejected {
        let first: Vec<String> =
            findings().take(3).map(|finding| format!("{}: {}", finding.rule, finding.message)).collect();
        let sentence = format!("the file was kept and could not be loaded; {}{}", first.join("; "), read_of(found));
        return Err(Failure::findings(sentence));
    }
    let questions = match count {
        0 => "no questions".to_owned(),
        1 => "1 question".to_owned(),
        more => format!("{more} questions"),
    };
    hint(&format!("Checked: {} figures loaded, {questions}{}.", found.figures, read_of(found)));
    Ok(())
}

/// How much of a file was read, where it was.
fn read_of(found: &ReceivedSubmission) -> String {
    found.extent.map(|extent| format!("; {extent}")).unwrap_or_default()
}

async fn list(desk: &Desk, round: &RoundId, form: Form) -> Result<(), Failure> {
    let world = desk.world(&[&format!("round/{round}"), &format!("participation/{round}/")]).await?;
    let standing = desk.round(round).await?;
    let mut entries = Vec::new();
    for country in standing.participants.keys() {
        let Some(part) = world.participation(round, country) else { continue };
        for (id, submission) in &part.submissions {
            entries.push(json!({
                "submission": id, "country": country, "state": submission.state, "file": submission.file.name,
                "sha256": submission.file.sha256, "received_at": submission.received_at,
                "author": submission.author, "figures": submission.figures, "position": submission.position,
            }));
        }
    }
    entries.sort_by_key(|entry| entry["position"].as_u64());
    let columns = &[
        ("/submission", "Submission"),
        ("/country", "Country"),
        ("/received_at", "Received"),
        ("/state", "State"),
        ("/author", "From"),
        ("/figures", "Figures"),
    ];
    Listing { name: "submissions", columns, entries, empty: "Nothing was received in this round yet." }.print(form)
}

async fn show(
    desk: &Desk,
    round: &RoundId,
    country: &Country,
    submission: &SubmissionId,
    form: Form,
) -> Result<(), Failure> {
    let part = desk.participation(round, country).await?;
    let found = part.submissions.get(submission).ok_or_else(|| {
        Failure::from(rondo_domain::Rejection::UnknownSubmission { submission: submission.to_string() })
    })?;
    let findings: Vec<&rondo_domain::finding::Finding> = found.findings.iter().flat_map(|g| &g.findings).collect();
    let mut told = format!(
        "{submission}: {}, {} figures, file {} (SHA-256 {}), from {}{}\n",
        json!(found.state).as_str().unwrap_or_default(),
        found.figures,
        found.file.name,
        found.file.sha256,
        found.author,
        read_of(found)
    );
    for finding in findings.iter().filter(|finding| finding.needs_answer()) {
        let place = finding.place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
        told.push_str(&format!("  {} {}: {}{place}\n", finding.rule, finding.severity.as_str(), finding.message));
    }
    let value: Value = json!({
        "submission": submission, "country": country, "state": found.state, "file": found.file,
        "author": found.author, "received_at": found.received_at, "figures": found.figures,
        "source": found.source, "extent": found.extent, "findings": findings,
    });
    document(form, value, &told)
}

fn reason_of(code: &str, text: String) -> Result<Reason, Failure> {
    let known = || ReasonCode::ALL.iter().map(|code| code.as_str()).collect::<Vec<_>>().join(", ");
    let unknown = || Failure::usage(format!("`{code}` is not a reason code; known are: {}", known()));
    Ok(Reason { code: ReasonCode::parse(code).ok_or_else(unknown)?, text })
}

/// Reads a file that is not too large.
pub(crate) fn read(path: &std::path::Path) -> Result<Vec<u8>, Failure> {
    let failed = |e: std::io::Error| Failure::usage(format!("cannot read {}: {e}", path.display()));
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if size == 0 || size > MAX_FILE {
        let sentence =
            format!("{} has {size} bytes; a file has between 1 and {MAX_FILE}. Nothing was sent", path.display());
        return Err(Failure::usage(sentence));
    }
    std::fs::read(path).map_err(failed)
}
