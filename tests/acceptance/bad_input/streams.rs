//! Standard output and standard error that nobody reads, or that take nothing: no verb and no server ends by that.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::demo::{played, program};
use rondo_testkit::process::Running;
use rondo_tests::{await_server, rondo};

/// The other end of a pipe that nobody reads.
fn closed() -> Stdio {
    let mut reader = Command::new("true").stdin(Stdio::piped()).spawn().unwrap();
    let writer = reader.stdin.take().unwrap();
    reader.wait().unwrap();
    std::os::fd::OwnedFd::from(writer).into()
}

fn full() -> Stdio {
    File::options().write(true).open("/dev/full").unwrap().into()
}

#[test]
fn no_verb_panics_where_nobody_hears_it() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.toml");
    std::fs::write(&page, "[log]\nfilter = \"trace\"\n").unwrap();
    let verbs = [
        &["rehearse", "technical-meeting", "--year", "2027"][..],
        &["round", "list"],
        &["round", "show", "no-such-round"],
        &["doctor"],
        &["reminder", "list"],
        &["audit", "verify"],
        &["config", "example"],
        &["completions", "bash"],
        &["--help"],
        &["no-such-verb"],
    ];
    for verb in verbs {
        let run = |out: Stdio, err: Stdio| {
            let mut command = Command::new(program());
            command.arg("--data").arg(played()).arg("--config").arg(&page).args(verb);
            command.stdout(out).stderr(err).status().unwrap().code()
        };
        let usual = run(Stdio::null(), Stdio::null());
        assert_ne!(usual, Some(101), "{verb:?}");
        for (name, err) in [("closed", closed()), ("full", full())] {
            assert_eq!(run(Stdio::null(), err), usual, "{verb:?} with standard error {name}");
        }
        assert_eq!(run(closed(), Stdio::null()), usual, "{verb:?} with standard output closed");
        // What was asked for and could not be written is a failure, and said as one.
        let full = run(full(), Stdio::null());
        assert!(full == usual || full == Some(1), "{verb:?} with standard output full: {full:?}");
    }
}

/// A server whose standard output and error are these, on a copy of nothing.
fn up(data: &Path, out: Stdio, err: Stdio) -> Running {
    let mut command = Command::new(program());
    command.arg("--data").arg(data).args(["up", "--listen", "127.0.0.1:0"]).stdout(out).stderr(err);
    let server = Running::start("rondo up", &mut command);
    await_server(data);
    server
}

fn asked_to_end(server: &mut Running) {
    assert!(Command::new("kill").args(["-TERM", &server.id().to_string()]).status().unwrap().success());
    assert!(server.wait(30).success(), "it ends well when asked to");
}

#[test]
fn a_server_goes_on_where_nobody_hears_it() {
    for streams in [|| (closed(), closed()), || (full(), full())] {
        let folder = tempfile::tempdir().unwrap();
        let (out, err) = streams();
        let mut server = up(folder.path(), out, err);
        rondo(folder.path(), &["person", "grant", "anna", "auditor"]);
        assert!(server.runs());
        asked_to_end(&mut server);
    }
}

#[test]
fn the_log_of_a_server_begins_and_ends_and_tells_a_clean_end_from_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let lines = || std::fs::read_to_string(&log).unwrap().lines().map(str::to_owned).collect::<Vec<_>>();
    let data = folder.path().join("data");
    let mut server = up(&data, Stdio::null(), File::create(&log).unwrap().into());
    asked_to_end(&mut server);
    let told = lines();
    assert!(told[0].contains("  INFO up: begins version="), "{told:#?}");
    assert!(told.last().unwrap().contains("  INFO up: has ended version="), "{told:#?}");
    let mut server = up(&data, Stdio::null(), File::create(&log).unwrap().into());
    server.kill();
    assert!(!lines().iter().any(|line| line.contains("has ended")), "{:#?}", lines());
}
