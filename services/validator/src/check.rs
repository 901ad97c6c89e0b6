//! A check: fetch the file, judge it, record its figures in the sender's name, report what the rules found.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rondo_domain::event::Event;
use rondo_domain::figure::{CellWish, Evidence, Figures, FiguresCommand};
use rondo_domain::finding::{Finding, Severity, Verdict};
use rondo_domain::participation::{
    CheckedTable, MAX_FINDINGS, ParticipationCommand, ReceivedSubmission, TableFindings,
};
use rondo_domain::table::TableNo;
use rondo_domain::workflow::Bundle;
use rondo_domain::{Command, CommandId, FileHash, Rejection, StreamId, Wish};
use rondo_eventlog::{Fault, Ledger, SubmitError, files, ledger};
use rondo_rules::Sheet;
use rondo_runtime::backoff::Backoff;

use crate::ROLE;
use crate::backlog::{Backlog, Work};
use crate::intake::{self, Asked, Judge};

/// Cells in one command; a table has at most 96 by default.
const CELLS: usize = 300;
/// How often figures are read again when somebody else changes them meanwhile.
const TRIES: usize = 5;

pub(crate) struct Checker {
    ledger: Arc<dyn Ledger>,
    judges: BTreeMap<FileHash, Arc<Judge>>,
}

type Grouped = BTreeMap<Option<TableNo>, Vec<Finding>>;

impl Checker {
    pub(crate) fn new(ledger: Arc<dyn Ledger>) -> Self {
        Self { ledger, judges: BTreeMap::new() }
    }

    /// Checks one submission to its recorded end.
    pub(crate) async fn carry_out(&mut self, backlog: &Backlog, work: &Work) -> Result<(), Fault> {
        let (round_id, country, id) = work;
        let (Some(round), Some(part)) = (backlog.world.round(round_id), backlog.world.participation(round_id, country))
        else {
            return Ok(());
        };
        let (Some(pin), Some(received)) = (&round.pin, part.submissions.get(id)) else { return Ok(()) };
        let judge = self.judge(&pin.bundle).await?;
        let bytes = files::fetch(&*self.ledger, &received.file.sha256).await?;
        let asked = Asked {
            country: country.clone(),
            years: round.reference_years.clone(),
            tables: part.tables.keys().copied().collect(),
        };
        let outcome = intake::judge(judge, bytes, asked).await?;
        let mut findings = grouped(outcome.findings);
        let mut refused = outcome.blocked || outcome.sheets.is_empty();
        if !refused {
            for sheet in &outcome.sheets {
                if let Err(rejection) = self.record(work, received, sheet).await? {
                    findings.entry(Some(sheet.table)).or_default().push(refusal(&rejection));
                    refused = true;
                }
            }
        }
        let findings = bounded(findings);
        let command = if refused {
            ParticipationCommand::Reject { submission: id.clone(), findings }
        } else {
            let figures = outcome.sheets.iter().map(|sheet| sheet.cells.len()).sum();
            ParticipationCommand::CompleteCheck {
                submission: id.clone(),
                tables: tables(&outcome.sheets),
                figures,
                findings,
            }
        };
        let wish = Wish::Participation { round: round_id.clone(), country: country.clone(), command };
        let command =
            Command::of_service(ROLE, &["check", id.as_str()], wish).map_err(|e| Fault::Protocol(e.to_string()))?;
        if let Err(rejection) = self.submit(command).await? {
            tracing::error!(submission = %id, code = rejection.code(), "the check could not be recorded: {rejection}");
            return Err(Fault::Protocol(format!("the check of {id} was refused: {rejection}")));
        }
        Ok(())
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

    /// Records a sheet's figures in the sender's name.
    async fn record(
        &self,
        work: &Work,
        received: &ReceivedSubmission,
        sheet: &Sheet,
    ) -> Result<Result<(), Rejection>, Fault> {
        let stream = StreamId::figures(&sheet.key);
        let cells: Vec<_> = sheet.cells.iter().collect();
        for (index, chunk) in cells.chunks(CELLS).enumerate() {
            let mut tries = 0;
            loop {
                let current = self.current(&stream).await?;
                let wish = |(key, reported): &(&_, &rondo_rules::Reported)| CellWish {
                    key: Clone::clone(*key),
                    was: current.cells.get(key).cloned(),
                    is: reported.value.clone(),
                    cell: Some(format!("row {}", reported.line)),
                };
                let command = FiguresCommand::Record {
                    round: work.0.clone(),
                    submission: work.2.clone(),
                    reason: received.reason.clone(),
                    evidence: Evidence { sha256: received.file.sha256.clone(), sheet: None },
                    cells: chunk.iter().map(wish).collect(),
                };
                let part = index.to_string();
                let command = Command {
                    id: CommandId::of(&[ROLE, stream.as_str(), work.2.as_str(), &part]),
                    actor: received.author.clone(),
                    role: None,
                    via: ROLE.parse().ok(),
                    on_behalf_of: received.institution.clone(),
                    cause: None,
                    wish: Wish::Figures { sheet: sheet.key.clone(), command },
                };
                match self.submit(command).await? {
                    Ok(()) => break,
                    Err(Rejection::ChangedMeanwhile { .. }) if tries < TRIES => tries += 1,
                    Err(rejection) => return Ok(Err(rejection)),
                }
            }
        }
        Ok(Ok(()))
    }

    async fn current(&self, stream: &StreamId) -> Result<Figures, Fault> {
        let mut figures = Figures::default();
        for record in ledger::read_all(&*self.ledger, stream.as_str()).await? {
            if let (true, Event::Figures(event)) = (record.stream == *stream, &record.event) {
                figures.evolve(event);
            }
        }
        Ok(figures)
    }

    async fn submit(&self, command: Command) -> Result<Result<(), Rejection>, Fault> {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));
        loop {
            match self.ledger.submit(command.clone()).await {
                Ok(_) => return Ok(Ok(())),
                Err(SubmitError::Rejected(rejection)) => return Ok(Err(rejection)),
                Err(SubmitError::Fault(fault)) if fault.is_passing() => tokio::time::sleep(backoff.wait()).await,
                Err(SubmitError::Fault(fault)) => return Err(fault),
            }
        }
    }
}

fn grouped(findings: Vec<(Option<TableNo>, Finding)>) -> Grouped {
    let mut groups = Grouped::new();
    for (table, finding) in findings {
        groups.entry(table).or_default().push(finding);
    }
    groups
}

/// What a refusal of figures looks like as a finding: a change needs a reason (R35).
fn refusal(rejection: &Rejection) -> Finding {
    let keys = match rejection {
        Rejection::ReasonRequired { figures } => figures.iter().take(50).cloned().collect(),
        Rejection::ChangedMeanwhile { conflicts } => conflicts.iter().take(50).map(|c| c.figure.clone()).collect(),
        _ => Vec::new(),
    };
    Finding {
        rule: "R35".to_owned(),
        severity: Severity::Fatal,
        verdict: Verdict::Fail,
        keys,
        observed: rejection.code().to_owned(),
        expected: "a reason with code and text for every figure that changes".to_owned(),
        message: rejection.to_string().chars().take(1_500).collect(),
        place: None,
        repair: None,
    }
}

fn bounded(groups: Grouped) -> Vec<TableFindings> {
    let mut left = MAX_FINDINGS - 1;
    let mut all = Vec::new();
    for (table, mut findings) in groups {
        // What fails comes before what is undecided, should the limit be reached.
        findings.sort_by_key(|finding| (finding.verdict, std::cmp::Reverse(finding.severity)));
        if findings.len() > left {
            tracing::warn!(
                "a check has more findings than one check may report; {} were left out",
                findings.len() - left
            );
            findings.truncate(left);
        }
        left -= findings.len();
        all.push(TableFindings { table, findings });
    }
    all
}

fn tables(sheets: &[Sheet]) -> Vec<CheckedTable> {
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
