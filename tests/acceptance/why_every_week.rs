//! `participation why` asked for every country in every week of the demonstration's round, and held against what the records of
//! the log say when they are read as plain JSON, by other means than the program's.

use crate::demo;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// The records of the demonstration's log, in order.
fn records() -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("export");
    let data = demo::played();
    let made =
        Command::new(demo::program()).args(["audit", "export", "--data"]).arg(data).arg("--out").arg(&out).output();
    let made = made.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut tiles: Vec<_> = walk(&out.join("tile/entries"));
    tiles.sort();
    let mut records = Vec::new();
    for tile in tiles {
        let bytes = std::fs::read(tile).unwrap();
        let mut rest = &bytes[..];
        // C2SP tlog-tiles: every entry stands after its length in two bytes, big-endian.
        while let [high, low, tail @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            records.push(serde_json::from_slice::<Value>(&tail[..length]).unwrap());
            rest = &tail[length..];
        }
    }
    records
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files
}

/// A country's part as the records up to an instant tell it.
#[derive(Debug, Default)]
struct Part {
    deadline: Option<Timestamp>,
    launched: bool,
    closed: bool,
    invited: bool,
    bounced: BTreeSet<String>,
    owed: BTreeSet<u64>,
    /// The tables that are in, and whether they are accepted.
    tables: BTreeMap<u64, bool>,
    unread: BTreeSet<String>,
    /// Questions: whether they are answered.
    questions: BTreeMap<String, bool>,
    confirmed: bool,
    ended: bool,
    published: bool,
    declared_all: bool,
}

fn numbers(value: &Value) -> Vec<u64> {
    value.as_array().map(|all| all.iter().filter_map(Value::as_u64).collect()).unwrap_or_default()
}

impl Part {
    fn of(records: &[Value], country: &str, until: Timestamp) -> Self {
        let mut part = Self::default();
        for record in records {
            let at: Timestamp = record["recorded_at"].as_str().unwrap().parse().unwrap();
            if at > until {
                continue;
            }
            let (name, data) = (record["event"]["name"].as_str().unwrap(), &record["event"]["data"]);
            match record["stream"].as_str().unwrap() {
                stream if stream.starts_with("round/") => part.round(name, data, country),
                stream if stream == format!("participation/ilms-asean-2025/{country}") => part.own(name, data),
                _ => {}
            }
        }
        part
    }

    fn round(&mut self, name: &str, data: &Value, country: &str) {
        match name {
            "RoundConfigured" => {
                let all = data["plan"]["participants"].as_array().unwrap();
                let mine = all.iter().find(|participant| participant["country"] == country);
                self.deadline = mine.map(|mine| mine["deadline"]["at"].as_str().unwrap().parse().unwrap());
            }
            "CountryAdmitted" if data["participant"]["country"] == country => {
                self.deadline = Some(data["participant"]["deadline"]["at"].as_str().unwrap().parse().unwrap());
            }
            "DeadlineExtended" if data["country"] == country => {
                self.deadline = Some(data["is"]["at"].as_str().unwrap().parse().unwrap());
            }
            "RoundLaunched" => self.launched = true,
            "RoundClosed" => self.closed = true,
            _ => {}
        }
    }

    fn own(&mut self, name: &str, data: &Value) {
        let text = |key: &str| data[key].as_str().unwrap_or_default().to_owned();
        match name {
            "ParticipationExpected" => self.owed = numbers(&data["tables"]).into_iter().collect(),
            "CountryInvited" => self.invited = true,
            "ContactBounced" => self.bounced.extend([text("person")]),
            "ContactReached" => drop(self.bounced.remove(&text("person"))),
            "ContactReplaced" if data["keeps"].is_null() => drop(self.bounced.remove(&text("was"))),
            "SubmissionReceived" => self.unread.extend([text("submission")]),
            "SubmissionRejected" => drop(self.unread.remove(&text("submission"))),
            "SubmissionChecked" => {
                self.unread.remove(&text("submission"));
                for table in data["tables"].as_array().unwrap() {
                    self.tables.insert(table["table"].as_u64().unwrap(), false);
                }
            }
            "TablesDeclared" => {
                // What was sent stays sent: a declaration speaks of what a country does not have.
                let declared: Vec<u64> =
                    numbers(&data["tables"]).into_iter().filter(|table| !self.tables.contains_key(table)).collect();
                self.declared_all = self.owed.iter().all(|table| declared.contains(table));
                self.tables.extend(declared.into_iter().map(|table| (table, true)));
            }
            "TablesAccepted" => self.tables.extend(numbers(&data["tables"]).into_iter().map(|table| (table, true))),
            "QueryOpened" => drop(self.questions.insert(text("query"), false)),
            "QueryAnswered" => drop(self.questions.insert(text("query"), true)),
            "QueryAccepted" | "AllowanceGranted" => drop(self.questions.remove(&text("query"))),
            "CountryConfirmed" => self.confirmed = true,
            "ParticipationClosed" | "ParticipationDeclined" => self.ended = true,
            "ParticipationPublished" => self.published = true,
            _ => {}
        }
    }

    /// What is the right answer, and what has to stand with it.
    fn because(&self, now: Timestamp) -> Value {
        let missing: Vec<u64> = self.owed.iter().filter(|table| !self.tables.contains_key(table)).copied().collect();
        let late = now.duration_since(self.deadline.unwrap()).as_hours();
        let waiting = |answered: bool| self.questions.values().filter(|is| **is == answered).count();
        if self.published {
            json!({"because": "published"})
        } else if !self.launched {
            json!({"because": "not-launched"})
        } else if self.ended || (self.closed && !missing.is_empty()) {
            json!({"because": "no-answer"})
        } else if !self.unread.is_empty() {
            json!({"because": "being-read"})
        } else if !missing.is_empty() && !self.bounced.is_empty() {
            json!({"because": "contact-lost"})
        } else if !missing.is_empty() && late >= 0 {
            json!({"because": "overdue", "tables": missing, "days": late / 24})
        } else if !missing.is_empty() && self.invited {
            json!({"because": "owes-tables", "tables": missing})
        } else if !missing.is_empty() || self.owed.is_empty() {
            json!({"because": "not-invited"})
        } else if waiting(false) > 0 {
            json!({"because": "questions-open", "questions": waiting(false)})
        } else if waiting(true) > 0 {
            json!({"because": "answers-to-decide", "answers": waiting(true)})
        } else if self.tables.values().any(|accepted| !accepted) {
            json!({"because": ["to-be-asked", "to-be-accepted"]})
        } else if self.declared_all {
            json!({"because": "nil-return"})
        } else if self.confirmed {
            json!({"because": "awaits-release"})
        } else if self.closed {
            json!({"because": "to-be-confirmed"})
        } else {
            json!({"because": "accepted"})
        }
    }
}

fn asked(country: &str, at: Timestamp) -> Value {
    let data = demo::played();
    let output = Command::new(demo::program())
        .args([
            "participation",
            "why",
            "ilms-asean-2025",
            country,
            "--as-of",
            &at.to_string(),
            "--output",
            "json",
            "--data",
        ])
        .arg(data)
        .output()
        .unwrap();
    assert!(output.status.success(), "{country} {at}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_answer_is_right_for_every_country_in_every_week() {
    let records = records();
    let countries = ["BRN", "IDN", "KHM", "LAO", "MMR", "MYS", "PHL", "SGP", "THA", "VNM"];
    let all: BTreeSet<&str> = records
        .iter()
        .filter_map(|record| record["stream"].as_str()?.strip_prefix("participation/ilms-asean-2025/"))
        .collect();
    assert!(countries.iter().all(|country| all.contains(country)), "{all:?}");
    let (mut asked_for, mut answers) = (0, BTreeMap::<String, usize>::new());
    let mut week: Timestamp = "2025-09-08T02:00:00Z".parse().unwrap();
    let end: Timestamp = "2026-02-09T02:00:00Z".parse().unwrap();
    while week < end {
        for country in &all {
            let part = Part::of(&records, country, week);
            if part.deadline.is_none() {
                continue;
            }
            let (expected, answer) = (part.because(week), asked(country, week));
            let word = answer["because"].as_str().unwrap().to_owned();
            let right = match &expected["because"] {
                Value::Array(words) => words.contains(&answer["because"]),
                one => *one == answer["because"],
            };
            assert!(right, "{country} {week}: {answer:#}\nexpected {expected}\n{part:?}");
            for detail in ["tables", "days", "questions", "answers"] {
                let meant = expected.get(detail);
                assert!(meant.is_none_or(|meant| *meant == answer[detail]), "{country} {week}: {answer:#}\n{expected}");
            }
            let sentence = answer["sentence"].as_str().unwrap();
            assert!(sentence.ends_with('.') && sentence.len() > 20, "{country} {week}: {sentence}");
            asked_for += 1;
            *answers.entry(word).or_default() += 1;
        }
        week += SignedDuration::from_hours(7 * 24);
    }
    println!("{asked_for} answers: {answers:?}");
    assert!(asked_for >= 22 * 10 && answers.len() >= 8, "{asked_for}: {answers:?}");
}
