//! A role that was shown more of the log than its ledger has closes it, also for later starts, until the newest log is back or a
//! person goes on without it: roles that are started anew know nothing, and would take a second history for the first.

use std::path::Path;
use std::process::Command;

use rondo_bus::{BusLedger, Client, Credentials};
use rondo_eventlog::{Fault, Ledger, SubmitError};
use rondo_runtime::secret::Secret;
use rondo_testkit::growth::granting;
use rondo_testkit::process::Broker;
use rondo_tests::{is_told_by_run_book, records, refused, rondo, run};

use crate::six::Round;

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
}

/// What a role is answered that asks until a ledger answers it.
async fn grows(port: &BusLedger, n: usize) -> Result<u64, Fault> {
    for _ in 0..600 {
        match port.submit(granting("grown", n)).await {
            Err(SubmitError::Fault(Fault::Unreachable { .. })) => {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            Err(SubmitError::Fault(fault)) => return Err(fault),
            Err(SubmitError::Rejected(rejection)) => panic!("{rejection}"),
            Ok(accepted) => return Ok(accepted.end()),
        }
    }
    panic!("no ledger answers");
}

async fn joins(round: &Round) -> Client {
    let credentials =
        Some(Credentials { user: "operator".to_owned(), password: Secret::new(Broker::password("operator")) });
    rondo_bus::connect(&round.broker.address(), "operator", credentials).await.unwrap()
}

/// Starts the ledger anew, which has to end by itself.
fn refuses(round: &mut Round) -> (Option<i32>, String) {
    round.start_role("ledger");
    (round.ended("ledger", 30).code(), round.last_words())
}

/// Whoever verifies the log, an export of it or a receipt is told what is lost, and by whose word.
fn says_everywhere(data: &Path, words: &str) {
    let path = |name: &str| data.with_file_name(name).display().to_string();
    assert!(rondo(data, &["audit", "verify"]).contains(words));
    assert!(rondo(data, &["audit", "export", "--out", &path("export")]).contains(words));
    assert!(rondo(data, &["audit", "verify", &path("export")]).contains(words));
    assert!(std::fs::read_to_string(path("export/policy")).unwrap().contains(words));
    let keys = rondo(data, &["audit", "key", "list", "--plain"]);
    assert!(keys.contains(words), "{keys}");
    let proof = run(data, &["audit", "proof", "0", "--out", &path("export")]);
    assert!(String::from_utf8_lossy(&proof.stderr).contains(words), "{proof:?}");
    let found: serde_json::Value =
        serde_json::from_str(&rondo(data, &["audit", "verify", "--output", "json"])).unwrap();
    let heard = &found["losses"][0]["heard"][0];
    assert_eq!(heard["by"]["role"], "operator", "{found}");
    assert_eq!(heard["root"].as_str().map(str::len), Some(64), "{found}");
}

#[test]
fn a_role_that_was_shown_more_closes_the_log_until_the_newest_is_back_or_a_person_goes_on_without_it() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut round = Round::of(&["ledger"]);
    let data = round.data("ledger");
    let beside = |name: &str| data.with_file_name(name);
    runtime.block_on(async {
        let client = joins(&round).await;
        let known = BusLedger::new(client.clone(), "operator").await.unwrap();
        grows(&known, 0).await.unwrap();
        round.stop();
        copy(&data, &beside("older"));
        round.start_role("ledger");
        grows(&known, 1).await.unwrap();
        let newest = grows(&known, 2).await.unwrap();
        round.stop();
        std::fs::rename(&data, beside("newest")).unwrap();
        copy(&beside("older"), &data);
        let (before, checkpoint) = (records(&data).len(), std::fs::read(data.join("checkpoint")).unwrap());
        round.start_role("ledger");
        let fault = grows(&known, 3).await.unwrap_err();
        assert_eq!(fault.code(), Some("ledger.does-not-extend"), "{fault}");
        assert!(fault.to_string().contains("rondo audit continue"), "{fault}");
        // Whoever is started anew knows nothing more, and the ledger takes nothing all the same.
        let anew = BusLedger::new(client.clone(), "operator").await.unwrap();
        let fault = grows(&anew, 3).await.unwrap_err();
        assert_eq!(fault.code(), Some("ledger.contradicted"), "{fault}");
        is_told_by_run_book(&data);
        round.stop();
        // Nor does a start where nobody knows of it.
        for _ in 0..2 {
            let (status, words) = refuses(&mut round);
            assert!(status == Some(3) && words.contains("the role operator said that it was shown"), "{words}");
        }
        for command in [&["person", "list"][..], &["person", "grant", "bo", "auditor"]] {
            refused(&data, command, 3, "rondo audit continue");
        }
        let doctor = run(&data, &["doctor"]);
        assert!(
            String::from_utf8_lossy(&doctor.stdout).contains("TROUBLE: records of this log were shown"),
            "{doctor:?}"
        );
        assert_eq!(records(&data).len(), before, "nothing was recorded");
        assert_eq!(std::fs::read(data.join("checkpoint")).unwrap(), checkpoint, "and nothing signed");
        copy(&data, &beside("lost"));
        // A backup of it is as closed as it is, in either form.
        for (kept, back) in [("kept", "back"), ("kept.tar", "again")].map(|(kept, back)| (beside(kept), beside(back))) {
            let kept = kept.display().to_string();
            rondo(&data, &["backup", "--out", &kept]);
            rondo(&back, &["restore", "--from", &kept]);
            copy(&data.join("keys"), &back.join("keys"));
            refused(&back, &["person", "grant", "bo", "auditor"], 3, "rondo audit continue");
        }

        // The newest journal is back: the log extends what was said.
        std::fs::remove_dir_all(data.join("journal")).unwrap();
        copy(&beside("newest/journal"), &data.join("journal"));
        round.start_role("ledger");
        assert!(grows(&known, 3).await.unwrap() > newest);
        assert!(!data.join("disputed").exists());
        round.stop();

        // It is lost, or the role was wrong: a person goes on without it, and the log says so.
        std::fs::remove_dir_all(&data).unwrap();
        copy(&beside("lost"), &data);
        let told = rondo(&data, &["audit", "continue", "--reason", "the other disk burnt"]);
        let words = format!(
            "records {before} to {} are lost by the word of others (the role operator was shown {newest} records; that is their word, and proves nothing), because: the other disk burnt",
            newest - 1
        );
        assert!(told.contains(&words), "{told}");
        says_everywhere(&data, &words);
        assert!(!data.join("disputed").exists());
        is_told_by_run_book(&data);
        round.start_role("ledger");
        // A role that was not started anew still knows what is lost: it is refused, and the log stays open.
        let fault = grows(&known, 5).await.unwrap_err();
        assert_eq!(fault.code(), Some("ledger.does-not-extend"), "{fault}");
        assert!(fault.to_string().contains("start operator anew"), "{fault}");
        let anew = BusLedger::new(client, "operator").await.unwrap();
        grows(&anew, 4).await.unwrap();
        assert!(!data.join("disputed").exists());
        round.stop();
    });
    assert!(rondo(&data, &["audit", "verify"]).contains("2. bytes:      good"));
}
