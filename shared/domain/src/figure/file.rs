//! A file of figures as it was written: its rows, what separates its columns, and how much of it was read.

use serde::{Deserialize, Serialize};

/// A row of figures as it was written, before anything is believed of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are ILOSTAT's columns of these names")]
pub struct RawRow {
    /// The line of the file, from 1.
    pub line: usize,
    pub ref_area: String,
    pub source: String,
    pub indicator: String,
    pub sex: String,
    pub classif1: String,
    pub classif2: String,
    pub time: String,
    pub obs_value: String,
    pub obs_status: String,
    pub note_classif: String,
    pub note_indicator: String,
    pub note_source: String,
}

/// What separates the columns of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words say it")]
pub enum Separator {
    Comma,
    Semicolon,
    Tab,
    Bar,
}

impl Separator {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Comma, Self::Semicolon, Self::Tab, Self::Bar];

    /// The character.
    pub fn char(self) -> char {
        match self {
            Self::Comma => ',',
            Self::Semicolon => ';',
            Self::Tab => '\t',
            Self::Bar => '|',
        }
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Comma => "comma",
            Self::Semicolon => "semicolon",
            Self::Tab => "tab",
            Self::Bar => "bar",
        }
    }
}

/// How much of a file was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// Its rows of figures.
    pub rows: usize,
    /// Its lines; those that are no rows hold column names or titles, or are empty.
    pub lines: usize,
}

impl std::fmt::Display for Extent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { rows, lines } = self;
        let one = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
        write!(f, "{} of figures read of {}", one(*rows, "row"), one(*lines, "line"))
    }
}
