//! Timers: how late ten thousand of them fire that are due within ten seconds, how fast they are created, what a million that
//! wait cost in memory, and how soon the first one fires after a start.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rondo_domain::calendar::{Moment, Reckoning};
use rondo_domain::event::Event;
use rondo_domain::round::{Pin, RoundCommand};
use rondo_domain::run::{Occurrence, RunCommand, RunEvent};
use rondo_domain::{Command, CommandId, Role, RoundId, Wish};
use rondo_eventlog::{Ledger, Record, files};
use rondo_runtime::clock::{Clock, Stopwatch, SystemClock};
use rondo_runtime::lifecycle::Lifecycle;
use rondo_runtime::progress::Board;
use rondo_scheduler::Scheduler;

use crate::report::{Report, percentile, resident};
use crate::serve;

const DUE: usize = 10_000;
const WITHIN: SignedDuration = SignedDuration::from_secs(10);
const PENDING: usize = 1_000_000;
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
            rates.push(create(&ledger, &round, DUE, due).await);
            let watch = Stopwatch::start();
            let lateness = fired(&ledger).await;
            assert!(watch.elapsed() < Duration::from_secs(60));
            middle.push(percentile(&lateness, 0.5));
            late.push(percentile(&lateness, 0.99));
        }));
        runtime.block_on(serve::in_process(&folder.join(format!("restart-{n}")), async |ledger| {
            let round = round(&*ledger, n).await;
            let soon = SystemClock.now();
            create(&ledger, &round, DUE, |timer| if timer == 0 { soon } else { soon + WITHIN * 1_000 }).await;
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
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["child", "timers"])
        .arg(folder.join("pending"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let number = |key: &str| vec![told[key].as_f64().unwrap()];
    report.take(&format!("{PENDING} timers that wait, in the scheduler's memory"), "MB", number("mb"));
    report.take("  created", "timers/s", number("rate"));
    report.take("  a start, until the first has fired", "ms", number("first_ms"));
}

/// Makes a million timers and says what a scheduler needs to hold them, as JSON on standard output.
pub fn pending(data: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(serve::in_process(Path::new(data), async |ledger| {
        let round = round(&*ledger, 0).await;
        let soon = SystemClock.now();
        let due =
            // Each for a second of its own within three years, in no order.
            |timer: usize| if timer == 0 { soon } else { soon + SignedDuration::from_secs(86_400 + (timer as i64 * 7_919) % 99_999_989) };
        let rate = create(&ledger, &round, PENDING, due).await;
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
        println!("{}", serde_json::json!({"mb": resident().0 - before, "rate": rate, "first_ms": first}));
    }));
}

fn command(actor: &str, cause: &[&str], wish: Wish) -> Command {
    let parts = [&["timers", actor], cause].concat();
    let (actor, role, via) = (actor.parse().unwrap(), None, None);
    Command { id: CommandId::of(&parts), actor, role, via, on_behalf_of: None, cause: None, wish }
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
async fn create(ledger: &Arc<dyn Ledger>, round: &RoundId, count: usize, due: impl Fn(usize) -> Timestamp) -> f64 {
    let watch = Stopwatch::start();
    let mut next = 0;
    while next < count {
        let some = next..(next + IN_FLIGHT).min(count);
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
    let running = rondo_scheduler::run(Arc::clone(ledger), clock, Arc::new(Board::default()), stop);
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
