//! Promise 2: the broker may be wiped at any time. Its store is deleted and it is started again, in the middle of commands: none
//! that was acknowledged is lost, each acts once, and they go on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rondo_bus::BusLedger;
use rondo_eventlog::{Accepted, Ledger, SubmitError};
use rondo_testkit::growth::granting;
use rondo_testkit::process::{Broker, Running, free_port};
use rondo_tests::{length, program};

/// Commands under way at once.
const TOGETHER: usize = 8;

/// Sends a command until it is acknowledged, as services do.
async fn acknowledged(port: &BusLedger, n: usize) -> Accepted {
    for _ in 0..2_400 {
        match port.submit(granting("wiped", n)).await {
            Ok(accepted) => return accepted,
            Err(SubmitError::Fault(fault)) if fault.is_passing() => {}
            Err(error) => panic!("{error}"),
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("command {n} is not acknowledged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_wiped_during_commands_loses_none() {
    let (commands, wipes) = (length(300, 1_000), length(2, 6));
    let folder = tempfile::tempdir().unwrap();
    let (port, store, data) = (free_port(), folder.path().join("store"), folder.path().join("data"));
    let mut broker = Broker::with_store(port, &store);
    let mut ledger = std::process::Command::new(program());
    ledger.arg("--data").arg(&data).args(["run", "ledger", "--nats", &broker.url]);
    let _ledger = Running::start("the ledger", ledger.stderr(std::process::Stdio::null()));
    let client = rondo_bus::connect(&broker.address(), "operator", None).await.unwrap();
    let asks = Arc::new(BusLedger::new(client, "operator").await.unwrap());
    let (next, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let senders: Vec<_> = (0..TOGETHER)
        .map(|_| {
            let (asks, next, done) = (Arc::clone(&asks), Arc::clone(&next), Arc::clone(&done));
            tokio::spawn(async move {
                let mut mine = BTreeMap::new();
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= commands {
                        return mine;
                    }
                    mine.insert(n, acknowledged(&asks, n).await);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for wipe in 1..=wipes {
        let reached = commands * wipe / (wipes + 1);
        for _ in 0..6_000 {
            if done.load(Ordering::Relaxed) >= reached {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(done.load(Ordering::Relaxed) >= reached, "it goes on after {} wipes", wipe - 1);
        broker.process.kill();
        assert!(store.exists(), "the broker had a store");
        std::fs::remove_dir_all(&store).unwrap();
        broker = Broker::with_store(port, &store);
    }
    let mut answers = BTreeMap::new();
    for sender in senders {
        answers.extend(sender.await.unwrap());
    }
    assert_eq!(answers.len(), commands);
    assert_eq!(asks.head().await.unwrap().size, commands as u64, "each acted once");
    let mut read = Vec::new();
    while read.len() < commands {
        let more = asks.read(read.len() as u64, 1_000).await.unwrap();
        assert!(!more.is_empty());
        read.extend(more);
    }
    for (n, accepted) in &answers {
        assert_eq!(
            read[accepted.first as usize].command,
            granting("wiped", *n).id,
            "command {n} stands where it was said to"
        );
    }
    drop(broker);
}
