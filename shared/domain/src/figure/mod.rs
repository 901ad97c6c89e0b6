//! Figures: their key, their value, and the stream that keeps every value a figure ever had.

mod decide;
mod file;
mod key;
mod value;

pub use decide::{CellWish, FiguresCommand, decide, judge};
pub use file::{Extent, RawRow, Separator};
pub use key::{CellKey, FigureKey, InvalidKey, Sex, SheetKey, parse_year};
pub use value::{FigureValue, ObsStatus};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{FileHash, Reason, RoundId, SubmissionId};

/// Where a figure came from: the received file, and the place in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The file's hash; the file itself is kept under it.
    pub sha256: FileHash,
    /// The sheet of a workbook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
}

/// One figure's change inside an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellChange {
    /// Which figure of the sheet.
    pub key: CellKey,
    /// Its value before; absent where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<FigureValue>,
    /// Its value from now on.
    pub is: FigureValue,
    /// The place in the file: `row 12` of a text file, `D7` of a workbook's sheet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell: Option<String>,
}

/// What happened to the figures of one questionnaire table, reference year and source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", content = "data")]
pub enum FiguresEvent {
    /// Figures were recorded or changed; a figure that stayed the same is not in it.
    FiguresRecorded {
        /// The round, absent for figures published before the first one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        round: Option<RoundId>,
        /// The submission that brought them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        submission: Option<SubmissionId>,
        /// Why.
        reason: Reason,
        /// On what evidence.
        evidence: Evidence,
        /// Each changed figure.
        cells: Vec<CellChange>,
    },
}

/// The current figures of one sheet: questionnaire table, reference year and source of one country.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Current values.
    pub cells: BTreeMap<CellKey, FigureValue>,
    /// The submissions that have been recorded here.
    pub submissions: Vec<SubmissionId>,
}

impl Figures {
    /// The state after an event.
    pub fn evolve(&mut self, event: &FiguresEvent) {
        let FiguresEvent::FiguresRecorded { cells, submission, .. } = event;
        for change in cells {
            self.cells.insert(change.key.clone(), change.is.clone());
        }
        if let Some(id) = submission
            && !self.submissions.contains(id)
        {
            self.submissions.push(id.clone());
        }
    }
}
