//! Whether figures may be recorded: a change has a reason, a country keeps to itself, nobody overwrites unseen.

use serde::{Deserialize, Serialize};

use super::{CellChange, CellKey, Evidence, FigureKey, FigureValue, Figures, FiguresEvent, SheetKey};
use crate::command::Context;
use crate::rejection::{FigureConflict, Rejection};
use crate::{Reason, ReasonCode, Role, RoundId, SubmissionId};

/// The most cells one command may carry; a questionnaire table has at most 96 by default.
pub const MAX_CELLS: usize = 400;

/// One figure somebody wants recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellWish {
    /// Which figure of the sheet.
    pub key: CellKey,
    /// The value its author saw; absent where the author saw none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<FigureValue>,
    /// The value wanted.
    pub is: FigureValue,
    /// The place in the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell: Option<String>,
}

/// What can be wished of a sheet's figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FiguresCommand {
    /// Record the figures of a received submission.
    Record {
        /// The round.
        round: RoundId,
        /// The submission.
        submission: SubmissionId,
        /// Why; needed as soon as one figure changes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
        /// The received file.
        evidence: Evidence,
        /// The figures.
        cells: Vec<CellWish>,
    },
    /// Load figures that were published before Rondo kept the trail.
    LoadPublished {
        /// Where they come from.
        reason: Reason,
        /// The file they were read from.
        evidence: Evidence,
        /// The figures.
        cells: Vec<CellWish>,
    },
}

/// Decides a command on one sheet.
///
/// # Errors
/// The rejection, with both values where somebody else changed a figure first.
pub fn decide(
    state: &Figures,
    sheet: &SheetKey,
    command: &FiguresCommand,
    context: &Context<'_>,
) -> Result<Vec<FiguresEvent>, Rejection> {
    match command {
        FiguresCommand::Record { round, submission, reason, evidence, cells } => {
            permit_record(sheet, round, submission, evidence, context)?;
            let (changes, reason) = judge(state, sheet, cells, reason.as_ref())?;
            Ok(recorded(Some(round), Some(submission), reason, evidence, changes))
        }
        FiguresCommand::LoadPublished { reason, evidence, cells } => {
            context.require_role(&[Role::CollectionManager], "load published figures")?;
            if reason.code != ReasonCode::PublishedEarlier || !reason.is_well_formed() {
                return Err(Rejection::ReasonRequired { figures: Vec::new() });
            }
            let changes = changes(state, sheet, cells)?;
            if let Some(first) = changes.iter().find(|change| change.was.is_some()) {
                return Err(Rejection::AlreadyRecorded { figure: FigureKey::new(sheet, &first.key).to_string() });
            }
            Ok(recorded(None, None, reason.clone(), evidence, changes))
        }
    }
}

/// What would change on a sheet, and the reason it would be recorded with. Whoever records several sheets together asks
/// this of each before the first one is recorded.
///
/// # Errors
/// `figure.changed-meanwhile`, `reason.required`, `figure.duplicate`, `limit.exceeded`.
pub fn judge(
    state: &Figures,
    sheet: &SheetKey,
    cells: &[CellWish],
    reason: Option<&Reason>,
) -> Result<(Vec<CellChange>, Reason), Rejection> {
    let changes = changes(state, sheet, cells)?;
    let reason = reason_for(sheet, &changes, reason)?;
    Ok((changes, reason))
}

fn permit_record(
    sheet: &SheetKey,
    round: &RoundId,
    submission: &SubmissionId,
    evidence: &Evidence,
    context: &Context<'_>,
) -> Result<(), Rejection> {
    context.require_country(&sheet.country)?;
    let unknown = || Rejection::UnknownSubmission { submission: submission.to_string() };
    let participation = context.participation(round, &sheet.country).ok_or_else(unknown)?;
    let received = participation.submissions.get(submission).ok_or_else(unknown)?;
    if received.author != context.actor.id || received.file.sha256 != evidence.sha256 {
        return Err(context.not_allowed("record figures of another's submission"));
    }
    if !received.state.is_open() {
        return Err(Rejection::SubmissionSettled { submission: submission.to_string() });
    }
    Ok(())
}

fn changes(state: &Figures, sheet: &SheetKey, cells: &[CellWish]) -> Result<Vec<CellChange>, Rejection> {
    if cells.is_empty() || cells.len() > MAX_CELLS {
        return Err(Rejection::OutOfBounds { what: format!("{} cells in one command", cells.len()), limit: MAX_CELLS });
    }
    let mut conflicts = Vec::new();
    let mut changes = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for wish in cells {
        let current = state.cells.get(&wish.key);
        if !seen.insert(&wish.key) {
            return Err(Rejection::DuplicateFigure { figure: FigureKey::new(sheet, &wish.key).to_string() });
        }
        if current == Some(&wish.is) {
            continue;
        }
        if current != wish.was.as_ref() {
            conflicts.push(FigureConflict {
                figure: FigureKey::new(sheet, &wish.key).to_string(),
                seen: wish.was.clone(),
                current: current.cloned(),
                proposed: wish.is.clone(),
            });
            continue;
        }
        changes.push(CellChange {
            key: wish.key.clone(),
            was: current.cloned(),
            is: wish.is.clone(),
            cell: wish.cell.clone(),
        });
    }
    if conflicts.is_empty() { Ok(changes) } else { Err(Rejection::ChangedMeanwhile { conflicts }) }
}

fn reason_for(sheet: &SheetKey, changes: &[CellChange], given: Option<&Reason>) -> Result<Reason, Rejection> {
    let changed = || changes.iter().filter(|change| change.was.is_some());
    match given {
        Some(reason) if !reason.is_well_formed() => Err(Rejection::ReasonRequired { figures: Vec::new() }),
        Some(reason) if changed().next().is_some() && reason.code == ReasonCode::FirstReport => {
            Err(Rejection::ReasonRequired { figures: keys(sheet, changed()) })
        }
        Some(reason) => Ok(reason.clone()),
        None if changed().next().is_some() => Err(Rejection::ReasonRequired { figures: keys(sheet, changed()) }),
        None => Ok(Reason { code: ReasonCode::FirstReport, text: "first report of these figures".to_owned() }),
    }
}

fn keys<'a>(sheet: &SheetKey, changes: impl Iterator<Item = &'a CellChange>) -> Vec<String> {
    changes.map(|change| FigureKey::new(sheet, &change.key).to_string()).collect()
}

fn recorded(
    round: Option<&RoundId>,
    submission: Option<&SubmissionId>,
    reason: Reason,
    evidence: &Evidence,
    cells: Vec<CellChange>,
) -> Vec<FiguresEvent> {
    if cells.is_empty() {
        return Vec::new();
    }
    vec![FiguresEvent::FiguresRecorded {
        round: round.cloned(),
        submission: submission.cloned(),
        reason,
        evidence: evidence.clone(),
        cells,
    }]
}
