//! What a process that serves says on standard error: one form from the first line to the last, with the role of each, telling
//! the round without a figure, a name or an address.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::demo::program;
use rondo_testkit::process::Running;

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

/// What is answered on a path of the server that is announced in a folder, within the time of the test.
fn asked(data: &std::path::Path, path: &str) -> String {
    let announced: Value = serde_json::from_slice(&std::fs::read(data.join("server.json")).unwrap()).unwrap();
    let address = announced["url"].as_str().unwrap().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_reader_of_the_log_who_stands_still_holds_nothing_up_and_is_told_what_was_lost() {
    let folder = tempfile::tempdir().unwrap();
    let (data, page) = (folder.path().join("data"), folder.path().join("rondo.toml"));
    std::fs::write(&page, "[log]\nformat = \"json\"\nfilter = \"trace\"\n").unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = Command::new(program());
    // A whole round is played while nobody reads.
    command.arg("--config").arg(&page).arg("--data").arg(&data);
    command.args(["up", "--demo", "--pace", "0", "--listen", "127.0.0.1:0"]);
    let mut server = Running::start("rondo up", command.stdout(Stdio::null()).stderr(writer));
    drop(command);
    rondo_tests::await_server(&data);
    let lost = || {
        let numbers = asked(&data, "/metrics");
        let line = numbers.lines().find(|line| line.starts_with("rondo_log_lines_lost ")).expect("it is a number");
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    let mut tried = 0;
    while lost() < 100.0 {
        tried += 1;
        assert!(tried < 1_200, "no lines are lost");
        std::thread::sleep(Duration::from_millis(50));
    }
    rondo_tests::rondo(&data, &["person", "grant", "bo", "auditor"]);
    assert!(asked(&data, "/health").starts_with("HTTP/1.1 "), "it answers");
    let reads = std::thread::spawn(move || {
        let lines = BufReader::new(reader).lines().map(Result::unwrap);
        lines.map(|line| serde_json::from_str::<Value>(&line).expect(&line)).collect::<Vec<_>>()
    });
    assert!(Command::new("kill").args(["-TERM", &server.id().to_string()]).status().unwrap().success());
    assert!(server.wait(30).success());
    let lines = reads.join().unwrap();
    let told: u64 = lines.iter().filter_map(|line| line["lost"].as_u64()).sum();
    assert!(told >= 100, "it is said in the log how many were lost, and in its form: {told}");
    assert_eq!(lines.last().unwrap()["message"], "has ended", "and all that came after it is there");
}
