//! Rules between tables of one country: totals of the same concept agree (R40).

use std::collections::{BTreeMap, BTreeSet};

use rondo_domain::figure::{CellKey, Sex};
use rondo_domain::finding::{Finding, Verdict};
use rondo_domain::table::{Questionnaire, TableNo};
use rondo_domain::{Country, Source, Year};
use rust_decimal::Decimal;

use crate::precision::{half_unit, tolerance};
use crate::settings::{Rules, Said};
use crate::sheet::Sheet;

/// Checks sheets of the same country, year and source against each other, where one is of these tables; the finding
/// belongs to the first such table.
pub(crate) fn check(
    rules: &Rules,
    sheets: &[Sheet],
    about: &BTreeSet<TableNo>,
    questionnaire: &Questionnaire,
) -> Vec<(Option<TableNo>, Finding)> {
    let mut findings = Vec::new();
    for tables in &rules.same_totals {
        let mut together: BTreeMap<(&Country, Year, &Source), Vec<&Sheet>> = BTreeMap::new();
        for sheet in sheets.iter().filter(|sheet| tables.contains(&sheet.table)) {
            together.entry((&sheet.key.country, sheet.key.year, &sheet.key.source)).or_default().push(sheet);
        }
        for sheets in together.values().filter(|sheets| sheets.len() > 1) {
            let Some(table) = sheets.iter().map(|sheet| sheet.table).find(|table| about.contains(table)) else {
                continue;
            };
            for sex in [Sex::Total, Sex::Male, Sex::Female] {
                findings.extend(compare(rules, sheets, sex, questionnaire).map(|finding| (Some(table), finding)));
            }
        }
    }
    findings
}

/// The grand total of a sheet for one sex.
fn total<'s>(sheet: &'s Sheet, sex: Sex, questionnaire: &Questionnaire) -> Option<(&'s CellKey, Decimal)> {
    let whole = |dimension| {
        questionnaire.classification(&sheet.key.indicator, dimension).and_then(|classification| classification.total())
    };
    let (c1, c2) = (whole(1), whole(2));
    let (cell, reported) = sheet
        .cells
        .iter()
        .find(|(cell, _)| cell.sex == sex && cell.classif1.as_ref() == c1 && cell.classif2.as_ref() == c2)?;
    Some((cell, reported.value.value?))
}

fn compare(rules: &Rules, sheets: &[&Sheet], sex: Sex, questionnaire: &Questionnaire) -> Option<Finding> {
    let totals: Vec<(&Sheet, &CellKey, Decimal)> = sheets
        .iter()
        .filter_map(|sheet| total(sheet, sex, questionnaire).map(|(cell, value)| (*sheet, cell, value)))
        .collect();
    let (first, rest) = totals.split_first()?;
    let half = totals.iter().map(|(sheet, ..)| half_unit(sheet)).max()?;
    let apart: Vec<_> = rest.iter().filter(|(_, _, value)| (value - first.2).abs() > tolerance(half, 2)).collect();
    if apart.is_empty() {
        return None;
    }
    let shown = |(sheet, _, value): &(&Sheet, &CellKey, Decimal)| format!("table {} has {value}", sheet.table);
    rules.finding(
        "R40",
        Said {
            verdict: Verdict::Fail,
            keys: std::iter::once(first)
                .chain(apart.iter().copied())
                .map(|(sheet, cell, _)| sheet.name(cell))
                .collect(),
            observed: totals.iter().map(shown).collect::<Vec<_>>().join(", "),
            expected: "the same total in every table of one concept".to_owned(),
            message: format!(
                "totals of the same concept, year and source differ: {}",
                totals.iter().map(shown).collect::<Vec<_>>().join(", ")
            ),
            place: first.0.place([first.1]),
        },
    )
}
