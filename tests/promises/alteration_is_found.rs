//! Promise 6: alteration is found, by us and by others' tools. Mutations of an export and of a journal: flipped bits, swapped
//! and reordered entries, cut, deleted and stale files. 200 in every run, 1,000 with `tests/run --full`, every fiftieth also
//! put before aics-tlog; and logs of many sizes that nobody touched, on which there must be no false alarm.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rondo_domain::network::{Grant, NetworkCommand};
use rondo_domain::{CommandId, Role, Wish};
use rondo_eventlog::Ledger;
use rondo_eventlog::merkle::tile;
use rondo_ledger::inspect::{self, Inspection};
use rondo_ledger::journal::JournalReader;
use rondo_ledger::{LedgerConfig, Opened, export};
use rondo_runtime::chance::SystemChance;
use rondo_runtime::clock::SystemClock;
use rondo_runtime::lifecycle::Lifecycle;
use rondo_tests::{Dice, foreign, length};

fn config(data: &Path) -> LedgerConfig {
    let (clock, chance) = (Arc::new(SystemClock), Arc::new(SystemChance));
    LedgerConfig { data: data.to_owned(), origin: "test.example/log".to_owned(), clock, chance }
}

fn grant(n: usize) -> rondo_domain::Command {
    let grant = Grant::of(Role::Auditor, None);
    let command = NetworkCommand::GrantRole { person: format!("person-{n}").parse().unwrap(), grant };
    rondo_domain::Command::of(
        CommandId::of(&["alteration", &n.to_string()]),
        "operator".parse().unwrap(),
        Wish::Network { command },
    )
}

/// A log of so many records, signed and exported.
async fn log(folder: &Path, records: usize) -> (PathBuf, PathBuf) {
    let (data, out) = (folder.join("data"), folder.join("export"));
    let opened = rondo_ledger::open(&config(&data)).unwrap();
    let ledger = opened.handle.clone();
    for answer in futures::future::join_all((0..records).map(|n| ledger.submit(grant(n)))).await {
        answer.unwrap();
    }
    at_rest(opened).await;
    export::export(&ledger, &out, |_, _| ()).await.unwrap();
    (data, out)
}

/// Lets a ledger end, which signs what it has.
async fn at_rest(opened: Opened) {
    let mut lifecycle = Lifecycle::default();
    let stop = lifecycle.stop();
    lifecycle.spawn("ledger", opened.run(stop));
    lifecycle.run(std::future::ready(())).await.unwrap();
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn is_good(found: &Inspection) -> bool {
    found.checkpoint.is_ok() && found.hashes_to_root()
}

fn foreign_accepts(out: &Path, vkey: &Path) -> bool {
    foreign(&["export", &out.display().to_string(), &vkey.display().to_string()])
}

/// Changes a file in one of the ways that are asked for; nothing where that way does not fit this file.
fn altered(path: &Path, bytes: &[u8], dice: &mut Dice, others: &[PathBuf]) -> Option<Option<Vec<u8>>> {
    let is_bundle = path.to_string_lossy().contains("tile/entries/");
    let mut twin = bytes.to_vec();
    match dice.roll(6) {
        0 => twin[dice.roll(bytes.len())] ^= 1 << dice.roll(8),
        1 => twin.truncate(dice.roll(bytes.len())),
        2 => return Some(None),
        3 if is_bundle => {
            let mut entries = tile::entries(bytes)?;
            let (one, two) = (dice.roll(entries.len()), dice.roll(entries.len()));
            entries.swap(one, two);
            twin = tile::bundle(&entries);
        }
        4 if is_bundle => {
            let mut entries = tile::entries(bytes)?;
            let gone = dice.roll(entries.len());
            entries.remove(gone);
            twin = tile::bundle(&entries);
        }
        5 => twin = std::fs::read(&others[dice.roll(others.len())]).unwrap(),
        _ => return None,
    }
    (twin != bytes).then_some(Some(twin))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mutation_of_an_export_is_found_by_us_and_by_others() {
    let (count, mut dice) = (length(200, 1_000), Dice::of_this_run());
    let folder = tempfile::tempdir().unwrap();
    let (_, out) = log(folder.path(), 700).await;
    let vkey = folder.path().join("log.vkey");
    std::fs::copy(out.join("log.vkey"), &vkey).unwrap();
    let key = std::fs::read_to_string(&vkey).unwrap();
    assert!(is_good(&inspect::export(&out, Some(&key), &[]).unwrap()) && foreign_accepts(&out, &vkey));
    // The key and the policy beside an export are not trusted, and so prove nothing when they change.
    let mut all = files(&out);
    all.retain(|path| !path.ends_with("log.vkey") && !path.ends_with("policy"));
    let (mut done, mut theirs) = (0, 0);
    while done < count {
        let path = &all[dice.roll(all.len())];
        let bytes = std::fs::read(path).unwrap();
        let Some(twin) = altered(path, &bytes, &mut dice, &all) else { continue };
        match &twin {
            Some(twin) => std::fs::write(path, twin).unwrap(),
            None => std::fs::remove_file(path).unwrap(),
        }
        let found = inspect::export(&out, Some(&key), &[]);
        assert!(!found.as_ref().is_ok_and(is_good), "mutation {done} of {} is not found", path.display());
        if done % 50 == 0 {
            assert!(!foreign_accepts(&out, &vkey), "mutation {done} of {} is not found by aics-tlog", path.display());
            theirs += 1;
        }
        std::fs::write(path, &bytes).unwrap();
        done += 1;
    }
    assert!(is_good(&inspect::export(&out, Some(&key), &[]).unwrap()), "it is as it was");
    eprintln!("{done} mutations found by us, {theirs} of {theirs} put before aics-tlog found by it");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_flipped_bit_of_a_journal_is_found_with_its_place() {
    let (count, mut dice) = (length(200, 1_000), Dice::of_this_run());
    let folder = tempfile::tempdir().unwrap();
    let (data, _) = log(folder.path(), 200).await;
    let opened = rondo_ledger::open(&config(&data)).unwrap();
    for n in 200..230 {
        opened.handle.submit(grant(n)).await.unwrap();
    }
    at_rest(opened).await;
    let path = data.join("journal/00000000000000000000.journal");
    let whole = std::fs::read(&path).unwrap();
    assert!(is_good(&inspect::inspect(&data, None, &[]).unwrap()));
    // Where each group begins; before the first one stands the header of the file.
    let mut places = vec![0];
    let mut reader = JournalReader::open(&data.join("journal"), None, None).unwrap().unwrap();
    while let Some(group) = reader.next_group().unwrap() {
        places.push(group.at.offset as usize);
    }
    assert!(places.len() > 10, "{} groups", places.len());
    for n in 0..count {
        let mut bytes = whole.clone();
        let at = dice.roll(bytes.len());
        bytes[at] ^= 1 << dice.roll(8);
        std::fs::write(&path, &bytes).unwrap();
        let found = inspect::inspect(&data, None, &[]).unwrap();
        assert!(!is_good(&found), "flip {n} at byte {at}");
        let said = found.damage.as_ref().map(ToString::to_string).unwrap_or_default();
        let place = places.iter().rev().find(|place| **place <= at).unwrap();
        assert!(said.contains(&format!("byte {place} of ")), "flip {n} at byte {at} is told with its place: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_changed_on_the_disk_is_never_answered_or_decided_on() {
    let folder = tempfile::tempdir().unwrap();
    let (data, _) = log(folder.path(), 200).await;
    // Written after it, in a group of their own: a start reads the last group again.
    let opened = rondo_ledger::open(&config(&data)).unwrap();
    for answer in futures::future::join_all((200..300).map(|n| opened.handle.submit(grant(n)))).await {
        answer.unwrap();
    }
    at_rest(opened).await;
    let path = data.join("journal/00000000000000000000.journal");
    let mut bytes = std::fs::read(&path).unwrap();
    // A change that the record itself cannot tell: it is whole, and still says which one it is.
    let at = bytes.windows(10).position(|window| window == b"person-123").expect("the 124th grant");
    bytes[at + 9] = b'4';
    std::fs::write(&path, &bytes).unwrap();
    // Opened and not run: nothing reads the journal in the background.
    let ledger = rondo_ledger::open(&config(&data)).unwrap().handle.clone();
    let told = ledger.read_streams("network", None, 1_000).await.unwrap_err().to_string();
    assert!(told.contains("record 123 does not hash to what was signed"), "{told}");
    let before = ledger.read_streams("network", None, 123).await.unwrap();
    assert_eq!(before.len(), 123, "what is whole is answered");
    let told = ledger.submit(grant(1_000)).await.unwrap_err().to_string();
    assert!(told.contains("record 123"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_that_nobody_touched_raise_no_alarm() {
    let (count, mut dice) = (length(10, 100), Dice::of_this_run());
    let special = [1, 2, 255, 256, 257, 512, 513];
    for n in 0..count {
        let size = special.get(n).copied().unwrap_or_else(|| 1 + dice.roll(900));
        let folder = tempfile::tempdir().unwrap();
        let (data, out) = log(folder.path(), size).await;
        assert!(is_good(&inspect::inspect(&data, None, &[]).unwrap()), "{size} records");
        assert!(is_good(&inspect::export(&out, None, &[]).unwrap()), "{size} records");
        assert!(foreign_accepts(&out, &out.join("log.vkey")), "{size} records");
    }
}
