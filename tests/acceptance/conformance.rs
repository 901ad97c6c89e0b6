//! The port's three forms do alike: in memory, in process, and over a real broker.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rondo_bus::{BusLedger, Candidate, Client, Credentials, Leadership};
use rondo_eventlog::{Accepted, Fault, History, Ledger, Record, SubmitError};
use rondo_ledger::{LedgerConfig, Opened};
use rondo_runtime::chance::SystemChance;
use rondo_runtime::clock::{PacedClock, SystemClock};
use rondo_runtime::lifecycle::Lifecycle;
use rondo_runtime::memory::MemoryLedger;
use rondo_runtime::secret::Secret;
use rondo_testkit::between::{OnTheWay, between_history};
use rondo_testkit::conformance::suite;
use rondo_testkit::growth::granting;
use rondo_testkit::process::Broker;
use rondo_tests::root;

fn open(data: &Path) -> Opened {
    let origin = "test.example/log".to_owned();
    let config =
        LedgerConfig { data: data.to_owned(), origin, clock: Arc::new(SystemClock), chance: Arc::new(SystemChance) };
    rondo_ledger::open(&config).unwrap()
}

/// Has the log of this ledger on a broker where nobody else had one.
async fn leads(client: &Client, opened: &Opened, instance: &str) -> Leadership {
    let led_on = Some(client.server_info().server_id);
    let by = Candidate { instance: instance.to_owned(), origin: opened.origin().to_owned(), led_on };
    rondo_bus::claim(client.clone(), Arc::new(opened.handle.clone()), by).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn in_memory() {
    suite(Arc::new(MemoryLedger::new(Arc::new(PacedClock::new(jiff::Timestamp::UNIX_EPOCH))))).await;
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
    let serving = rondo_bus::connect(&broker.address(), "ledger", None).await.unwrap();
    let leadership = leads(&serving, &opened, "one").await;
    lifecycle.spawn("ledger", opened.run(stop));
    let asking = rondo_bus::connect(&broker.address(), "operator", None).await.unwrap();
    let mut asked = lifecycle.stop();
    lifecycle.spawn("bus", async move {
        tokio::select! {
            served = rondo_bus::serve(serving, ledger, leadership) => served,
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

#[tokio::test(flavor = "multi_thread")]
async fn a_service_can_send_under_its_own_name_alone() {
    use rondo_domain::round::RoundCommand;
    use rondo_domain::{Command, Wish};
    use rondo_eventlog::{Ledger, SubmitError};
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(Some(&root().join("deploy/nats.conf")));
    let credentials =
        |user: &str| Some(Credentials { user: user.to_owned(), password: Secret::new(Broker::password(user)) });
    let opened = open(&folder.path().join("data"));
    let serving = rondo_bus::connect(&broker.address(), "ledger", credentials("ledger")).await.unwrap();
    let leadership = leads(&serving, &opened, "one").await;
    let served = tokio::spawn(rondo_bus::serve(serving, Arc::new(opened.handle.clone()), leadership));
    let client = rondo_bus::connect(&broker.address(), "scheduler", credentials("scheduler")).await.unwrap();
    let own = BusLedger::new(client.clone(), "scheduler").await.unwrap();
    let mut tries = 0;
    while own.head().await.is_err() {
        tries += 1;
        assert!(tries < 100, "the ledger does not answer");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let wish = Wish::Round { round: "r".parse().unwrap(), command: RoundCommand::Launch };
    let launch = Command::of_service("scheduler", &["launch"], wish).unwrap();
    match own.submit(launch.clone()).await {
        Err(SubmitError::Rejected(rejection)) => assert_eq!(rejection.code(), "state.not-possible"),
        other => panic!("under its own name it is heard: {other:?}"),
    }
    let foreign = BusLedger::new(client, "reminder").await.unwrap();
    assert!(
        matches!(foreign.submit(launch.clone()).await, Err(SubmitError::Fault(fault)) if fault.is_passing()),
        "the broker does not carry it under another's name"
    );
    let reminder = rondo_bus::connect(&broker.address(), "reminder", credentials("reminder")).await.unwrap();
    let reminder = BusLedger::new(reminder, "reminder").await.unwrap();
    match reminder.submit(launch).await {
        Err(SubmitError::Fault(fault)) => assert!(fault.to_string().contains("may not act as"), "{fault}"),
        other => panic!("the ledger heard the reminder as the scheduler: {other:?}"),
    }
    let wrong = Some(Credentials { user: "scheduler".to_owned(), password: Secret::new("guessed") });
    assert!(rondo_bus::connect(&broker.address(), "scheduler", wrong).await.is_err());
    served.abort();
}

/// Why a command is not taken, once what is heard of the start of the ledger has gone by.
async fn refusal(port: &BusLedger) -> rondo_eventlog::SubmitError {
    for _ in 0..200 {
        match rondo_eventlog::Ledger::submit(port, granting("grown", 99)).await.unwrap_err() {
            rondo_eventlog::SubmitError::Fault(rondo_eventlog::Fault::Unreachable { .. }) => {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            refused => return refused,
        }
    }
    panic!("nobody answers");
}

/// The outcome of asking for the head, once somebody answers.
async fn asked(port: &BusLedger) -> Result<u64, rondo_eventlog::Fault> {
    for _ in 0..200 {
        match rondo_eventlog::Ledger::head(port).await {
            Err(rondo_eventlog::Fault::Unreachable { .. }) => {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            other => return other.map(|head| head.size),
        }
    }
    panic!("nobody answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_does_not_have_what_the_asker_knows_refuses() {
    use rondo_eventlog::{Fault, Ledger, SubmitError};
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(None);
    let [whole, older, another] = ["whole", "older", "another"].map(|name| open(&folder.path().join(name)));
    for n in 0..3 {
        whole.handle.submit(granting("grown", n)).await.unwrap();
    }
    older.handle.submit(granting("grown", 0)).await.unwrap();
    for n in 10..20 {
        another.handle.submit(granting("grown", n)).await.unwrap();
    }
    let asking = rondo_bus::connect(&broker.address(), "operator", None).await.unwrap();
    let port = BusLedger::new(asking.clone(), "operator").await.unwrap();
    for (opened, fits) in [(&whole, true), (&older, false), (&another, false), (&whole, true)] {
        let serving = rondo_bus::connect(&broker.address(), "ledger", None).await.unwrap();
        let leadership = leads(&serving, opened, "one").await;
        let served = tokio::spawn(rondo_bus::serve(serving, Arc::new(opened.handle.clone()), leadership));
        let size = opened.handle.head().await.unwrap().size;
        match asked(&port).await {
            Ok(found) if fits => assert_eq!(found, size),
            Err(fault) if !fits => {
                assert_eq!(fault.code(), Some("ledger.does-not-extend"), "{fault}");
                let refused = refusal(&port).await;
                assert!(refused.to_string().contains("Nothing was recorded"), "{refused}");
                assert_eq!(opened.handle.head().await.unwrap().size, size, "nothing was recorded");
                let closed = opened.handle.submit(granting("grown", 50)).await.unwrap_err();
                assert!(matches!(closed, SubmitError::Fault(Fault::Contradicted(_))), "{closed}");
            }
            other => panic!("{size} records, fits: {fits}: {other:?}"),
        }
        // Whoever knows nothing of it is answered.
        let stranger = BusLedger::new(asking.clone(), "operator").await.unwrap();
        assert_eq!(asked(&stranger).await.unwrap(), size);
        served.abort();
        assert!(matches!(served.await, Err(ended) if ended.is_cancelled()));
    }
    assert!(matches!(port.head().await, Err(Fault::Unreachable { .. }) | Ok(_)));
}

/// Reads wait until somebody lets them go on.
struct Slow {
    reading: AtomicUsize,
    most: AtomicUsize,
    done: AtomicUsize,
    goes_on: tokio::sync::Semaphore,
}

#[async_trait::async_trait]
impl OnTheWay for Slow {
    async fn submit(&self, ledger: &dyn Ledger, command: rondo_domain::Command) -> Result<Accepted, SubmitError> {
        ledger.submit(command).await
    }

    async fn read(&self, ledger: &dyn Ledger, from: u64, limit: usize) -> Result<Vec<Record>, Fault> {
        self.most.fetch_max(self.reading.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        // It is closed, so that all of them go on.
        let _ = self.goes_on.acquire().await;
        self.reading.fetch_sub(1, Ordering::SeqCst);
        self.done.fetch_add(1, Ordering::SeqCst);
        ledger.read(from, limit).await
    }
}

async fn until(is_so: impl AsyncFn() -> bool) {
    for _ in 0..1_000 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("it does not come to this");
}

impl Slow {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            reading: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
            goes_on: tokio::sync::Semaphore::new(0),
        })
    }
}

/// Has a ledger served whose reads wait, and asks it for so many with so many bytes beside the question; gives a port beside.
async fn asks_much(broker: &Broker, opened: &Opened, slow: &Arc<Slow>, (asked, bytes): (usize, usize)) -> BusLedger {
    let serving = rondo_bus::connect(&broker.address(), "ledger", None).await.unwrap();
    let leadership = leads(&serving, opened, "one").await;
    let ledger = between_history(&(Arc::new(opened.handle.clone()) as Arc<dyn History>), Arc::clone(slow));
    tokio::spawn(rondo_bus::serve(serving, ledger, leadership));
    let asking = rondo_bus::connect(&broker.address(), "operator", None).await.unwrap();
    let port = BusLedger::new(asking.clone(), "operator").await.unwrap();
    until(async || port.head().await.is_ok()).await;
    let body: bytes::Bytes = format!("\n{{\"from\":0,\"limit\":1000}}{}", " ".repeat(bytes)).into();
    for _ in 0..asked {
        let (subject, reply) = ("rondo.ledger.read.operator", "_INBOX.operator.none");
        asking.publish_with_reply(subject, reply, body.clone()).await.unwrap();
    }
    asking.flush().await.unwrap();
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_take_the_memory_of_a_few_and_hold_up_no_command() {
    const ASKED: usize = 500;
    let folder = tempfile::tempdir().unwrap();
    let (broker, slow) = (Broker::start(None), Slow::new());
    let opened = open(&folder.path().join("data"));
    let port = asks_much(&broker, &opened, &slow, (ASKED, 0)).await;
    until(async || slow.reading.load(Ordering::SeqCst) >= 32).await;
    for n in 0..50 {
        port.submit(granting("beside", n)).await.expect("a command waits for no read");
    }
    // Each answer may take some megabytes in all its forms.
    let most = slow.most.load(Ordering::SeqCst);
    assert!(most <= 64, "{most} were read at once");
    slow.goes_on.close();
    until(async || slow.done.load(Ordering::SeqCst) == ASKED).await;
    assert!(slow.most.load(Ordering::SeqCst) <= 64);
}
