//! A house: ledger, scheduler, validator, reminder and publisher as they run in `rondo up`, with a clock of the test's own.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rondo_domain::network::{Grant, NetworkCommand};
use rondo_domain::notice::Notice;
use rondo_domain::participation::{
    Channel, Participation, ParticipationCommand, ReceivedFile, ReceivedSubmission, SubmissionState,
};
use rondo_domain::release::{ReleaseCommand, ReleaseState};
use rondo_domain::round::{Pin, RoundCommand};
use rondo_domain::workflow::Bundle;
use rondo_domain::world::World;
use rondo_domain::{Command, CommandId, Country, FileHash, PersonId, Reason, Rejection, Role, RoundId, Wish};
use rondo_eventlog::{Accepted, Ledger, SubmitError, files, ledger};
use rondo_ledger::LedgerConfig;
use rondo_runtime::alarm::AlarmCode;
use rondo_runtime::chance::SystemChance;
use rondo_runtime::clock::{Clock, PacedClock};
use rondo_runtime::config::{Config, MailSection, MailTransport};
use rondo_runtime::lifecycle::Lifecycle;
use rondo_runtime::patient::Patient;
use rondo_runtime::progress::{Board, Progress};
use tokio::sync::oneshot;

pub const ROUND: &str = "ilms-asean-2025";
const ROLES: [&str; 4] = rondo_domain::Service::ACTING_NAMES;
/// The launch of the round: 15 September 2025, 09:00 in Bangkok.
pub const LAUNCH: &str = "2025-09-15T02:00:00Z";

/// The figures that Lao PDR published for 2023, with women to Korea as 1.702 for 1.072.
pub fn lao_2023(women_to_korea: &str) -> Vec<u8> {
    let all = std::fs::read_to_string(rondo_tests::root().join("workflows/ilms-asean/demo/files/lao.csv")).unwrap();
    let rows = all.lines().enumerate().filter(|(n, line)| *n == 0 || line.contains(",2023,"));
    let text: String = rows.map(|(_, line)| format!("{line}\n")).collect();
    text.replace(",1.702,", &format!(",{women_to_korea},")).into_bytes()
}

pub struct House {
    pub folder: tempfile::TempDir,
    pub ledger: Arc<dyn Ledger>,
    pub clock: PacedClock,
    board: Board,
    acts: std::sync::atomic::AtomicU32,
    done: oneshot::Sender<()>,
    running: tokio::task::JoinHandle<()>,
}

impl House {
    /// A house with a launched round, and mail into a folder.
    pub async fn open() -> Self {
        Self::with_mail(MailSection::default()).await
    }

    /// A house with a launched round whose mail leaves like this.
    pub async fn with_mail(mail: MailSection) -> Self {
        let house = Self::before_launch(mail).await;
        house.move_to(LAUNCH).await;
        house.rest().await;
        house
    }

    /// A house with a round that is configured and not yet launched.
    pub async fn before_launch(mail: MailSection) -> Self {
        Self::before_launch_of(mail, &rondo_tests::bundle("ilms-asean")).await
    }

    /// The same on another workflow.
    pub async fn with_bundle(mail: MailSection, bundle: &Bundle) -> Self {
        let house = Self::before_launch_of(mail, bundle).await;
        house.move_to("2025-09-15T03:00:00Z").await;
        house
    }

    async fn before_launch_of(mail: MailSection, bundle: &Bundle) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let clock = PacedClock::new("2025-09-01T00:00:00Z".parse().unwrap());
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let opened = rondo_ledger::open(&LedgerConfig {
            data: data.clone(),
            origin: "test.example/log".to_owned(),
            clock: Arc::clone(&shared),
            chance: Arc::new(SystemChance),
        })
        .unwrap();
        let ledger: Arc<dyn Ledger> = Arc::new(opened.handle.clone());
        let mut config = Config { mail, ..Config::default() };
        config.ledger.data.clone_from(&data);
        std::fs::write(config.in_data(&config.mail.people), people()).unwrap();
        let board = Board::default();
        let mut lifecycle = Lifecycle::default();
        start(&mut lifecycle, &config, &ledger, &shared, &board);
        let stop = lifecycle.stop();
        lifecycle.spawn("ledger", opened.run(stop));
        let (done, finished) = oneshot::channel();
        let running = tokio::spawn(async move {
            let until = async move {
                let _ = finished.await;
            };
            lifecycle.run(until).await.unwrap();
        });
        let acts = std::sync::atomic::AtomicU32::new(0);
        let house = Self { folder, ledger, clock, board, acts, done, running };
        house.set_up(bundle).await;
        house
    }

    async fn set_up(&self, bundle: &Bundle) {
        let people = [
            ("coordinator", Role::RegionalCoordinator, None),
            ("manager", Role::CollectionManager, None),
            ("checker", Role::Validator, None),
            ("publisher-person", Role::Publisher, None),
            ("lao-one", Role::FocalPoint, Some("LAO")),
            ("lao-two", Role::FocalPoint, Some("LAO")),
            ("lao-coordinator", Role::NationalCoordinator, Some("LAO")),
        ];
        for (person, role, country) in people {
            let country = country.map(|code| code.parse().unwrap());
            let grant = Grant::of(role, country);
            let command = NetworkCommand::GrantRole { person: person.parse().unwrap(), grant };
            self.act("operator", Wish::Network { command }).await.unwrap();
        }
        let hash = files::store(&*self.ledger, &bundle.to_bytes()).await.unwrap();
        let pin = Pin { workflow: "ilms-asean".parse().unwrap(), bundle: hash };
        self.round("coordinator", RoundCommand::Plan { pin, year: 2025, title: "ILMS in ASEAN 2025".to_owned() }).await;
        self.rest().await;
    }

    /// Sends a command for a person.
    pub async fn act(&self, person: &str, wish: Wish) -> Result<Accepted, Rejection> {
        let act = self.acts.fetch_add(1, std::sync::atomic::Ordering::Relaxed).to_string();
        let command = Command::of(CommandId::of(&["test", person, &act]), person.parse().unwrap(), wish);
        match self.ledger.submit(command).await {
            Ok(accepted) => Ok(accepted),
            Err(SubmitError::Rejected(rejection)) => Err(rejection),
            Err(SubmitError::Fault(fault)) => panic!("{fault}"),
        }
    }

    pub async fn round(&self, person: &str, command: RoundCommand) {
        self.act(person, Wish::Round { round: round(), command }).await.unwrap();
    }

    pub async fn lao(&self, person: &str, command: ParticipationCommand) -> Result<Accepted, Rejection> {
        self.act(person, Wish::Participation { round: round(), country: lao(), command }).await
    }

    pub async fn release(&self, person: &str, command: ReleaseCommand) -> Result<Accepted, Rejection> {
        let release = format!("{ROUND}.1").parse().unwrap();
        self.act(person, Wish::Release { release, command }).await
    }

    /// Stores a file and records its arrival, without waiting for its check.
    pub async fn send(
        &self,
        person: &str,
        id: &str,
        bytes: &[u8],
        reason: Option<Reason>,
    ) -> Result<Accepted, Rejection> {
        let sha256 = files::store(&*self.ledger, bytes).await.unwrap();
        let file = ReceivedFile { sha256, name: "lao.csv".to_owned(), size: bytes.len() as u64 };
        let submission = id.parse().unwrap();
        let channel = Channel::Upload;
        let (institution, source) = (None, None);
        let receive = ParticipationCommand::Receive { submission, file, channel, institution, reason, source };
        self.lao(person, receive).await
    }

    /// Waits until every role has acted on everything and has nothing due.
    pub async fn rest(&self) {
        for _ in 0..120_000 {
            let size = self.ledger.head().await.unwrap().size;
            if self.board.is_quiet(&ROLES, size, self.clock.now()) && self.ledger.head().await.unwrap().size == size {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("the roles did not come to rest: {:?}", self.board.places());
    }

    /// What an operator has to look at.
    pub fn alarms(&self) -> std::collections::BTreeMap<AlarmCode, String> {
        self.board.alarms().into_iter().map(|alarm| (alarm.code, alarm.says)).collect()
    }

    /// Moves the clock from one due thing to the next.
    pub async fn move_to(&self, time: &str) {
        let to: Timestamp = time.parse().unwrap();
        loop {
            self.rest().await;
            let now = self.clock.now();
            if now >= to {
                return;
            }
            let next = self.board.next_due(&ROLES).filter(|next| *next > now).unwrap_or(to);
            self.clock.advance(next.min(to));
        }
    }

    pub async fn world(&self) -> World {
        let mut world = World::of(&World::WITHOUT_FIGURES);
        for kind in ["network", "round/", "participation/", "notice/", "release/", "run/"] {
            for record in ledger::read_all(&*self.ledger, kind).await.unwrap() {
                world.apply(&record.stream, &record.event, &record.stamp());
            }
        }
        world
    }

    pub async fn participation(&self) -> Participation {
        self.world().await.participation(&round(), &lao()).unwrap().clone()
    }

    pub async fn submission(&self, id: &str) -> ReceivedSubmission {
        self.participation().await.submissions[&id.parse().unwrap()].clone()
    }

    /// Sends a file and waits until it was checked.
    pub async fn sent_and_checked(
        &self,
        person: &str,
        id: &str,
        bytes: &[u8],
        reason: Option<Reason>,
    ) -> SubmissionState {
        self.send(person, id, bytes, reason).await.unwrap();
        self.rest().await;
        self.submission(id).await.state
    }

    /// Every value that women to Korea in 2023 had, with who wrote it.
    pub async fn life(&self) -> Vec<(String, String)> {
        use rondo_domain::event::Event;
        use rondo_domain::figure::FiguresEvent;
        let mut life = Vec::new();
        for record in ledger::read_all(&*self.ledger, "figures/LAO/MNA_OEMP_SEX_CDS_NB/2023/").await.unwrap() {
            let Event::Figures(FiguresEvent::FiguresRecorded { cells, .. }) = &record.event else { continue };
            for change in cells.iter().filter(|change| change.key.to_string() == "SEX_F/CDS_DES_KOR") {
                life.push((change.is.to_string(), record.actor.id.to_string()));
            }
        }
        life
    }

    pub async fn notices(&self) -> Vec<Notice> {
        self.world().await.notices(&round()).into_iter().map(|(_, notice)| notice.clone()).collect()
    }

    pub async fn release_state(&self) -> ReleaseState {
        self.world().await.release(&format!("{ROUND}.1").parse().unwrap()).map_or(ReleaseState::Unprepared, |r| r.state)
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Whether the received bytes are kept under their hash.
    pub fn keeps(&self, bytes: &[u8]) -> bool {
        let hash = FileHash::of(bytes).to_string();
        self.data().join("files").join(&hash[..2]).join(&hash).exists()
    }

    /// Ends every role in order.
    pub async fn close(self) {
        self.leave().await;
    }

    /// Ends it, and leaves its data.
    pub async fn leave(self) -> (PathBuf, tempfile::TempDir) {
        let data = self.data();
        self.done.send(()).unwrap();
        self.running.await.unwrap();
        (data, self.folder)
    }
}

fn start(lifecycle: &mut Lifecycle, config: &Config, ledger: &Arc<dyn Ledger>, clock: &Arc<dyn Clock>, board: &Board) {
    let stop = lifecycle.stop();
    let port: Arc<dyn Ledger> = Arc::new(Patient::new(Arc::clone(ledger), stop.clone()));
    let progress: Arc<dyn Progress> = Arc::new(board.clone());
    let of = || (Arc::clone(&port), Arc::clone(&progress), stop.clone());
    let (port_, progress_, stop_) = of();
    lifecycle.spawn("scheduler", rondo_scheduler::run(port_, Arc::clone(clock), progress_, None, stop_));
    let (port_, progress_, stop_) = of();
    lifecycle.spawn("validator", rondo_validator::run(port_, progress_, stop_));
    let (port_, progress_, stop_) = of();
    let releases = config.in_data(&config.publish.folder);
    std::fs::create_dir_all(&releases).unwrap();
    lifecycle.spawn("publisher", rondo_publisher::run(port_, releases, progress_, stop_));
    let (port_, progress_, stop_) = of();
    let parts = rondo_reminder::Parts {
        ledger: port_,
        clock: Arc::clone(clock),
        progress: progress_,
        transport: rondo_reminder::transport::from_config(config).unwrap(),
        signer: rondo_reminder::transport::Signer::from_config(&config.mail).unwrap(),
        returns: rondo_reminder::ReturnPath::from_config(config, &rondo_runtime::chance::SystemChance).unwrap(),
        inbox: Some(config.in_data(&config.mail.inbox)),
        mail: config.mail.clone(),
        people: Arc::new(config.in_data(&config.mail.people)),
    };
    lifecycle.spawn("reminder", rondo_reminder::run(parts, stop_));
}

fn people() -> String {
    let ids = ["coordinator", "manager", "checker", "publisher-person", "lao-one", "lao-two", "lao-coordinator"];
    ids.iter().map(|id| format!("[person.{id}]\nname = \"{id}\"\nemail = \"{id}@example.org\"\n")).collect()
}

pub fn round() -> RoundId {
    ROUND.parse().unwrap()
}

pub fn lao() -> Country {
    "LAO".parse().unwrap()
}

pub fn person(id: &str) -> PersonId {
    id.parse().unwrap()
}

/// A mail section for an SMTP server on this port.
pub fn smtp(port: u16) -> MailSection {
    MailSection { transport: MailTransport::Smtp, host: "127.0.0.1".to_owned(), port, ..MailSection::default() }
}

/// The reason of a correction.
pub fn because(text: &str) -> Option<Reason> {
    Some(Reason { code: rondo_domain::ReasonCode::ErrorInEntry, text: text.to_owned() })
}
