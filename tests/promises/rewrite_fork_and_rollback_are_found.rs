//! Promise 7: rewrite, fork and rollback are found. A history that was rewritten and signed again with the log's own key, another
//! branch of it, and an older copy each verify for themselves; a saved checkpoint, a receipt and a witness each tell.

#[path = "../foreign/witness.rs"]
mod witness;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use bytes::Bytes;
use rondo_ledger::LedgerConfig;
use rondo_ledger::journal::{JournalReader, JournalWriter};
use rondo_runtime::chance::SystemChance;
use rondo_runtime::clock::SystemClock;
use rondo_runtime::lifecycle::Lifecycle;
use rondo_tests::program;
use witness::Witness;

/// The status and what was said on standard output.
fn run(data: &Path, args: &[&str]) -> (Option<i32>, String) {
    let done = Command::new(program()).arg("--data").arg(data).args(args).output().unwrap();
    (done.status.code(), String::from_utf8(done.stdout).unwrap())
}

fn rondo(data: &Path, args: &[&str]) -> String {
    let (status, told) = run(data, args);
    assert_eq!(status, Some(0), "{args:?}: {told}");
    told
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
}

fn records(data: &Path) -> Vec<Bytes> {
    let mut reader = JournalReader::open(&data.join("journal"), None, None).unwrap().unwrap();
    let mut records = Vec::new();
    while let Some(group) = reader.next_group().unwrap() {
        records.extend(group.records);
    }
    records
}

/// Opens a ledger and lets it sign what it has.
fn signed(data: &Path) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let opened = rondo_ledger::open(&LedgerConfig {
            data: data.to_owned(),
            origin: "unused.example/log".to_owned(),
            clock: Arc::new(SystemClock),
            chance: Arc::new(SystemChance),
        })
        .unwrap();
        let mut lifecycle = Lifecycle::default();
        let stop = lifecycle.stop();
        lifecycle.spawn("ledger", opened.run(stop));
        lifecycle.run(std::future::ready(())).await.unwrap();
    });
}

/// Whoever has the machine and the key writes the published figure anew, forgets what was signed, and signs again.
fn rewrite(data: &Path, fresh: &Path) {
    let mut changed = 0;
    let forged: Vec<Bytes> = records(data)
        .into_iter()
        .map(|record| {
            let text = std::str::from_utf8(&record).unwrap();
            if !text.contains("FiguresRecorded") || !text.contains("\"1.072\"") {
                return record;
            }
            changed += 1;
            Bytes::from(text.replace("\"1.072\"", "\"9.072\""))
        })
        .collect();
    assert_eq!(changed, 1, "one record is forged");
    for gone in ["journal", "index", "tree"] {
        fs::remove_dir_all(data.join(gone)).unwrap();
    }
    fs::remove_file(data.join("checkpoint")).unwrap();
    fs::create_dir(data.join("journal")).unwrap();
    let mut journal = JournalWriter::create(&data.join("journal")).unwrap();
    for group in forged.chunks(100) {
        journal.append(group).unwrap();
    }
    drop(journal);
    fs::copy(fresh.join("keys/signed.json"), data.join("keys/signed.json")).unwrap();
    signed(data);
}

#[test]
fn each_forgery_verifies_for_itself_and_is_told_by_a_checkpoint_a_receipt_and_a_witness() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| -> PathBuf { folder.path().join(name) };
    let text = |name: &str| path(name).display().to_string();
    let data = path("data");
    rondo(&data, &["up", "--demo", "--until-done", "--pace", "0"]);
    let [older, branch, forged, fresh] = ["older", "branch", "forged", "fresh"].map(path);
    copy(&data, &older);
    copy(&data, &forged);
    let fresh_ledger = LedgerConfig {
        data: fresh.clone(),
        origin: "fresh.example/log".to_owned(),
        clock: Arc::new(SystemClock),
        chance: Arc::new(SystemChance),
    };
    drop(rondo_ledger::open(&fresh_ledger).unwrap());
    rewrite(&forged, &fresh);
    copy(&data, &branch);
    rondo(&data, &["person", "grant", "anna", "auditor"]);
    rondo(&branch, &["person", "grant", "bo", "auditor"]);

    // What others keep: a checkpoint, the receipt of the release, and a witness's cosignature, all of the true log.
    fs::write(path("saved"), rondo(&data, &["audit", "checkpoint"])).unwrap();
    rondo(&data, &["release", "receipt", "ilms-asean-2025.1", "--out", &text("")]);
    let found = |entry: fs::DirEntry| entry.path().to_string_lossy().contains(".published-").then(|| entry.path());
    let receipts: Vec<PathBuf> =
        fs::read_dir(folder.path()).unwrap().filter_map(|entry| found(entry.unwrap())).collect();
    let receipt = receipts.iter().find(|path| path.extension().is_some_and(|of| of == "tlog-proof")).unwrap();
    let vkey = fs::read_to_string(data.join("log.vkey")).unwrap();
    let key = data.join("log.vkey").display().to_string();
    let witness = Witness::start(&key);
    fs::write(path("policy"), witness.policy(&vkey)).unwrap();
    rondo(&data, &["audit", "witness", "--policy", &text("policy")]);

    let receipt = receipt.display().to_string();
    let (saved, policy) = (text("saved"), text("policy"));
    let evidence: [(&str, &[&str]); 3] = [
        ("a saved checkpoint", &["--saved", &saved]),
        ("a receipt", &["--saved", &receipt]),
        ("a witness", &["--policy", &policy]),
    ];
    for (kind, log) in [("rewrite", &forged), ("fork", &branch), ("rollback", &older)] {
        let alone = rondo(log, &["audit", "verify", "--key", &key]);
        assert!(
            alone.contains("1. signature:  good") && alone.contains("2. bytes:      good"),
            "a {kind} verifies for itself: {alone}"
        );
        assert!(alone.contains("3. extends:    not asked") && alone.contains("4. witnessed:  not asked"), "{alone}");
        // The witness's note is public: whoever asks has it, whatever stands beside the forgery.
        fs::copy(data.join("cosigned"), log.join("cosigned")).unwrap();
        for (name, args) in &evidence {
            let (status, told) = run(log, &[&["audit", "verify"], *args].concat());
            assert_eq!(status, Some(3), "{name} tells a {kind}: {told}");
            assert!(told.contains("2. bytes:      good") && told.contains("BAD"), "{name} tells a {kind}: {told}");
        }
        fs::remove_file(log.join("cosigned")).unwrap();
        let (status, told) = run(log, &["audit", "witness", "--policy", &policy]);
        assert_eq!(status, Some(3), "the witness cosigns no {kind}: {told}");
    }
    for (name, args) in &evidence {
        let (status, told) = run(&data, &[&["audit", "verify"], *args].concat());
        assert_eq!(status, Some(0), "{name} is content with the true log: {told}");
    }
}
