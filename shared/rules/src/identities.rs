//! Identities inside a sheet: sexes add up (R20), details add up (R21), no detail exceeds its total (R22), one slip (R26).

use rondo_domain::Code;
use rondo_domain::figure::{CellKey, Sex};
use rondo_domain::finding::{Finding, Verdict};
use rondo_domain::table::{Classification, Part, Questionnaire};
use rust_decimal::Decimal;

use crate::precision::{half_unit, tolerance};
use crate::repair;
use crate::settings::{Rules, Said};
use crate::sheet::{Sheet, cell};

/// One identity: a total is the sum of its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) rule: &'static str,
    pub(crate) total: CellKey,
    pub(crate) parts: Vec<CellKey>,
    /// Whether a part that should be there is missing, so that the sum may only be too small.
    pub(crate) incomplete: bool,
}

impl Identity {
    fn cells(&self) -> impl Iterator<Item = &CellKey> {
        std::iter::once(&self.total).chain(&self.parts)
    }

    /// Total and sum of the parts, where all are numbers.
    pub(crate) fn sides(&self, number: impl Fn(&CellKey) -> Option<Decimal>) -> Option<(Decimal, Decimal)> {
        let sum = self.parts.iter().map(&number).try_fold(Decimal::ZERO, |sum, part| sum.checked_add(part?))?;
        Some((number(&self.total)?, sum))
    }

    /// Whether it holds, or nothing when that cannot be told.
    pub(crate) fn holds(&self, half: Decimal, number: impl Fn(&CellKey) -> Option<Decimal>) -> Option<bool> {
        let (total, sum) = self.sides(number)?;
        let slack = tolerance(half, self.parts.len() + 1);
        if (total - sum).abs() <= slack {
            Some(true)
        } else if self.incomplete && sum < total {
            None
        } else {
            Some(false)
        }
    }
}

/// Checks a sheet by every rule that looks at nothing else.
pub(crate) fn check(rules: &Rules, sheet: &Sheet, questionnaire: &Questionnaire) -> Vec<Finding> {
    let additive = questionnaire.layouts.get(&sheet.key.indicator).is_none_or(|layout| layout.additive);
    if !additive {
        return Vec::new();
    }
    let half = half_unit(sheet);
    let number = |cell: &CellKey| sheet.number(cell);
    let identities = identities(sheet, questionnaire);
    let mut findings = Vec::new();
    let mut violated = Vec::new();
    for identity in &identities {
        match identity.holds(half, number) {
            Some(true) => {}
            Some(false) => {
                violated.push(identity);
                findings.extend(rules.finding(identity.rule, said(sheet, identity, half)));
            }
            None => findings.extend(rules.finding(identity.rule, undecided(sheet, identity))),
        }
    }
    findings.extend(larger_details(rules, sheet, &identities, half));
    for (repair, mended) in repair::propose(sheet, &identities, &violated, half) {
        for finding in &mut findings {
            let about = |identity: &&&Identity| finding.keys == keys(sheet, identity) && finding.rule == identity.rule;
            if mended.iter().any(|identity| about(&identity)) {
                finding.repair = Some(repair.clone());
            }
        }
        let message = format!(
            "one figure would make all {} identities true: {} instead of {} ({})",
            mended.len(),
            repair.to,
            repair.from,
            repair.kind
        );
        let said = Said {
            verdict: Verdict::Fail,
            keys: vec![repair.key.clone()],
            observed: repair.from.clone(),
            expected: repair.to.clone(),
            place: repair.key.parse().ok().and_then(|key: rondo_domain::figure::FigureKey| sheet.place([&key.cell])),
            message,
        };
        if let Some(mut finding) = rules.finding("R26", said) {
            finding.repair = Some(repair);
            findings.push(finding);
        }
    }
    findings
}

/// Every identity that the sheet's figures should fulfil, with only the parts that are there.
pub(crate) fn identities(sheet: &Sheet, questionnaire: &Questionnaire) -> Vec<Identity> {
    let mut all = Vec::new();
    for (c1, c2) in sheet.classes() {
        let at = |sex| cell(sex, c1.as_ref(), c2.as_ref());
        let parts = vec![at(Sex::Male), at(Sex::Female)];
        if parts.iter().chain([&at(Sex::Total)]).any(|cell| sheet.cells.contains_key(cell)) {
            all.push(Identity { rule: "R20", total: at(Sex::Total), parts, incomplete: false });
        }
    }
    for sex in [Sex::Total, Sex::Male, Sex::Female] {
        for dimension in [1, 2] {
            let Some(classification) = questionnaire.classification(&sheet.key.indicator, dimension) else { continue };
            all.extend(over_classes(sheet, sex, dimension, classification));
        }
    }
    all
}

fn over_classes(sheet: &Sheet, sex: Sex, dimension: u8, classification: &Classification) -> Vec<Identity> {
    let split = |cell: &CellKey| match dimension {
        1 => (cell.classif1.clone(), cell.classif2.clone()),
        _ => (cell.classif2.clone(), cell.classif1.clone()),
    };
    let join = |code: &Code, other: Option<&Code>| match dimension {
        1 => cell(sex, Some(code), other),
        _ => cell(sex, other, Some(code)),
    };
    let Some(total) = classification.total() else { return Vec::new() };
    let mut others: Vec<Option<Code>> =
        sheet.cells.keys().filter(|cell| cell.sex == sex).map(|cell| split(cell).1).collect();
    others.sort();
    others.dedup();
    let mut identities = Vec::new();
    for other in others {
        let present = |part: Part| {
            let (other, join) = (&other, &join);
            classification
                .items
                .values()
                .filter(move |item| item.part == part)
                .map(move |item| (join(&item.code, other.as_ref()), item.offered))
                .filter(|(cell, _)| sheet.cells.contains_key(cell))
        };
        // A region among the countries, or a class outside the default ones, leaves open what the details add up to.
        let grouped = present(Part::Group).next().is_some();
        let parts: Vec<CellKey> = present(Part::Detail).chain(present(Part::Rest)).map(|(cell, _)| cell).collect();
        if parts.is_empty() {
            continue;
        }
        let rest_missing = present(Part::Rest).next().is_none();
        let details = classification.items.values().filter(|item| item.part == Part::Detail && item.offered).count();
        let detail_missing = !classification.by_country && present(Part::Detail).count() < details;
        identities.push(Identity {
            rule: "R21",
            total: join(total, other.as_ref()),
            parts,
            incomplete: grouped || rest_missing || detail_missing,
        });
    }
    identities
}

fn keys(sheet: &Sheet, identity: &Identity) -> Vec<String> {
    identity.cells().map(|cell| sheet.name(cell)).collect()
}

fn said(sheet: &Sheet, identity: &Identity, half: Decimal) -> Said {
    let (total, sum) = identity.sides(|cell| sheet.number(cell)).unwrap_or_default();
    let what = if identity.rule == "R20" { "men and women" } else { "the details" };
    Said {
        verdict: Verdict::Fail,
        keys: keys(sheet, identity),
        observed: format!("{sum} against {total}"),
        expected: format!("equal within {}", tolerance(half, identity.parts.len() + 1).normalize()),
        message: format!("{what} add up to {sum}, but the total is {total} (difference {})", sum - total),
        place: sheet.place(identity.cells()),
    }
}

fn undecided(sheet: &Sheet, identity: &Identity) -> Said {
    let missing: Vec<String> =
        identity.cells().filter(|cell| sheet.number(cell).is_none()).map(|cell| sheet.name(cell)).collect();
    let missing = if missing.is_empty() { "a detail or \"other\"".to_owned() } else { missing.join(", ") };
    Said {
        verdict: Verdict::Undecided,
        keys: vec![sheet.name(&identity.total)],
        observed: format!("missing: {missing}"),
        expected: "every figure of the sum".to_owned(),
        message: format!(
            "whether the parts of {} add up cannot be told: {missing} is missing",
            sheet.name(&identity.total)
        ),
        place: sheet.place(identity.cells()),
    }
}

fn larger_details(rules: &Rules, sheet: &Sheet, identities: &[Identity], half: Decimal) -> Vec<Finding> {
    let mut findings = Vec::new();
    for identity in identities {
        let Some(total) = sheet.number(&identity.total) else { continue };
        for part in &identity.parts {
            let Some(value) = sheet.number(part) else { continue };
            if value - total <= tolerance(half, 2) {
                continue;
            }
            findings.extend(rules.finding(
                "R22",
                Said {
                    verdict: Verdict::Fail,
                    keys: vec![sheet.name(part), sheet.name(&identity.total)],
                    observed: format!("{value} against {total}"),
                    expected: "not larger than the total".to_owned(),
                    message: format!("{value} is larger than its total {total}"),
                    place: sheet.place([part, &identity.total]),
                },
            ));
        }
    }
    findings
}
