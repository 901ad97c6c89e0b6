//! Promise 3: a command acts once. 10,000 commands, each delivered one to five times, shuffled, many at a time: 10,000
//! effects, and every delivery of a command has the same answer.

use std::collections::HashMap;
use std::sync::Arc;

use futures::StreamExt;
use rondo_domain::network::{Grant, NetworkCommand};
use rondo_domain::{CommandId, Role, Wish};
use rondo_eventlog::Ledger;
use rondo_ledger::LedgerConfig;
use rondo_runtime::chance::SystemChance;
use rondo_runtime::clock::SystemClock;
use rondo_tests::Dice;

const COMMANDS: u64 = 10_000;

fn command(n: u64) -> rondo_domain::Command {
    let grant = Grant::of(Role::Auditor, None);
    rondo_domain::Command {
        id: CommandId::of(&["once", &n.to_string()]),
        actor: "operator".parse().unwrap(),
        role: None,
        via: None,
        on_behalf_of: None,
        cause: None,
        wish: Wish::Network { command: NetworkCommand::GrantRole { person: format!("p{n}").parse().unwrap(), grant } },
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_commands_delivered_up_to_five_times_have_ten_thousand_effects() {
    let mut dice = Dice::of_this_run();
    let mut deliveries: Vec<u64> = (0..COMMANDS).flat_map(|n| vec![n; 1 + dice.roll(5)]).collect();
    for last in (1..deliveries.len()).rev() {
        deliveries.swap(last, dice.roll(last + 1));
    }
    let folder = tempfile::tempdir().unwrap();
    let opened = rondo_ledger::open(&LedgerConfig {
        data: folder.path().join("data"),
        origin: "test.example/log".to_owned(),
        clock: Arc::new(SystemClock),
        chance: Arc::new(SystemChance),
    })
    .unwrap();
    let ledger = opened.handle.clone();
    let sent = futures::stream::iter(deliveries.clone()).map(|n| {
        let ledger = ledger.clone();
        async move { (n, ledger.submit(command(n)).await.unwrap()) }
    });
    let answers: Vec<_> = sent.buffer_unordered(256).collect().await;
    assert_eq!(ledger.head().await.unwrap().size, COMMANDS, "each acted once");
    let mut first: HashMap<u64, u64> = HashMap::new();
    let mut fresh = 0;
    for (n, answer) in answers {
        assert_eq!(answer.count, 1);
        assert_eq!(*first.entry(n).or_insert(answer.first), answer.first, "the same answer each time");
        fresh += u64::from(!answer.repeated);
    }
    assert_eq!(fresh, COMMANDS, "one delivery of each acted, the others were told so");
    eprintln!("{} deliveries", deliveries.len());
}
