//! Every role is killed at every step of a round and started again: the same events come of it, none missing, none twice.
//!
//! The killer watches the log. Each time it has grown, whatever was the cause (an act of a person, a step that is planned,
//! fires or completes, a mail that is attempted, a check, a release), it kills a role at once (`SIGKILL`) and starts it again.
//! The conductor goes on only when every role has acted on everything, so that hardly a step passes without a kill. A round has
//! about a thousand kills, some five to a step: usually three roles are killed in turn, in the long form each has a round of its
//! own.

use std::collections::BTreeMap;
use std::path::Path;

use rondo_bus::{BusLedger, Credentials};
use rondo_domain::event::Event;
use rondo_domain::notice::NoticeEvent;
use rondo_eventlog::Ledger;
use rondo_runtime::secret::Secret;
use rondo_testkit::process::Broker;
use rondo_tests::{events, history};

use crate::six::{ROLES, Round, in_one_process};

/// How long the log may stand still before the round counts as stuck.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// What one process made of the round.
struct Expected {
    figures: Vec<u8>,
    history: Vec<String>,
    events: BTreeMap<String, Vec<String>>,
}

#[test]
fn killing_any_role_at_any_step_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let one = in_one_process(folder.path());
    let expected = Expected {
        figures: std::fs::read(one.join("releases/ilms-asean-2025.1/figures.csv")).unwrap(),
        history: history(&one),
        events: events(&one),
    };
    let rounds = rondo_tests::length(2, ROLES.len());
    for victims in ROLES.chunks(ROLES.len().div_ceil(rounds)) {
        under_fire(victims, &expected);
    }
}

/// Plays a round while one of these roles, in turn, is killed each time the log has grown.
fn under_fire(victims: &[&'static str], expected: &Expected) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut round = Round::start();
    let mut conductor = round.conductor();
    let watcher = runtime.block_on(async {
        let credentials =
            Some(Credentials { user: "operator".to_owned(), password: Secret::new(Broker::password("operator")) });
        let client = rondo_bus::connect(&round.broker.address(), "operator", credentials).await.unwrap();
        BusLedger::new(client, "operator").await.unwrap()
    });
    let mut places: Vec<u64> = Vec::new();
    let mut seen = 0;
    loop {
        let size = match runtime.block_on(grown(&watcher, seen, &mut conductor)) {
            Ok(Some(size)) => size,
            Ok(None) => break,
            Err(_) => panic!("stuck at {seen} records after {} kills:\n{}", places.len(), round.last_words()),
        };
        let again = runtime.block_on(only_begun_again(&watcher, seen));
        seen = size;
        if again {
            continue;
        }
        round.kill(victims[places.len() % victims.len()]);
        places.push(size);
    }
    let kills = places.len();
    let played = conductor.wait(5).success();
    assert!(played, "the round is not played to its end after {kills} kills:\n{}", round.last_words());
    round.stop();
    let data = round.data("ledger");
    let last = places.last().copied().unwrap_or_default();
    let victims = victims.join(", ");
    eprintln!("{kills} kills of {victims} along {last} records");
    assert_eq!(round.figures(), expected.figures, "after {kills} kills the released figures are the same");
    assert_eq!(history(&data), expected.history, "after {kills} kills the history of every figure is the same");
    rondo_tests::assert_same_events(&expected.events, &events(&data), &format!("after {kills} kills of {victims}"));
    hardly_a_step_without_a_kill(&data, &places);
    no_mail_without_an_attempt(&data, &round);
}

/// Whether all that is new is that the same mail is attempted again: the step had its kill, and a program that is killed at
/// the same place each time would never leave it.
async fn only_begun_again(ledger: &BusLedger, seen: u64) -> bool {
    let Ok(records) = ledger.read(seen, 100).await else { return false };
    let again = |record: &rondo_eventlog::Record| match record.event {
        Event::Notice(NoticeEvent::NoticeAttempted { attempt, .. }) => attempt > 1,
        Event::Notice(NoticeEvent::NoticeUnknown { resend, .. }) => resend,
        _ => false,
    };
    !records.is_empty() && records.iter().all(again)
}

/// The log's size once it is larger than what was seen; nothing once the conductor has ended; an error if neither comes.
async fn grown(
    ledger: &BusLedger,
    seen: u64,
    conductor: &mut rondo_testkit::process::Running,
) -> Result<Option<u64>, tokio::time::error::Elapsed> {
    tokio::time::timeout(PATIENCE, async {
        loop {
            // The ledger may be the one that is just being started again.
            if let Ok(head) = ledger.head().await
                && head.size > seen
            {
                return Some(head.size);
            }
            if !conductor.runs() {
                return None;
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    })
    .await
}

/// At least nineteen in twenty steps had a kill on their way, between the record before they fired and the one after they
/// were completed; the kills come when the log has grown, and not by the step.
fn hardly_a_step_without_a_kill(data: &Path, places: &[u64]) {
    let steps = rondo_tests::steps(data);
    assert!(steps.len() > 100, "{} steps fired", steps.len());
    let missed: Vec<_> =
        steps.iter().filter(|(_, (from, to))| !places.iter().any(|size| (*from..=*to + 2).contains(size))).collect();
    assert!(missed.len() * 20 < steps.len(), "too many steps passed without a kill: {missed:?}");
    eprintln!("{} of {} steps had a kill on their way", steps.len() - missed.len(), steps.len());
}

/// Every mail that reached the server was recorded as an attempt before; each attempt reached it at most once.
fn no_mail_without_an_attempt(data: &Path, round: &Round) {
    let attempts = rondo_tests::attempts(data);
    let mut arrived: BTreeMap<String, u32> = BTreeMap::new();
    for mail in std::fs::read_dir(&round.mail.mails).unwrap() {
        let text = String::from_utf8_lossy(&std::fs::read(mail.unwrap().path()).unwrap()).into_owned();
        let id = text.lines().find_map(|line| line.strip_prefix("Message-ID: ")).unwrap().trim().to_owned();
        *arrived.entry(id).or_default() += 1;
    }
    assert!(arrived.len() > 80, "{} mails arrived", arrived.len());
    for (id, times) in &arrived {
        let recorded = attempts.get(id).copied().unwrap_or_default();
        assert!(*times <= recorded, "{id} arrived {times} times, of which {recorded} were recorded");
    }
    let twice = arrived.values().filter(|times| **times > 1).count();
    eprintln!("{} mails, {twice} of them more than once under the same Message-ID", arrived.len());
}
