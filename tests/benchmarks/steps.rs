//! 200 participations, each through six durable steps one after the other, all started at once; and one alone.

use std::path::Path;
use std::sync::Arc;

use rondo_domain::RoundId;
use rondo_eventlog::Ledger;
use rondo_runtime::clock::Stopwatch;

use crate::report::{Report, percentile};
use crate::serve::{self, Far};
use crate::workload::{self, COUNTRIES, STEPS, Sender};

const REPETITIONS: usize = 100;

/// The ports of those who send: in process they are one.
#[derive(Clone)]
struct Ports {
    scheduler: Arc<dyn Ledger>,
    people: Arc<dyn Ledger>,
}

/// In one process.
pub fn near(folder: &Path, report: &mut Report) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(serve::in_process(&folder.join("near"), async |ledger| {
        let ports = Ports { scheduler: Arc::clone(&ledger), people: ledger };
        repeated("in process", &ports, report).await;
    }));
}

/// Requester, broker and ledger as a process each.
pub fn far(folder: &Path, report: &mut Report) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let far = Far::start(&folder.join("far"));
        let ports = Ports { scheduler: far.port("scheduler").await, people: far.port("operator").await };
        repeated("over NATS", &ports, report).await;
    });
}

async fn repeated(place: &str, ports: &Ports, report: &mut Report) {
    workload::people(&*ports.people).await;
    let (mut rates, mut middles, mut slowest, mut alone) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for n in 0..REPETITIONS {
        let round = workload::round(&*ports.people, 2 * n).await;
        let (rate, latencies) = together(ports, &round).await;
        rates.push(rate);
        middles.push(percentile(&latencies, 0.5));
        slowest.push(percentile(&latencies, 0.99));
        let round = workload::round(&*ports.people, 2 * n + 1).await;
        let watch = Stopwatch::start();
        one(ports, &round, 0, &watch).await;
        alone.push(watch.elapsed().as_secs_f64() * 1_000.0);
    }
    report.take(&format!("{COUNTRIES} participations x {STEPS} steps, {place}"), "steps/s", rates);
    report.take(&format!("  step p50, {place}"), "ms", middles);
    report.take(&format!("  step p99, {place}"), "ms", slowest);
    report.take(&format!("one participation alone through {STEPS} steps, {place}"), "ms", alone);
}

async fn together(ports: &Ports, round: &RoundId) -> (f64, Vec<f64>) {
    let watch = Stopwatch::start();
    let all: Vec<_> = (0..COUNTRIES)
        .map(|n| {
            let (ports, round) = (ports.clone(), round.clone());
            tokio::spawn(async move { one(&ports, &round, n, &watch).await })
        })
        .collect();
    let mut latencies = Vec::new();
    for participation in all {
        latencies.extend(participation.await.unwrap());
    }
    let rate = latencies.len() as f64 / watch.elapsed().as_secs_f64();
    latencies.sort_by(f64::total_cmp);
    (rate, latencies)
}

async fn one(ports: &Ports, round: &RoundId, n: usize, watch: &Stopwatch) -> Vec<f64> {
    let mut latencies = Vec::with_capacity(STEPS);
    for step in 0..STEPS {
        let (sender, command) = workload::step(round, n, step);
        let port = match sender {
            Sender::Scheduler => &ports.scheduler,
            Sender::People => &ports.people,
        };
        let sent = watch.elapsed();
        let accepted = port.submit(command).await.unwrap();
        assert_eq!(accepted.count, 1, "a step records an event");
        latencies.push((watch.elapsed() - sent).as_secs_f64() * 1_000.0);
    }
    latencies
}
