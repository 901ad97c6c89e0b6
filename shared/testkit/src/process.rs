//! Processes that tests start: each on a port of its own, ended by its own id when it is dropped.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rondo_domain::{Actor, Service};
use rondo_runtime::secret::Address;

/// A process that ends when this is dropped.
pub struct Running {
    child: Child,
    /// What it is, for messages.
    pub name: String,
}

impl Running {
    /// Starts it.
    pub fn start(name: &str, command: &mut Command) -> Self {
        let child = command.stdin(Stdio::null()).spawn().unwrap_or_else(|e| panic!("{name} cannot be started: {e}"));
        Self { child, name: name.to_owned() }
    }

    /// Its process number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it at once, as a power cut would, and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for its end, at most this many seconds.
    pub fn wait(&mut self, seconds: u64) -> std::process::ExitStatus {
        for _ in 0..seconds * 20 {
            if let Some(status) = self.child.try_wait().expect("it can be asked") {
                return status;
            }
            sleep(Duration::from_millis(50));
        }
        panic!("{} did not end within {seconds} seconds", self.name);
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port on loopback that nobody listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener.local_addr().expect("it is bound").port()
}

/// Waits until somebody listens on a port.
pub fn await_port(name: &str, port: u16) {
    for _ in 0..200 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return;
        }
        sleep(Duration::from_millis(50));
    }
    panic!("{name} does not listen on port {port}");
}

/// The folder of fetched tools, which `tests/run` fills.
pub fn tools() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools")
}

/// A real nats-server on a port of its own.
pub struct Broker {
    /// The process.
    pub process: Running,
    /// Its address.
    pub url: String,
}

impl Broker {
    /// Its address, for a client.
    pub fn address(&self) -> Address {
        Address::new(self.url.clone())
    }

    /// The password of each user of `deploy/nats.conf` in tests.
    pub fn password(user: &str) -> String {
        format!("a password of {user}")
    }

    /// Starts one, with a configuration file if one is given.
    pub fn start(config: Option<&Path>) -> Self {
        Self::start_at(free_port(), config)
    }

    /// Starts one on this port.
    pub fn start_at(port: u16, config: Option<&Path>) -> Self {
        Self::start_with(port, config, &[])
    }

    /// Starts one on this port that keeps streams in this folder.
    pub fn with_store(port: u16, store: &Path) -> Self {
        let broker = Self::start_with(port, None, &["-js", "-sd", &store.display().to_string()]);
        for _ in 0..200 {
            if store.exists() {
                break;
            }
            sleep(Duration::from_millis(50));
        }
        broker
    }

    fn start_with(port: u16, config: Option<&Path>, more: &[&str]) -> Self {
        let server = tools().join("nats-server");
        assert!(server.exists(), "{} is missing; run tests/run, which fetches it", server.display());
        let mut command = Command::new(server);
        command
            .args(["-a", "127.0.0.1", "-p", &port.to_string()])
            .args(more)
            .stderr(Stdio::null())
            .stdout(Stdio::null());
        if let Some(config) = config {
            command.arg("-c").arg(config);
            for user in Service::NAMES.into_iter().chain([Actor::OPERATOR]) {
                command.env(format!("RONDO_{}_PASSWORD", user.to_uppercase()), format!("{:?}", Self::password(user)));
            }
        }
        let process = Running::start("nats-server", &mut command);
        await_port("nats-server", port);
        Self { process, url: format!("nats://127.0.0.1:{port}") }
    }
}

/// A real SMTP server (aiosmtpd) with STARTTLS and authentication, which keeps each mail as a file.
pub struct MailServer {
    /// The process.
    pub process: Running,
    /// Its port.
    pub port: u16,
    /// Where it keeps mails.
    pub mails: PathBuf,
    /// Its certificate.
    pub certificate: PathBuf,
}

impl MailServer {
    /// The user name it knows.
    pub const USER: &'static str = "ilms";
    /// Its password.
    pub const PASSWORD: &'static str = "a password of a test";

    /// Starts one in a folder.
    pub fn start(folder: &Path) -> Self {
        Self::start_at(folder, free_port())
    }

    /// Starts one in a folder, on this port.
    pub fn start_at(folder: &Path, port: u16) -> Self {
        Self::start_with(folder, port, "localhost", &[])
    }

    /// Starts one in a folder, on this port, whose certificate is for this name, and which behaves so: `plain` without any TLS, `tls`
    /// with it from the first byte on, `no-login` without a way to sign in.
    pub fn start_with(folder: &Path, port: u16, name: &str, manners: &[&str]) -> Self {
        let mails = folder.join("mails");
        std::fs::create_dir_all(&mails).expect("the folder can be made");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("mail_server.py");
        let python = tools().join("python/bin/python3");
        assert!(python.exists(), "{} is missing; run tests/run, which makes it", python.display());
        let (key, certificate) = (folder.join("key.pem"), folder.join("certificate.pem"));
        let here = if name == "localhost" { ",IP:127.0.0.1" } else { "" };
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj"])
            .arg(format!("/CN={name}"))
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .args(["-addext", &format!("subjectAltName=DNS:{name}{here}"), "-keyout"])
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .stderr(Stdio::null())
            .status()
            .expect("openssl can be run");
        assert!(made.success(), "openssl made no certificate");
        let process = Running::start(
            "aiosmtpd",
            Command::new(python)
                .arg(script)
                .arg(port.to_string())
                .args([&mails, &certificate, &key])
                .args([Self::USER, Self::PASSWORD])
                .args(manners)
                .stderr(Stdio::null()),
        );
        await_port("aiosmtpd", port);
        Self { process, port, mails, certificate }
    }

    /// How many connections were made to it, without the one by which its start was noticed.
    pub fn connections(&self) -> usize {
        let told = std::fs::read_to_string(self.mails.with_file_name("connections")).unwrap_or_default();
        told.lines().count().saturating_sub(1)
    }

    /// Lets it begin or end to behave so from now on: `hang` or `cut`.
    pub fn behaves(&self, how: &str, so: bool) {
        let file = self.mails.with_file_name(how);
        let done = if so { std::fs::write(&file, "") } else { std::fs::remove_file(&file) };
        done.expect("the folder of the server can be written");
    }
}
