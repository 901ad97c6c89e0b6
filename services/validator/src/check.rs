//! A check: fetch the file, judge it, record its figures in the sender's name, report what the rules found.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rondo_domain::figure::{self, CellWish, Evidence, FiguresCommand};
use rondo_domain::finding::{Finding, Severity, Verdict};
use rondo_domain::participation::{
    CheckedTable, MAX_FINDINGS, ParticipationCommand, ReceivedSubmission, TableFindings,
};
use rondo_domain::table::TableNo;
use rondo_domain::workflow::Bundle;
use rondo_domain::{Command, CommandId, FileHash, Rejection, Wish};
use rondo_eventlog::{Accepted, Fault, Ledger, SubmitError, files};
use rondo_rules::Sheet;
use rondo_runtime::lifecycle::with_sources;

use crate::ROLE;
use crate::backlog::{Backlog, Work};
use crate::intake::{self, Asked, Judge};
use crate::recorded::{self, Recorded};

/// Cells in one command; a table has at most 96 by default.
const CELLS: usize = 300;
/// Sources in one file; a country has a handful.
const MAX_SOURCES: usize = 100;

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checked {
    /// It is recorded.
    Recorded,
    /// It was answered, and nothing was recorded by it; or it waits.
    Unchanged,
    /// One that was under way when we began was recorded since, and what that said counts.
    BeforeUs,
}

/// What the log answered.
enum Answered {
    Taken(Accepted),
    Refused(Rejection),
    /// The same was recorded before, with another content.
    BeforeUs,
}

pub(crate) struct Checker {
    ledger: Arc<dyn Ledger>,
    judges: BTreeMap<FileHash, Arc<Judge>>,
}

type Grouped = BTreeMap<Option<TableNo>, Vec<Finding>>;

impl Checker {
    pub(crate) fn new(ledger: Arc<dyn Ledger>) -> Self {
        Self { ledger, judges: BTreeMap::new() }
    }

    /// Checks one submission to its recorded end, as far as the log takes it; `seen` is how many records were known.
    pub(crate) async fn carry_out(&mut self, backlog: &Backlog, work: &Work, seen: u64) -> Result<Checked, Fault> {
        let (round_id, country, id) = work;
        let (Some(round), Some(part)) = (backlog.world.round(round_id), backlog.world.participation(round_id, country))
        else {
            return Ok(Checked::Unchanged);
        };
        let (Some(pin), Some(received)) = (&round.pin, part.submissions.get(id)) else {
            return Ok(Checked::Unchanged);
        };
        let judge = match self.judge(&pin.bundle).await {
            Err(fault) if !fault.is_passing() => {
                // Its own files wait; those of other rounds do not wait with them.
                let why = with_sources(&fault);
                tracing::error!(round = %round_id, "a file waits, because the workflow of its round cannot be read: {why}");
                return Ok(Checked::Unchanged);
            }
            judge => judge?,
        };
        let tables: Vec<TableNo> = part.tables.keys().copied().collect();
        let asked = (&round.reference_years[..], &tables[..]);
        let recorded = Recorded::read(&*self.ledger, &judge.questionnaire, country, asked, received).await?;
        let bytes = files::fetch(&*self.ledger, &received.file.sha256).await?;
        let (outcome, extent) = match intake::read(bytes).await? {
            Err(error) => (intake::unreadable(&judge, &error), None),
            Ok(file) => {
                let sourceless = received.source.is_none() && file.rows.iter().any(|row| row.source.is_empty());
                let known = if sourceless { recorded::sources(&*self.ledger, country).await? } else { Vec::new() };
                let asked = Asked {
                    country: country.clone(),
                    years: round.reference_years.clone(),
                    tables,
                    recorded: recorded.sheets(),
                    said: received.source.clone(),
                    known,
                };
                let (outcome, extent) = intake::judge(judge, file, asked).await?;
                (outcome, Some(extent))
            }
        };
        let mut findings = grouped(outcome.findings);
        let mut refused = outcome.blocked || outcome.sheets.is_empty();
        if !refused {
            refused = self.record(work, received, &outcome.sheets, &recorded, &mut findings).await?;
        }
        let command = if refused {
            ParticipationCommand::Reject { submission: id.clone(), findings: bounded(findings), extent }
        } else {
            let figures = outcome.sheets.iter().map(|sheet| sheet.cells.len()).sum();
            ParticipationCommand::CompleteCheck {
                submission: id.clone(),
                tables: checked(&outcome.sheets),
                figures,
                findings: bounded(findings),
                extent,
            }
        };
        Ok(match self.report(work, command).await? {
            Answered::Taken(accepted) if accepted.is_progress(seen) => Checked::Recorded,
            Answered::BeforeUs => Checked::BeforeUs,
            _ => Checked::Unchanged,
        })
    }

    /// Reports what came of a check. A report that the log does not take is replaced by one that says so: a file must not
    /// keep others from being checked.
    async fn report(&self, work: &Work, command: ParticipationCommand) -> Result<Answered, Fault> {
        let (round, country, id) = work;
        let of = |cause: &str, command| {
            let wish = Wish::Participation { round: round.clone(), country: country.clone(), command };
            Command::of_service(ROLE, &[cause, id.as_str()], wish).map_err(|e| Fault::Protocol(e.to_string()))
        };
        let rejection = match self.submit(of("check", command)?).await? {
            Answered::Refused(rejection) => rejection,
            answered => return Ok(answered),
        };
        tracing::error!(submission = %id, code = rejection.code(), "the report of a check was refused: {rejection}");
        let findings = vec![TableFindings { table: None, findings: vec![refusal(&rejection)] }];
        let reject = ParticipationCommand::Reject { submission: id.clone(), findings, extent: None };
        match self.submit(of("check without its report", reject)?).await? {
            Answered::Refused(rejection) => Err(Fault::Protocol(format!("the check of {id} was refused: {rejection}"))),
            answered => Ok(answered),
        }
    }

    async fn judge(&mut self, hash: &FileHash) -> Result<Arc<Judge>, Fault> {
        if let Some(judge) = self.judges.get(hash) {
            return Ok(Arc::clone(judge));
        }
        let bytes = files::fetch(&*self.ledger, hash).await?;
        let bundle = Bundle::from_bytes(&bytes).map_err(|e| Fault::storage(format!("the workflow {hash}"), e))?;
        let judge = Judge::read(&bundle).map_err(|e| Fault::storage(format!("the workflow {hash}"), e))?;
        let judge = Arc::new(judge);
        self.judges.insert(hash.clone(), Arc::clone(&judge));
        Ok(judge)
    }

    /// Records every sheet in the sender's name, or none: each is judged before the first is recorded, and the validator
    /// alone records figures of a round, one file after the other. Returns whether the file was refused, with the reasons
    /// among the findings.
    async fn record(
        &self,
        work: &Work,
        received: &ReceivedSubmission,
        sheets: &[Sheet],
        recorded: &Recorded,
        findings: &mut Grouped,
    ) -> Result<bool, Fault> {
        let sources: BTreeSet<_> = sheets.iter().map(|sheet| &sheet.key.source).collect();
        if sources.len() > MAX_SOURCES {
            let what = format!("{} sources in one file", sources.len());
            findings.entry(None).or_default().push(refusal(&Rejection::OutOfBounds { what, limit: MAX_SOURCES }));
            return Ok(true);
        }
        let wishes: Vec<(&Sheet, Vec<CellWish>)> = sheets.iter().map(|sheet| (sheet, recorded.wishes(sheet))).collect();
        let mut refused = false;
        for (sheet, cells) in &wishes {
            let current = recorded.current(&sheet.key);
            for part in cells.chunks(CELLS) {
                if let Err(rejection) = figure::judge(&current, &sheet.key, part, received.reason.as_ref()) {
                    findings.entry(Some(sheet.table)).or_default().push(refusal(&rejection));
                    refused = true;
                }
            }
        }
        if refused {
            return Ok(true);
        }
        for (sheet, cells) in &wishes {
            for (index, part) in cells.chunks(CELLS).enumerate() {
                let place = (recorded.version(&sheet.key), index);
                let command = recording(work, received, sheet, place, part.to_vec());
                if let Answered::Refused(rejection) = self.submit(command).await? {
                    findings.entry(Some(sheet.table)).or_default().push(refusal(&rejection));
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    async fn submit(&self, command: Command) -> Result<Answered, Fault> {
        match self.ledger.submit(command).await {
            Ok(accepted) => Ok(Answered::Taken(accepted)),
            Err(error) if error.is_used_otherwise() => {
                tracing::warn!("the same was recorded before with another content, which counts: {error}");
                Ok(Answered::BeforeUs)
            }
            Err(SubmitError::Rejected(rejection)) => Ok(Answered::Refused(rejection)),
            Err(SubmitError::Fault(fault)) => Err(fault),
        }
    }
}

/// The command that records a part of a sheet's figures for whoever sent them. Its id is born of the submission, of the version
/// of the sheet's stream that the cells were told from, and of which part it is: after an end of ours that left some recorded, the
/// rest is wished from what stands then, which is another wish.
fn recording(
    work: &Work,
    received: &ReceivedSubmission,
    sheet: &Sheet,
    (version, part): (u64, usize),
    cells: Vec<CellWish>,
) -> Command {
    let command = FiguresCommand::Record {
        round: work.0.clone(),
        submission: work.2.clone(),
        reason: received.reason.clone(),
        evidence: Evidence { sha256: received.file.sha256.clone(), sheet: None },
        cells,
    };
    let wish = Wish::Figures { sheet: sheet.key.clone(), command };
    Command {
        id: CommandId::of(&[ROLE, wish.stream().as_str(), work.2.as_str(), &version.to_string(), &part.to_string()]),
        actor: received.author.clone(),
        role: None,
        via: ROLE.parse().ok(),
        on_behalf_of: received.institution.clone(),
        cause: None,
        wish,
    }
}

fn grouped(findings: Vec<(Option<TableNo>, Finding)>) -> Grouped {
    let mut groups = Grouped::new();
    for (table, finding) in findings {
        groups.entry(table).or_default().push(finding);
    }
    groups
}

/// What a refusal looks like as a finding: a change needs a reason, and must be of what its sender saw (R35).
fn refusal(rejection: &Rejection) -> Finding {
    let keys = match rejection {
        Rejection::ReasonRequired { figures } => figures.iter().take(50).cloned().collect(),
        Rejection::ChangedMeanwhile { conflicts } => conflicts.iter().take(50).map(|c| c.figure.clone()).collect(),
        _ => Vec::new(),
    };
    let expected = match rejection {
        Rejection::ChangedMeanwhile { .. } => {
            "figures as they stood when the file arrived; send it again on what stands now"
        }
        Rejection::ReasonRequired { .. } => "a reason with code and text for every figure that changes",
        _ => "figures that can be recorded",
    };
    Finding {
        rule: "R35".to_owned(),
        severity: Severity::Fatal,
        verdict: Verdict::Fail,
        keys,
        observed: rejection.code().to_owned(),
        expected: expected.to_owned(),
        message: rejection.to_string().chars().take(1_500).collect(),
        place: None,
        repair: None,
    }
}

fn bounded(groups: Grouped) -> Vec<TableFindings> {
    // The same room for every table, and in each for the note that some are left out.
    let room = (MAX_FINDINGS / groups.len().max(1)).saturating_sub(1);
    let mut all = Vec::new();
    for (table, mut findings) in groups {
        // What fails comes before what is undecided, should the limit be reached.
        findings.sort_by_key(|finding| (finding.verdict, std::cmp::Reverse(finding.severity)));
        if findings.len() > room {
            let dropped = findings.split_off(room);
            findings.extend(left_out(&dropped));
        }
        all.push(TableFindings { table, findings });
    }
    all
}

/// RecordedSheet for findings that are not listed, and weighs as much as the gravest of them.
fn left_out(dropped: &[Finding]) -> Option<Finding> {
    let gravest = dropped.iter().min_by_key(|finding| (finding.verdict, std::cmp::Reverse(finding.severity)))?;
    let more = dropped.len();
    Some(Finding {
        rule: gravest.rule.clone(),
        severity: gravest.severity,
        verdict: gravest.verdict,
        keys: gravest.keys.clone(),
        observed: format!("{more} findings more"),
        expected: format!("at most {MAX_FINDINGS} findings on one file"),
        message: format!("{more} more findings are not listed here; correct what is listed and check the file again"),
        place: gravest.place.clone(),
        repair: None,
    })
}

fn checked(sheets: &[Sheet]) -> Vec<CheckedTable> {
    let numbers: BTreeSet<TableNo> = sheets.iter().map(|sheet| sheet.table).collect();
    numbers
        .into_iter()
        .map(|table| {
            let mine = || sheets.iter().filter(move |sheet| sheet.table == table);
            let years: BTreeSet<_> = mine().map(|sheet| sheet.key.year).collect();
            let sources: BTreeSet<_> = mine().map(|sheet| sheet.key.source.clone()).collect();
            CheckedTable { table, years: years.into_iter().collect(), sources: sources.into_iter().collect() }
        })
        .collect()
}
