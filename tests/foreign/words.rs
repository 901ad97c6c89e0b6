//! What a witness says and shows against a log, weighed: by whichever key of the log it was signed, where it is shown without proof,
//! and where the log itself cannot be read.

use std::path::{Path, PathBuf};

use rondo_testkit::process::free_port;
use rondo_tests::is_told_by_run_book;

use crate::watched::{Steered, Watched, told};
use crate::witness::Witness;
use crate::{Played, rondo};

const JOURNAL: &str = "journal/00000000000000000000.journal";
const CONTINUE: [&str; 4] = ["audit", "continue", "--reason", "the other machine burnt"];

/// A played log, a witness of it, and copies of the log that name it.
struct Scene {
    played: Played,
    key: String,
    vkey: String,
    witness: Witness,
}

impl Scene {
    fn new() -> Self {
        let played = Played::new();
        let key = played.path("export/log.vkey");
        let vkey = std::fs::read_to_string(&key).unwrap();
        let witness = Witness::start(&key);
        Self { played, key, vkey, witness }
    }

    fn here(&self) -> String {
        self.witness.policy(&self.vkey)
    }

    /// The policy where nobody answers.
    fn away(&self) -> String {
        self.witness.policy_at(&self.vkey, &format!("http://127.0.0.1:{}", free_port()))
    }

    fn copy(&self, name: &str, policy: &str) -> Watched {
        Watched::copy(&self.played, &self.played.path("data"), name, policy, None)
    }
}

fn in_data(log: &Watched, name: &str) -> PathBuf {
    Path::new(&log.data).join(name)
}

/// The names of what is kept beside the keys.
fn keys(log: &Watched) -> Vec<String> {
    let entries = std::fs::read_dir(in_data(log, "keys")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_fork_by_a_key_that_the_log_has_handed_over_from_is_proof_like_any_other() {
    let scene = Scene::new();
    let (log, branch) = (scene.copy("log", &scene.here()), scene.copy("branch", &scene.away()));
    assert_eq!(log.goes_on("anna").0, Some(0));
    assert_eq!(log.asks().0, Some(0), "the old key signs one history");
    let (status, said) = told(&branch.run(&["audit", "key", "rotate", "--reason", "the yearly change"]));
    assert_eq!(status, Some(0), "{said}");
    let new = std::fs::read_to_string(in_data(&branch, "log.vkey")).unwrap();
    Steered(scene.key.clone()).takes(&new);
    branch.watch(&format!("log {}\n{}", new.trim(), scene.here()), None);
    let before = branch.checkpoint();
    let (status, said) = branch.starts();
    assert!(status == Some(3) && !said.contains("no proof"), "{said}");
    assert_eq!(std::fs::read_to_string(branch.contradiction()).unwrap(), log.checkpoint(), "what it shows is kept");
    // The witness is away, and the program is started again.
    branch.watch(&scene.away(), None);
    for (status, said) in [branch.starts(), branch.goes_on("bo")] {
        assert!(status == Some(3) && said.contains("`contradiction`"), "{said}");
    }
    assert_eq!(branch.checkpoint(), before, "nothing was signed");
    let (status, said) = told(&branch.run(&["doctor"]));
    assert!(status == Some(1) && said.contains("TROUBLE: somebody holds a checkpoint of"), "{said}");
    // Going on names that history, so that the witness that still shows it holds up nothing.
    let (status, said) = told(&branch.run(&CONTINUE));
    let words = format!("another history of {} records was signed as well", log.records());
    assert!(status == Some(0) && said.contains(&words), "{said}");
    let third = std::fs::read_to_string(in_data(&branch, "log.vkey")).unwrap();
    Steered(scene.key.clone()).takes(&third);
    branch.watch(&format!("log {}\nlog {}\n{}", third.trim(), new.trim(), scene.here()), None);
    let (status, said) = branch.asks();
    assert!(status == Some(75) && said.contains("what this log says is lost"), "{said}");
    assert_eq!(branch.goes_on("chan").0, Some(0));
}

#[test]
fn a_journal_that_cannot_be_read_proves_no_fork_and_the_true_cause_is_said() {
    let scene = Scene::new();
    let (log, branch) = (scene.copy("log", &scene.here()), scene.copy("branch", &scene.here()));
    assert_eq!(log.goes_on("anna").0, Some(0));
    assert_eq!(log.asks().0, Some(0));
    // Behind what a start trusts, and read by nobody before the witness has to be answered.
    let journal = in_data(&branch, JOURNAL);
    let mut bytes = std::fs::read(&journal).unwrap();
    bytes[200] ^= 1;
    std::fs::write(&journal, &bytes).unwrap();
    let before = branch.checkpoint();
    let (status, said) = branch.starts();
    assert!(status == Some(1) && said.contains("damaged at byte"), "{said}");
    assert!(said.contains("Nothing was kept against this log"), "{said}");
    assert!(!branch.contradiction().exists() && !in_data(&branch, "disputed").exists());
    assert_eq!(branch.checkpoint(), before, "nothing was signed");
}

#[test]
fn a_word_without_proof_is_kept_and_a_start_waits_for_that_witness_or_for_a_person() {
    let scene = Scene::new();
    let copy = |name: &str| scene.copy(name, &scene.here());
    let (log, older, gone) = (copy("log"), copy("older"), copy("gone"));
    assert_eq!(log.goes_on("anna").0, Some(0));
    assert_eq!(log.asks().0, Some(0));
    Steered(scene.key.clone()).is_silent(true);
    for copy in [&older, &gone] {
        let (before, records) = (copy.checkpoint(), copy.records());
        let (status, said) = copy.starts();
        assert!(status == Some(3) && said.contains("older copy") && said.contains("kept as `disputed`"), "{said}");
        assert!(!copy.contradiction().exists(), "it is no proof");
        is_told_by_run_book(Path::new(&copy.data));
        // The witness is away: neither a start nor a command signs what it may hold another one of.
        copy.watch(&scene.away(), None);
        for (status, said) in [copy.starts(), copy.goes_on("bo")] {
            assert!(status == Some(75) && said.contains("the witness one said"), "{said}");
        }
        // Nor where it is not named any more.
        std::fs::write(&copy.config, "").unwrap();
        for (status, said) in [copy.starts(), copy.goes_on("bo")] {
            assert!(status == Some(3) && said.contains("rondo audit continue"), "{said}");
        }
        assert_eq!((copy.checkpoint(), copy.records()), (before, records), "nothing is recorded and nothing signed");
        assert_eq!(told(&copy.run(&["person", "list"])).0, Some(0), "it can be read");
        let (status, said) = told(&copy.run(&["doctor"]));
        assert!(status == Some(1) && said.contains("TROUBLE: the witness one said"), "{said}");
    }
    // The newest journal is back, and not what was signed of it: once the witness shows what it holds, that is how the log begins.
    std::fs::copy(in_data(&log, JOURNAL), in_data(&older, JOURNAL)).unwrap();
    older.watch(&scene.here(), None);
    let (status, said) = older.goes_on("chan");
    assert!(status == Some(3) && said.contains("kept as `disputed`"), "{said}");
    Steered(scene.key.clone()).is_silent(false);
    let (status, said) = older.goes_on("chan");
    assert_eq!(status, Some(0), "{said}");
    assert!(!in_data(&older, "disputed").exists());
    // Nobody has it: a person says so, under another key.
    let (status, said) = told(&gone.run(&CONTINUE));
    assert!(status == Some(0) && said.contains("by the word of others (the witness one was shown"), "{said}");
    assert!(!in_data(&gone, "disputed").exists() && keys(&gone).iter().any(|name| name.ends_with("-disputed")));
    is_told_by_run_book(Path::new(&gone.data));
    assert_eq!(gone.goes_on("chan").0, Some(0));
    rondo(&["--data", &gone.data, "audit", "verify"]);
}
