//! Promise 3: a command acts once. 10,000 commands, each delivered one to five times, shuffled, many at a time: 10,000
//! effects, and every delivery of a command has the same answer. Of what comes under one id with two contents, or by two
//! people, one has its effect, and the others are refused, at once and after a restart.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use futures::StreamExt;
use rondo_domain::calendar::{CalendarChange, DayChange};
use rondo_domain::network::{Grant, NetworkCommand};
use rondo_domain::round::{Participant, Pin, RoundCommand, RoundPlan};
use rondo_domain::table::TableNo;
use rondo_domain::{Command, CommandId, Role, Wish};
use rondo_eventlog::{Ledger, SubmitError, files};
use rondo_ledger::{LedgerConfig, Opened};
use rondo_runtime::chance::SystemChance;
use rondo_runtime::clock::SystemClock;
use rondo_runtime::lifecycle::Lifecycle;
use rondo_tests::Dice;

const COMMANDS: u64 = 10_000;

/// Under each of them something else comes as well, and somebody else.
const IDS: u64 = 1_000;

fn command(n: u64) -> Command {
    let grant = Grant::of(Role::Auditor, None);
    Command {
        id: CommandId::of(&["once", &n.to_string()]),
        actor: "operator".parse().unwrap(),
        role: None,
        via: None,
        on_behalf_of: None,
        cause: None,
        wish: Wish::Network { command: NetworkCommand::GrantRole { person: format!("p{n}").parse().unwrap(), grant } },
    }
}

fn open(data: &Path) -> Opened {
    let (clock, chance) = (Arc::new(SystemClock), Arc::new(SystemChance));
    let (data, origin) = (data.to_owned(), "test.example/log".to_owned());
    rondo_ledger::open(&LedgerConfig { data, origin, clock, chance }).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_commands_delivered_up_to_five_times_have_ten_thousand_effects() {
    let mut dice = Dice::of_this_run();
    let mut deliveries: Vec<u64> = (0..COMMANDS).flat_map(|n| vec![n; 1 + dice.roll(5)]).collect();
    for last in (1..deliveries.len()).rev() {
        deliveries.swap(last, dice.roll(last + 1));
    }
    let folder = tempfile::tempdir().unwrap();
    let opened = open(&folder.path().join("data"));
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

/// The operator grants a role.
fn command_of_operator(role: Role, person: &str) -> Command {
    let grant = Grant::of(role, None);
    let wish = Wish::Network { command: NetworkCommand::GrantRole { person: person.parse().unwrap(), grant } };
    Command { id: CommandId::of(&["grant", person]), wish, ..command(0) }
}

/// What comes under one id: a wish, twice; another wish; and each of them by somebody else.
fn under(n: u64) -> Vec<Command> {
    let one = command(n);
    let other = Command { wish: command(n + IDS).wish, ..one.clone() };
    let by_another = |command: &Command| Command { actor: "admin".parse().unwrap(), ..command.clone() };
    vec![one.clone(), one.clone(), other.clone(), by_another(&one), by_another(&other)]
}

/// Sends everything, shuffled and many at a time: for each id the contents that were accepted, by their place, and whether each
/// acceptance was of something that had been accepted before. What is refused has to be refused by its code.
async fn send_all(ledger: &dyn Ledger, dice: &mut Dice) -> BTreeMap<u64, Vec<(usize, bool)>> {
    let mut deliveries: Vec<(u64, usize)> = (0..IDS).flat_map(|n| (0..under(n).len()).map(move |at| (n, at))).collect();
    for last in (1..deliveries.len()).rev() {
        deliveries.swap(last, dice.roll(last + 1));
    }
    let sent = futures::stream::iter(deliveries).map(|(n, at)| async move {
        match ledger.submit(under(n).swap_remove(at)).await {
            Ok(accepted) => (n, Some((at, accepted.repeated))),
            Err(SubmitError::Rejected(rejection)) => {
                assert_eq!(rejection.code(), "command.id-used-otherwise");
                (n, None)
            }
            Err(SubmitError::Fault(fault)) => panic!("no fault of anybody's: {fault}"),
        }
    });
    let mut accepted: BTreeMap<u64, Vec<(usize, bool)>> = BTreeMap::new();
    for (n, answer) in sent.buffer_unordered(256).collect::<Vec<_>>().await {
        accepted.entry(n).or_default().extend(answer);
    }
    accepted
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_contents_under_one_id_or_of_two_people_one_has_its_effect() {
    let mut dice = Dice::of_this_run();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut chosen: BTreeMap<u64, usize> = BTreeMap::new();
    for restarted in [false, true] {
        let opened = open(&data);
        let ledger = opened.handle.clone();
        // Somebody who may do what the operator may.
        ledger.submit(command_of_operator(Role::Administrator, "admin")).await.unwrap();
        for (n, accepted) in send_all(&ledger, &mut dice).await {
            let first = *chosen.entry(n).or_insert(accepted[0].0.max(1));
            // The first two are the same command.
            assert!(accepted.iter().all(|(at, _)| (*at).max(1) == first), "{n}: {accepted:?}");
            let fresh = accepted.iter().filter(|(_, repeated)| !repeated).count();
            assert_eq!((accepted.len(), fresh), (1 + usize::from(first == 1), usize::from(!restarted)), "{n}");
        }
        assert_eq!(chosen.len() as u64, IDS);
        assert_eq!(ledger.head().await.unwrap().size, IDS + 1, "each id acted once");
        drop(ledger);
        let mut lifecycle = Lifecycle::default();
        let stop = lifecycle.stop();
        lifecycle.spawn("ledger", opened.run(stop));
        lifecycle.run(std::future::ready(())).await.unwrap();
    }
    let winners = [1, 2, 3, 4].map(|at| chosen.values().filter(|chosen| **chosen == at).count());
    assert!(winners.iter().all(|won| *won > 0), "every content came first somewhere: {winners:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_is_answered_again_although_it_would_be_refused_now() {
    let folder = tempfile::tempdir().unwrap();
    let opened = open(&folder.path().join("data"));
    let ledger = opened.handle.clone();
    let round: rondo_domain::RoundId = "r".parse().unwrap();
    let of_round = |id: &str, command: RoundCommand| Command {
        id: CommandId::of(&[id]),
        actor: "coordinator".parse().unwrap(),
        wish: Wish::Round { round: round.clone(), command },
        ..command_of_operator(Role::RegionalCoordinator, "coordinator")
    };
    ledger.submit(command_of_operator(Role::RegionalCoordinator, "coordinator")).await.unwrap();
    let bundle = files::store(&ledger, &rondo_tests::bundle("ilms-asean").to_bytes()).await.unwrap();
    let pin = Pin { workflow: "ilms-asean".parse().unwrap(), bundle };
    ledger.submit(of_round("plan", RoundCommand::Plan { pin, year: 2025, title: "A round".into() })).await.unwrap();
    let deadline = rondo_tests::moment("2025-10-31T16:59:00Z", jiff::civil::date(2025, 10, 31).at(23, 59, 0, 0));
    let participants = vec![Participant { country: "LAO".parse().unwrap(), deadline, tables: vec![TableNo(17)] }];
    let plan = RoundPlan { milestones: BTreeMap::new(), participants, reference_years: vec![2023] };
    ledger.submit(of_round("configure", RoundCommand::Configure { plan })).await.unwrap();
    let date = jiff::civil::date(2025, 10, 28);
    let off = DayChange::DayOff { date, title: "a storm".to_owned(), estimated: false };
    let nobody = CalendarChange { country: "XYZ".parse().unwrap(), place: None, change: off };
    let changing = |id: &str| {
        let (changes, reason) = (vec![nobody.clone()], "a decree".to_owned());
        of_round(id, RoundCommand::ChangeCalendar { changes, moves: Vec::new(), reason })
    };
    // Another version of the program took a change of a calendar that the round does not have.
    let first = ledger.hand_over(changing("change")).await.unwrap();
    let again = ledger.submit(changing("change")).await.unwrap();
    assert_eq!((again.first, again.count, again.repeated), (first.first, 1, true));
    let Err(SubmitError::Rejected(refused)) = ledger.submit(changing("another")).await else { panic!("it is refused") };
    assert_eq!(refused.code(), "command.malformed");
}
