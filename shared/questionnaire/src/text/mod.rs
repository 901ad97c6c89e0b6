//! Figures as text: CSV with ILOSTAT's column names. Read where it is certain what stands there, refused with a sentence that
//! helps where it is not; written with comma and point.

mod fields;
mod head;
mod write;

use std::borrow::Cow;

use rondo_domain::figure::{Extent, RawRow, Separator};

use fields::{Broken, fields};
pub use write::{machine_text, people_text};

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
/// The character with which some old programs end a text: Ctrl-Z.
const END_OF_FILE: char = '\u{1a}';
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
    #[error("line {line}: the column{} {} missing; the file needs at least ref_area, indicator, time and obs_value", if .names.contains(',') { "s" } else { "" }, if .names.contains(',') { format!("{} are", .names) } else { format!("{} is", .names) })]
    MissingColumns {
        /// Where the column names were looked for.
        line: usize,
        /// Those that are missing.
        names: String,
    },
    /// A column nobody knows.
    #[error("line {line}: `{found}` is not a column of this file{}", suggestion.as_ref().map(|s| format!("; did you mean `{s}`?")).unwrap_or_default())]
    UnknownColumn {
        /// Where the column names stand.
        line: usize,
        /// What was found.
        found: String,
        /// What was probably meant.
        suggestion: Option<String>,
    },
    /// A column twice.
    #[error("line {line}: the column `{name}` stands twice")]
    TwiceColumn {
        /// Where the column names stand.
        line: usize,
        /// The name.
        name: String,
    },
    /// A quote that does not close in its line, so that nobody knows where the field ends.
    #[error(
        "line {line}: a quote opens here and does not close before the line ends, and no field of this file has a line end in it; take the quote out, or put a note with quotes in it between quotes and write those within twice"
    )]
    OpenQuote {
        /// Where it opens.
        line: usize,
    },
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
    /// What separates its columns, and so how it may write numbers.
    pub separator: Separator,
    /// How much of it was read.
    pub extent: Extent,
}

/// Reads a file of figures. A line of the file is a row: no field has a line end in it, so that a quote that is left open can
/// swallow nothing. Lines above the column names (titles, `sep=;`), empty lines and columns without a name or content are
/// passed over.
///
/// # Errors
/// When it cannot be read at all, with the line.
pub fn read_text(bytes: &[u8]) -> Result<TextFile, ReadError> {
    let text = decoded(bytes)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines: Vec<&str> = text.split('\n').collect();
    lines.pop_if(|last| last.is_empty());
    let head = head::find(&lines)?;
    let mut rows = Vec::new();
    for (index, line) in lines.iter().enumerate().skip(head.index + 1) {
        let found = fields(line, head.separator.char()).map_err(|broken| broken.at(index + 1))?;
        if found.iter().all(|field| field.is_empty()) {
            continue;
        }
        if rows.len() == MAX_ROWS {
            return Err(ReadError::TooLong);
        }
        rows.push(row(index + 1, &head, &found)?);
    }
    let extent = Extent { rows: rows.len(), lines: lines.len() };
    if rows.is_empty() { Err(ReadError::Empty) } else { Ok(TextFile { rows, separator: head.separator, extent }) }
}

/// The text of the bytes: UTF-8, or UTF-16 with the mark by which spreadsheet programs begin "Unicode text".
fn decoded(bytes: &[u8]) -> Result<Cow<'_, str>, ReadError> {
    let wide = |pair: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes[2..].chunks(2).map(|two| pair([two[0], *two.get(1).unwrap_or(&0)])).collect();
        let read = || String::from_utf16(&units).ok().filter(|_| bytes.len().is_multiple_of(2));
        read().map(Cow::Owned).ok_or(ReadError::NotText { line: 1 })
    };
    match bytes {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        _ => std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|e| ReadError::NotText {
            line: bytes[..e.valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1,
        }),
    }
}

impl Broken {
    fn at(self, line: usize) -> ReadError {
        match self {
            Self::Open => ReadError::OpenQuote { line },
            Self::After => ReadError::Row {
                line,
                what: "a field goes on after its closing quote; write a quote that stands within a field twice"
                    .to_owned(),
            },
        }
    }
}

/// The row of a line, whose fields stand under the columns.
fn row(line: usize, head: &head::Head, found: &[Cow<'_, str>]) -> Result<RawRow, ReadError> {
    let wrong = |what: String| ReadError::Row { line, what };
    if found.iter().any(|field| field.contains(END_OF_FILE)) {
        let what = "a Ctrl-Z (the control character U+001A) stands here, with which some old programs end a file";
        return Err(wrong(format!("{what}; take it out")));
    }
    if found.len() < head.needed || found.iter().skip(head.columns.len()).any(|field| !field.is_empty()) {
        let (width, mark) = (head.columns.len(), head.separator.word());
        let stand =
            if found.len() == 1 { "1 field stands".to_owned() } else { format!("{} fields stand", found.len()) };
        return Err(wrong(format!(
            "{stand} where the line of column names has {width}; every line has a field for each column, and a {mark} within a field needs quotes around it"
        )));
    }
    if let Some(long) = found.iter().find(|field| field.len() > MAX_FIELD || field.chars().any(is_hostile)) {
        let start: String = long.chars().filter(|c| !c.is_control()).take(20).collect();
        return Err(wrong(format!("the field that begins `{start}` is too long or holds control characters")));
    }
    let mut row = RawRow { line, ..RawRow::default() };
    for (column, field) in head.columns.iter().zip(found) {
        match column {
            Some(column) => field.as_ref().clone_into(place(&mut row, column)),
            None if field.is_empty() => {}
            None => {
                let start: String = field.chars().take(20).collect();
                return Err(wrong(format!(
                    "`{start}` stands in a column that has no name; name the column or empty it"
                )));
            }
        }
    }
    Ok(row)
}

fn is_hostile(c: char) -> bool {
    c.is_control() && c != '\t'
}

fn place<'r>(row: &'r mut RawRow, column: &str) -> &'r mut String {
    match column {
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "ref_area,indicator,time,obs_value,note_source\n";

    fn read(text: &str) -> TextFile {
        read_text(text.as_bytes()).unwrap_or_else(|error| panic!("{text:?}: {error}"))
    }

    fn told(text: &str) -> String {
        match read_text(text.as_bytes()) {
            Ok(file) => panic!("{text:?}: {file:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn columns_stand_in_any_order_and_empty_ones_may_be_missing() {
        let file = read("time,obs_value,indicator,ref_area\n2023,1.5,MNA_X,LAO\n\n");
        assert_eq!((file.rows.len(), file.extent), (1, Extent { rows: 1, lines: 3 }));
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
        for end in ["\n\x1a", "\x1a", "\x1a\n"] {
            let ended = text(format!("ref_area,indicator,time,obs_value\nLAO,X,2023,1{end}").as_bytes());
            assert!(ended.contains("a Ctrl-Z") && ended.starts_with("line "), "{end:?}: {ended}");
        }
        assert!(text(b"\xff\xfer\x00e\x00").contains("line 1: `re` is not a column"));
        assert!(text(b"\xff\xfer\x00e\x00f").contains("not UTF-8"));
    }

    #[test]
    fn a_quote_that_stays_open_is_named_by_its_line_and_swallows_nothing() {
        let open = "line 3: a quote opens here";
        assert!(told(&format!("{HEAD}LAO,X,2022,1,S1\nLAO,X,2023,2,\"S1\nLAO,X,2024,3,S1\n")).starts_with(open));
        assert!(told(&format!("{HEAD}LAO,X,2022,1,S1\nLAO,X,2023,2,\"S1\nLAO,X,2024,3,S1\"\n")).starts_with(open));
        assert!(told(&format!("{HEAD}LAO,X,2022,1,S1\nLAO,X,2023,2,\"S1\"\"\n")).starts_with(open));
        assert!(told(&format!("{HEAD}LAO,X,2022,1,\"a\"b\n")).contains("line 2: a field goes on after"));
        assert!(told("\"ref_area,indicator,time,obs_value\nLAO,X,2023,1\n").starts_with("line 1: a quote opens"));
        let quoted = read(&format!("{HEAD}\"LAO\",X, \"2023\" ,1,\"S1:a \"\"b\"\", c\"\nLAO,X,2023,1,12\" disks\n"));
        assert_eq!((quoted.rows[0].time.as_str(), quoted.rows[0].note_source.as_str()), ("2023", "S1:a \"b\", c"));
        assert_eq!(quoted.rows[1].note_source, "12\" disks");
    }

    #[test]
    fn what_separates_columns_is_seen_in_their_names() {
        for (mark, separator) in
            [(',', Separator::Comma), (';', Separator::Semicolon), ('\t', Separator::Tab), ('|', Separator::Bar)]
        {
            let text = format!("{HEAD}LAO,X,2023,1,\n").replace(',', &mark.to_string());
            assert_eq!((read(&text).separator, read(&text).rows.len()), (separator, 1));
            let said = format!("sep={mark}\n{text}");
            assert_eq!((read(&said).rows[0].line, read(&said).extent.lines), (3, 3));
        }
        let wide: Vec<u8> = format!("\u{feff}{HEAD}LAO,X,2023,1,ລາວ\n")
            .replace(',', "\t")
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(read_text(&wide).unwrap().rows[0].note_source, "ລາວ");
    }

    #[test]
    fn titles_above_and_empty_columns_beside_are_passed_over_and_counted() {
        let titles =
            "Table 17, by sex\n\n,,\nREF AREA,Indicator,time ,Obs-Value,,\nLAO,X,2023,1,,\n,,,,,\nLAO,X,2022,2,,,,\n";
        let file = read(titles);
        assert_eq!(file.extent, Extent { rows: 2, lines: 7 });
        assert_eq!((file.rows[1].line, file.rows[1].obs_value.as_str()), (7, "2"));
        assert!(
            told("a title\nref_area,indicator,time,obs_value,land\nLAO,X,2023,1,2\n").starts_with("line 2: `land`")
        );
        assert!(
            told("ref_area,indicator,time,obs_value,\nLAO,X,2023,1,7\n").contains("line 2: `7` stands in a column")
        );
        assert!(told("ref_area,indicator,time,obs_value\nLAO,X,2023,1,072\n").contains("5 fields stand"));
        assert!(told(&format!("{HEAD}LAO,X,2023,1,S1\nSource: a survey\n")).contains("line 3: 1 field stands"));
        let old = read(&format!("{HEAD}LAO,X,2023,1,S1\n").replace('\n', "\r"));
        assert_eq!(old.extent, Extent { rows: 1, lines: 2 });
    }

    #[test]
    fn figures_above_the_column_names_are_not_lost_without_a_word() {
        for (text, line) in [
            (format!("LAO,MNA_X,2022,1,S1\n{HEAD}LAO,MNA_X,2023,2,S1\n"), 1),
            (format!("Table 17\n\nLAO,MNA_X,2022,..,\n{HEAD}LAO,MNA_X,2023,2,S1\n"), 3),
            (format!("a title\n,,2022,-1.5\n{HEAD}LAO,MNA_X,2023,2,S1\n"), 2),
        ] {
            let told = told(&text);
            assert!(told.starts_with(&format!("line {line}: this line reads as figures")), "{told}");
            assert!(told.contains("move it below"), "{told}");
        }
        for title in
            ["ILMS in ASEAN, 2025", "LAO", "Year 2025, Lao PDR, draft, of 1 October, by hand", "2025;1;2", ",,,,"]
        {
            assert_eq!(read(&format!("{title}\n{HEAD}LAO,MNA_X,2023,2,S1\n")).rows.len(), 1, "{title}");
        }
    }
}
