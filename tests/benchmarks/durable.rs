//! Durable commands a second, with so many under way at once: each is a figure's change, answered once it is on disk.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use rondo_domain::RoundId;
use rondo_eventlog::Ledger;
use rondo_runtime::clock::Stopwatch;

use crate::report::{Report, percentile};
use crate::serve;
use crate::workload::{self, COUNTRIES};

const REPETITIONS: usize = 5;
const TIME: Duration = Duration::from_secs(1);

pub fn measure(folder: &Path, report: &mut Report) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(serve::in_process(&folder.join("durable"), async |ledger| {
        let round = prepared(&*ledger).await;
        let versions: Arc<Vec<AtomicUsize>> = Arc::new((0..SHEETS).map(|_| AtomicUsize::new(0)).collect());
        for in_flight in [1, 64, 1_024] {
            let (mut rates, mut middles, mut slowest) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..REPETITIONS {
                let (rate, latencies) = burst(&ledger, &round, &versions, in_flight).await;
                rates.push(rate);
                middles.push(percentile(&latencies, 0.5));
                slowest.push(percentile(&latencies, 0.99));
            }
            report.take(&format!("durable commands in process, {in_flight} in flight"), "commands/s", rates);
            report.take(&format!("  latency p50, {in_flight} in flight"), "ms", middles);
            report.take(&format!("  latency p99, {in_flight} in flight"), "ms", slowest);
        }
        let mut submissions = Vec::new();
        for n in 0..REPETITIONS {
            let sheets = LARGE..LARGE + SUBMITTED / workload::REPORTED[0];
            let watch = Stopwatch::start();
            let sent = sheets.map(|sheet| ledger.submit(workload::report(&round, sheet + n * SUBMITTED, 0)));
            futures::future::try_join_all(sent).await.unwrap();
            submissions.push(watch.elapsed().as_secs_f64() * 1_000.0);
        }
        report.take("a submission of 5,000 figures, 200 sheets, until all are answered", "ms", submissions);
    }));
}

/// People, a launched round, and one open submission of each country, whose figures may be recorded.
pub async fn prepared(ledger: &dyn Ledger) -> RoundId {
    workload::people(ledger).await;
    let round = workload::round(ledger, 0).await;
    for n in 0..COUNTRIES {
        for step in 0..4 {
            ledger.submit(workload::step(&round, n, step).1).await.unwrap();
        }
    }
    round
}

/// Sheets whose figures are changed in turn: about what one round has, and more than are under way at once.
const SHEETS: usize = 2_000;

/// Figures in a large submission.
const SUBMITTED: usize = 5_000;
/// The first of the sheets that large submissions fill.
const LARGE: usize = 100_000;

async fn burst(
    ledger: &Arc<dyn Ledger>,
    round: &RoundId,
    versions: &Arc<Vec<AtomicUsize>>,
    in_flight: usize,
) -> (f64, Vec<f64>) {
    let watch = Stopwatch::start();
    let senders: Vec<_> = (0..in_flight)
        .map(|sender| {
            let (ledger, round, versions) = (Arc::clone(ledger), round.clone(), Arc::clone(versions));
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                // Each sender has sheets of its own: a change must not overtake the one before it.
                let mut sheets = (sender..SHEETS).step_by(in_flight).cycle();
                while watch.elapsed() < TIME
                    && let Some(sheet) = sheets.next()
                {
                    let command = workload::change(&round, sheet, versions[sheet].fetch_add(1, Relaxed));
                    let sent = watch.elapsed();
                    ledger.submit(command).await.unwrap();
                    latencies.push((watch.elapsed() - sent).as_secs_f64() * 1_000.0);
                }
                latencies
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for sender in senders {
        latencies.extend(sender.await.unwrap());
    }
    let rate = latencies.len() as f64 / watch.elapsed().as_secs_f64();
    latencies.sort_by(f64::total_cmp);
    (rate, latencies)
}
