//! What may be wished of a notice, and what what is heard of it changes.

use super::*;
use crate::event::Stamp;
use crate::network::Network;

/// A notice that was attempted once and of which this was heard.
fn after(event: Option<NoticeEvent>) -> Notice {
    let actor = Network::default().actor(&"reminder".parse().unwrap(), None, None, Timestamp::UNIX_EPOCH).unwrap();
    let stamp = Stamp { at: Timestamp::UNIX_EPOCH, actor: &actor, position: 0 };
    let mut notice = Notice::default();
    let attempted =
        NoticeEvent::NoticeAttempted { attempt: 1, message_id: "<n.r@example.org>".to_owned(), address_token: None };
    for event in [attempted].into_iter().chain(event) {
        notice.evolve(&event, &stamp);
    }
    notice
}

fn decided(notice: &Notice, command: &NoticeCommand, role: Role) -> Result<usize, Rejection> {
    let now = Timestamp::UNIX_EPOCH;
    let mut actor = Network::default().actor(&"reminder".parse().unwrap(), None, None, now).unwrap();
    actor.role = role;
    decide(notice, command, &Context { actor: &actor, now, surroundings: &[] }).map(|events| events.len())
}

fn failures() -> [NoticeEvent; 4] {
    let reason = "it came back".to_owned();
    let refusal = Refusal::new(crate::notice::About::Mail, 552, "the mailbox is full");
    [
        NoticeEvent::NoticeBounced { hard: true, reason: reason.clone() },
        NoticeEvent::NoticeUndelivered { obstacle: Obstacle::Full, reason: reason.clone() },
        NoticeEvent::NoticeRefused { attempt: 1, refusal },
        NoticeEvent::NoticeUnknown { attempt: 1, reason, resend: false, cut_off: false },
    ]
}

#[test]
fn an_end_of_ours_is_told_from_a_server_that_does_not_say() {
    let unknown = |reason: &str, cut_off| NoticeEvent::NoticeUnknown {
        attempt: 1,
        reason: reason.to_owned(),
        resend: false,
        cut_off,
    };
    assert!(unknown("in other words", true).was_cut_off());
    assert!(unknown(crate::notice::CUT_OFF, false).was_cut_off(), "a record of before");
    assert!(!unknown("the connection broke", false).was_cut_off());
}

#[test]
fn an_attempt_names_no_address() {
    let due = Notice { state: NoticeState::Due, ..Notice::default() };
    let attempt = |token: &str| NoticeCommand::Attempt {
        attempt: 1,
        message_id: "<n.r@example.org>".to_owned(),
        address_token: Some(token.to_owned()),
    };
    assert_eq!(decided(&due, &attempt("0123456789abcdef0123"), Role::Service), Ok(1));
    for token in ["focal@office.example", "", "0123456789abcdeg0123"] {
        assert!(decided(&due, &attempt(token), Role::Service).is_err(), "{token}");
    }
}

#[test]
fn whatever_failed_can_be_answered_and_sent_again_and_settled() {
    let again = NoticeCommand::SendAgain { reason: "they have room again".to_owned() };
    let settled = NoticeCommand::Suppress { reason: "they were told by telephone".to_owned() };
    for event in failures() {
        let notice = after(Some(event.clone()));
        assert_eq!(decided(&notice, &NoticeCommand::RecordAnswer, Role::Service), Ok(1), "{event:?}");
        assert_eq!(decided(&notice, &again, Role::RegionalCoordinator), Ok(1), "{event:?}");
        assert_eq!(decided(&notice, &settled, Role::RegionalCoordinator), Ok(1), "{event:?}");
    }
    let answered = after(Some(NoticeEvent::NoticeAnswered {}));
    assert_eq!(decided(&answered, &NoticeCommand::RecordAnswer, Role::Service), Ok(0));
    assert!(decided(&answered, &again, Role::RegionalCoordinator).is_err(), "what arrived is not sent again");
    assert!(decided(&answered, &settled, Role::RegionalCoordinator).is_err(), "and is no mail that was not sent");
    let delayed = after(Some(NoticeEvent::NoticeBounced { hard: false, reason: "it is delayed".to_owned() }));
    assert!(decided(&delayed, &again, Role::RegionalCoordinator).is_err(), "it is under way");
    assert!(
        decided(&Notice::default(), &NoticeCommand::RecordAnswer, Role::Service).is_err(),
        "what was never sent is answered by nobody"
    );
}

#[test]
fn what_is_delayed_is_under_way_until_something_else_is_heard() {
    let delay = |reason: &str| NoticeEvent::NoticeBounced { hard: false, reason: reason.to_owned() };
    let told = "it is delayed (status 4.7.1)";
    let wished = NoticeCommand::RecordBounce { hard: false, reason: told.to_owned() };
    let heard = |events: Vec<NoticeEvent>| {
        let mut notice = after(Some(NoticeEvent::NoticeSent { attempt: 1 }));
        let actor = Network::default().actor(&"reminder".parse().unwrap(), None, None, Timestamp::UNIX_EPOCH).unwrap();
        let stamp = Stamp { at: Timestamp::UNIX_EPOCH, actor: &actor, position: 0 };
        events.iter().for_each(|event| notice.evolve(event, &stamp));
        notice
    };
    let delayed = heard(vec![delay(told)]);
    assert_eq!((&delayed.state, delayed.state.standing()), (&NoticeState::Sent, NoticeStanding::Left));
    assert_eq!(delayed.remarks(), ["delayed (status 4.7.1)"]);
    assert_eq!(decided(&delayed, &wished, Role::Service), Ok(0), "it is known");
    let other = heard(vec![delay("their server is away"), NoticeEvent::NoticeComplained { kind: "abuse".to_owned() }]);
    assert_eq!(other.remarks(), ["delayed: their server is away", "a complaint came (abuse)"]);
    let reason = || "it came back".to_owned();
    let hard = NoticeEvent::NoticeBounced { hard: true, reason: reason() };
    let undelivered = NoticeEvent::NoticeUndelivered { obstacle: Obstacle::Time, reason: reason() };
    for (event, state, standing) in [
        (hard, "bounced", NoticeStanding::Astray),
        (undelivered, "undelivered", NoticeStanding::Astray),
        (NoticeEvent::NoticeDelivered {}, "delivered", NoticeStanding::Left),
        (NoticeEvent::NoticeAnswered {}, "answered", NoticeStanding::Left),
    ] {
        // Nor does a warning that comes late, or stands late in a log of before, take back what is known.
        for events in [vec![delay(told), event.clone()], vec![event, delay(told)]] {
            let notice = heard(events);
            assert_eq!((notice.state.as_str(), notice.state.standing()), (state, standing));
            assert!(notice.remarks().is_empty(), "{state}");
            assert_eq!(decided(&notice, &wished, Role::Service), Ok(0), "{state}");
        }
    }
    // Whoever delays it has it, so that it has left.
    let unknown = NoticeEvent::NoticeUnknown { attempt: 1, reason: reason(), resend: false, cut_off: false };
    assert_eq!(heard(vec![unknown, delay(told)]).state, NoticeState::Sent);
}
