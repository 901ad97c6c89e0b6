//! Promise 8: everyone can prove their own submission offline. Receipts of a large log, checked by two tools that others wrote;
//! each is at most 2 KB. 20,000 records in every run, 1,000,000 with `tests/run --full`. (Every receipt of the demonstration's
//! submissions and release is checked in `tests/foreign`.)

use std::path::Path;
use std::process::Command;

use crate::burst::{command, with_ledger};
use futures::StreamExt;
use rondo_tests::{Dice, foreign, length, program};

const RECEIPTS: usize = 10;

fn rondo(data: &Path, args: &[&str]) -> bool {
    let done = Command::new(program()).arg("--data").arg(data).args(args).output().unwrap();
    assert!(done.status.code().is_some_and(|status| status == 0 || status == 3), "{args:?}: {done:?}");
    done.status.success()
}

#[test]
fn receipts_of_a_large_log_are_small_and_accepted_by_two_foreign_tools() {
    let (records, mut dice) = (length(20_000, 1_000_000), Dice::of_this_run());
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    with_ledger(&data, async |ledger| {
        let sent = futures::stream::iter(0..records).map(|n| ledger.submit(command(n))).buffer_unordered(1_024);
        sent.for_each(|answer| async { answer.map(|_| ()).unwrap() }).await;
    });
    let vkey = data.join("log.vkey").display().to_string();
    let policy = folder.path().join("policy");
    let key = std::fs::read_to_string(&vkey).unwrap();
    std::fs::write(&policy, format!("log {}\nquorum none\n", key.trim())).unwrap();
    let (out, policy) = (folder.path().display().to_string(), policy.display().to_string());
    let mut largest = 0;
    for n in 0..RECEIPTS {
        let position = match n {
            0 => 0,
            1 => records - 1,
            _ => dice.roll(records),
        };
        assert!(rondo(&data, &["audit", "proof", &position.to_string(), "--out", &out]));
        let path = |ending: &str| folder.path().join(format!("record-{position}.{ending}")).display().to_string();
        let (proof, record) = (path("tlog-proof"), path("record"));
        largest = largest.max(std::fs::metadata(&proof).unwrap().len());
        assert!(foreign(&["receipt", &proof, &record, &policy]), "dnsid, record {position}");
        assert!(foreign(&["receipt-aics", &proof, &record, &vkey]), "aics-tlog, record {position}");
        assert!(rondo(&data, &["audit", "verify", &proof, "--key", &vkey]));
        // One byte of the record changed: nobody accepts it.
        let mut twin = std::fs::read(&record).unwrap();
        let at = dice.roll(twin.len());
        twin[at] ^= 1;
        std::fs::write(&record, twin).unwrap();
        assert!(
            !foreign(&["receipt", &proof, &record, &policy]) && !foreign(&["receipt-aics", &proof, &record, &vkey])
        );
        assert!(!rondo(&data, &["audit", "verify", &proof, "--key", &vkey]));
    }
    assert!(largest <= 2_048, "{largest} bytes");
    eprintln!("{RECEIPTS} receipts of {records} records, the largest of {largest} bytes");
}
