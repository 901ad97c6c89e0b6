//! A round played by six processes over a real broker, with a real mail server; and the same round in one process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rondo_bus::{BusLedger, Credentials};
use rondo_eventlog::Ledger;
use rondo_runtime::secret::Secret;
use rondo_testkit::process::{Broker, MailServer, Running};
use rondo_tests::program;

pub const ROLES: [&str; 6] = rondo_domain::Service::NAMES;

pub struct Round {
    folder: tempfile::TempDir,
    pub broker: Broker,
    pub mail: MailServer,
    roles: BTreeMap<&'static str, Running>,
    /// Whether a conductor moves the clock.
    paced: bool,
}

impl Round {
    pub fn start() -> Self {
        let mut round = Self::on(&rondo_tests::root().join("deploy/nats.conf"), true);
        round.write_config("operator");
        for role in ROLES {
            round.write_config(role);
            round.start_role(role);
        }
        round
    }

    /// The same, with somebody on the broker who hears everything and is called `watcher`.
    pub fn watched() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = std::fs::read_to_string(rondo_tests::root().join("deploy/nats.conf")).unwrap();
        let watcher = format!("users = [\n    {{ user: watcher, password: {:?} }}", Broker::password("watcher"));
        assert!(config.contains("users = ["));
        let path = folder.path().join("nats.conf");
        std::fs::write(&path, config.replace("users = [", &watcher)).unwrap();
        let mut round = Self::on(&path, true);
        round.write_config("operator");
        for role in ROLES {
            round.write_config(role);
            round.start_role(role);
        }
        round
    }

    /// These roles alone, by the system's clock.
    pub fn of(roles: &[&'static str]) -> Self {
        let mut round = Self::on(&rondo_tests::root().join("deploy/nats.conf"), false);
        for role in roles {
            round.write_config(role);
            round.start_role(role);
        }
        round
    }

    fn on(broker: &Path, paced: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let broker = Broker::start(Some(broker));
        let mail = MailServer::start(folder.path());
        Self { folder, broker, mail, roles: BTreeMap::new(), paced }
    }

    /// The page of a role.
    pub fn config(&self, role: &str) -> PathBuf {
        self.folder.path().join(format!("{role}.toml"))
    }

    /// The ledger's data directory; the other roles, which may run on other machines, have one of their own.
    pub fn data(&self, role: &str) -> PathBuf {
        self.folder.path().join(if ["ledger", "second"].contains(&role) { role } else { "others" })
    }

    fn write_config(&self, role: &str) {
        self.write_config_as(role, role);
    }

    /// The configuration of a role that goes to the broker as this user.
    pub fn write_config_as(&self, role: &str, user: &str) {
        let password = self.folder.path().join("password");
        std::fs::write(&password, MailServer::PASSWORD).unwrap();
        let broker_password = self.folder.path().join(format!("{role}.password"));
        std::fs::write(&broker_password, Broker::password(user)).unwrap();
        let people = self.folder.path().join("people.toml");
        std::fs::write(&people, people_of_the_cast()).unwrap();
        let text = format!(
            "[ledger]\ndata = {data:?}\n[bus]\nurl = {url:?}\npaced-clock = {paced}\nuser = {broker_user:?}\npassword-file = {broker_password:?}\n[mail]\ntransport = \"smtp\"\nhost = \
             \"localhost\"\nport = {port}\nuser = {user:?}\npassword-file = {password:?}\nca-file = {ca:?}\npeople = \
             {people:?}\n[gateway]\nlisten = \"127.0.0.1:0\"\n",
            data = self.data(role),
            paced = self.paced,
            broker_user = user,
            url = self.broker.url,
            port = self.mail.port,
            user = MailServer::USER,
            ca = self.mail.certificate,
        );
        std::fs::write(self.config(role), text).unwrap();
    }

    pub fn start_role(&mut self, role: &'static str) {
        let mut command = Command::new(program());
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log(role)).unwrap();
        let runs = if role == "second" { "ledger" } else { role };
        command.args(["run", runs, "--config"]).arg(self.config(role)).stderr(log);
        self.roles.insert(role, Running::start(role, &mut command));
    }

    /// Sends a signal to a role.
    pub fn signal(&self, role: &str, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.roles[role].id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Starts a second ledger on a copy of the first one's directory.
    pub fn start_second_ledger(&mut self) {
        let copied = Command::new("cp").arg("-a").args([self.data("ledger"), self.data("second")]).status().unwrap();
        assert!(copied.success());
        self.write_config_as("second", "ledger");
        self.start_role("second");
    }

    /// Waits until a role ends by itself, and lets go of it.
    pub fn ended(&mut self, role: &str, seconds: u64) -> std::process::ExitStatus {
        let mut running = self.roles.remove(role).unwrap();
        for _ in 0..seconds * 20 {
            if !running.runs() {
                return running.wait(1);
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("the {role} does not end:\n{}", self.last_words());
    }

    /// Waits until a ledger answers.
    pub fn answers(&self) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let answers = runtime.block_on(async {
            let credentials =
                Some(Credentials { user: "operator".to_owned(), password: Secret::new(Broker::password("operator")) });
            let client = rondo_bus::connect(&self.broker.address(), "operator", credentials).await.unwrap();
            let port = BusLedger::new(client, "operator").await.unwrap();
            for _ in 0..600 {
                if port.head().await.is_ok() {
                    return true;
                }
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            false
        });
        assert!(answers, "no ledger answers:\n{}", self.last_words());
    }

    pub fn conductor(&self) -> Running {
        let mut command = Command::new(program());
        let log = std::fs::File::create(self.log("conductor")).unwrap();
        command.args(["conduct", "--config"]).arg(self.config("operator")).stderr(log);
        Running::start("the conductor", &mut command)
    }

    fn log(&self, role: &str) -> PathBuf {
        self.folder.path().join(format!("{role}.log"))
    }

    /// What the roles said last, for a test that fails.
    pub fn last_words(&self) -> String {
        let words = |role: &&str| {
            let text = std::fs::read_to_string(self.log(role)).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            format!("{role}:\n  {}\n", lines[lines.len().saturating_sub(8)..].join("\n  "))
        };
        ROLES.iter().chain(&["second", "conductor"]).map(words).collect()
    }

    /// Kills a role at once, as a power cut would, and starts it again.
    pub fn kill(&mut self, role: &'static str) {
        self.roles.get_mut(role).unwrap().kill();
        self.start_role(role);
    }

    /// Ends every process as an operator would, and waits until each is gone.
    pub fn stop(&mut self) {
        // One that was just started has to have come so far that it listens.
        std::thread::sleep(std::time::Duration::from_millis(500));
        for role in self.roles.keys() {
            self.signal(role, "-TERM");
        }
        for role in self.roles.values_mut() {
            let ended = role.wait(30);
            assert!(ended.success(), "{} was asked to end and ended with {ended}", role.name);
        }
    }

    pub fn figures(&self) -> Vec<u8> {
        std::fs::read(self.data("publisher").join("releases/ilms-asean-2025.1/figures.csv")).unwrap()
    }
}

fn people_of_the_cast() -> String {
    let cast = std::fs::read_to_string(rondo_tests::root().join("workflows/ilms-asean/demo/cast.toml")).unwrap();
    let ids = cast.split("[[person]]").skip(1).filter_map(|part| part.split('"').nth(1));
    ids.map(|id| format!("[person.{id}]\nname = \"{id}\"\nemail = \"{id}@example.org\"\n")).collect()
}

/// Plays the demonstration in one process, and returns its data directory.
pub fn in_one_process(folder: &Path) -> PathBuf {
    let data = folder.join("one");
    let played = Command::new(program())
        .args(["up", "--demo", "--until-done", "--pace", "0", "--data"])
        .arg(&data)
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(played.success(), "the demonstration ends with status 0");
    data
}
