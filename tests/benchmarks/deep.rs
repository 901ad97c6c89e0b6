//! Millions of changes of figures as rounds bring them: a report of 25 figures, then ten, five and one of them corrected.
//!
//! Measured on one and on ten million changes: a figure's history, a country's figures as of an instant, reopening after a
//! clean stop and after `kill -9`, rebuilding the store, verifying, memory, and bytes on disk.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rondo_domain::figure::FigureKey;
use rondo_eventlog::life::{self, AsOf};
use rondo_eventlog::vintage;
use rondo_runtime::clock::{Clock, Stopwatch, SystemClock};
use serde_json::{Value, json};

use crate::durable::prepared;
use crate::large::{number, size};
use crate::report::{Report, percentile, resident};
use crate::serve;
use crate::workload::{self, REPORTED};

const IN_FLIGHT: usize = 1_024;
const HISTORIES: usize = 20_000;
const REPETITIONS: usize = 3;
/// Sheets that a burst changes together.
const BURST: usize = 10_000;

/// Changes of figures that one sheet goes through.
fn changes() -> usize {
    REPORTED.iter().sum()
}

pub fn measure(folder: &Path, millions: usize, report: &mut Report) {
    let data = folder.join(format!("deep-{millions}"));
    let sheets = millions * 1_000_000 / changes();
    let written = child(&["child", "write", &sheets.to_string()], &data);
    let of = format!("{millions},000,000 changes");
    report.take(&format!("{of}: writing them, 1,024 under way"), "s", vec![number(&written, "seconds")]);
    report.take(&format!("{of}:   resident at the most meanwhile"), "MB", vec![number(&written, "peak_mb")]);
    let all = (sheets * changes()) as f64;
    for part in ["journal", "index", "tree"] {
        report.take(&format!("{of}: {part}, bytes a change"), "bytes", vec![size(&data.join(part)) / all]);
    }
    let names = [
        ("reopen_ms", "reopening after a clean stop", "ms"),
        ("history_p50_us", "one figure's history, p50", "us"),
        ("history_p99_us", "  p99", "us"),
        ("life_p50_us", "the same with what became of each value, p50", "us"),
        ("known_ms", "the figures of a round of 200 countries as of an instant", "ms"),
        ("known_figures", "  how many they are", "figures"),
        ("served_mb", "  resident after 20,000 histories", "MB"),
    ];
    let runs: Vec<Value> = (0..REPETITIONS).map(|_| child(&["child", "deep", &sheets.to_string()], &data)).collect();
    for (field, name, unit) in names {
        report.take(&format!("{of}: {name}"), unit, runs.iter().map(|run| number(run, field)).collect());
    }
    let crashed = (0..REPETITIONS).map(|n| {
        crash(&data, n);
        number(&child(&["child", "deep", &sheets.to_string()], &data), "reopen_ms")
    });
    report.take(&format!("{of}: reopening after kill -9 in a burst"), "ms", crashed.collect());
    let verified = (0..REPETITIONS).map(|_| {
        let watch = Stopwatch::start();
        let found = rondo_ledger::inspect::inspect(&data, None, &[]).unwrap();
        assert!(found.hashes_to_root());
        found.records as f64 / watch.elapsed().as_secs_f64()
    });
    report.take(&format!("{of}: verifying on one core"), "records/s", verified.collect());
    let rebuilt = (0..REPETITIONS).map(|_| {
        std::fs::remove_dir_all(data.join("index")).unwrap();
        number(&child(&["child", "deep", &sheets.to_string()], &data), "reopen_ms") / 1_000.0
    });
    report.take(&format!("{of}: rebuilding sled from the journal"), "s", rebuilt.collect());
}

/// Lets a child process change figures, and kills it at work.
fn crash(data: &Path, n: usize) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let mut child = command.args(["child", "burst", &n.to_string()]).arg(data).stdout(Stdio::piped()).spawn().unwrap();
    let mut heard = [0];
    child.stdout.take().unwrap().read_exact(&mut heard).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
}

/// The child process that is killed: it says when it has done enough, and goes on.
pub fn burst(n: &str, data: &str) {
    let n: usize = n.parse().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(serve::in_process(Path::new(data), async |ledger| {
        let round = workload::round_id(0);
        for version in 0.. {
            let first = 1_000_000 + n * BURST;
            let sent = (first..first + BURST).map(|sheet| ledger.submit(workload::change(&round, sheet, version)));
            futures::future::try_join_all(sent).await.unwrap();
            if version == 4 {
                print!(".");
                std::io::stdout().flush().unwrap();
            }
        }
    }));
}

fn child(words: &[&str], data: &Path) -> Value {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.args(words).arg(data).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The child process that writes.
pub fn write(sheets: &str, data: &str) {
    let sheets: usize = sheets.parse().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let watch = Stopwatch::start();
    runtime.block_on(serve::in_process(Path::new(data), async |ledger| {
        let round = Arc::new(prepared(&*ledger).await);
        let senders: Vec<_> = (0..IN_FLIGHT)
            .map(|first| {
                let (ledger, round) = (Arc::clone(&ledger), Arc::clone(&round));
                tokio::spawn(async move {
                    for sheet in (first..sheets).step_by(IN_FLIGHT) {
                        for version in 0..REPORTED.len() {
                            ledger.submit(workload::report(&round, sheet, version)).await.unwrap();
                        }
                    }
                })
            })
            .collect();
        for sender in senders {
            sender.await.unwrap();
        }
    }));
    println!("{}", json!({"seconds": watch.elapsed().as_secs_f64(), "peak_mb": resident().1}));
}

/// The child process that reopens the log and asks it.
pub fn asked(sheets: &str, data: &str) {
    let sheets: usize = sheets.parse().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let watch = Stopwatch::start();
    let measured = runtime.block_on(serve::in_process(Path::new(data), async |ledger| {
        assert!(ledger.head().await.unwrap().size >= (sheets * REPORTED.len()) as u64);
        let reopen = watch.elapsed().as_secs_f64() * 1_000.0;
        let (mut histories, mut lives) = (Vec::new(), Vec::new());
        for n in 0..HISTORIES {
            let key = FigureKey::new(&workload::sheet(n * 7_919 % sheets), &workload::reported_cell(n % REPORTED[0]));
            let before = watch.elapsed();
            let found = life::history(&*ledger, &key, jiff::Timestamp::MAX).await.unwrap();
            let between = watch.elapsed();
            let expected = REPORTED.iter().filter(|cells| n % REPORTED[0] < **cells).count();
            assert_eq!(found.len(), expected, "{key}");
            histories.push((between - before).as_secs_f64() * 1e6);
            if n % 20 == 0 {
                life::read(&*ledger, &key, Some(workload::table()), AsOf::Now).await.unwrap();
                lives.push((watch.elapsed() - between).as_secs_f64() * 1e6);
            }
        }
        histories.sort_by(f64::total_cmp);
        lives.sort_by(f64::total_cmp);
        let (round, id) = (workload::standing(&*ledger, 0).await, workload::round_id(0));
        let before = watch.elapsed();
        let questionnaire = workload::questionnaire(sheets);
        let as_of = AsOf::Known(SystemClock.now());
        let known = vintage::read(&*ledger, (&id, &round), &questionnaire, None, as_of).await.unwrap();
        let known_ms = (watch.elapsed() - before).as_secs_f64() * 1_000.0;
        json!({
            "reopen_ms": reopen, "known_ms": known_ms, "known_figures": known.len(),
            "history_p50_us": percentile(&histories, 0.5), "history_p99_us": percentile(&histories, 0.99),
            "life_p50_us": percentile(&lives, 0.5), "served_mb": resident().0,
        })
    }));
    println!("{measured}");
}
