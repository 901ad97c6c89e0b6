//! The port's three forms do alike: in memory, in process, and over a real broker.

use std::path::Path;
use std::sync::Arc;

use rondo_bus::BusLedger;
use rondo_ledger::{LedgerConfig, Opened};
use rondo_runtime::chance::SystemChance;
use rondo_runtime::clock::SystemClock;
use rondo_runtime::lifecycle::Lifecycle;
use rondo_testkit::conformance::suite;
use rondo_testkit::memory::MemoryLedger;
use rondo_testkit::process::Broker;

fn open(data: &Path) -> Opened {
    let origin = "test.example/log".to_owned();
    let config =
        LedgerConfig { data: data.to_owned(), origin, clock: Arc::new(SystemClock), chance: Arc::new(SystemChance) };
    rondo_ledger::open(&config).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn in_memory() {
    suite(Arc::new(MemoryLedger::new(jiff::Timestamp::UNIX_EPOCH))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_process() {
    let folder = tempfile::tempdir().unwrap();
    let opened = open(&folder.path().join("data"));
    let handle = opened.handle.clone();
    let mut lifecycle = Lifecycle::default();
    let stop = lifecycle.stop();
    lifecycle.spawn("ledger", opened.run(stop));
    lifecycle.run(suite(Arc::new(handle))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn over_nats() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(None);
    let opened = open(&folder.path().join("data"));
    let ledger = Arc::new(opened.handle.clone());
    let mut lifecycle = Lifecycle::default();
    let stop = lifecycle.stop();
    lifecycle.spawn("ledger", opened.run(stop));
    let serving = rondo_bus::connect(&broker.url, "ledger", None).await.unwrap();
    let asking = rondo_bus::connect(&broker.url, "operator", None).await.unwrap();
    let mut asked = lifecycle.stop();
    lifecycle.spawn("bus", async move {
        tokio::select! {
            served = rondo_bus::serve(serving, ledger) => served,
            () = asked.wait() => Ok(()),
        }
    });
    // Subjects carry the sender; the suite's people come through the operator's.
    let port = BusLedger::new(asking, "operator").await.unwrap();
    lifecycle
        .run(async move {
            for _ in 0..100 {
                if rondo_eventlog::Ledger::head(&port).await.is_ok() {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            suite(Arc::new(port)).await;
        })
        .await
        .unwrap();
}
