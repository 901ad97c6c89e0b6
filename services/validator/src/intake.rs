//! Intake: a received file becomes sheets and findings, off the async threads.

use std::sync::Arc;

use rondo_domain::table::{Questionnaire, TableNo};
use rondo_domain::workflow::{Bundle, Problem};
use rondo_domain::{Country, Year};
use rondo_eventlog::Fault;
use rondo_rules::{Outcome, Rules, Scope, Sheet};

/// A round's questionnaire and rules.
#[derive(Debug)]
pub(crate) struct Judge {
    pub(crate) questionnaire: Questionnaire,
    pub(crate) rules: Rules,
}

impl Judge {
    /// Reads them from a bundle.
    pub(crate) fn read(bundle: &Bundle) -> Result<Self, Problem> {
        Ok(Self {
            questionnaire: rondo_questionnaire::read_questionnaire(bundle)?,
            rules: rondo_rules::read_rules(bundle)?,
        })
    }
}

/// What a file is judged for.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) country: Country,
    pub(crate) years: Vec<Year>,
    pub(crate) tables: Vec<TableNo>,
    pub(crate) recorded: Vec<Sheet>,
}

/// Reads and judges a file.
pub(crate) async fn judge(judge: Arc<Judge>, bytes: Vec<u8>, asked: Asked) -> Result<Outcome, Fault> {
    let work = move || {
        let file = match rondo_questionnaire::read_text(&bytes) {
            Ok(file) => file,
            Err(error) => {
                let finding = judge.rules.unreadable(error.to_string());
                let findings = finding.into_iter().map(|finding| (None, finding)).collect();
                return Outcome { sheets: Vec::new(), findings, blocked: true };
            }
        };
        let scope = Scope {
            questionnaire: &judge.questionnaire,
            country: Some(&asked.country),
            years: &asked.years,
            tables: &asked.tables,
            recorded: &asked.recorded,
        };
        judge.rules.check_rows(&file.rows, file.semicolons, &scope)
    };
    tokio::task::spawn_blocking(work).await.map_err(|e| Fault::storage("reading a file", e))
}
