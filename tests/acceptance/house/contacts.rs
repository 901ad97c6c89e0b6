//! Contacts who change while mail to them is under way: each is invited once, and judged by mail that left since they came.

use rondo_domain::network::{Grant, NetworkCommand};
use rondo_domain::notice::{Notice, NoticeCommand, NoticeState};
use rondo_domain::participation::{ParticipationCommand, ParticipationEvent};
use rondo_domain::round::{MailScope, RoundCommand};
use rondo_domain::{Event, NoticeId, Role, Wish};
use rondo_runtime::config::MailSection;
use rondo_tests::{refused, rondo};

use crate::fixture::{House, ROUND, lao, person, round};

impl House {
    /// Gives somebody the role of a focal point of Lao PDR, whether or not the register has them.
    async fn grant(&self, who: &str) {
        self.grant_as(who, Role::FocalPoint).await;
    }

    async fn grant_as(&self, who: &str, role: Role) {
        let grant = Grant::of(role, Some(lao()));
        self.act("operator", Wish::Network { command: NetworkCommand::GrantRole { person: person(who), grant } })
            .await
            .unwrap();
    }

    async fn replace(&self, was: &str, is: &str) {
        let (was, is, reason) = (person(was), person(is), "has left".to_owned());
        self.lao("coordinator", ParticipationCommand::ReplaceContact { was, is, reason }).await.unwrap();
    }

    /// The mails of a kind to somebody, with their ids.
    async fn mails(&self, kind: &str, to: &str) -> Vec<(NoticeId, Notice)> {
        let world = self.world().await;
        let theirs = |notice: &&Notice| {
            notice.brief.as_ref().is_some_and(|brief| brief.kind == kind && brief.person == person(to))
        };
        let all = world.notices(&round()).into_iter().filter(|(_, notice)| theirs(notice));
        all.map(|(id, notice)| (id, notice.clone())).collect()
    }

    /// Records what came in about the invitation to somebody, and waits until it is acted on.
    async fn comes_in(&self, whose: &str, command: NoticeCommand) {
        let notice = self.mails("invitation", whose).await[0].0.clone();
        self.act("reminder", Wish::Notice { round: round(), notice, command }).await.unwrap();
        self.rest().await;
    }

    /// The invitation to somebody comes back for good.
    pub async fn came_back(&self, whose: &str) {
        self.comes_in(whose, NoticeCommand::RecordBounce { hard: true, reason: "no such mailbox".to_owned() }).await;
    }

    /// Whether another contact is asked for.
    async fn asks_for_contact(&self) -> bool {
        let world = self.world().await;
        let run = world.run(&round(), Some(&lao())).unwrap();
        run.open_tasks().any(|(task, _)| task.step.as_str() == "find-contact")
    }

    /// What became of the invitations to somebody, in one word each.
    async fn invitations(&self, to: &str) -> Vec<&'static str> {
        let all = self.notices().await;
        let theirs = all.iter().filter(|notice| {
            notice.brief.as_ref().is_some_and(|brief| brief.kind == "invitation" && brief.person == person(to))
        });
        theirs.map(|notice| notice.state.as_str()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_that_waits_is_not_raised_again_for_who_comes_in_anothers_place() {
    let house = House::with_mail(MailSection::default()).await;
    let register = house.data().join("people.toml");
    let enter = |who: &str| {
        let people = std::fs::read_to_string(&register).unwrap();
        std::fs::write(
            &register,
            format!("{people}\n[person.{who}]\nname = \"{who}\"\nemail = \"{who}@example.org\"\n"),
        )
        .unwrap();
    };
    enter("lao-three");
    house.grant("ghost").await;
    house.move_to("2025-09-15T05:00:00Z").await;
    assert_eq!(house.invitations("lao-one").await, ["sent"]);
    assert_eq!(house.invitations("ghost").await, ["postponed"], "nobody knows their address");
    // On a Saturday two contacts change, one after the other; nobody is written to.
    house.move_to("2025-09-20T05:00:00Z").await;
    house.grant("lao-three").await;
    house.replace("lao-two", "lao-three").await;
    house.move_to("2025-09-20T06:00:00Z").await;
    assert_eq!(house.invitations("lao-three").await, ["postponed"], "nobody is at work");
    house.replace("lao-one", "lao-two").await;
    house.move_to("2025-09-20T07:00:00Z").await;
    for who in ["ghost", "lao-three"] {
        assert_eq!(house.invitations(who).await, ["postponed"], "{who}: the one that waits is enough");
    }
    assert_eq!(house.invitations("lao-two").await, ["sent", "postponed"], "who comes back is invited again");
    enter("ghost");
    house.move_to("2025-09-23T05:00:00Z").await;
    for (who, became) in [("ghost", vec!["sent"]), ("lao-three", vec!["sent"]), ("lao-two", vec!["sent", "sent"])] {
        assert_eq!(house.invitations(who).await, became, "{who}");
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_replaced_as_a_focal_point_is_written_to_as_national_coordinator() {
    let house = House::with_mail(MailSection::default()).await;
    house.move_to("2025-09-15T05:00:00Z").await;
    house.grant_as("lao-one", Role::NationalCoordinator).await;
    house.replace("lao-one", "lao-two").await;
    // The last reminders go to national coordinators too; the ones before, to focal points alone.
    house.move_to("2025-11-24T05:00:00Z").await;
    let reminded = |all: Vec<(NoticeId, Notice)>| -> Vec<(Role, &'static str)> {
        all.iter().map(|(_, notice)| (notice.brief.as_ref().unwrap().role, notice.state.as_str())).collect()
    };
    assert!(house.mails("reminder-before", "lao-one").await.is_empty());
    let last = reminded(house.mails("reminder-after", "lao-one").await);
    assert_eq!(last, [(Role::NationalCoordinator, "sent"); 2]);
    assert_eq!(house.invitations("lao-one").await, ["sent"]);
    assert_eq!(reminded(house.mails("reminder-after", "lao-two").await), [(Role::FocalPoint, "sent"); 3]);
    house.close().await;
}

/// Another mail to both contacts of Lao PDR waits when that to one of them comes back.
async fn one_comes_back_while_another_waits() -> House {
    let house = House::with_mail(MailSection::default()).await;
    house.move_to("2025-09-15T05:00:00Z").await;
    let (scope, reason) = (MailScope::Kind("extension".to_owned()), "to have it wait".to_owned());
    house.round("coordinator", RoundCommand::PauseMail { scope: scope.clone(), reason: reason.clone() }).await;
    let until = rondo_tests::moment("2025-11-10T16:59:00Z", jiff::civil::date(2025, 11, 10).at(23, 59, 0, 0));
    house.round("coordinator", RoundCommand::Extend { country: lao(), until, reason: reason.clone() }).await;
    house.rest().await;
    house.came_back("lao-one").await;
    assert!(house.asks_for_contact().await);
    house.round("coordinator", RoundCommand::ResumeMail { scope, reason }).await;
    house.move_to("2025-09-16T05:00:00Z").await;
    let (one, two) = (house.mails("extension", "lao-one").await, house.mails("extension", "lao-two").await);
    assert_eq!(two[0].1.state, NoticeState::Sent);
    let waits = |notice: &Notice| matches!(&notice.state, NoticeState::Postponed { reason, .. } if reason.contains("came back"));
    assert!(matches!(&one[..], [(_, notice)] if waits(notice)), "{one:#?}");
    house
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_that_waits_for_a_contact_who_is_not_reached_leaves_once_they_are() {
    // By a coordinator's word, or because they answer the mail that was thought lost.
    for answers in [false, true] {
        let house = one_comes_back_while_another_waits().await;
        if answers {
            house.comes_in("lao-one", NoticeCommand::RecordAnswer).await;
        } else {
            let (who, reason) = (person("lao-one"), "the address was put right".to_owned());
            house.lao("coordinator", ParticipationCommand::Reach { person: who, reason }).await.unwrap();
            house.rest().await;
        }
        assert!(house.participation().await.bounced.is_empty() && !house.asks_for_contact().await, "{answers}");
        assert_eq!(house.mails("extension", "lao-one").await[0].1.state, NoticeState::Sent, "{answers}");
        // And they are reminded like everybody.
        house.move_to("2025-11-10T05:00:00Z").await;
        assert!(!house.mails("reminder-on-day", "lao-one").await.is_empty(), "{answers}");
        house.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_that_waits_for_a_contact_who_is_not_reached_is_given_up_when_it_is_of_no_use_or_they_are_replaced() {
    for replaced in [false, true] {
        let house = one_comes_back_while_another_waits().await;
        let reason = if replaced {
            house.replace("lao-one", "lao-two").await;
            house.rest().await;
            "in its recipient's place"
        } else {
            house.move_to("2025-09-21T05:00:00Z").await;
            "too late"
        };
        let one = house.mails("extension", "lao-one").await;
        let NoticeState::Suppressed { reason: said } = &one[0].1.state else { panic!("{one:#?}") };
        assert!(said.contains(reason), "{said}");
        house.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_reached_keeps_nobody_else_from_being_reminded() {
    let house = one_comes_back_while_another_waits().await;
    house.grant_as("lao-one", Role::NationalCoordinator).await;
    house.replace("lao-one", "lao-two").await;
    house.rest().await;
    assert!(house.asks_for_contact().await, "as national coordinator they are a contact still, and not reached");
    // The reminders that are for focal points alone, and the last ones, which are for national coordinators too.
    house.move_to("2025-12-02T05:00:00Z").await;
    for (kind, count) in [("reminder-before", 2), ("reminder-on-day", 1), ("reminder-after", 3)] {
        let (one, two) = (house.mails(kind, "lao-one").await, house.mails(kind, "lao-two").await);
        assert!(one.is_empty(), "{kind}: {one:#?}");
        let sent = two.iter().filter(|(_, notice)| notice.state == NoticeState::Sent).count();
        assert_eq!((two.len(), sent), (count, count), "{kind}: {two:#?}");
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coordinator_says_by_the_command_line_that_a_contact_is_reached() {
    let house = House::with_mail(MailSection::default()).await;
    house.move_to("2025-09-15T05:00:00Z").await;
    house.comes_in("lao-one", NoticeCommand::RecordBounce { hard: true, reason: "no such mailbox".to_owned() }).await;
    house.grant_as("lao-one", Role::NationalCoordinator).await;
    house.rest().await;
    let (data, _folder) = house.leave().await;
    let why = ["--person", "lao-one", "--reason", "the address was put right"];
    let reached = [&["participation", "reached", ROUND, "LAO"], &why[..]].concat();
    // The contact is no coordinator, in whichever of their roles.
    let is_refused = |who: &str, told: &str| refused(&data, &[&reached[..], &["--as", who]].concat(), 6, told);
    is_refused(
        "lao-one",
        "may not say that a contact is reached; they hold national-coordinator too, and `--role` names",
    );
    // A replacement in one role leaves them what they are in the other, and not reached.
    let replace =
        ["participation", "replace", ROUND, "LAO", "--was", "lao-one", "--is", "lao-two", "--reason", "has left"];
    let told = rondo(&data, &[&replace[..], &["--as", "coordinator"]].concat());
    assert!(
        told.contains("As national-coordinator, lao-one is written to as before. Mail to lao-one came back"),
        "{told}"
    );
    // Whoever acts is named before the verb or behind it.
    let told = rondo(&data, &[&["--as", "coordinator"], &reached[..]].concat());
    assert!(told.contains("Mail to lao-one leaves again"), "{told}");
    let said = rondo_tests::records(&data).pop().unwrap();
    let Event::Participation(ParticipationEvent::ContactReached { person: reached_again, reason, .. }) = &said.event
    else {
        panic!("{said:?}")
    };
    assert_eq!((said.actor.id.as_str(), said.actor.role), ("coordinator", Role::RegionalCoordinator));
    assert_eq!((reached_again.as_str(), reason.as_str()), ("lao-one", "the address was put right"));
    is_refused("coordinator", "no mail to them came back");
    // Of the roles held, the one counts that permits what is done: a focal point confirms nothing.
    let confirm = ["participation", "confirm", ROUND, "LAO", "--as"];
    refused(&data, &[&confirm[..], &["lao-one"]].concat(), 6, "before every table in it is accepted");
    refused(&data, &[&confirm[..], &["lao-two"]].concat(), 6, "may not confirm");
    refused(
        &data,
        &[&confirm[..], &["lao-one", "--role", "focal-point"]].concat(),
        6,
        "they hold national-coordinator too",
    );
}
