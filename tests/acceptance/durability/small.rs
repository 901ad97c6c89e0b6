//! Small files: what is being replaced is in nobody's way when that is cut off, and an export is on disk when it is said to be.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rondo_tests::{faults, program, rondo};

use crate::burst::{command, with_ledger};

/// Every file and folder below one, and that one.
fn all(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(all(&path)) } else { found.push(path) }
    }
    found
}

/// A log of one record.
fn log_of_one(data: &Path) {
    with_ledger(data, async |ledger| ledger.submit(command(0)).await.map(|_| ()).unwrap());
}

#[test]
fn an_export_is_on_disk_before_it_is_said_to_be_and_of_half_of_one_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("data"), folder.path().join("export"));
    let library = faults(folder.path());
    log_of_one(&data);
    let export = |fails: &str| {
        let mut command = Command::new(program());
        command.args(["--data", &data.display().to_string(), "audit", "export", "--out", &out.display().to_string()]);
        command.env("LD_PRELOAD", &library).env("RONDO_FAIL", fails).output().unwrap()
    };
    let mut synced = 0;
    loop {
        let done = export(&format!("fsync /export {} 5", synced + 1));
        if done.status.success() {
            break;
        }
        synced += 1;
        assert!(String::from_utf8_lossy(&done.stderr).contains("/export"), "{done:?}");
        assert_eq!(all(&out).len(), 1, "after {synced}: {:?}", all(&out));
        assert!(synced < 1_000);
    }
    let found = all(&out);
    assert!(synced >= found.len(), "{synced} were brought to disk of {found:?}");
    // Killed before everything else is on disk, it has no checkpoint, and so is nothing that anybody takes for an export.
    for nth in 1..found.len() {
        fs::remove_dir_all(&out).unwrap();
        assert!(!export(&format!("fsync /export {nth} 0")).status.success());
        assert!(!out.join("checkpoint").exists(), "{nth}");
    }
    fs::remove_dir_all(&out).unwrap();
    assert!(export("none").status.success());
    rondo(&data, &["audit", "verify", &out.display().to_string()]);
}

#[test]
fn what_a_killed_process_was_replacing_is_taken_away_by_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let library = faults(folder.path());
    log_of_one(&data);
    let left = || -> Vec<PathBuf> {
        let is_left = |path: &PathBuf| path.extension().is_some_and(|end| end == "new");
        all(&data).into_iter().filter(is_left).collect()
    };
    for (person, replaced) in [("anna", "/checkpoint"), ("bo", "/keys/signed.json")] {
        let mut command = Command::new(program());
        command.args(["--data", &data.display().to_string(), "person", "grant", person, "auditor"]);
        command.env("LD_PRELOAD", &library).env("RONDO_FAIL", format!("rename {replaced} 1 0"));
        assert!(!command.output().unwrap().status.success());
        assert_eq!(left().len(), 1, "{replaced}: {:?}", left());
        // One that somebody writes at this moment is not taken away.
        let held = data.join("cosigned.1-7.new");
        let file = fs::File::create(&held).unwrap();
        file.lock().unwrap();
        rondo(&data, &["person", "list"]);
        assert_eq!(left(), std::slice::from_ref(&held), "{replaced}");
        drop(file);
        rondo(&data, &["person", "list"]);
        assert_eq!(left(), [] as [PathBuf; 0], "{replaced}");
    }
    assert!(rondo(&data, &["audit", "verify"]).contains("2. bytes:      good"));
}
