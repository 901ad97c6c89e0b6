//! What an inbound mail means for the log: which of our mails it is about, who may say so, and what is recorded.

use jiff::Timestamp;
use rondo_domain::Rejection;
use rondo_domain::command::Context;
use rondo_domain::notice::{NoticeCommand, Obstacle, decide};
use rondo_domain::world::World;
use rondo_runtime::people::People;

use crate::ROLE;
use crate::inbox::UNCLEAR;
use crate::outbox::NoticeKey;
use crate::return_path::ReturnPath;
use crate::returned::{self, About, Report, Returned, Verdict};

/// What an inbound mail means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// This is recorded of these notices, and the mail is put aside there.
    Said { keys: Vec<NoticeKey>, command: Box<NoticeCommand>, aside: &'static str },
    /// A program answered, and nobody knows what.
    Nothing,
    /// A person has to look, and why.
    Unclear(&'static str),
}

impl Meaning {
    /// The folder into which the mail is put aside.
    pub(crate) fn aside(&self) -> &'static str {
        match self {
            Self::Said { aside, .. } => aside,
            Self::Nothing => "automatic",
            Self::Unclear(_) => UNCLEAR,
        }
    }
}

/// Whoever reads inbound mail, and what they know.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) world: &'a World,
    pub(crate) people: &'a People,
    /// Where mail of ours comes back, if that is set.
    pub(crate) paths: Option<&'a ReturnPath>,
}

impl Reader<'_> {
    /// What a mail means.
    pub(crate) fn meaning(&self, bytes: &[u8]) -> Meaning {
        let is_ours = |address: &str| self.paths.is_some_and(|paths| paths.is_ours(address));
        let is_of_recipient = |about: &About| !self.of_the_sender(about).is_empty();
        let Some((said, about)) = returned::read(bytes, is_ours, is_of_recipient) else {
            return Meaning::Unclear("it is no mail");
        };
        let of_returns = self.meant(&about, true);
        let told = |keys: Vec<NoticeKey>, command, aside| Meaning::Said { keys, command: Box::new(command), aside };
        match said {
            Returned::Unclear => Meaning::Unclear("a program wrote it, and it is not understood"),
            Returned::Automatic(until) => {
                let is_proven = self.paths.is_some() && !of_returns.is_empty();
                let keys = if is_proven { of_returns } else { self.of_the_sender(&about) };
                if keys.is_empty() {
                    return Meaning::Nothing;
                }
                told(keys, NoticeCommand::RecordAutoAnswer { until }, "automatic")
            }
            Returned::Answer => match self.of_the_sender(&about) {
                keys if !keys.is_empty() => told(keys, NoticeCommand::RecordAnswer, "answers"),
                _ if self.meant(&about, false).is_empty() => {
                    Meaning::Unclear("somebody wrote it, and it answers no mail of ours")
                }
                _ => Meaning::Unclear(
                    "it answers a mail of ours, but comes from another address than the register has for its recipient",
                ),
            },
            Returned::Report(_) | Returned::Complaint(_) if of_returns.is_empty() => self.unproven(&about),
            Returned::Complaint(kind) => told(of_returns, NoticeCommand::RecordComplaint { kind }, "complaints"),
            Returned::Report(report) => self.reported(&report, of_returns),
        }
    }

    /// Why the log does not take what a mail means, if it does not.
    pub(crate) fn refused(&self, keys: &[NoticeKey], command: &NoticeCommand) -> Option<Rejection> {
        let (network, now) = (self.world.network(), Timestamp::UNIX_EPOCH);
        let refused = |key: &NoticeKey| {
            let notice = self.world.notice(&key.0, &key.1)?;
            let actor = network.actor(&ROLE.parse().ok()?, None, None, now).ok()?;
            decide(notice, command, &Context { actor: &actor, now, surroundings: &[] }).err()
        };
        keys.iter().find_map(refused)
    }

    /// The notices that an inbound mail is about and that went to the address from which it comes: a Message-ID is known to
    /// whoever was shown the mail, and can be made up, so that it alone makes nobody the contact.
    fn of_the_sender(&self, about: &About) -> Vec<NoticeKey> {
        let address = |key: &NoticeKey| {
            let brief = self.world.notice(&key.0, &key.1)?.brief.as_ref()?;
            Some(self.people.person.get(&brief.person)?.email.trim().to_lowercase())
        };
        let mut keys = self.meant(about, false);
        keys.retain(|key| address(key).is_some_and(|address| about.from.contains(&address)));
        keys
    }

    /// Why a report proves nothing.
    fn unproven(&self, about: &About) -> Meaning {
        Meaning::Unclear(if self.meant(about, false).is_empty() {
            "it reports about no mail of ours that is known"
        } else {
            "it reports about a mail of ours, but did not come to the address that this mail left from"
        })
    }

    fn reported(&self, report: &Report, keys: Vec<NoticeKey>) -> Meaning {
        let brief = keys.first().and_then(|key| self.world.notice(&key.0, &key.1)?.brief.as_ref());
        let person = brief.and_then(|brief| self.people.person.get(&brief.person));
        let command = match report.about(person.map_or("", |person| person.email.as_str())) {
            Verdict::OfOthers => return Meaning::Unclear("it reports about another address than our recipient's"),
            Verdict::Delivered => NoticeCommand::ConfirmDelivered,
            Verdict::Delayed { status } => {
                NoticeCommand::RecordBounce { hard: false, reason: sentence("it is delayed", &status) }
            }
            Verdict::Failed { obstacle: Obstacle::Address, status, names_them: true } => {
                let reason = sentence(&format!("it came back: {}", Obstacle::Address.as_str()), &status);
                NoticeCommand::RecordBounce { hard: true, reason }
            }
            Verdict::Failed { obstacle, status, names_them } => {
                let which = if obstacle == Obstacle::Address && !names_them { ", but it names none" } else { "" };
                let told = format!("it was not delivered: {}{which}", obstacle.as_str());
                NoticeCommand::RecordUndelivered { obstacle, reason: sentence(&told, &status) }
            }
        };
        Meaning::Said { keys, command: Box::new(command), aside: "done" }
    }

    /// The notices that an inbound mail is about: all that the mail it names has brought. Where a return path is set, who reports has
    /// to know it; a Message-ID can be made up by anybody.
    fn meant(&self, about: &About, has_to_prove: bool) -> Vec<NoticeKey> {
        let names = |message: &str| about.messages.iter().any(|id| format!("<{id}>") == message);
        let mut keys = Vec::new();
        for (round, _) in self.world.rounds() {
            let notices = self.world.notices(&round);
            let mut mails: Vec<&String> = Vec::new();
            for (id, notice) in &notices {
                let Some(message) = &notice.message_id else { continue };
                let key = (round.clone(), id.clone());
                let came_back = |paths: &ReturnPath| {
                    about.came_to.iter().chain(&about.given_back).any(|address| paths.is_of(address, &key))
                };
                let is_meant = match self.paths {
                    // Whichever notice led the mail that left, as one retried under an earlier Message-ID may be led by another.
                    Some(paths) if came_back(paths) => true,
                    Some(_) if has_to_prove => false,
                    _ => names(message),
                };
                if is_meant {
                    mails.push(message);
                }
            }
            let brought = |message: &Option<String>| message.as_ref().is_some_and(|message| mails.contains(&message));
            let all = notices.iter().filter(|(_, notice)| brought(&notice.message_id));
            keys.extend(all.map(|(id, _)| (round.clone(), id.clone())));
        }
        keys
    }
}

fn sentence(told: &str, status: &str) -> String {
    if status.is_empty() { told.to_owned() } else { format!("{told} (status {status})") }
}

#[cfg(test)]
mod tests {
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
                desk.told(notice, NoticeEvent::NoticeAttempted { attempt: 1, message_id: MESSAGE.to_owned() });
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
}
