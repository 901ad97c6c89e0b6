//! What no start mends ends a start with a status that the units of systemd do not try again, as the run book says.

use std::fs;
use std::path::Path;
use std::process::Command;

use rondo_tests::{refused, rondo, root};

const UP: [&str; 3] = ["up", "--listen", "127.0.0.1:0"];
const JOURNAL: &str = "journal/00000000000000000000.journal";

/// The statuses after which a unit is left to a person.
fn left_to_a_person(unit: &str) -> Vec<i32> {
    let text = fs::read_to_string(root().join("deploy/systemd").join(unit)).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("RestartPreventExitStatus=")).expect("it says so");
    line.split(' ').map(|status| status.parse().unwrap()).collect()
}

/// The last words of a start.
fn said(data: &Path) -> String {
    String::from_utf8(rondo_tests::run(data, &UP).stderr).unwrap().lines().last().unwrap_or_default().to_owned()
}

fn copied(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    assert!(Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
}

#[test]
fn what_no_start_mends_is_left_to_a_person() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, older) = (folder.path().join("whole"), folder.path().join("older"));
    rondo(&whole, &["up", "--demo", "--until-done", "--pace", "0"]);
    copied(&whole, &older);
    rondo(&whole, &["person", "grant", "bo", "auditor"]);
    let remove = |data: &Path, name: &str| fs::remove_file(data.join(name)).unwrap();
    let flip = |data: &Path, back: usize| {
        let mut bytes = fs::read(data.join(JOURNAL)).unwrap();
        let at = bytes.len() - back;
        bytes[at] ^= 1;
        fs::write(data.join(JOURNAL), bytes).unwrap();
    };
    let older_journal = |data: &Path| {
        fs::copy(older.join(JOURNAL), data.join(JOURNAL)).unwrap();
        remove(data, "acknowledged");
        fs::remove_dir_all(data.join("index")).unwrap();
    };
    type Change<'a> = (&'a str, Box<dyn Fn(&Path) + 'a>);
    let changes: Vec<Change<'_>> = vec![
        ("the journal is damaged at byte", Box::new(|data| flip(data, 5))),
        // Behind what a start reads: found while it runs.
        ("the journal is damaged at byte", Box::new(|data| flip(data, 200_000))),
        ("does not extend", Box::new(older_journal)),
        ("its journal is missing", Box::new(|data| fs::remove_dir_all(data.join("journal")).unwrap())),
        ("is missing", Box::new(|data| remove(data, "keys/signed.json"))),
        ("log.key is missing", Box::new(|data| remove(data, "keys/log.key"))),
        ("signing key", Box::new(|data| fs::write(data.join("keys/log.key"), "x").unwrap())),
        ("take the file away, and the next start", Box::new(|data| fs::write(data.join("log.vkey"), "x").unwrap())),
        ("is malformed", Box::new(|data| fs::write(data.join("keys/signed.json"), "{").unwrap())),
        ("`log.json` is missing", Box::new(|data| remove(data, "log.json"))),
        ("log.json is malformed", Box::new(|data| fs::write(data.join("log.json"), "{").unwrap())),
        (
            "`rondo audit continue` once more",
            Box::new(|data| fs::write(data.join("keys/continuing.json"), "{}").unwrap()),
        ),
        ("is no checkpoint by any key", Box::new(|data| fs::write(data.join("contradiction"), "x").unwrap())),
        ("disputed is malformed", Box::new(|data| fs::write(data.join("disputed"), "x").unwrap())),
    ];
    let prevented: Vec<Vec<i32>> = ["rondo.service", "rondo@.service"].map(left_to_a_person).to_vec();
    let book = fs::read_to_string(root().join("deploy/RUNBOOK.md")).unwrap();
    for (words, change) in changes {
        let data = folder.path().join("data");
        copied(&whole, &data);
        change(&data);
        refused(&data, &UP, 3, words);
        let told = said(&data);
        // Each says what is to be done next.
        let next = ["audit continue", "from a backup", "put back", "the next start", "Restore", "restore"];
        assert!(next.iter().any(|next| told.contains(next)), "{told}");
        assert!(prevented.iter().all(|statuses| statuses.contains(&3)), "{prevented:?}");
    }
    assert!(
        book.contains("| 3 | there are findings: in a file, in a log that was verified or started"),
        "the run book says it"
    );
    // A directory of something else contradicts what is there.
    let foreign = folder.path().join("foreign");
    fs::create_dir_all(&foreign).unwrap();
    fs::write(foreign.join("letter.txt"), "dear").unwrap();
    refused(&foreign, &UP, 6, "holds no log of Rondo");
    assert!(
        prevented.iter().all(|statuses| statuses.contains(&6) && !statuses.contains(&1) && !statuses.contains(&75))
    );
}
