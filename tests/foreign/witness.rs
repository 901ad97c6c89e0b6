//! A witness in a process of its own, made of other people's parts (aics-tlog).

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rondo_tests::root;

pub struct Witness {
    child: Child,
    url: String,
    vkey: String,
}

impl Witness {
    /// Starts one that knows the log with the key in this file.
    pub fn start(log: &str) -> Self {
        Self::with(log, &[])
    }

    /// The same with a certificate and its key, over TLS.
    pub fn with(log: &str, tls: &[PathBuf]) -> Self {
        let python = root().join("target/tools/foreign/bin/python");
        let mut command = Command::new(python);
        command.arg(root().join("tests/foreign/witness.py")).arg(log).args(tls).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let (url, vkey) = said.trim().split_once(' ').expect("the witness says its address and key");
        let (url, vkey) = (url.to_owned(), vkey.to_owned());
        Self { child, url, vkey }
    }
}

impl Witness {
    /// The policy (C2SP tlog-policy) that asks for its cosignature on this log.
    pub fn policy(&self, vkey: &str) -> String {
        self.policy_at(vkey, &self.url)
    }

    /// The same where it is said to be elsewhere.
    pub fn policy_at(&self, vkey: &str, url: &str) -> String {
        format!("log {}\nwitness one {} {url}\nquorum one\n", vkey.trim(), self.vkey)
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
