//! A scheduler that begins anew goes on from its savepoint, and from none that is damaged or of another log.

use super::*;
use rondo_eventlog::Ledger;
use rondo_runtime::savepoint::Savepoints;

const BEGIN: &str = "2026-03-01T00:00:00Z";

async fn under_way(managers: &[&str], to: &str) -> (Office, RoundId) {
    let mut office = Office::new(BEGIN);
    office.grant("coordinator", Role::RegionalCoordinator, None).await;
    for manager in managers {
        office.grant(manager, Role::CollectionManager, None).await;
    }
    office.grant("lao-focal", Role::FocalPoint, Some("LAO")).await;
    let meeting = office.plan("technical-meeting", 2026).await;
    office.move_to(to).await;
    (office, meeting)
}

#[tokio::test]
async fn a_start_goes_on_from_the_savepoint_and_does_what_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let savepoints = Savepoints::of(folder.path(), "scheduler").unwrap();
    let (mut office, meeting) = under_way(&["manager"], "2026-03-18T00:00:00Z").await;
    let without = Scheduler::resume(Arc::clone(&office.ledger), &savepoints).await.unwrap();
    assert_eq!(without.position(), 0, "there is none");
    assert!(office.scheduler.save(&savepoints).unwrap());
    let idle = office.scheduler.turn(office.clock.now()).await.unwrap().unwrap();
    // What comes after it is read.
    office.act("lao-focal", choice(&meeting, "LAO", "online")).await.unwrap();
    office.scheduler = Scheduler::resume(Arc::clone(&office.ledger), &savepoints).await.unwrap();
    assert_eq!(office.scheduler.position(), idle.position);
    office.move_to("2026-06-20T00:00:00Z").await;
    let (mut other, meeting_) = under_way(&["manager"], "2026-03-18T00:00:00Z").await;
    other.act("lao-focal", choice(&meeting_, "LAO", "online")).await.unwrap();
    other.move_to("2026-06-20T00:00:00Z").await;
    for kind in ["meeting-invitation", "answer-reminder", "joining-online"] {
        assert_eq!(office.written(&meeting, kind).await, other.written(&meeting_, kind).await, "{kind}");
    }
    assert_eq!(office.written(&meeting, "joining-online").await, ["lao-focal"]);
    assert_eq!(office.ledger.head().await.unwrap().size, other.ledger.head().await.unwrap().size);
}

#[tokio::test]
async fn a_savepoint_that_is_damaged_or_of_another_log_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let savepoints = Savepoints::of(folder.path(), "scheduler").unwrap();
    let (mut office, _) = under_way(&["manager"], "2026-03-18T00:00:00Z").await;
    assert!(office.scheduler.save(&savepoints).unwrap());
    let whole = std::fs::read(savepoints.path()).unwrap();
    let begins_at =
        async |ledger: &Arc<dyn Ledger>| Scheduler::resume(Arc::clone(ledger), &savepoints).await.unwrap().position();
    assert_eq!(begins_at(&office.ledger).await, office.ledger.head().await.unwrap().size);
    for at in [0, whole.len() / 2, whole.len() - 2] {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        std::fs::write(savepoints.path(), damaged).unwrap();
        assert_eq!(begins_at(&office.ledger).await, 0, "byte {at}");
        std::fs::write(savepoints.path(), &whole[..at]).unwrap();
        assert_eq!(begins_at(&office.ledger).await, 0, "cut off at {at}");
    }
    std::fs::write(savepoints.path(), &whole).unwrap();
    // A log in which something else happened; and one that was restored, which may be shorter than it was.
    let (other, _) = under_way(&["observer", "manager"], "2026-04-18T00:00:00Z").await;
    assert!(other.ledger.head().await.unwrap().size > office.ledger.head().await.unwrap().size);
    assert_eq!(begins_at(&other.ledger).await, 0);
    assert_eq!(begins_at(&Office::new(BEGIN).ledger).await, 0);
    assert_eq!(begins_at(&office.ledger).await, office.ledger.head().await.unwrap().size);
}
