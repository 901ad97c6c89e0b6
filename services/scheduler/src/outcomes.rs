//! What the outcome of a notice or a release asks for: who was invited, whose mail came back, what is published.

use rondo_domain::notice::{About, NoticeState, Refusal};
use rondo_domain::participation::ParticipationCommand;
use rondo_domain::round::RoundCommand;
use rondo_domain::stream::StreamKind;
use rondo_domain::world::World;
use rondo_domain::{Command, NoticeId, ReleaseId, Role, StreamId, Wish};

use crate::actions::{Commands, INVITATION, of_country};
use crate::interpreter::command;

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
        StreamKind::Notice => vec![follow_notice(world, stream), follow_complaint(world, stream)],
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
    match &notice.state {
        NoticeState::Sent if brief.kind == INVITATION && !part.invited.contains(&person) => {
            of_country(&key, &["invited", id.as_str()], ParticipationCommand::Invite { person })
        }
        // Our server's refusal of us (a wrong password) says nothing about the contact.
        NoticeState::Bounced { hard: true, .. }
        | NoticeState::Refused { refusal: Refusal { about: About::Recipient, .. } }
            // Mail to one of us, or to a mailbox, that comes back says nothing about the country's contacts.
            if Role::NATIONAL.contains(&brief.role) && !part.bounced.contains(&person) =>
        {
            let wished = ParticipationCommand::RecordBounce { person, notice: id.clone() };
            of_country(&key, &["bounced", id.as_str()], wished)
        }
        // Whether a server says so at once or sends a mail back later is the same for whoever has to know of it.
        NoticeState::Undelivered { .. } | NoticeState::Refused { refusal: Refusal { about: About::Mail, .. } }
            if Role::NATIONAL.contains(&brief.role) && !part.has_heard(&id, Some(notice.attempts)) =>
        {
            let attempt = Some(notice.attempts);
            let wished = ParticipationCommand::RecordUndelivered { person, notice: id.clone(), attempt };
            of_country(&key, &["undelivered", id.as_str(), &notice.attempts.to_string()], wished)
        }
        _ => None,
    }
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
    use rondo_domain::notice::{NoticeBrief, NoticeEvent};
    use rondo_domain::participation::ParticipationEvent;
    use rondo_domain::{Country, RoundId};

    use super::*;

    #[test]
    fn mail_that_came_back_before_the_launch_is_remembered_until_the_country_takes_part() {
        let (round, country): (RoundId, Country) = ("ilms-asean-2025".parse().unwrap(), "LAO".parse().unwrap());
        let stream = StreamId::notice(&round, &"lao-early".parse().unwrap());
        let mut world = World::of(&World::WITHOUT_FIGURES);
        let actor = Network::default().actor(&"scheduler".parse().unwrap(), None, None, Timestamp::UNIX_EPOCH).unwrap();
        let stamp = Stamp { at: Timestamp::UNIX_EPOCH, actor: &actor, position: 0 };
        let brief = NoticeBrief {
            kind: "announcement".to_owned(),
            country: Some(country.clone()),
            person: "lao-focal".parse().unwrap(),
            role: Role::FocalPoint,
            step: "announce".parse().unwrap(),
            due_at: Timestamp::UNIX_EPOCH,
            reason: "the round is announced".to_owned(),
            task: None,
            guards: Vec::new(),
        };
        let bounced = NoticeEvent::NoticeBounced { hard: true, reason: "no such mailbox".to_owned() };
        for event in [NoticeEvent::NoticeDue { brief }, bounced] {
            world.apply(&stream, &Event::Notice(event), &stamp);
        }
        assert!(comes_too_early(&world, &stream));
        assert_eq!(follow(&world, &stream).into_iter().flatten().count(), 0);
        let begins = Event::Participation(ParticipationEvent::ParticipationExpected { tables: Vec::new() });
        world.apply(&StreamId::participation(&round, &country), &begins, &stamp);
        assert!(!comes_too_early(&world, &stream));
        assert_eq!(follow(&world, &stream).into_iter().flatten().count(), 1, "the contact counts as bounced");
    }
}
