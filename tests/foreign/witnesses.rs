//! A witness made of other people's parts: it cosigns a log that goes on, and neither a branch nor an older copy of it.

use std::process::Command;

use crate::witness::Witness;
use crate::{Played, rondo, run};

#[test]
fn a_log_is_witnessed_as_it_goes_on_and_neither_a_branch_nor_an_older_copy_is() {
    let played = Played::new();
    let data = played.path("data");
    let vkey = std::fs::read_to_string(played.path("export/log.vkey")).unwrap();
    let witness = Witness::start(&played.path("export/log.vkey"));
    let policy = played.path("policy");
    std::fs::write(&policy, witness.policy(&vkey)).unwrap();
    let verify = |data: &str| {
        let done = run(&["--data", data, "audit", "verify", "--policy", &policy]);
        (done.status.code(), String::from_utf8_lossy(&done.stdout).into_owned())
    };
    let (status, told) = verify(&data);
    assert!(status == Some(3) && told.contains("4. witnessed:  BAD: not as many"), "{told}");
    let copy = |name: &str| {
        let to = played.path(name);
        assert!(Command::new("cp").arg("-r").args([&data, &to]).status().unwrap().success());
        to
    };
    let (older, branch) = (copy("older"), copy("branch"));
    assert!(rondo(&["--data", &data, "audit", "witness", "--policy", &policy]).contains("one: cosigned"));
    let (status, told) = verify(&data);
    assert!(status == Some(0) && told.contains("4. witnessed:  good"), "{told}");

    // The log goes on: the witness sees the new checkpoint after the one that it knows.
    rondo(&["--data", &data, "person", "grant", "anna", "auditor"]);
    assert!(rondo(&["--data", &data, "audit", "witness", "--policy", &policy]).contains("one: cosigned"));
    assert_eq!(verify(&data).0, Some(0));

    let refused = |data: &str, words: &str| {
        let done = run(&["--data", data, "audit", "witness", "--policy", &policy]);
        let told = String::from_utf8_lossy(&done.stdout).into_owned();
        assert_eq!(done.status.code(), Some(75), "{told}");
        assert!(told.contains(words), "{told}");
        assert!(!std::path::Path::new(data).join("cosigned").exists(), "nothing was kept");
    };
    refused(&older, "this is an older copy");
    rondo(&["--data", &branch, "person", "grant", "bo", "auditor"]);
    rondo(&["--data", &branch, "person", "grant", "chan", "auditor"]);
    refused(&branch, "does not extend what it has cosigned");
    // A branch with the other's cosigned checkpoint beside it: 1 and 2 are good, and the witness tells.
    std::fs::copy(format!("{data}/cosigned"), format!("{branch}/cosigned")).unwrap();
    let (status, told) = verify(&branch);
    assert!(
        status == Some(3) && told.contains("2. bytes:      good") && told.contains("does not begin with"),
        "{told}"
    );
}

#[test]
fn a_running_log_is_witnessed_by_itself_and_an_old_cosignature_is_not_fresh() {
    let played = Played::new();
    let data = played.path("data");
    let vkey = std::fs::read_to_string(played.path("export/log.vkey")).unwrap();
    let witness = Witness::start(&played.path("export/log.vkey"));
    let (policy, config) = (played.path("policy"), played.path("config.toml"));
    std::fs::write(&policy, witness.policy(&vkey)).unwrap();
    std::fs::write(&config, format!("[witness]\npolicy = {policy:?}\nevery-seconds = 1\n")).unwrap();
    let listen = format!("127.0.0.1:{}", rondo_testkit::process::free_port());
    let mut command = Command::new(rondo_tests::program());
    command.args(["--data", &data, "--config", &config, "up", "--listen", &listen]);
    command.stderr(std::process::Stdio::null());
    let _server = rondo_testkit::process::Running::start("rondo up", &mut command);
    let cosigned = std::path::Path::new(&data).join("cosigned");
    for _ in 0..200 {
        if cosigned.exists() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let verify = |fresh: &[&str]| {
        let done = run(&[&["--data", &data, "audit", "verify", "--policy", &policy], fresh].concat());
        (done.status.code(), String::from_utf8_lossy(&done.stdout).into_owned())
    };
    let (status, told) = verify(&["--fresh", "1"]);
    assert!(status == Some(0) && told.contains("4. witnessed:  good"), "{told}");
    let (status, told) = verify(&["--fresh", "0"]);
    assert!(status == Some(3) && told.contains("4. witnessed:  BAD: not fresh"), "{told}");
}
