//! One round in one process, and the same round as six processes over NATS with a real mail server: the same figures, byte
//! for byte, and the same history of every figure. Then every role is killed along the way, and nothing changes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rondo_testkit::process::{Broker, MailServer, Running};
use rondo_tests::{history, program};

const ROLES: [&str; 6] = ["ledger", "scheduler", "reminder", "validator", "publisher", "gateway"];

/// A round under fire that takes more kills than this has come to a standstill.
const MOST_KILLS: u32 = 150;

struct Round {
    folder: tempfile::TempDir,
    broker: Broker,
    mail: MailServer,
    roles: BTreeMap<&'static str, Running>,
}

impl Round {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let broker = Broker::start(Some(&rondo_tests::root().join("deploy/nats.conf")));
        let mail = MailServer::start(folder.path());
        let mut round = Self { folder, broker, mail, roles: BTreeMap::new() };
        round.write_config("operator");
        for role in ROLES {
            round.write_config(role);
            round.start_role(role);
        }
        round
    }

    fn config(&self, role: &str) -> PathBuf {
        self.folder.path().join(format!("{role}.toml"))
    }

    /// The ledger's data directory; the other roles, which may run on other machines, have one of their own.
    fn data(&self, role: &str) -> PathBuf {
        self.folder.path().join(if role == "ledger" { "ledger" } else { "others" })
    }

    fn write_config(&self, role: &str) {
        let password = self.folder.path().join("password");
        std::fs::write(&password, MailServer::PASSWORD).unwrap();
        let broker_password = self.folder.path().join(format!("{role}.password"));
        std::fs::write(&broker_password, Broker::password(role)).unwrap();
        let people = self.folder.path().join("people.toml");
        std::fs::write(&people, people_of_the_cast()).unwrap();
        let text = format!(
            "[ledger]\ndata = {data:?}\n[bus]\nurl = {url:?}\npaced-clock = true\nuser = {role:?}\npassword-file = {broker_password:?}\n[mail]\ntransport = \"smtp\"\nhost = \
             \"localhost\"\nport = {port}\nuser = {user:?}\npassword-file = {password:?}\nca-file = {ca:?}\npeople = \
             {people:?}\n[gateway]\nlisten = \"127.0.0.1:0\"\n",
            data = self.data(role),
            url = self.broker.url,
            port = self.mail.port,
            user = MailServer::USER,
            ca = self.mail.certificate,
        );
        std::fs::write(self.config(role), text).unwrap();
    }

    fn start_role(&mut self, role: &'static str) {
        let mut command = Command::new(program());
        command.args(["run", role, "--config"]).arg(self.config(role)).stderr(Stdio::null());
        self.roles.insert(role, Running::start(role, &mut command));
    }

    fn conductor(&self) -> Running {
        let mut command = Command::new(program());
        command.args(["conduct", "--config"]).arg(self.config("operator")).stderr(Stdio::inherit());
        Running::start("the conductor", &mut command)
    }

    /// Ends every process as an operator would, and waits until each is gone.
    fn stop(&mut self) {
        for role in self.roles.values_mut() {
            let asked = Command::new("kill").args(["-TERM", &role.id().to_string()]).status().unwrap();
            assert!(asked.success());
        }
        for role in self.roles.values_mut() {
            role.wait(30);
        }
    }

    fn figures(&self) -> Vec<u8> {
        std::fs::read(self.data("publisher").join("releases/ilms-asean-2025.1/figures.csv")).unwrap()
    }
}

fn people_of_the_cast() -> String {
    let cast = std::fs::read_to_string(rondo_tests::root().join("workflows/ilms-asean/demo/cast.toml")).unwrap();
    let ids = cast.split("[[person]]").skip(1).filter_map(|part| part.split('"').nth(1));
    ids.map(|id| format!("[person.{id}]\nname = \"{id}\"\nemail = \"{id}@example.org\"\n")).collect()
}

fn in_one_process(folder: &Path) -> PathBuf {
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

#[test]
fn the_same_round_in_one_process_and_over_nats_with_roles_killed() {
    let folder = tempfile::tempdir().unwrap();
    let one = in_one_process(folder.path());
    let expected = std::fs::read(one.join("releases/ilms-asean-2025.1/figures.csv")).unwrap();
    let lives = history(&one);
    assert!(lives.len() > 2_000, "{} figures have a history", lives.len());

    let mut round = Round::start();
    let mut conductor = round.conductor();
    assert!(conductor.wait(120).success(), "the round over NATS is played");
    eprintln!("the round was played by six processes");
    round.stop();
    assert_eq!(round.figures(), expected, "the released figures are the same, byte for byte");
    assert_eq!(history(&round.data("ledger")), lives, "and so is the history of every figure");
    assert!(std::fs::read_dir(&round.mail.mails).unwrap().count() > 80, "mail reached the real server");

    let mut round = Round::start();
    let mut conductor = round.conductor();
    let mut killed = 0;
    'play: loop {
        for role in ROLES {
            // Long enough for a role to have come back and done something before the next one goes.
            std::thread::sleep(Duration::from_millis(1_000));
            if !conductor.runs() {
                break 'play;
            }
            assert!(killed < MOST_KILLS, "the round did not come to its end within {killed} kills");
            round.roles.get_mut(role).unwrap().kill();
            round.start_role(role);
            killed += 1;
        }
    }
    assert!(conductor.wait(1).success(), "the round is played though roles were killed {killed} times");
    assert!(killed >= 6, "every role was killed at least once, not {killed} in all");
    eprintln!("{killed} kills of six roles along one round");
    round.stop();
    assert_eq!(round.figures(), expected, "after {killed} kills the released figures are the same");
    assert_eq!(history(&round.data("ledger")), lives, "after {killed} kills the history of every figure is the same");
}
