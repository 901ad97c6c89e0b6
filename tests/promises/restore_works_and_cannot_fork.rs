//! Promise 17: restore works and cannot fork. Backups are whole or refused, and an old one is not signed on.

use std::path::Path;
use std::process::Command;

use rondo_tests::{program, refused, rondo};

fn copy(from: &str, to: &str) {
    assert!(Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
}

struct Places(tempfile::TempDir);

impl Places {
    fn of(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }
}

#[test]
fn what_is_restored_is_the_same_log_and_an_old_one_is_not_signed_on() {
    let places = Places(tempfile::tempdir().unwrap());
    let (data, saved, again) = (places.of("data"), places.of("backup"), places.of("again"));
    rondo(&data, &["up", "--demo", "--until-done", "--pace", "0"]);
    assert!(rondo(&data, &["backup", "--out", &saved]).contains("and verify"));
    assert!(!Path::new(&saved).join("keys").exists() && !Path::new(&saved).join("people.toml").exists());
    refused(&data, &["backup", "--out", &saved], 6, "is not empty");
    refused(&data, &["restore", "--from", &saved], 6, "is not empty");
    rondo(&again, &["restore", "--from", &saved]);
    copy(&format!("{data}/keys"), &again);
    let show = ["round", "show", "ilms-asean-2025", "--output", "json"];
    assert_eq!(rondo(&again, &show), rondo(&data, &show));
    let figure = ["figure", "explain", "LAO/MNA_OEMP_SEX_CDS_NB/2023/SEX_F/CDS_DES_KOR"];
    assert_eq!(rondo(&again, &figure), rondo(&data, &figure));
    assert!(rondo(&again, &["audit", "verify"]).contains("2. bytes:      good"));
    assert!(rondo(&again, &["doctor"]).contains("all "), "every received file is there");

    // The log goes on; then the disk is lost, and the old backup is all there is beside the keys.
    rondo(&data, &["person", "grant", "anna", "auditor"]);
    let old = places.of("old");
    rondo(&old, &["restore", "--from", &saved]);
    copy(&format!("{data}/keys"), &old);
    refused(&old, &["person", "grant", "bo", "auditor"], 3, "does not extend");
    refused(&old, &["round", "list"], 3, "Nothing is signed");
}

#[test]
fn a_backup_that_was_altered_or_cut_is_not_restored() {
    let places = Places(tempfile::tempdir().unwrap());
    let (data, saved) = (places.of("data"), places.of("backup"));
    rondo(&data, &["up", "--demo", "--until-done", "--pace", "0"]);
    rondo(&data, &["backup", "--out", &saved]);
    let segment = |of: &str| Path::new(of).join("journal/00000000000000000000.journal");
    let whole = std::fs::read(segment(&saved)).unwrap();
    let mut altered = whole.clone();
    altered[whole.len() / 2] ^= 1;
    for (name, bytes) in [("altered", &altered[..]), ("cut", &whole[..whole.len() / 2])] {
        let twin = places.of(name);
        copy(&saved, &twin);
        std::fs::write(segment(&twin), bytes).unwrap();
        let target = places.of(&format!("from-{name}"));
        refused(&target, &["restore", "--from", &twin], 3, "does not verify");
        assert!(!Path::new(&target).exists(), "nothing is put in the place of a data directory");
    }
    refused(places.of("nothing"), &["restore", "--from", &places.of("no-such")], 5, "does not exist");
}

#[test]
fn a_backup_made_while_the_log_grows_is_whole() {
    let places = Places(tempfile::tempdir().unwrap());
    let data = places.of("data");
    let mut playing = Command::new(program())
        .args(["up", "--demo", "--until-done", "--pace", "3", "--data", &data])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    for _ in 0..400 {
        if Path::new(&data).join("checkpoint").exists() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let mut sizes = Vec::new();
    for n in 0..5 {
        let told = rondo(&data, &["backup", "--out", &places.of(&format!("backup-{n}")), "--output", "json"]);
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        sizes.push(told["records"].as_u64().unwrap());
        std::thread::sleep(std::time::Duration::from_millis(150));
    }
    assert!(playing.wait().unwrap().success());
    let whole = rondo_tests::records(Path::new(&data));
    for (n, size) in sizes.iter().enumerate() {
        // Whoever reads it meets nothing that was only half written.
        let kept = rondo_tests::records(Path::new(&places.of(&format!("backup-{n}"))));
        assert!(kept.len() as u64 >= *size && whole.starts_with(&kept), "backup {n}: {} records", kept.len());
    }
    assert!(sizes.is_sorted() && sizes[0] < sizes[4], "{sizes:?}");
}

#[test]
fn one_file_and_an_export_bring_back_the_same_state() {
    let places = Places(tempfile::tempdir().unwrap());
    let data = places.of("data");
    rondo(&data, &["up", "--demo", "--until-done", "--pace", "0"]);
    let state = |data: &str| rondo(data, &["audit", "state"]);
    let (file, export) = (places.of("saved.tar"), places.of("export"));
    rondo(&data, &["backup", "--out", &file]);
    refused(&data, &["backup", "--out", &file], 6, "is not empty");
    rondo(&data, &["audit", "export", "--out", &export]);
    for (name, from) in [("from-file", &file), ("from-export", &export)] {
        let again = places.of(name);
        rondo(&again, &["restore", "--from", from]);
        // Whoever was given a copy has no signing key: it is read, and nothing is recorded in it.
        let key = "LAO/MNA_OEMP_SEX_CDS_NB/2023/SEX_F/CDS_DES_KOR";
        let history = ["figure", "history", key, "--output", "json"];
        assert_eq!(rondo(&again, &history), rondo(&data, &history), "{name} is read without a key");
        assert_eq!(state(&again), state(&data), "{name} without a key");
        refused(&again, &["person", "grant", "anna", "auditor"], 2, "no signing key");
        refused(&again, &["up", "--listen", "127.0.0.1:0"], 3, "keys is missing");
        copy(&format!("{data}/keys"), &again);
        assert_eq!(state(&again), state(&data), "{name}");
        assert!(rondo(&again, &["audit", "verify"]).contains("2. bytes:      good"), "{name}");
        rondo(&again, &["person", "grant", "anna", "auditor"]);
        assert!(rondo(&again, &["audit", "verify"]).contains("2. bytes:      good"), "{name} goes on");
    }
    let listed = Command::new("tar").args(["-tf", &file]).output().unwrap();
    assert!(String::from_utf8(listed.stdout).unwrap().contains("log.json"), "other people's tar reads it");
    assert!(rondo(places.of("from-file"), &["doctor"]).contains("files that records speak of are stored whole"));

    // Cut, with a foreign name or a link in it, or an export with an altered entry: nothing is put in place.
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(places.of("cut.tar"), &whole[..whole.len() / 3]).unwrap();
    let strange = places.of("strange");
    std::fs::create_dir(&strange).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", Path::new(&strange).join("checkpoint")).unwrap();
    std::fs::write(Path::new(&strange).join("keys"), "x").unwrap();
    for (name, member) in [("link.tar", "checkpoint"), ("name.tar", "keys")] {
        let packed = Command::new("tar").args(["-C", &strange, "-cf", &places.of(name), member]).status().unwrap();
        assert!(packed.success());
    }
    let entries = Path::new(&export).join("tile/entries/002");
    let mut bytes = std::fs::read(&entries).unwrap();
    bytes[500] ^= 1;
    std::fs::write(&entries, bytes).unwrap();
    for (from, status, words) in [
        ("cut.tar", 2, "is cut off"),
        ("link.tar", 2, "which no backup of Rondo has"),
        ("name.tar", 2, "which no backup of Rondo has"),
        ("export", 3, "does not verify"),
    ] {
        let target = places.of(&format!("bad-{from}"));
        refused(&target, &["restore", "--from", &places.of(from)], status, words);
        assert!(!Path::new(&target).exists(), "{from}");
    }
}

#[test]
fn a_restore_that_is_cut_off_is_refused_until_the_same_command_has_finished_it_and_never_starts_unmarked() {
    let places = Places(tempfile::tempdir().unwrap());
    let (source, library) = (places.of("source"), rondo_tests::faults(places.0.path()));
    drop(crate::burst::open(Path::new(&source)).unwrap());
    rondo(&source, &["person", "grant", "anna", "auditor"]);
    rondo(&source, &["backup", "--out", &places.of("kept")]);
    rondo(&source, &["backup", "--out", &places.of("kept.tar")]);
    for kept in ["kept", "kept.tar"] {
        let (mut refusals, mut whole) = (0, 0);
        for call in ["rename", "fsync"] {
            for nth in 1.. {
                let data = places.of(&format!("{kept}-{call}-{nth}"));
                let restore = ["restore", "--from", &places.of(kept)];
                // Killed before the call that is named.
                let kills = format!("{call} /{kept}-{call}-{nth} {nth} 0");
                let mut command = Command::new(program());
                command.args(["--data", &data]).args(restore).env("LD_PRELOAD", &library).env("RONDO_FAIL", kills);
                let done = command.output().unwrap();
                if done.status.success() {
                    break;
                }
                assert_eq!(done.status.code(), None, "it is killed: {done:?}");
                let data_at = Path::new(&data);
                if data_at.join("log.json").exists() {
                    // All of it is there, and so is the mark; what was left beside it goes with the next opening.
                    assert!(data_at.join("restored").exists(), "{kept} {call} {nth}");
                    refused(&data, &restore, 6, "is not empty");
                    whole += 1;
                } else if data_at.exists() {
                    for command in [&["up", "--listen", "127.0.0.1:0"][..], &["person", "list"]] {
                        refused(&data, command, 3, "give the same command again");
                    }
                    rondo(&data, &restore);
                    refusals += 1;
                } else {
                    rondo(&data, &restore);
                }
                copy(&format!("{source}/keys"), &data);
                rondo(&data, &["person", "grant", "bo", "auditor"]);
                assert!(rondo(&data, &["audit", "verify"]).contains("2. bytes:      good"));
                let left: Vec<_> = std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().file_name()).collect();
                assert!(left.iter().all(|name| !name.to_string_lossy().starts_with(".rondo")), "{left:?}");
                std::fs::remove_dir_all(&data).unwrap();
            }
        }
        assert!(refusals > 5 && whole > 0, "{kept}: {refusals} half way, {whole} at the end");
    }
}

#[test]
fn a_backup_has_neither_half_a_group_nor_fewer_records_than_were_acknowledged() {
    let places = Places(tempfile::tempdir().unwrap());
    let data = places.of("data");
    drop(crate::burst::open(Path::new(&data)).unwrap());
    rondo(&data, &["person", "grant", "anna", "auditor"]);
    let segment = |of: &str| Path::new(of).join("journal/00000000000000000000.journal");
    let whole = std::fs::read(segment(&data)).unwrap();
    // The beginning of a group, as it stands there while it is being written.
    std::fs::write(segment(&data), [&whole[..], &whole[32..70]].concat()).unwrap();
    rondo(&data, &["backup", "--out", &places.of("saved")]);
    assert_eq!(std::fs::read(segment(&places.of("saved"))).unwrap(), whole);
    // The last group was answered for, is not signed yet, and is damaged: it is not passed over as if it had never been.
    std::fs::write(segment(&data), &whole).unwrap();
    crate::burst::burst_until(Path::new(&data), 0, 1, &[]);
    let signed = std::fs::read_to_string(Path::new(&data).join("checkpoint")).unwrap();
    let signed = rondo_eventlog::merkle::Checkpoint::claimed(&signed).unwrap().head.size;
    assert!(signed < rondo_tests::records(Path::new(&data)).len() as u64, "it was killed before it signed");
    let mut damaged = std::fs::read(segment(&data)).unwrap();
    let first = damaged.windows(16).rposition(|window| window.starts_with(b"RONDO\0G1")).unwrap();
    damaged[first + 40] ^= 1;
    std::fs::write(segment(&data), damaged).unwrap();
    refused(&data, &["backup", "--out", &places.of("damaged")], 3, "records were acknowledged");
    assert!(!Path::new(&places.of("damaged")).exists());
}
