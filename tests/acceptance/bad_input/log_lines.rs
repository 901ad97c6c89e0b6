//! What a process that serves says on standard error: one form from the first line to the last, with the role of each, telling
//! the round without a figure, a name or an address.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::demo::program;

fn lines(args: &[&str], config: &str) -> (Option<i32>, Vec<Value>) {
    let folder = tempfile::tempdir().unwrap();
    let (data, path) = (folder.path().join("data").display().to_string(), folder.path().join("rondo.toml"));
    std::fs::write(&path, config).unwrap();
    let config = path.display().to_string();
    let all = [&["--data", &data, "--config", &config], args].concat();
    let done = Command::new(program()).args(all).stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8(done.stderr).unwrap();
    let read = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("not in the form of the log: {line}"));
    (done.status.code(), text.lines().map(read).collect())
}

#[test]
fn every_line_has_one_form_and_the_round_is_told() {
    let config = "[log]\nformat = \"json\"\nfilter = \"info\"\n";
    let (status, lines) = lines(&["up", "--demo", "--until-done", "--pace", "0"], config);
    assert_eq!(status, Some(0), "{:?}", lines.last());
    for line in &lines {
        for member in ["timestamp", "level", "role", "message"] {
            assert!(line[member].as_str().is_some_and(|text| !text.is_empty()), "{line} has no {member}");
        }
        let text = line.to_string();
        assert!(!text.contains('@'), "an address stands in {text}");
    }
    let said = |role: &str, message: &str| lines.iter().any(|line| line["role"] == role && line["message"] == message);
    for (role, message) in [
        ("ledger", "a command was recorded"),
        ("scheduler", "a step fired"),
        ("reminder", "a mail was sent"),
        ("publisher", "a release was published"),
    ] {
        assert!(said(role, message), "the {role} does not say that {message}");
    }
    let figures = std::fs::read_to_string(rondo_tests::root().join("workflows/ilms-asean/demo/files/phl.csv")).unwrap();
    let figure = figures.lines().filter_map(|row| row.split(',').nth(7)).find(|value| value.len() > 6).unwrap();
    assert!(lines.iter().all(|line| !line.to_string().contains(figure)), "the figure {figure} stands in the log");
}

#[test]
fn what_the_filter_holds_back_is_not_said() {
    for (filter, told) in [("error", false), ("warn", false), ("info", true)] {
        let config = format!("[log]\nformat = \"json\"\nfilter = \"{filter}\"\n");
        let (status, lines) = lines(&["up", "--demo", "--until-done", "--pace", "0"], &config);
        assert_eq!(status, Some(0), "{:?}", lines.last());
        let of_the_round = ["a command was recorded", "a step fired", "a mail was sent", "a release was published"];
        let said = lines.iter().filter(|line| of_the_round.iter().any(|word| line["message"] == *word)).count();
        assert_eq!(said > 0, told, "{filter}: {said} lines tell the round");
        assert!(lines.iter().any(|line| line["role"] == "up"), "{filter}: what the command itself says is always said");
    }
}

#[test]
fn a_start_that_is_refused_says_so_in_the_same_form() {
    let config = "[log]\nformat = \"json\"\n[gateway]\nlisten = \"0.0.0.0:80\"\n";
    let (status, lines) = lines(&["up"], config);
    assert_eq!(status, Some(2));
    let last = lines.last().unwrap();
    assert!(last["level"] == "ERROR" && last["role"] == "up", "{last}");
    assert!(last["message"].as_str().unwrap().contains("0.0.0.0:80"), "{last}");
}
