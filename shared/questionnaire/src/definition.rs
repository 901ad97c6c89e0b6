//! The questionnaire read from `questionnaire.toml` and `codelists/items.csv` of a workflow's bundle.

use std::collections::BTreeMap;

use rondo_domain::table::{Classification, Item, Layout, Part, Questionnaire, TableNo};
use rondo_domain::workflow::{Bundle, Problem, parse_toml};
use rondo_domain::{Code, Indicator};
use serde::Deserialize;
use toml::Spanned;

const FILE: &str = "questionnaire.toml";
const ITEMS: &str = "codelists/items.csv";

/// Versions whose items are countries chosen by the respondent.
const BY_COUNTRY: [&str; 5] = ["CBR_BRT", "CCT_CTZ", "CDS_DES", "CRS_RES", "CPR_PRV"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    table: Vec<TableEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TableEntry {
    no: Spanned<u8>,
    title: String,
    indicator: Vec<IndicatorEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IndicatorEntry {
    code: Spanned<String>,
    title: String,
    classifications: Vec<Spanned<String>>,
    unit: String,
    additive: bool,
}

#[derive(Deserialize)]
struct ItemRow {
    classification_version: String,
    item: String,
    label: String,
    part: String,
    offered: String,
}

/// Reads the questionnaire of a workflow.
///
/// # Errors
/// The first problem, with file, line and column.
pub fn read_questionnaire(bundle: &Bundle) -> Result<Questionnaire, Problem> {
    // A workflow that asks for no tables has no questionnaire.
    if bundle.text(FILE).is_err() && bundle.text(ITEMS).is_err() {
        return Ok(Questionnaire::default());
    }
    let classifications = classifications(bundle.text(ITEMS)?)?;
    let text = bundle.text(FILE)?;
    let file: File = parse_toml(FILE, text)?;
    let mut questionnaire = Questionnaire { classifications, ..Questionnaire::default() };
    for table in file.table {
        let no = TableNo(*table.no.get_ref());
        let twice = || Problem::at(FILE, text, table.no.span().start, format!("table {no} stands twice"));
        if questionnaire.tables.insert(no, table.title).is_some() {
            return Err(twice());
        }
        for entry in table.indicator {
            let layout = layout(text, no, entry, &questionnaire.classifications)?;
            questionnaire.layouts.insert(layout.indicator.clone(), layout);
        }
    }
    Ok(questionnaire)
}

fn layout(
    text: &str,
    table: TableNo,
    entry: IndicatorEntry,
    known: &BTreeMap<String, Classification>,
) -> Result<Layout, Problem> {
    let problem = |at: usize, message: String| Problem::at(FILE, text, at, message);
    let indicator: Indicator = entry
        .code
        .get_ref()
        .parse()
        .map_err(|e: rondo_domain::InvalidId| problem(entry.code.span().start, e.to_string()))?;
    for version in &entry.classifications {
        if !known.contains_key(version.get_ref()) {
            let message = format!("`{}` is not a classification version of {ITEMS}", version.get_ref());
            return Err(
                problem(version.span().start, message).suggest(version.get_ref(), known.keys().map(String::as_str))
            );
        }
    }
    let mut versions = entry.classifications.into_iter().map(Spanned::into_inner);
    let (classif1, classif2) = (versions.next(), versions.next());
    if versions.next().is_some() {
        return Err(problem(entry.code.span().start, "an indicator has at most two classifications".to_owned()));
    }
    Ok(Layout { indicator, table, title: entry.title, classif1, classif2, additive: entry.additive, unit: entry.unit })
}

fn classifications(text: &str) -> Result<BTreeMap<String, Classification>, Problem> {
    let mut all: BTreeMap<String, Classification> = BTreeMap::new();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    for (index, row) in reader.deserialize::<ItemRow>().enumerate() {
        let problem = |message: String| Problem::on_line(ITEMS, index + 2, message);
        let row = row.map_err(|e| problem(e.to_string()))?;
        let code: Code = row.item.parse().map_err(|e: rondo_domain::InvalidId| problem(e.to_string()))?;
        let part = match row.part.as_str() {
            "total" => Part::Total,
            "detail" => Part::Detail,
            "rest" => Part::Rest,
            "group" => Part::Group,
            other => return Err(problem(format!("`{other}` is none of total, detail, rest and group"))),
        };
        let version = all.entry(row.classification_version.clone()).or_insert_with(|| Classification {
            by_country: BY_COUNTRY.contains(&row.classification_version.as_str()),
            version: row.classification_version,
            items: BTreeMap::new(),
        });
        let item = Item { code: code.clone(), label: row.label, part, offered: row.offered == "Y" };
        if version.items.insert(code, item).is_some() {
            return Err(problem(format!("`{}` stands twice", row.item)));
        }
    }
    Ok(all)
}
