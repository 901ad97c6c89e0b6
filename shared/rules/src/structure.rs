//! Structure (R02 to R11): rows become figures, or findings that name the row.

use std::collections::{BTreeMap, BTreeSet};

use rondo_domain::figure::{CellKey, FigureKey, FigureValue, ObsStatus, RawRow, Separator, Sex, SheetKey, parse_year};
use rondo_domain::finding::{Finding, Verdict};
use rondo_domain::table::{Layout, Part, Questionnaire, TableNo};
use rondo_domain::{Code, Country, Indicator, Source, Year};

use crate::numbers::{NoNumber, Numbers, ascii, is_marker};
use crate::settings::{Rules, Said};
use crate::sheet::{Reported, Sheet};
use crate::whole_file::{Given, WholeFile, candidates};

/// What a file may be about.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The frozen questionnaire.
    pub questionnaire: &'a Questionnaire,
    /// The country that sends, where one is meant.
    pub country: Option<&'a Country>,
    /// The reference years asked; any year if there are none.
    pub years: &'a [Year],
    /// The tables owed; any table if there are none.
    pub tables: &'a [TableNo],
    /// What is recorded of the country already: the file is judged together with it, so that a file that brings one year or
    /// corrects one figure is held against the rest.
    pub recorded: &'a [Sheet],
    /// The source of rows that name none.
    pub source: Given<'a>,
}

type Findings = Vec<(Option<TableNo>, Finding)>;

/// Reads rows into sheets, with what is wrong about them.
pub(crate) fn read(rules: &Rules, rows: &[RawRow], separator: Separator, scope: &Scope<'_>) -> (Vec<Sheet>, Findings) {
    let numbers = Numbers::of(rows, separator);
    let sources = candidates(rows, scope.source);
    let whole = WholeFile::default();
    let mut reader = Reader { rules, scope, numbers, sources, whole, findings: Vec::new(), sheets: BTreeMap::new() };
    for row in rows {
        reader.row(row);
    }
    let whole = std::mem::take(&mut reader.whole);
    reader.findings.extend(whole.findings(rules, numbers, &reader.sources, scope.source));
    (reader.sheets.into_values().collect(), reader.findings)
}

struct Reader<'a> {
    rules: &'a Rules,
    scope: &'a Scope<'a>,
    numbers: Numbers,
    /// Those that rows without a source may be of.
    sources: Vec<Source>,
    whole: WholeFile,
    findings: Findings,
    sheets: BTreeMap<SheetKey, Sheet>,
}

impl Reader<'_> {
    fn fail(
        &mut self,
        rule: &str,
        row: &RawRow,
        table: Option<TableNo>,
        observed: &str,
        expected: &str,
        message: String,
    ) {
        let said = Said {
            verdict: Verdict::Fail,
            keys: Vec::new(),
            observed: observed.to_owned(),
            expected: expected.to_owned(),
            message,
            place: Some(format!("row {}", row.line)),
        };
        self.findings.extend(self.rules.finding(rule, said).map(|finding| (table, finding)));
    }

    fn row(&mut self, row: &RawRow) -> Option<()> {
        let country = self.country(row)?;
        let year = self.year(row)?;
        let layout = self.layout(row)?;
        let table = layout.table;
        let source = self.source(row, table)?;
        let cell = self.cell(row, &layout)?;
        let value = self.value(row, table)?;
        self.notes(row, table);
        let key = SheetKey { country, indicator: layout.indicator.clone(), year, source };
        let name = FigureKey::new(&key, &cell).to_string();
        let sheet = self.sheets.entry(key.clone()).or_insert_with(|| Sheet { key, table, cells: BTreeMap::new() });
        if let Some(first) = sheet.cells.get(&cell) {
            let message = format!("{name} stands in row {} already", first.line);
            self.fail("R05", row, Some(table), &name, "each figure once", message);
        } else {
            sheet.cells.insert(cell, Reported { value, line: row.line });
        }
        Some(())
    }

    fn country(&mut self, row: &RawRow) -> Option<Country> {
        let parsed: Option<Country> = row.ref_area.parse().ok();
        match (parsed, self.scope.country) {
            (Some(country), Some(sender)) if country != *sender => {
                let message = format!("the row is about {country}, but {sender} sends the file");
                self.fail("R02", row, None, country.as_str(), sender.as_str(), message);
                None
            }
            (Some(country), _) => Some(country),
            (None, _) => {
                let message = format!("`{}` is not a country code", row.ref_area);
                self.fail("R02", row, None, &row.ref_area, "ISO alpha-3, such as LAO", message);
                None
            }
        }
    }

    fn year(&mut self, row: &RawRow) -> Option<Year> {
        let time = ascii(&row.time).unwrap_or_else(|_| row.time.as_str().into());
        match parse_year(&time) {
            Ok(year) if self.scope.years.is_empty() || self.scope.years.contains(&year) => Some(year),
            Ok(year) => {
                let asked = self.scope.years.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                let message = format!("the year {year} is not asked in this round, which asks for {asked}");
                self.fail("R02", row, None, &row.time, &asked, message);
                None
            }
            Err(_) => {
                let buddhist = time.parse::<Year>().ok().filter(|year| (2443..=2742).contains(year));
                let hint = buddhist.map(|year| format!("; is it Buddhist era for {}?", year - 543)).unwrap_or_default();
                let message = format!("`{}` is not a year of the common era{hint}", row.time);
                self.fail("R02", row, None, &row.time, "four digits, common era", message);
                None
            }
        }
    }

    fn layout(&mut self, row: &RawRow) -> Option<Layout> {
        let questionnaire = self.scope.questionnaire;
        let found = row.indicator.parse::<Indicator>().ok().and_then(|code| questionnaire.layouts.get(&code));
        let owed = |layout: &&Layout| self.scope.tables.is_empty() || self.scope.tables.contains(&layout.table);
        if let Some(layout) = found.filter(owed) {
            return Some(layout.clone());
        }
        let message = match found {
            Some(layout) => format!("table {} ({}) is not among the tables owed", layout.table, row.indicator),
            None => {
                let known = questionnaire.layouts.keys().map(Indicator::as_str);
                let near = rondo_domain::workflow::nearest(&row.indicator, known);
                let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                format!("`{}` is not an indicator of this questionnaire{hint}", row.indicator)
            }
        };
        self.fail("R03", row, None, &row.indicator, "an indicator of the round's tables", message);
        None
    }

    fn source(&mut self, row: &RawRow, table: TableNo) -> Option<Source> {
        if let Ok(source) = row.source.parse() {
            return Some(source);
        }
        if row.source.is_empty() {
            let [one] = &self.sources[..] else {
                self.whole.sourceless.push(row.line);
                return None;
            };
            self.whole.sourced.push(row.line);
            return Some(one.clone());
        }
        let message = format!("`{}` is not a source code; write type and number, such as BA:741", row.source);
        self.fail("R04", row, Some(table), &row.source, "a source code", message);
        None
    }

    fn cell(&mut self, row: &RawRow, layout: &Layout) -> Option<CellKey> {
        let table = layout.table;
        let Ok(sex) = row.sex.parse::<Sex>() else {
            let message = format!("`{}` is not a code of sex", row.sex);
            self.fail("R04", row, Some(table), &row.sex, "SEX_T, SEX_M or SEX_F", message);
            return None;
        };
        let classif1 = self.class(row, layout, 1, &row.classif1)?;
        let classif2 = self.class(row, layout, 2, &row.classif2)?;
        Some(CellKey { sex, classif1, classif2 })
    }

    fn class(&mut self, row: &RawRow, layout: &Layout, dimension: u8, text: &str) -> Option<Option<Code>> {
        let Some(classification) = self.scope.questionnaire.classification(&layout.indicator, dimension) else {
            if text.is_empty() {
                return Some(None);
            }
            let message = format!("{} is not classified further, but `{text}` is given", layout.indicator);
            self.fail("R04", row, Some(layout.table), text, "nothing", message);
            return None;
        };
        if let Some(code) = text.parse::<Code>().ok().filter(|code| classification.items.contains_key(code)) {
            return Some(Some(code));
        }
        let elsewhere = self.scope.questionnaire.classifications.values().find(|other| {
            other.version != classification.version
                && text.parse().is_ok_and(|code: Code| other.items.contains_key(&code))
        });
        if let Some(other) = elsewhere {
            let message = format!(
                "`{text}` belongs to {}, but the table is classified by {}",
                other.version, classification.version
            );
            self.fail("R11", row, Some(layout.table), text, &classification.version, message);
        } else {
            let near = rondo_domain::workflow::nearest(text, classification.items.keys().map(Code::as_str));
            let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            let message = format!("`{text}` is not a code of {}{hint}", classification.version);
            self.fail("R04", row, Some(layout.table), text, &format!("a code of {}", classification.version), message);
        }
        None
    }

    fn value(&mut self, row: &RawRow, table: TableNo) -> Option<FigureValue> {
        let status = match row.obs_status.as_str() {
            "" => None,
            letter => match ObsStatus::parse(letter) {
                Some(status) => Some(status),
                None => {
                    let message = format!("`{letter}` is not a value status of ILOSTAT");
                    self.fail("R04", row, Some(table), letter, "a letter of the status list", message);
                    return None;
                }
            },
        };
        if row.obs_value.is_empty() || (is_marker(&row.obs_value) && status.is_some_and(ObsStatus::explains_absence)) {
            if status.is_some_and(ObsStatus::explains_absence) {
                return Some(FigureValue { value: None, status });
            }
            let expected = "a value, or N (not available), X (not applicable), C (confidential) or S (not significant)";
            let message = "the value is blank and nothing says why".to_owned();
            self.fail("R07", row, Some(table), "blank", expected, message);
            return None;
        }
        let stands = (row.line, row.obs_value.clone());
        match self.numbers.read(&row.obs_value) {
            Ok(number) => {
                if number.cut {
                    self.whole.cut.push((row.line, format!("{} became {}", row.obs_value, number.value)));
                }
                return Some(FigureValue { value: Some(number.value), status });
            }
            Err(NoNumber::Asked) => self.whole.asked.push(stands),
            Err(NoNumber::Marker) => self.whole.markers.push(stands),
            Err(NoNumber::Why(why)) => {
                let message = format!("`{}` {why}", row.obs_value);
                self.fail("R06", row, Some(table), &row.obs_value, "digits and at most one decimal point", message);
            }
        }
        None
    }

    fn notes(&mut self, row: &RawRow, table: TableNo) {
        for kind in &self.rules.mandatory_notes {
            let has = row.note_source.split('_').any(|note| {
                note.strip_prefix(kind.as_str())
                    .and_then(|rest| rest.strip_prefix(':'))
                    .is_some_and(|text| !text.trim().is_empty())
            });
            if !has {
                let message = format!("the note {kind} (name of the source) is missing in note_source");
                self.fail("R08", row, Some(table), &row.note_source, &format!("{kind}:…"), message);
            }
        }
    }
}

/// The most keys one finding names; what is missing beyond makes another finding.
const KEYS: usize = 200;

/// Rules about a whole sheet: chosen countries (R09), totals and both sexes (R10).
pub(crate) fn whole_sheet(rules: &Rules, sheet: &Sheet, questionnaire: &Questionnaire) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(countries(rules, sheet, questionnaire));
    let (mut missing, mut present) = (BTreeSet::new(), Vec::new());
    for (c1, c2) in sheet.classes() {
        for sex in [Sex::Total, Sex::Male, Sex::Female] {
            let cell = CellKey { sex, classif1: c1.clone(), classif2: c2.clone() };
            if sheet.cells.contains_key(&cell) {
                present.push(cell);
            } else {
                missing.insert(cell);
            }
        }
    }
    if !missing.is_empty() && !present.is_empty() {
        let names: Vec<String> = missing.iter().map(|cell| sheet.name(cell)).collect();
        let said = |names: &[String]| Said {
            verdict: Verdict::Fail,
            observed: format!("{} of {} figures are missing", missing.len(), missing.len() + present.len()),
            expected: "the total and both sexes of every row".to_owned(),
            message: missing_in_words(names),
            place: sheet.place(&present),
            keys: names.to_vec(),
        };
        findings.extend(names.chunks(KEYS).filter_map(|names| rules.finding("R10", said(names))));
    }
    findings
}

/// Names the missing figures; where they are many, the first ones and how many more.
fn missing_in_words(names: &[String]) -> String {
    const NAMED: usize = 12;
    let more = names.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("missing beside what is given: {}{more}", names[..names.len().min(NAMED)].join(", "))
}

fn countries(rules: &Rules, sheet: &Sheet, questionnaire: &Questionnaire) -> Vec<Finding> {
    let mut findings = Vec::new();
    for dimension in [1, 2] {
        let Some(classification) = questionnaire
            .classification(&sheet.key.indicator, dimension)
            .filter(|classification| classification.by_country)
        else {
            continue;
        };
        let code = |cell: &CellKey| if dimension == 1 { cell.classif1.clone() } else { cell.classif2.clone() };
        let used: BTreeSet<Code> = sheet.cells.keys().filter_map(code).collect();
        let part = |code: &Code| classification.item(code).map(|item| item.part);
        let named: Vec<&Code> = used.iter().filter(|code| part(code) == Some(Part::Detail)).collect();
        let mut problems = Vec::new();
        if named.len() > rules.max_named {
            problems.push((format!("{} countries are named", named.len()), format!("at most {}", rules.max_named)));
        }
        if let Some(own) = named.iter().find(|code| code.as_str().ends_with(&format!("_{}", sheet.key.country))) {
            problems.push((format!("{own} is the reporting country itself"), "other countries".to_owned()));
        }
        if let Some(region) = used.iter().find(|code| part(code) == Some(Part::Group)) {
            problems.push((format!("{region} is a region, not a country"), "countries".to_owned()));
        }
        for (observed, expected) in problems {
            let cells: Vec<&CellKey> = sheet.cells.keys().collect();
            findings.extend(rules.finding(
                "R09",
                Said {
                    verdict: Verdict::Fail,
                    keys: cells.iter().take(1).map(|cell| sheet.name(cell)).collect(),
                    message: format!("{observed} in {}", sheet.key),
                    observed,
                    expected,
                    place: sheet.place(cells.into_iter().take(1)),
                },
            ));
        }
    }
    findings
}
