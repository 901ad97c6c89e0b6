//! A witness made of other people's parts: it cosigns a log that goes on, and neither a branch nor an older copy of it.

use std::path::Path;
use std::process::Command;

use rondo_testkit::process::{Running, free_port};

use crate::tls::{Authority, Helper};
use crate::watched::{Steered, Watched, told, until};
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
        assert_eq!(done.status.code(), Some(3), "{told}");
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

#[test]
fn a_witness_is_asked_over_tls_before_anything_is_signed_and_believed() {
    let played = Played::new();
    let (authority, key) = (Authority::new(), played.path("export/log.vkey"));
    let vkey = std::fs::read_to_string(&key).unwrap();
    let witness = Witness::with(&key, &authority.server());
    let (policy, ca) = (witness.policy(&vkey), authority.ca());
    let copy = |name: &str, from: &str| Watched::copy(&played, from, name, &policy, Some(&ca));
    let log = copy("log", &played.path("data"));

    log.watch(&policy, None);
    let (status, said) = log.asks();
    assert!(status == Some(75) && said.contains("does not answer") && said.contains("ertificate"), "{said}");
    let asked = played.path("asked");
    let elsewhere = Helper::start("elsewhere.py", &[Path::new(&asked)]);
    log.watch(&witness.policy_at(&vkey, &elsewhere.said), None);
    let (status, said) = log.asks();
    assert!(status == Some(75) && said.contains("307"), "{said}");
    assert!(!Path::new(&asked).exists(), "whoever a redirect names is not asked");
    log.watch(&policy, Some(&ca));
    assert_eq!(log.asks().0, Some(0));

    // The log goes on. A start of an older copy signs nothing, and neither does one that was restored with nobody to ask.
    let (older, branch) = (copy("older", &log.data), copy("branch", &log.data));
    assert_eq!(log.goes_on("anna").0, Some(0));
    assert_eq!(log.asks().0, Some(0));
    let before = older.checkpoint();
    let (status, said) = older.starts();
    assert!(status == Some(3) && said.contains("this is an older copy") && said.contains("run book"), "{said}");
    assert_eq!(older.checkpoint(), before);
    let shown = std::fs::read_to_string(Path::new(&older.data).join("contradiction")).unwrap();
    assert_eq!(shown, log.checkpoint(), "what the witness shows is kept");
    rondo(&["--data", &branch.data, "person", "grant", "bo", "auditor"]);
    let (status, said) = branch.starts();
    assert!(status == Some(3) && said.contains("does not extend"), "{said}");

    let restored = copy("restored", &log.data);
    std::fs::write(Path::new(&restored.data).join("restored"), "restored\n").unwrap();
    restored.watch(&witness.policy_at(&vkey, &format!("https://127.0.0.1:{}", free_port())), Some(&ca));
    let before = restored.checkpoint();
    for shown in [true, false] {
        if !shown {
            std::fs::remove_file(Path::new(&restored.data).join("checkpoint")).unwrap();
        }
        for (status, said) in [restored.goes_on("chan"), restored.starts()] {
            assert!(status == Some(75) && said.contains("too few of its witnesses"), "{said}");
        }
        assert_eq!(restored.checkpoint(), before);
    }
    restored.watch(&policy, Some(&ca));
    assert_eq!(restored.goes_on("chan").0, Some(0), "the witness says that it is the newest");
}

#[test]
fn a_log_that_runs_on_beside_another_signs_and_takes_nothing_once_the_witness_says_so() {
    let played = Played::new();
    let key = played.path("export/log.vkey");
    let vkey = std::fs::read_to_string(&key).unwrap();
    let witness = Witness::start(&key);
    let copy = |name: &str| Watched::copy(&played, &played.path("data"), name, &witness.policy(&vkey), None);
    let (log, twin) = (copy("log"), copy("twin"));
    let port = free_port();
    let mut command = Command::new(rondo_tests::program());
    command.args(["--data", &twin.data, "--config", &twin.config, "up", "--listen", &format!("127.0.0.1:{port}")]);
    command.stderr(std::process::Stdio::null());
    let mut server = Running::start("rondo up", &mut command);
    until("the announcement", || Path::new(&twin.data).join("server.json").exists());
    assert_eq!(log.goes_on("anna").0, Some(0));
    until("the witness", || log.asks().0 == Some(0));
    let health = || {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        std::io::Write::write_all(&mut stream, b"GET /health HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
        std::io::read_to_string(stream).unwrap()
    };
    until("the alarm", || health().contains("\"fork\""));
    rondo_tests::is_told_by_run_book(Path::new(&twin.data));
    let before = twin.checkpoint();
    let (status, said) = twin.goes_on("bo");
    assert!(status == Some(3) && said.contains("this is an older copy"), "{said}");
    assert_eq!(twin.code_of_going_on("bo"), "ledger.contradicted");
    assert!(health().contains("\"degraded\"") && !health().contains("write-path"), "{}", health());
    Command::new("kill").args(["-TERM", &server.id().to_string()]).status().unwrap();
    server.wait(20);
    assert_eq!(twin.checkpoint(), before, "not even the end signs");
    drop(witness);
    let (status, said) = twin.starts();
    assert!(status == Some(3) && said.contains("rondo audit continue"), "it is known without the witness: {said}");
    assert_eq!(twin.checkpoint(), before);
}

#[test]
fn a_command_beside_the_log_asks_before_it_signs_and_one_that_only_reads_asks_nobody() {
    let played = Played::new();
    let key = played.path("export/log.vkey");
    let vkey = std::fs::read_to_string(&key).unwrap();
    let witness = Witness::start(&key);
    let copy = |name: &str| Watched::copy(&played, &played.path("data"), name, &witness.policy(&vkey), None);
    let (log, older) = (copy("log"), copy("older"));
    assert_eq!(log.goes_on("anna").0, Some(0));
    assert_eq!(log.asks().0, Some(0));
    let (before, records) = (older.checkpoint(), older.records());
    assert_eq!(told(&older.run(&["person", "list"])).0, Some(0));
    assert!(!older.contradiction().exists(), "nothing was to be signed, so that nobody was asked");
    let (status, said) = older.goes_on("bo");
    assert!(status == Some(3) && said.contains("this is an older copy"), "{said}");
    assert_eq!((older.checkpoint(), older.records()), (before, records), "nothing is recorded and nothing signed");
    assert!(older.contradiction().exists());
    // One that is away stops nothing.
    let alone = copy("alone");
    alone.watch(&witness.policy_at(&vkey, &format!("http://127.0.0.1:{}", free_port())), None);
    assert_eq!(alone.goes_on("bo").0, Some(0));
    // Whoever opens the log twice in one command lets go of it in between, whoever was to be asked.
    let (status, said) = told(&alone.run(&["audit", "key", "rotate", "--reason", "the yearly change"]));
    assert!(status == Some(0) && said.contains("is signed by"), "{said}");
    rondo_tests::is_told_by_run_book(Path::new(&alone.data));
}

#[test]
fn a_fork_that_was_proven_ends_the_signing_of_every_start_until_the_newest_journal_is_back_or_another_key_signs() {
    let played = Played::new();
    let key = played.path("export/log.vkey");
    let vkey = std::fs::read_to_string(&key).unwrap();
    let witness = Witness::start(&key);
    let (here, away) = (witness.policy(&vkey), witness.policy_at(&vkey, &format!("http://127.0.0.1:{}", free_port())));
    let copy = |name: &str| Watched::copy(&played, &played.path("data"), name, &here, None);
    let (log, older, branch) = (copy("log"), copy("older"), copy("branch"));
    assert_eq!(log.goes_on("anna").0, Some(0));
    assert_eq!(log.asks().0, Some(0));
    rondo(&["--data", &branch.data, "person", "grant", "bo", "auditor"]);
    for (copy, words) in [(&older, "this is an older copy"), (&branch, "does not extend")] {
        let (status, said) = copy.starts();
        assert!(status == Some(3) && said.contains(words), "{said}");
        // The witness is away, and the program is started again and again.
        copy.watch(&away, None);
        let before = copy.checkpoint();
        for (status, said) in [copy.starts(), copy.goes_on("chan"), told(&copy.run(&["person", "list"]))] {
            assert!(status == Some(3) && said.contains("`contradiction`"), "{said}");
            assert!(said.contains("Restore the newest journal") && said.contains("rondo audit continue"), "{said}");
        }
        assert_eq!(copy.checkpoint(), before);
        assert_eq!(copy.code_of_going_on("chan"), "ledger.contradicted");
        rondo_tests::is_told_by_run_book(Path::new(&copy.data));
        let (status, said) = told(&copy.run(&["doctor"]));
        assert!(status == Some(1) && said.contains("TROUBLE: somebody holds a checkpoint of"), "{said}");
    }
    // Back to the newest journal: it extends what was shown, and the start says so.
    let journal = |of: &Watched| Path::new(&of.data).join("journal");
    std::fs::remove_dir_all(journal(&older)).unwrap();
    assert!(Command::new("cp").arg("-r").args([journal(&log), journal(&older)]).status().unwrap().success());
    let (status, said) = older.goes_on("chan");
    assert!(status == Some(0) && said.contains("extends the checkpoint that was kept"), "{said}");
    assert!(!older.contradiction().exists());

    // Nobody has the other history: another key signs from here on, and the log says so.
    let (status, said) = told(&branch.run(&["audit", "continue", "--reason", "the other machine burnt"]));
    let words = format!("another history of {} records was signed as well", log.records());
    assert!(status == Some(0) && said.contains(&words), "{said}");
    assert!(!branch.contradiction().exists());
    assert_eq!(branch.goes_on("chan").0, Some(0));
    let verified = rondo(&["--data", &branch.data, "audit", "verify"]);
    assert!(verified.contains(&words) && verified.contains("2. bytes:      good"), "{verified}");
    let kept = std::fs::read_dir(Path::new(&branch.data).join("keys")).unwrap();
    let names: Vec<String> = kept.map(|kept| kept.unwrap().file_name().to_string_lossy().into_owned()).collect();
    for copy in [&log, &older, &branch] {
        rondo_tests::is_told_by_run_book(Path::new(&copy.data));
    }
    assert!(names.iter().any(|name| name.starts_with("before-") && name.ends_with("contradiction")), "{names:?}");
}

#[test]
fn a_witness_that_was_asked_about_a_newer_checkpoint_meanwhile_sees_no_older_copy() {
    let played = Played::new();
    let key = played.path("export/log.vkey");
    let witness = Witness::start(&key);
    let steered = Steered(key.clone());
    let policy = witness.policy(&std::fs::read_to_string(&key).unwrap());
    let log = Watched::copy(&played, &played.path("data"), "log", &policy, None);
    let mut command = Command::new(rondo_tests::program());
    let listen = format!("127.0.0.1:{}", free_port());
    command.args(["--data", &log.data, "--config", &log.config, "up", "--listen", &listen]);
    command.stderr(std::process::Stdio::null());
    let _server = Running::start("rondo up", &mut command);
    until("the announcement", || Path::new(&log.data).join("server.json").exists());
    for (person, silent) in [("anna", false), ("bo", true)] {
        if silent {
            steered.is_silent(true);
        }
        steered.hold();
        until("the server asks", || steered.holds());
        assert_eq!(log.goes_on(person).0, Some(0));
        let (status, said) = log.asks();
        assert!(status == Some(0) && said.contains("one: cosigned"), "{said}");
        steered.lets_go();
        steered.hold();
        until("the server asks again", || steered.holds());
        steered.lets_go();
        let (status, said) = log.goes_on(&format!("{person}-two"));
        assert_eq!(status, Some(0), "{said}");
        assert!(!log.contradiction().exists());
    }
}

#[test]
fn a_restored_log_goes_on_under_another_key_whatever_the_witness_holds_of_the_lost_records() {
    let played = Played::new();
    let key = played.path("export/log.vkey");
    let vkey = std::fs::read_to_string(&key).unwrap();
    let witness = Witness::start(&key);
    let steered = Steered(key.clone());
    let policy = witness.policy(&vkey);
    let log = Watched::copy(&played, &played.path("data"), "log", &policy, None);
    assert_eq!(log.asks().0, Some(0));
    let restored = Watched::copy(&played, &log.data, "restored", &policy, None);
    assert_eq!(log.goes_on("anna").0, Some(0));
    assert_eq!(log.asks().0, Some(0));
    // The journal of a backup, and the newest keys.
    let keys = |of: &Watched| Path::new(&of.data).join("keys");
    std::fs::remove_dir_all(keys(&restored)).unwrap();
    assert!(Command::new("cp").arg("-r").args([keys(&log), keys(&restored)]).status().unwrap().success());
    let mark = Path::new(&restored.data).join("restored");
    std::fs::write(&mark, "restored\n").unwrap();
    let (status, said) = restored.starts();
    assert!(status != Some(0) && said.contains("rondo audit continue"), "{said}");
    let (status, said) = told(&restored.run(&["audit", "continue", "--reason", "the disk failed"]));
    assert!(status == Some(0) && said.contains("is lost"), "{said}");

    // It does not know the new key, then it takes it and remembers the old log, then it shows no proof of that.
    let (status, said) = restored.goes_on("bo");
    assert_eq!(status, Some(0), "{said}");
    assert!(mark.exists(), "it still starts paused");
    let new = std::fs::read_to_string(Path::new(&restored.data).join("log.vkey")).unwrap();
    restored.watch(&format!("log {}\n{policy}", new.trim()), None);
    let (status, said) = restored.asks();
    assert!(status == Some(75) && said.contains("does not trust the key"), "{said}");
    steered.takes(&new);
    let (status, said) = restored.goes_on("chan");
    assert_eq!(status, Some(0), "{said}");
    let (status, said) = restored.asks();
    assert!(status == Some(75) && said.contains("what this log says is lost"), "{said}");
    assert!(!restored.contradiction().exists());
    steered.is_silent(true);
    let (status, said) = restored.asks();
    assert!(status == Some(3) && said.contains("showed no proof"), "{said}");
    steered.is_silent(false);
    let mut command = Command::new(rondo_tests::program());
    let listen = format!("127.0.0.1:{}", free_port());
    command.args(["--data", &restored.data, "--config", &restored.config, "up", "--listen", &listen]);
    command.stderr(std::process::Stdio::null());
    let _server = Running::start("rondo up", &mut command);
    until("the start", || !mark.exists());
    rondo_tests::is_told_by_run_book(Path::new(&restored.data));
}
