//! Another workflow on the same engine: the technical meeting. Countries answer questions, and what was learned becomes tasks of
//! the next collection.

mod alarms;
mod office;
mod savepoints;

use std::sync::Arc;

use rondo_domain::participation::ParticipationCommand;
use rondo_domain::round::RoundCommand;
use rondo_domain::why::{Because, why};
use rondo_domain::workflow::Bundle;
use rondo_domain::world::World;
use rondo_domain::{Country, Role, RoundId, Wish};
use rondo_runtime::clock::Clock;
use rondo_scheduler::{Scheduler, definitions};

use office::Office;

fn country(code: &str) -> Country {
    code.parse().unwrap()
}

fn choice(round: &RoundId, code: &str, choice: &str) -> Wish {
    let (question, choice, text) = ("attends".to_owned(), choice.to_owned(), "two people".to_owned());
    let command = ParticipationCommand::Choose { question, choice, text };
    Wish::Participation { round: round.clone(), country: country(code), command }
}

#[tokio::test]
async fn a_meeting_is_invited_to_answered_joined_and_learned_from() {
    let mut office = Office::new("2026-03-01T00:00:00Z");
    office.grant("coordinator", Role::RegionalCoordinator, None).await;
    office.grant("manager", Role::CollectionManager, None).await;
    office.grant("watcher", Role::Observer, None).await;
    for code in ["LAO", "THA", "VNM", "PHL"] {
        let who = code.to_ascii_lowercase();
        office.grant(&format!("{who}-focal"), Role::FocalPoint, Some(code)).await;
    }
    let meeting = office.plan("technical-meeting", 2026).await;
    office.move_to("2026-03-18T00:00:00Z").await;
    assert_eq!(office.written(&meeting, "meeting-invitation").await.len(), 4, "whoever there is, is invited");
    assert_eq!(office.written(&meeting, "observer-invitation").await, ["watcher"]);
    for (code, chosen) in [("LAO", "online"), ("THA", "in-person"), ("VNM", "no")] {
        let who = format!("{}-focal", code.to_ascii_lowercase());
        office.act(&who, choice(&meeting, code, chosen)).await.unwrap();
    }
    assert!(office.act("lao-focal", choice(&meeting, "THA", "no")).await.is_err(), "no country answers for another");
    assert!(office.act("lao-focal", choice(&meeting, "LAO", "ON LINE")).await.is_err(), "a choice is a word");
    office.move_to("2026-05-20T00:00:00Z").await;
    assert_eq!(
        office.written(&meeting, "answer-reminder").await,
        ["phl-focal", "phl-focal"],
        "who answered is left alone"
    );
    assert_eq!(office.written(&meeting, "joining-in-person").await, ["tha-focal"]);
    let told = |world: &World, code: &str| {
        let definition = definitions::read(&rondo_tests::bundle("technical-meeting")).unwrap().definition;
        why(world, &meeting, &country(code), Some(&definition), office.clock.now()).unwrap().because
    };
    let world = office.world().await;
    assert_eq!(told(&world, "PHL"), Because::NotInvited, "its mail has not left yet: nothing sends mail in this test");
    let sentence = told(&world, "LAO").sentence("Lao PDR", "the deadline");
    assert_eq!(sentence, "Lao PDR has answered (attends: online).");
    office.move_to("2026-06-09T00:00:00Z").await;
    assert_eq!(office.written(&meeting, "joining-online").await, ["lao-focal"]);
    let open = office.open_tasks(&meeting).await;
    assert!(open.iter().any(|(name, _)| name == "technical-meeting-2026/learn"), "{open:?}");
    // Two lessons, and one for another workflow.
    for (workflow, lesson) in [
        ("ilms-asean", "Ask for the source notes with the invitation."),
        ("ilms-asean", "Send the table of outflows by education a month earlier."),
        ("technical-meeting", "Book a larger room."),
    ] {
        let command = RoundCommand::Learn { workflow: workflow.parse().unwrap(), lesson: lesson.to_owned() };
        office.act("lao-focal", Wish::Round { round: meeting.clone(), command }).await.unwrap();
    }
    let collection = office.plan("ilms-asean", 2026).await;
    office.move_to("2026-09-23T00:00:00Z").await;
    let lessons: Vec<String> = office
        .open_tasks(&collection)
        .await
        .into_iter()
        .filter(|(name, _)| name.contains("/lesson"))
        .map(|(_, what)| what)
        .collect();
    assert_eq!(lessons.len(), 2, "{lessons:?}");
    assert!(lessons[0].contains("source notes") && lessons[1].contains("outflows by education"), "{lessons:?}");
    // Begun again, a scheduler asks nobody twice.
    office.scheduler = Scheduler::new(Arc::clone(&office.ledger));
    office.move_to("2026-09-24T00:00:00Z").await;
    assert_eq!(office.open_tasks(&collection).await.iter().filter(|(name, _)| name.contains("/lesson")).count(), 2);
}

#[test]
fn mistakes_in_questions_are_placed() {
    let bundle = rondo_tests::bundle("technical-meeting");
    let broken = |from: &str, to: &str| {
        let mut files: std::collections::BTreeMap<String, String> =
            bundle.files().map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
        let text = files["workflow.toml"].replacen(from, to, 1);
        assert_ne!(text, files["workflow.toml"], "there is no {from}");
        files.insert("workflow.toml".to_owned(), text);
        definitions::read(&Bundle::new(files).unwrap()).unwrap_err().to_string()
    };
    for (from, to, told) in [
        ("attends=?", "atends=?", "did you mean `attends`?"),
        ("attends=online", "attends=onlin", "did you mean `online`?"),
        ("\"in-person\", \"online\", \"no\"", "\"no\"", "between 2 and 20 choices"),
        ("\"in-person\", \"online\"", "\"In person\", \"online\"", "lower-case letters"),
        ("id = \"close\"\ncron", "id = \"closing\"\ncron", "the milestone `close` is missing"),
    ] {
        let said = broken(from, to);
        assert!(said.contains("workflow.toml") && said.contains(told), "{to}: {said}");
    }
}
