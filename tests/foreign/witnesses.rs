//! A witness made of other people's parts: it cosigns a log that goes on, and neither a branch nor an older copy of it.

use std::path::Path;
use std::process::{Command, Output};

use rondo_testkit::process::{Running, free_port};

use crate::tls::{Authority, Helper};
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

/// A log in a data directory, under a configuration that names its witness.
struct Watched {
    data: String,
    config: String,
}

impl Watched {
    /// A copy of the played log, watched by whoever is in the policy.
    fn copy(played: &Played, from: &str, name: &str, policy: &str, ca: Option<&Path>) -> Self {
        let (data, config) = (played.path(name), played.path(&format!("{name}.toml")));
        assert!(Command::new("cp").arg("-r").args([from, &data]).status().unwrap().success());
        let watched = Self { data, config };
        watched.watch(policy, ca);
        watched
    }

    fn watch(&self, policy: &str, ca: Option<&Path>) {
        let file = format!("{}.policy", self.config);
        std::fs::write(&file, policy).unwrap();
        let ca = ca.map(|ca| format!("ca-file = {ca:?}\n")).unwrap_or_default();
        std::fs::write(&self.config, format!("[witness]\npolicy = {file:?}\nevery-seconds = 1\n{ca}")).unwrap();
    }

    fn run(&self, args: &[&str]) -> Output {
        run(&[&["--data", &self.data, "--config", &self.config], args].concat())
    }

    /// Asks the witnesses; gives the status and what was said.
    fn asks(&self) -> (Option<i32>, String) {
        told(&self.run(&["audit", "witness", "--policy", &format!("{}.policy", self.config)]))
    }

    /// One more record.
    fn goes_on(&self, person: &str) -> (Option<i32>, String) {
        told(&self.run(&["person", "grant", person, "auditor"]))
    }

    /// A start that has to end by itself.
    fn starts(&self) -> (Option<i32>, String) {
        told(&self.run(&["up", "--listen", "127.0.0.1:0"]))
    }

    fn checkpoint(&self) -> String {
        std::fs::read_to_string(Path::new(&self.data).join("checkpoint")).unwrap()
    }
}

fn told(done: &Output) -> (Option<i32>, String) {
    let text = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    (done.status.code(), text)
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..400 {
        if is_so() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("{what} did not come");
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
    assert_eq!(branch.goes_on("bo").0, Some(0));
    let (status, said) = branch.starts();
    assert!(status == Some(3) && said.contains("does not extend"), "{said}");

    let restored = copy("restored", &log.data);
    std::fs::write(Path::new(&restored.data).join("restored"), "restored\n").unwrap();
    restored.watch(&witness.policy_at(&vkey, &format!("https://127.0.0.1:{}", free_port())), Some(&ca));
    let before = restored.checkpoint();
    for (status, said) in [restored.goes_on("chan"), restored.starts()] {
        assert!(status == Some(75) && said.contains("too few of its witnesses"), "{said}");
    }
    assert_eq!(restored.checkpoint(), before);
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
    let before = twin.checkpoint();
    let (status, said) = twin.goes_on("bo");
    assert!(status == Some(75) && said.contains("this is an older copy"), "{said}");
    assert!(health().contains("\"degraded\""), "{}", health());
    Command::new("kill").args(["-TERM", &server.id().to_string()]).status().unwrap();
    server.wait(20);
    assert_eq!(twin.checkpoint(), before, "not even the end signs");
}
