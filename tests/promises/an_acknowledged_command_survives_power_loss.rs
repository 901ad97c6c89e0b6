//! Promise 1: an acknowledged command survives power loss. A ledger is killed at work, and of what it wrote only that is kept
//! which it had synced, as its system calls show; what was not is cut, zeroed or scrambled. 50 cycles in every run, 200 with
//! `tests/run --full`. The same calls show that every answer was given after the sync that covers it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::burst::{burst_until, command, open, with_ledger};
use rondo_domain::event::Event;
use rondo_domain::network::NetworkEvent;
use rondo_eventlog::codec;
use rondo_ledger::journal::JournalReader;
use rondo_tests::{Dice, faults, length};

const PAGE: u64 = 4_096;
/// Bytes after which a segment is closed.
const SEGMENT: u64 = 16 * 1_024;

/// How long each segment was when it was synced last.
type Synced = BTreeMap<String, u64>;

fn lengths(journal: &Path) -> Synced {
    let entries = fs::read_dir(journal).into_iter().flatten().map(Result::unwrap);
    entries
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().len()))
        .filter(|(name, _)| name.ends_with(".journal"))
        .collect()
}

/// Keeps what was synced, and treats the rest as a disk may that lost its power.
fn lose_power(data: &Path, synced: &Synced, dice: &mut Dice) {
    for (name, length) in lengths(&data.join("journal")) {
        let path = data.join("journal").join(&name);
        let Some(kept) = synced.get(&name).copied() else {
            // Its header was synced under another name; whether this name came to the disk nobody knows.
            if dice.roll(2) == 0 {
                fs::remove_file(path).unwrap();
            }
            continue;
        };
        let file = OpenOptions::new().write(true).open(path).unwrap();
        assert!(kept <= length, "{name} was synced at {kept} and has {length}");
        let cut = kept + dice.roll((length - kept) as usize + 1) as u64;
        file.set_len(cut).unwrap();
        match dice.roll(3) {
            0 => {}
            // The length came to the disk, and the bytes did not, or others.
            1 => file.set_len(length).unwrap(),
            _ => file.write_all_at(&vec![0xA5; (length - cut) as usize], cut).unwrap(),
        }
    }
    for folder in ["index", "tree"].map(|name| data.join(name)) {
        for entry in fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
            if entry.metadata().unwrap().is_file() {
                spoil(&entry.path(), dice);
            }
        }
    }
    // A killed ledger leaves its mark, under this start of the machine; then the machine was started again.
    assert_eq!(fs::read(data.join("at-work")).unwrap(), fs::read("/proc/sys/kernel/random/boot_id").unwrap());
    fs::write(data.join("at-work"), "another start of the machine").unwrap();
}

/// What a file that was never synced may have become.
fn spoil(path: &Path, dice: &mut Dice) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    let length = file.metadata().unwrap().len();
    match dice.roll(4) {
        0 => {}
        1 => file.set_len(dice.roll(length as usize + 1) as u64).unwrap(),
        2 => fs::remove_file(path).unwrap(),
        _ => {
            for _ in 0..20 {
                let page = dice.roll((length / PAGE) as usize + 1) as u64 * PAGE;
                file.write_all_at(&[0; PAGE as usize], page).unwrap();
            }
        }
    }
}

fn person(record: &rondo_eventlog::Record) -> usize {
    let Event::Network(NetworkEvent::RoleGranted { person, .. }) = &record.event else { panic!("{record:?}") };
    person.as_str().strip_prefix("person-").unwrap().parse().unwrap()
}

/// The segment in which each person's record stands, and where its group ends.
fn ends(data: &Path) -> BTreeMap<usize, (String, u64)> {
    let mut reader = JournalReader::open(&data.join("journal"), None, None).unwrap().unwrap();
    let mut ends = BTreeMap::new();
    while let Some(group) = reader.next_group().unwrap() {
        let places: Vec<_> = group.at.records(group.records.iter().map(bytes::Bytes::len)).collect();
        // A group counts once it is whole.
        let last = places.last().unwrap().offset + 4 + group.records.last().unwrap().len() as u64;
        let end = (format!("{:020}.journal", group.at.segment), last);
        ends.extend(group.records.iter().map(|bytes| (person(&codec::decode(bytes).unwrap()), end.clone())));
    }
    ends
}

/// A line of the trace that says how far a segment was synced.
fn synced_line(line: &str) -> Option<(String, u64)> {
    let (name, size) = line.strip_prefix("synced ")?.split_once(' ')?;
    Some((name.to_owned(), size.parse().unwrap()))
}

/// Every answer was given after a sync that covers its group. Returns how many answers were looked at.
fn synced_before_answered(trace: &str, before: &Synced, ends: &BTreeMap<usize, (String, u64)>) -> usize {
    let (mut durable, mut answers) = (before.clone(), 0);
    for line in trace.lines() {
        if let Some((name, size)) = synced_line(line) {
            durable.insert(name, size);
        } else if let Some((_, n)) = line.rsplit_once("acknowledged ") {
            let (segment, end) = &ends[&n.parse().unwrap()];
            let synced = durable.get(segment).copied().unwrap_or_default();
            assert!(
                *end <= synced,
                "{n} was acknowledged when {synced} bytes of {segment} were synced, and ends at {end}"
            );
            answers += 1;
        }
    }
    answers
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_invented() {
    let (cycles, mut dice) = (length(50, 200), Dice::of_this_run());
    let folder = tempfile::tempdir().unwrap();
    let (data, library) = (folder.path().join("data"), faults(folder.path()).display().to_string());
    let (mut last, mut acknowledged, mut answers) = (0, BTreeSet::new(), 0);
    for cycle in 0..cycles {
        let trace = folder.path().join(format!("trace-{cycle}"));
        let before = lengths(&data.join("journal"));
        let from = if cycle == 0 { 0 } else { last + 1 };
        let told = [
            ("LD_PRELOAD", library.clone()),
            ("RONDO_TRACE", trace.display().to_string()),
            ("RONDO_BURST_SEGMENT", SEGMENT.to_string()),
        ];
        last = burst_until(&data, from, 1 + dice.roll(300), &told).last;
        let trace = fs::read_to_string(trace).unwrap();
        let mut synced = before.clone();
        synced.extend(trace.lines().filter_map(synced_line));
        let said = trace.lines().filter_map(|line| line.rsplit_once("acknowledged "));
        acknowledged.extend(said.map(|(_, n)| n.parse::<usize>().unwrap()));
        lose_power(&data, &synced, &mut dice);
        let notes = open(&data).unwrap().notes;
        assert!(notes.iter().any(|note| note.contains("the machine went down")), "{notes:?}");
        if cycle < 20 {
            answers += synced_before_answered(&trace, &before, &ends(&data));
        }
        // Numbers that were sent and never answered are sent again, so that the next burst begins after them.
        last += 64;
    }
    let found: Vec<usize> = with_ledger(&data, async |ledger| {
        let mut found = Vec::new();
        loop {
            let more = ledger.read(found.len() as u64, 1_000).await.unwrap();
            if more.is_empty() {
                return found;
            }
            let is_sent = |record: &rondo_eventlog::Record| record.command == command(person(record)).id;
            assert!(more.iter().all(is_sent), "what nobody sent is there");
            found.extend(more.iter().map(person));
        }
    });
    let once: BTreeSet<usize> = found.iter().copied().collect();
    assert_eq!(once.len(), found.len(), "a command acted twice");
    let lost: Vec<_> = acknowledged.difference(&once).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    assert!(once.iter().all(|n| *n <= last), "what nobody sent is there");
    assert!(answers > cycles.min(20), "{answers} answers were held against the syncs");
    let repeated = with_ledger(&data, async |ledger| {
        let known = *acknowledged.iter().next_back().unwrap();
        ledger.submit(command(known)).await.unwrap().repeated
    });
    assert!(!data.join("at-work").exists(), "a clean stop takes the mark away");
    assert!(repeated, "an acknowledged command is answered as before");
    let found = rondo_ledger::inspect::inspect(&data, None, &[]).unwrap();
    assert!(found.hashes_to_root(), "{found:?}");
    let segments = lengths(&data.join("journal")).len();
    assert!(segments > cycles, "{segments} segments were begun");
    eprintln!(
        "{cycles} power losses, {segments} segments, {} acknowledged, 0 lost, 0 invented; {answers} answers given after their sync",
        acknowledged.len()
    );
}
