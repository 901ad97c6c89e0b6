//! Figures as text: CSV with ILOSTAT's column names, read with comma or semicolon, written with comma and point.

use rondo_domain::figure::RawRow;

/// The most rows one file may have; a country's whole questionnaire for ten years has about 13,000.
const MAX_ROWS: usize = 50_000;
/// The longest field.
const MAX_FIELD: usize = 4_000;
/// The columns, in the order they are written.
const COLUMNS: [&str; 12] = [
    "ref_area",
    "source",
    "indicator",
    "sex",
    "classif1",
    "classif2",
    "time",
    "obs_value",
    "obs_status",
    "note_classif",
    "note_indicator",
    "note_source",
];
/// Columns without which no figure can be read.
const NEEDED: [&str; 4] = ["ref_area", "indicator", "time", "obs_value"];

/// Why a file cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Not UTF-8.
    #[error("line {line}: the file is not UTF-8 text; save it as \"CSV UTF-8\" and send it again")]
    NotText {
        /// Where the first byte stands that is not.
        line: usize,
    },
    /// No header, or columns missing.
    #[error("line 1: the column{} {} missing; the file needs at least ref_area, indicator, time and obs_value", if .0.contains(',') { "s" } else { "" }, if .0.contains(',') { format!("{} are", .0) } else { format!("{} is", .0) })]
    MissingColumns(String),
    /// A column nobody knows.
    #[error("line 1: `{found}` is not a column of this file{}", suggestion.as_ref().map(|s| format!("; did you mean `{s}`?")).unwrap_or_default())]
    UnknownColumn {
        /// What was found.
        found: String,
        /// What was probably meant.
        suggestion: Option<String>,
    },
    /// A column twice.
    #[error("line 1: the column `{0}` stands twice")]
    TwiceColumn(String),
    /// A row is broken.
    #[error("line {line}: {what}")]
    Row {
        /// The line.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// Too many rows.
    #[error("the file has more than {MAX_ROWS} rows")]
    TooLong,
    /// Nothing in it.
    #[error("the file has no figures: there is nothing below the line of column names")]
    Empty,
}

/// A file as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextFile {
    /// Its rows.
    pub rows: Vec<RawRow>,
    /// Whether the file separates with semicolons, and so may write decimal commas.
    pub semicolons: bool,
}

/// Reads a file of figures.
///
/// # Errors
/// When it cannot be read at all, with the line.
pub fn read_text(bytes: &[u8]) -> Result<TextFile, ReadError> {
    let text = std::str::from_utf8(bytes).map_err(|e| ReadError::NotText {
        line: bytes[..e.valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1,
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // Line ends of two characters would shift the lines that the reader counts by one.
    let text = &text.replace("\r\n", "\n");
    let head = text.lines().next().unwrap_or_default();
    let semicolons = head.matches(';').count() > head.matches(',').count();
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(if semicolons { b';' } else { b',' })
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let header = reader.headers().map_err(|e| broken(&e))?.clone();
    let columns = columns(&header)?;
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| broken(&e))?;
        let line = record.position().map_or(0, |position| position.line() as usize);
        if rows.len() == MAX_ROWS {
            return Err(ReadError::TooLong);
        }
        if record.iter().all(str::is_empty) {
            continue;
        }
        if let Some(long) = record.iter().find(|field| field.len() > MAX_FIELD || field.chars().any(is_hostile)) {
            let start: String = long.chars().filter(|c| !c.is_control()).take(20).collect();
            return Err(ReadError::Row {
                line,
                what: format!("the field that begins `{start}` is too long or holds control characters"),
            });
        }
        rows.push(row(line, &columns, &record));
    }
    if rows.is_empty() { Err(ReadError::Empty) } else { Ok(TextFile { rows, semicolons }) }
}

fn is_hostile(c: char) -> bool {
    c.is_control() && c != '\n' && c != '\t' && c != '\r'
}

fn broken(error: &csv::Error) -> ReadError {
    let line = error.position().map_or(1, |position| position.line() as usize);
    let what = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} fields stand where the line of column names has {expected_len}")
        }
        other => format!("{other:?}").chars().take(120).collect(),
    };
    ReadError::Row { line, what }
}

fn columns(header: &csv::StringRecord) -> Result<Vec<&'static str>, ReadError> {
    let mut found: Vec<&'static str> = Vec::new();
    for name in header {
        let lower = name.to_ascii_lowercase();
        let Some(column) = COLUMNS.into_iter().find(|column| *column == lower) else {
            return Err(ReadError::UnknownColumn {
                found: name.chars().filter(|c| !c.is_control()).take(60).collect(),
                suggestion: rondo_domain::workflow::nearest(&lower, COLUMNS),
            });
        };
        if found.contains(&column) {
            return Err(ReadError::TwiceColumn(column.to_owned()));
        }
        found.push(column);
    }
    let missing: Vec<&str> = NEEDED.into_iter().filter(|needed| !found.contains(needed)).collect();
    if missing.is_empty() { Ok(found) } else { Err(ReadError::MissingColumns(missing.join(", "))) }
}

fn row(line: usize, columns: &[&'static str], record: &csv::StringRecord) -> RawRow {
    let mut row = RawRow { line, ..RawRow::default() };
    for (column, field) in columns.iter().zip(record) {
        let target = match *column {
            "ref_area" => &mut row.ref_area,
            "source" => &mut row.source,
            "indicator" => &mut row.indicator,
            "sex" => &mut row.sex,
            "classif1" => &mut row.classif1,
            "classif2" => &mut row.classif2,
            "time" => &mut row.time,
            "obs_value" => &mut row.obs_value,
            "obs_status" => &mut row.obs_status,
            "note_classif" => &mut row.note_classif,
            "note_indicator" => &mut row.note_indicator,
            _ => &mut row.note_source,
        };
        field.clone_into(target);
    }
    row
}

fn fields(row: &RawRow) -> [&str; 12] {
    [
        &row.ref_area,
        &row.source,
        &row.indicator,
        &row.sex,
        &row.classif1,
        &row.classif2,
        &row.time,
        &row.obs_value,
        &row.obs_status,
        &row.note_classif,
        &row.note_indicator,
        &row.note_source,
    ]
}

/// Writes rows byte-exact, for machines.
///
/// # Errors
/// When a field cannot be written, which a vector never gives cause for.
pub fn machine_text(rows: &[RawRow]) -> Result<Vec<u8>, csv::Error> {
    write(rows, str::to_owned)
}

/// Writes rows for people who open the file in a spreadsheet program: a field that would be taken for a formula gets an
/// apostrophe in front.
///
/// # Errors
/// When a field cannot be written, which a vector never gives cause for.
pub fn people_text(rows: &[RawRow]) -> Result<Vec<u8>, csv::Error> {
    write(rows, |field| {
        let formula = field.starts_with(['=', '+', '-', '@', '\t', '\r']) && field.parse::<f64>().is_err();
        if formula { format!("'{field}") } else { field.to_owned() }
    })
}

fn write(rows: &[RawRow], each: impl Fn(&str) -> String) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::Any(b'\n')).from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    for row in rows {
        writer.write_record(fields(row).map(&each))?;
    }
    writer.into_inner().map_err(|e| e.into_error().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_in_any_order_and_empty_ones_may_be_missing() {
        let file = read_text(b"time,obs_value,indicator,ref_area\n2023,1.5,MNA_X,LAO\n\n").unwrap();
        assert_eq!(file.rows.len(), 1);
        assert_eq!((file.rows[0].ref_area.as_str(), file.rows[0].line), ("LAO", 2));
    }

    #[test]
    fn every_unreadable_file_is_told_apart() {
        let text = |bytes: &[u8]| read_text(bytes).unwrap_err().to_string();
        assert!(
            text(b"ref_area,indicator,time,obs_value\nLAO,\xff,2023,1").starts_with("line 2: the file is not UTF-8")
        );
        assert!(text(b"ref_area,indicator,time,obs_valeu\n").contains("did you mean `obs_value`"));
        assert!(text(b"ref_area,indicator,time\nLAO,X,2023").contains("obs_value is missing"));
        assert!(text(b"ref_area,indicator,time,obs_value\nLAO,X,2023").contains("3 fields stand"));
        assert!(text(b"ref_area,indicator,time,obs_value\n").contains("no figures"));
        assert!(text(b"PK\x03\x04\x00\x00").contains("not a column"));
        assert!(text(b"").contains("missing"));
    }

    #[test]
    fn a_formula_is_defused_for_people_and_kept_for_machines() {
        let row =
            RawRow { obs_value: "-1.5".to_owned(), note_source: "=cmd|'/c calc'!A1".to_owned(), ..RawRow::default() };
        let people = String::from_utf8(people_text(std::slice::from_ref(&row)).unwrap()).unwrap();
        assert!(people.contains("'=cmd") && people.contains(",-1.5,"), "{people}");
        let machine = machine_text(std::slice::from_ref(&row)).unwrap();
        assert_eq!(read_text(&machine).unwrap().rows[0].note_source, row.note_source);
    }
}
