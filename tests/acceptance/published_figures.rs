//! The rules over every published figure of the eleven countries: they find the errors that were really published.

use std::fmt::Write;

use rondo_domain::finding::Verdict;
use rondo_rules::{Given, Scope};
use rondo_tests::{bundle, root};

#[test]
fn the_rules_find_what_was_really_published_wrong() {
    let bundle = bundle("ilms-asean");
    let questionnaire = rondo_questionnaire::read_questionnaire(&bundle).unwrap();
    let rules = rondo_rules::read_rules(&bundle).unwrap();
    let scope = Scope {
        questionnaire: &questionnaire,
        country: None,
        years: &[],
        tables: &[],
        recorded: &[],
        source: Given::Known(&[]),
    };
    let mut shown = String::new();
    let mut gaps = std::collections::BTreeMap::new();
    let (mut figures, mut undecided) = (0, 0);
    let mut files: Vec<_> =
        std::fs::read_dir(root().join("workflows/ilms-asean/demo/files")).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    for path in files.iter().filter(|path| !path.ends_with("lao-corrected.csv")) {
        let file = rondo_questionnaire::read_text(&std::fs::read(path).unwrap()).unwrap();
        let outcome = rules.check_rows(&file.rows, file.separator, &scope);
        assert!(!outcome.blocked, "{}", path.display());
        figures += outcome.sheets.iter().map(|sheet| sheet.cells.len()).sum::<usize>();
        for (_, finding) in &outcome.findings {
            if finding.verdict == Verdict::Undecided {
                undecided += 1;
                continue;
            }
            if ["R09", "R10"].contains(&finding.rule.as_str()) {
                *gaps.entry(finding.rule.clone()).or_insert(0) += 1;
                continue;
            }
            let first = finding.keys.first().map_or("", String::as_str);
            let repair =
                finding.repair.as_ref().map(|r| format!(" | {} → {} ({})", r.from, r.to, r.kind)).unwrap_or_default();
            let message: String = finding.message.chars().take(110).collect();
            writeln!(shown, "{} {first} | {message}{repair}", finding.rule).unwrap();
        }
    }
    assert_eq!(figures, 2320);
    writeln!(shown, "{figures} figures, {undecided} undecided, {gaps:?}").unwrap();
    insta::assert_snapshot!(shown);
}
