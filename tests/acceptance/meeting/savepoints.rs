//! A scheduler that begins anew goes on from its savepoint, and from none that is damaged or of another log.

use std::os::unix::fs::PermissionsExt;

use super::*;
use rondo_domain::round::Pin;
use rondo_eventlog::Ledger;
use rondo_runtime::lifecycle::Lifecycle;
use rondo_runtime::progress::Board;
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
    let savepoints = Savepoints::of(folder.path(), "scheduler");
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
    let savepoints = Savepoints::of(folder.path(), "scheduler");
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

#[tokio::test]
async fn a_scheduler_that_is_stopped_and_begun_again_goes_on_from_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut savepoints = Savepoints::of(&folder.path().join("made"), "scheduler");
    savepoints.worth = 1;
    let (mut office, _) = under_way(&["manager"], "2026-03-18T00:00:00Z").await;
    for moved_to in ["2026-04-23T00:00:00Z", "2026-06-20T00:00:00Z"] {
        let before = office.ledger.head().await.unwrap().size;
        let (mut lifecycle, board) = (Lifecycle::default(), Board::default());
        let (ledger, clock) = (Arc::clone(&office.ledger), Arc::new(office.clock.clone()));
        let running =
            rondo_scheduler::run(ledger, clock, Arc::new(board.clone()), Some(savepoints.clone()), lifecycle.stop());
        lifecycle.spawn("scheduler", running);
        office.clock.advance(moved_to.parse().unwrap());
        let rests = async {
            for _ in 0..2_000 {
                let head = office.ledger.head().await.unwrap().size;
                let place = board.places().get("scheduler").map_or(0, |idle| idle.position);
                if head > before && place == head {
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            panic!("the scheduler does not rest");
        };
        lifecycle.run(rests).await.unwrap();
        let again = Scheduler::resume(Arc::clone(&office.ledger), &savepoints).await.unwrap();
        assert_eq!(again.position(), office.ledger.head().await.unwrap().size, "at its end it kept all it had read");
        office.scheduler = again;
    }
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(savepoints.path().parent().unwrap()), mode(savepoints.path())), (0o700, 0o600));
}

#[tokio::test]
async fn a_step_that_another_version_brings_waits_for_what_happens_from_then_on() {
    let (mut office, meeting) = under_way(&["manager"], "2026-03-18T00:00:00Z").await;
    office.grant("tha-focal", Role::FocalPoint, Some("THA")).await;
    office.act("lao-focal", choice(&meeting, "LAO", "online")).await.unwrap();
    office.move_to("2026-03-19T00:00:00Z").await;
    let files = rondo_tests::bundle("technical-meeting");
    let mut files: std::collections::BTreeMap<String, String> =
        files.files().map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
    files.get_mut("workflow.toml").unwrap().push_str(
        "\n[[step]]\nid = \"call-back\"\neach = \"country\"\nwhen = { event = \"choice-made\" }\ndo = \"wait-for-person\"\n\
         task = \"Call back\"\nowner = [\"regional-coordinator\"]\ntime-limit-hours = 240\nwhy = \"they answered\"\n",
    );
    let bundle = Bundle::new(files).unwrap();
    definitions::read(&bundle).unwrap();
    let hash = rondo_eventlog::files::store(&*office.ledger, &bundle.to_bytes()).await.unwrap();
    let is = Pin { workflow: "technical-meeting".parse().unwrap(), bundle: hash };
    let propose = RoundCommand::ProposeMigration { is, effects: Vec::new(), reason: "they are called".to_owned() };
    for (who, command) in [("coordinator", propose), ("manager", RoundCommand::ApproveMigration)] {
        office.act(who, Wish::Round { round: meeting.clone(), command }).await.unwrap();
    }
    office.move_to("2026-03-20T00:00:00Z").await;
    office.act("tha-focal", choice(&meeting, "THA", "online")).await.unwrap();
    // One that reads the whole log as well as one that was there.
    for begun_anew in [false, true] {
        if begun_anew {
            office.scheduler = Scheduler::new(Arc::clone(&office.ledger));
        }
        office.move_to("2026-03-21T00:00:00Z").await;
        let world = office.world().await;
        let called = |code: &str| {
            let run = world.run(&meeting, Some(&country(code))).unwrap();
            run.of_step(&"call-back".parse().unwrap()).count()
        };
        assert_eq!((called("LAO"), called("THA")), (0, 1), "begun anew: {begun_anew}");
    }
}
