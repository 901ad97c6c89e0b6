//! Promise 18: every version reads all history. `tests/compatibility` holds a record of every event name and schema number
//! as it was stored; each is read, and what is read says the same as what was stored. A new event needs a file here, and a
//! changed one a new schema number, an upcaster and a second file beside the first, which stays.

use std::collections::BTreeSet;

use bytes::Bytes;
use rondo_domain::Wish;
use rondo_domain::round::RoundCommand;
use rondo_eventlog::codec;
use rondo_eventlog::wish::WishHash;
use rondo_tests::root;
use serde_json::Value;

/// Every event's name, as the domain writes them: the variants of its enums of events.
fn names() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders = vec![root().join("shared/domain/src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let mut inside = false;
            for line in text.lines() {
                if line.starts_with("pub enum ") && line.ends_with("Event {") && line != "pub enum Event {" {
                    inside = true;
                } else if line == "}" {
                    inside = false;
                } else if inside && line.starts_with("    ") && line[4..].starts_with(|c: char| c.is_ascii_uppercase())
                {
                    let name: String = line[4..].chars().take_while(char::is_ascii_alphanumeric).collect();
                    names.insert(name);
                }
            }
        }
    }
    names
}

#[test]
fn a_stored_record_of_every_event_is_read_as_it_was_written() {
    let (mut seen, mut stood_still) = (BTreeSet::new(), 0);
    for entry in std::fs::read_dir(root().join("tests/compatibility")).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = Bytes::from(std::fs::read(&path).unwrap());
        let record = codec::decode(&bytes).unwrap_or_else(|error| panic!("{file}: {error}"));
        // Behind name and schema a word may say what is said in it that others of the kind leave out.
        assert!(file.starts_with(&format!("{}.{}.", record.name, record.schema)), "{file}");
        assert_eq!(record.bytes, bytes, "{file}: the stored bytes are not touched");
        let stored: Value = serde_json::from_slice(&bytes).unwrap();
        let text = stored["event"].to_string();
        let lifted = rondo_eventlog::upcaster::lift(&record.name, record.schema, &text).unwrap();
        let lifted: Value = serde_json::from_str(&lifted).unwrap();
        assert_eq!(serde_json::to_value(&record.event).unwrap(), lifted, "{file} says the same");
        // What the clock showed stands beside the time in the log where that stood still.
        assert_eq!(serde_json::to_value(record.clock).unwrap(), stored["clock"], "{file}");
        stood_still += usize::from(record.clock.is_some());
        seen.insert(record.name);
    }
    assert!(stood_still > 0, "no stored record in tests/compatibility says what the clock showed");
    let names = names();
    assert!(names.len() > 50, "{names:?}");
    let missing: Vec<&String> = names.difference(&seen).collect();
    assert!(missing.is_empty(), "no stored record in tests/compatibility of {missing:?}");
    let unknown: Vec<&String> = seen.difference(&names).collect();
    assert!(unknown.is_empty(), "events that the domain no longer has: {unknown:?}");
}

#[test]
fn a_record_says_what_was_wished_by_a_hash_where_it_is_not_older_than_that() {
    let read = |file: &str| {
        let bytes = Bytes::from(std::fs::read(root().join("tests/compatibility").join(file)).unwrap());
        codec::decode(&bytes).unwrap()
    };
    assert_eq!(read("RoundLaunched.1.json").wish, None);
    // What is recorded is compared with what is reckoned now: a wish's JSON is as stable as an event's.
    let launch = Wish::Round { round: "ilms-asean-2025".parse().unwrap(), command: RoundCommand::Launch };
    assert_eq!(read("RoundLaunched.2.wished.json").wish, Some(WishHash::of(&launch).unwrap()));
}

#[test]
fn a_record_of_a_newer_program_is_refused_with_what_to_do() {
    let path = root().join("tests/compatibility/RoundLaunched.1.json");
    let text = std::fs::read_to_string(path).unwrap();
    let newer = text.replace("\"schema\":1", &format!("\"schema\":{}", rondo_eventlog::upcaster::CURRENT + 1));
    let refused = codec::decode(&Bytes::from(newer)).unwrap_err().to_string();
    assert!(refused.contains("RoundLaunched") && refused.contains("use a newer one"), "{refused}");
}
