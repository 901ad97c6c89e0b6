//! A ledger of which a part has ended ends with the reason; one whose parts wait for somebody else is well.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use rondo_eventlog::{CommitPoint, Fault, Ledger};
use rondo_ledger::{Options, upkeep};
use rondo_runtime::alarm::AlarmCode;
use rondo_runtime::clock::Clock;
use rondo_runtime::lifecycle::Lifecycle;
use rondo_runtime::progress::Roles;

use crate::burst::{command, open, open_at};

/// A clock that works until somebody breaks it.
#[derive(Default)]
struct Breaks(AtomicBool);

#[async_trait::async_trait]
impl Clock for Breaks {
    fn now(&self) -> Timestamp {
        assert!(!self.0.load(Ordering::SeqCst), "the spring is broken");
        Timestamp::UNIX_EPOCH
    }

    async fn sleep_until(&self, _until: Timestamp) {}
}

/// A commit point that breaks for one part of the ledger, once somebody wants it to.
struct BreaksFor {
    committer: bool,
    broken: AtomicBool,
}

impl CommitPoint for BreaksFor {
    fn admit(&self) -> Result<(), Fault> {
        // Others than the committer's thread ask for the notary.
        let committer = std::thread::current().name() == Some("committer");
        assert!(committer != self.committer || !self.broken.load(Ordering::SeqCst), "the spring is broken");
        Ok(())
    }
}

static INDEX_BROKEN: AtomicBool = AtomicBool::new(false);

fn indexed(_records: u64) {
    assert!(!INDEX_BROKEN.load(Ordering::SeqCst), "the spring is broken");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_part_that_panics_ends_the_ledger_with_its_reason() {
    for part in ["sequencer", "committer", "indexer", "notary"] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let clock = Arc::new(Breaks::default());
        let options = Options { indexed, ..Options::default() };
        let opened = open_at(&data, Arc::<Breaks>::clone(&clock), options).unwrap();
        let handle = opened.handle.clone();
        let point = Arc::new(BreaksFor { committer: part == "committer", broken: AtomicBool::new(false) });
        handle.commits_at(Arc::<BreaksFor>::clone(&point));
        let mut lifecycle = Lifecycle::default();
        let stop = lifecycle.stop();
        lifecycle.spawn("ledger", opened.run(stop));
        handle.submit(command(0)).await.unwrap();
        assert!(handle.probe().await.is_ok(), "{part}");
        match part {
            "sequencer" => clock.0.store(true, Ordering::SeqCst),
            "indexer" => INDEX_BROKEN.store(true, Ordering::SeqCst),
            _ => point.broken.store(true, Ordering::SeqCst),
        }
        let answered = handle.submit(command(1)).await;
        // What is on disk is acknowledged, whoever panics behind it.
        assert_eq!(answered.is_ok(), ["indexer", "notary"].contains(&part), "{part}: {answered:?}");
        let ended = tokio::time::timeout(Duration::from_secs(30), lifecycle.run(std::future::pending())).await;
        let ended = ended.unwrap_or_else(|_| panic!("a dead {part} is noticed")).unwrap_err().to_string();
        let words = if part == "notary" { "cannot sign checkpoint" } else { &format!("the {part} panicked") };
        assert!(ended.contains(words) && ended.contains("the spring is broken"), "{part}: {ended}");
        assert!(handle.submit(command(2)).await.is_err(), "{part}: nothing is taken any more");
        INDEX_BROKEN.store(false, Ordering::SeqCst);
        drop(handle);
        let again = open(&data).unwrap();
        assert_eq!(again.handle.head().await.unwrap().size, 1 + u64::from(answered.is_ok()), "{part}");
    }
}

/// A broker that is away until somebody says otherwise, and whether the commit point says so.
struct Away {
    says: bool,
    asked: AtomicBool,
    back: AtomicBool,
}

impl CommitPoint for Away {
    fn admit(&self) -> Result<(), Fault> {
        self.asked.store(true, Ordering::SeqCst);
        while !self.back.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn waits(&self) -> bool {
        self.says && !self.back.load(Ordering::SeqCst)
    }
}

async fn until(is_so: impl Fn() -> bool) {
    for _ in 0..1_200 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it does not come to this");
}

/// Whether the upkeep of a ledger raises the alarm of the write path while a group waits for its commit point.
async fn is_alarmed(says: bool) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let opened = open(&folder.path().join("data")).unwrap();
    let (handle, board) = (opened.handle.clone(), opened.handle.board().clone());
    let point = Arc::new(Away { says, asked: AtomicBool::new(false), back: AtomicBool::new(false) });
    handle.commits_at(Arc::<Away>::clone(&point));
    let mut lifecycle = Lifecycle::default();
    let stop = lifecycle.stop();
    lifecycle.spawn("ledger", opened.run(stop.clone()));
    let sender = handle.clone();
    let sent = tokio::spawn(async move { sender.submit(command(0)).await });
    until(|| point.asked.load(Ordering::SeqCst)).await;
    lifecycle.spawn("upkeep", upkeep::run(handle, None, stop));
    until(|| board.reports().get(upkeep::ROLE).is_some_and(|report| report.idle.is_some())).await;
    let alarmed = board.alarms().iter().any(|alarm| alarm.code == AlarmCode::WritePath);
    point.back.store(true, Ordering::SeqCst);
    sent.await.unwrap().expect("what waited is recorded once the broker is back");
    lifecycle.run(std::future::ready(())).await.unwrap();
    alarmed
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_waits_for_the_broker_is_no_dead_way_to_the_disk() {
    let (broker, disk) = tokio::join!(is_alarmed(true), is_alarmed(false));
    assert!(!broker, "the service manager does not start anew what waits for the broker");
    assert!(disk, "what waits for anything else is an alarm");
}
