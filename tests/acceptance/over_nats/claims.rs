//! One broker carries one log: a second ledger on it is refused, also when the first stood still while it began.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rondo_bus::{BusLedger, Credentials};
use rondo_eventlog::Ledger;
use rondo_runtime::secret::Secret;
use rondo_testkit::process::Broker;

use crate::six::{Round, in_one_process};
use crate::wire::{Heard, Wire};

/// By which ledger an answer was given.
fn instance(heard: &Heard) -> Option<String> {
    if !heard.subject.starts_with("_INBOX.") {
        return None;
    }
    let end = heard.body.iter().position(|byte| *byte == b'\n')?;
    let (instance, head) = std::str::from_utf8(&heard.body[..end]).ok()?.split_once(' ')?;
    assert_eq!(head.splitn(3, ' ').count(), 3, "size, root and origin: {head}");
    Some(instance.to_owned())
}

/// Whether bytes hold a text.
fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|found| found == text.as_bytes())
}

/// Every answer and every claim on a broker, from now on until told to stop.
struct Watch {
    stop: Arc<AtomicBool>,
    heard: std::thread::JoinHandle<Vec<Heard>>,
    /// The instances that have answered, in the order in which they first did.
    answered: Arc<std::sync::Mutex<Vec<String>>>,
}

impl Watch {
    fn of(url: &str) -> Self {
        let mut wire = Wire::connect(url, "watcher");
        // Whoever listens to everything would count as a ledger that does not answer.
        assert!(wire.listens("_INBOX.>") && wire.listens("rondo.ledger.claim"));
        let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(std::sync::Mutex::new(Vec::new())));
        let (asked, seen) = (Arc::clone(&stop), Arc::clone(&answered));
        let heard = std::thread::spawn(move || {
            let mut from = 0;
            loop {
                let last = asked.load(Ordering::Acquire);
                wire.settles();
                for heard in &mut wire.heard[from..] {
                    heard.body.truncate(400);
                    let mut seen = seen.lock().unwrap();
                    if let Some(who) = instance(heard).filter(|who| !seen.contains(who)) {
                        seen.push(who);
                    }
                }
                from = wire.heard.len();
                if last {
                    return wire.heard;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        Self { stop, heard, answered }
    }

    /// Waits until so many ledgers have answered, and returns them.
    fn have_answered(&self, ledgers: usize, round: &Round) -> Vec<String> {
        for _ in 0..1_200 {
            let answered = self.answered.lock().unwrap().clone();
            if answered.len() >= ledgers {
                return answered;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{ledgers} ledgers do not answer:\n{}", round.last_words());
    }

    fn stops(self) -> Vec<Heard> {
        self.stop.store(true, Ordering::Release);
        self.heard.join().unwrap()
    }
}

/// Waits until the log has so many records.
fn grown(round: &Round, size: u64) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let found = runtime.block_on(async {
        let credentials =
            Some(Credentials { user: "operator".to_owned(), password: Secret::new(Broker::password("operator")) });
        let client = rondo_bus::connect(&round.broker.address(), "operator", credentials).await.unwrap();
        let port = BusLedger::new(client, "operator").await.unwrap();
        for _ in 0..6_000 {
            if port.head().await.is_ok_and(|head| head.size >= size) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    });
    assert!(found, "the log does not grow to {size} records:\n{}", round.last_words());
}

#[test]
fn one_that_was_paused_while_another_began_ends_and_nothing_has_two_histories() {
    let mut round = Round::watched();
    let watch = Watch::of(&round.broker.url);
    let mut conductor = round.conductor();
    grown(&round, 400);
    round.signal("ledger", "-STOP");
    round.start_second_ledger();
    let answered = watch.have_answered(2, &round);
    round.signal("ledger", "-CONT");
    let ended = round.ended("ledger", 30);
    assert_eq!(ended.code(), Some(1), "{ended}");
    let words = round.last_words();
    assert!(words.contains("another ledger answers on this broker"), "{words}");
    assert!(conductor.wait(180).success(), "the round is played to its end:\n{}", round.last_words());
    round.stop();

    let (first, second) = (&answered[0], &answered[1]);
    let heard = watch.stops();
    let answers: Vec<String> = heard.iter().filter_map(instance).collect();
    let mut turns = answers.clone();
    turns.dedup();
    assert_eq!(turns, [first.clone(), second.clone()], "first the one alone answered, from then on the other alone");
    for who in [first, second] {
        let says = |heard: &Heard| heard.subject == "rondo.ledger.claim" && holds(&heard.body, who);
        assert!(heard.iter().any(says), "{who} said how it stands");
    }

    let (first, second) = (round.data("ledger"), round.data("second"));
    let saved = first.join("checkpoint").display().to_string();
    let verified = rondo_tests::rondo(&second, &["audit", "verify", "--saved", &saved]);
    assert!(verified.contains("3. extends:    good"), "{verified}");
    let journal = |data: &std::path::Path| std::fs::read(data.join("journal/00000000000000000000.journal")).unwrap();
    let (begun, whole) = (journal(&first), journal(&second));
    assert!(whole.len() > begun.len() && whole.starts_with(&begun), "what the first has is how the second begins");
    let mut arrived: BTreeMap<String, u32> = BTreeMap::new();
    for mail in std::fs::read_dir(&round.mail.mails).unwrap() {
        let text = String::from_utf8_lossy(&std::fs::read(mail.unwrap().path()).unwrap()).into_owned();
        let id = text.lines().find_map(|line| line.strip_prefix("Message-ID: ")).unwrap().trim().to_owned();
        *arrived.entry(id).or_default() += 1;
    }
    assert!(arrived.len() > 80, "{} mails arrived", arrived.len());
    assert!(arrived.values().all(|times| *times == 1), "no mail came twice: {arrived:?}");
    let alone = tempfile::tempdir().unwrap();
    let alone = in_one_process(alone.path()).join("releases/ilms-asean-2025.1/figures.csv");
    assert_eq!(round.figures(), std::fs::read(alone).unwrap(), "the same is released as by one process");
    eprintln!("{} answers, {} mails, {} bytes before", answers.len(), arrived.len(), begun.len());
}

#[test]
fn a_second_ledger_ends_with_the_reason_and_the_first_goes_on_after_a_pause() {
    let mut round = Round::of(&["ledger"]);
    round.answers();
    round.signal("ledger", "-STOP");
    round.start_second_ledger();
    // It hears nobody, and does not take that for nobody.
    std::thread::sleep(Duration::from_secs(3));
    round.signal("ledger", "-CONT");
    let ended = round.ended("second", 30);
    assert_eq!(ended.code(), Some(75), "{ended}");
    let words = round.last_words();
    assert!(words.contains("another ledger answers on this broker") && words.contains("records of"), "{words}");
    round.answers();
    round.stop();
}
