//! To whom mail that waits leaves when it can: to nobody who has been replaced or whose role has ended, once where two say the same, and
//! late where only people could have let it go sooner.

use std::collections::BTreeMap;

use rondo_domain::network::{Grant, NetworkCommand};
use rondo_domain::notice::{Notice, NoticeBrief, NoticeCommand, NoticeState};
use rondo_domain::participation::ParticipationCommand;
use rondo_domain::round::{MailScope, RoundCommand};
use rondo_domain::workflow::Bundle;
use rondo_domain::{NoticeId, Role, Wish};
use rondo_runtime::alarm::AlarmCode;
use rondo_runtime::config::MailSection;

use crate::fixture::{House, lao, person, round};
use crate::mail_server::INVITED;

/// The mails of a kind to somebody, with their ids.
async fn mails(house: &House, kind: &str, to: &str) -> Vec<(NoticeId, Notice)> {
    let theirs = |brief: &NoticeBrief| brief.kind == kind && brief.person == person(to);
    let all = house.world().await;
    let all = all.notices(&round()).into_iter().filter(|(_, notice)| notice.brief.as_ref().is_some_and(theirs));
    all.map(|(id, notice)| (id, notice.clone())).collect()
}

/// What the folder of mail that has left holds for an address.
fn left_for(house: &House, address: &str) -> Vec<String> {
    let all = std::fs::read_dir(house.data().join("mail")).into_iter().flatten();
    let all = all.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
    all.filter(|mail| mail.contains(&format!("<{address}>"))).collect()
}

async fn pause(house: &House) {
    let reason = "to have it wait".to_owned();
    house.round("coordinator", RoundCommand::PauseMail { scope: MailScope::All, reason }).await;
}

async fn resume(house: &House) {
    let reason = "it may go".to_owned();
    house.round("coordinator", RoundCommand::ResumeMail { scope: MailScope::All, reason }).await;
    house.rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_that_waits_leaves_to_nobody_who_is_the_contact_no_more() {
    let house = House::before_launch(MailSection::default()).await;
    let register = house.data().join("people.toml");
    let people = std::fs::read_to_string(&register).unwrap();
    let entry = "\n[person.lao-three]\nname = \"Three\"\nemail = \"lao-three@example.org\"\n";
    std::fs::write(&register, format!("{people}{entry}")).unwrap();
    pause(&house).await;
    house.move_to(INVITED).await;
    let focal_point = || Grant::of(Role::FocalPoint, Some(lao()));
    let command = NetworkCommand::GrantRole { person: person("lao-three"), grant: focal_point() };
    house.act("operator", Wish::Network { command }).await.unwrap();
    let (reason, grant) = ("works elsewhere".to_owned(), focal_point());
    let command = NetworkCommand::EndRole { person: person("lao-one"), grant, reason: reason.clone() };
    house.act("operator", Wish::Network { command }).await.unwrap();
    let replace = ParticipationCommand::ReplaceContact { was: person("lao-two"), is: person("lao-three"), reason };
    house.lao("coordinator", replace).await.unwrap();
    house.rest().await;
    resume(&house).await;
    house.move_to("2025-09-15T06:00:00Z").await;
    let told = |state: &NoticeState| match state {
        NoticeState::Suppressed { reason } => reason.clone(),
        other => panic!("{other:?}"),
    };
    for (to, why) in [("lao-one", "no longer focal point"), ("lao-two", "in its recipient's place")] {
        let all = mails(&house, "invitation", to).await;
        assert!(!all.is_empty() && all.iter().all(|(_, one)| told(&one.state).contains(why)), "{to}: {all:#?}");
        // Nor does it leave because a person asks for it: it is not true.
        let command = NoticeCommand::SendAgain { reason: "at once".to_owned() };
        let wish = Wish::Notice { round: round(), notice: all[0].0.clone(), command };
        house.act("coordinator", wish).await.unwrap();
        house.rest().await;
        assert!(told(&mails(&house, "invitation", to).await[0].1.state).contains(why), "{to}");
        assert!(left_for(&house, &format!("{to}@example.org")).is_empty(), "{to}");
    }
    let new = mails(&house, "invitation", "lao-three").await;
    assert!(matches!(&new[..], [(_, one)] if one.state == NoticeState::Sent), "the new one is invited: {new:#?}");
    assert_eq!(left_for(&house, "lao-three@example.org").len(), 1);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_register_is_asked_for_nobody_whose_role_has_ended() {
    let house = House::before_launch(MailSection::default()).await;
    let register = house.data().join("people.toml");
    let people = std::fs::read_to_string(&register).unwrap();
    std::fs::write(&register, people.replace("[person.lao-one]", "[person.somebody]")).unwrap();
    house.move_to(INVITED).await;
    let alarm = || house.alarms().get(&AlarmCode::RegisterIncomplete).cloned();
    assert!(alarm().is_some_and(|says| says.contains("lao-one")), "{:?}", house.alarms());
    let (reason, grant) = ("works elsewhere".to_owned(), Grant::of(Role::FocalPoint, Some(lao())));
    let command = NetworkCommand::EndRole { person: person("lao-one"), grant, reason };
    house.act("operator", Wish::Network { command }).await.unwrap();
    house.rest().await;
    assert_eq!(alarm(), None);
    let waited = mails(&house, "invitation", "lao-one").await;
    assert!(
        matches!(&waited[0].1.state, NoticeState::Suppressed { reason } if reason.contains("no longer")),
        "{waited:?}"
    );
    house.close().await;
}

/// The workflow, with mail that is not gathered.
fn without_gathering() -> Bundle {
    let bundle = rondo_tests::bundle("ilms-asean");
    let mut files: BTreeMap<String, String> =
        bundle.files().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
    let workflow = files.get_mut("workflow.toml").unwrap();
    assert!(workflow.contains("gather-minutes = 2"));
    *workflow = workflow.replace("gather-minutes = 2", "gather-minutes = 0");
    Bundle::new(files).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_twice_for_one_person_is_said_once() {
    for bundle in [rondo_tests::bundle("ilms-asean"), without_gathering()] {
        let house = House::with_bundle(MailSection::default(), &bundle).await;
        pause(&house).await;
        house.move_to("2025-09-15T04:30:00Z").await;
        let (_, invitation) = mails(&house, "invitation", "lao-one").await.pop().unwrap();
        let brief = invitation.brief.unwrap();
        // As replacements of others raise it once more.
        for minutes in [5, 9] {
            let due_at = brief.due_at + jiff::SignedDuration::from_mins(minutes);
            let again = NoticeBrief { step: "invite-replacement".parse().unwrap(), due_at, ..brief.clone() };
            let notice = format!("lao-again-{minutes}").parse().unwrap();
            let command = NoticeCommand::Raise { brief: again };
            house.act("coordinator", Wish::Notice { round: round(), notice, command }).await.unwrap();
        }
        resume(&house).await;
        house.move_to("2025-09-15T06:00:00Z").await;
        let all = mails(&house, "invitation", "lao-one").await;
        assert_eq!(all.len(), 3);
        let message = all[0].1.message_id.clone();
        for (id, one) in &all {
            assert_eq!((&one.state, &one.message_id), (&NoticeState::Sent, &message), "{id}");
        }
        let (mail, other) = (left_for(&house, "lao-one@example.org"), left_for(&house, "lao-two@example.org"));
        assert_eq!((mail.len(), other.len()), (1, 1));
        let said = |mail: &str| mail.matches("has begun").count();
        assert_eq!(said(&mail[0]), said(&other[0]), "{}", mail[0]);
        assert!(said(&mail[0]) > 0);
        house.close().await;
    }
}

/// The reminders of Lao PDR to somebody, in the order in which they were due: by step and how they stand.
async fn reminders(house: &House, to: &str) -> Vec<(String, NoticeState)> {
    let mut all = Vec::new();
    for kind in ["reminder-before", "reminder-on-day", "reminder-after"] {
        all.extend(mails(house, kind, to).await.into_iter().map(|(_, notice)| notice));
    }
    all.sort_by_key(|notice| notice.brief.as_ref().map(|brief| brief.due_at));
    all.into_iter().map(|notice| (notice.brief.unwrap().step.to_string(), notice.state)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_that_only_people_could_let_go_leaves_late_unless_it_was_overtaken() {
    // From when on nobody knows the address, until when, when that is looked at, and what leaves of the reminders by then.
    for (named, looked_at, leaves) in [
        // The first one, days after its limit of 48 hours; and in working hours alone.
        ("2025-10-22T05:00:00Z", "2025-10-22T06:00:00Z", Some("remind-before-1")),
        ("2025-10-25T05:00:00Z", "2025-10-27T02:00:00Z", Some("remind-before-1")),
        // The deadline is over, and what came before it is of no use.
        ("2025-11-04T05:00:00Z", "2025-11-04T06:00:00Z", None),
        // The newest alone: the others ask for the same.
        ("2025-11-15T05:00:00Z", "2025-11-17T02:00:00Z", Some("overdue-2")),
    ] {
        let house = House::before_launch(MailSection::default()).await;
        let register = house.data().join("people.toml");
        let people = std::fs::read_to_string(&register).unwrap();
        house.move_to("2025-10-01T05:00:00Z").await;
        std::fs::write(&register, people.replace("[person.lao-one]", "[person.somebody]")).unwrap();
        house.move_to(named).await;
        let waits = reminders(&house, "lao-one").await;
        assert!(!waits.is_empty());
        for (step, state) in &waits {
            assert!(
                matches!(state, NoticeState::Postponed { reason, .. } if reason.contains("register")),
                "{step}: {state:?}"
            );
        }
        std::fs::write(&register, &people).unwrap();
        // Whatever is recorded next makes the reminder look.
        let (scope, reason) = (MailScope::Kind("digest".to_owned()), "to have it look".to_owned());
        house.round("coordinator", RoundCommand::PauseMail { scope, reason }).await;
        house.move_to(looked_at).await;
        for (step, state) in reminders(&house, "lao-one").await {
            if Some(step.as_str()) == leaves {
                assert_eq!(state, NoticeState::Sent, "{named}: {step}");
            } else {
                let NoticeState::Suppressed { reason } = &state else { panic!("{named}: {step}: {state:?}") };
                assert!(reason.starts_with("it was held up"), "{named}: {step}: {reason}");
            }
        }
        house.close().await;
    }
}
