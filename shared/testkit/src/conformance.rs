//! The conformance suite of the port: what every form of it has to do alike.

use std::sync::Arc;

use rondo_domain::network::{Grant, NetworkCommand};
use rondo_domain::round::{Pin, RoundCommand};
use rondo_domain::{Command, CommandId, FileHash, Role, RoundId, Wish};
use rondo_eventlog::{Accepted, Fault, Ledger, SubmitError, files, ledger};

/// Stands for the files of a workflow.
const BUNDLE: &[u8] = b"bundle";

fn command(actor: &str, cause: &str, wish: Wish) -> Command {
    Command::of(CommandId::of(&["conformance", cause]), actor.parse().expect("an id"), wish)
}

fn grant(person: &str) -> Wish {
    let grant = Grant::of(Role::RegionalCoordinator, None);
    Wish::Network { command: NetworkCommand::GrantRole { person: person.parse().expect("an id"), grant } }
}

fn plan(round: &RoundId) -> Wish {
    let pin = Pin { workflow: "w".parse().expect("an id"), bundle: FileHash::of(BUNDLE) };
    Wish::Round { round: round.clone(), command: RoundCommand::Plan { pin, year: 2026, title: "A round".to_owned() } }
}

/// Runs the whole suite on an empty ledger.
pub async fn suite(port: Arc<dyn Ledger>) {
    answers(&*port).await;
    reads(&*port).await;
    tells_commands_apart(&*port).await;
    waits(Arc::clone(&port)).await;
    races(Arc::clone(&port)).await;
    keeps_files(&*port).await;
}

async fn answers(port: &dyn Ledger) {
    assert_eq!(port.head().await.expect("a head").size, 0);
    let first = port.submit(command("operator", "grant", grant("coordinator"))).await.expect("accepted");
    assert_eq!((first.first, first.count, first.repeated), (0, 1, false));
    let again = port.submit(command("operator", "grant", grant("coordinator"))).await.expect("the same answer");
    assert_eq!((again.first, again.count, again.repeated), (0, 1, true));
    let round: RoundId = "r1".parse().expect("an id");
    match port.submit(command("stranger", "plan by a stranger", plan(&round))).await {
        Err(SubmitError::Rejected(rejection)) => assert_eq!(rejection.code(), "actor.unknown"),
        other => panic!("a stranger was answered {other:?}"),
    }
    match port.submit(command("coordinator", "plan without its files", plan(&round))).await {
        Err(SubmitError::Rejected(rejection)) => assert_eq!(rejection.code(), "file.not-stored"),
        other => panic!("a round without its definition was answered {other:?}"),
    }
    assert_eq!(port.head().await.expect("a head").size, 1, "a refusal records nothing");
    files::store(port, BUNDLE).await.expect("stored");
}

/// An id stands for one wish of one person in its stream, whatever has become of the person since.
async fn tells_commands_apart(port: &dyn Ledger) {
    let end = |person: &str| {
        let grant = Grant::of(Role::RegionalCoordinator, None);
        let (person, reason) = (person.parse().expect("an id"), "the term is over".to_owned());
        Wish::Network { command: NetworkCommand::EndRole { person, grant, reason } }
    };
    let used = |outcome: Result<Accepted, SubmitError>| match outcome {
        Err(SubmitError::Rejected(rejection)) => assert_eq!(rejection.code(), "command.id-used-otherwise"),
        other => panic!("an id that stands for another command was answered {other:?}"),
    };
    let first = port.submit(command("operator", "an id", grant("one"))).await.expect("accepted");
    used(port.submit(command("operator", "an id", grant("two"))).await);
    used(port.submit(command("coordinator", "an id", grant("one"))).await);
    let again = port.submit(command("operator", "an id", grant("one"))).await.expect("the same answer");
    assert_eq!((again.first, again.count, again.repeated), (first.first, 1, true));
    // Ids are of one stream: in another one, the wish is another.
    let round: RoundId = "by-one".parse().expect("an id");
    let planned = port.submit(command("one", "an id", plan(&round))).await.expect("accepted");
    assert!(!planned.repeated);
    port.submit(command("operator", "an end", end("one"))).await.expect("accepted");
    let again = port.submit(command("one", "an id", plan(&round))).await.expect("it was in the role then");
    assert_eq!((again.first, again.repeated), (planned.first, true));
    // What was refused left its id free.
    let later: RoundId = "later".parse().expect("an id");
    match port.submit(command("one", "too late", plan(&later))).await {
        Err(SubmitError::Rejected(rejection)) => assert_eq!(rejection.code(), "actor.unknown"),
        other => panic!("whoever has no role any more was answered {other:?}"),
    }
    port.submit(command("coordinator", "too late", plan(&later))).await.expect("accepted");
    assert_eq!(port.head().await.expect("a head").size, first.end() + 3);
}

async fn reads(port: &dyn Ledger) {
    for n in 1..=40 {
        let round: RoundId = format!("r{n}").parse().expect("an id");
        port.submit(command("coordinator", &format!("plan {n}"), plan(&round))).await.expect("accepted");
    }
    let all = port.read(0, 1_000).await.expect("records");
    assert_eq!(all.iter().map(|record| record.position).collect::<Vec<_>>(), (0..41).collect::<Vec<_>>());
    assert_eq!(port.read(39, 10).await.expect("records").len(), 2);
    assert!(port.read(41, 10).await.expect("nothing").is_empty());
    assert_eq!(port.read_streams("round/r4", None, 10).await.expect("records").len(), 2, "r4 and r40");
    let mut some = Vec::new();
    loop {
        let last = some.last().map(|record: &rondo_eventlog::Record| (record.stream.to_string(), record.version));
        let after = last.as_ref().map(|(stream, version)| (stream.as_str(), *version));
        let more = port.read_streams("round/", after, 7).await.expect("records");
        if more.is_empty() {
            break;
        }
        some.extend(more);
    }
    assert_eq!(some.len(), 40);
    assert_eq!(ledger::read_all(port, "round/").await.expect("records"), some);
    assert!(!ledger::is_last(&some[..7], 7), "there may be more");
    assert!(ledger::is_last(&port.read_streams("round/", None, 41).await.expect("records"), 41));
}

async fn waits(port: Arc<dyn Ledger>) {
    let size = port.head().await.expect("a head").size;
    assert!(port.wait(size - 1).await.expect("at once").size >= size);
    let waiting = {
        let port = Arc::clone(&port);
        tokio::spawn(async move {
            loop {
                let head = port.wait(size).await.expect("a head");
                if head.size > size {
                    return head.size;
                }
            }
        })
    };
    tokio::task::yield_now().await;
    port.submit(command("operator", "another grant", grant("another"))).await.expect("accepted");
    assert_eq!(waiting.await.expect("it ends"), size + 1);
}

async fn races(port: Arc<dyn Ledger>) {
    let size = port.head().await.expect("a head").size;
    let tries: Vec<_> = (0..20)
        .map(|n| {
            let port = Arc::clone(&port);
            let round: RoundId = "contested".parse().expect("an id");
            tokio::spawn(async move {
                port.submit(command("coordinator", &format!("race {n}"), plan(&round))).await.is_ok()
            })
        })
        .collect();
    let mut won = 0;
    for one in tries {
        won += u32::from(one.await.expect("it ends"));
    }
    assert_eq!(won, 1, "a round is planned once");
    assert_eq!(port.head().await.expect("a head").size, size + 1);
}

async fn keeps_files(port: &dyn Ledger) {
    let bytes: Vec<u8> = (0..1_500_000u32).map(|n| (n % 251) as u8).collect();
    let hash = files::store(port, &bytes).await.expect("stored");
    assert_eq!(files::store(port, &bytes).await.expect("stored again"), hash);
    assert_eq!(files::fetch(port, &hash).await.expect("fetched"), bytes);
    match files::fetch(port, &FileHash::of(b"never stored")).await {
        Err(Fault::NotFound(_)) => {}
        other => panic!("a file that was never stored was answered {:?}", other.map(|b| b.len())),
    }
}
