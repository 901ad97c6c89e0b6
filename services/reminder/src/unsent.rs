//! Why a due notice is not sent now: it is no longer true, it comes too late, or nobody is at work.

use jiff::{SignedDuration, Timestamp};
use rondo_domain::MilestoneId;
use rondo_domain::calendar::{Calendar, Calendars, Offset};
use rondo_domain::notice::{Notice, NoticeBrief, NoticeCommand, NoticeState, WaitsFor};
use rondo_domain::participation::Participation;
use rondo_domain::round::{Round, RoundState};
use rondo_domain::run::Stage;
use rondo_domain::workflow::{Guarded, OWES_TABLES, Trigger, unmet};
use rondo_domain::world::World;
use rondo_runtime::people::People;

use crate::delivery::{Instead, Ready};
use crate::texts::Texts;

/// How long a mail about tables waits for the reading of a file that has come, before it looks again.
const UNREAD: SignedDuration = SignedDuration::from_hours(1);

/// How long a mail waits whose recipient's working hours nobody knows, before it looks again; a change of the calendar makes it
/// look at once.
const UNKNOWN_HOURS: SignedDuration = SignedDuration::from_hours(24);

/// How long mail to somebody who is not in the register waits, before that is recorded once more.
const UNLISTED: SignedDuration = SignedDuration::from_hours(24);

/// How the reason begins of a mail that waits for a calendar.
const NO_CALENDAR: &str = "nobody knows when people are at work";

/// Why a notice waits whose recipient's address nobody knows.
const NOT_IN_REGISTER: &str = "its recipient is not in the register of people";

/// Why a mail waits to whose recipient another came back.
const UNREACHED: &str = "a mail to its recipient came back, and nobody is reached at the address";

/// How long a mail without a time limit is of use.
const OF_USE: SignedDuration = SignedDuration::from_hours(5 * 24);

/// Until when a mail is of use: as long as its step says, or some days from when it was due or a person asked for it. The time in
/// which it was held up by what only people mend does not count.
pub(crate) fn of_use_until(texts: &Texts, one: &Ready<'_>) -> Timestamp {
    let Ready { notice, brief, held_up, .. } = *one;
    if notice.at_once {
        return notice.raised_at.unwrap_or(brief.due_at) + OF_USE;
    }
    let step = texts.definition.step(&brief.step).filter(|_| brief.task.is_none());
    let limit = step.and_then(|step| step.time_limit_hours);
    brief.due_at + held_up + limit.map_or(OF_USE, |hours| SignedDuration::from_hours(i64::from(hours)))
}

/// What is recorded of a due notice instead of sending it now, if anything: first, that it is not true any more; then, that nobody
/// knows its recipient's address, for which it is not given up, or that nobody is reached at it; then, that it comes too late, or at
/// the wrong hour.
pub(crate) fn instead(
    world: &World,
    texts: &Texts,
    people: &People,
    one: &Ready<'_>,
    now: Timestamp,
) -> Option<Instead> {
    let Ready { key, notice, brief, .. } = *one;
    let suppress = |reason: String| Some(("suppress", NoticeCommand::Suppress { reason }));
    let round = world.round(&key.0)?;
    if round.state == RoundState::Cancelled {
        return suppress("the round was cancelled".to_owned());
    }
    let participation = brief.country.as_ref().and_then(|country| world.participation(&key.0, country));
    if let Some(reason) = not_theirs(world, participation, brief, now) {
        return suppress(reason);
    }
    // A task is for others than the contacts of whom its guards may ask.
    let recipient = [&brief.person];
    let recipients = brief.task.is_none().then_some(&recipient[..]);
    let guarded = Guarded { round, participation, recipients };
    if let Some(reason) = unmet(brief.guards.iter().map(String::as_str), guarded) {
        return suppress(reason);
    }
    if let Some(task) = &brief.task
        && let Some((_, Stage::Completed { .. })) =
            world.run(&key.0, brief.country.as_ref()).and_then(|run| run.occurrence(&task.occurrence))
    {
        return suppress("its task is settled".to_owned());
    }
    let untrue = moved(world, texts, one).or_else(|| told_anew(world, texts, one));
    if let Some(reason) = untrue.or_else(|| too_early(world, texts, one, now)) {
        return suppress(reason);
    }
    if !people.person.contains_key(&brief.person) {
        // It leaves as soon as the register has them.
        return Some(postpone((now + UNLISTED, NOT_IN_REGISTER.to_owned(), WaitsFor::Register)));
    }
    if notice.at_once {
        return None;
    }
    if brief.role.is_of_country() && participation.is_some_and(|part| part.bounced.contains_key(&brief.person)) {
        return unreached(texts, one, now);
    }
    let hours = closed(world, texts, round, one, now);
    // What waits for a calendar is not given up for the time that it waits.
    if matches!(hours, Some((_, _, WaitsFor::Calendar))) {
        return hours.map(postpone);
    }
    if let Some(reason) = too_late(world, texts, one, now).or_else(|| is_over(world, texts, one, now)) {
        return suppress(reason);
    }
    let asks_for_tables = brief.guards.iter().any(|guard| guard == OWES_TABLES);
    if asks_for_tables && participation.is_some_and(Participation::has_unread_file) {
        return Some(postpone((now + UNREAD, "a file has come and is not read yet".to_owned(), WaitsFor::Reading)));
    }
    hours.map(postpone)
}

/// What is recorded of a mail to a contact at whose address nobody is reached: it is tried only where a person asks for it, and
/// waits for them to be reached again as long as it is of use. No other mail is raised for them either.
fn unreached(texts: &Texts, one: &Ready<'_>, now: Timestamp) -> Option<Instead> {
    let until = of_use_until(texts, one);
    if until <= now {
        let reason = format!("{UNREACHED}, and it would come too late");
        return Some(("suppress", NoticeCommand::Suppress { reason }));
    }
    Some(postpone((until, UNREACHED.to_owned(), WaitsFor::Contact)))
}

/// That a mail waits: until when, why, and for what.
type Wait = (Timestamp, String, WaitsFor);

fn postpone((until, reason, waits_for): Wait) -> Instead {
    ("postpone", NoticeCommand::Postpone { until, reason, waits_for: Some(waits_for) })
}

/// That its recipient is none of those any more to whom the mail would be raised now, if so: somebody has come in their place, or
/// their role has ended. Whoever is it now is written to by the steps that come.
pub(crate) fn not_theirs(
    world: &World,
    participation: Option<&Participation>,
    brief: &NoticeBrief,
    now: Timestamp,
) -> Option<String> {
    if participation.is_some_and(|part| part.is_replaced(&brief.person, brief.role)) {
        return Some("somebody else has come in its recipient's place".to_owned());
    }
    let holders = world.network().holders(brief.role, brief.country.as_ref(), now);
    let role = brief.role.as_str().replace('-', " ");
    (!holders.contains(&&brief.person)).then(|| format!("its recipient is no longer {role}"))
}

/// That a mail waited for longer than its step allows, if so. The time in which it was held up by what only people mend does not
/// count; but what was overtaken meanwhile does not leave.
fn too_late(world: &World, texts: &Texts, one: &Ready<'_>, now: Timestamp) -> Option<String> {
    let step = texts.definition.step(&one.brief.step).filter(|_| one.brief.task.is_none())?;
    let limit = step.time_limit_hours?;
    let late = now.duration_since(one.brief.due_at);
    let is_late = |late: SignedDuration| late.as_hours() >= i64::from(limit);
    if !is_late(late) {
        return None;
    }
    if !is_late(late - one.held_up) {
        return overtaken(world, one);
    }
    let waited = match (&one.notice.state, &one.notice.refusal) {
        (NoticeState::Postponed { reason, .. }, _) => format!(" ({reason})"),
        (NoticeState::Deferred { .. }, Some(refusal)) => format!(" ({})", refusal.class),
        _ => String::new(),
    };
    Some(format!("it could not leave within {limit} hours{waited}, and would come too late"))
}

/// Why a mail that was held up is of no use any more, if it is not: a later one says what holds now.
fn overtaken(world: &World, one: &Ready<'_>) -> Option<String> {
    let brief = one.brief;
    let asks = |brief: &NoticeBrief| brief.guards.iter().any(|guard| guard == OWES_TABLES);
    let is_newer = |other: &NoticeBrief| {
        other.person == brief.person
            && other.country == brief.country
            && other.task.is_none()
            && other.due_at > brief.due_at
            && (other.kind == brief.kind || (asks(other) && asks(brief)))
    };
    let counts = |notice: &Notice| {
        !matches!(notice.state, NoticeState::Suppressed { .. } | NoticeState::Refused { .. })
            && notice.brief.as_ref().is_some_and(is_newer)
    };
    let is_told = world.notices(&one.key.0).into_iter().any(|(_, notice)| counts(notice));
    is_told.then(|| "it was held up, and a later mail says what holds now".to_owned())
}

/// The milestone on which the step of a mail hangs, by how much, and when it is: of a country's deadline the one that is in force.
/// Nothing of a mail that tells of a task, which says nothing of days.
fn anchor<'t>(world: &World, texts: &'t Texts, one: &Ready<'_>) -> Option<(&'t MilestoneId, Offset, Timestamp)> {
    let step = texts.definition.step(&one.brief.step).filter(|_| one.brief.task.is_none())?;
    let Trigger::Milestone { milestone, offset, .. } = &step.trigger else { return None };
    let round = world.round(&one.key.0)?;
    let own = one.brief.country.as_ref().filter(|_| milestone.as_str() == "deadline");
    let at = match own {
        Some(country) => round.participants.get(country).map(|participant| participant.deadline.at),
        None => round.milestones.get(milestone).map(|moment| moment.at),
    }?;
    Some((milestone, *offset, at))
}

/// That what a mail was to come before is over, if so; of what was to come at that very instant, that it was held up for longer than
/// its step allows.
fn is_over(world: &World, texts: &Texts, one: &Ready<'_>, now: Timestamp) -> Option<String> {
    let (milestone, _, at) = anchor(world, texts, one)?;
    let limit = texts.definition.step(&one.brief.step).and_then(|step| step.time_limit_hours);
    let is_late = limit.is_some_and(|hours| now.duration_since(one.brief.due_at).as_hours() >= i64::from(hours));
    let comes_before = one.brief.due_at < at || (one.brief.due_at == at && is_late);
    let waited = if one.held_up.is_zero() { "waited" } else { "was held up" };
    (comes_before && at < now).then(|| format!("it {waited} until the {milestone} was over"))
}

/// That a mail says what is so after a day that is still to come, because the day was moved since the mail was raised, if so.
fn too_early(world: &World, texts: &Texts, one: &Ready<'_>, now: Timestamp) -> Option<String> {
    let (milestone, offset, at) = anchor(world, texts, one)?;
    (offset.count > 0 && now < at).then(|| format!("the {milestone} was moved, and is still to come"))
}

/// Until when nobody is at work where the recipient is, and why; nothing when people are, or the workflow does not ask.
fn closed(world: &World, texts: &Texts, round: &Round, one: &Ready<'_>, now: Timestamp) -> Option<Wait> {
    let hours = texts.definition.mail_hours?;
    let calendars = texts.calendars_in(round);
    let Some(calendar) = own_calendar(world, texts, &calendars, one.brief) else {
        // A change of the calendar was recorded that cannot be applied; it can be mended.
        let reason = format!("{NO_CALENDAR}: their calendar cannot be read");
        return Some((now + UNKNOWN_HOURS, reason, WaitsFor::Calendar));
    };
    match calendar.closed(now, hours) {
        Ok(None) => None,
        Ok(Some(closed)) => Some((closed.until, format!("{} in {}", closed.because, calendar.name), WaitsFor::Hours)),
        Err(error) => {
            tracing::error!(notice = %one.key.1, "{NO_CALENDAR}, and the mail waits: {error}");
            Some((now + UNKNOWN_HOURS, format!("{NO_CALENDAR}: {error}"), WaitsFor::Calendar))
        }
    }
}

/// The calendar by which somebody works: that of the place of their institution or its country; of somebody who is of no country and
/// whose institution says neither, or one of whose days nothing is known, the home country's.
fn own_calendar<'c>(
    world: &World,
    texts: &Texts,
    calendars: &'c Calendars,
    brief: &NoticeBrief,
) -> Option<&'c Calendar> {
    let network = world.network();
    let place = network.place(&brief.person, brief.role, brief.country.as_ref());
    if let Some(country) = brief.country.as_ref().filter(|_| brief.role.is_of_country()) {
        return calendars.at(country, place);
    }
    let own = place.and_then(|place| calendars.places.get(place)).or_else(|| {
        let country = network.seat(&brief.person, brief.role)?;
        calendars.get(country)
    });
    own.filter(|calendar| !calendar.covered.is_empty()).or_else(|| calendars.get(&texts.definition.home))
}

/// That the deadline was moved since a mail was raised, and that its step comes again, if so: what it says is not true any more.
fn moved(world: &World, texts: &Texts, one: &Ready<'_>) -> Option<String> {
    let Trigger::Milestone { milestone, .. } = &texts.definition.step(&one.brief.step)?.trigger else { return None };
    let run = world.run(&one.key.0, one.brief.country.as_ref())?;
    let (newest, due, _) = run.newest(&one.brief.step, milestone.as_str())?;
    let day = due.local.strftime("%a %-d %b %Y %H:%M");
    (newest.times() > 0 && due.at > one.brief.due_at)
        .then(|| format!("the deadline was moved, and it comes again on {day}"))
}

/// That the deadline was moved once more since a mail told of it, if so: the newer one tells what holds.
fn told_anew(world: &World, texts: &Texts, one: &Ready<'_>) -> Option<String> {
    let Trigger::Event { event, .. } = &texts.definition.step(&one.brief.step)?.trigger else { return None };
    let run = world.run(&one.key.0, one.brief.country.as_ref()).filter(|_| event == "deadline-extended")?;
    let newer = run.of_step(&one.brief.step).any(|(_, due, _)| due.at > one.brief.due_at);
    newer.then(|| "the deadline was moved once more, and a newer mail tells of it".to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use jiff::civil::date;
    use rondo_domain::calendar::{Moment, Roll};
    use rondo_domain::event::{Event, Stamp};
    use rondo_domain::network::Network;
    use rondo_domain::notice::NoticeEvent;
    use rondo_domain::round::{Participant, Pin, RoundEvent, RoundPlan};
    use rondo_domain::workflow::Bundle;
    use rondo_domain::{Country, FileHash, NoticeId, Role, RoundId, StreamId};

    use super::*;

    fn files(folder: &Path, below: &str, all: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let name = format!("{below}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                files(&entry.path(), &format!("{name}/"), all);
            } else {
                all.insert(name, std::fs::read_to_string(entry.path()).unwrap());
            }
        }
    }

    /// The ILMS round in Lao PDR with the deadline on this day, and a mail of a step that was raised at that instant.
    fn raised(texts: &Texts, day: jiff::civil::Date, step: &str, due_at: Timestamp) -> World {
        let (round, country): (RoundId, Country) = ("ilms-asean-2025".parse().unwrap(), "LAO".parse().unwrap());
        let calendar = texts.calendars.get(&country).unwrap();
        let deadline = calendar.moment(day, Moment::END_OF_DAY, Roll::None, "deadline".to_owned()).unwrap();
        let pin = Pin { workflow: "ilms-asean".parse().unwrap(), bundle: FileHash::of(b"") };
        let participants = vec![Participant { country: country.clone(), deadline, tables: Vec::new() }];
        let plan = RoundPlan { milestones: BTreeMap::new(), participants, reference_years: Vec::new() };
        let brief = NoticeBrief {
            kind: "reminder".to_owned(),
            country: Some(country),
            person: "lao-one".parse().unwrap(),
            role: Role::FocalPoint,
            step: step.parse().unwrap(),
            due_at,
            reason: "a test".to_owned(),
            task: None,
            guards: Vec::new(),
        };
        let notice: NoticeId = "lao-one".parse().unwrap();
        let mut world = World::of(&World::WITHOUT_FIGURES);
        let actor = Network::default().actor(&"reminder".parse().unwrap(), None, None, due_at).unwrap();
        for (stream, event) in [
            (StreamId::round(&round), Event::Round(RoundEvent::RoundConfigured { pin, plan })),
            (StreamId::notice(&round, &notice), Event::Notice(NoticeEvent::NoticeDue { brief })),
        ] {
            world.apply(&stream, &event, &Stamp { at: due_at, actor: &actor, position: 0 });
        }
        world
    }

    #[test]
    fn what_is_due_after_a_deadline_leaves_after_it_and_what_is_due_before_it_before() {
        let mut all = BTreeMap::new();
        files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../workflows/ilms-asean"), "", &mut all);
        all.retain(|name, _| !name.starts_with("demo/"));
        let texts = Texts::read(Bundle::new(all).unwrap()).unwrap();
        // On 7 November, a week after the first deadline: what was moved since the mail was raised, and what is said of it.
        for (day, step, due, told) in [
            (date(2025, 10, 31), "overdue-1", "2025-11-07T02:00:00Z", None),
            (
                date(2025, 11, 20),
                "overdue-1",
                "2025-11-07T02:00:00Z",
                Some("the deadline was moved, and is still to come"),
            ),
            (date(2025, 11, 20), "remind-before-2", "2025-11-07T02:00:00Z", None),
            (
                date(2025, 10, 31),
                "remind-before-2",
                "2025-10-28T02:00:00Z",
                Some("it waited until the deadline was over"),
            ),
            // Mail of the round's beginning, and mail that hangs on an event.
            (date(2025, 10, 31), "invite", "2025-09-15T04:00:00Z", None),
            (date(2025, 11, 20), "extension-granted", "2025-11-07T02:00:00Z", None),
        ] {
            let due = due.parse().unwrap();
            let world = raised(&texts, day, step, due);
            let key = ("ilms-asean-2025".parse().unwrap(), "lao-one".parse().unwrap());
            let notice = world.notice(&key.0, &key.1).unwrap();
            let brief = notice.brief.as_ref().unwrap();
            let one = Ready { key: &key, notice, brief, held_up: SignedDuration::ZERO };
            let now = "2025-11-07T02:02:00Z".parse().unwrap();
            let said = too_early(&world, &texts, &one, now).or_else(|| is_over(&world, &texts, &one, now));
            assert_eq!(said.as_deref(), told, "{step} by a deadline on {day}");
        }
    }
}
