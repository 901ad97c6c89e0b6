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
    // That they have it is true from when it was heard on.
    if !part.is_of_contact(&person, brief.role, notice.reached_at().or(notice.attempted_at)) {
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
                && !part.is_settled(&person, notice)
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
mod tests;
