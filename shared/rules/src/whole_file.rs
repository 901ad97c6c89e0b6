//! What is said once of a file, and not of each of its rows: how it writes numbers, what stands for a figure, and its sources.

use std::collections::BTreeSet;

use rondo_domain::Source;
use rondo_domain::figure::RawRow;
use rondo_domain::finding::{Finding, Severity, Verdict};
use rondo_domain::table::TableNo;

use crate::numbers::Numbers;
use crate::settings::{Rules, Said};

/// The most rows that a finding about a file names in words.
const NAMED_ROWS: usize = 10;
/// The most sources that it names.
const NAMED_SOURCES: usize = 20;

/// The source of rows that name none.
#[derive(Debug, Clone, Copy)]
pub enum Given<'a> {
    /// Whoever sends the file says it.
    Said(&'a Source),
    /// Those that the country has: it is meant if there is but one.
    Known(&'a [Source]),
}

/// The sources that rows without one may be of: the one that was said, or those of the country and of the file.
pub(crate) fn candidates(rows: &[RawRow], given: Given<'_>) -> Vec<Source> {
    let known = match given {
        Given::Said(source) => return vec![source.clone()],
        Given::Known(known) => known,
    };
    let named = rows.iter().filter_map(|row| row.source.parse().ok());
    let all: BTreeSet<Source> = known.iter().cloned().chain(named).collect();
    all.into_iter().collect()
}

/// The rows of which something is said, each with what stands there.
#[derive(Debug, Default)]
pub(crate) struct WholeFile {
    /// A mark in the number may be the decimal one or group thousands.
    pub(crate) asked: Vec<(usize, String)>,
    /// Something stands in place of a figure.
    pub(crate) markers: Vec<(usize, String)>,
    /// Digits were cut off.
    pub(crate) cut: Vec<(usize, String)>,
    /// No source, and none that is certain.
    pub(crate) sourceless: Vec<usize>,
    /// Rows that were given their source.
    pub(crate) sourced: Vec<usize>,
}

impl WholeFile {
    /// What is said of the file.
    pub(crate) fn findings(
        &self,
        rules: &Rules,
        numbers: Numbers,
        sources: &[Source],
        given: Given<'_>,
    ) -> Vec<(Option<TableNo>, Finding)> {
        let numbers = self.of_numbers(rules, numbers);
        let sources = self.of_sources(rules, sources, given);
        numbers.into_iter().chain(sources).flatten().map(|finding| (None, finding)).collect()
    }

    fn of_numbers(&self, rules: &Rules, numbers: Numbers) -> [Option<Finding>; 3] {
        let lines = |places: &[(usize, String)]| places.iter().map(|(line, _)| *line).collect::<Vec<_>>();
        let asked = self.asked.first().and_then(|(_, first)| {
            let rows = lines(&self.asked);
            let message = format!("in {}, `{first}` first: {}", in_words(&rows), numbers.question());
            about(rules, "R06", &rows, (first, "numbers that can be read in one way alone"), message)
        });
        let markers = self.markers.first().and_then(|(_, first)| {
            let rows = lines(&self.markers);
            let message = format!(
                "in {} something like `{first}` stands for the figure and does not say why there is none. Leave it empty and write N (not available), X (not applicable), C (confidential) or S (not significant) as its status; a zero is written 0",
                in_words(&rows)
            );
            about(rules, "R07", &rows, (first, "a figure; or nothing, and why in obs_status"), message)
        });
        let cut = self.cut.first().and_then(|(_, first)| {
            let rows = lines(&self.cut);
            let message = format!("in {} digits beyond those a figure has were cut off: {first}", in_words(&rows));
            about(rules, "R06", &rows, (first, "at most 15 digits, and at most 6 decimals"), message)
        });
        [asked, markers, cut.map(mild)]
    }

    fn of_sources(&self, rules: &Rules, sources: &[Source], given: Given<'_>) -> [Option<Finding>; 2] {
        let known: Vec<String> = sources.iter().take(NAMED_SOURCES).map(ToString::to_string).collect();
        let known = if known.is_empty() { String::new() } else { format!("; it may be one of {}", known.join(", ")) };
        let sourceless = || {
            let rows = in_words(&self.sourceless);
            let message = format!(
                "{rows} of the file name no source: write it into the column `source`, such as BA:741, or send the file with `--source`{known}"
            );
            about(rules, "R04", &self.sourceless, ("no source", "a source code, such as BA:741"), message)
        };
        let how = match given {
            Given::Said(_) => "as was said when the file was sent",
            Given::Known(_) => "the only one that the country has",
        };
        let sourced = |source: &Source| {
            let rows = in_words(&self.sourced);
            let message = format!("{rows} of the file name no source and are taken to be of {source}, {how}");
            about(rules, "R04", &self.sourced, ("no source", source.as_str()), message)
        };
        let sourceless = if self.sourceless.is_empty() { None } else { sourceless() };
        let sourced = sources.first().filter(|_| !self.sourced.is_empty()).and_then(sourced);
        [sourceless, sourced.map(mild)]
    }
}

/// A finding about rows of a file: what stands there, and what is expected.
fn about(
    rules: &Rules,
    rule: &str,
    rows: &[usize],
    (observed, expected): (&str, &str),
    message: String,
) -> Option<Finding> {
    let place = match rows {
        [row] => format!("row {row}"),
        _ => format!("rows {}", rows.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    };
    let (observed, expected) = (observed.to_owned(), expected.to_owned());
    let place = Some(place);
    rules.finding(rule, Said { verdict: Verdict::Fail, keys: Vec::new(), observed, expected, message, place })
}

/// The same as something that is worth knowing and asks nothing.
fn mild(finding: Finding) -> Finding {
    Finding { severity: Severity::Information, ..finding }
}

/// How many rows, and which: `9 rows (2, 3, 4, 5)`.
fn in_words(rows: &[usize]) -> String {
    let named: Vec<String> = rows.iter().take(NAMED_ROWS).map(ToString::to_string).collect();
    let more = if rows.len() > NAMED_ROWS { ", …" } else { "" };
    format!("{} row{} ({}{more})", rows.len(), if rows.len() == 1 { "" } else { "s" }, named.join(", "))
}
