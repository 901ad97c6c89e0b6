//! What is heard of mail, and what it asks for: once, and of nobody who was replaced.

use jiff::Timestamp;
use rondo_domain::event::{Event, Stamp};
use rondo_domain::network::Network;
use rondo_domain::notice::NoticeEvent;
use rondo_domain::participation::ParticipationEvent;
use rondo_domain::{Country, RoundId};

use super::*;

const ROUND: &str = "ilms-asean-2025";

/// A world, and what happens in it to the notice of Lao PDR and to its part in the round.
struct Played {
    world: World,
    notice: StreamId,
    part: StreamId,
    /// How many records there are.
    size: u64,
}

fn replaced(was: &str, is: &str) -> ParticipationEvent {
    ParticipationEvent::ContactReplaced {
        was: was.parse().unwrap(),
        is: is.parse().unwrap(),
        reason: "they changed places".to_owned(),
        roles: Vec::new(),
        keeps: Vec::new(),
    }
}

fn attempt(attempt: u32) -> NoticeEvent {
    NoticeEvent::NoticeAttempted { attempt, message_id: "<1@example.org>".to_owned(), address_token: None }
}

impl Played {
    /// A mail is raised for this contact.
    fn due_to(person: &str) -> Self {
        let (round, country): (RoundId, Country) = (ROUND.parse().unwrap(), "LAO".parse().unwrap());
        let notice = StreamId::notice(&round, &"lao-early".parse().unwrap());
        let part = StreamId::participation(&round, &country);
        let mut played = Self { world: World::of(&World::WITHOUT_FIGURES), notice, part, size: 0 };
        played.is_due(person, "announcement");
        played
    }

    /// Another mail is raised, which is spoken of from now on.
    fn another_due_to(&mut self, id: &str, person: &str, kind: &str) {
        self.notice = StreamId::notice(&ROUND.parse().unwrap(), &id.parse().unwrap());
        self.is_due(person, kind);
    }

    fn is_due(&mut self, person: &str, kind: &str) {
        let brief = NoticeBrief {
            kind: kind.to_owned(),
            country: Some("LAO".parse().unwrap()),
            person: person.parse().unwrap(),
            role: Role::FocalPoint,
            step: "announce".parse().unwrap(),
            due_at: Timestamp::UNIX_EPOCH,
            reason: "the round is announced".to_owned(),
            task: None,
            guards: Vec::new(),
        };
        self.of_mail(NoticeEvent::NoticeDue { brief });
    }

    fn happens(&mut self, stream: &StreamId, event: &Event) {
        let engine = "scheduler".parse().unwrap();
        let actor = Network::default().actor(&engine, None, None, Timestamp::UNIX_EPOCH).unwrap();
        let stamp = Stamp { at: Timestamp::UNIX_EPOCH, actor: &actor, position: self.size };
        self.world.apply(stream, event, &stamp);
        self.size += 1;
    }

    fn of_mail(&mut self, event: NoticeEvent) {
        let stream = self.notice.clone();
        self.happens(&stream, &Event::Notice(event));
    }

    fn of_part(&mut self, event: ParticipationEvent) {
        let stream = self.part.clone();
        self.happens(&stream, &Event::Participation(event));
    }

    fn comes_back(&mut self) {
        self.of_mail(NoticeEvent::NoticeBounced { hard: true, reason: "no such mailbox".to_owned() });
    }

    fn follows(&self) -> Vec<Command> {
        follow(&self.world, &self.notice).into_iter().flatten().collect()
    }
}

#[test]
fn mail_that_came_back_before_the_launch_is_remembered_until_the_country_takes_part() {
    let mut played = Played::due_to("lao-focal");
    played.comes_back();
    assert!(comes_too_early(&played.world, &played.notice));
    assert_eq!(played.follows(), []);
    played.of_part(ParticipationEvent::ParticipationExpected { tables: Vec::new() });
    assert!(!comes_too_early(&played.world, &played.notice));
    assert_eq!(played.follows().len(), 1, "the contact counts as bounced");
}

#[test]
fn mail_that_came_back_is_told_once_an_attempt_and_never_of_somebody_who_was_replaced() {
    let mut played = Played::due_to("lao-one");
    played.of_part(ParticipationEvent::ParticipationExpected { tables: Vec::new() });
    played.of_mail(attempt(1));
    played.comes_back();
    let [first] = played.follows().try_into().unwrap();
    played.of_mail(attempt(2));
    played.comes_back();
    assert_eq!(played.follows()[0].id, first.id, "how often it was attempted until then is chance");
    let (person, notice) = ("lao-one".parse().unwrap(), "lao-early".parse().unwrap());
    played.of_part(ParticipationEvent::ContactBounced { person, notice, attempt: Some(2) });
    assert_eq!(played.follows(), [], "it is known");
    played.of_part(replaced("lao-one", "lao-two"));
    assert_eq!(played.follows(), [], "another has their place");
    played.of_part(replaced("lao-two", "lao-one"));
    assert_eq!(played.follows(), [], "what was known before they came back is no news");
    played.of_mail(attempt(3));
    played.comes_back();
    let [second] = played.follows().try_into().unwrap();
    assert_ne!(first.id, second.id, "what came back again is told again");
}

#[test]
fn a_contact_whose_mail_came_back_is_reached_again_by_what_is_heard_of_them_since() {
    let (person, early): (rondo_domain::PersonId, NoticeId) =
        ("lao-one".parse().unwrap(), "lao-early".parse().unwrap());
    for heard in [NoticeEvent::NoticeAnswered {}, NoticeEvent::NoticeDelivered {}] {
        let mut played = Played::due_to("lao-one");
        played.of_part(ParticipationEvent::ParticipationExpected { tables: Vec::new() });
        played.of_mail(attempt(1));
        let first = played.notice.clone();
        played.another_due_to("lao-other", "lao-one", "announcement");
        played.of_mail(attempt(1));
        played.of_mail(heard.clone());
        let second = std::mem::replace(&mut played.notice, first.clone());
        played.comes_back();
        let [bounced] = played.follows().try_into().unwrap();
        let bounce =
            ParticipationEvent::ContactBounced { person: person.clone(), notice: early.clone(), attempt: None };
        played.of_part(bounce.clone());
        played.notice = second.clone();
        assert_eq!(played.follows(), [], "that was before it came back: {heard:?}");
        played.of_mail(heard.clone());
        let [reached] = played.follows().try_into().unwrap();
        let wished =
            ParticipationCommand::RecordReached { person: person.clone(), notice: "lao-other".parse().unwrap() };
        assert!(matches!(&reached.wish, Wish::Participation { command, .. } if *command == wished), "{reached:?}");
        let (notice, reason) = (Some("lao-other".parse().unwrap()), String::new());
        played.of_part(ParticipationEvent::ContactReached { person: person.clone(), notice, reason });
        for stream in [&first, &second] {
            played.notice = stream.clone();
            assert_eq!(played.follows(), [], "{stream}: it is known");
        }
        // It comes back once more, and they are heard of once more.
        played.of_part(bounce);
        played.of_mail(heard);
        let [again] = played.follows().try_into().unwrap();
        assert!(again.id != reached.id && again.id != bounced.id);
    }
}

#[test]
fn a_contact_who_answered_since_their_mail_came_back_does_not_count_as_unreachable() {
    let mut played = Played::due_to("lao-one");
    played.of_part(ParticipationEvent::ParticipationExpected { tables: Vec::new() });
    played.of_mail(attempt(1));
    let first = played.notice.clone();
    played.another_due_to("lao-other", "lao-one", "announcement");
    played.of_mail(attempt(1));
    let second = std::mem::replace(&mut played.notice, first);
    // Both were recorded while nobody acted on them.
    played.comes_back();
    let first = std::mem::replace(&mut played.notice, second);
    played.of_mail(NoticeEvent::NoticeAnswered {});
    assert_eq!(played.follows(), []);
    played.notice = first;
    assert_eq!(played.follows(), []);
}

#[test]
fn mail_to_somebody_in_another_role_than_the_one_in_which_they_were_replaced_is_heard_of() {
    let mut played = Played::due_to("lao-one");
    played.of_part(ParticipationEvent::ParticipationExpected { tables: Vec::new() });
    let (was, is, reason) = ("lao-one".parse().unwrap(), "lao-two".parse().unwrap(), "they moved up".to_owned());
    let roles = vec![Role::NationalCoordinator];
    played.of_part(ParticipationEvent::ContactReplaced { was, is, reason, roles, keeps: Vec::new() });
    played.of_mail(attempt(1));
    played.comes_back();
    assert_eq!(played.follows().len(), 1, "they were written to as a focal point");
}

#[test]
fn of_two_mails_that_came_back_neither_is_news_of_a_contact_who_comes_back() {
    let mut played = Played::due_to("lao-one");
    played.of_part(ParticipationEvent::ParticipationExpected { tables: Vec::new() });
    played.of_mail(attempt(1));
    let first = played.notice.clone();
    played.another_due_to("lao-other", "lao-one", INVITATION);
    played.of_mail(attempt(1));
    let second = played.notice.clone();
    played.comes_back();
    played.of_mail(NoticeEvent::NoticeComplained { kind: "abuse".to_owned() });
    played.notice = first.clone();
    played.comes_back();
    // Of the two, one is told, and the other is known by it.
    let (person, notice) = ("lao-one".parse().unwrap(), "lao-early".parse().unwrap());
    played.of_part(ParticipationEvent::ContactBounced { person, notice, attempt: Some(1) });
    played.of_part(replaced("lao-one", "lao-two"));
    played.of_part(replaced("lao-two", "lao-one"));
    // Whoever starts without a savepoint follows everything anew.
    for stream in [&first, &second] {
        played.notice = stream.clone();
        let bounced = |command: &Command| {
            let Wish::Participation { command, .. } = &command.wish else { return false };
            !matches!(command, ParticipationCommand::RecordComplaint { .. })
        };
        assert!(!played.follows().iter().any(bounced), "{stream} left before they came back");
    }
    // A mail that left since then tells of them.
    played.another_due_to("lao-later", "lao-one", INVITATION);
    played.of_mail(attempt(1));
    played.of_mail(NoticeEvent::NoticeSent { attempt: 1 });
    assert_eq!(played.follows().len(), 1, "they were invited");
    played.comes_back();
    assert_eq!(played.follows().len(), 1, "they cannot be reached");
}

#[test]
fn an_invitation_of_which_nobody_knew_invites_once_it_is_heard_of() {
    let unknown =
        || NoticeEvent::NoticeUnknown { attempt: 1, reason: "it broke".to_owned(), resend: false, cut_off: false };
    let lost = || NoticeEvent::NoticeUndelivered {
        obstacle: rondo_domain::notice::Obstacle::Full,
        reason: "the mailbox is full".to_owned(),
    };
    let is_one = |command: &Command| {
        matches!(&command.wish, Wish::Participation { command: ParticipationCommand::Invite { .. }, .. })
    };
    for (heard, invites) in [
        (NoticeEvent::NoticeDelivered {}, true),
        (NoticeEvent::NoticeAnswered {}, true),
        (NoticeEvent::NoticeBounced { hard: false, reason: "it is delayed".to_owned() }, true),
        (NoticeEvent::NoticeBounced { hard: true, reason: "no such mailbox".to_owned() }, false),
        (lost(), false),
    ] {
        let mut played = Played::due_to("lao-one");
        played.of_part(ParticipationEvent::ParticipationExpected { tables: Vec::new() });
        played.another_due_to("lao-invite", "lao-one", INVITATION);
        played.of_mail(attempt(1));
        played.of_mail(unknown());
        assert_eq!(played.follows(), [], "nobody knows whether they have it");
        played.of_mail(heard.clone());
        assert_eq!(played.follows().iter().any(is_one), invites, "{heard:?}");
        // They may answer whatever was thought lost.
        played.of_mail(NoticeEvent::NoticeAnswered {});
        assert!(played.follows().iter().any(is_one), "{heard:?}, and then an answer");
        played.of_part(ParticipationEvent::CountryInvited { person: "lao-one".parse().unwrap() });
        assert!(!played.follows().iter().any(is_one), "it is known");
    }
    // A coordinator said that they are reached before they answered the invitation that had come back.
    let mut played = Played::due_to("lao-one");
    played.of_part(ParticipationEvent::ParticipationExpected { tables: Vec::new() });
    played.another_due_to("lao-invite", "lao-one", INVITATION);
    played.of_mail(attempt(1));
    played.comes_back();
    let (person, notice) = ("lao-one".parse().unwrap(), "lao-invite".parse().unwrap());
    played.of_part(ParticipationEvent::ContactBounced { person, notice, attempt: Some(1) });
    let (person, reason) = ("lao-one".parse().unwrap(), "it works".to_owned());
    played.of_part(ParticipationEvent::ContactReached { person, notice: None, reason });
    assert_eq!(played.follows(), []);
    played.of_mail(NoticeEvent::NoticeAnswered {});
    assert!(played.follows().iter().any(is_one), "they have it");
}

#[test]
fn mail_to_somebody_who_was_replaced_neither_invites_them_nor_asks_anybody_to_look_into_it() {
    let mut played = Played::due_to("lao-two");
    played.of_part(ParticipationEvent::ParticipationExpected { tables: Vec::new() });
    played.another_due_to("lao-invite", "lao-one", INVITATION);
    played.of_mail(attempt(1));
    played.of_part(replaced("lao-one", "lao-two"));
    played.of_mail(NoticeEvent::NoticeSent { attempt: 1 });
    assert_eq!(played.follows(), []);
    let obstacle = rondo_domain::notice::Obstacle::Full;
    played.of_mail(NoticeEvent::NoticeUndelivered { obstacle, reason: "the mailbox is full".to_owned() });
    assert_eq!(played.follows(), []);
}

#[test]
fn mail_that_came_back_while_nobody_was_reached_is_no_news_after_a_word_for_whoever_starts_anew() {
    let person: rondo_domain::PersonId = "lao-one".parse().unwrap();
    let mut played = Played::due_to("lao-one");
    played.of_part(ParticipationEvent::ParticipationExpected { tables: Vec::new() });
    played.of_mail(attempt(1));
    played.comes_back();
    let notice = "lao-early".parse().unwrap();
    played.of_part(ParticipationEvent::ContactBounced { person: person.clone(), notice, attempt: Some(1) });
    // It is sent again and comes back again, and so does another mail that left since, while they count as not reached.
    played.of_mail(attempt(2));
    played.comes_back();
    let first = played.notice.clone();
    played.another_due_to("lao-other", "lao-one", "announcement");
    played.of_mail(attempt(1));
    played.comes_back();
    let second = played.notice.clone();
    for stream in [&first, &second] {
        played.notice = stream.clone();
        assert_eq!(played.follows(), [], "{stream}: it is known that they are not reached");
    }
    let reason = "the address was put right".to_owned();
    played.of_part(ParticipationEvent::ContactReached { person, notice: None, reason });
    for stream in [&first, &second] {
        played.notice = stream.clone();
        assert_eq!(played.follows(), [], "{stream}: whoever reads this from the beginning decides the same");
    }
    played.comes_back();
    assert_eq!(played.follows().len(), 1, "what is heard after the word is news");
}
