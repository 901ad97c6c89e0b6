//! What inbound mail means: whose word counts, about which of our mails, and about whom.

use std::collections::BTreeMap;

use rondo_domain::event::{Event, Stamp};
use rondo_domain::network::Network;
use rondo_domain::notice::{NoticeBrief, NoticeEvent};
use rondo_domain::round::{Pin, RoundEvent};
use rondo_domain::{FileHash, NoticeId, Role, RoundId, StreamId};
use rondo_runtime::chance::SystemChance;
use rondo_runtime::config::Config;
use rondo_runtime::people::Person;

use super::*;

const MESSAGE: &str = "<lao-invite-1.ilms-asean-2025@example.org>";

/// Two notices to one person that one mail brought, under the Message-ID of the first.
struct Desk {
    world: World,
    people: People,
    paths: ReturnPath,
    _folder: tempfile::TempDir,
}

fn key(notice: &str) -> NoticeKey {
    ("ilms-asean-2025".parse().unwrap(), notice.parse().unwrap())
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.ledger.data = folder.path().to_owned();
        config.mail.bounces = Some("bounces@example.org".to_owned());
        let paths = ReturnPath::from_config(&config, &SystemChance).unwrap().unwrap();
        let (email, language) = ("Focal@Office.example".to_owned(), "en".to_owned());
        let person = Person { name: "Boua Khai".to_owned(), email, language, phone: None };
        let people = People { person: BTreeMap::from([("lao-focal".parse().unwrap(), person)]) };
        let mut desk = Self { world: World::of(&World::WITHOUT_FIGURES), people, paths, _folder: folder };
        let round: RoundId = "ilms-asean-2025".parse().unwrap();
        let pin = Pin { workflow: "ilms-asean".parse().unwrap(), bundle: FileHash::of(b"") };
        let planned = RoundEvent::RoundPlanned { pin, year: 2025, title: "ILMS".to_owned() };
        desk.hear(&StreamId::round(&round), &Event::Round(planned));
        for notice in ["lao-invite-1", "lao-invite-2"] {
            let brief = NoticeBrief {
                kind: "invitation".to_owned(),
                country: Some("LAO".parse().unwrap()),
                person: "lao-focal".parse().unwrap(),
                role: Role::FocalPoint,
                step: "invite".parse().unwrap(),
                due_at: Timestamp::UNIX_EPOCH,
                reason: "they are invited".to_owned(),
                task: None,
                guards: Vec::new(),
            };
            desk.told(notice, NoticeEvent::NoticeDue { brief });
            desk.told(
                notice,
                NoticeEvent::NoticeAttempted { attempt: 1, message_id: MESSAGE.to_owned(), address_token: None },
            );
            desk.told(notice, NoticeEvent::NoticeSent { attempt: 1 });
        }
        desk
    }

    fn told(&mut self, notice: &str, event: NoticeEvent) {
        let (round, notice): (RoundId, NoticeId) = key(notice);
        self.hear(&StreamId::notice(&round, &notice), &Event::Notice(event));
    }

    fn hear(&mut self, stream: &StreamId, event: &Event) {
        let now = Timestamp::UNIX_EPOCH;
        let actor = Network::default().actor(&ROLE.parse().unwrap(), None, None, now).unwrap();
        self.world.apply(stream, event, &Stamp { at: now, actor: &actor, position: 0 });
    }

    fn meaning(&self, mail: &str) -> Meaning {
        let reader = Reader { world: &self.world, people: &self.people, paths: Some(&self.paths) };
        reader.meaning(mail.as_bytes())
    }
}

#[test]
fn a_mail_that_was_retried_under_an_earlier_message_id_is_known_by_its_token() {
    let desk = Desk::new();
    for leads in ["lao-invite-1", "lao-invite-2"] {
        let path = desk.paths.address(&key(leads));
        let mail = format!(
            "Return-Path: <>\nTo: <{path}>\nFrom: Mail System <mailer-daemon@mx.example>\nSubject: Mail delivery failed\n\nThis address failed:\n\n  focal@office.example\n    550 5.1.1 user unknown\n"
        );
        match desk.meaning(&mail) {
            Meaning::Said { keys, command, .. } => {
                assert_eq!(keys, [key("lao-invite-1"), key("lao-invite-2")], "{leads}");
                assert!(matches!(*command, NoticeCommand::RecordBounce { hard: true, .. }), "{command:?}");
            }
            other => panic!("{leads}: {other:?}"),
        }
    }
}

#[test]
fn who_knows_a_message_id_is_not_the_contact_for_that() {
    let desk = Desk::new();
    let mail = |from: &str, more: &str| {
        format!(
            "From: {from}\nTo: help@example.org\nIn-Reply-To: {MESSAGE}\nSubject: Re: Invitation\n{more}\nOn Monday.\n"
        )
    };
    for from in ["focal@office.example", "Boua Khai <FOCAL@office.example>"] {
        let meaning = desk.meaning(&mail(from, ""));
        assert_eq!(meaning.aside(), "answers", "{from}: {meaning:?}");
    }
    for from in [
        "stranger@elsewhere.example",
        "\"focal@office.example\" <stranger@elsewhere.example>",
        "colleague@office.example",
    ] {
        match desk.meaning(&mail(from, "")) {
            Meaning::Unclear(why) => assert!(why.contains("from another address"), "{why}"),
            other => panic!("{from}: {other:?}"),
        }
    }
    let automatic = "Auto-Submitted: auto-replied\n";
    assert_eq!(desk.meaning(&mail("focal@office.example", automatic)).aside(), "automatic");
    assert_eq!(desk.meaning(&mail("stranger@elsewhere.example", automatic)), Meaning::Nothing);
}

#[test]
fn whoever_writes_from_the_recipients_own_address_is_condemned_by_no_words() {
    let desk = Desk::new();
    let path = desk.paths.address(&key("lao-invite-1"));
    let mail = |from: &str, head: &str| {
        format!(
            "Return-Path: <>\nTo: <{path}>\nFrom: {from}\n{head}\n\nI cannot be reached; my mailbox is full.\n\nfocal@office.example, which is no longer in use at home.\n"
        )
    };
    for head in ["Subject: Re: Invitation", "Subject: Undeliverable: Invitation", "Auto-Submitted: auto-replied"] {
        match desk.meaning(&mail("Focal@Office.example", head)) {
            Meaning::Said { command, aside, .. } => {
                assert_eq!(*command, NoticeCommand::RecordAutoAnswer { until: None }, "{head}");
                assert_eq!(aside, "automatic", "{head}");
            }
            other => panic!("{head}: {other:?}"),
        }
    }
    // The same words of somebody else are not understood, and those of a mail system are.
    let stranger = desk.meaning(&mail("somebody@elsewhere.example", "Subject: Re: Invitation"));
    assert!(matches!(stranger, Meaning::Unclear(_)), "{stranger:?}");
    let system = desk.meaning(&mail("mailer-daemon@mx.example", "Subject: Mail delivery failed"));
    assert_eq!(system.aside(), "done");
}

#[test]
fn what_the_log_does_not_take_is_said_to_be_so() {
    let mut desk = Desk::new();
    let keys = [key("lao-invite-1")];
    let reason = "it is delayed".to_owned();
    let (bounce, answer) = (NoticeCommand::RecordBounce { hard: false, reason }, NoticeCommand::RecordAnswer);
    let refused = |desk: &Desk, command: &NoticeCommand| {
        let reader = Reader { world: &desk.world, people: &desk.people, paths: Some(&desk.paths) };
        reader.refused(&keys, command)
    };
    assert!(refused(&desk, &bounce).is_none() && refused(&desk, &answer).is_none());
    desk.told("lao-invite-1", NoticeEvent::NoticeReleased { reason: "once more".to_owned() });
    assert!(refused(&desk, &bounce).is_some(), "it is to be sent again");
    assert!(refused(&desk, &answer).is_none());
}

#[test]
fn a_report_about_the_address_of_before_tells_of_the_mail_and_not_of_the_contact() {
    let mut desk = Desk::new();
    let report = |desk: &Desk, about: &str, said: &str| {
        let path = desk.paths.address(&key("lao-invite-1"));
        desk.meaning(&format!(
            "Return-Path: <>\nTo: <{path}>\nFrom: Mail System <mailer-daemon@mx.example>\nSubject: Mail delivery failed\n\nThis address failed:\n\n  {about}\n    {said}\n"
        ))
    };
    let unclear = |meaning: Meaning| match meaning {
        Meaning::Unclear(why) => why,
        other => panic!("{other:?}"),
    };
    // Of a mail that left before its address was kept in any form, only the address of now is known.
    assert!(!unclear(report(&desk, "before@office.example", "550 5.1.1 user unknown")).contains("was changed"));
    let address_token = desk.paths.address_token(&key("lao-invite-1"), "Before@Office.example");
    assert!(address_token.is_some());
    desk.told("lao-invite-1", NoticeEvent::NoticeReleased { reason: "once more".to_owned() });
    let message_id = MESSAGE.to_owned();
    desk.told("lao-invite-1", NoticeEvent::NoticeAttempted { attempt: 2, message_id, address_token });
    desk.told("lao-invite-1", NoticeEvent::NoticeSent { attempt: 2 });
    let said = |meaning: Meaning| match meaning {
        Meaning::Said { command, .. } => *command,
        other => panic!("{other:?}"),
    };
    match said(report(&desk, "BEFORE@office.example", "550 5.1.1 user unknown")) {
        NoticeCommand::RecordUndelivered { obstacle: Obstacle::Address, reason } => {
            assert!(reason.contains("the address it went to, which is not the one in the register"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
    for (words, obstacle) in [("552 5.2.2 mailbox full", Obstacle::Full), ("554 5.7.1 taken for spam", Obstacle::Spam)]
    {
        let command = said(report(&desk, "before@office.example", words));
        assert!(matches!(&command, NoticeCommand::RecordUndelivered { obstacle: found, .. } if *found == obstacle));
    }
    let arrived = |desk: &Desk, address: &str| {
        let path = desk.paths.address(&key("lao-invite-1"));
        desk.meaning(&format!(
            "Return-Path: <>\nTo: <{path}>\nFrom: Mail System <mailer-daemon@mx.example>\nSubject: Delivered\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: text/plain\n\nIt arrived.\n\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; {address}\nAction: delivered\nStatus: 2.0.0\n\n--b--\n"
        ))
    };
    // That it arrived there says nothing of the address of now, which alone would be a contact reached.
    assert!(unclear(arrived(&desk, "before@office.example")).contains("not the one in the register"));
    assert!(matches!(said(arrived(&desk, "focal@office.example")), NoticeCommand::ConfirmDelivered));
    // Where it was sent on from there to the address of now, that one is at fault.
    let of_now = said(report(&desk, "focal@office.example", "550 5.1.1 user unknown"));
    assert!(matches!(of_now, NoticeCommand::RecordBounce { hard: true, .. }), "{of_now:?}");
    let other = unclear(report(&desk, "third@office.example", "550 5.1.1 user unknown"));
    assert!(other.contains("our recipient's was changed since then"), "{other}");
    desk.people.person.clear();
    let gone = said(report(&desk, "before@office.example", "550 5.1.1 user unknown"));
    assert!(
        matches!(gone, NoticeCommand::RecordUndelivered { .. }),
        "whoever left the register is not condemned: {gone:?}"
    );
}
