//! A service that begins again while what it sent before is still under way: what the log then says first counts, and what cannot be
//! undone by the service is told to a person.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rondo_domain::event::Event;
use rondo_domain::participation::{ParticipationCommand, ParticipationEvent, SubmissionState};
use rondo_domain::release::ReleaseEvent;
use rondo_domain::{Command, FileHash, StreamId, Wish};
use rondo_eventlog::files::FilePart;
use rondo_eventlog::merkle::Checkpoint;
use rondo_eventlog::{Accepted, Fault, Ledger, Record, SubmitError, ledger};
use rondo_publisher::Publisher;
use rondo_testkit::between::{OnTheWay, between};
use rondo_validator::Validator;

use crate::fixture::{House, because, lao_2023, round};

/// Shows the log as it was before a record, to who reads it in its order, until it is told to show the rest.
struct AsItWas {
    until: AtomicU64,
    sent: AtomicU64,
    /// Whether a file can be read.
    has_files: AtomicBool,
    /// What is wished otherwise than in the run before.
    changes: fn(&mut Wish),
}

impl AsItWas {
    /// This way, and the house's ledger seen by it.
    fn before(house: &House, until: u64, changes: fn(&mut Wish)) -> (Arc<Self>, Arc<dyn Ledger>) {
        let (until, sent, has_files) = (AtomicU64::new(until), AtomicU64::new(0), AtomicBool::new(true));
        let way = Arc::new(Self { until, sent, has_files, changes });
        let port = between(&house.ledger, Arc::clone(&way));
        (way, port)
    }

    fn shows_all(&self) {
        self.until.store(u64::MAX, Ordering::SeqCst);
    }
}

#[async_trait::async_trait]
impl OnTheWay for AsItWas {
    async fn submit(&self, ledger: &dyn Ledger, mut command: Command) -> Result<Accepted, SubmitError> {
        (self.changes)(&mut command.wish);
        self.sent.fetch_add(1, Ordering::SeqCst);
        ledger.submit(command).await
    }

    async fn read(&self, ledger: &dyn Ledger, from: u64, limit: usize) -> Result<Vec<Record>, Fault> {
        let mut records = ledger.read(from, limit).await?;
        records.retain(|record| record.position < self.until.load(Ordering::SeqCst));
        Ok(records)
    }

    async fn fetch_part(&self, ledger: &dyn Ledger, hash: &FileHash, offset: u64) -> Result<FilePart, Fault> {
        if self.has_files.load(Ordering::SeqCst) {
            ledger.fetch_part(hash, offset).await
        } else {
            Err(Fault::Corrupt(format!("the file {hash} cannot be read")))
        }
    }
}

/// The first record of such an event: where it stands, and how many there are.
async fn found(house: &House, is_it: impl Fn(&Event) -> bool) -> (u64, usize) {
    let all = [format!("participation/{}/", round()), format!("release/{}", round())];
    let mut positions = Vec::new();
    for prefix in all {
        let records = ledger::read_all(&*house.ledger, &prefix).await.unwrap();
        positions.extend(records.iter().filter(|record| is_it(&record.event)).map(|record| record.position));
    }
    (*positions.iter().min().expect("it was recorded"), positions.len())
}

fn is_checked(event: &Event) -> bool {
    matches!(event, Event::Participation(ParticipationEvent::SubmissionChecked { .. }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_the_run_before_had_under_way_counts_as_it_was_recorded() {
    let house = House::open().await;
    let reason = because("as the register has it");
    assert_eq!(house.sent_and_checked("lao-one", "one", &lao_2023("1.072"), reason).await, SubmissionState::Checked);
    let (checked, count) = found(&house, is_checked).await;
    assert_eq!(count, 1);
    // Begun again, it comes to another end of the same check, which the log had from the run before meanwhile.
    let (way, port) = AsItWas::before(&house, checked, |wish| {
        if let Wish::Participation { command: ParticipationCommand::CompleteCheck { figures, .. }, .. } = wish {
            *figures += 1;
        }
    });
    let mut validator = Validator::new(Arc::clone(&port));
    assert!(validator.turn().await.unwrap().is_none(), "it is at work");
    let sent = way.sent.load(Ordering::SeqCst);
    assert!(validator.turn().await.unwrap().is_some(), "what the log said is not asked for again and again");
    way.shows_all();
    let idle = validator.turn().await.unwrap().expect("what it reads next shows it");
    assert_eq!(idle.position, house.ledger.head().await.unwrap().size);
    assert_eq!(way.sent.load(Ordering::SeqCst), sent, "and nothing more is sent");
    assert_eq!(found(&house, is_checked).await, (checked, 1), "the file was checked once");
    assert_eq!(house.submission("one").await.state, SubmissionState::Checked, "and is not refused for it");
    house.close().await;
}

impl House {
    /// Waits until the log is signed beyond a record.
    async fn signed_beyond(&self, position: u64) {
        for _ in 0..1_000 {
            let note = self.ledger.checkpoint().await.unwrap();
            if Checkpoint::claimed(&note).is_some_and(|signed| signed.head.size > position) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("nothing is signed beyond record {position}");
    }
}

/// What a publisher that begins again says, once it has to end.
async fn fault_of(port: &Arc<dyn Ledger>, folder: &Path) -> String {
    let mut publisher = Publisher::new(Arc::clone(port), folder.to_owned());
    publisher.turn().await.expect_err("it ends").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_was_under_way_is_told_as_it_lies_there_or_a_person_is() {
    let house = House::open().await;
    house.published().await;
    let is_out = |event: &Event| matches!(event, Event::Release(ReleaseEvent::ReleasePublished { .. }));
    let (published, _) = found(&house, is_out).await;
    let manifest = house.data().join("releases").join(format!("{}.1", round())).join("manifest.json");
    let lies = FileHash::of(&std::fs::read(&manifest).unwrap()).to_string();
    let (way, port) = AsItWas::before(&house, published, |_| ());
    let elsewhere = house.folder.path().join("elsewhere");
    let sent = || way.sent.load(Ordering::SeqCst);

    // Where nothing can be written, nothing is told to be out.
    std::fs::write(&elsewhere, "no folder").unwrap();
    let told = fault_of(&port, &elsewhere).await;
    assert!(told.contains("cannot create") && told.contains("elsewhere"), "{told}");
    assert_eq!(sent(), 0);
    // Where the round's workflow cannot be read, its release waits, and does not end the others.
    std::fs::remove_file(&elsewhere).unwrap();
    way.has_files.store(false, Ordering::SeqCst);
    let mut publisher = Publisher::new(Arc::clone(&port), elsewhere.clone());
    assert!(publisher.turn().await.unwrap().is_none() && publisher.turn().await.unwrap().is_some());
    assert!(sent() == 0 && !elsewhere.exists());
    way.has_files.store(true, Ordering::SeqCst);

    // The log has grown and is signed since.
    house.signed_beyond(published).await;
    // The folder was lost: what is written anew has the log of today in its manifest, and the log names the one of then.
    let told = fault_of(&port, &elsewhere).await;
    let written = std::fs::read(elsewhere.join(format!("{}.1", round())).join("manifest.json")).unwrap();
    let written = FileHash::of(&written).to_string();
    assert!(written != lies && told.contains(&lies) && told.contains(&written), "{told}");
    assert!(told.contains("put that folder back"), "{told}");
    // With the folder of then the same is told once more, and it goes on.
    let mut publisher = Publisher::new(Arc::clone(&port), house.data().join("releases"));
    assert!(publisher.turn().await.unwrap().is_none());
    way.shows_all();
    let idle = publisher.turn().await.unwrap().expect("it is out");
    assert_eq!(idle.position, house.ledger.head().await.unwrap().size);
    assert_eq!(found(&house, is_out).await, (published, 1), "it went out once");
    let stream = StreamId::release(&format!("{}.1", round()).parse().unwrap());
    assert_eq!(
        ledger::read_all(&*house.ledger, stream.as_str()).await.unwrap().last().map(|last| last.position),
        Some(published)
    );
    house.close().await;
}
