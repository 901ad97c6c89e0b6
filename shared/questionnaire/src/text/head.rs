//! The line of column names: where it stands, and what separates its columns.

use rondo_domain::figure::Separator;

use super::fields::fields;
use super::{COLUMNS, NEEDED, ReadError};

/// The lines among which the column names are looked for.
const FIRST_LINES: usize = 30;

/// The line of column names.
#[derive(Debug)]
pub(super) struct Head {
    /// Its place among the lines, from 0.
    pub(super) index: usize,
    /// What separates columns.
    pub(super) separator: Separator,
    /// The columns; one without a name has to be empty throughout.
    pub(super) columns: Vec<Option<&'static str>>,
    /// How many fields every line has at least: up to the last column with a name.
    pub(super) needed: usize,
}

/// Finds the line of column names: the first that has all that are needed. Where there is none, the likeliest is judged.
pub(super) fn find(lines: &[&str]) -> Result<Head, ReadError> {
    let known = |names: &[String]| COLUMNS.into_iter().filter(|column| names.iter().any(|name| name == column)).count();
    let mut likeliest: Option<(usize, usize, Separator, Vec<String>)> = None;
    for (index, line) in lines.iter().enumerate().take(FIRST_LINES) {
        for separator in Separator::ALL {
            let Ok(found) = fields(line, separator.char()) else { continue };
            let names: Vec<String> = found.iter().map(|name| spelled(name)).collect();
            if NEEDED.iter().all(|needed| names.iter().any(|name| name == needed)) {
                return columns(index, separator, &names);
            }
            let count = known(&names);
            if count > likeliest.as_ref().map_or(0, |(count, ..)| *count) {
                likeliest = Some((count, index, separator, names));
            }
        }
    }
    if let Some((_, index, separator, names)) = likeliest {
        return columns(index, separator, &names);
    }
    let first = lines.iter().position(|line| !line.trim().is_empty()).unwrap_or(0);
    let line = lines.get(first).copied().unwrap_or_default();
    let mark = Separator::ALL
        .into_iter()
        .max_by_key(|separator| (line.matches(separator.char()).count(), *separator == Separator::Comma));
    let separator = mark.unwrap_or(Separator::Comma);
    let found = fields(line, separator.char()).map_err(|broken| broken.at(first + 1))?;
    columns(first, separator, &found.iter().map(|name| spelled(name)).collect::<Vec<_>>())
}

/// A column's name as we spell it, whatever its letters and the marks between its words.
fn spelled(name: &str) -> String {
    name.to_ascii_lowercase().replace([' ', '-', '.'], "_")
}

fn columns(index: usize, separator: Separator, names: &[String]) -> Result<Head, ReadError> {
    let line = index + 1;
    let mut columns: Vec<Option<&'static str>> = Vec::new();
    for name in names {
        let column = COLUMNS.into_iter().find(|column| column == name);
        if column.is_none() && !name.is_empty() {
            return Err(ReadError::UnknownColumn {
                line,
                found: name.chars().filter(|c| !c.is_control()).take(60).collect(),
                suggestion: rondo_domain::workflow::nearest(name, COLUMNS),
            });
        }
        if column.is_some() && columns.contains(&column) {
            return Err(ReadError::TwiceColumn { line, name: name.clone() });
        }
        columns.push(column);
    }
    let missing: Vec<&str> = NEEDED.into_iter().filter(|needed| !columns.contains(&Some(*needed))).collect();
    if missing.is_empty() {
        let needed = columns.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        Ok(Head { index, separator, columns, needed })
    } else {
        Err(ReadError::MissingColumns { line, names: missing.join(", ") })
    }
}
