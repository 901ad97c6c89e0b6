//! The questionnaire's shape: tables, the indicators that fill them, and classifications with their items.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Code, Indicator};

/// A questionnaire table's number, 1 to 21 in the template of 2019.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TableNo(pub u8);

impl std::fmt::Display for TableNo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What an item is in its classification's sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The whole.
    Total,
    /// A class of its own; for country lists, a country the respondent chose.
    Detail,
    /// "Not classified", "unknown" or "other countries": what the details leave over.
    Rest,
    /// A group of other items (a region among countries); never part of the sum.
    Group,
}

/// One item of a classification version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// ILOSTAT code.
    pub code: Code,
    /// English label.
    pub label: String,
    /// Its place in the sum.
    pub part: Part,
    /// Whether the questionnaire offers it without being asked.
    pub offered: bool,
}

/// A classification version, for example `CDS_DES`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classification {
    /// The version's code.
    pub version: String,
    /// Items by code.
    pub items: BTreeMap<Code, Item>,
    /// Whether details are countries chosen by the respondent, at most five, different from year to year.
    pub by_country: bool,
}

impl Classification {
    /// The code of the total, where the version has one.
    pub fn total(&self) -> Option<&Code> {
        self.items.values().find(|item| item.part == Part::Total).map(|item| &item.code)
    }

    /// The item with this code.
    pub fn item(&self, code: &Code) -> Option<&Item> {
        self.items.get(code)
    }
}

/// One indicator of a table: what its figures are classified by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The indicator.
    pub indicator: Indicator,
    /// The table it fills.
    pub table: TableNo,
    /// English title.
    pub title: String,
    /// First classification version after sex.
    pub classif1: Option<String>,
    /// Second classification version after sex.
    pub classif2: Option<String>,
    /// Whether figures add up (numbers do, mean earnings do not).
    pub additive: bool,
    /// Unit in words, for example `persons, thousands`.
    pub unit: String,
}

/// The frozen questionnaire of a round: layouts by indicator, classifications by version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Questionnaire {
    /// Layouts by indicator.
    pub layouts: BTreeMap<Indicator, Layout>,
    /// Classifications by version.
    pub classifications: BTreeMap<String, Classification>,
    /// Table titles by number.
    pub tables: BTreeMap<TableNo, String>,
}

impl Questionnaire {
    /// The classification of an indicator's first (1) or second (2) dimension after sex.
    pub fn classification(&self, indicator: &Indicator, dimension: u8) -> Option<&Classification> {
        let layout = self.layouts.get(indicator)?;
        let version = if dimension == 1 { &layout.classif1 } else { &layout.classif2 };
        self.classifications.get(version.as_ref()?)
    }

    /// The indicators that fill a table, one per criterion.
    pub fn indicators(&self, table: TableNo) -> impl Iterator<Item = &Layout> {
        self.layouts.values().filter(move |layout| layout.table == table)
    }
}
