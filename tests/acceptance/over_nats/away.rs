//! While the ledger is away or stands still, whoever asks by the gateway is told that, and nobody that there is no log.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use rondo_tests::{await_server, refused, rondo, run};
use serde_json::Value;

use crate::six::Round;

/// What is answered on a path of the server that is announced in a folder.
fn asked(data: &Path, path: &str) -> String {
    let announced: Value = serde_json::from_slice(&std::fs::read(data.join("server.json")).unwrap()).unwrap();
    let address = announced["url"].as_str().unwrap().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

fn is_said_to_be_away(data: &Path) {
    for verb in [&["person", "grant", "bo", "validator"][..], &["round", "list"]] {
        let done = run(data, verb);
        let told = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(75), "{verb:?}: {told}");
        assert!(told.contains("the ledger cannot be reached") && !told.contains("no log"), "{verb:?}: {told}");
    }
    let health: Value = serde_json::from_str(&asked(data, "/health")).unwrap();
    assert_eq!((&health["status"], &health["alarms"][0]["code"]), (&"unavailable".into(), &"ledger-away".into()));
    assert!(health["roles"]["scheduler"]["position"].is_u64() && health["why"].is_string(), "{health}");
    assert!(asked(data, "/metrics").contains("rondo_alarm{code=\"ledger-away\"} 1"));
    let page = asked(data, "/rounds/technical-meeting-2027");
    assert!(page.contains("The ledger does not answer, so that nothing is recorded."), "{page}");
}

#[test]
fn a_ledger_that_is_away_or_stands_still_is_told_by_every_verb_and_by_health() {
    let mut round = Round::of(&["ledger", "scheduler", "gateway"]);
    round.answers();
    let data = round.data("gateway");
    await_server(&data);
    rondo(&data, &["person", "grant", "anna", "validator"]);
    rondo(&data, &["person", "grant", "me", "regional-coordinator"]);
    rondo(&data, &["round", "plan", "technical-meeting", "--year", "2027", "--late", "--as", "me"]);
    let health = || serde_json::from_str::<Value>(&asked(&data, "/health")).unwrap();
    for _ in 0..200 {
        if health()["roles"]["scheduler"]["position"].is_u64() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    round.signal("ledger", "-STOP");
    is_said_to_be_away(&data);
    round.signal("ledger", "-CONT");
    round.answers();
    rondo(&data, &["round", "list"]);
    assert!(!asked(&data, "/metrics").contains("rondo_alarm{code=\"ledger-away\"} 1"));
    round.signal("ledger", "-TERM");
    assert!(round.ended("ledger", 30).success());
    is_said_to_be_away(&data);
    // In the directory itself there is none, and no other one is advised.
    refused(&data, &["audit", "verify"], 5, "the ledger's directory");
    assert!(!data.join("log.json").exists());
    // A gateway that was stopped leaves a mark, beside which nobody makes another log.
    round.signal("gateway", "-TERM");
    assert!(round.ended("gateway", 30).success() && !data.join("server.json").exists());
    refused(&data, &["person", "grant", "ghost", "validator"], 75, "the gateway is stopped");
    // The lines of the run book for root name its token, which goes with it.
    let token = data.join("server.json").display().to_string();
    let by_root =
        ["--server", "http://127.0.0.1:9", "--token-file", &token, "person", "erase", "bo", "--reason", "asked"];
    refused(round.data("reminder"), &by_root, 75, "the server is stopped");
    refused(&data, &["up", "--listen", "127.0.0.1:0"], 6, "of six services, and no log was made in it");
    assert!(!data.join("log.json").exists());
}
