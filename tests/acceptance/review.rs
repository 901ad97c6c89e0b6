//! The review of the demonstration's round: its numbers are those that can be counted in the log by other means.

use crate::demo;
use std::process::Command;

use serde_json::Value;

fn asked(args: &[&str]) -> Value {
    let output = Command::new(demo::program()).args(args).arg("--data").arg(demo::played()).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

const ROUND: &str = "ilms-asean-2025";

#[test]
fn the_pack_says_what_can_be_counted_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("review");
    let review = &asked(&["round", "review", ROUND, "--output", "json"])["review"];
    let countries = review["countries"].as_array().unwrap();
    let shown = asked(&["round", "show", ROUND, "--output", "json"]);
    let parts = shown["participations"].as_array().unwrap();
    assert_eq!(countries.len(), parts.len());
    let answered = parts.iter().filter(|part| part["tables_received"] != 0 || part["tables_declared"] != 0).count();
    assert_eq!(countries.iter().filter(|country| country["answered"] == true).count(), answered);
    assert_eq!(answered, 10, "Myanmar gave no answer");
    // Figures: as `round figures` lists them.
    let figures = asked(&["round", "figures", ROUND, "--country", "LAO", "--output", "json"]);
    let figures = figures["figures"].as_array().unwrap();
    let lao = countries.iter().find(|country| country["country"] == "LAO").unwrap();
    for (sex, field) in [("SEX_T", "total"), ("SEX_M", "men"), ("SEX_F", "women")] {
        let of = |figure: &&Value| {
            figure["key"].as_str().unwrap().contains(&format!("/{sex}")) && !figure["is"]["value"].is_null()
        };
        assert_eq!(figures.iter().filter(of).count() as u64, lao["tables"][0][field].as_u64().unwrap(), "{sex}");
    }
    assert_eq!(lao["tables"][0]["expected_each"], 21, "seven rows for each of three years");
    assert_eq!((lao["revised"].as_u64(), lao["punctuality_days"].as_i64()), (Some(1), Some(-7)));
    // The transposed digits: 1.702 became 1.072.
    assert_eq!(lao["revised_median_percent"].as_f64(), Some(37.0));
    // Mail: as `reminder list` has it.
    let mails = asked(&["reminder", "list", "--round", ROUND, "--output", "json"]);
    let mails = mails["reminders"].as_array().unwrap();
    for counted in review["mails"].as_array().unwrap() {
        let sent = mails.iter().filter(|mail| mail["kind"] == counted["kind"] && mail["state"] == "sent").count();
        assert_eq!(counted["sent"].as_u64(), Some(sent as u64), "{counted}");
    }
    let queries = asked(&["query", "list", ROUND, "--output", "json"]);
    let put: u64 = countries.iter().map(|country| country["questions"].as_u64().unwrap()).sum();
    assert_eq!(put, queries["queries"].as_array().unwrap().len() as u64);
    let wrote = Command::new(demo::program())
        .args(["round", "review", ROUND, "--out"])
        .arg(&out)
        .arg("--data")
        .arg(demo::played())
        .status()
        .unwrap();
    assert!(wrote.success());
    let page = std::fs::read_to_string(out.join("review.html")).unwrap();
    assert_eq!(page.matches("<section class=\"page\">").count(), countries.len(), "one page a country");
    assert!(!page.contains("http"), "the page needs nothing else");
    let rows = std::fs::read_to_string(out.join("countries.csv")).unwrap();
    assert_eq!(rows.lines().count(), countries.len() + 1);
}
