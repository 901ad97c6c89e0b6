//! Each reminder after the deadline goes to more people; of the last, the ILO's office for the country gets a copy.

use rondo_domain::network::{Grant, NetworkCommand};
use rondo_domain::notice::NoticeState;
use rondo_domain::{Role, Wish};
use rondo_reminder::previews;
use rondo_runtime::clock::Clock;
use rondo_runtime::config::MailSection;

use crate::fixture::{House, lao, person, round};

/// The people to whom a step's mail left, and the roles in which they got it.
async fn got(house: &House, step: &str) -> Vec<(String, Role)> {
    let mut all: Vec<(String, Role)> = house
        .notices()
        .await
        .into_iter()
        .filter(|notice| notice.state == NoticeState::Sent)
        .filter_map(|notice| notice.brief)
        .filter(|brief| brief.step.as_str() == step && brief.country == Some(lao()))
        .map(|brief| (brief.person.to_string(), brief.role))
        .collect();
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn each_reminder_goes_to_more_people_and_the_last_one_also_as_a_copy() {
    let house = House::before_launch(MailSection::default()).await;
    let register = house.data().join("people.toml");
    let mut people = std::fs::read_to_string(&register).unwrap();
    let more = [
        ("lao-head", Role::HeadOfAgency),
        ("lao-mailbox", Role::GenericMailbox),
        ("ilo-vientiane", Role::CountryOffice),
    ];
    for (id, role) in more {
        people
            .push_str(&format!("\n[person.{id}]\nname = \"{id}\"\nemail = \"{id}@example.org\"\nlanguage = \"en\"\n"));
        let grant = Grant::of(role, Some(lao()));
        let command = NetworkCommand::GrantRole { person: person(id), grant };
        house.act("operator", Wish::Network { command }).await.unwrap();
    }
    std::fs::write(&register, people).unwrap();
    house.move_to("2025-11-30T00:00:00Z").await;
    let row = |id: &str, role: Role| (id.to_owned(), role);
    let focal = [row("lao-one", Role::FocalPoint), row("lao-two", Role::FocalPoint)];
    let coordinator = row("lao-coordinator", Role::NationalCoordinator);
    assert_eq!(got(&house, "overdue-1").await, focal);
    let second = [coordinator.clone(), row("lao-mailbox", Role::GenericMailbox), focal[0].clone(), focal[1].clone()];
    assert_eq!(got(&house, "overdue-2").await, second);
    let office = row("ilo-vientiane", Role::CountryOffice);
    let head = row("lao-head", Role::HeadOfAgency);
    assert_eq!(got(&house, "overdue-3").await, [office, coordinator, head, focal[0].clone(), focal[1].clone()]);
    let mails = std::fs::read_dir(house.data().join("mail")).unwrap();
    let mails: Vec<String> = mails.map(|mail| std::fs::read_to_string(mail.unwrap().path()).unwrap()).collect();
    let copies: Vec<&String> = mails.iter().filter(|mail| mail.contains("A copy for your information")).collect();
    let [copy] = copies[..] else { panic!("one copy, not {}", copies.len()) };
    assert!(copy.contains("To: ilo-vientiane") && copy.contains("Subject: Copy: "), "{copy}");
    let one_line = copy.replace("=\r\n", "").replace("\r\n", " ");
    let told = "goes to the focal point, the national coordinator and the head of agency of Lao";
    assert!(one_line.contains(told), "{copy}");
    // It can be seen before it leaves, beside the mail itself.
    let world = house.world().await;
    let pin = world.round(&round()).unwrap().pin.as_ref().unwrap().bundle.clone();
    let (mail, which) = (MailSection::default(), (Some("reminder-after"), Some("en")));
    let reader = person("coordinator");
    let seen = (&reader, &mail, house.clock.now());
    let shown = previews(&*house.ledger, (&world, &round(), &pin), &lao(), which, seen).await.unwrap();
    let [itself, as_copy] = &shown[..] else { panic!("two mails, not {}", shown.len()) };
    assert_eq!((itself.copy, as_copy.copy), (None, Some(Role::CountryOffice)));
    assert!(as_copy.draft.subject.starts_with("Copy: ") && as_copy.draft.plain.contains("A copy for your information"));
    assert!(!itself.draft.plain.contains("A copy for your information"));
    house.close().await;
}
