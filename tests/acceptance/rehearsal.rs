//! A rehearsal plays the round as it would be, with the same engine, says the same each time, and leaves nothing behind.

use crate::demo;
use std::path::Path;
use std::process::{Command, Output};

use rondo_tests::program;
use serde_json::Value;

const ANSWERS: &str = r#"
usual = "-3 working days"
[country]
MMR = "never"
VNM = "+10 working days"
KHM = "-1 working day, with findings"
SGP = "-4 working days, refused first"
"#;

fn rehearse(folder: &Path, args: &[&str]) -> Output {
    let data = folder.join("data").display().to_string();
    let args = [&["--data", &data, "rehearse"], args].concat();
    Command::new(program()).args(args).output().unwrap()
}

/// What happens in a rehearsal of 2026, with these answers.
fn played(folder: &Path, answers: &str) -> Vec<Value> {
    let file = folder.join("answers.toml");
    std::fs::write(&file, answers).unwrap();
    let args = ["ilms-asean", "--year", "2026", "--output", "json", "--answers", &file.display().to_string()];
    let (first, again) = (rehearse(folder, &args), rehearse(folder, &args));
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    assert_eq!(first.stdout, again.stdout, "the same input gives the same output, byte for byte");
    assert!(!folder.join("data").exists(), "nothing is stored");
    let told: Value = serde_json::from_slice(&first.stdout).unwrap();
    assert_eq!((told["workflow"].as_str(), told["year"].as_i64()), (Some("ilms-asean"), Some(2026)));
    let events = told["events"].as_array().unwrap().clone();
    let counted: u64 = told["totals"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    assert_eq!(counted, events.len() as u64);
    events
}

fn of<'e>(events: &'e [Value], country: &str, kind: &str) -> Vec<&'e str> {
    let theirs = events.iter().filter(|event| event["country"] == country && event["kind"] == kind);
    theirs.map(|event| event["what"].as_str().unwrap()).collect()
}

#[test]
fn each_country_hears_what_its_answers_make_due() {
    let folder = tempfile::tempdir().unwrap();
    let events = played(folder.path(), ANSWERS);
    let mails = |country: &str, text: &str| of(&events, country, "mail").iter().filter(|m| m.starts_with(text)).count();
    assert_eq!(
        (mails("LAO", "reminder-before"), mails("LAO", "reminder-on-day"), mails("LAO", "reminder-after")),
        (2, 0, 0)
    );
    assert_eq!(
        (mails("VNM", "reminder-before"), mails("VNM", "reminder-on-day"), mails("VNM", "reminder-after")),
        (2, 1, 5)
    );
    assert_eq!(
        (mails("MMR", "reminder-after"), mails("MMR", "letter-to-head"), mails("MMR", "acknowledgement")),
        (9, 2, 0)
    );
    assert_eq!(of(&events, "MMR", "task").len(), 2, "the letter is approved, and somebody calls");
    assert_eq!(of(&events, "MMR", "answer"), [""; 0]);
    assert_eq!(of(&events, "LAO", "answer"), ["its file comes", "its tables are accepted", "it confirms its tables"]);
    assert_eq!((mails("LAO", "published"), mails("LAO", "confirmation")), (2, 1));
    assert_eq!(
        of(&events, "KHM", "answer")[..4],
        ["its file comes", "it is asked about a failed rule", "it explains", "its explanation is accepted"]
    );
    assert_eq!((mails("KHM", "query"), mails("LAO", "query")), (1, 0));
    assert_eq!(
        of(&events, "SGP", "answer")[..4],
        ["its file comes", "its file is not taken", "its file comes", "its tables are accepted"]
    );
    assert_eq!((mails("SGP", "findings-ready"), mails("LAO", "findings-ready")), (1, 0));
    assert_eq!(mails("SGP", "reminder-before"), 2, "a file that is not taken is none");
    let what: Vec<&str> =
        events.iter().filter(|event| event["kind"] == "release").filter_map(|event| event["what"].as_str()).collect();
    assert_eq!(
        what,
        ["the release is put together", "the release is approved", "the release is cleared", "the release is out"]
    );
    assert!(events.iter().all(|event| event["kind"] != "refused"), "nobody tries what cannot be done");
    for reminder in events.iter().filter(|event| event["what"].as_str().unwrap().starts_with("reminder-")) {
        let local = reminder["local"].as_str().unwrap();
        let day = local[..10].parse::<jiff::civil::Date>().unwrap().strftime("%a").to_string();
        let rest = if reminder["country"] == "BRN" { ["Fri", "Sun"] } else { ["Sat", "Sun"] };
        // Two minutes are waited, so that what else is due to a person goes in the same mail.
        assert!(local[11..].starts_with("09:02:00+") && !rest.contains(&day.as_str()), "{reminder}");
    }
    for event in &events {
        assert!(!event["why"].as_str().unwrap().is_empty(), "everything has its reason: {event}");
        // ISO 8601 with its offset: the same instant, on the clock of the zone.
        let local: jiff::Timestamp = event["local"].as_str().unwrap().parse().unwrap();
        assert_eq!(local, event["at"].as_str().unwrap().parse().unwrap(), "{event}");
    }
    let answered = played(folder.path(), &ANSWERS.replace("\"never\"", "\"+1 working day\""));
    let late = of(&answered, "MMR", "mail");
    let burmese =
        |mail: &&str| mail.starts_with("reminder-on-day to the focal-point, in ") && mail.ends_with("English beneath");
    assert!(late.iter().any(burmese), "{late:?}");
    assert!(
        !late.iter().any(|mail| mail.starts_with("reminder-after")),
        "whoever has answered is left in peace: {late:?}"
    );
}

#[test]
fn what_cannot_be_rehearsed_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answers.toml");
    let path = file.display().to_string();
    let refused = |answers: &str, args: &[&str], status: i32, words: &[&str]| {
        std::fs::write(&file, answers).unwrap();
        let done = rehearse(folder.path(), args);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(status), "{args:?}: {said}");
        words.iter().for_each(|word| assert!(said.contains(word), "{args:?} does not say `{word}`: {said}"));
    };
    let with = ["ilms-asean", "--year", "2026", "--answers", &path];
    refused("[country]\nMMR = \"later\"\n", &with, 2, &["answers.toml", "2", "`later` is no answer"]);
    refused("[country]\nCHE = \"never\"\n", &with, 2, &["CHE has an answer and does not take part"]);
    refused("usualy = \"never\"\n", &with, 2, &["usualy"]);
    refused("", &["ilms-asian", "--year", "2026"], 5, &["ilms-asian"]);
    refused("", &["ilms-asean", "--year", "2031"], 2, &["2031"]);
    refused("", &["ilms-asean", "--year", "2026", "--answers", "/no/such"], 2, &["/no/such"]);
}

/// What a rehearsal in the demonstration's log prints as JSON.
fn of_log(args: &[&str]) -> Value {
    let mut command = Command::new(demo::program());
    command
        .args(["rehearse", "--round", "ilms-asean-2025", "--output", "json"])
        .args(args)
        .arg("--data")
        .arg(demo::played());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{args:?}: {said}");
    // The round has a mail that came back to somebody who was replaced since, and more that a service that begins anew knows already.
    assert!(!said.contains("ERROR") && !said.contains("WARN"), "{args:?}: {said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_round_goes_on_from_where_it_stands_and_what_if_shows_the_difference() {
    let as_of = ["--as-of", "2025-10-20"];
    let events = of_log(&as_of)["events"].as_array().unwrap().clone();
    assert!(events.iter().all(|event| event["at"].as_str().unwrap() >= "2025-10-20"), "nothing is told again");
    assert!(events.iter().any(|event| event["what"] == "the release is out"), "it comes to its end");
    assert!(events.iter().all(|event| event["kind"] != "refused"), "nobody tries what cannot be done");
    // Indonesia had sent its file before, and is not asked again.
    assert!(!of(&events, "IDN", "mail").iter().any(|mail| mail.starts_with("reminder-")), "{events:?}");
    assert!(of(&events, "VNM", "mail").iter().any(|mail| mail.starts_with("reminder-before")));
    // After a migration too, of which the steps of both versions are needed.
    for later in ["2025-11-25", "2026-01-20"] {
        let events = of_log(&["--as-of", later])["events"].as_array().unwrap().clone();
        assert!(events.iter().any(|event| event["what"] == "the release is out"), "{later}");
    }
    let wish = [&as_of[..], &["--extend", "VNM=+10 working days"]].concat();
    let changes = of_log(&wish)["changes"].as_array().unwrap().clone();
    assert!(changes.len() >= 6 && changes.iter().all(|change| change["country"] == "VNM"), "{changes:#?}");
    let told = |mark: &str, what: &str, day: &str| {
        changes.iter().any(|change| {
            let text = |key: &str| change[key].as_str().unwrap_or_default();
            text("change") == mark && text("what").starts_with(what) && text("local").contains(day)
        })
    };
    assert!(told("new", "the deadline is moved to Fri 14 Nov 2025", "2025-10-20"), "{changes:#?}");
    assert!(told("no more", "reminder-before", "2025-10-28") && told("new", "reminder-before", "2025-11-11"));
}

#[test]
fn what_services_say_in_a_rehearsal_is_not_said_as_if_it_happened() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.toml");
    std::fs::write(&page, "[log]\nfilter = \"info\"\n").unwrap();
    let page = page.display().to_string();
    let done = rehearse(folder.path(), &["technical-meeting", "--year", "2027", "--config", &page]);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    let mails: Vec<&str> = said.lines().filter(|line| line.contains("a mail was sent")).collect();
    assert!(!mails.is_empty() && mails.iter().all(|line| line.contains(" rehearsal of the reminder: ")), "{mails:#?}");
}

#[test]
fn many_countries_a_seed_a_page_and_a_calendar_file() {
    let folder = tempfile::tempdir().unwrap();
    let (page, ics) = (folder.path().join("r.html"), folder.path().join("r.ics"));
    let many = ["ilms-asean", "--year", "2026", "--countries", "190", "--output", "json"];
    let seeded = |seed: &str| rehearse(folder.path(), &[&many[..], &["--seed", seed]].concat()).stdout;
    let (one, same, other) = (seeded("7"), seeded("7"), seeded("8"));
    assert!(one == same && one != other, "the same seed gives the same output, byte for byte, and another one another");
    let told: Value = serde_json::from_slice(&one).unwrap();
    assert!(told["totals"]["mail"].as_u64().unwrap() > 1_000, "{}", told["totals"]);
    let deadlines =
        told["events"].as_array().unwrap().iter().filter(|event| event["what"] == "deadline of the country");
    assert_eq!(deadlines.count(), 190);
    let files = ["--page", page.to_str().unwrap(), "--ics", ics.to_str().unwrap()];
    let made = rehearse(folder.path(), &[&["ilms-asean", "--year", "2026"][..], &files].concat());
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let html = std::fs::read_to_string(page).unwrap();
    assert!(html.contains("<h2>2026-10</h2>") && html.contains("Asia/Vientiane"));
    let python = rondo_tests::root().join("target/tools/foreign/bin/python3");
    assert!(python.exists(), "{} is missing; run tests/run, which makes it", python.display());
    let script = "import icalendar,sys; c=icalendar.Calendar.from_ical(open(sys.argv[1]).read()); \
                  e=[x for x in c.walk('VEVENT')]; assert len({str(x['UID']) for x in e})==len(e); print(len(e), c['PRODID'])";
    let read = Command::new(python).args(["-c", script]).arg(&ics).output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let told = String::from_utf8_lossy(&read.stdout).into_owned();
    assert!(told.contains("-//Rondo//Rehearsal//EN") && !told.starts_with("0 "), "{told}");
}
