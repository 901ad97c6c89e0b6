//! The key that signs is changed by the right people, with a reason, in the log; what the old one signed stays good.

mod losses;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rondo_tests::{foreign, refused, rondo, run};

fn played(folder: &Path) -> PathBuf {
    let data = folder.join("data");
    rondo(&data, &["up", "--demo", "--until-done", "--pace", "0"]);
    data
}

/// Every file of a folder, by its name.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.map(|path| (path.clone(), fs::read(&path).unwrap())).collect()
}

#[test]
fn a_start_in_a_directory_that_holds_only_keys_neither_deletes_nor_replaces_them() {
    let folder = tempfile::tempdir().unwrap();
    let data = played(folder.path());
    rondo(&data, &ROTATE);
    let start = ["up", "--demo", "--until-done", "--pace", "0"];
    for (name, change, words) in [
        ("whole", (|_| ()) as fn(&Path), "a retired key"),
        ("signed", |keys: &Path| remove(keys, "retired-"), "records were signed"),
        (
            "forgotten",
            |keys: &Path| {
                remove(keys, "retired-");
                remove(keys, "signed")
            },
            "without the memory",
        ),
        (
            "unreadable",
            |keys: &Path| {
                remove(keys, "retired-");
                fs::write(keys.join("signed.json"), b"{").unwrap();
            },
            "cannot be read",
        ),
        (
            "keyless",
            |keys: &Path| {
                remove(keys, "retired-");
                remove(keys, "log.key")
            },
            "records were signed",
        ),
        (
            "retired",
            |keys: &Path| {
                remove(keys, "log.key");
                remove(keys, "signed")
            },
            "a retired key",
        ),
    ] {
        let alone = folder.path().join(name);
        fs::create_dir_all(alone.join("keys")).unwrap();
        for (path, bytes) in files(&data.join("keys")) {
            fs::write(alone.join("keys").join(path.file_name().unwrap()), bytes).unwrap();
        }
        change(&alone.join("keys"));
        let before = files(&alone.join("keys"));
        refused(&alone, &start, 3, words);
        refused(&alone, &start, 3, "rondo restore --from");
        assert_eq!(files(&alone.join("keys")), before, "{name}: the keys are as they were");
        assert!(!alone.join("log.json").exists() && !alone.join("journal").exists(), "{name}: no new log");
    }
    // The log is there, and its note alone is gone: nobody is told to restore what is there.
    fs::rename(data.join("log.json"), folder.path().join("note")).unwrap();
    for stranger in ["people.toml", "checkpoint"] {
        fs::remove_file(data.join(stranger)).unwrap();
    }
    refused(&data, &start, 3, "`log.json` is missing");
}

fn remove(keys: &Path, begin: &str) {
    for path in files(keys).into_keys().filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(begin)) {
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn a_making_that_was_cut_off_goes_on_with_the_key_it_had_made() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let start = ["up", "--demo", "--until-done", "--pace", "0"];
    // As it stands after a crash: the memory has signed nothing, the key is made, and nothing else is.
    fs::create_dir_all(data.join("keys")).unwrap();
    rondo(&data, &["audit", "key", "create", "--out", &data.join("keys/log.key").display().to_string()]);
    let key = fs::read(data.join("keys/log.key")).unwrap();
    refused(&data, &start, 3, "without the memory of what it signed");
    fs::write(data.join("keys/signed.json"), r#"{"frontier":{"size":0,"subtrees":[]},"at":null}"#).unwrap();
    rondo(&data, &start);
    assert_eq!(fs::read(data.join("keys/log.key")).unwrap(), key, "it is the key of the log now");
    assert!(rondo(&data, &["doctor"]).contains("the signing key fits the public key"));
}

const ROTATE: [&str; 5] = ["audit", "key", "rotate", "--reason", "the yearly change"];

#[test]
fn what_the_old_key_signed_stays_good_and_the_log_says_who_changed_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let data = played(folder.path());
    let old = fs::read_to_string(data.join("log.vkey")).unwrap();
    fs::write(path("saved"), rondo(&data, &["audit", "checkpoint"])).unwrap();
    fs::write(path("old.vkey"), &old).unwrap();
    rondo(&data, &["audit", "proof", "100", "--out", &path("")]);
    let (proof, record) = (path("record-100.tlog-proof"), path("record-100.record"));

    rondo(&data, &ROTATE);
    let new = fs::read_to_string(data.join("log.vkey")).unwrap();
    assert_ne!(old, new);
    rondo(&data, &["person", "add", "anna", "--name", "Anna", "--email", "anna@example.org"]);
    rondo(&data, &["person", "grant", "anna", "auditor"]);
    fs::write(path("all.vkeys"), rondo(&data, &["audit", "key", "list", "--plain"])).unwrap();
    assert_eq!(fs::read_to_string(path("all.vkeys")).unwrap(), format!("{old}{new}"));
    let told = rondo(&data, &["audit", "verify", "--saved", &path("saved"), "--key", &path("all.vkeys")]);
    assert!(told.contains("1. signature:  good") && told.contains("3. extends:    good"), "{told}");
    // Whoever trusts the new key alone has nothing to hold the old one's checkpoint against.
    let alone = run(&data, &["audit", "verify", "--saved", &path("saved"), "--key", &path("data/log.vkey")]);
    assert_eq!(alone.status.code(), Some(3), "{alone:?}");
    let keys = rondo(&data, &["audit", "key", "list", "--output", "csv"]);
    for words in [old.trim(), new.trim(), "operator", "the yearly change"] {
        assert!(keys.contains(words), "{keys}");
    }
    assert!(rondo(&data, &["audit", "search", "--event", "KeyRotated"]).contains("the yearly change"));
    assert!(rondo(&data, &["doctor"]).contains("the signing key fits the public key"));

    // The receipt of the old key's day: by the old key, by a list of all keys, and not by the new one alone.
    rondo(&data, &["audit", "export", "--out", &path("export")]);
    for key in ["old.vkey", "all.vkeys"] {
        assert!(rondo(&data, &["audit", "verify", &proof, "--key", &path(key)]).contains("good"), "{key}");
    }
    assert_eq!(run(&data, &["audit", "verify", &proof, "--key", &path("data/log.vkey")]).status.code(), Some(3));
    assert!(foreign(&["receipt", &proof, &record, &path("export/policy")]), "dnsid knows both keys by the policy");
    assert!(
        foreign(&["export", &path("export"), &path("data/log.vkey")])
            && !foreign(&["export", &path("export"), &path("old.vkey")])
    );
    assert!(
        rondo(&data, &["audit", "verify", &path("export"), "--saved", &path("saved"), "--key", &path("all.vkeys")])
            .contains("3. extends:    good")
    );

    // A checkpoint that a stranger signed under the log's name.
    let stranger = rondo_eventlog::merkle::Signer::new(old.split('+').next().unwrap(), &[7; 32]).unwrap();
    let text = fs::read_to_string(path("saved")).unwrap();
    fs::write(path("forged"), stranger.sign(&format!("{}\n", text.split("\n\n").next().unwrap()))).unwrap();
    assert_eq!(
        run(&data, &["audit", "verify", "--saved", &path("forged"), "--key", &path("all.vkeys")]).status.code(),
        Some(3)
    );
}

#[test]
fn who_may_not_change_it_changes_nothing_and_a_change_that_was_cut_off_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let data = played(folder.path());
    let path = |name: &str| folder.path().join(name).display().to_string();
    let before = fs::read(data.join("keys/log.key")).unwrap();
    let refused = run(&data, &[&ROTATE[..], &["--as", "ilo-coordinator"]].concat());
    assert_eq!(refused.status.code(), Some(6), "{refused:?}");
    assert_eq!(run(&data, &["audit", "key", "rotate", "--reason", " "]).status.code(), Some(2));
    assert!(!data.join("keys/next.key").exists());
    assert_eq!(fs::read(data.join("keys/log.key")).unwrap(), before, "nothing was changed");

    // A key that was made elsewhere.
    rondo(&data, &["audit", "key", "create", "--out", &path("made.key")]);
    assert_eq!(run(&data, &["audit", "key", "create", "--out", &path("made.key")]).status.code(), Some(6));
    let old = fs::read_to_string(data.join("log.vkey")).unwrap();
    // What somebody left in the new key's place is never preferred to the one that is named.
    rondo(&data, &["audit", "key", "create", "--out", &path("data/keys/next.key")]);
    assert_eq!(run(&data, &["doctor"]).status.code(), Some(1));
    rondo(&data, &[&ROTATE[..], &["--to", &path("made.key")]].concat());
    assert_eq!(fs::read(data.join("keys/log.key")).unwrap(), fs::read(path("made.key")).unwrap());

    // Cut off after the new key had taken its place, before the public one was written.
    fs::write(data.join("log.vkey"), &old).unwrap();
    assert!(rondo(&data, &["person", "list"]).contains("lao-focal"));
    assert_ne!(fs::read_to_string(data.join("log.vkey")).unwrap(), old);
    rondo(&data, &["audit", "verify"]);

    // A key that has signed before comes back to no use, and the old one, put back by somebody, signs nothing.
    let retired = fs::read_dir(data.join("keys")).unwrap().map(|entry| entry.unwrap().path());
    let retired = retired.into_iter().find(|path| path.to_string_lossy().contains("retired-")).unwrap();
    let back = run(&data, &[&ROTATE[..], &["--to", &retired.display().to_string()]].concat());
    assert!(back.status.code() == Some(2) && !data.join("keys/next.key").exists(), "{back:?}");
    fs::copy(retired, data.join("keys/log.key")).unwrap();
    let refused = run(&data, &["person", "grant", "bo", "auditor"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("public half"), "{refused:?}");
}
