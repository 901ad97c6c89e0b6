//! Services that die at any of their commands and begin again: what is left to do is another wish under another id, nothing is
//! recorded twice, and what was recorded otherwise meanwhile is left alone and said.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use rondo_domain::event::Event;
use rondo_domain::figure::FiguresEvent;
use rondo_domain::participation::{Channel, ParticipationCommand, ParticipationEvent, ReceivedFile};
use rondo_domain::{Command, StreamId, SubmissionId, Wish};
use rondo_eventlog::{Accepted, Ledger, Record, SubmitError, files, ledger};
use rondo_testkit::between::{OnTheWay, between};
use rondo_testkit::process::MailServer;
use rondo_validator::Validator;

use super::{DiesAt, Stage};

const SUBMISSION: &str = "lao-1";

/// A file of Lao PDR is received, and its check is asked for.
async fn a_file_waits(stage: &Stage) {
    let path = rondo_tests::root().join("workflows/ilms-asean/demo/files/lao.csv");
    let bytes = std::fs::read(path).unwrap();
    let sha256 = files::store(&*stage.ledger, &bytes).await.unwrap();
    let file = ReceivedFile { sha256, name: "lao.csv".to_owned(), size: bytes.len() as u64 };
    let (submission, channel) = (SUBMISSION.parse().unwrap(), Channel::Upload);
    let command =
        ParticipationCommand::Receive { submission, file, channel, institution: None, reason: None, source: None };
    stage.act("lao-focal", of_lao(stage, command)).await;
    stage.schedule().await;
}

fn of_lao(stage: &Stage, command: ParticipationCommand) -> Wish {
    Wish::Participation { round: stage.round.clone(), country: "LAO".parse().unwrap(), command }
}

/// Has a validator check what waits; whether it died on the way.
async fn checks(ledger: Arc<dyn Ledger>) -> bool {
    let mut validator = Validator::new(ledger);
    for _ in 0..10 {
        match validator.turn().await {
            Ok(None) => {}
            Ok(Some(_)) => return false,
            Err(_) => return true,
        }
    }
    panic!("the validator does not come to rest");
}

/// The events of each sheet of Lao PDR, and how the check ended.
async fn recorded(stage: &Stage) -> (BTreeMap<StreamId, Vec<FiguresEvent>>, Vec<String>) {
    let mut sheets: BTreeMap<StreamId, Vec<FiguresEvent>> = BTreeMap::new();
    for record in ledger::read_all(&*stage.ledger, "figures/").await.unwrap() {
        let Event::Figures(event) = record.event else { continue };
        sheets.entry(record.stream).or_default().push(event);
    }
    use ParticipationEvent::{SubmissionChecked, SubmissionRejected};
    let ended = |record: &Record| {
        matches!(&record.event, Event::Participation(SubmissionChecked { .. } | SubmissionRejected { .. }))
    };
    let records = ledger::read_all(&*stage.ledger, "participation/").await.unwrap();
    (sheets, records.into_iter().filter(ended).map(|record| record.name).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validator_that_dies_at_any_command_records_every_figure_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = MailServer::start(folder.path());
    let stage = Stage::new(&server, folder.path(), "whole@example.org".to_owned()).await;
    a_file_waits(&stage).await;
    assert!(!checks(Arc::clone(&stage.ledger)).await);
    let (whole, ended) = recorded(&stage).await;
    assert!(whole.len() > 1 && ended == ["SubmissionChecked"], "{} sheets, {ended:?}", whole.len());
    let mut deaths = 0;
    for carried_out in [false, true] {
        for step in 1.. {
            let stage = Stage::new(&server, folder.path(), format!("dies-{step}-{carried_out}@example.org")).await;
            a_file_waits(&stage).await;
            let left = AtomicUsize::new(step);
            if !checks(between(&stage.ledger, DiesAt { left, carried_out })).await {
                break;
            }
            deaths += 1;
            let listens = Arc::new(Listens::default());
            assert!(!checks(between(&stage.ledger, Arc::clone(&listens))).await);
            assert_eq!(listens.used_otherwise(), 0, "command {step}: what is wished from elsewhere has another id");
            assert_eq!(recorded(&stage).await, (whole.clone(), ended.clone()), "command {step}, {carried_out}");
        }
    }
    assert!(deaths > 2 * whole.len(), "{deaths} deaths");
}

/// Counts the commands whose id stood for another one; one that was under way arrives just before another one of its id.
#[derive(Default)]
struct Listens {
    under_way: Option<Command>,
    used_otherwise: AtomicUsize,
}

impl Listens {
    fn used_otherwise(&self) -> usize {
        self.used_otherwise.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl OnTheWay for Listens {
    async fn submit(&self, ledger: &dyn Ledger, command: Command) -> Result<Accepted, SubmitError> {
        if let Some(first) = self.under_way.as_ref().filter(|first| first.id == command.id) {
            ledger.submit(first.clone()).await?;
        }
        let answer = ledger.submit(command).await;
        let used = answer.as_ref().is_err_and(SubmitError::is_used_otherwise);
        self.used_otherwise.fetch_add(usize::from(used), Ordering::SeqCst);
        answer
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_another_one_came_before_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let server = MailServer::start(folder.path());
    let stage = Stage::new(&server, folder.path(), "late@example.org".to_owned()).await;
    a_file_waits(&stage).await;
    // Of a validator that is gone, a report was still under way, and arrives once the next one has looked.
    let submission: SubmissionId = SUBMISSION.parse().unwrap();
    let command = ParticipationCommand::Reject { submission, findings: Vec::new(), extent: None };
    let first = Command::of_service("validator", &["check", SUBMISSION], of_lao(&stage, command)).unwrap();
    let listens = Arc::new(Listens { under_way: Some(first), ..Listens::default() });
    assert!(!checks(between(&stage.ledger, Arc::clone(&listens))).await);
    assert_eq!(listens.used_otherwise(), 1, "it was not asked for again and again");
    assert_eq!(recorded(&stage).await.1, ["SubmissionRejected"], "it ended once");
}
