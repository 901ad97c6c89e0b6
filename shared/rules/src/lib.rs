//! The rule engine: figures in, findings out; each rule passes, fails or is undecided because something is missing.
//!
//! Rules are named as in the domain study (R01 to R72). Their severities and limits are data, `rules.toml`, frozen with
//! the round; the same engine serves `rondo check`, the validator and later rounds.

mod across;
mod identities;
pub mod numbers;
mod precision;
mod repair;
mod settings;
mod sheet;
mod structure;
mod whole_file;

pub use settings::{Rules, read_rules};
pub use sheet::{Reported, Sheet};
pub use structure::Scope;
pub use whole_file::Given;

use std::collections::BTreeSet;

use rondo_domain::figure::{RawRow, Separator};
use rondo_domain::finding::Finding;
use rondo_domain::table::TableNo;

/// What a file says, and what the rules say of it.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The figures that could be read, one sheet for each country, indicator, year and source.
    pub sheets: Vec<Sheet>,
    /// Findings with the table they belong to.
    pub findings: Vec<(Option<TableNo>, Finding)>,
    /// Whether a rule that blocks loading failed.
    pub blocked: bool,
}

impl Rules {
    /// Checks the rows of a file, over what is recorded already.
    pub fn check_rows(&self, rows: &[RawRow], separator: Separator, scope: &Scope<'_>) -> Outcome {
        let (sheets, mut findings) = structure::read(self, rows, separator, scope);
        let tables: BTreeSet<TableNo> = sheets.iter().map(|sheet| sheet.table).collect();
        let whole = sheet::over(scope.recorded, &sheets);
        for sheet in whole.iter().filter(|sheet| tables.contains(&sheet.table)) {
            let structure = structure::whole_sheet(self, sheet, scope.questionnaire);
            findings.extend(structure.into_iter().map(|finding| (Some(sheet.table), finding)));
        }
        let blocked = findings.iter().any(|(_, finding)| finding.is_error() && self.blocks(&finding.rule));
        for sheet in whole.iter().filter(|sheet| tables.contains(&sheet.table)) {
            let found = identities::check(self, sheet, scope.questionnaire);
            findings.extend(found.into_iter().map(|finding| (Some(sheet.table), finding)));
        }
        findings.extend(across::check(self, &whole, &tables, scope.questionnaire));
        Outcome { sheets, findings, blocked }
    }
}
