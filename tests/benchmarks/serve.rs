//! The ledger to be measured: opened in this process, or served over NATS by a process of its own.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rondo_bus::{BusLedger, Candidate};
use rondo_eventlog::Ledger;
use rondo_ledger::{LedgerConfig, Opened};
use rondo_runtime::chance::SystemChance;
use rondo_runtime::clock::SystemClock;
use rondo_runtime::lifecycle::Lifecycle;
use rondo_runtime::secret::Address;
use rondo_testkit::process::{Broker, Running};

pub fn open(data: &Path) -> Opened {
    let origin = "bench.example/log".to_owned();
    let config =
        LedgerConfig { data: data.to_owned(), origin, clock: Arc::new(SystemClock), chance: Arc::new(SystemChance) };
    rondo_ledger::open(&config).unwrap()
}

/// Runs `work` on a ledger in this process, and ends it cleanly.
pub async fn in_process<T>(data: &Path, work: impl AsyncFnOnce(Arc<dyn Ledger>) -> T) -> T {
    let opened = open(data);
    let handle: Arc<dyn Ledger> = Arc::new(opened.handle.clone());
    let mut lifecycle = Lifecycle::default();
    let stop = lifecycle.stop();
    lifecycle.spawn("ledger", opened.run(stop));
    let done = work(handle).await;
    lifecycle.run(std::future::ready(())).await.unwrap();
    done
}

/// The child process: serves a ledger over NATS until it is killed.
pub fn ledger(url: &str, data: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let opened = open(Path::new(data));
        let ledger = Arc::new(opened.handle.clone());
        let client = rondo_bus::connect(&Address::new(url), "ledger", None).await.unwrap();
        let claims = rondo_bus::connect(&Address::new(url), "ledger", None).await.unwrap();
        let by = Candidate { instance: "one".to_owned(), origin: opened.origin().to_owned(), led_on: None };
        let leadership = rondo_bus::claim(claims, ledger.clone(), by).await.unwrap();
        opened.handle.commits_at(Arc::new(leadership.clone()));
        let mut lifecycle = Lifecycle::default();
        let stop = lifecycle.stop();
        lifecycle.spawn("ledger", opened.run(stop));
        lifecycle.spawn("bus", rondo_bus::serve(client, ledger, leadership));
        lifecycle.run(std::future::pending()).await.unwrap();
    });
}

/// A broker and a ledger, each a process of its own.
pub struct Far {
    pub broker: Broker,
    _ledger: Running,
}

impl Far {
    pub fn start(data: &Path) -> Self {
        let broker = Broker::start(None);
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["child", "ledger", &broker.url]).arg(data).stderr(Stdio::inherit());
        let ledger = Running::start("the ledger", &mut command);
        Self { broker, _ledger: ledger }
    }

    /// The port as this sender reaches it, once the ledger answers.
    pub async fn port(&self, sender: &str) -> Arc<dyn Ledger> {
        let client = rondo_bus::connect(&self.broker.address(), sender, None).await.unwrap();
        let port = BusLedger::new(client, sender).await.unwrap();
        for _ in 0..1_000 {
            if port.head().await.is_ok() {
                return Arc::new(port);
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("the ledger does not answer");
    }
}
