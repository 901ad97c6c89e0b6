//! All seven users of `deploy/nats.conf` on every subject, in both directions, by the broker's own word; and the ledger answers
//! nowhere but into the inbox of whoever asked.

use rondo_testkit::process::Broker;

use crate::six::Round;
use crate::wire::{Heard, Wire};

const USERS: [&str; 7] = ["ledger", "scheduler", "reminder", "validator", "publisher", "gateway", "operator"];
const VERBS: [&str; 10] = ["submit", "read", "streams", "head", "probe", "checkpoint", "key", "tile", "store", "fetch"];

/// What each asks of the ledger under its own name.
fn asks(user: &str) -> &'static [&'static str] {
    match user {
        "ledger" => &[],
        "publisher" => &["submit", "read", "streams", "head", "fetch", "checkpoint"],
        "gateway" => &["submit", "read", "streams", "head", "probe", "fetch", "checkpoint", "key", "tile", "store"],
        "operator" => &["submit", "read", "streams", "head", "fetch", "store"],
        _ => &["submit", "read", "streams", "head", "fetch"],
    }
}

fn may_say(user: &str, subject: &str) -> bool {
    let own = |verb: &&str| subject == format!("rondo.ledger.{verb}.{user}");
    let to_somebody = USERS.iter().any(|other| subject == format!("_INBOX.{other}.x"));
    asks(user).iter().any(own)
        || match user {
            "ledger" => {
                to_somebody
                    || ["rondo.grown", "rondo.begun", "rondo.ledger.claim", "rondo.ledger.leads", "rondo.clock.asked"]
                        .contains(&subject)
                    || subject == "rondo.progress.ledger"
            }
            "operator" => ["rondo.clock", "rondo.progress.asked"].contains(&subject),
            "gateway" => ["rondo.clock.asked", "rondo.progress.asked"].contains(&subject),
            _ => subject == "rondo.clock.asked" || subject == format!("rondo.progress.{user}"),
        }
}

fn may_hear(user: &str, subject: &str) -> bool {
    let own = subject == format!("_INBOX.{user}.x") || subject == format!("_INBOX.{user}.>");
    let nudges = ["rondo.grown", "rondo.begun"].contains(&subject);
    own || match user {
        "ledger" => subject.starts_with("rondo.ledger.") || ["rondo.clock", "rondo.progress.asked"].contains(&subject),
        "gateway" => nudges || subject.starts_with("rondo.progress.") || subject == "rondo.clock",
        "operator" => nudges || subject.starts_with("rondo.progress.") || subject == "rondo.clock.asked",
        _ => nudges || ["rondo.progress.asked", "rondo.clock"].contains(&subject),
    }
}

fn subjects() -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for user in USERS {
        all.extend(VERBS.iter().map(|verb| format!("rondo.ledger.{verb}.{user}")));
        all.extend([format!("rondo.progress.{user}"), format!("_INBOX.{user}.x")]);
    }
    let others = [
        "rondo.ledger.claim",
        "rondo.ledger.leads",
        "rondo.ledger.head",
        "rondo.ledger.submit",
        "rondo.grown",
        "rondo.begun",
        "rondo.clock",
        "rondo.clock.asked",
        "rondo.progress.asked",
        "rondo",
        "_INBOX.x",
        "_INBOX.stranger.x",
        "$SRV.PING",
        "$SRV.INFO.rondo-ledger",
        "$JS.API.INFO",
        "$SYS.REQ.SERVER.PING",
    ];
    all.extend(others.map(str::to_owned));
    all
}

#[test]
fn each_of_seven_users_says_and_hears_its_own_and_nothing_else() {
    let broker = Broker::start(Some(&rondo_tests::root().join("deploy/nats.conf")));
    let wider = [">", "rondo.>", "rondo.*", "rondo.ledger.>", "rondo.progress.*", "_INBOX.>", "_INBOX.*.x", "$SYS.>"];
    let wider = wider.map(str::to_owned);
    let inboxes = USERS.map(|user| format!("_INBOX.{user}.>"));
    let (mut tried, mut wrong) = (0, Vec::new());
    for user in USERS {
        let mut wire = Wire::connect(&broker.url, user);
        for subject in subjects() {
            tried += 1;
            let said = wire.says(&subject, "", "x");
            if said != may_say(user, &subject) {
                wrong.push(format!("{user} says {subject}: {said}"));
            }
        }
        for subject in subjects().iter().chain(&wider).chain(&inboxes) {
            tried += 1;
            let heard = wire.may_listen(subject);
            if heard != may_hear(user, subject) {
                wrong.push(format!("{user} hears {subject}: {heard}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    eprintln!("{tried} tries");
}

#[test]
fn the_ledger_answers_into_the_inbox_of_whoever_asked_and_nowhere_else() {
    let mut round = Round::of(&["ledger"]);
    let mut asks = Wire::connect(&round.broker.url, "scheduler");
    let mut other = Wire::connect(&round.broker.url, "gateway");
    assert!(asks.listens("_INBOX.scheduler.>"));
    for heard in ["rondo.begun", "rondo.grown", "_INBOX.gateway.>"] {
        assert!(other.listens(heard));
    }
    round.answers();
    other.settles();
    let before = other.heard.len();
    let elsewhere = ["rondo.begun", "rondo.grown", "_INBOX.gateway.x", "rondo.ledger.head.gateway", "_INBOX.scheduler"];
    for reply in elsewhere {
        assert!(asks.says("rondo.ledger.head.scheduler", reply, "\n"), "the broker carries a request of the scheduler");
    }
    // Whoever asks for the answer in its own inbox has it, also after all those.
    for n in 0..200 {
        assert!(asks.says("rondo.ledger.head.scheduler", &format!("_INBOX.scheduler.{n}"), "\n"));
        if asks.heard.len() > 50 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(asks.heard.len() > 50, "{} answers", asks.heard.len());
    // The line of an answer: the ledger's instance, and size, root and origin of its log.
    let says_who = |heard: &Heard| {
        heard.body.split(|byte| *byte == b'\n').next().is_some_and(|line| line.split(|byte| *byte == b' ').count() >= 4)
    };
    assert!(asks.heard.iter().all(says_who), "an answer says who gives it");
    other.settles();
    let strayed: Vec<_> = other.heard[before..]
        .iter()
        .filter(|heard| heard.subject != "rondo.grown" || heard.body.starts_with(b"{"))
        .collect();
    assert!(strayed.is_empty(), "{strayed:?}");
    round.stop();
}

#[test]
fn a_role_that_is_denied_its_subjects_says_so_and_ends() {
    let mut round = Round::of(&[]);
    // The broker lets the validator in, and denies it what the scheduler has.
    round.write_config_as("scheduler", "validator");
    round.start_role("scheduler");
    let ended = round.ended("scheduler", 20);
    assert_eq!(ended.code(), Some(1), "{ended}");
    let words = round.last_words();
    assert!(words.contains("ERROR") && words.contains("denies `scheduler`"), "{words}");
}
