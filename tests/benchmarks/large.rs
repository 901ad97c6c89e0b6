//! A log of a million changes of figures: one figure's history in it, reopening, rebuilding the store, memory and bytes.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rondo_domain::StreamId;
use rondo_domain::event::Event;
use rondo_domain::figure::FiguresEvent;
use rondo_eventlog::{Ledger, ledger};
use rondo_runtime::clock::Stopwatch;
use serde_json::{Value, json};

use crate::durable::prepared;
use crate::report::{Report, percentile, resident};
use crate::serve;
use crate::workload::{self, SHEETS};

const CHANGES: usize = 1_000_000;
const IN_FLIGHT: usize = 1_024;
const HISTORIES: usize = 10_000;
const REPETITIONS: usize = 3;

pub fn measure(folder: &Path, report: &mut Report) {
    let data = folder.join("large");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let watch = Stopwatch::start();
    runtime.block_on(serve::in_process(&data, async |ledger| {
        let round = Arc::new(prepared(&*ledger).await);
        let senders: Vec<_> = (0..IN_FLIGHT)
            .map(|first| {
                let (ledger, round) = (Arc::clone(&ledger), Arc::clone(&round));
                tokio::spawn(async move {
                    for sheet in (first..SHEETS).step_by(IN_FLIGHT) {
                        for version in 0..CHANGES / SHEETS {
                            ledger.submit(workload::change(&round, sheet, version)).await.unwrap();
                        }
                    }
                })
            })
            .collect();
        for sender in senders {
            sender.await.unwrap();
        }
    }));
    report.take("writing 1,000,000 changes, 1,024 in flight", "s", vec![watch.elapsed().as_secs_f64()]);
    report.take("journal, bytes a change", "bytes", vec![size(&data.join("journal")) / CHANGES as f64]);
    report.take("sled, bytes a change", "bytes", vec![size(&data.join("index")) / CHANGES as f64]);
    let names = [
        ("reopen_ms", "reopening after a clean stop", "ms"),
        ("reopened_mb", "  resident after reopening", "MB"),
        ("history_p50_us", "one figure's history of 50 changes, p50", "us"),
        ("history_p99_us", "  p99", "us"),
        ("served_mb", "  resident after 10,000 histories", "MB"),
    ];
    let runs: Vec<Value> = (0..REPETITIONS).map(|_| child(&data)).collect();
    for (field, name, unit) in names {
        report.take(&format!("1,000,000 records: {name}"), unit, runs.iter().map(|run| number(run, field)).collect());
    }
    let rebuilds: Vec<Value> = (0..REPETITIONS)
        .map(|_| {
            std::fs::remove_dir_all(data.join("index")).unwrap();
            child(&data)
        })
        .collect();
    let seconds = rebuilds.iter().map(|run| number(run, "reopen_ms") / 1_000.0).collect();
    report.take("1,000,000 records: rebuilding sled from the journal", "s", seconds);
    let peak = rebuilds.iter().map(|run| number(run, "peak_mb")).collect();
    report.take("1,000,000 records:   resident at the most while rebuilding", "MB", peak);
}

pub fn number(run: &Value, field: &str) -> f64 {
    run[field].as_f64().unwrap_or_else(|| panic!("{field} was not measured: {run}"))
}

pub fn size(folder: &Path) -> f64 {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let meta = entry.metadata().unwrap();
        bytes += if meta.is_dir() { size(&entry.path()) as u64 } else { meta.len() };
    }
    bytes as f64
}

fn child(data: &Path) -> Value {
    let output = Command::new(std::env::current_exe().unwrap()).args(["child", "reopen"]).arg(data).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The child process: reopens the log, reads histories, and says what that took.
pub fn reopened(data: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let watch = Stopwatch::start();
    let measured = runtime.block_on(serve::in_process(Path::new(data), async |ledger| {
        assert!(ledger.head().await.unwrap().size >= CHANGES as u64);
        let reopen = watch.elapsed().as_secs_f64() * 1_000.0;
        let (reopened, peak) = resident();
        let mut times = Vec::with_capacity(HISTORIES);
        for n in 0..HISTORIES {
            let sheet = n * 7_919 % SHEETS;
            let before = watch.elapsed();
            assert_eq!(history(&*ledger, sheet).await, CHANGES / SHEETS);
            times.push((watch.elapsed() - before).as_secs_f64() * 1e6);
        }
        times.sort_by(f64::total_cmp);
        json!({
            "reopen_ms": reopen, "reopened_mb": reopened, "peak_mb": peak,
            "history_p50_us": percentile(&times, 0.5), "history_p99_us": percentile(&times, 0.99),
            "served_mb": resident().0,
        })
    }));
    println!("{measured}");
}

/// How many values a figure had, read as `rondo figure history` reads them.
async fn history(ledger: &dyn Ledger, sheet: usize) -> usize {
    let (stream, cell) = (StreamId::figures(&workload::sheet(sheet)), workload::cell());
    let records = ledger::read_all(ledger, stream.as_str()).await.unwrap();
    let values = records.iter().map(|record| match &record.event {
        Event::Figures(FiguresEvent::FiguresRecorded { cells, .. }) => {
            cells.iter().filter(|change| change.key == cell).count()
        }
        _ => 0,
    });
    values.sum()
}
