//! A ledger in a process of its own that is killed at work: it submits as fast as it can and says what was acknowledged.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;

use rondo_eventlog::Ledger;
use rondo_ledger::{LedgerConfig, OpenError, Opened, Options};
use rondo_runtime::chance::SystemChance;
use rondo_runtime::clock::{Clock, SystemClock};
use rondo_runtime::lifecycle::Lifecycle;
use rondo_testkit::growth::granting;

/// Commands under way at once.
const TOGETHER: usize = 32;

#[allow(dead_code, reason = "not every test that has a ledger opens it by itself")]
pub fn open(data: &Path) -> Result<Opened, OpenError> {
    open_at(data, Arc::new(SystemClock), Options::default())
}

pub fn open_at(data: &Path, clock: Arc<dyn Clock>, options: Options) -> Result<Opened, OpenError> {
    let origin = "test.example/log".to_owned();
    let config = LedgerConfig { data: data.to_owned(), origin, clock, chance: Arc::new(SystemChance) };
    rondo_ledger::open_with(&config, options)
}

pub fn command(n: usize) -> rondo_domain::Command {
    granting("durability", n)
}

/// Not a test by itself: the process that is killed. It ends by itself, with an error, when the ledger fails.
#[test]
#[allow(clippy::disallowed_methods, reason = "the process that is killed is told its part by the environment")]
fn burst() {
    let Ok(data) = std::env::var("RONDO_BURST") else { return };
    let from: usize = std::env::var("RONDO_BURST_FROM").unwrap().parse().unwrap();
    let segment = std::env::var("RONDO_BURST_SEGMENT").map(|size| size.parse().unwrap());
    let options = segment.map_or_else(|_| Options::default(), |segment| Options { segment, ..Options::default() });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async move {
        let opened = open_at(Path::new(&data), Arc::new(SystemClock), options).unwrap();
        let handle = opened.handle.clone();
        let mut lifecycle = Lifecycle::default();
        let stop = lifecycle.stop();
        lifecycle.spawn("ledger", opened.run(stop));
        tokio::spawn(async move {
            let mut refused = false;
            for first in (from..).step_by(TOGETHER) {
                let sent = (first..first + TOGETHER).map(|n| {
                    let handle = handle.clone();
                    async move { (n, handle.submit(command(n)).await) }
                });
                for (n, answer) in futures::future::join_all(sent).await {
                    match answer {
                        Ok(_) => println!("acknowledged {n}"),
                        Err(error) => {
                            println!("refused {n}: {error}");
                            refused = true;
                        }
                    }
                }
                if refused {
                    return;
                }
            }
        });
        lifecycle.run(std::future::pending()).await.unwrap();
    });
}

/// How a burst ended.
#[allow(dead_code, reason = "each test looks at its part")]
pub struct Ended {
    /// The last one that was acknowledged.
    pub last: usize,
    /// How many were answered by an error.
    pub refused: usize,
    pub status: ExitStatus,
}

/// Runs the burst in a process of its own, kills it after so many acknowledgements, and says how it ended.
#[allow(dead_code, reason = "each test uses its part")]
pub fn burst_until(data: &Path, from: usize, after: usize, environment: &[(&str, String)]) -> Ended {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["burst::burst", "--exact", "--nocapture"])
        .env("RONDO_BURST", data)
        .env("RONDO_BURST_FROM", from.to_string())
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut last, mut heard, mut refused) = (from, 0, 0);
    for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
        if let Some((_, n)) = line.rsplit_once("acknowledged ") {
            last = n.parse().unwrap();
            heard += 1;
            if heard == after {
                child.kill().unwrap();
            }
        }
        refused += usize::from(line.contains("refused "));
    }
    Ended { last, refused, status: child.wait().unwrap() }
}

pub fn with_ledger<T>(data: &Path, work: impl AsyncFnOnce(&dyn Ledger) -> T) -> T {
    with_ledger_at(data, Arc::new(SystemClock), work)
}

/// The same on a clock of the test's own.
pub fn with_ledger_at<T>(data: &Path, clock: Arc<dyn Clock>, work: impl AsyncFnOnce(&dyn Ledger) -> T) -> T {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let opened = open_at(data, clock, Options::default()).unwrap();
        let handle = opened.handle.clone();
        let mut lifecycle = Lifecycle::default();
        let stop = lifecycle.stop();
        lifecycle.spawn("ledger", opened.run(stop));
        let done = work(&handle).await;
        drop(handle);
        lifecycle.run(std::future::ready(())).await.unwrap();
        done
    })
}
