//! Intake: a received file becomes sheets and findings, off the async threads.

use std::sync::Arc;

use rondo_domain::figure::Extent;
use rondo_domain::table::{Questionnaire, TableNo};
use rondo_domain::workflow::{Bundle, Problem};
use rondo_domain::{Country, Source, Year};
use rondo_eventlog::Fault;
use rondo_questionnaire::{ReadError, TextFile};
use rondo_rules::{Given, Outcome, Rules, Scope, Sheet};

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
    /// The source that the sender said.
    pub(crate) said: Option<Source>,
    /// The sources that the country has.
    pub(crate) known: Vec<Source>,
}

/// Reads a file.
pub(crate) async fn read(bytes: Vec<u8>) -> Result<Result<TextFile, ReadError>, Fault> {
    let work = move || rondo_questionnaire::read_text(&bytes);
    tokio::task::spawn_blocking(work).await.map_err(|e| Fault::storage("reading a file", e))
}

/// What a file that cannot be read is told.
pub(crate) fn unreadable(judge: &Judge, error: &ReadError) -> Outcome {
    let finding = judge.rules.unreadable(error.to_string());
    let findings = finding.into_iter().map(|finding| (None, finding)).collect();
    Outcome { sheets: Vec::new(), findings, blocked: true }
}

/// Judges a file.
pub(crate) async fn judge(judge: Arc<Judge>, file: TextFile, asked: Asked) -> Result<(Outcome, Extent), Fault> {
    let work = move || {
        let scope = Scope {
            questionnaire: &judge.questionnaire,
            country: Some(&asked.country),
            years: &asked.years,
            tables: &asked.tables,
            recorded: &asked.recorded,
            source: asked.said.as_ref().map_or(Given::Known(&asked.known), Given::Said),
        };
        (judge.rules.check_rows(&file.rows, file.separator, &scope), file.extent)
    };
    tokio::task::spawn_blocking(work).await.map_err(|e| Fault::storage("judging a file", e))
}
