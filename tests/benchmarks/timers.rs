//! Timers: how late ten thousand of them fire that are due within ten seconds, how fast they are created, what a million that
//! wait cost in memory, and how soon the first one fires after a start.

use std::ops::Range;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rondo_domain::calendar::{Moment, Reckoning};
use rondo_domain::event::Event;
use rondo_domain::round::{Pin, RoundCommand};
use rondo_domain::run::{Occurrence, RunCommand, RunEvent};
use rondo_domain::{CommandId, Role, RoundId, Wish};
use rondo_eventlog::{Ledger, Record, files};
use rondo_runtime::clock::{Clock, Stopwatch, SystemClock};
use rondo_runtime::lifecycle::Lifecycle;
use rondo_runtime::progress::Board;
use rondo_runtime::savepoint::Savepoints;
use rondo_scheduler::Scheduler;
use rondo_testkit::process::free_port;
use rondo_tests::program;

use crate::report::{Report, percentile, resident};
use crate::serve;
use crate::start::{answer, started};

const DUE: usize = 10_000;
const WITHIN: SignedDuration = SignedDuration::from_secs(10);
const PENDING: usize = 1_000_000;
/// Records that a scheduler lets come before it writes another savepoint of so many.
const UNSAVED: usize = PENDING / 16;
const IN_FLIGHT: usize = 1_024;
const REPETITIONS: usize = 3;

pub fn measure(folder: &Path, report: &mut Report) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (mut middle, mut late, mut rates, mut first) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for n in 0..REPETITIONS {
        let data = folder.join(format!("timers-{n}"));
        runtime.block_on(serve::in_process(&data, async |ledger| {
            let round = round(&*ledger, n).await;
            let begin = SystemClock.now() + SignedDuration::from_secs(4);
            let due = |timer: usize| begin + WITHIN * i32::try_from(timer).unwrap() / i32::try_from(DUE).unwrap();
            rates.push(create(&ledger, &round, 0..DUE, due).await);
            let watch = Stopwatch::start();
            let lateness = fired(&ledger).await;
            assert!(watch.elapsed() < Duration::from_secs(60));
            middle.push(percentile(&lateness, 0.5));
            late.push(percentile(&lateness, 0.99));
        }));
        runtime.block_on(serve::in_process(&folder.join(format!("restart-{n}")), async |ledger| {
            let round = round(&*ledger, n).await;
            let soon = SystemClock.now();
            create(&ledger, &round, 0..DUE, |timer| if timer == 0 { soon } else { soon + WITHIN * 1_000 }).await;
            let watch = Stopwatch::start();
            let mut scheduler = Scheduler::new(Arc::clone(&ledger));
            let size = ledger.head().await.unwrap().size;
            while ledger.head().await.unwrap().size == size {
                scheduler.turn(SystemClock.now()).await.unwrap();
            }
            first.push(watch.elapsed().as_secs_f64() * 1_000.0);
        }));
    }
    report.take(&format!("{DUE} timers due within ten seconds, lateness p50"), "ms", middle);
    report.take("  lateness p99", "ms", late);
    report.take(&format!("timers created, durably, {IN_FLIGHT} in flight"), "timers/s", rates);
    report.take(&format!("a start with {DUE} timers, until the first has fired"), "ms", first);
    let data = folder.join("pending");
    let told = child("timers", &data);
    let number = |key: &str| vec![told[key].as_f64().unwrap()];
    report.take(&format!("{PENDING} timers that wait, in the scheduler's memory"), "MB", number("mb"));
    report.take("  created", "timers/s", number("rate"));
    report.take("  reading the whole log, until the first has fired", "ms", number("first_ms"));
    report.take("  the savepoint", "MB", number("savepoint_mb"));
    report.take("  written in", "ms", number("saved_ms"));
    let starts: Vec<_> = (0..REPETITIONS).map(|_| child("restart", &data)).collect();
    let all = |key: &str| starts.iter().map(|told| told[key].as_f64().unwrap()).collect();
    report.take(
        &format!("  killed {UNSAVED} records after it, a process until the first fired"),
        "ms",
        all("first_ms"),
    );
    report.take("    of which until the log was open", "ms", all("open_ms"));
    report.take("    until the scheduler knew what it had kept", "ms", all("known_ms"));
    report.take("    in the scheduler's memory", "MB", all("mb"));
    report.take("  the whole program, until its scheduler rests", "ms", program_rests(&data));
}

/// The milliseconds from the start of the whole program until its scheduler has nothing left to do, five roles reading the log at
/// once. It has begun before, read everything, and was ended once its savepoint was there.
fn program_rests(data: &Path) -> Vec<f64> {
    let savepoint = savepoints(data).path().to_owned();
    std::fs::remove_file(&savepoint).unwrap();
    let mut taken = Vec::new();
    for _ in 0..=REPETITIONS {
        let address = format!("127.0.0.1:{}", free_port());
        let watch = Stopwatch::start();
        let mut child = started(Command::new(program()).args(["up", "--listen", &address, "--data"]).arg(data));
        while !answer(&address, "/health").is_some_and(|health| rests(&health)) {
            assert!(watch.elapsed() < Duration::from_secs(60), "the scheduler does not rest");
            std::thread::sleep(Duration::from_millis(1));
        }
        taken.push(watch.elapsed().as_secs_f64() * 1_000.0);
        while !savepoint.exists() {
            std::thread::sleep(Duration::from_millis(10));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    taken.split_off(1)
}

/// Whether an answer of `/health` tells that the scheduler has rested, having read every record: a role that has not yet is told
/// with `position` null.
fn rests(answer: &str) -> bool {
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let health: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let scheduler = &health["roles"]["scheduler"];
    scheduler["position"].is_u64() && scheduler["position"] == health["records"]
}

fn child(part: &str, data: &Path) -> serde_json::Value {
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program).args(["child", part]).arg(data).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn savepoints(data: &Path) -> Savepoints {
    Savepoints::of(&data.join("savepoints"), rondo_scheduler::ROLE)
}

/// Makes a million timers and says what a scheduler needs to hold them, as JSON on standard output; then a savepoint, and as many
/// more timers as may be behind the last savepoint when a process is killed.
pub fn pending(data: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(serve::in_process(Path::new(data), async |ledger| {
        let round = round(&*ledger, 0).await;
        let soon = SystemClock.now();
        // Each for a second of its own within three years, in no order; the first of those before and after the savepoint at once.
        let due = |timer: usize| {
            if timer.is_multiple_of(PENDING) {
                soon
            } else {
                soon + SignedDuration::from_secs(86_400 + (timer as i64 * 7_919) % 99_999_989)
            }
        };
        let rate = create(&ledger, &round, 0..PENDING, due).await;
        // The ledger's own caches fill as the log is read, whoever reads it.
        let mut position = 0;
        while let Some(last) = ledger.read(position, 500).await.unwrap().last() {
            position = last.position + 1;
        }
        let (before, watch) = (resident().0, Stopwatch::start());
        let mut scheduler = Scheduler::new(Arc::clone(&ledger));
        let size = ledger.head().await.unwrap().size;
        while ledger.head().await.unwrap().size == size {
            scheduler.turn(SystemClock.now()).await.unwrap();
        }
        let first = watch.elapsed().as_secs_f64() * 1_000.0;
        let mb = resident().0 - before;
        while scheduler.turn(SystemClock.now()).await.unwrap().is_none() {}
        let (savepoints, watch) = (savepoints(Path::new(data)), Stopwatch::start());
        assert!(scheduler.save(&savepoints).unwrap());
        let saved = watch.elapsed().as_secs_f64() * 1_000.0;
        let length = std::fs::metadata(savepoints.path()).unwrap().len() as f64 / 1_048_576.0;
        create(&ledger, &round, PENDING..PENDING + UNSAVED, due).await;
        let told = serde_json::json!({
            "mb": mb, "rate": rate, "first_ms": first, "saved_ms": saved, "savepoint_mb": length,
        });
        println!("{told}");
    }));
}

/// A process that begins anew and goes on from the savepoint: how long until the first of what came due meanwhile has fired.
pub fn restarted(data: &str) {
    let watch = Stopwatch::start();
    let ms = || watch.elapsed().as_secs_f64() * 1_000.0;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(serve::in_process(Path::new(data), async |ledger| {
        let (open, before) = (ms(), resident().0);
        let mut scheduler = Scheduler::resume(Arc::clone(&ledger), &savepoints(Path::new(data))).await.unwrap();
        let known = ms();
        let size = ledger.head().await.unwrap().size;
        while ledger.head().await.unwrap().size == size {
            scheduler.turn(SystemClock.now()).await.unwrap();
        }
        let (first, mb) = (ms(), resident().0 - before);
        // One that comes due for whoever begins anew after this.
        let round: RoundId = "timers-0".parse().unwrap();
        let timer = size as usize;
        create(&ledger, &round, timer..timer + 1, |_| SystemClock.now()).await;
        println!("{}", serde_json::json!({"open_ms": open, "known_ms": known, "first_ms": first, "mb": mb}));
    }));
}

fn command(actor: &str, cause: &[&str], wish: Wish) -> rondo_domain::Command {
    let parts = [&["timers", actor], cause].concat();
    let (actor, role, via) = (actor.parse().unwrap(), None, None);
    rondo_domain::Command { role, via, ..rondo_domain::Command::of(CommandId::of(&parts), actor, wish) }
}

/// A round of the real workflow, planned and not yet configured: nothing but the timers is due in it.
async fn round(ledger: &dyn Ledger, n: usize) -> RoundId {
    let grant = rondo_domain::network::Grant::of(Role::RegionalCoordinator, None);
    let person = "coordinator".parse().unwrap();
    let wish = Wish::Network { command: rondo_domain::network::NetworkCommand::GrantRole { person, grant } };
    ledger.submit(command("operator", &["grant"], wish)).await.unwrap();
    let bundle = rondo_tests::bundle("ilms-asean");
    let hash = files::store(ledger, &bundle.to_bytes()).await.unwrap();
    let round: RoundId = format!("timers-{n}").parse().unwrap();
    let pin = Pin { workflow: "ilms-asean".parse().unwrap(), bundle: hash };
    // So early a year has no calendar: the round stays as it is.
    let plan = RoundCommand::Plan { pin, year: 2001, title: "Timers".to_owned() };
    ledger
        .submit(command("coordinator", &["plan"], Wish::Round { round: round.clone(), command: plan }))
        .await
        .unwrap();
    round
}

/// Creates timers, many at once; gives how many a second.
async fn create(
    ledger: &Arc<dyn Ledger>,
    round: &RoundId,
    timers: Range<usize>,
    due: impl Fn(usize) -> Timestamp,
) -> f64 {
    let watch = Stopwatch::start();
    let (mut next, count) = (timers.start, timers.len());
    while next < timers.end {
        let some = next..(next + IN_FLIGHT).min(timers.end);
        next = some.end;
        let sent = some.map(|timer| {
            let (ledger, at) = (Arc::clone(ledger), due(timer));
            let reckoning = Reckoning {
                zone: "Asia/Vientiane".to_owned(),
                calendar: "holidays-0.109 of 2026-11".to_owned(),
                moved: Vec::new(),
                rule: "-10 working days from deadline".to_owned(),
            };
            let moment = Moment::new(at, jiff::tz::TimeZone::UTC.to_datetime(at), reckoning);
            let of = timer.to_string();
            let occurrence = Occurrence { step: "timer".parse().unwrap(), of: of.as_str().into() };
            // As many runs as a hundred countries have, so that they do not wait for one another.
            let country = Some(crate::workload::country(timer % 100));
            let plan = RunCommand::Plan { occurrence, due: moment };
            let wish = Wish::Run { round: round.clone(), country, command: plan };
            async move { ledger.submit(command("scheduler", &["plan", &of], wish)).await.unwrap() }
        });
        futures::future::join_all(sent).await;
    }
    count as f64 / watch.elapsed().as_secs_f64()
}

/// Runs a scheduler until every timer has fired; the milliseconds by which each was late, sorted.
async fn fired(ledger: &Arc<dyn Ledger>) -> Vec<f64> {
    let mut lifecycle = Lifecycle::default();
    let (stop, clock): (_, Arc<dyn Clock>) = (lifecycle.stop(), Arc::new(SystemClock));
    let running = rondo_scheduler::run(Arc::clone(ledger), clock, Arc::new(Board::default()), None, stop);
    lifecycle.spawn("scheduler", running);
    let (done, finished) = tokio::sync::oneshot::channel::<()>();
    let lives = tokio::spawn(async move {
        lifecycle
            .run(async move {
                let _ = finished.await;
            })
            .await
    });
    let (mut position, mut due, mut lateness) = (0, std::collections::HashMap::new(), Vec::new());
    while lateness.len() < DUE {
        let records: Vec<Record> = ledger.read(position, 1_000).await.unwrap();
        if records.is_empty() {
            ledger.wait(position).await.unwrap();
        }
        for record in &records {
            position = record.position + 1;
            match &record.event {
                Event::Run(RunEvent::StepPlanned { occurrence, due: at }) => {
                    due.insert(occurrence.of.clone(), at.at);
                }
                Event::Run(RunEvent::StepFired { occurrence, .. }) => {
                    let late = record.recorded_at.duration_since(due[&occurrence.of]);
                    lateness.push(late.as_secs_f64() * 1_000.0);
                }
                _ => {}
            }
        }
    }
    let _ = done.send(());
    lives.await.unwrap().unwrap();
    lateness.sort_by(f64::total_cmp);
    lateness
}
