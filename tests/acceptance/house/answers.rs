//! An answer that is lost, and secrets that are nobody else's: what the command line sends, says and shows.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rondo_testkit::process::Running;
use rondo_tests::{await_server, program, run};
use serde_json::Value;

/// One HTTP request, as it came.
fn request(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        bytes.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    bytes.extend(body);
    bytes
}

/// Carries requests to a server, and loses the answers to so many commands after the server gave them.
struct Loses {
    address: String,
    left: Arc<AtomicUsize>,
    commands: Arc<AtomicUsize>,
}

impl Loses {
    fn answers(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = server.strip_prefix("http://").unwrap().to_owned();
        let (left, commands) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (lose, count) = (Arc::clone(&left), Arc::clone(&commands));
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (mut client, server) = (client.unwrap(), server.clone());
                let (lose, count) = (Arc::clone(&lose), Arc::clone(&count));
                std::thread::spawn(move || {
                    let asked = request(&mut client);
                    let line = asked.iter().position(|byte| *byte == b'\n').unwrap_or(0) + 1;
                    let mut to = TcpStream::connect(server).unwrap();
                    for part in [&asked[..line], b"connection: close\r\n", &asked[line..]] {
                        to.write_all(part).unwrap();
                    }
                    let mut answer = Vec::new();
                    to.read_to_end(&mut answer).unwrap();
                    if asked.starts_with(b"POST /port/submit") {
                        count.fetch_add(1, Ordering::SeqCst);
                        if lose.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
                            return;
                        }
                    }
                    let _ = client.write_all(&answer);
                });
            }
        });
        Self { address, left, commands }
    }
}

/// A server on a directory of its own, and a file with its token.
struct Served {
    folder: tempfile::TempDir,
    _server: Running,
}

impl Served {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let mut command = Command::new(program());
        command.arg("--data").arg(&data).args(["up", "--listen", "127.0.0.1:0"]).stderr(Stdio::null());
        let server = Running::start("the server", &mut command);
        await_server(&data);
        let served = Self { folder, _server: server };
        std::fs::write(served.token(), served.announced("token")).unwrap();
        served
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn token(&self) -> PathBuf {
        self.folder.path().join("token")
    }

    fn announced(&self, what: &str) -> String {
        let text = std::fs::read(self.data().join("server.json")).unwrap();
        serde_json::from_slice::<Value>(&text).unwrap()[what].as_str().unwrap().to_owned()
    }

    /// The records of the log.
    fn records(&self) -> usize {
        let journal = rondo_tests::events(&self.data());
        journal.values().map(Vec::len).sum()
    }

    fn grants(&self, server: &str, who: &str, more: &[&str]) -> Output {
        let token = self.token().display().to_string();
        let mut args = vec!["--server", server, "--token-file", &token, "--output", "json"];
        args.extend(["person", "grant", who, "auditor"]);
        args.extend(more);
        run(self.folder.path().join("elsewhere"), &args)
    }
}

#[test]
fn a_command_whose_answer_is_lost_is_sent_again_under_its_id_and_acts_once() {
    let served = Served::start();
    let loses = Loses::answers(&served.announced("url"));
    loses.left.store(2, Ordering::SeqCst);
    let done = served.grants(&loses.address, "ana", &[]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(
        (loses.commands.load(Ordering::SeqCst), served.records()),
        (3, 1),
        "it was sent three times and acted once"
    );

    loses.left.store(1_000, Ordering::SeqCst);
    let done = served.grants(&loses.address, "ben", &[]);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(75), "{said}");
    let error: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!(error["code"], "ledger.unreachable", "{said}");
    let sentence = error["error"].as_str().unwrap();
    assert!(sentence.contains("Nobody knows whether it was recorded"), "{sentence}");
    assert!(!sentence.to_lowercase().contains("nothing was recorded"), "it was, and nobody knows: {sentence}");
    let again = sentence.rsplit("--again ").next().unwrap();
    assert_eq!(served.records(), 2, "it was recorded, and nobody could know");
    loses.left.store(0, Ordering::SeqCst);
    let done = served.grants(&loses.address, "ben", &["--again", again]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(served.records(), 2, "the same again acts once");
}

#[test]
fn the_token_goes_to_the_address_that_announced_it_and_to_nobody_else() {
    let served = Served::start();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let elsewhere = format!("http://{}", listener.local_addr().unwrap());
    let hears = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let asked = request(&mut stream);
        stream.write_all(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
        String::from_utf8_lossy(&asked).into_owned()
    });
    let done = run(served.data(), &["--server", &elsewhere, "round", "list"]);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(!done.status.success() && said.contains("--token-file"), "{said}");
    let (asked, token) = (hears.join().unwrap(), served.announced("token"));
    assert!(asked.starts_with("GET /port/") && !asked.contains(&token), "{asked}");
    assert!(!asked.to_lowercase().contains("authorization"), "{asked}");
    let here = format!("{}/", served.announced("url"));
    let done = run(served.data(), &["--server", &here, "round", "list"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// What the program says of a configuration, on both its outputs.
fn says(config: &Path, args: &[&str]) -> String {
    let done = Command::new(program()).arg("--config").arg(config).args(args).output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr))
}

#[test]
fn a_password_in_the_brokers_address_is_shown_nowhere() {
    const PASSWORD: &str = "hunter2-of-the-broker";
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("rondo.toml");
    // Nobody listens on port 1.
    let url = format!("nats://ledger:{PASSWORD}@127.0.0.1:1");
    let text =
        format!("[ledger]\ndata = {:?}\n[bus]\nurl = {url:?}\n[log]\nfilter = \"trace\"\n", folder.path().join("data"));
    std::fs::write(&config, text).unwrap();
    let shown = ["--output", "json"];
    for args in [
        &["config", "show"][..],
        &[shown[0], shown[1], "config", "show"],
        &["config", "check"],
        &["run", "ledger"],
        &["run", "gateway", "--nats", &url],
        &[shown[0], shown[1], "run", "scheduler"],
    ] {
        let said = says(&config, args);
        assert!(!said.is_empty() && !said.contains(PASSWORD), "{args:?}: {said}");
    }
    assert!(says(&config, &["config", "show"]).contains("nats://…@127.0.0.1:1"));
}
