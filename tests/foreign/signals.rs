//! A command beside the log that waits for a witness ends when a signal asks it to, and records nothing from then on.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use rondo_testkit::process::free_port;

use crate::witness::Witness;
use crate::{Played, run};

#[test]
fn a_signal_ends_a_command_that_waits_for_a_witness_before_anything_is_recorded() {
    let played = Played::new();
    let key = played.path("export/log.vkey");
    let vkey = std::fs::read_to_string(&key).unwrap();
    let witness = Witness::start(&key);
    // It takes what is sent, and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (data, config, policy) = (played.path("data"), played.path("config"), played.path("policy"));
    let watched_by = |url: String| {
        std::fs::write(&policy, witness.policy_at(&vkey, &url)).unwrap();
        std::fs::write(&config, format!("[witness]\npolicy = {policy:?}\n")).unwrap();
    };
    watched_by(format!("http://{}", silent.local_addr().unwrap()));
    let (library, trace) = (rondo_tests::faults(played.folder.path()), played.path("trace"));
    let records = || rondo_tests::records(Path::new(&data)).len();
    let before = records();
    let grant = ["person", "grant", "yak", "auditor"];
    let rotate = ["audit", "key", "rotate", "--reason", "the yearly change"];
    for (args, signal) in [(&grant[..], "-INT"), (&grant, "-TERM"), (&rotate, "-INT")] {
        let mut command = Command::new(rondo_tests::program());
        command.args(["--data", &data, "--config", &config]).args(args);
        command.env("LD_PRELOAD", &library).env("RONDO_TRACE", &trace);
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let _asked = silent.accept().unwrap();
        assert!(Command::new("kill").args([signal, &command.id().to_string()]).status().unwrap().success());
        let done = command.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(75), "{args:?} {signal}: {said}");
        assert!(said.contains("stopped by a signal; nothing was recorded"), "{said}");
        assert_eq!(records(), before, "{args:?} {signal}: {said}");
        // How many records were acknowledged is on the device when the log is let go of, as it is after any other end.
        let kept = std::fs::read_to_string(&trace).unwrap();
        let kept = kept.lines().filter(|line| line.starts_with("kept ") && line.ends_with("/acknowledged")).count();
        assert_eq!(kept, 2, "{args:?} {signal}: once at its beginning, and once at its end");
        std::fs::remove_file(&trace).unwrap();
    }
    // The log is at rest, and the same goes on; a witness that is away stops nothing.
    watched_by(format!("http://127.0.0.1:{}", free_port()));
    for args in [&grant[..], &rotate] {
        let done = run(&[&["--data", &data, "--config", &config], args].concat());
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    assert_eq!(records(), before + 2);
}
