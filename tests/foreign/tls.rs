//! A certificate authority of our own, made by OpenSSL, and a server beside ours that speaks TLS and hands on what it hears.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rondo_tests::root;

/// A private authority and the certificate that it gave to 127.0.0.1.
pub struct Authority {
    folder: tempfile::TempDir,
}

impl Authority {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Self { folder };
        let extensions = "basicConstraints=CA:FALSE\nsubjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n";
        std::fs::write(authority.path("extensions"), extensions).unwrap();
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
        let ca = ["-x509", "-days", "2", "-subj", "/CN=an authority", "-keyout", "ca.key", "-out", "ca.pem"];
        authority.openssl(&[&["req"], &key[..], &ca[..], &["-addext", "keyUsage=keyCertSign"]].concat());
        let request = ["-subj", "/CN=a server", "-keyout", "server.key", "-out", "server.csr"];
        authority.openssl(&[&["req"], &key[..], &request[..]].concat());
        let signed = ["x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
        authority.openssl(&[&signed[..], &["-days", "2", "-extfile", "extensions", "-out", "server.pem"]].concat());
        authority
    }

    fn openssl(&self, args: &[&str]) {
        let done = Command::new("openssl").args(args).current_dir(self.folder.path()).output().unwrap();
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The file that whoever trusts it is given.
    pub fn ca(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// Certificate and key of the server.
    pub fn server(&self) -> [PathBuf; 2] {
        [self.path("server.pem"), self.path("server.key")]
    }
}

/// A process of the test that says its addresses in its first line.
pub struct Helper {
    child: Child,
    pub said: String,
}

impl Helper {
    /// Starts a script of `tests/foreign`.
    pub fn start(script: &str, args: &[&Path]) -> Self {
        let python = root().join("target/tools/foreign/bin/python");
        let mut command = Command::new(python);
        command.arg(root().join("tests/foreign").join(script)).args(args).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        Self { child, said: said.trim().to_owned() }
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
