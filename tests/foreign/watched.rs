//! A log that is watched by a witness.

use std::path::Path;
use std::process::{Command, Output};

use crate::{Played, run};

/// A log in a data directory, under a configuration that names its witness.
pub struct Watched {
    pub data: String,
    pub config: String,
}

impl Watched {
    /// A copy of the played log, watched by whoever is in the policy.
    pub fn copy(played: &Played, from: &str, name: &str, policy: &str, ca: Option<&Path>) -> Self {
        let (data, config) = (played.path(name), played.path(&format!("{name}.toml")));
        assert!(Command::new("cp").arg("-r").args([from, &data]).status().unwrap().success());
        let watched = Self { data, config };
        watched.watch(policy, ca);
        watched
    }

    pub fn watch(&self, policy: &str, ca: Option<&Path>) {
        let file = format!("{}.policy", self.config);
        std::fs::write(&file, policy).unwrap();
        let ca = ca.map(|ca| format!("ca-file = {ca:?}\n")).unwrap_or_default();
        std::fs::write(&self.config, format!("[witness]\npolicy = {file:?}\nevery-seconds = 1\n{ca}")).unwrap();
    }

    pub fn run(&self, args: &[&str]) -> Output {
        run(&[&["--data", &self.data, "--config", &self.config], args].concat())
    }

    /// Asks the witnesses; gives the status and what was said.
    pub fn asks(&self) -> (Option<i32>, String) {
        told(&self.run(&["audit", "witness", "--policy", &format!("{}.policy", self.config)]))
    }

    /// One more record.
    pub fn goes_on(&self, person: &str) -> (Option<i32>, String) {
        told(&self.run(&["person", "grant", person, "auditor"]))
    }

    /// A start that has to end by itself.
    pub fn starts(&self) -> (Option<i32>, String) {
        told(&self.run(&["up", "--listen", "127.0.0.1:0"]))
    }

    /// The code of the refusal of one more record.
    pub fn code_of_going_on(&self, person: &str) -> String {
        let done = self.run(&["person", "grant", person, "auditor", "--output", "json"]);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        let error = said.lines().rev().find_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        error.expect("a document").get("code").and_then(|code| code.as_str()).expect("a code").to_owned()
    }

    /// How many records the journal holds.
    pub fn records(&self) -> usize {
        rondo_tests::records(Path::new(&self.data)).len()
    }

    pub fn contradiction(&self) -> std::path::PathBuf {
        Path::new(&self.data).join("contradiction")
    }

    pub fn checkpoint(&self) -> String {
        std::fs::read_to_string(Path::new(&self.data).join("checkpoint")).unwrap()
    }
}

/// The status and what was said.
pub fn told(done: &Output) -> (Option<i32>, String) {
    let text = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    (done.status.code(), text)
}

/// Waits for something that comes by itself.
pub fn until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..400 {
        if is_so() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("{what} did not come");
}

/// What a witness is told to do, by the file that holds its key of the log.
pub struct Steered(pub String);

impl Steered {
    /// Holds the next checkpoint that it is asked to cosign.
    pub fn hold(&self) {
        std::fs::write(format!("{}.hold", self.0), "").unwrap();
    }

    /// Whether it holds one.
    pub fn holds(&self) -> bool {
        std::fs::exists(format!("{}.held", self.0)).unwrap()
    }

    /// Judges what it holds.
    pub fn lets_go(&self) {
        std::fs::remove_file(format!("{}.held", self.0)).unwrap();
    }

    /// Shows nothing of what it has seen from now on, or again.
    pub fn is_silent(&self, silent: bool) {
        let path = format!("{}.silent", self.0);
        if silent { std::fs::write(path, "").unwrap() } else { std::fs::remove_file(path).unwrap() }
    }

    /// Takes another key of the log as well, and remembers what it saw.
    pub fn takes(&self, vkey: &str) {
        let keys = std::fs::read_to_string(&self.0).unwrap();
        std::fs::write(&self.0, format!("{}\n{}\n", keys.trim(), vkey.trim())).unwrap();
    }
}
