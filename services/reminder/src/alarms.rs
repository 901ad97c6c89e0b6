//! The alarms that mail gives cause for: what an operator has to look at, raised by code and ended when it is over.

use jiff::Timestamp;
use rondo_domain::PersonId;
use rondo_runtime::alarm::AlarmCode;
use rondo_runtime::progress::Progress;

use crate::ROLE;
use crate::inbox::Inbox;
use crate::outbox::Outbox;

/// Raises what there is cause for, and ends what is over.
pub(crate) fn tell(outbox: &Outbox, inbox: Option<&Inbox>, progress: &dyn Progress, now: Timestamp) {
    let count = |number: usize, one: &str, many: &str| match number {
        0 => None,
        1 => Some(one.to_owned()),
        number => Some(many.replace("{}", &number.to_string())),
    };
    let stuck = count(
        outbox.left_alone(),
        "What became of a mail is not recorded; it is left alone for an hour, and the log says why.",
        "What became of {} mails is not recorded; they are left alone for an hour, and the log says why.",
    );
    progress.alarm(ROLE, AlarmCode::NoProgress, stuck.as_deref());
    let homeless = count(
        outbox.without_texts(),
        "A mail waits, because its round or its workflow cannot be read.",
        "{} mails wait, because their round or its workflow cannot be read.",
    );
    let dateless = count(
        outbox.without_calendar(now),
        "A mail waits, because the calendar of its recipient does not cover this year.",
        "{} mails wait, because the calendars of their recipients do not cover this year.",
    );
    let unreadable: Vec<String> = homeless.into_iter().chain(dateless).collect();
    let unreadable = (!unreadable.is_empty()).then(|| unreadable.join(" "));
    progress.alarm(ROLE, AlarmCode::RoundUnreadable, unreadable.as_deref());
    progress.alarm(ROLE, AlarmCode::ReturnedUnclear, inbox.and_then(Inbox::alarm).as_deref());
    let unlisted = outbox.unlisted(now);
    let waits = (!unlisted.is_empty()).then(|| {
        let people: Vec<&str> = unlisted.into_iter().take(5).map(PersonId::as_str).collect();
        format!(
            "Mail waits for people who are not in the register: {}. Name them with `rondo person add`.",
            people.join(", ")
        )
    });
    progress.alarm(ROLE, AlarmCode::RegisterIncomplete, waits.as_deref());
    let held = outbox.held().map(|held| {
        let until = held.until.strftime("%a %-d %b %H:%M UTC");
        format!("No mail leaves: {}. It is tried again at {until}.", held.refusal.told())
    });
    progress.alarm(ROLE, AlarmCode::MailServer, held.as_deref());
}
