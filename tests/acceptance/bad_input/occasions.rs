//! An occasion that is given again (`--again`): the same acts once, and other words under it are refused.

use std::path::Path;

use super::{copy, refused, rondo};

#[test]
fn an_occasion_that_is_given_again_with_other_words_does_not_act_a_second_time() {
    let (_folder, data) = copy();
    let occasion = "0123456789abcdef0123456789abcdef";
    let as_whom = ["--data", &data, "--as", "ilo-coordinator", "--again", occasion];
    let args =
        |text| [&as_whom[..], &["round", "lesson", "ilms-asean-2025", "--for", "ilms-asean", "--text", text]].concat();
    let records = || rondo_tests::records(Path::new(&data)).len();
    let before = records();
    for _ in 0..2 {
        let done = rondo(&args("Ask for the source notes earlier."));
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        assert_eq!(records(), before + 1, "the same acts once");
    }
    refused(&args("Ask for the source notes later."), 6, &["was used before for another wish", "without `--again`"]);
    assert_eq!(records(), before + 1);
}

/// What the program prints that ends well.
fn said(args: &[&str]) -> String {
    let done = rondo(args);
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn a_given_id_stands_for_one_command_whatever_it_is_about_and_a_repeat_tells_of_then() {
    let (_folder, data) = copy();
    let given = "0190a8f0000070008000000000AAAAAA";
    let records = || rondo_tests::records(Path::new(&data)).len();
    let again = |args: &[&'static str]| [&["--data", &data, "--again", given], args].concat();
    let grant = ["person", "grant", "zed", "auditor"];
    assert!(said(&again(&grant)).contains("zed holds the role auditor"));
    let before = records();
    // Another verb, another stream, another person: nothing is done, and the id is named that was given.
    for other in [
        &["person", "grant", "zed", "validator"][..],
        &["person", "end", "zed", "auditor", "--reason", "gone"],
        &["person", "grant", "zed", "auditor", "--until", "2030-01-01"],
        &["round", "lesson", "ilms-asean-2025", "--for", "ilms-asean", "--text", "x", "--as", "ilo-coordinator"],
        &["submission", "send", "ilms-asean-2025", "LAO", "/etc/passwd", "--as", "lao-focal"],
    ] {
        let words = ["was used before", &given.to_ascii_lowercase()];
        refused(&again(other), 6, &words);
    }
    refused(&again(&["person", "grant", "zed", "auditor", "--as", "ilo-coordinator"]), 6, &["by somebody else"]);
    assert_eq!(records(), before, "an id acts once");
    // It was taken back meanwhile: what was said then is not said of now.
    said(&["--data", &data, "person", "end", "zed", "auditor", "--reason", "gone"]);
    let told = said(&again(&[&grant[..], &["--output", "json"]].concat()));
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["recorded_before"]["position"], before as u64 - 1, "{told}");
    let words = told["said"].as_str().unwrap();
    assert!(words.contains("recorded before, at 2") && !words.contains("holds the role"), "{words}");
}

#[test]
fn what_is_reckoned_anew_each_time_is_told_as_recorded_before_and_several_records_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").display().to_string();
    let at = |args: &[&str]| said(&[&["--data", &data], args].concat());
    let (_server, _) = super::elsewhere::served(Path::new(&data));
    at(&["person", "grant", "me", "regional-coordinator"]);
    at(&["round", "plan", "ilms-asean", "--year", "2027", "--late", "--as", "me"]);
    for _ in 0..200 {
        if at(&["round", "show", "ilms-asean-2027", "--output", "json"]).contains("\"LAO\"") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let id = "11111111111111111111111111111111";
    let extend = ["round", "extend", "ilms-asean-2027", "LAO", "--by", "+3 working days", "--reason", "asked for"];
    let extend = [&["--as", "me", "--again", id], &extend[..]].concat();
    assert!(at(&extend).contains("has a new deadline for LAO"));
    // By now the same words mean another day.
    assert!(at(&extend).contains("recorded before, at"));
    let id = "22222222222222222222222222222222";
    let pause = ["--as", "me", "reminder", "pause", "ilms-asean-2027", "--reason", "a storm"];
    let resume = ["--as", "me", "--again", id, "reminder", "resume", "ilms-asean-2027", "--reason", "it is over"];
    at(&pause);
    at(&resume);
    // What it needs is not there any more, since it was done.
    assert!(at(&resume).contains("recorded before, at"));
    let erase =
        ["--again", "33333333333333333333333333333333", "person", "erase", "lao-one", "--reason", "asked for it"];
    at(&["person", "add", "lao-one", "--name", "Boua Khai", "--email", "boua@example.org"]);
    assert!(at(&erase).contains("the register forgets the name"));
    assert!(at(&erase).contains("recorded before, at"));
}
