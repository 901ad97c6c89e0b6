//! Promise 19: erasure erases. The name and address of an erased person are in no file any more, and the log still verifies.

use std::path::Path;
use std::process::Command;

use rondo_tests::{refused, rondo};

#[test]
fn an_erased_person_is_nowhere_and_the_log_still_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").display().to_string();
    rondo(&data, &["up", "--demo", "--until-done", "--pace", "0"]);
    let register = std::fs::read_to_string(Path::new(&data).join("people.toml")).unwrap();
    let entry = register.split("[person.").find(|entry| entry.starts_with("lao-focal]")).unwrap();
    let field = |name: &str| entry.split(&format!("{name} = \"")).nth(1).unwrap().split('"').next().unwrap().to_owned();
    let (name, email) = (field("name"), field("email"));
    let holds = |words: &str| {
        let found = Command::new("grep").args(["-r", "-l", "-F", words, &data]).output().unwrap();
        String::from_utf8(found.stdout).unwrap().lines().count()
    };
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
}
