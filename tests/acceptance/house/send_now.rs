//! `rondo reminder send-now --all`: of mails that stand in every way, those that are meant are released, and no other.

use std::collections::BTreeMap;
use std::path::Path;

use rondo_domain::notice::NoticeCommand;
use rondo_domain::round::{MailScope, RoundCommand};
use rondo_domain::world::World;
use rondo_domain::{NoticeId, Wish};
use rondo_runtime::config::MailSection;
use rondo_testkit::process::MailServer;
use rondo_tests::{refused, rondo};
use serde_json::Value;

use crate::fixture::{House, ROUND, person, round};
use crate::mail_server::signed_in;

/// A log in which invitations stand as their recipients' names say, and a reminder's server that made them so.
async fn log(folder: &Path) -> (std::path::PathBuf, tempfile::TempDir) {
    let server = MailServer::start(folder);
    let mail = MailSection { timeout_seconds: 1, ..signed_in(&server, folder, MailServer::PASSWORD) };
    let house = House::before_launch(mail).await;
    let register = house.data().join("people.toml");
    let people = std::fs::read_to_string(&register).unwrap();
    let people = people.replace("lao-one@", "policy@").replace("lao-two@", "cut-lost@");
    std::fs::write(&register, people).unwrap();
    // What goes to the coordinator is paused; the first of it is dropped while it waits, and the next goes on waiting.
    let scope = MailScope::Person(person("coordinator"));
    house.round("coordinator", RoundCommand::PauseMail { scope, reason: "a test".to_owned() }).await;
    house.move_to("2025-09-15T12:00:00Z").await;
    let world = house.world().await;
    for (notice, standing) in world.notices(&round()) {
        if standing.brief.as_ref().is_some_and(|brief| brief.person == person("coordinator")) {
            let command = NoticeCommand::Suppress { reason: "it is told by telephone".to_owned() };
            house.act("coordinator", Wish::Notice { round: round(), notice, command }).await.unwrap();
        }
    }
    house.move_to("2025-09-22T12:00:00Z").await;
    house.leave().await
}

/// How every mail of a log stands, as the command line lists it.
fn standing(data: &Path) -> BTreeMap<String, (String, String)> {
    let listed = rondo(data, &["reminder", "list", "--round", ROUND, "--output", "json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let word = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
    let all = listed["reminders"].as_array().unwrap();
    all.iter().map(|one| (word(one, "id"), (word(one, "person"), word(one, "state")))).collect()
}

/// The mails that a person had released.
fn released(data: &Path) -> Vec<NoticeId> {
    let mut world = World::of(&World::WITHOUT_FIGURES);
    for record in rondo_tests::records(data) {
        world.apply(&record.stream, &record.event, &record.stamp());
    }
    let all = world.notices(&round()).into_iter();
    all.filter(|(_, notice)| notice.at_once).map(|(id, _)| id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_stand_so_are_sent_and_no_other() {
    let server = tempfile::tempdir().unwrap();
    let (data, _folder) = log(server.path()).await;
    let before = standing(&data);
    let of = |state: &str| -> Vec<String> {
        before.iter().filter(|(_, (_, stands))| stands == state).map(|(id, _)| id.clone()).collect()
    };
    for state in ["refused", "unknown", "due", "suppressed"] {
        assert!(!of(state).is_empty(), "none is {state}: {before:?}");
    }
    let send = |which: &str, more: &[&str]| {
        let all = ["reminder", "send-now", ROUND, "--all", which, "--reason", "a test", "--as", "coordinator"];
        rondo(&data, &[&all[..], more].concat())
    };
    let mut wanted: Vec<String> = Vec::new();
    let is_released = |wanted: &[String]| {
        let mut wanted = wanted.to_vec();
        wanted.sort();
        let found: Vec<String> = released(&data).iter().map(ToString::to_string).collect();
        assert_eq!(found, wanted);
    };
    assert!(send("undelivered", &[]).contains("There is no such mail"), "none was returned");
    assert!(send("refused", &["--to", "lao-two"]).contains("There is no such mail"), "theirs is unknown");
    is_released(&wanted);
    for (which, state) in [("unknown", "unknown"), ("refused", "refused"), ("suppressed", "suppressed")] {
        let told = send(which, &[]);
        assert!(told.contains("released to be sent"), "{told}");
        wanted.extend(of(state));
        is_released(&wanted);
    }
    // What waits, of one kind: those released above wait as well by now.
    send("waiting", &["--kind", "digest"]);
    wanted.extend(of("due"));
    is_released(&wanted);
    let after = standing(&data);
    for (id, (_, was)) in &before {
        let is = &after[id].1;
        assert_eq!(is, if wanted.contains(id) { "due" } else { was }, "{id}");
    }
    // A mail that was answered by telephone is missing nothing any more.
    let one = of("refused").remove(0);
    rondo(&data, &["reminder", "answered", ROUND, &one, "--as", "coordinator"]);
    assert_eq!(standing(&data)[&one].1, "answered");
    let never = before.iter().find(|(_, (who, _))| who == "coordinator").unwrap().0;
    refused(&data, &["reminder", "answered", ROUND, never, "--as", "coordinator"], 6, "cannot be answered");
}
