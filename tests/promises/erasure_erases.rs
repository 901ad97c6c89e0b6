//! Promise 19: erasure erases. The name and address of an erased person are in no file any more, and the log still verifies.

use std::path::Path;
use std::process::Command;

use crate::burst::with_ledger;
use rondo_tests::{refused, rondo, root};

/// The files that hold words: as they are, in a mail's headers and parts as its reader sees them, or in what a zip holds.
fn searched(folder: &str, words: &str) -> Vec<String> {
    let found =
        Command::new("python3").arg(root().join("tests/foreign/search.py")).args([folder, words]).output().unwrap();
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
    String::from_utf8(found.stdout).unwrap().lines().map(ToOwned::to_owned).collect()
}

/// How many records hold one of these words, as the store's pressed packs give them back: the log's order is read from those.
fn packed(data: &Path, words: [&str; 2]) -> usize {
    with_ledger(data, async |ledger| {
        let (mut seen, mut holding) = (0, 0);
        loop {
            let more = ledger.read(seen, 1_000).await.unwrap();
            if more.is_empty() {
                assert!(seen > 1_000);
                return holding;
            }
            seen += more.len() as u64;
            let holds =
                |bytes: &[u8]| words.iter().any(|words| bytes.windows(words.len()).any(|w| w == words.as_bytes()));
            holding += more.iter().filter(|record| holds(&record.bytes)).count();
        }
    })
}

#[test]
fn an_erased_person_is_nowhere_and_the_log_still_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").display().to_string();
    rondo(&data, &["up", "--demo", "--until-done", "--pace", "0"]);
    let register = std::fs::read_to_string(Path::new(&data).join("people.toml")).unwrap();
    let entry = register.split("[person.").find(|entry| entry.starts_with("lao-focal]")).unwrap();
    let field = |name: &str| entry.split(&format!("{name} = \"")).nth(1).unwrap().split('"').next().unwrap().to_owned();
    let (name, email) = (field("name"), field("email"));
    let holds = |words: &str| searched(&data, words).len();
    assert!(holds(&email) > 5, "the register and the mails hold the address");
    refused(&data, &["person", "erase", "lao-focal", "--reason", " "], 2, "reason");
    refused(&data, &["person", "erase", "nobody-at-all", "--reason", "x"], 5, "nobody is known");
    refused(&data, &["person", "erase", "lao-focal", "--reason", "x", "--as", "ilo-coordinator"], 6, "may not");
    assert!(holds(&email) > 5, "nothing was removed by what was refused");
    rondo(&data, &["person", "erase", "lao-focal", "--reason", "asked for it"]);
    assert_eq!((holds(&email), holds(&name)), (0, 0));
    assert!(rondo(&data, &["audit", "verify"]).contains("2. bytes:      good"));
    let history = rondo(&data, &["figure", "history", "LAO/MNA_OEMP_SEX_CDS_NB/2023/SEX_F/CDS_DES_KOR"]);
    assert!(history.contains("lao-focal"), "who did it is still told by the id");
    // What is handed on: an export, a backup as a folder and as one file; and what a search and the figures print.
    let path = |name: &str| folder.path().join(name).display().to_string();
    rondo(&data, &["audit", "export", "--out", &path("export")]);
    rondo(&data, &["backup", "--out", &path("backup")]);
    rondo(&data, &["backup", "--out", &path("backup.tar")]);
    std::fs::create_dir(path("printed")).unwrap();
    for (file, args) in [
        ("search", &["audit", "search", "--person", "lao-focal", "--output", "jsonl"][..]),
        ("people", &["person", "list", "--output", "json"]),
        ("round", &["round", "show", "ilms-asean-2025", "--output", "json"]),
        ("history", &["figure", "history", "LAO/MNA_OEMP_SEX_CDS_NB/2023/SEX_F/CDS_DES_KOR", "--output", "json"]),
    ] {
        std::fs::write(Path::new(&path("printed")).join(file), rondo(&data, args)).unwrap();
    }
    let all = folder.path().display().to_string();
    assert_eq!((searched(&all, &email), searched(&all, &name)), (Vec::new(), Vec::new()));
    assert_eq!(packed(Path::new(&data), [&email, &name]), 0, "no pressed pack of the store holds it");
    assert!(rondo(&data, &["audit", "verify", &path("export")]).contains("2. bytes:      good"));
}
