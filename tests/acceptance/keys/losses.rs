//! A log of which something is lost goes on under another key, and says so wherever it is verified; nobody goes on unseen.

use std::fs;
use std::path::Path;
use std::process::Command;

use rondo_tests::{faults, foreign, is_told_by_run_book, program, refused, rondo, run};
use serde_json::Value;

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
}

fn grow(data: &Path, people: &[&str]) {
    for person in people {
        rondo(data, &["person", "grant", person, "auditor"]);
    }
}

fn verified(data: &Path) -> Value {
    serde_json::from_str(&rondo(data, &["audit", "verify", "--output", "json"])).unwrap()
}

const CONTINUE: [&str; 4] = ["audit", "continue", "--reason", "the disk failed"];

/// A log; a backup of its journal and copies of its keys, from before and from after it grew by two records.
fn played(folder: &Path) -> u64 {
    let data = folder.join("data");
    rondo(&data, &["up", "--demo", "--until-done", "--pace", "0"]);
    copy(&data.join("keys"), &folder.join("early-keys"));
    grow(&data, &["anna"]);
    rondo(&data, &["backup", "--out", &folder.join("backup").display().to_string()]);
    copy(&data.join("keys"), &folder.join("equal-keys"));
    let kept = verified(&data)["records"].as_u64().unwrap();
    grow(&data, &["bo", "carl"]);
    copy(&data.join("keys"), &folder.join("late-keys"));
    kept
}

/// The backup in a directory of its own, with these keys.
fn restored(folder: &Path, name: &str, keys: Option<&str>) -> std::path::PathBuf {
    let data = folder.join(name);
    rondo(&data, &["restore", "--from", &folder.join("backup").display().to_string()]);
    if let Some(keys) = keys {
        copy(&folder.join(keys), &data.join("keys"));
        is_told_by_run_book(&data);
    }
    data
}

#[test]
fn a_journal_that_is_older_than_its_keys_goes_on_under_another_key_and_every_verifier_says_what_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let kept = played(folder.path());
    let whole = folder.path().join("data");
    fs::write(path("saved"), rondo(&whole, &["audit", "checkpoint"])).unwrap();
    for position in [kept - 1, kept] {
        rondo(&whole, &["audit", "proof", &position.to_string(), "--out", &path("")]);
    }
    let data = restored(folder.path(), "again", Some("late-keys"));
    refused(&data, &["person", "grant", "dora", "auditor"], 3, "rondo audit continue");
    refused(&data, &[&CONTINUE[..], &["--as", "ilo-coordinator"]].concat(), 6, "may not");
    refused(&data, &["person", "grant", "dora", "auditor"], 3, "does not extend");
    refused(&data, &["audit", "continue", "--reason", " "], 2, "");
    let told = rondo(&data, &CONTINUE);
    let words = format!("records {kept} to {} are lost, because: the disk failed", kept + 1);
    assert!(told.contains(&words), "{told}");
    grow(&data, &["dora"]);

    // Of the data directory, of an export, of what was saved, of receipts, and in the list of keys.
    assert!(rondo(&data, &["audit", "verify"]).contains(&words));
    let found = verified(&data);
    assert_eq!((&found["losses"][0]["kept"], &found["bytes"]), (&kept.into(), &true.into()), "{found}");
    assert!(rondo(&data, &["audit", "export", "--out", &path("export")]).contains(&words));
    assert!(rondo(&data, &["audit", "verify", &path("export")]).contains(&words));
    assert!(fs::read_to_string(path("export/policy")).unwrap().contains(&words));
    assert!(foreign(&["export", &path("export"), &path("again/log.vkey")]));
    let keys = rondo(&data, &["audit", "key", "list", "--plain"]);
    fs::write(path("keys.txt"), &keys).unwrap();
    assert!(keys.contains(&words) && keys.lines().filter(|line| !line.starts_with('#')).count() == 2, "{keys}");
    let listed = rondo(&data, &["audit", "key", "list", "--output", "csv"]);
    assert!(listed.contains(&words) && listed.contains("operator"), "{listed}");
    let saved = run(&data, &["audit", "verify", "--saved", &path("saved"), "--key", &path("keys.txt")]);
    let said = String::from_utf8_lossy(&saved.stdout);
    assert!(saved.status.code() == Some(3) && said.contains("3. extends:    BAD") && said.contains(&words), "{said}");
    for (position, is) in [(kept - 1, "is not one of them"), (kept, "is one of them")] {
        let receipt = path(&format!("record-{position}.tlog-proof"));
        let said = rondo(&data, &["audit", "verify", &receipt, "--key", &path("keys.txt")]);
        assert!(said.contains("good") && said.contains(&words) && said.contains(is), "{position}: {said}");
    }
    let made = run(&data, &["audit", "proof", "100", "--out", &path("export")]);
    assert!(String::from_utf8_lossy(&made.stderr).contains(&words), "{made:?}");
    assert!(rondo(&data, &["doctor"]).contains(&words));

    // It was done once; the old key signs nothing any more, and neither does the old log.
    refused(&data, &CONTINUE, 6, "shows a loss");
    fs::copy(path("late-keys/log.key"), data.join("keys/log.key")).unwrap();
    refused(&data, &["person", "grant", "emil", "auditor"], 3, "public half");
}

#[test]
fn keys_newer_than_the_log_change_nothing_before_the_loss_is_recorded_and_who_signed_stays_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let whole = folder.path().join("data");
    rondo(&whole, &["up", "--demo", "--until-done", "--pace", "0"]);
    rondo(&whole, &["backup", "--out", &path("backup")]);
    rondo(&whole, &["audit", "key", "rotate", "--reason", "the yearly change"]);
    copy(&whole.join("keys"), &folder.path().join("late-keys"));
    let old = fs::read_to_string(folder.path().join("backup/log.vkey")).unwrap();
    let new = fs::read_to_string(whole.join("log.vkey")).unwrap();

    // The public key is of the backup's day; is missing; or is the newest one, put there with the newest keys.
    for (name, public) in [("as-it-was", Some(&old)), ("none", None), ("newest", Some(&new))] {
        let data = restored(folder.path(), name, Some("late-keys"));
        match public {
            Some(public) => fs::write(data.join("log.vkey"), public).unwrap(),
            None => fs::remove_file(data.join("log.vkey")).unwrap(),
        }
        let beside = || ["log.vkey", "checkpoint"].map(|name| fs::read(data.join(name)).ok());
        let before = (beside(), super::files(&data.join("keys")));
        let up = ["up", "--listen", "127.0.0.1:0"];
        for command in [&["round", "list"][..], &["person", "grant", "dora", "auditor"], &up] {
            refused(&data, command, 3, "does not extend");
            assert!((beside(), super::files(&data.join("keys"))) == before, "{name}: {command:?} changed nothing");
        }
        assert_eq!(run(&data, &["doctor"]).status.code(), Some(1), "{name}");
        if public.is_none() {
            fs::write(data.join("log.vkey"), &old).unwrap();
        }

        rondo(&data, &CONTINUE);
        assert_eq!(verified(&data)["losses"][0]["was"], old.trim_end(), "{name}");
        let keys = rondo(&data, &["audit", "key", "list", "--plain"]);
        let named: Vec<&str> = keys.lines().filter(|line| !line.starts_with('#')).collect();
        let last = fs::read_to_string(data.join("log.vkey")).unwrap();
        assert_eq!(named, [old.trim_end(), last.trim_end()], "{name}");
        fs::write(path("keys.txt"), &keys).unwrap();
        let saved = path("backup/checkpoint");
        let told = rondo(&data, &["audit", "verify", "--saved", &saved, "--key", &path("keys.txt")]);
        assert!(told.contains("1. signature:  good") && told.contains("3. extends:    good"), "{name}: {told}");
    }
}

#[test]
fn keys_that_are_older_than_the_journal_or_lost_sign_nothing_and_end_in_no_dead_end() {
    let folder = tempfile::tempdir().unwrap();
    let kept = played(folder.path());
    let words = format!("records from {kept} on are lost, if there were any, because: the disk failed");
    for (name, keys, why) in [("early", Some("early-keys"), "an older copy"), ("none", None, "no signing key")] {
        let data = restored(folder.path(), name, keys);
        let refusal = run(&data, &["person", "grant", "dora", "auditor"]);
        assert!(!refusal.status.success(), "{name}: {refusal:?}");
        assert!(String::from_utf8_lossy(&refusal.stderr).contains(why), "{name}: {refusal:?}");
        assert!(rondo(&data, &CONTINUE).contains(&words), "{name}");
        grow(&data, &["dora"]);
        assert!(rondo(&data, &["audit", "verify"]).contains(&words), "{name}");
    }
    // A copy of the keys as old as the backup: nothing shows that the log was longer, and it is said by hand.
    let data = restored(folder.path(), "equal", Some("equal-keys"));
    refused(&data, &CONTINUE, 6, "--although-nothing-shows-it");
    let although = [&CONTINUE[..], &["--although-nothing-shows-it"]].concat();
    assert!(rondo(&data, &although).contains(&words));
    assert!(rondo(&data, &["audit", "verify"]).contains(&words));
}

#[test]
fn a_going_on_that_is_cut_off_anywhere_is_finished_by_the_same_command_and_recorded_once() {
    let folder = tempfile::tempdir().unwrap();
    played(folder.path());
    let library = faults(folder.path()).display().to_string();
    let mut cut = 0;
    for nth in 1..=12 {
        let data = restored(folder.path(), &format!("cut-{nth}"), Some("late-keys"));
        let done = Command::new(program())
            .args(["--data", &data.display().to_string()])
            .args(CONTINUE)
            .env("LD_PRELOAD", &library)
            .env("RONDO_FAIL", format!("fsync /keys {nth} 5"))
            .output()
            .unwrap();
        if !done.status.success() {
            cut += 1;
            let between = run(&data, &["person", "grant", "dora", "auditor"]);
            let said = String::from_utf8_lossy(&between.stderr).into_owned();
            let begun = said.contains("`rondo audit continue` once more") || said.contains("does not extend");
            assert!(between.status.success() || begun, "{nth}: {said}");
            is_told_by_run_book(&data);
            // Whoever comes next has words of their own for it; what is recorded stays recorded, and is what is told.
            let again = run(&data, &[&CONTINUE[..3], &["in other words"]].concat());
            let said = String::from_utf8_lossy(&again.stderr).into_owned();
            assert!(again.status.success() || said.contains("shows a loss"), "{nth}: {said}");
            let told = String::from_utf8_lossy(&again.stdout).into_owned();
            let reason = verified(&data)["losses"][0]["reason"].as_str().unwrap().to_owned();
            assert!(told.is_empty() || told.contains(&reason), "{nth}: {reason} is recorded, {told} is told");
        }
        grow(&data, &["emil"]);
        is_told_by_run_book(&data);
        let found = verified(&data);
        assert_eq!(found["losses"].as_array().map(Vec::len), Some(1), "{nth}: {found}");
        assert!(found["bytes"] == true && found["signature"] == true, "{nth}: {found}");
    }
    assert!(cut >= 4, "{cut} of them were cut off");
}

#[test]
fn a_loss_that_the_index_alone_shows_is_one_and_a_key_that_was_being_made_is_in_nobodys_way() {
    let folder = tempfile::tempdir().unwrap();
    let kept = played(folder.path());
    for leftover in ["none", "unfinished", "linked"] {
        let data = restored(folder.path(), leftover, Some("equal-keys"));
        // The index was on another disk and is as new as the log was.
        copy(&folder.path().join("data/index"), &data.join("index"));
        refused(&data, &["person", "grant", "dora", "auditor"], 3, &format!("{} records were acknowledged", kept + 2));
        let unfinished = data.join("keys/.next.key.unfinished");
        if leftover != "none" {
            fs::write(&unfinished, "half a k").unwrap();
        }
        if leftover == "linked" {
            fs::hard_link(&unfinished, data.join("keys/next.key")).unwrap();
        }
        let told = rondo(&data, &CONTINUE);
        assert!(told.contains(&format!("records {kept} to {} are lost, because", kept + 1)), "{leftover}: {told}");
        assert!(!unfinished.exists(), "{leftover}");
        grow(&data, &["dora"]);
        let found = verified(&data);
        let loss = &found["losses"][0];
        assert_eq!((&loss["kept"], &loss["acknowledged"]), (&kept.into(), &(kept + 2).into()), "{leftover}: {found}");
    }
}

/// One byte of the journal is another one.
fn flip(journal: &Path, at: usize) -> Vec<u8> {
    let mut bytes = fs::read(journal).unwrap();
    bytes[at] ^= 1;
    fs::write(journal, &bytes).unwrap();
    bytes
}

#[test]
fn a_log_whose_newest_file_is_damaged_ends_before_the_damage_and_keeps_the_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    rondo(&whole, &["up", "--demo", "--until-done", "--pace", "0"]);
    let offset = fs::metadata(whole.join("journal/00000000000000000000.journal")).unwrap().len() as usize;
    let kept = verified(&whole)["records"].as_u64().unwrap();
    grow(&whole, &["bo", "chan"]);
    // In the last group, and in one that good ones follow.
    for (name, damaged_from_end, lost) in [("last", true, 1), ("middle", false, 0)] {
        let data = folder.path().join(name);
        copy(&whole, &data);
        let journal = data.join("journal/00000000000000000000.journal");
        let length = fs::metadata(&journal).unwrap().len() as usize;
        let bytes = flip(&journal, if damaged_from_end { length - 5 } else { offset + 40 });
        refused(&data, &["person", "list"], 3, "the journal is damaged at byte");
        // Whoever may not do it changes nothing.
        refused(&data, &[&CONTINUE[..], &["--as", "ilo-coordinator"]].concat(), 6, "may not");
        assert!(fs::read(&journal).unwrap() == bytes, "{name}: it is as it was");
        assert!(!data.join(format!("keys/before-{}-damaged-0.journal", kept + lost)).exists(), "{name}");
        let told = rondo(&data, &CONTINUE);
        let words = if damaged_from_end {
            format!("record {} is lost", kept + 1)
        } else {
            format!("records {kept} to {} are lost", kept + 1)
        };
        assert!(told.contains(&words), "{name}: {told}");
        let aside = fs::read(data.join(format!("keys/before-{}-damaged-0.journal", kept + lost))).unwrap();
        assert!(bytes.ends_with(&aside) && aside.len() + offset <= bytes.len(), "{name}: {} bytes", aside.len());
        is_told_by_run_book(&data);
        grow(&data, &["dora"]);
        let found = verified(&data);
        assert_eq!((&found["losses"][0]["kept"], &found["bytes"]), (&(kept + lost).into(), &true.into()), "{found}");
    }
}

/// A log whose last but one group is damaged, and of which nothing says that anybody was answered for what stands from there on, as
/// after a power cut; with how many records stand before.
fn damaged_unheard(folder: &Path) -> (std::path::PathBuf, u64) {
    let data = folder.join("unheard");
    rondo(&data, &["up", "--demo", "--until-done", "--pace", "0"]);
    let journal = data.join("journal/00000000000000000000.journal");
    let offset = fs::metadata(&journal).unwrap().len() as usize;
    let kept = verified(&data)["records"].as_u64().unwrap();
    for name in ["keys", "checkpoint"] {
        copy(&data.join(name), &folder.join(name));
    }
    grow(&data, &["bo", "chan"]);
    fs::remove_dir_all(data.join("keys")).unwrap();
    for name in ["keys", "checkpoint"] {
        copy(&folder.join(name), &data.join(name));
    }
    fs::remove_file(data.join("acknowledged")).unwrap();
    for name in ["index", "tree"] {
        fs::remove_dir_all(data.join(name)).unwrap();
    }
    flip(&journal, offset + 40);
    (data, kept)
}

#[test]
fn bytes_that_have_to_go_are_a_loss_and_no_start_passes_over_a_cut_that_was_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, kept) = damaged_unheard(folder.path());
    let library = faults(folder.path()).display().to_string();
    let name = format!("before-{kept}-damaged-0.journal");
    let journal = |data: &Path| fs::read(data.join("journal/00000000000000000000.journal")).unwrap();
    let mut cut = 0;
    let points = (1..=12).map(|nth| format!("fsync /keys {nth} 5"));
    for (n, fails) in ["none".to_owned(), "fsync /journal 1 5".to_owned()].into_iter().chain(points).enumerate() {
        let data = folder.path().join(format!("cut-{n}"));
        copy(&whole, &data);
        refused(&data, &["person", "list"], 3, "the journal is damaged at byte");
        let failing = |args: &[&str]| {
            let mut command = Command::new(program());
            command.args(["--data", &data.display().to_string()]).args(args);
            command.env("LD_PRELOAD", &library).env("RONDO_FAIL", &fails).output().unwrap()
        };
        let mut done = failing(&CONTINUE);
        if !done.status.success() {
            cut += 1;
            let is_cut = journal(&data) != journal(&whole);
            let between = run(&data, &["person", "grant", "dora", "auditor"]);
            let said = String::from_utf8_lossy(&between.stderr).into_owned();
            assert!(!is_cut || between.status.code() == Some(3) || between.status.success(), "{fails}: {said}");
            assert!(
                !between.status.success() || verified(&data)["losses"].get(0).is_some(),
                "{fails}: it is passed over"
            );
            is_told_by_run_book(&data);
            if data.join("keys/continuing.json").exists() || !is_cut {
                done = run(&data, &CONTINUE);
                assert!(done.status.success(), "{fails}: {done:?}");
            }
        }
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(!done.status.success() || said.contains(&format!("damaged at record {kept}")), "{fails}: {said}");
        assert!(!done.status.success() || said.contains(&name), "{fails}: what is kept is named: {said}");
        let aside = fs::read(data.join("keys").join(&name)).unwrap();
        assert!(journal(&whole).ends_with(&aside), "{fails}");
        grow(&data, &["emil"]);
        let found = verified(&data);
        assert_eq!(found["losses"].as_array().map(Vec::len), Some(1), "{fails}: {found}");
        assert_eq!((&found["losses"][0]["kept"], &found["bytes"]), (&kept.into(), &true.into()), "{fails}: {found}");
    }
    assert!(cut >= 4, "{cut} of them were cut off");

    // What cannot be put back hides no refusal, and the same command goes on from there.
    let data = folder.path().join("refused");
    copy(&whole, &data);
    let mut command = Command::new(program());
    command.args(["--data", &data.display().to_string()]).args(CONTINUE).args(["--as", "ilo-coordinator"]);
    let done = command.env("LD_PRELOAD", &library).env("RONDO_FAIL", "fsync /journal 2 5").output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.code() == Some(6) && said.contains("may not"), "{said}");
    assert!(said.contains("could not be let go of"), "{said}");
    rondo(&data, &CONTINUE);
    assert_eq!(verified(&data)["losses"].as_array().map(Vec::len), Some(1));
}
