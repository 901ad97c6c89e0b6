//! One ledger alone writes to a journal, whatever became of the lock file.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rondo_testkit::process::{Running, free_port};
use rondo_tests::{await_server, program, refused, rondo};

use super::written;

fn up(data: &Path, address: &str) -> Running {
    let mut command = Command::new(program());
    command.args(["up", "--listen", address, "--data"]).arg(data);
    command.stdout(Stdio::null()).stderr(fs::File::create(data.with_extension("said")).unwrap());
    let server = Running::start("rondo up", &mut command);
    await_server(data);
    server
}

/// What a server answers, headers and all; nothing, where there is none.
fn health(address: &str) -> String {
    let mut answer = String::new();
    if let Ok(mut stream) = TcpStream::connect(address) {
        let request = format!("GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        stream.read_to_string(&mut answer).unwrap();
    }
    answer
}

#[test]
fn a_second_ledger_is_refused_although_the_lock_file_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    written(&data, 0, 100);
    let address = format!("127.0.0.1:{}", free_port());
    let mut server = up(&data, &address);
    let announced = fs::read(data.join("server.json")).unwrap();
    let inode = |name: &str| fs::metadata(data.join(name)).unwrap().ino();
    let index = (inode("index"), inode("index/db"));
    for name in ["lock", "server.json"] {
        fs::remove_file(data.join(name)).unwrap();
    }
    for args in [
        &["person", "grant", "bo", "auditor"][..],
        &["up", "--listen", "127.0.0.1:0"],
        &["audit", "key", "rotate", "--reason", "why"],
    ] {
        refused(&data, args, 75, "is held by another process");
    }
    assert_eq!((inode("index"), inode("index/db")), index, "what is held is not damaged");
    fs::write(data.join("server.json"), announced).unwrap();
    rondo(&data, &["person", "grant", "anna", "auditor"]);
    let told = health(&address);
    assert!(told.contains("\"records\":101"), "{told}");
    ask_to_end(&server);
    assert!(server.wait(30).success());
    assert!(rondo(&data, &["audit", "verify"]).contains("2. bytes:      good"));
}

fn ask_to_end(server: &Running) {
    assert!(Command::new("kill").arg(server.id().to_string()).status().unwrap().success());
}

#[test]
fn a_journal_that_was_replaced_is_not_written_to_and_health_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    written(&data, 0, 100);
    let journal = data.join("journal/00000000000000000000.journal");
    let address = format!("127.0.0.1:{}", free_port());
    for asks in [true, false] {
        let mut server = up(&data, &address);
        let before = fs::read(&journal).unwrap();
        fs::write(data.join("copy"), &before).unwrap();
        fs::rename(data.join("copy"), &journal).unwrap();
        if asks {
            let told = health(&address);
            assert!(told.starts_with("HTTP/1.1 503") && told.contains("\"unavailable\""), "{told}");
        }
        // Where nobody asks it tries by itself.
        assert!(!server.wait(30).success(), "the server ends");
        let said = fs::read_to_string(data.with_extension("said")).unwrap();
        assert!(said.contains("another file has its name"), "{said}");
        assert_eq!(fs::read(&journal).unwrap(), before, "nothing was written");
    }
    rondo(&data, &["person", "grant", "anna", "auditor"]);
    assert!(rondo(&data, &["audit", "verify"]).contains("2. bytes:      good"));
}
