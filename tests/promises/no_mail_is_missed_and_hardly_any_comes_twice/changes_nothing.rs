//! Services whose commands change nothing: none asks again for ever, each says so, and nobody else waits with it.

use std::sync::Arc;

use async_trait::async_trait;
use rondo_domain::event::Event;
use rondo_domain::notice::{NoticeCommand, NoticeEvent, NoticeState};
use rondo_domain::participation::{Channel, ParticipationCommand, ReceivedFile};
use rondo_domain::round::RoundCommand;
use rondo_domain::{Command, Wish};
use rondo_eventlog::{Accepted, Ledger, Record, SubmitError, files, ledger};
use rondo_runtime::alarm::AlarmCode;
use rondo_runtime::clock::Clock;
use rondo_runtime::progress::Board;
use rondo_scheduler::Scheduler;
use rondo_testkit::between::{OnTheWay, between};
use rondo_testkit::process::MailServer;

use super::{Stage, copies};

/// Answers the commands of one service as if they had been taken before, and records nothing.
struct AnswersAsBefore(&'static str);

#[async_trait]
impl OnTheWay for AnswersAsBefore {
    async fn submit(&self, ledger: &dyn Ledger, command: Command) -> Result<Accepted, SubmitError> {
        if command.actor.as_str() == self.0 || command.via.as_ref().is_some_and(|via| via.as_str() == self.0) {
            return Ok(Accepted { first: 0, count: 1, repeated: true });
        }
        ledger.submit(command).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_is_not_true_is_not_sent_however_often_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let server = MailServer::start(folder.path());
    let stage = Stage::new(&server, folder.path(), "cancelled@example.org".to_owned()).await;
    let command = RoundCommand::Cancel { reason: "a test".to_owned() };
    stage.act("coordinator", Wish::Round { round: stage.round.clone(), command }).await;
    stage.begin_again().await;
    let id = stage.the_notice().await;
    for time in ["once", "twice"] {
        assert!(matches!(stage.invitation().await.state, NoticeState::Suppressed { .. }));
        let command = NoticeCommand::SendAgain { reason: time.to_owned() };
        stage.act("coordinator", Wish::Notice { round: stage.round.clone(), notice: id.clone(), command }).await;
        stage.begin_again().await;
    }
    let prefix = format!("notice/{}/", stage.round);
    let records = ledger::read_all(&*stage.ledger, &prefix).await.unwrap();
    let suppressed = |record: &&Record| matches!(&record.event, Event::Notice(NoticeEvent::NoticeSuppressed { .. }));
    assert_eq!(records.iter().filter(suppressed).count(), 3, "each time it says so anew");
    assert_eq!(copies(&server, &stage.address), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_of_a_round_that_nobody_knows_keeps_no_other_from_leaving() {
    let folder = tempfile::tempdir().unwrap();
    let server = MailServer::start(folder.path());
    let stage = Stage::new(&server, folder.path(), "beside@example.org".to_owned()).await;
    let brief = stage.invitation().await.brief.unwrap();
    let (round, notice) = ("a-nowhere".parse().unwrap(), "lost".parse().unwrap());
    let wish = Wish::Notice { round, notice, command: NoticeCommand::Raise { brief } };
    stage.ledger.submit(Command::of_service("scheduler", &["lost"], wish).unwrap()).await.unwrap();
    let board = Board::default();
    stage.remind(stage.reminder_telling(Arc::clone(&stage.ledger), stage.server(), board.clone())).await;
    assert_eq!(stage.invitation().await.state, NoticeState::Sent);
    assert!(board.alarms()[0].code == AlarmCode::RoundUnreadable, "{:?}", board.alarms());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_answered_and_changes_nothing_comes_to_rest_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let server = MailServer::start(folder.path());
    let stage = Stage::new(&server, folder.path(), "deaf@example.org".to_owned()).await;
    let bytes = b"a file";
    let sha256 = files::store(&*stage.ledger, bytes).await.unwrap();
    let file = ReceivedFile { sha256, name: "lao.csv".to_owned(), size: bytes.len() as u64 };
    let (submission, channel) = ("lao-1".parse().unwrap(), Channel::Upload);
    let command =
        ParticipationCommand::Receive { submission, file, channel, institution: None, reason: None, source: None };
    stage
        .act("lao-focal", Wish::Participation { round: stage.round.clone(), country: "LAO".parse().unwrap(), command })
        .await;
    let deaf = |to| between(&stage.ledger, AnswersAsBefore(to));
    // There is something to do for each of them: to have the file checked, to send the invitation, to check the file.
    let mut scheduler = Scheduler::new(deaf("scheduler"));
    let mut rests = false;
    for _ in 0..50 {
        rests |= scheduler.turn(stage.clock.now()).await.unwrap().is_some();
    }
    assert!(rests, "the scheduler comes to rest");
    stage.schedule().await;
    let mut validator = rondo_validator::Validator::new(deaf("validator"));
    let mut rests = false;
    for _ in 0..10 {
        rests |= validator.turn().await.unwrap().is_some();
    }
    assert!(rests, "the validator comes to rest");
    let board = Board::default();
    let mut reminder = stage.reminder_telling(deaf("reminder"), stage.server(), board.clone());
    let mut rests = false;
    for _ in 0..10 {
        rests |= reminder.turn().await.unwrap().is_some();
    }
    assert!(rests, "the reminder comes to rest");
    assert!(board.alarms()[0].code == AlarmCode::NoProgress, "{:?}", board.alarms());
    assert_eq!(copies(&server, &stage.address), (0, 0), "what cannot be recorded is not sent");
}
