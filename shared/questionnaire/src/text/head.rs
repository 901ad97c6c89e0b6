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

/// Finds the line of column names: the first that has all that are needed. Where there is none, the likeliest is judged. What stands
/// above it is a title, or is refused where it reads as figures: nothing that somebody sends is lost without a word.
pub(super) fn find(lines: &[&str]) -> Result<Head, ReadError> {
    let known = |names: &[String]| COLUMNS.into_iter().filter(|column| names.iter().any(|name| name == column)).count();
    let mut likeliest: Option<(usize, usize, Separator, Vec<String>)> = None;
    for (index, line) in lines.iter().enumerate().take(FIRST_LINES) {
        for separator in Separator::ALL {
            let Ok(found) = fields(line, separator.char()) else { continue };
            let names: Vec<String> = found.iter().map(|name| spelled(name)).collect();
            if NEEDED.iter().all(|needed| names.iter().any(|name| name == needed)) {
                let head = columns(index, separator, &names)?;
                return lines[..index].iter().position(|line| is_data(line, &head)).map_or(Ok(head), |above| {
                    let what = format!(
                        "this line reads as figures, and stands above the column names in line {}; move it below them",
                        index + 1
                    );
                    Err(ReadError::Row { line: above + 1, what })
                });
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

/// Whether a line above the column names reads as figures under them: two of the four fields that every row needs look as theirs do.
fn is_data(line: &str, head: &Head) -> bool {
    let Ok(found) = fields(line, head.separator.char()) else { return false };
    let looks = |column: &str, field: &str| match column {
        "ref_area" => field.len() == 3 && field.bytes().all(|b| b.is_ascii_uppercase()),
        "indicator" => field.contains('_') && field.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'),
        "time" => field.len() == 4 && field.bytes().all(|b| b.is_ascii_digit()),
        "obs_value" => field.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.'),
        _ => false,
    };
    let under = head.columns.iter().zip(&found).filter_map(|(column, field)| Some(((*column)?, field.trim())));
    under.filter(|(column, field)| looks(column, field)).count() >= 2
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
