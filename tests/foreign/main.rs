//! The demonstration's log, checked by tools that nobody here wrote: OpenSSL, aics-tlog and dnsid. Each has to accept what is
//! true and to refuse an altered twin of it.

mod https;
mod signals;
mod tls;
mod watched;
mod witness;
mod witnesses;
mod words;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rondo_tests::{program, root};

struct Played {
    folder: tempfile::TempDir,
}

impl Played {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let played = Self { folder };
        let data = played.path("data");
        rondo(&["up", "--demo", "--until-done", "--pace", "0", "--data", &data]);
        rondo(&["--data", &data, "audit", "export", "--out", &played.path("export")]);
        played
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// A copy of the export with one change.
    fn twin(&self, name: &str, change: impl Fn(&Path)) -> String {
        let to = self.path(name);
        assert!(Command::new("cp").arg("-r").args([&self.path("export"), &to]).status().unwrap().success());
        change(Path::new(&to));
        to
    }
}

fn run(args: &[&str]) -> Output {
    Command::new(program()).args(args).output().unwrap()
}

fn rondo(args: &[&str]) -> String {
    let done = run(args);
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// What a tool says, and whether it accepts.
fn foreign(args: &[&str]) -> (bool, String) {
    let python = root().join("target/tools/foreign/bin/python");
    let done = Command::new(python).arg(root().join("tests/foreign/check.py")).args(args).output().unwrap();
    let said = String::from_utf8_lossy(if done.status.success() { &done.stdout } else { &done.stderr }).into_owned();
    eprint!("{said}");
    (done.status.success(), said)
}

fn accepts(args: &[&str]) {
    let (good, said) = foreign(args);
    assert!(good, "{args:?}: {said}");
}

fn refuses(args: &[&str]) {
    let (good, said) = foreign(args);
    assert!(!good && said.starts_with("refused:") && !said.contains("ModuleNotFound"), "{args:?}: {said}");
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 0x20;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn an_export_is_accepted_by_them_and_by_us_and_an_altered_one_by_nobody() {
    let played = Played::new();
    let (export, vkey) = (played.path("export"), played.path("export/log.vkey"));
    accepts(&["export", &export, &vkey]);
    let told = rondo(&["audit", "verify", &export, "--key", &vkey]);
    assert!(told.contains("1. signature:  good") && told.contains("2. bytes:      good"), "{told}");
    let twins = [
        ("entry", played.twin("entry", |twin| flip(&twin.join("tile/entries/002"), 400)), Some("record 51")),
        ("tile", played.twin("tile", |twin| flip(&twin.join("tile/0/001"), 40)), None),
        ("upper", played.twin("upper", |twin| flip(&twin.join("tile/1/000.p/6"), 3)), None),
        ("checkpoint", played.twin("checkpoint", |twin| flip(&twin.join("checkpoint"), 30)), None),
        ("short", played.twin("short", |twin| std::fs::remove_file(twin.join("tile/entries/004")).unwrap()), None),
    ];
    for (name, twin, place) in &twins {
        refuses(&["export", twin, &vkey]);
        let ours = run(&["audit", "verify", twin, "--key", &vkey]);
        let told = String::from_utf8_lossy(&ours.stdout).into_owned();
        assert_eq!(ours.status.code(), Some(3), "{name}: {told}");
        assert!(told.contains("BAD") && place.is_none_or(|place| told.contains(place)), "{name}: {told}");
    }
}

#[test]
fn a_receipt_is_accepted_by_them_and_by_us_and_proves_nothing_else() {
    let played = Played::new();
    let (data, vkey, policy) = (played.path("data"), played.path("export/log.vkey"), played.path("export/policy"));
    let out = played.path("receipts");
    std::fs::create_dir(&out).unwrap();
    let listed = rondo(&["--data", &data, "submission", "list", "ilms-asean-2025", "--output", "json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    for entry in listed["submissions"].as_array().unwrap() {
        let (country, id) = (entry["country"].as_str().unwrap(), entry["submission"].as_str().unwrap());
        rondo(&["--data", &data, "submission", "receipt", "ilms-asean-2025", country, id, "--out", &out]);
    }
    rondo(&["--data", &data, "release", "receipt", "ilms-asean-2025.1", "--out", &out]);
    let mut proofs: Vec<PathBuf> = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path()).collect();
    proofs.retain(|path| path.extension().is_some_and(|extension| extension == "tlog-proof"));
    assert!(proofs.len() >= 14, "eleven countries' files, approval, clearance, publication: {}", proofs.len());
    for proof in &proofs {
        let (text, record) = (proof.display().to_string(), proof.with_extension("record").display().to_string());
        accepts(&["receipt", &text, &record, &policy]);
        accepts(&["receipt-aics", &text, &record, &vkey]);
        assert!(rondo(&["audit", "verify", &text, "--key", &vkey]).contains("good: the record stands at"));
        assert!(std::fs::metadata(proof).unwrap().len() <= 2_048);
    }
    let (proof, record) = (&proofs[0], proofs[1].with_extension("record").display().to_string());
    let text = proof.display().to_string();
    refuses(&["receipt", &text, &record, &policy]);
    refuses(&["receipt-aics", &text, &record, &vkey]);
    let ours = run(&["audit", "verify", &text, "--key", &vkey, "--record", &record]);
    assert_eq!(ours.status.code(), Some(3));
    // A receipt of another log: its own record, and a key that is not that log's.
    let stranger = played.path("stranger.vkey");
    let vkey_text = std::fs::read_to_string(&vkey).unwrap();
    let other = rondo_eventlog::merkle::Signer::new(vkey_text.split('+').next().unwrap(), &[9; 32]).unwrap();
    std::fs::write(&stranger, other.verifier().vkey()).unwrap();
    let ours = run(&["audit", "verify", &text, "--key", &stranger]);
    assert_eq!(ours.status.code(), Some(3), "{}", String::from_utf8_lossy(&ours.stdout));
    refuses(&["receipt-aics", &text, &proof.with_extension("record").display().to_string(), &stranger]);
    flip(&proof.with_extension("record"), 20);
    refuses(&["receipt", &text, &proof.with_extension("record").display().to_string(), &policy]);
}

#[test]
fn the_checkpoint_is_signed_as_openssl_checks_it() {
    let played = Played::new();
    let note = std::fs::read_to_string(played.path("export/checkpoint")).unwrap();
    let (text, line) = note.rsplit_once("\n\n").unwrap();
    let signature = STANDARD.decode(line.trim_end().rsplit(' ').next().unwrap()).unwrap();
    let vkey = std::fs::read_to_string(played.path("export/log.vkey")).unwrap();
    let key = STANDARD.decode(vkey.trim_end().splitn(3, '+').nth(2).unwrap()).unwrap();
    // SubjectPublicKeyInfo of an Ed25519 key (RFC 8410, section 4).
    let mut der = hex::decode("302a300506032b6570032100").unwrap();
    der.extend(&key[1..]);
    std::fs::write(played.path("key.der"), der).unwrap();
    std::fs::write(played.path("signature"), &signature[4..]).unwrap();
    let check = |text: &str| {
        std::fs::write(played.path("text"), text).unwrap();
        let [key, signature, text] = ["key.der", "signature", "text"].map(|name| played.path(name));
        let args = [
            "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey", &key, "-sigfile", &signature, "-in",
            &text,
        ];
        Command::new("openssl").args(args).output().unwrap().status.success()
    };
    assert!(check(&format!("{text}\n")));
    assert!(!check(&format!("{text} \n")));
}

#[test]
fn a_log_extends_what_was_saved_and_neither_an_older_copy_nor_another_branch_does() {
    let played = Played::new();
    let (data, saved) = (played.path("data"), played.path("export/checkpoint"));
    let verify = |data: &str, saved: &str| {
        let done = run(&["--data", data, "audit", "verify", "--saved", saved]);
        (done.status.code(), String::from_utf8_lossy(&done.stdout).into_owned())
    };
    // Two copies under the same key, each of which goes on in its own way.
    let branch = |name: &str, person: &str| {
        let to = played.path(name);
        assert!(Command::new("cp").arg("-r").args([&data, &to]).status().unwrap().success());
        rondo(&["--data", &to, "person", "grant", person, "auditor"]);
        let checkpoint = played.path(&format!("{name}.checkpoint"));
        std::fs::write(&checkpoint, rondo(&["--data", &to, "audit", "checkpoint"])).unwrap();
        (to, checkpoint)
    };
    let (one, one_saved) = branch("one", "anna");
    let (_, two_saved) = branch("two", "bo");
    for (data, saved, good, words) in [
        (&data, &saved, true, "3. extends:    good"),
        (&one, &saved, true, "3. extends:    good"),
        (&one, &one_saved, true, "3. extends:    good"),
        (&one, &two_saved, false, "are not those of the checkpoint that was saved"),
        (&data, &one_saved, false, "and the checkpoint that was saved signs"),
    ] {
        let (status, told) = verify(data, saved);
        assert_eq!(status, Some(if good { 0 } else { 3 }), "{told}");
        assert!(told.contains(words), "{told}");
        assert!(told.contains("2. bytes:      good"), "each log for itself verifies: {told}");
    }
}
