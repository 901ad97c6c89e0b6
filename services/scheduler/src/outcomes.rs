//! What the outcome of a notice or a release asks for: who was invited, whose mail came back, who is reached again, what is published.

use rondo_domain::notice::{About, Notice, NoticeBrief, NoticeState, Refusal};
use rondo_domain::participation::ParticipationCommand;
use rondo_domain::round::RoundCommand;
use rondo_domain::stream::StreamKind;
use rondo_domain::world::World;
use rondo_domain::{Command, NoticeId, ReleaseId, Role, StreamId, Wish};

use crate::actions::{Commands, of_country};
use crate::interpreter::command;
use crate::invitations::INVITATION;
use crate::knowledge::RunKey;

/// Whether the outcome of a notice is about a country whose part in the round has not begun: mail may leave before the launch.
pub(crate) fn comes_too_early(world: &World, stream: &StreamId) -> bool {
    let about = || {
        let (round, id) = (stream.round_id()?, stream.part(1)?.parse::<NoticeId>().ok()?);
        let country = world.notice(&round, &id)?.brief.as_ref()?.country.as_ref()?;
        Some(world.participation(&round, country).is_none())
    };
    stream.kind() == StreamKind::Notice && about().unwrap_or(false)
}

/// What the outcome of a notice or a release asks for.
pub(crate) fn follow(world: &World, stream: &StreamId) -> Commands {
    match stream.kind() {
        StreamKind::Notice => {
            vec![follow_notice(world, stream), follow_reached(world, stream), follow_complaint(world, stream)]
        }
        StreamKind::Release => follow_release(world, stream),
        _ => Vec::new(),
    }
}

fn follow_notice(world: &World, stream: &StreamId) -> Option<Command> {
    let round = stream.round_id()?;
    let id: NoticeId = stream.part(1)?.parse().ok()?;
    let notice = world.notice(&round, &id)?;
    let brief = notice.brief.as_ref()?;
    let key = (round, brief.country.clone());
    let part = world.participation(&key.0, brief.country.as_ref()?)?;
    let person = brief.person.clone();
    // What became of mail to somebody who was replaced since it left says nothing about them, nor about who came in their place.
    if !part.is_of_contact(&person, brief.role, notice.attempted_at) {
        return None;
    }
    match &notice.state {
        NoticeState::Sent | NoticeState::Delivered | NoticeState::Answered
            if brief.kind == INVITATION && !part.invited.contains(&person) =>
        {
            let role = Some(brief.role).filter(|role| *role != Role::FocalPoint);
            of_country(&key, &["invited", id.as_str()], ParticipationCommand::Invite { person, role })
        }
        // Our server's refusal of us (a wrong password) says nothing about the contact.
        NoticeState::Bounced { .. }
        | NoticeState::Refused { refusal: Refusal { about: About::Recipient, .. } }
            // Mail to one of us, or to a mailbox, that comes back says nothing about the country's contacts.
            if Role::NATIONAL.contains(&brief.role)
                && !part.knows_bounce(&person, &id, Some(notice.attempts))
                && !is_reached_since(world, &key, notice) =>
        {
            let attempt = Some(notice.attempts);
            let wished = ParticipationCommand::RecordBounce { person, notice: id.clone(), attempt };
            told(&key, ("bounced", &id), part.returned.contains_key(&id).then_some(notice.attempts), wished)
        }
        // Whether a server says so at once or sends a mail back later is the same for whoever has to know of it.
        NoticeState::Undelivered { .. } | NoticeState::Refused { refusal: Refusal { about: About::Mail, .. } }
            if Role::NATIONAL.contains(&brief.role) && !part.has_heard(&id, Some(notice.attempts)) =>
        {
            let attempt = Some(notice.attempts);
            let wished = ParticipationCommand::RecordUndelivered { person, notice: id.clone(), attempt };
            told(&key, ("undelivered", &id), part.undelivered.contains_key(&id).then_some(notice.attempts), wished)
        }
        _ => None,
    }
}

/// Whether the recipient of a mail that came back is known to be reached since then, though that was recorded before it was acted on.
fn is_reached_since(world: &World, key: &RunKey, lost: &Notice) -> bool {
    let (Some(brief), Some(failed)) = (&lost.brief, lost.failed_at()) else { return false };
    let theirs = |notice: &Notice| {
        let of = |other: &NoticeBrief| other.person == brief.person && other.country == brief.country;
        notice.brief.as_ref().is_some_and(of) && notice.reached_at().is_some_and(|reached| reached > failed)
    };
    world.notices(&key.0).into_iter().any(|(_, notice)| theirs(notice))
}

/// That a contact whose mail came back is reached again, where this mail shows it.
fn follow_reached(world: &World, stream: &StreamId) -> Option<Command> {
    let (round, id) = (stream.round_id()?, stream.part(1)?.parse::<NoticeId>().ok()?);
    let notice = world.notice(&round, &id)?;
    let brief = notice.brief.as_ref()?;
    let part = world.participation(&round, brief.country.as_ref()?)?;
    let came_back = part.bounced.get(&brief.person).filter(|_| part.is_reached_by(&brief.person, notice))?;
    let wished = ParticipationCommand::RecordReached { person: brief.person.clone(), notice: id.clone() };
    // The same mail may show it again, after another that came back.
    of_country(&(round, brief.country.clone()), &["reached", id.as_str(), &came_back.to_string()], wished)
}

/// What became of a mail, told to its country. How often it was attempted until then is chance, so that only what is told again
/// after it was told before is named by the attempt.
fn told(
    key: &RunKey,
    (what, notice): (&str, &NoticeId),
    again: Option<u32>,
    wished: ParticipationCommand,
) -> Option<Command> {
    let attempt = again.map(|attempt| attempt.to_string());
    let cause: Vec<&str> = [what, notice.as_str()].into_iter().chain(attempt.as_deref()).collect();
    of_country(key, &cause, wished)
}

/// What a complaint of a contact asks for, whatever else became of the mail.
fn follow_complaint(world: &World, stream: &StreamId) -> Option<Command> {
    let (round, id) = (stream.round_id()?, stream.part(1)?.parse::<NoticeId>().ok()?);
    let notice = world.notice(&round, &id).filter(|notice| notice.complaint.is_some())?;
    let brief = notice.brief.as_ref().filter(|brief| Role::NATIONAL.contains(&brief.role))?;
    let part = world.participation(&round, brief.country.as_ref()?)?;
    let wished = ParticipationCommand::RecordComplaint { person: brief.person.clone(), notice: id.clone() };
    let key = (round, brief.country.clone());
    if part.complained.contains(&id) { None } else { of_country(&key, &["complained", id.as_str()], wished) }
}

fn follow_release(world: &World, stream: &StreamId) -> Commands {
    let release: Option<ReleaseId> = stream.part(0).and_then(|part| part.parse().ok());
    let Some((id, state)) = release.and_then(|id| world.release(&id).map(|state| (id, state))) else {
        return Vec::new();
    };
    let Some(round) = &state.round else { return Vec::new() };
    let mut commands: Commands = state
        .contents
        .iter()
        .map(|tables| {
            let wished = ParticipationCommand::MarkPublished { release: id.clone() };
            of_country(&(round.clone(), Some(tables.country.clone())), &["published", id.as_str()], wished)
        })
        .collect();
    let wished = RoundCommand::MarkPublished { release: id.clone() };
    commands.push(command(&["published", id.as_str()], Wish::Round { round: round.clone(), command: wished }));
    commands
}

#[cfg(test)]
mod tests {
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
        NoticeEvent::NoticeAttempted { attempt, message_id: "<1@example.org>".to_owned() }
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
}
