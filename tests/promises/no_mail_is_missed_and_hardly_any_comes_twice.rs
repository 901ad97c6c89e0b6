//! Promise 14: no mail is missed and hardly any comes twice. The reminder dies at every step of a mail's way to a real mail
//! server of every mood: at least one copy lies there, at the most one more for a crash, all under the same Message-ID.

mod after_trouble;
mod begins_again;
mod changes_nothing;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use rondo_domain::event::Event;
use rondo_domain::network::{Grant, NetworkCommand};
use rondo_domain::notice::{Notice, NoticeEvent, NoticeState};
use rondo_domain::participation::{Channel, ParticipationCommand, ReceivedFile};
use rondo_domain::round::{Pin, RoundCommand};
use rondo_domain::world::World;
use rondo_domain::{Command, CommandId, NoticeId, Role, RoundId, Wish};
use rondo_eventlog::{Accepted, Fault, Ledger, Record, SubmitError, files, ledger};
use rondo_reminder::transport::{self, Outcome, Transport};
use rondo_reminder::{Letter, Reminder};
use rondo_runtime::clock::{Clock, PacedClock};
use rondo_runtime::config::{Config, MailSection, MailTransport};
use rondo_runtime::memory::MemoryLedger;
use rondo_runtime::people::{People, Person};
use rondo_runtime::progress::Board;
use rondo_scheduler::Scheduler;
use rondo_testkit::between::{OnTheWay, between};
use rondo_testkit::process::MailServer;
use tokio::sync::Notify;

/// A minute after the invitation to Lao PDR is due, and gathered.
const INVITED: &str = "2025-09-15T04:03:00Z";

/// Whoever sends commands dies at one of them: before it arrives, or once it was carried out.
struct DiesAt {
    left: AtomicUsize,
    carried_out: bool,
}

#[async_trait]
impl OnTheWay for DiesAt {
    async fn submit(&self, ledger: &dyn Ledger, command: Command) -> Result<Accepted, SubmitError> {
        let dies = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) == Ok(1);
        if dies && !self.carried_out {
            return Err(Fault::Stopped.into());
        }
        let answer = ledger.submit(command).await;
        if dies { Err(Fault::Stopped.into()) } else { answer }
    }
}

/// Where in a sending its user dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    Before,
    /// While the server is being spoken to.
    During,
    After,
}

/// A way for mail to leave in which the first sending is never heard the end of.
struct DiesIn {
    server: Box<dyn Transport>,
    moment: Moment,
    dead: Arc<Notify>,
}

#[async_trait]
impl Transport for DiesIn {
    async fn send(&self, letter: &Letter) -> Outcome {
        match self.moment {
            Moment::Before => {}
            Moment::During => drop(tokio::time::timeout(Duration::from_millis(30), self.server.send(letter)).await),
            Moment::After => drop(self.server.send(letter).await),
        }
        self.dead.notify_one();
        std::future::pending().await
    }
}

/// A round just launched, with one focal point who is to be invited.
struct Stage {
    ledger: Arc<dyn Ledger>,
    clock: PacedClock,
    round: RoundId,
    config: Config,
    address: String,
}

impl Stage {
    async fn new(server: &MailServer, folder: &Path, address: String) -> Self {
        let clock = PacedClock::new("2025-09-14T00:00:00Z".parse().unwrap());
        let ledger: Arc<dyn Ledger> = Arc::new(MemoryLedger::new(Arc::new(clock.clone())));
        let password = folder.join("password");
        std::fs::write(&password, MailServer::PASSWORD).unwrap();
        let mail = MailSection {
            transport: MailTransport::Smtp,
            host: "localhost".to_owned(),
            port: server.port,
            user: Some(MailServer::USER.to_owned()),
            password_file: Some(password),
            ca_file: Some(server.certificate.clone()),
            timeout_seconds: 1,
            ..MailSection::default()
        };
        let round: RoundId = "ilms-asean-2025".parse().unwrap();
        let stage = Self { ledger, clock, round, config: Config { mail, ..Config::default() }, address };
        let grant = |role, country: Option<&str>| Grant::of(role, country.map(|country| country.parse().unwrap()));
        for (who, grant) in [
            ("coordinator", grant(Role::RegionalCoordinator, None)),
            ("lao-focal", grant(Role::FocalPoint, Some("LAO"))),
        ] {
            let command = NetworkCommand::GrantRole { person: who.parse().unwrap(), grant };
            stage.act("operator", Wish::Network { command }).await;
        }
        let bundle = rondo_tests::bundle("ilms-asean");
        let hash = files::store(&*stage.ledger, &bundle.to_bytes()).await.unwrap();
        let pin = Pin { workflow: "ilms-asean".parse().unwrap(), bundle: hash };
        let command = RoundCommand::Plan { pin, year: 2025, title: "ILMS in ASEAN 2025".to_owned() };
        stage.act("coordinator", Wish::Round { round: stage.round.clone(), command }).await;
        stage.schedule().await;
        stage.clock.advance("2025-09-15T04:01:00Z".parse().unwrap());
        stage.schedule().await;
        stage.clock.advance(INVITED.parse().unwrap());
        stage
    }

    async fn act(&self, who: &str, wish: Wish) {
        let id = CommandId::of(&[who, &format!("{wish:?}")]);
        let (actor, role, via) = (who.parse().unwrap(), None, None);
        let command = Command { role, via, ..Command::of(id, actor, wish) };
        self.ledger.submit(command).await.unwrap();
    }

    async fn schedule(&self) {
        let mut scheduler = Scheduler::new(Arc::clone(&self.ledger));
        while scheduler.turn(self.clock.now()).await.unwrap().is_none() {}
    }

    fn reminder(&self, ledger: Arc<dyn Ledger>, transport: Box<dyn Transport>) -> Reminder {
        self.reminder_telling(ledger, transport, Board::default())
    }

    /// One whose progress and alarms are seen.
    fn reminder_telling(&self, ledger: Arc<dyn Ledger>, transport: Box<dyn Transport>, board: Board) -> Reminder {
        Reminder::new(self.parts(ledger, transport, board))
    }

    fn parts(&self, ledger: Arc<dyn Ledger>, transport: Box<dyn Transport>, board: Board) -> rondo_reminder::Parts {
        let person = Person {
            name: "Boua Khai".to_owned(),
            email: self.address.clone(),
            language: "lo".to_owned(),
            phone: None,
        };
        let people = People { person: BTreeMap::from([("lao-focal".parse().unwrap(), person)]) };
        rondo_reminder::Parts {
            ledger,
            clock: Arc::new(self.clock.clone()),
            progress: Arc::new(board),
            transport,
            signer: None,
            returns: None,
            inbox: None,
            mail: self.config.mail.clone(),
            people: Arc::new(Arc::new(people)),
        }
    }

    fn server(&self) -> Box<dyn Transport> {
        transport::from_config(&self.config).unwrap()
    }

    /// Lets a reminder act, hour after hour, until it rests; whether it died on the way.
    async fn remind(&self, mut reminder: Reminder) -> bool {
        for _ in 0..200 {
            match reminder.turn().await {
                Ok(None) => {}
                Ok(Some(idle)) => match idle.next {
                    Some(next) => self.clock.advance(next),
                    None => return false,
                },
                Err(_) => return true,
            }
        }
        panic!("{}: the reminder does not come to rest: {:?}", self.address, self.invitation().await);
    }

    /// The one after the crash, which finds everything in order.
    async fn begin_again(&self) {
        let died = self.remind(self.reminder(Arc::clone(&self.ledger), self.server())).await;
        assert!(!died);
    }

    async fn world(&self) -> World {
        let mut world = World::of(&World::WITHOUT_FIGURES);
        for record in ledger::read_all(&*self.ledger, "notice/").await.unwrap() {
            world.apply(&record.stream, &record.event, &record.stamp());
        }
        world
    }

    async fn invitation(&self) -> Notice {
        let world = self.world().await;
        let notices = world.notices(&self.round);
        assert_eq!(notices.len(), 1, "one person is invited");
        notices[0].1.clone()
    }

    async fn the_notice(&self) -> NoticeId {
        self.world().await.notices(&self.round).remove(0).0
    }
}

/// How many copies of the mail to an address lie at the server, and how many Message-IDs they have.
fn copies(server: &MailServer, address: &str) -> (usize, usize) {
    let mut ids = Vec::new();
    for entry in std::fs::read_dir(&server.mails).unwrap() {
        let mail = String::from_utf8_lossy(&std::fs::read(entry.unwrap().path()).unwrap()).into_owned();
        if mail.contains(address) {
            let id = mail.lines().find(|line| line.to_ascii_lowercase().starts_with("message-id:")).unwrap().to_owned();
            ids.push(id);
        }
    }
    let all = ids.len();
    ids.sort();
    ids.dedup();
    (all, ids.len())
}

/// What has to be true of a mail that was cut off once; of a server that cuts as well, nobody may know for good.
async fn judge(stage: &Stage, server: &MailServer, mood: &str, place: &str) {
    let (state, (all, ids)) = (stage.invitation().await.state, copies(server, &stage.address));
    let unknown = mood.starts_with("cut") && state == NoticeState::Unknown;
    assert!(state == NoticeState::Sent || unknown, "{mood}, {place}: {state:?}");
    assert!(all <= 2 && ids <= 1, "{mood}, {place}: {all} copies under {ids} Message-IDs");
    assert!(all >= 1 || unknown, "{mood}, {place}: missed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_every_step_loses_no_mail() {
    let folder = tempfile::tempdir().unwrap();
    let server = MailServer::start(folder.path());
    let mut steps = 0;
    for mood in ["takes", "busy", "slow", "early-cut", "cut-kept", "cut-lost"] {
        for carried_out in [false, true] {
            for step in 1.. {
                let address = format!("{mood}-{step}-{carried_out}@example.org");
                let stage = Stage::new(&server, folder.path(), address).await;
                let ledger = between(&stage.ledger, DiesAt { left: AtomicUsize::new(step), carried_out });
                let died = stage.remind(stage.reminder(ledger, stage.server())).await;
                if !died {
                    assert!(step > 2, "{mood}: it was not killed at every step");
                    break;
                }
                steps += 1;
                stage.begin_again().await;
                judge(&stage, &server, mood, &format!("command {step}, carried out: {carried_out}")).await;
            }
        }
        for moment in [Moment::Before, Moment::During, Moment::After] {
            let stage = Stage::new(&server, folder.path(), format!("{mood}-{moment:?}@example.org")).await;
            let dead = Arc::new(Notify::new());
            let dying = DiesIn { server: stage.server(), moment, dead: Arc::clone(&dead) };
            let reminder = stage.reminder(Arc::clone(&stage.ledger), Box::new(dying));
            tokio::select! {
                _ = stage.remind(reminder) => panic!("{mood}: it did not die"),
                () = dead.notified() => {}
            }
            steps += 1;
            stage.begin_again().await;
            judge(&stage, &server, mood, &format!("{moment:?}")).await;
        }
    }
    println!("{steps} crashes; every mail arrived");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_falls_due_while_nothing_runs_is_sent_late_or_said_to_be_too_late() {
    let folder = tempfile::tempdir().unwrap();
    let server = MailServer::start(folder.path());
    let later = |hours: i64| INVITED.parse::<Timestamp>().unwrap() + jiff::SignedDuration::from_hours(hours);
    for (hours, arrives) in [(24, true), (100, true), (1_000, false)] {
        let stage = Stage::new(&server, folder.path(), format!("down-{hours}@example.org")).await;
        stage.clock.advance(later(hours));
        stage.begin_again().await;
        let (state, (all, _)) = (stage.invitation().await.state, copies(&server, &stage.address));
        assert_eq!(all, usize::from(arrives), "{hours} hours: {state:?}");
        match state {
            NoticeState::Sent => assert!(arrives),
            NoticeState::Suppressed { reason } => assert!(!arrives && reason.contains("960 hours"), "{reason}"),
            other => panic!("{hours} hours: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_reminded_while_their_file_waits_to_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let server = MailServer::start(folder.path());
    for sends in [true, false] {
        let stage = Stage::new(&server, folder.path(), format!("unread-{sends}@example.org")).await;
        stage.begin_again().await;
        if sends {
            let bytes = b"a file that nobody reads";
            let sha256 = files::store(&*stage.ledger, bytes).await.unwrap();
            let file = ReceivedFile { sha256, name: "lao.csv".to_owned(), size: bytes.len() as u64 };
            let command = ParticipationCommand::Receive {
                submission: "lao-1".parse().unwrap(),
                file,
                channel: Channel::Upload,
                institution: None,
                reason: None,
                source: None,
            };
            let country = "LAO".parse().unwrap();
            stage.act("lao-focal", Wish::Participation { round: stage.round.clone(), country, command }).await;
        }
        stage.clock.advance("2025-10-17T02:00:00Z".parse().unwrap());
        stage.schedule().await;
        stage.clock.advance("2025-10-17T02:05:00Z".parse().unwrap());
        stage.begin_again().await;
        let records = ledger::read_all(&*stage.ledger, "notice/ilms-asean-2025/lao-remind-before-1").await.unwrap();
        let waits = |record: &Record| matches!(&record.event, Event::Notice(NoticeEvent::NoticePostponed { reason, .. }) if reason.contains("not read yet"));
        let sent = |record: &Record| matches!(&record.event, Event::Notice(NoticeEvent::NoticeSent { .. }));
        assert_eq!(records.iter().any(waits), sends, "{records:?}");
        assert_eq!(records.iter().any(sent), !sends, "{records:?}");
    }
}
