//! Rounds that go on by another version of their workflow, and rounds that are started again and held.

use std::process::Command;
use std::time::Duration;

use rondo_domain::round::{MigrationEffect, Pin, RoundCommand};
use rondo_domain::run::{Occurrence, Outcome, Stage};
use rondo_domain::{Rejection, Wish};
use rondo_eventlog::files;
use rondo_runtime::config::MailSection;
use rondo_scheduler::definitions;
use rondo_testkit::process::Running;
use serde_json::Value;

use crate::fixture::{House, lao, round};
use crate::tasks::changed;

#[tokio::test(flavor = "multi_thread")]
async fn a_round_goes_on_by_another_version_once_somebody_else_approved_it() {
    let house = House::with_mail(MailSection::default()).await;
    house.move_to("2025-10-01T00:00:00Z").await;
    // The first reminder after the deadline comes three days earlier, and the second one before it is no more.
    let was = "id = \"overdue-1\"\neach = \"country\"\nwhen = { milestone = \"deadline\", offset = \"+7 days\"";
    let other = changed(was, &was.replace("+7 days", "+4 days"));
    let text = other.text("workflow.toml").unwrap().to_owned();
    let begin = text.find("[[step]]\nid = \"remind-before-2\"").unwrap();
    let end = begin + 8 + text[begin + 8..].find("[[step]]").unwrap();
    let other =
        changed(&text[begin..end], "").files().fold(std::collections::BTreeMap::new(), |mut files, (path, one)| {
            let kept = if path == "workflow.toml" { one.replacen("+7 days", "+4 days", 1) } else { one.to_owned() };
            files.insert(path.to_owned(), kept);
            files
        });
    let other = rondo_domain::workflow::Bundle::new(other).unwrap();
    let ready = definitions::read(&other).unwrap();
    let world = house.world().await;
    let standing = world.round(&round()).unwrap();
    let before = definitions::read(&rondo_tests::bundle("ilms-asean")).unwrap();
    let moves = before.migrated_to(&ready, standing, |country| world.run(&round(), country)).unwrap();
    let mine: Vec<(&str, bool, bool)> = moves
        .iter()
        .filter(|one| one.country.as_ref() == Some(&lao()))
        .map(|one| (one.step.as_str(), one.was.is_some(), one.is.is_some()))
        .collect();
    assert_eq!(mine, [("overdue-1", true, true), ("remind-before-2", true, false)]);
    let hash = files::store(&*house.ledger, &other.to_bytes()).await.unwrap();
    let is = Pin { workflow: "ilms-asean".parse().unwrap(), bundle: hash };
    let effects = vec![MigrationEffect { country: Some(lao()), moved: 1, added: 0, dropped: 1 }];
    let reason = "the round is late".to_owned();
    let act = |command: RoundCommand| Wish::Round { round: round(), command };
    let nothing = house.act("manager", act(RoundCommand::ApproveMigration)).await.unwrap_err();
    assert!(matches!(nothing, Rejection::NotPossible { .. }), "{nothing}");
    let foreign = Pin { workflow: "another".parse().unwrap(), ..is.clone() };
    let foreign = RoundCommand::ProposeMigration { is: foreign, effects: Vec::new(), reason: reason.clone() };
    assert!(matches!(house.act("coordinator", act(foreign)).await, Err(Rejection::Malformed { .. })));
    let propose = RoundCommand::ProposeMigration { is: is.clone(), effects, reason };
    house.act("coordinator", act(propose)).await.unwrap();
    let alone = house.act("coordinator", act(RoundCommand::ApproveMigration)).await.unwrap_err();
    assert!(matches!(alone, Rejection::SamePerson { .. }), "{alone}");
    house.act("manager", act(RoundCommand::ApproveMigration)).await.unwrap();
    house.rest().await;
    // The version it goes by now is a file that the log speaks of, like the one it was planned on.
    let hash = is.bundle.to_string();
    let stored = house.data().join("files").join(&hash[..2]).join(&hash);
    let aside = house.folder.path().join("aside");
    std::fs::rename(&stored, &aside).unwrap();
    assert_eq!(rondo_ledger::inspect::files(&house.data()).unwrap().missing, std::slice::from_ref(&is.bundle));
    std::fs::rename(&aside, &stored).unwrap();
    assert_eq!(rondo_ledger::inspect::files(&house.data()).unwrap().missing, []);
    house.move_to("2025-11-06T00:00:00Z").await;
    let world = house.world().await;
    assert_eq!(world.round(&round()).unwrap().pin, Some(is));
    let of = |step: &str| Occurrence { step: step.parse().unwrap(), of: "deadline".into() };
    let run = world.run(&round(), Some(&lao())).unwrap();
    let (due, stage) = run.occurrence(&of("overdue-1")).unwrap();
    assert_eq!(due.local.to_string(), "2025-11-04T09:00:00");
    assert!(matches!(stage, Stage::Completed { outcome: Outcome::Ran { .. } }), "{stage:?}");
    let (_, stage) = run.occurrence(&of("remind-before-2")).unwrap();
    let gone = "the step is not in the pinned definition";
    assert!(matches!(stage, Stage::Completed { outcome: Outcome::Skipped { reason } } if reason == gone), "{stage:?}");
    house.close().await;
}

/// What the program prints as JSON about a data directory.
fn asked(data: &std::path::Path, args: &[&str]) -> Value {
    let output =
        Command::new(rondo_tests::program()).args(args).args(["--output", "json", "--data"]).arg(data).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

fn done(data: &std::path::Path, args: &[&str]) {
    let output = Command::new(rondo_tests::program()).args(args).arg("--data").arg(data).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The day it is, in UTC.
fn today() -> String {
    rondo_runtime::clock::Clock::now(&rondo_runtime::clock::SystemClock).strftime("%Y-%m-%d").to_string()
}

/// Waits until something holds; a minute at the most.
async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..600 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it does not come to this: {what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_restored_starts_paused_and_shows_what_would_happen() {
    let house = House::with_mail(MailSection::default()).await;
    house.move_to("2025-10-16T00:00:00Z").await;
    let (data, _folder) = house.leave().await;
    let (backup, restored) = (data.with_file_name("backup"), data.with_file_name("restored"));
    let path = |path: &std::path::Path| path.display().to_string();
    done(&data, &["backup", "--out", &path(&backup)]);
    done(&restored, &["restore", "--from", &path(&backup)]);
    for kept in ["keys", "people.toml"] {
        assert!(Command::new("cp").arg("-r").args([data.join(kept), restored.join(kept)]).status().unwrap().success());
    }
    // Long after its last record a log asks whether the clock is right.
    done(&restored, &["audit", "clock", "--today", &today()]);
    let mut up = Command::new(rondo_tests::program());
    up.args(["up", "--listen", "127.0.0.1:0", "--data"]).arg(&restored).stderr(std::process::Stdio::null());
    let _up = Running::start("rondo up", &mut up);
    until("it is up", || restored.join("server.json").exists()).await;
    let shown = || asked(&restored, &["round", "show", "ilms-asean-2025"]);
    until("the round is held", || shown()["paused"] == true).await;
    let held = || asked(&restored, &["round", "held", "ilms-asean-2025"])["held"].as_array().unwrap().clone();
    let items = held();
    assert!(items.len() > 5, "{items:#?}");
    let dropped = "ilms-asean-2025/LAO/remind-before-1";
    assert!(items.iter().any(|item| item["item"] == dropped), "{items:#?}");
    done(&restored, &["round", "drop", dropped, "--reason", "it was sent before", "--as", "coordinator"]);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(held().len(), items.len() - 1, "nothing else has happened meanwhile");
    let why = asked(&restored, &["participation", "why", "ilms-asean-2025", "LAO"]);
    assert!(why["held"].as_array().unwrap().len() >= 2, "the round and its mail are held: {why:#}");
    done(&restored, &["round", "resume", "ilms-asean-2025", "--reason", "looked through", "--as", "coordinator"]);
    done(&restored, &["reminder", "resume", "ilms-asean-2025", "--reason", "looked through", "--as", "coordinator"]);
    until("what was held has ended", || held().is_empty()).await;
}
