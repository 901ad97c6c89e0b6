//! What several tests begin with: a ledger on a clock of the test's own, people, and a launched round of three countries.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rondo_domain::network::{Grant, NetworkCommand};
use rondo_domain::participation::{Channel, ParticipationCommand as P, ReceivedFile};
use rondo_domain::round::{Participant, Pin, RoundCommand, RoundPlan};
use rondo_domain::table::TableNo;
use rondo_domain::{Command, CommandId, Role, RoundId, SubmissionId, Wish};
use rondo_eventlog::{Ledger, SubmitError, files};
use rondo_ledger::LedgerConfig;
use rondo_runtime::chance::SystemChance;
use rondo_runtime::clock::{Clock, PacedClock};
use rondo_runtime::lifecycle::Lifecycle;

pub const COUNTRIES: [&str; 3] = ["LAO", "THA", "VNM"];
pub const TABLE: TableNo = TableNo(17);

#[allow(dead_code, reason = "each test uses its part")]
pub struct Log {
    pub ledger: Arc<dyn Ledger>,
    pub clock: PacedClock,
    acts: u64,
    pub round: RoundId,
    pub opened: rondo_ledger::Opened,
}

#[allow(dead_code, reason = "each test uses its part")]
impl Log {
    /// A new log in a data directory, with people and no round yet.
    pub async fn new(data: &Path) -> Self {
        let mut log = Self::open(data);
        log.people().await;
        log
    }

    /// The log of a data directory as it is.
    pub fn open(data: &Path) -> Self {
        let clock = PacedClock::new("2026-01-01T00:00:00Z".parse().unwrap());
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let opened = rondo_ledger::open(&LedgerConfig {
            data: data.to_owned(),
            origin: "test.example/log".to_owned(),
            clock: shared,
            chance: Arc::new(SystemChance),
        })
        .unwrap();
        let ledger = Arc::new(opened.handle.clone());
        Self { ledger, clock, acts: 0, round: "r".parse().unwrap(), opened }
    }

    /// Ends it well, so that it can be opened again.
    pub async fn end(self) {
        let mut lifecycle = Lifecycle::default();
        let stop = lifecycle.stop();
        lifecycle.spawn("ledger", self.opened.run(stop));
        drop(self.ledger);
        lifecycle.run(std::future::ready(())).await.unwrap();
    }

    /// A command by a person, which was never given before.
    pub fn command(&mut self, person: &str, wish: Wish) -> Command {
        self.acts += 1;
        let id = CommandId::of(&["promise", &self.acts.to_string()]);
        let actor = person.parse().unwrap();
        Command::of(id, actor, wish)
    }

    /// What became of a wish.
    pub async fn tries(&mut self, person: &str, wish: Wish) -> Result<u64, SubmitError> {
        let command = self.command(person, wish);
        self.ledger.submit(command).await.map(|accepted| accepted.count)
    }

    pub async fn act(&mut self, person: &str, wish: Wish) {
        self.tries(person, wish).await.unwrap();
    }

    /// A file of a person is received, and its check begins: figures may be recorded of it.
    pub async fn file(&mut self, person: &str, country: &str, id: &str, bytes: &[u8]) -> SubmissionId {
        let sha256 = files::store(&*self.ledger, bytes).await.unwrap();
        let submission: SubmissionId = id.parse().unwrap();
        let file = ReceivedFile { sha256, name: "f.csv".into(), size: bytes.len() as u64 };
        let (channel, institution) = (Channel::Upload, None);
        let receive =
            P::Receive { submission: submission.clone(), file, channel, institution, reason: None, source: None };
        self.of(person, country, receive).await;
        self.of("scheduler", country, P::RequestCheck { submission: submission.clone() }).await;
        submission
    }

    pub async fn in_round(&mut self, person: &str, command: RoundCommand) {
        self.act(person, Wish::Round { round: self.round.clone(), command }).await;
    }

    pub async fn of(&mut self, person: &str, country: &str, command: P) {
        let country = country.parse().unwrap();
        self.act(person, Wish::Participation { round: self.round.clone(), country, command }).await;
    }

    /// A focal point in each country, another in Laos, and a coordinator.
    async fn people(&mut self) {
        let focal =
            COUNTRIES.map(|country| (format!("{}-focal", country.to_lowercase()), Role::FocalPoint, Some(country)));
        let others = [
            ("lao-other".to_owned(), Role::FocalPoint, Some("LAO")),
            ("coordinator".to_owned(), Role::RegionalCoordinator, None),
        ];
        for (person, role, country) in focal.into_iter().chain(others) {
            let grant = Grant::of(role, country.map(|code| code.parse().unwrap()));
            let command = NetworkCommand::GrantRole { person: person.parse().unwrap(), grant };
            self.act("operator", Wish::Network { command }).await;
        }
    }

    /// A launched round in which three countries take part.
    pub async fn begin_round(&mut self, n: u64) {
        self.round = format!("r{n}").parse().unwrap();
        let bundle = files::store(&*self.ledger, b"a workflow").await.unwrap();
        let pin = Pin { workflow: "w".parse().unwrap(), bundle };
        self.in_round("coordinator", RoundCommand::Plan { pin, year: 2025, title: "A round".into() }).await;
        let local = jiff::civil::date(2030, 10, 31).at(23, 59, 0, 0);
        let deadline = rondo_tests::moment("2030-10-31T16:59:00Z", local);
        let participants = COUNTRIES
            .map(|code| Participant { country: code.parse().unwrap(), deadline: deadline.clone(), tables: vec![TABLE] })
            .to_vec();
        let plan = RoundPlan { milestones: BTreeMap::new(), participants, reference_years: vec![2023, 2024] };
        self.in_round("coordinator", RoundCommand::Configure { plan }).await;
        self.in_round("coordinator", RoundCommand::Launch).await;
        for country in COUNTRIES {
            self.of("scheduler", country, P::Expect).await;
        }
    }
}
