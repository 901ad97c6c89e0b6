//! What was acknowledged is there after `kill -9`; what was cut off is cut; what is damaged stops the ledger; sled is rebuilt.

mod ends;
mod held;
mod parts;
mod small;
mod starts;

use std::path::Path;

use crate::burst::{burst_until, command, open, with_ledger};
use rondo_eventlog::Ledger;
use rondo_ledger::OpenError;
use rondo_runtime::lifecycle::Lifecycle;

#[test]
fn fifty_kills_lose_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut last = 0;
    for round in 0..50 {
        let from = if round == 0 { 0 } else { last + 1 };
        last = burst_until(&data, from, 40 + 17 * round % 200, &[]).last;
    }
    let inspection = with_ledger(&data, async |ledger| {
        for n in (0..=last).rev().take(3_000) {
            let answer = ledger.submit(command(n)).await.unwrap();
            assert!(answer.repeated, "the acknowledged command {n} of {last} is gone");
        }
        last
    });
    assert!(inspection > 2_000);
    let found = rondo_ledger::inspect::inspect(&data, None, &[]).unwrap();
    assert!(found.hashes_to_root(), "{found:?}");
}

#[test]
fn the_store_is_rebuilt_from_the_journal_when_it_is_gone_or_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let read = async |ledger: &dyn Ledger| {
        let records = ledger.read(0, 1_000).await.unwrap();
        let streams = ledger.read_streams("network", None, 1_000).await.unwrap();
        assert_eq!(records, streams);
        records
    };
    let before = with_ledger(&data, async |ledger| {
        for n in 0..100 {
            ledger.submit(command(n)).await.unwrap();
        }
        read(ledger).await
    });
    std::fs::remove_dir_all(data.join("index")).unwrap();
    assert_eq!(with_ledger(&data, read), before, "rebuilt after it was deleted");
    std::fs::write(data.join("index/db"), b"this is not a store").unwrap();
    assert_eq!(with_ledger(&data, read), before, "rebuilt after it was damaged");
    assert!(with_ledger(&data, async |ledger| ledger.submit(command(5)).await.unwrap().repeated));
}

#[test]
fn a_directory_is_never_taken_for_what_it_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    with_ledger(&data, async |ledger| ledger.submit(command(0)).await.map(|_| ()).unwrap());
    let held = open(&data).unwrap();
    assert!(matches!(open(&data), Err(OpenError::Held { .. })), "held by another");
    drop(held);
    let journal = data.join("journal/00000000000000000000.journal");
    let whole = std::fs::read(&journal).unwrap();
    std::fs::remove_file(&journal).unwrap();
    assert!(matches!(open(&data), Err(OpenError::JournalMissing(_))), "no empty log in the place of a missing one");
    std::fs::write(&journal, &whole[..32]).unwrap();
    assert!(
        matches!(open(&data), Err(OpenError::Notary(_)) | Err(OpenError::Journal(_))),
        "an older copy is not signed on"
    );
    let other = folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("thesis.odt"), b"mine").unwrap();
    assert!(matches!(open(&other), Err(OpenError::Foreign(_))), "somebody else's folder");
}

#[test]
fn a_signed_record_is_never_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    with_ledger(&data, async |ledger| ledger.submit(command(0)).await.map(|_| ()).unwrap());
    let journal = data.join("journal/00000000000000000000.journal");
    let mut bytes = std::fs::read(&journal).unwrap();
    let near_the_end = bytes.len() - 3;
    bytes[near_the_end] ^= 1;
    std::fs::write(&journal, &bytes).unwrap();
    assert!(matches!(open(&data), Err(OpenError::Journal(_))), "what was signed was acknowledged");
    assert_eq!(std::fs::read(&journal).unwrap(), bytes, "and nothing of it is cut off");
}

#[test]
fn a_making_that_is_cut_off_is_in_nobodys_way_and_a_new_directory_is_there_before_anything_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let library = rondo_tests::faults(folder.path()).display().to_string();
    let fails = |fails: String| [("LD_PRELOAD", library.clone()), ("RONDO_FAIL", fails)];
    // The notes of the log and of its key: not written, written half, without their names.
    for (nth, what) in
        ["write /log. 1 28", "write /log. 2 28", "rename /log. 1 0", "rename /log. 2 0"].iter().enumerate()
    {
        let data = folder.path().join(format!("data-{nth}"));
        assert!(!burst_until(&data, 0, usize::MAX, &fails((*what).to_owned())).status.success(), "{what}");
        with_ledger(&data, async |ledger| ledger.submit(command(0)).await.map(|_| ()).unwrap());
    }
    // The name of each folder that is made is on disk before there is anything to lose in it; what is not is made again.
    for above in ["new", "new/folder"] {
        let data = folder.path().join("new/folder/data");
        let ended = burst_until(&data, 0, usize::MAX, &fails(format!("fsync {above} 1 5")));
        assert!(!ended.status.success() && !folder.path().join("new").exists(), "{above}");
    }
    with_ledger(&folder.path().join("new/folder/data"), async |ledger| {
        ledger.submit(command(0)).await.map(|_| ()).unwrap();
    });
}

/// Writes some records with a clean stop, so that the index is whole and a start trusts it.
fn written(data: &Path, from: usize, to: usize) {
    with_ledger(data, async |ledger| {
        for n in from..to {
            ledger.submit(command(n)).await.unwrap();
        }
    });
}

#[test]
fn damage_behind_a_whole_index_stops_the_ledger_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    written(&data, 0, 100);
    let journal = data.join("journal/00000000000000000000.journal");
    let mut bytes = std::fs::read(&journal).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&journal, &bytes).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let ended = runtime.block_on(async {
        let opened = open(&data).expect("the index is whole, so that a start need not read it");
        let mut lifecycle = Lifecycle::default();
        let stop = lifecycle.stop();
        lifecycle.spawn("ledger", opened.run(stop));
        lifecycle.run(std::future::pending()).await.unwrap_err().to_string()
    });
    assert!(ended.contains("the journal is damaged at byte"), "{ended}");
    assert!(ended.contains("00000000000000000000.journal") && ended.contains("Restore this file"), "{ended}");
    assert_eq!(std::fs::read(&journal).unwrap(), bytes, "nothing was changed");
}

#[test]
fn an_older_journal_is_not_signed_on_although_the_memory_of_signing_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let journal = data.join("journal/00000000000000000000.journal");
    written(&data, 0, 20);
    let older = std::fs::read(&journal).unwrap();
    written(&data, 20, 40);
    let checkpoint = std::fs::read_to_string(data.join("checkpoint")).unwrap();
    std::fs::write(&journal, older).unwrap();
    std::fs::remove_file(data.join("keys/signed.json")).unwrap();
    std::fs::remove_dir_all(data.join("index")).unwrap();
    assert!(matches!(open(&data), Err(OpenError::Notary(_))), "the checkpoint shows what was signed");
    assert_eq!(std::fs::read_to_string(data.join("checkpoint")).unwrap(), checkpoint, "and stays what it was");
}

#[test]
fn another_history_of_the_same_length_is_not_signed() {
    let folder = tempfile::tempdir().unwrap();
    let (data, other) = (folder.path().join("data"), folder.path().join("other"));
    written(&data, 0, 20);
    written(&other, 0, 20);
    let journal = "journal/00000000000000000000.journal";
    // Salts differ, so that the same commands make another tree.
    std::fs::copy(other.join(journal), data.join(journal)).unwrap();
    std::fs::remove_dir_all(data.join("index")).unwrap();
    assert!(matches!(open(&data), Err(OpenError::Notary(_))), "known by the memory");
    // A memory of having signed nothing, as a new log has it, does not help either: the checkpoint shows otherwise.
    let fresh = folder.path().join("fresh");
    let opened = open(&fresh).unwrap();
    std::fs::copy(fresh.join("keys/signed.json"), data.join("keys/signed.json")).unwrap();
    drop(opened);
    let refused = open(&data).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(refused.contains("signs 20 records") && refused.contains("knows of 0"), "{refused}");
    std::fs::remove_file(data.join("keys/signed.json")).unwrap();
    assert!(matches!(open(&data), Err(OpenError::Notary(_))), "and without any memory nothing is signed");
}

/// Every record of a log, read in its order from the store's packs, and of one stream from its places.
async fn everything(ledger: &dyn Ledger) -> Result<(usize, usize), rondo_eventlog::Fault> {
    let mut count = 0;
    loop {
        let more = ledger.read(count as u64, 1_000).await?.len();
        if more == 0 {
            return Ok((count, rondo_eventlog::ledger::read_all(ledger, "network").await?.len()));
        }
        count += more;
    }
}

/// Opens a log, reads all of it, and says how reading and the log's run ended.
fn read_once(data: &Path) -> (Result<(usize, usize), String>, bool) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let opened = match open(data) {
            Ok(opened) => opened,
            Err(error) => return (Err(error.to_string()), false),
        };
        let handle = opened.handle.clone();
        let mut lifecycle = Lifecycle::default();
        let stop = lifecycle.stop();
        lifecycle.spawn("ledger", opened.run(stop));
        let read = everything(&handle).await.map_err(|fault| fault.to_string());
        drop(handle);
        let ended = match &read {
            Ok(_) => lifecycle.run(std::future::ready(())).await,
            // It ends by itself.
            Err(_) => lifecycle.run(std::future::pending()).await,
        };
        (read, ended.is_ok())
    })
}

#[test]
fn a_page_of_the_store_that_is_found_damaged_ends_the_ledger_once_and_the_next_start_makes_it_anew() {
    const RECORDS: usize = 20_000;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    with_ledger(&data, async |ledger| {
        for first in (0..RECORDS).step_by(500) {
            let sent = (first..first + 500).map(|n| ledger.submit(command(n)));
            assert!(futures::future::join_all(sent).await.iter().all(Result::is_ok));
        }
    });
    let whole = std::fs::read(data.join("index/db")).unwrap();
    let healthy = || rondo_ledger::inspect::index(&data).unwrap();
    assert!(
        matches!(healthy(), rondo_ledger::inspect::Index::Whole { packs, .. } if packs == RECORDS as u64 / 32),
        "{:?}",
        healthy()
    );
    let (mut met, mut seen) = (0, 0);
    for at in (0..whole.len()).step_by(whole.len() / rondo_tests::length(12, 60) + 1) {
        let mut bytes = whole.clone();
        let end = (at + 64).min(bytes.len());
        bytes[at..end].iter_mut().for_each(|byte| *byte ^= 0x5a);
        std::fs::write(data.join("index/db"), bytes).unwrap();
        let damaged = matches!(healthy(), rondo_ledger::inspect::Index::Damaged(_));
        seen += usize::from(damaged);
        let (read, well) = read_once(&data);
        assert!(damaged || read == Ok((RECORDS, RECORDS)), "byte {at}: looking at every page sees it: {read:?}");
        if read.is_err() {
            met += 1;
            assert!(!well, "byte {at}: the ledger ends: {read:?}");
            let (again, well) = read_once(&data);
            assert_eq!((again, well), (Ok((RECORDS, RECORDS)), true), "byte {at}: the next start makes it anew");
        }
        assert!(!data.join("index-failed").exists(), "byte {at}: nothing is left to say");
    }
    eprintln!("{met} damaged places were met after the start, {seen} were seen by looking at every page");
    assert!(met > 0 && seen >= met);
}

#[test]
fn what_a_pack_holds_is_held_against_what_was_signed() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    written(&data, 0, 600);
    // The hash of a signed record is changed: as if the pack, which nobody reads byte by byte, held another one.
    let hashes = data.join("tree/level-0");
    let mut bytes = std::fs::read(&hashes).unwrap();
    bytes[32 * 40] ^= 1;
    std::fs::write(&hashes, bytes).unwrap();
    let (read, well) = read_once(&data);
    let told = read.unwrap_err();
    assert!(told.contains("record 40") && told.contains("does not hash to what was signed") && !well, "{told}");
    assert_eq!(read_once(&data), (Ok((600, 600)), true), "what follows from the journal is made anew");
}
