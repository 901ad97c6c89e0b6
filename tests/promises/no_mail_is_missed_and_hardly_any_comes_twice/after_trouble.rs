//! What the reminder does after trouble: it decides anew on what is true then, knows what was cut off, and asks a server again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use rondo_domain::notice::{NoticeCommand, NoticeState};
use rondo_domain::{Command, Wish};
use rondo_eventlog::{Accepted, Fault, Ledger, SubmitError};
use rondo_reminder::Reminder;
use rondo_runtime::alarm::AlarmCode;
use rondo_runtime::clock::{Clock, PacedClock};
use rondo_runtime::lifecycle::Lifecycle;
use rondo_runtime::patient::Patient;
use rondo_runtime::progress::Board;
use rondo_testkit::between::{OnTheWay, between};
use rondo_testkit::process::MailServer;
use tokio::sync::Notify;

use super::{DiesIn, Moment, Stage, copies};

/// A mail waits before the ledger: nobody vouches for its clock, or it takes the attempt after a long time.
struct Waits {
    is_doubted: AtomicBool,
    asked: Notify,
    /// What is moved on before an attempt is taken, and to when.
    late: Option<(PacedClock, Timestamp)>,
}

#[async_trait]
impl OnTheWay for Waits {
    async fn submit(&self, ledger: &dyn Ledger, command: Command) -> Result<Accepted, SubmitError> {
        if matches!(&command.wish, Wish::Notice { command: NoticeCommand::Attempt { .. }, .. }) {
            self.asked.notify_one();
            if self.is_doubted.load(Ordering::SeqCst) {
                return Err(Fault::NotNow("nobody vouches for the clock".to_owned()).into());
            }
            if let Some((clock, to)) = &self.late {
                clock.advance(*to);
            }
        }
        ledger.submit(command).await
    }
}

/// Long after a mail was of use.
fn too_late(stage: &Stage) -> Timestamp {
    stage.clock.now() + SignedDuration::from_hours(1_000)
}

/// That it was not sent, since it was not true any more when it could have left.
async fn was_decided_anew(stage: &Stage, server: &MailServer) {
    let state = stage.invitation().await.state;
    assert!(matches!(&state, NoticeState::Suppressed { reason } if reason.contains("960 hours")), "{state:?}");
    assert_eq!(copies(server, &stage.address), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_waits_for_the_clock_to_be_vouched_for_is_decided_anew() {
    let folder = tempfile::tempdir().unwrap();
    let server = MailServer::start(folder.path());
    let stage = Stage::new(&server, folder.path(), "doubted@example.org".to_owned()).await;
    let (is_doubted, asked) = (AtomicBool::new(true), Notify::new());
    let waits = Arc::new(Waits { is_doubted, asked, late: None });
    let lifecycle = Lifecycle::default();
    let patient = Patient::new(between(&stage.ledger, Arc::clone(&waits)), lifecycle.stop());
    let parts = stage.parts(Arc::new(patient), stage.server(), Board::default());
    let running = tokio::spawn(rondo_reminder::run(parts, lifecycle.stop()));
    waits.asked.notified().await;
    stage.clock.advance(too_late(&stage));
    waits.is_doubted.store(false, Ordering::SeqCst);
    for _ in 0..600 {
        if !matches!(stage.invitation().await.state, NoticeState::Due | NoticeState::Attempted) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    was_decided_anew(&stage, &server).await;
    lifecycle.ask();
    running.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_whose_attempt_is_recorded_long_after_it_was_decided_is_decided_anew() {
    let folder = tempfile::tempdir().unwrap();
    let server = MailServer::start(folder.path());
    let stage = Stage::new(&server, folder.path(), "overtaken@example.org".to_owned()).await;
    let (is_doubted, asked) = (AtomicBool::new(false), Notify::new());
    let late = Some((stage.clock.clone(), too_late(&stage)));
    let waits = between(&stage.ledger, Waits { is_doubted, asked, late });
    assert!(!stage.remind(stage.reminder(waits, stage.server())).await);
    was_decided_anew(&stage, &server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_was_cut_off_is_known_as_such_whatever_comes_in_about_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = MailServer::start(folder.path());
    let stage = Stage::new(&server, folder.path(), "away@example.org".to_owned()).await;
    let dead = Arc::new(Notify::new());
    let dying = DiesIn { server: stage.server(), moment: Moment::After, dead: Arc::clone(&dead) };
    tokio::select! {
        _ = stage.remind(stage.reminder(Arc::clone(&stage.ledger), Box::new(dying))) => panic!("it did not die"),
        () = dead.notified() => {}
    }
    let notice = stage.invitation().await;
    assert_eq!(notice.state, NoticeState::Attempted);
    let inbox = folder.path().join("inbox");
    std::fs::create_dir(&inbox).unwrap();
    let away = format!(
        "From: away@example.org\r\nTo: ilms@example.org\r\nAuto-Submitted: auto-replied\r\nIn-Reply-To: {}\r\nSubject: Away\r\n\r\nI am away.\r\n",
        notice.message_id.unwrap()
    );
    std::fs::write(inbox.join("away.eml"), away).unwrap();
    let parts = stage.parts(Arc::clone(&stage.ledger), stage.server(), Board::default());
    let again = Reminder::new(rondo_reminder::Parts { inbox: Some(inbox), ..parts });
    assert!(!stage.remind(again).await);
    let notice = stage.invitation().await;
    assert_eq!((notice.state, notice.absence.is_some()), (NoticeState::Sent, true));
    assert_eq!(copies(&server, &stage.address), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remark_that_a_person_records_first_leaves_a_mail_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let server = MailServer::start(folder.path());
    let stage = Stage::new(&server, folder.path(), "remarked@example.org".to_owned()).await;
    let dead = Arc::new(Notify::new());
    let dying = DiesIn { server: stage.server(), moment: Moment::After, dead: Arc::clone(&dead) };
    tokio::select! {
        _ = stage.remind(stage.reminder(Arc::clone(&stage.ledger), Box::new(dying))) => panic!("it did not die"),
        () = dead.notified() => {}
    }
    // The ledger takes nothing of the one after it at first; meanwhile somebody records what they were told.
    let mut again =
        stage.reminder(between(&stage.ledger, super::DiesAt { left: 1.into(), carried_out: false }), stage.server());
    assert!(again.turn().await.is_err());
    let command = NoticeCommand::RecordComplaint { kind: "abuse".to_owned() };
    let (round, notice) = (stage.round.clone(), stage.the_notice().await);
    stage.act("coordinator", Wish::Notice { round, notice, command }).await;
    assert!(!stage.remind(again).await);
    let notice = stage.invitation().await;
    assert_eq!((notice.state, notice.complaint.is_some()), (NoticeState::Sent, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_ends_when_the_server_answers_again_though_no_mail_is_due() {
    let folder = tempfile::tempdir().unwrap();
    let server = MailServer::start(folder.path());
    let stage = Stage::new(&server, folder.path(), "alone@example.org".to_owned()).await;
    let board = Board::default();
    let mut reminder = stage.reminder_telling(Arc::clone(&stage.ledger), stage.server(), board.clone());
    server.behaves("hang", true);
    let rest = async |reminder: &mut Reminder| loop {
        if let Some(idle) = reminder.turn().await.unwrap() {
            return idle.next;
        }
    };
    let until = rest(&mut reminder).await.expect("the server is asked again");
    assert_eq!(stage.invitation().await.state, NoticeState::Unknown);
    assert!(board.alarms().iter().any(|alarm| alarm.code == AlarmCode::MailServer), "{:?}", board.alarms());
    server.behaves("hang", false);
    stage.clock.advance(until);
    assert_eq!(rest(&mut reminder).await, None);
    assert!(board.alarms().is_empty(), "{:?}", board.alarms());
    assert_eq!(stage.invitation().await.state, NoticeState::Unknown, "what became of it is as unknown as before");
    assert_eq!(copies(&server, &stage.address).0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inbound_file_that_cannot_be_put_aside_says_nothing_once_more_after_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let server = MailServer::start(folder.path());
    let stage = Stage::new(&server, folder.path(), "twice@example.org".to_owned()).await;
    stage.begin_again().await;
    let inbox = folder.path().join("inbox");
    std::fs::create_dir(&inbox).unwrap();
    // Files have the names of the folders into which these belong.
    for name in ["answers", "unclear"] {
        std::fs::write(inbox.join(name), "no mail\n").unwrap();
    }
    let answer = format!(
        "From: twice@example.org\r\nTo: ilms@example.org\r\nIn-Reply-To: {}\r\nSubject: Re: x\r\n\r\nYes.\r\n",
        stage.invitation().await.message_id.unwrap()
    );
    std::fs::write(inbox.join("answer.eml"), answer).unwrap();
    let told = async |command| {
        let (round, notice) = (stage.round.clone(), stage.the_notice().await);
        stage.act("coordinator", Wish::Notice { round, notice, command }).await;
    };
    let begins = async || {
        let parts = stage.parts(Arc::clone(&stage.ledger), stage.server(), Board::default());
        let again = Reminder::new(rondo_reminder::Parts { inbox: Some(inbox.clone()), ..parts });
        assert!(!stage.remind(again).await);
        stage.invitation().await.state
    };
    // What the file says is known already when it is read, so that nothing is recorded of it.
    told(NoticeCommand::RecordAnswer).await;
    assert_eq!(begins().await, NoticeState::Answered);
    told(NoticeCommand::RecordBounce { hard: true, reason: "their office has moved".to_owned() }).await;
    told(NoticeCommand::SendAgain { reason: "they are back".to_owned() }).await;
    assert_eq!(begins().await, NoticeState::Sent, "an answer of before is none to what is sent again");
    assert!(inbox.join("answer.eml").exists());
}
