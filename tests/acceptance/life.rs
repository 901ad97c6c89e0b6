//! A figure's life, asked by the command line and over HTTP: complete, as of any instant, back to the cell of the file.

use std::process::Command;

use rondo_tests::program;
use serde_json::Value;

const KEY: &str = "LAO/MNA_OEMP_SEX_CDS_NB/2023/SEX_F/CDS_DES_KOR";

fn played() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").display().to_string();
    let played = Command::new(program())
        .args(["up", "--demo", "--until-done", "--pace", "0", "--data", &data])
        .output()
        .unwrap();
    assert!(played.status.success());
    (folder, data)
}

fn ask(data: &str, args: &[&str]) -> Value {
    let done = Command::new(program()).args(["--data", data, "--output", "json"]).args(args).output().unwrap();
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap()
}

fn values(answer: &Value, list: &str) -> Vec<String> {
    answer[list].as_array().unwrap().iter().map(|entry| entry["is_text"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_value_is_told_with_who_why_whence_and_whither() {
    let (_folder, data) = played();
    let history = ask(&data, &["figure", "history", KEY]);
    assert_eq!(values(&history, "history"), ["1.702", "1.072"]);
    let [first, last] = &history["history"].as_array().unwrap()[..] else { panic!("two values") };
    let rules: Vec<&str> =
        first["findings"].as_array().unwrap().iter().map(|finding| finding["rule"].as_str().unwrap()).collect();
    assert_eq!(rules, ["R20", "R21", "R26"], "the rules that failed at the time");
    assert_eq!(first["releases"], serde_json::json!([]), "the wrong value was never published");
    assert_eq!(last["releases"], serde_json::json!(["ilms-asean-2025.1"]));
    assert_eq!((last["reason_code"].as_str(), last["actor"].as_str()), (Some("error-in-entry"), Some("lao-focal")));
    assert_eq!(last["file"], "lao-corrected.csv");
    assert_eq!(last["evidence"]["cell"], "row 5");
    assert_eq!(last["accepted"]["by"], "ilo-validator");
    assert_eq!(last["confirmed"]["by"], "lao-coordinator");
    let told = Command::new(program()).args(["--data", &data, "figure", "explain", KEY]).output().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    for words in [
        "is 1.072 since",
        "approved by ilo-manager",
        "cleared by ilo-publisher",
        "row 5 of lao-corrected.csv",
        "was 1.702 from",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
}

#[test]
fn a_rule_that_failed_on_a_figure_is_told_with_what_settled_it() {
    let (_folder, data) = played();
    let total = "LAO/MNA_OEMP_SEX_CDS_NB/2023/SEX_F/CDS_DES_TOTAL";
    let history = ask(&data, &["figure", "history", total]);
    let [only] = &history["history"].as_array().unwrap()[..] else { panic!("one value: {history}") };
    let settled = &only["findings"][0]["settled"];
    assert_eq!(settled[0].as_str().map(|submission| &submission[..4]), Some("lao-"), "{only}");
    assert_eq!(settled[1]["by"], "validator", "{only}");
    let told = Command::new(program()).args(["--data", &data, "figure", "explain", total]).output().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains("Settled by the submission lao-"), "{told}");
    let before = ask(&data, &["figure", "show", total, "--as-of", "2025-11-04"]);
    assert_eq!(before["figures"][0]["findings"][0]["settled"], Value::Null, "it was not known then");
}

#[test]
fn what_was_known_and_what_the_public_saw_at_an_instant() {
    let (_folder, data) = played();
    let shown = |args: &[&str]| values(&ask(&data, &[&["figure", "show", KEY], args].concat()), "figures");
    let none: [&str; 0] = [];
    assert_eq!(shown(&[]), ["1.072"]);
    assert_eq!(shown(&["--as-of", "2025-10-01T00:00Z"]), none, "before its first value");
    assert_eq!(shown(&["--as-of", "2025-10-24T08:30:00Z"]), ["1.702"]);
    assert_eq!(shown(&["--as-of", "2025-11-05T02:49:59Z"]), ["1.702"], "a second before the correction");
    assert_eq!(shown(&["--as-of", "2025-11-05T02:50:00Z"]), ["1.072"]);
    assert_eq!(shown(&["--published", "--as-of", "2026-01-30T08:59:59Z"]), none, "a second before the release");
    assert_eq!(shown(&["--published", "--as-of", "2026-01-30T09:00:00Z"]), ["1.072"]);
    assert_eq!(shown(&["--published"]), ["1.072"]);
}

#[test]
fn the_ready_questions_of_an_auditor_are_answered() {
    let (_folder, data) = played();
    let found = |args: &[&str]| {
        let answer = ask(&data, &[&["audit", "search"], args].concat());
        answer["records"].as_array().unwrap().clone()
    };
    let extensions = found(&["--question", "extensions"]);
    assert_eq!((extensions.len(), extensions[0]["actor"].as_str()), (1, Some("ilo-coordinator")));
    assert!(extensions[0].to_string().contains("the survey's file is late"), "{}", extensions[0]);
    let admitted = found(&["--country", "TLS", "--event", "CountryAdmitted", "--reason", "eleventh member"]);
    assert_eq!((admitted.len(), admitted[0]["actor"].as_str()), (1, Some("ilo-coordinator")));
    let allowances = found(&["--question", "allowances"]);
    assert!(!allowances.is_empty());
    let standing = found(&["--question", "published-on-allowance"]);
    assert!(!standing.is_empty());
    for entry in &standing {
        assert!(allowances.iter().any(|allowance| allowance["position"] == entry["position"]), "{entry}");
        let figure = entry["figure"].as_str().unwrap();
        let told = ask(&data, &["figure", "explain", figure, "--published"]);
        let last = told["values"].as_array().unwrap().last().unwrap();
        let rule = &last["allowances"].as_array().unwrap().iter().find(|allowance| allowance["rule"] == entry["rule"]);
        assert_eq!(rule.unwrap()["act"]["position"], entry["position"], "{figure}: the figure's life says the same");
        assert_eq!(last["releases"][0]["release"], entry["release"]);
    }
    assert!(found(&["--question", "same-person"]).is_empty(), "the domain refuses it");
    let by_another = found(&["--question", "last-by-another"]);
    assert!(by_another.is_empty(), "but for what was published before this log began: {by_another:?}");
    assert!(!found(&["--reason", "published-earlier"]).is_empty());
    let changes = found(&["--person", "lao-focal", "--event", "FiguresRecorded", "--reason", "transposed"]);
    assert_eq!(changes.len(), 1);
    assert!(changes[0]["what"].as_str().unwrap().contains("1.702 became 1.072"), "{}", changes[0]["what"]);
    let table = found(&["--country", "LAO", "--table", "17", "--event", "TablesAccepted"]);
    assert_eq!(table.len(), 1);
    for unknown in [["--person", "nobody-at-all"], ["--event", "FigureRecorded"]] {
        let args = [&["--data", &data, "audit", "search"][..], &unknown].concat();
        let missing = Command::new(program()).args(args).output().unwrap();
        assert_eq!(missing.status.code(), Some(5), "a slip is no clean answer: {unknown:?}");
    }
    let before = found(&["--country", "LAO", "--until", "2025-09-15T01:59:59Z"]).len();
    let all = found(&["--country", "LAO"]).len();
    assert!(before < all, "{before} of {all}");
}

/// The rows of a list of figures: key with source, and value.
fn figures(data: &str, args: &[&str]) -> Vec<(String, String)> {
    let answer = ask(data, &[&["round", "figures", "ilms-asean-2025"], args].concat());
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap().to_owned();
    answer["figures"].as_array().unwrap().iter().map(|entry| (text(entry, "key"), text(entry, "is_text"))).collect()
}

#[test]
fn the_figures_of_a_round_are_told_as_they_were_known_and_as_the_public_saw_them() {
    let (_folder, data) = played();
    let seen = figures(&data, &["--published", "--as-of", "2026-01-30T09:00:00Z"]);
    let file = format!("{data}/releases/ilms-asean-2025.1/figures.csv");
    let released = std::fs::read_to_string(file).unwrap();
    assert_eq!(seen.len(), released.lines().count() - 1, "as many as the release has");
    for (key, is) in &seen {
        let (key, source) = key.split_once('@').unwrap();
        let parts: Vec<&str> = key.split('/').collect();
        let part = |n: usize| parts.get(n).copied().unwrap_or_default();
        let row = format!("{},{source},{},{},{},{},{},", part(0), part(1), part(3), part(4), part(5), part(2));
        let line = released.lines().find(|line| line.starts_with(&row)).unwrap_or_else(|| panic!("{row} is released"));
        let [value, status] = line[row.len()..].splitn(3, ',').take(2).collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let told = match (value, status) {
            (value, "") => value.to_owned(),
            ("", status) => format!("[{status}]"),
            (value, status) => format!("{value} [{status}]"),
        };
        assert_eq!(*is, told, "{line}");
    }
    assert!(figures(&data, &["--published", "--as-of", "2026-01-30T08:59:59Z"]).is_empty(), "a second before");
    assert!(figures(&data, &["--as-of", "2025-09-01T00:00:00Z"]).is_empty(), "before the first figure");
    let known = |at: &str| {
        let all = figures(&data, &["--country", "LAO", "--as-of", at]);
        let found = all.into_iter().find(|(key, _)| key.contains("/2023/SEX_F/CDS_DES_KOR@"));
        found.unwrap().1
    };
    assert_eq!((known("2025-11-05T02:49:59Z"), known("2025-11-05T02:50:00Z")), ("1.702".into(), "1.072".into()));
}

#[test]
fn a_demonstration_that_is_played_again_adds_nothing() {
    let (_folder, data) = played();
    let state = || ask(&data, &["audit", "state"]);
    let before = state();
    let mut command = Command::new(program());
    command.args(["--data", &data, "up", "--demo", "--until-done", "--pace", "0"]);
    assert!(command.output().unwrap().status.success());
    assert_eq!(state(), before);
}
