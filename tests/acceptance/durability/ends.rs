//! Where a log ends: all that was acknowledged is signed by a clean stop, never cut as if nobody had been answered, and an index
//! that knows of more or of another journal is not trusted.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use rondo_eventlog::merkle::Checkpoint;
use rondo_eventlog::{CommitPoint, Fault, Ledger, SubmitError};
use rondo_ledger::OpenError;
use rondo_ledger::journal::{JournalReader, Location};
use rondo_runtime::lifecycle::Lifecycle;
use rondo_tests::{refused, rondo};

use super::written;
use crate::burst::{burst_until, command, open, with_ledger};

const JOURNAL: &str = "journal/00000000000000000000.journal";

#[test]
fn a_clean_stop_under_load_signs_all_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for turn in 0..5 {
        let end = Arc::new(AtomicU64::new(0));
        runtime.block_on(async {
            let opened = open(&data).unwrap();
            let handle = opened.handle.clone();
            let mut lifecycle = Lifecycle::default();
            let stop = lifecycle.stop();
            lifecycle.spawn("ledger", opened.run(stop));
            for sender in 0..64 {
                let (handle, end) = (handle.clone(), Arc::clone(&end));
                tokio::spawn(async move {
                    for n in 0.. {
                        let Ok(answer) = handle.submit(command(turn * 10_000_000 + sender * 100_000 + n)).await else {
                            return;
                        };
                        end.fetch_max(answer.end(), Ordering::SeqCst);
                    }
                });
            }
            let enough = async {
                while end.load(Ordering::SeqCst) < 2_000 * (turn as u64 + 1) {
                    tokio::task::yield_now().await;
                }
            };
            lifecycle.run(enough).await.unwrap();
        });
        let checkpoint = fs::read_to_string(data.join("checkpoint")).unwrap();
        let signed = Checkpoint::claimed(&checkpoint).unwrap().head.size;
        let acknowledged = end.load(Ordering::SeqCst);
        assert!(acknowledged <= signed, "{acknowledged} were acknowledged and {signed} signed");
        assert!(!data.join("at-work").exists(), "it was a clean end");
    }
}

/// Where each group begins, how many records are before it, and where the journal ends.
fn groups(data: &Path) -> (Vec<Location>, usize) {
    let mut reader = JournalReader::open(&data.join("journal"), None, None).unwrap().unwrap();
    let mut groups = Vec::new();
    while let Some(group) = reader.next_group().unwrap() {
        groups.push(group.at);
    }
    (groups, fs::metadata(data.join(JOURNAL)).unwrap().len() as usize)
}

#[test]
fn an_acknowledged_group_at_the_very_end_is_damage_after_a_kill_too() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let last = burst_until(&data, 0, 150, &[]).last;
    let journal = data.join(JOURNAL);
    let mut bytes = fs::read(&journal).unwrap();
    // Up to the group of the last answer that was heard; what was written behind it may never have been answered.
    let person = format!("\"person-{last}\"");
    let at = bytes.windows(person.len()).position(|found| found == person.as_bytes()).expect("it was acknowledged");
    let (groups, end) = groups(&data);
    let behind = groups.iter().map(|group| group.offset as usize).find(|offset| *offset > at);
    bytes.truncate(behind.unwrap_or(end));
    bytes[at] ^= 1;
    fs::write(&journal, &bytes).unwrap();
    match open(&data) {
        Err(OpenError::Journal(damaged)) => assert!(damaged.to_string().contains("damaged at byte"), "{damaged}"),
        Err(other) => panic!("{other}"),
        Ok(opened) => panic!("it was cut: {:?}", opened.notes),
    }
    assert_eq!(fs::read(&journal).unwrap(), bytes, "and nothing of it is cut off");
    refused(&data, &["doctor"], 1, "");
    let told = String::from_utf8(rondo_tests::run(&data, &["doctor"]).stdout).unwrap();
    assert!(told.contains("TROUBLE: the journal is damaged at byte"), "{told}");
    // Cut where the group began, so that nothing bad is left: records are missing all the same.
    let group = groups.iter().rev().find(|group| (group.offset as usize) < at).unwrap();
    fs::write(&journal, &bytes[..group.offset as usize]).unwrap();
    let missing = open(&data).map(|_| ()).unwrap_err().to_string();
    assert!(missing.contains(&format!("damaged at byte {}", group.offset)), "{missing}");
    assert!(missing.contains("the file ends here") && missing.contains("were acknowledged"), "{missing}");
}

/// Puts the log back as it was when this copy was made, but for the index and whatever else is named.
fn put_back(copy: &Path, data: &Path) {
    for name in [JOURNAL, "checkpoint", "keys/signed.json"] {
        fs::copy(copy.join(name), data.join(name)).unwrap();
    }
    fs::remove_dir_all(data.join("tree")).unwrap();
}

#[test]
fn an_index_that_knows_of_more_records_than_the_journal_has_is_no_reason_to_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let (data, copy) = (folder.path().join("data"), folder.path().join("copy"));
    written(&data, 0, 35);
    assert!(std::process::Command::new("cp").arg("-r").args([&data, &copy]).status().unwrap().success());
    written(&data, 35, 40);
    put_back(&copy, &data);
    let end = fs::metadata(data.join(JOURNAL)).unwrap().len();
    // First both tell of the missing ones, then the index alone.
    for gone in ["none", "acknowledged"] {
        let _ = fs::remove_file(data.join(gone));
        let missing = open(&data).map(|_| ()).unwrap_err().to_string();
        assert!(missing.contains(&format!("damaged at byte {end}")), "{gone}: {missing}");
        assert!(missing.contains("record 35 should begin"), "{gone}: {missing}");
        assert!(missing.contains("40 records were acknowledged"), "{gone}: {missing}");
    }
    // Whoever lets go of them knowingly has a whole log again, in which nothing of the lost ones is left.
    fs::remove_dir_all(data.join("index")).unwrap();
    with_ledger(&data, async |ledger| {
        assert_eq!(ledger.read_streams("network", None, 1_000).await.unwrap().len(), 35);
        assert!(ledger.submit(command(34)).await.unwrap().repeated);
        let again = ledger.submit(command(37)).await.unwrap();
        assert_eq!((again.first, again.count, again.repeated), (35, 1, false), "a lost one is done again");
    });
    assert!(rondo(&data, &["audit", "verify"]).contains("2. bytes:      good"));
}

#[test]
fn an_index_of_another_journal_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let of = |name: &str| folder.path().join(name);
    let (data, other) = (of("data"), of("other"));
    written(&data, 0, 300);
    written(&other, 1_000, 1_300);
    let read = async |ledger: &dyn Ledger| {
        let records = ledger.read(0, 1_000).await.unwrap();
        assert_eq!(records, ledger.read_streams("network", None, 1_000).await.unwrap());
        assert!(ledger.submit(command(250)).await.unwrap().repeated);
        records
    };
    let before = with_ledger(&data, read);
    // The index of a log that is as long.
    fs::remove_dir_all(data.join("index")).unwrap();
    assert!(
        std::process::Command::new("cp")
            .arg("-r")
            .args([other.join("index"), data.join("index")])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(with_ledger(&data, read), before);
    // The same log, with its records in other groups, as an export that is loaded brings it.
    let (export, loaded) = (of("export").display().to_string(), of("loaded"));
    rondo(&data, &["audit", "export", "--out", &export]);
    rondo(&loaded, &["restore", "--from", &export]);
    fs::copy(loaded.join(JOURNAL), data.join(JOURNAL)).unwrap();
    assert_eq!(with_ledger(&data, read), before);
    assert!(rondo(&data, &["audit", "verify"]).contains("2. bytes:      good"));
}

/// Admits once it is told to, and says that it is asked.
struct Door {
    asked: Mutex<mpsc::Sender<()>>,
    opens: Mutex<mpsc::Receiver<()>>,
}

impl CommitPoint for Door {
    fn admit(&self) -> Result<(), Fault> {
        // Whoever has heard it once listens no longer, and whoever opens it for good goes away.
        let _ = self.asked.lock().unwrap().send(());
        let _ = self.opens.lock().unwrap().recv();
        Ok(())
    }
}

#[test]
fn what_was_under_way_when_the_signing_ended_is_neither_written_nor_answered_as_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    written(&data, 0, 10);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let opened = open(&data).unwrap();
        let handle = opened.handle.clone();
        let ((asked, is_asked), (open, opens)) = (mpsc::channel(), mpsc::channel());
        handle.commits_at(Arc::new(Door { asked: Mutex::new(asked), opens: Mutex::new(opens) }));
        let mut lifecycle = Lifecycle::default();
        let stop = lifecycle.stop();
        lifecycle.spawn("ledger", opened.run(stop));
        let send = |n| {
            let handle = handle.clone();
            tokio::spawn(async move { handle.submit(command(n)).await })
        };
        let mut sent = vec![send(10)];
        tokio::task::spawn_blocking(move || is_asked.recv()).await.unwrap().unwrap();
        // The same again has nothing to repeat, and another one nothing to stand on.
        sent.extend([send(10), send(11), send(3)]);
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        handle.sign_no_more("a test has another history");
        drop(open);
        for answer in sent {
            match answer.await.unwrap() {
                Err(SubmitError::Fault(Fault::Contradicted(_))) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(handle.read(0, 100).await.unwrap().len(), 10, "it can still be read");
        drop(handle);
        lifecycle.run(std::future::ready(())).await.unwrap();
    });
    assert_eq!(rondo_tests::records(&data).len(), 10);
    // Nothing was kept that proves it, so that the next start asks again.
    assert!(!with_ledger(&data, async |ledger| ledger.submit(command(10)).await.unwrap().repeated));
}
