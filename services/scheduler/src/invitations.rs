//! Who has the invitation to a round, or is about to get it: each contact gets one.

use std::collections::BTreeSet;

use rondo_domain::notice::{Notice, NoticeBrief, NoticeCommand, NoticeState};
use rondo_domain::world::World;
use rondo_domain::{Command, NoticeId, PersonId, Wish};

use crate::knowledge::RunKey;

/// The text by which a contact is invited, which each of them gets once.
pub(crate) const INVITATION: &str = "invitation";

/// The people who need no other invitation.
pub(crate) struct Invitations<'w>(BTreeSet<&'w PersonId>);

impl<'w> Invitations<'w> {
    /// Of a country in a round, for a mail of this text; nobody where it invites nobody.
    /// `own` names the mail by which the step that asks would invite somebody itself.
    pub(crate) fn of(world: &'w World, key: &RunKey, text: &str, own: impl Fn(&PersonId) -> Option<NoticeId>) -> Self {
        if text != INVITATION {
            return Self(BTreeSet::new());
        }
        let part = key.1.as_ref().and_then(|country| world.participation(&key.0, country));
        let mut people: BTreeSet<&PersonId> = part.into_iter().flat_map(|part| &part.invited).collect();
        let returned = |notice: &Notice, brief: &NoticeBrief| {
            part.is_some_and(|part| !part.is_of_contact(&brief.person, brief.role, notice.attempted_at))
        };
        for (id, notice) in world.notices(&key.0) {
            let Some(brief) = notice.brief.as_ref().filter(|brief| brief.kind == INVITATION && brief.country == key.1)
            else {
                continue;
            };
            // One of this very step: it was raised before the program was killed, and the step is decided as it was then.
            if own(&brief.person) == Some(id) {
                continue;
            }
            // Of a mail from before somebody was replaced and came back nobody asks any more what became of it.
            let is_theirs = notice.state != NoticeState::Unknown || !returned(notice, brief);
            if is_under_way(&notice.state) && is_theirs {
                people.insert(&brief.person);
            }
        }
        Self(people)
    }

    pub(crate) fn has(&self, person: &PersonId) -> bool {
        self.0.contains(person)
    }

    pub(crate) fn any(&self) -> bool {
        !self.0.is_empty()
    }
}

/// Whether a mail may still arrive, or have arrived unseen. One that was sent is told of its country, which knows whom it invited.
fn is_under_way(state: &NoticeState) -> bool {
    use NoticeState as S;
    matches!(state, S::Due | S::Postponed { .. } | S::Attempted | S::Deferred { .. } | S::Unknown)
}

/// Whether commands raise an invitation.
pub(crate) fn is_one(commands: &[Option<Command>]) -> bool {
    commands.iter().flatten().any(|command| {
        matches!(&command.wish, Wish::Notice { command: NoticeCommand::Raise { brief }, .. } if brief.kind == INVITATION)
    })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use rondo_domain::event::{Event, Stamp};
    use rondo_domain::network::Network;
    use rondo_domain::notice::{About, NoticeEvent, Refusal, WaitsFor};
    use rondo_domain::participation::ParticipationEvent;
    use rondo_domain::{Country, Role, RoundId, StreamId};

    use super::*;

    fn replaced(was: &str, is: &str) -> Event {
        let (was, is, reason) = (was.parse().unwrap(), is.parse().unwrap(), "they changed places".to_owned());
        let (roles, keeps) = (Vec::new(), Vec::new());
        Event::Participation(ParticipationEvent::ContactReplaced { was, is, reason, roles, keeps })
    }

    #[test]
    fn whoever_has_an_invitation_under_way_needs_no_other() {
        let (round, country): (RoundId, Country) = ("ilms-asean-2025".parse().unwrap(), "LAO".parse().unwrap());
        let mut world = World::of(&World::WITHOUT_FIGURES);
        let mut size = 0;
        let mut happens = |world: &mut World, stream: &StreamId, event: &Event| {
            let engine = "scheduler".parse().unwrap();
            let actor = Network::default().actor(&engine, None, None, Timestamp::UNIX_EPOCH).unwrap();
            world.apply(stream, event, &Stamp { at: Timestamp::UNIX_EPOCH, actor: &actor, position: size });
            size += 1;
        };
        let (notice, part) =
            (StreamId::notice(&round, &"lao-one".parse().unwrap()), StreamId::participation(&round, &country));
        let brief = NoticeBrief {
            kind: INVITATION.to_owned(),
            country: Some(country.clone()),
            person: "lao-one".parse().unwrap(),
            role: Role::FocalPoint,
            step: "invite".parse().unwrap(),
            due_at: Timestamp::UNIX_EPOCH,
            reason: "they are invited".to_owned(),
            task: None,
            guards: Vec::new(),
        };
        let refusal = || Refusal::new(About::Recipient, 550, "no such mailbox");
        let until = Timestamp::UNIX_EPOCH;
        let waits_for = Some(WaitsFor::Register);
        let unknown =
            NoticeEvent::NoticeUnknown { attempt: 1, reason: "it broke".to_owned(), resend: false, cut_off: false };
        let key = (round, Some(country));
        let has = |world: &World| Invitations::of(world, &key, INVITATION, |_| None).has(&"lao-one".parse().unwrap());
        happens(
            &mut world,
            &part,
            &Event::Participation(ParticipationEvent::ParticipationExpected { tables: Vec::new() }),
        );
        assert!(!has(&world));
        for (event, needs_none) in [
            (NoticeEvent::NoticeDue { brief }, true),
            (NoticeEvent::NoticePostponed { until, reason: "nobody knows them".to_owned(), waits_for }, true),
            (
                NoticeEvent::NoticeAttempted {
                    attempt: 1,
                    message_id: "<1@example.org>".to_owned(),
                    address_token: None,
                },
                true,
            ),
            (NoticeEvent::NoticeDeferred { attempt: 1, refusal: refusal(), until }, true),
            (NoticeEvent::NoticeRefused { attempt: 1, refusal: refusal() }, false),
            (NoticeEvent::NoticeSuppressed { reason: "too late".to_owned() }, false),
            (unknown, true),
        ] {
            happens(&mut world, &notice, &Event::Notice(event.clone()));
            assert_eq!(has(&world), needs_none, "{event:?}");
            let own = |_: &PersonId| Some("lao-one".parse().unwrap());
            assert!(
                !Invitations::of(&world, &key, INVITATION, own).any(),
                "the step that raised it goes on: {event:?}"
            );
        }
        assert!(!Invitations::of(&world, &key, "reminder", |_| None).any());
        happens(&mut world, &part, &replaced("lao-one", "lao-two"));
        happens(&mut world, &part, &replaced("lao-two", "lao-one"));
        assert!(!has(&world), "they are asked anew");
    }
}
