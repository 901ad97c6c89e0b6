//! A sheet as reported: the figures of one country, indicator, year and source, with their places in the file.

use std::collections::BTreeMap;

use rondo_domain::Code;
use rondo_domain::figure::{CellKey, FigureKey, FigureValue, Sex, SheetKey};
use rondo_domain::table::TableNo;
use rust_decimal::Decimal;

/// A reported figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// Its value.
    pub value: FigureValue,
    /// The line of the file; 0 for a figure that was recorded before.
    pub line: usize,
}

/// A sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// Its key.
    pub key: SheetKey,
    /// The questionnaire table it fills.
    pub table: TableNo,
    /// Its figures.
    pub cells: BTreeMap<CellKey, Reported>,
}

impl Sheet {
    /// A figure's number, if there is one.
    pub(crate) fn number(&self, cell: &CellKey) -> Option<Decimal> {
        self.cells.get(cell)?.value.value
    }

    /// A figure's key as text.
    pub(crate) fn name(&self, cell: &CellKey) -> String {
        FigureKey::new(&self.key, cell).to_string()
    }

    /// The lines of these figures, as a place.
    pub(crate) fn place<'a>(&self, cells: impl IntoIterator<Item = &'a CellKey>) -> Option<String> {
        let mut lines: Vec<usize> = cells.into_iter().filter_map(|cell| Some(self.cells.get(cell)?.line)).collect();
        lines.sort_unstable();
        let lines: Vec<String> = lines.iter().filter(|line| **line > 0).map(ToString::to_string).collect();
        match lines.len() {
            0 => None,
            1 => Some(format!("row {}", lines[0])),
            _ => Some(format!("rows {}", lines.join(", "))),
        }
    }

    /// Every pair of classification items that occurs.
    pub(crate) fn classes(&self) -> std::collections::BTreeSet<(Option<Code>, Option<Code>)> {
        self.cells.keys().map(|cell| (cell.classif1.clone(), cell.classif2.clone())).collect()
    }
}

/// What would be recorded once these sheets are: the recorded ones, with every reported figure in its place.
pub(crate) fn over(recorded: &[Sheet], reported: &[Sheet]) -> Vec<Sheet> {
    let mut whole: BTreeMap<&SheetKey, Sheet> = recorded.iter().map(|sheet| (&sheet.key, sheet.clone())).collect();
    for sheet in reported {
        let cells = sheet.cells.iter().map(|(cell, figure)| (cell.clone(), figure.clone()));
        match whole.get_mut(&sheet.key) {
            Some(stands) => stands.cells.extend(cells),
            None => {
                whole.insert(&sheet.key, sheet.clone());
            }
        }
    }
    whole.into_values().collect()
}

/// The cell of these codes.
pub(crate) fn cell(sex: Sex, classif1: Option<&Code>, classif2: Option<&Code>) -> CellKey {
    CellKey { sex, classif1: classif1.cloned(), classif2: classif2.cloned() }
}
