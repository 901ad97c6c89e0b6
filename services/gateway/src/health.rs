//! What an operator is told: the state of every role, of mail, of the log's upkeep, and what is wrong, as JSON and as numbers.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json};
use jiff::{SignedDuration, Timestamp};
use metrics::gauge;
use rondo_domain::coming;
use rondo_domain::notice::{About, Notice, NoticeStanding, NoticeState};
use rondo_domain::round::{Round, RoundState};
use rondo_domain::world::World;
use rondo_domain::{FileHash, Service};
use rondo_eventlog::Fault;
use rondo_runtime::alarm::{Alarm, AlarmCode};
use rondo_runtime::lifecycle::with_sources;
use rondo_runtime::progress::{Report, Upkeep};
use serde_json::{Value, json};

use crate::ROLE;
use crate::router::Shared;

/// How long the ledger may take for a try before it counts as one that records nothing.
const PROBE: Duration = Duration::from_secs(5);
/// How long a page waits for the ledger, which it needs for nothing else.
const LOOK: Duration = Duration::from_secs(2);
/// A role that has not shown a sign of life for so long is missed. One mail or one file takes less.
const SILENT: Duration = Duration::from_secs(180);
/// A role that has work for so long does not keep up.
const BEHIND: Duration = Duration::from_secs(900);
/// Mail that should have left so long ago is late: the mail server was tried several times by then.
const LATE: Duration = Duration::from_secs(6 * 3_600);

/// What keeps steps from firing, mail from leaving or the log from being kept, the gravest first; nothing while all is well.
/// `records` says how long the log is.
pub(crate) fn alarms(shared: &Shared, records: u64) -> Vec<Alarm> {
    let reports = shared.roles.reports();
    let mut alarms = Vec::new();
    for (role, report) in &reports {
        alarms.extend(report.alarms.iter().map(|(code, says)| alarm(*code, role, says.clone())));
    }
    let running = shared.began.elapsed().as_secs();
    // The others have to be there, in this process or elsewhere.
    let needed = Service::NAMES.into_iter().filter(|role| *role != ROLE);
    alarms.extend(needed.filter_map(|role| missed(role, reports.get(role), records, running)));
    // Of a log that is still being read for the first time nobody knows yet what has fired or left.
    if *shared.projection.position().borrow() > 0 {
        let now = shared.clock.now();
        alarms.extend(shared.projection.with(|world| of_rounds(world, &gathering(shared), now)));
    }
    alarms.sort_by_key(|alarm| alarm.code);
    alarms
}

/// The same, and that the log does not answer, if so, as whoever looks at a page is told.
pub(crate) async fn alarms_of_now(shared: &Shared, records: u64) -> Vec<Alarm> {
    let asked = tokio::time::timeout(LOOK, shared.ledger.head()).await;
    alarms_where(shared, records, asked.is_ok_and(|head| head.is_ok()))
}

/// The same, where the log was asked: that it does not answer stands first, unless the ledger itself says why.
fn alarms_where(shared: &Shared, records: u64, answers: bool) -> Vec<Alarm> {
    let mut alarms = alarms(shared, records);
    let says_why = |alarm: &Alarm| matches!(alarm.code, AlarmCode::WritePath | AlarmCode::Fork);
    if !answers && !alarms.iter().any(says_why) {
        alarms.insert(0, away());
    }
    alarms
}

/// That the log does not answer: nothing is recorded, and nobody else says so.
fn away() -> Alarm {
    let says = "The ledger does not answer, so that nothing is recorded. See that it runs and reaches the broker; its log says why it ended.";
    alarm(AlarmCode::LedgerAway, "ledger", says.to_owned())
}

fn alarm(code: AlarmCode, role: &str, says: String) -> Alarm {
    Alarm { code, role: role.to_owned(), says }
}

/// What is wrong with a role, as far as it can be seen from here.
fn missed(role: &str, report: Option<&Report>, records: u64, running: u64) -> Option<Alarm> {
    let Some(report) = report else {
        let says = format!("The {role} was never heard since the gateway began. See that it runs.");
        return (running > SILENT.as_secs()).then(|| alarm(AlarmCode::RoleSilent, role, says));
    };
    if report.turned > SILENT.as_secs() {
        let minutes = report.turned / 60;
        let says = format!("The {role} has shown no sign of life for {minutes} minutes. See that it runs.");
        return Some(alarm(AlarmCode::RoleSilent, role, says));
    }
    let lag = lag(report, records);
    let says = format!("The {role} is {lag} records behind and does not come to an end. Look into its log.");
    (lag > 0 && report.rested > BEHIND.as_secs()).then(|| alarm(AlarmCode::RoleBehind, role, says))
}

fn lag(report: &Report, records: u64) -> u64 {
    records.saturating_sub(report.idle.map_or(0, |idle| idle.position))
}

/// What is wrong in rounds, as they were read.
fn of_rounds(world: &World, gathered: &Gathered<'_>, now: Timestamp) -> Vec<Alarm> {
    let silence = coming::silence(world, now).map(|(count, first)| {
        let (steps, since) = if count == 1 { ("step has", "it was") } else { ("steps have", "the first was") };
        let says = format!(
            "The scheduler is silent: {count} {steps} not fired; {since} due {} ({}). See that it runs.",
            first.local.strftime("%a %-d %b %Y %H:%M"),
            first.reckoned.zone
        );
        alarm(AlarmCode::StepsOverdue, "scheduler", says)
    });
    let late =
        oldest_waiting(world, gathered, now).filter(|due| seconds_since(*due, now) > LATE.as_secs()).map(|due| {
            let hours = seconds_since(due, now) / 3_600;
            let says =
                format!("Mail that should have left {hours} hours ago still waits. See the mail log of its round.");
            alarm(AlarmCode::MailLate, "reminder", says)
        });
    let stuck = stuck_mail(world).into_iter().map(|says| alarm(AlarmCode::MailStuck, "reminder", says));
    silence.into_iter().chain(late).chain(stuck).collect()
}

/// Rounds at work with mail that a person has to look at: it was refused for what it is, or nobody knows whether it arrived. What a
/// recipient's server refused is about the contact, and has a task of its own.
fn stuck_mail(world: &World) -> Vec<String> {
    let mut told = Vec::new();
    for (id, round) in world.rounds() {
        if matches!(round.state, RoundState::Published | RoundState::Cancelled) {
            continue;
        }
        let stuck = world.notices(&id).into_iter().filter(|(_, notice)| match &notice.state {
            NoticeState::Refused { refusal } => refusal.about != About::Recipient,
            state => *state == NoticeState::Unknown,
        });
        match stuck.count() {
            0 => {}
            1 => told.push(format!("A mail of {id} did not leave, or may not have: see its mail log.")),
            many => told.push(format!("{many} mails of {id} did not leave, or may not have: see its mail log.")),
        }
    }
    told
}

/// How many notices of all rounds are in each state.
fn mail_by_state(world: &World) -> BTreeMap<&'static str, u64> {
    // Every state stands there, so that a number that falls to nothing is told as nothing.
    let mut states: BTreeMap<_, _> = NoticeState::NAMES.iter().map(|name| (*name, 0)).collect();
    for (id, _) in world.rounds() {
        for (_, notice) in world.notices(&id) {
            *states.entry(notice.state.as_str()).or_default() += 1;
        }
    }
    states
}

/// For how long mail of a definition is gathered before it leaves, by the definition's hash.
type Gathered<'g> = dyn Fn(&FileHash) -> SignedDuration + 'g;

/// The same, as the definitions that are read say it.
fn gathering(shared: &Shared) -> impl Fn(&FileHash) -> SignedDuration {
    |bundle| {
        let minutes = shared.projection.texts(Some(bundle)).definition.as_ref().map_or(0, |it| it.gather_minutes);
        SignedDuration::from_mins(i64::from(minutes))
    }
}

/// Since when the mail could have left that has waited longest without having to. Mail that was raised late is late from then on,
/// and what is gathered with others does not wait.
fn oldest_waiting(world: &World, gathered: &Gathered<'_>, now: Timestamp) -> Option<Timestamp> {
    let waits = |round: &Round, notice: &Notice| {
        let brief = notice.brief.as_ref()?;
        let held = round.state == RoundState::Cancelled || !notice.at_once && round.holds_mail(brief).is_some();
        let since = match notice.state.standing() {
            NoticeStanding::Waits | NoticeStanding::BeingSent => notice.leaves_from?,
            _ => return None,
        };
        let gathers = notice.state == NoticeState::Due && !notice.at_once;
        let pin = round.pin.as_ref().filter(|_| gathers);
        let since = since + pin.map_or(SignedDuration::ZERO, |pin| gathered(&pin.bundle));
        // While it was paused it had to wait; one that is wanted at once never had to.
        let since = round.let_mail_go(brief).filter(|_| !notice.at_once).map_or(since, |at| since.max(at));
        (!held && since <= now).then_some(since)
    };
    let rounds = world.rounds();
    let of = rounds.iter().flat_map(|(id, round)| {
        world.notices(id).into_iter().filter_map(|(_, notice)| waits(round, notice)).collect::<Vec<_>>()
    });
    of.min()
}

fn seconds_since(then: Timestamp, now: Timestamp) -> u64 {
    now.duration_since(then).as_secs().unsigned_abs()
}

fn upkeep(reports: &BTreeMap<String, Report>) -> Option<&Upkeep> {
    reports.values().find_map(|report| report.upkeep.as_ref())
}

/// `/health`: status 200 while all is well, 503 with an alarm or without the log.
pub(crate) async fn health(State(shared): State<Shared>) -> impl IntoResponse {
    let read = *shared.projection.position().borrow();
    let program = json!({
        "version": env!("CARGO_PKG_VERSION"), "process": std::process::id(), "running_seconds": shared.began.elapsed().as_secs(),
    });
    // Not only that the ledger answers: the way is tried that a command goes.
    let tried = tokio::time::timeout(PROBE, shared.ledger.probe()).await;
    let late = || Fault::NotNow(format!("nothing came of a try to record within {} seconds", PROBE.as_secs()));
    let tried = match tried.unwrap_or_else(|_| Err(late())) {
        // It answers, and the alarm says why it takes nothing.
        Err(Fault::Contradicted(_)) => shared.ledger.head().await,
        tried => tried,
    };
    // Of a log that does not answer it is told how it was last seen.
    let records = tried.as_ref().map_or(read, |head| head.size);
    let alarms = alarms_where(&shared, records, tried.is_ok());
    let (status, code) = match (&tried, alarms.is_empty()) {
        (Err(_), _) => ("unavailable", StatusCode::SERVICE_UNAVAILABLE),
        (Ok(_), true) => ("ok", StatusCode::OK),
        (Ok(_), false) => ("degraded", StatusCode::SERVICE_UNAVAILABLE),
    };
    let mut answer = json!({
        "version": 1,
        "status": status,
        "now": shared.clock.now(),
        "program": program,
        "pages_read": read,
        "roles": roles(&shared, records),
        "mail": shared.projection.with(|world| mail(world, &gathering(&shared), shared.clock.now())),
        "log": upkeep(&shared.roles.reports()),
        "alarms": alarms,
    });
    match tried {
        Ok(head) => {
            answer["records"] = json!(head.size);
            answer["root"] = json!(head.root.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        }
        Err(fault) => answer["why"] = json!(with_sources(&fault)),
    }
    (code, Json(answer))
}

fn roles(shared: &Shared, records: u64) -> Value {
    let read = *shared.projection.position().borrow();
    let mut roles: BTreeMap<String, Value> = BTreeMap::new();
    for (role, report) in shared.roles.reports() {
        let (position, next) = (report.idle.map(|idle| idle.position), report.idle.and_then(|idle| idle.next));
        let told = json!({
            "position": position, "next": next, "lag": lag(&report, records), "age_seconds": report.turned,
            "rested_seconds": report.rested, "running_seconds": report.running, "version": report.version,
            "process": report.process,
        });
        roles.insert(role, told);
    }
    let own = json!({"position": read, "lag": records.saturating_sub(read), "process": std::process::id()});
    roles.insert(ROLE.to_owned(), own);
    json!(roles)
}

fn mail(world: &World, gathered: &Gathered<'_>, now: Timestamp) -> Value {
    let oldest = oldest_waiting(world, gathered, now);
    let waited = oldest.map(|due| seconds_since(due, now));
    json!({"states": mail_by_state(world), "oldest_waiting": oldest, "oldest_waiting_seconds": waited})
}

/// `/metrics`: the same as numbers (Prometheus text format 0.0.4).
pub(crate) async fn numbers(State(shared): State<Shared>) -> impl IntoResponse {
    let (read, now) = (*shared.projection.position().borrow(), shared.clock.now());
    let head = shared.ledger.head().await.ok();
    gauge!("rondo_ledger_reachable").set(if head.is_some() { 1.0 } else { 0.0 });
    let records = head.map_or(read, |head| head.size);
    if head.is_some() {
        gauge!("rondo_log_records").set(records as f64);
    }
    gauge!("rondo_pages_read_records").set(read as f64);
    let reports = shared.roles.reports();
    for (role, report) in &reports {
        let role = role.clone();
        gauge!("rondo_role_read_records", "role" => role.clone())
            .set(report.idle.map_or(0, |idle| idle.position) as f64);
        gauge!("rondo_role_lag_records", "role" => role.clone()).set(lag(report, records) as f64);
        gauge!("rondo_role_age_seconds", "role" => role.clone()).set(report.turned as f64);
        gauge!("rondo_role_running_seconds", "role" => role).set(report.running as f64);
    }
    let (overdue, states, oldest) = shared.projection.with(|world| {
        let oldest = oldest_waiting(world, &gathering(&shared), now);
        (coming::silence(world, now), mail_by_state(world), oldest)
    });
    gauge!("rondo_overdue_steps").set(overdue.map_or(0, |(count, _)| count) as f64);
    for (state, count) in states {
        gauge!("rondo_mail", "state" => state).set(count as f64);
    }
    gauge!("rondo_mail_oldest_waiting_seconds").set(oldest.map_or(0, |due| seconds_since(due, now)) as f64);
    if let Some(upkeep) = upkeep(&reports) {
        of_upkeep(upkeep, records);
    }
    let alarms = alarms_where(&shared, records, head.is_some());
    for code in AlarmCode::ALL {
        let raised = alarms.iter().filter(|alarm| alarm.code == *code).count();
        gauge!("rondo_alarm", "code" => code.as_str()).set(raised as f64);
    }
    gauge!("rondo_log_lines_lost").set(rondo_runtime::telemetry::lost() as f64);
    gauge!("rondo_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    shared.process.collect();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], shared.metrics.render())
}

fn of_upkeep(upkeep: &Upkeep, records: u64) {
    gauge!("rondo_unsigned_records").set(records.saturating_sub(upkeep.signed_records) as f64);
    // Moments, as is the custom: whoever watches reckons the age with their own clock.
    for (name, at) in [("checkpoint", upkeep.signed_at), ("witness", upkeep.witnessed_at)] {
        if let Some(at) = at {
            gauge!("rondo_signed_timestamp_seconds", "by" => name).set(at.as_second() as f64);
        }
    }
    gauge!("rondo_disk_free_bytes").set(upkeep.disk_free as f64);
    gauge!("rondo_disk_size_bytes").set(upkeep.disk_size as f64);
}

#[cfg(test)]
mod tests {
    use rondo_domain::event::{Event, Stamp};
    use rondo_domain::network::Network;
    use rondo_domain::notice::{NoticeBrief, NoticeEvent};
    use rondo_domain::round::{MailScope, Pin, RoundEvent};
    use rondo_domain::{Role, RoundId, StreamId};

    use super::*;

    #[test]
    fn mail_waits_from_when_it_was_raised_and_could_leave() {
        let (mut world, round): (_, RoundId) = (World::of(&World::WITHOUT_FIGURES), "ilms-asean-2025".parse().unwrap());
        let hour = |hours: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours);
        let hear = |world: &mut World, stream: &StreamId, event: Event, at: Timestamp| {
            let actor = Network::default().actor(&"reminder".parse().unwrap(), None, None, at).unwrap();
            world.apply(stream, &event, &Stamp { at, actor: &actor, position: 0 });
        };
        let pin = Pin { workflow: "ilms-asean".parse().unwrap(), bundle: FileHash::of(b"") };
        let planned = RoundEvent::RoundPlanned { pin, year: 2025, title: "ILMS".to_owned() };
        hear(&mut world, &StreamId::round(&round), Event::Round(planned), hour(0));
        let brief = NoticeBrief {
            kind: "invitation".to_owned(),
            country: None,
            person: "lao-focal".parse().unwrap(),
            role: Role::FocalPoint,
            step: "invite".parse().unwrap(),
            due_at: hour(5),
            reason: "they are invited".to_owned(),
            task: None,
            guards: Vec::new(),
        };
        let stream = StreamId::notice(&round, &"lao-invite-1".parse().unwrap());
        let gathered = |_: &FileHash| SignedDuration::from_hours(1);
        let waits = |world: &World, at| oldest_waiting(world, &gathered, at);
        // Planned a hundred hours late: it waits from then on, and not while it is gathered.
        hear(&mut world, &stream, Event::Notice(NoticeEvent::NoticeDue { brief }), hour(100));
        assert_eq!(waits(&world, hour(100)), None);
        assert_eq!(waits(&world, hour(103)), Some(hour(101)));
        // It was paused meanwhile; so was mail about others, which is no reason for this one.
        let mut scoped = |pause: bool, scope: MailScope, at: Timestamp| {
            let reason = "a storm".to_owned();
            let event = if pause {
                RoundEvent::MailPaused { scope, reason }
            } else {
                RoundEvent::MailResumed { scope, reason }
            };
            hear(&mut world, &StreamId::round(&round), Event::Round(event), at);
            oldest_waiting(&world, &gathered, at)
        };
        let other = || MailScope::Country("VNM".parse().unwrap());
        let kind = || MailScope::Kind("invitation".to_owned());
        assert_eq!(scoped(true, other(), hour(104)), Some(hour(101)));
        assert_eq!(scoped(false, other(), hour(105)), Some(hour(101)));
        assert_eq!(scoped(true, kind(), hour(106)), None);
        assert_eq!(scoped(false, kind(), hour(120)), Some(hour(120)), "it could leave from then on, and not before");
        // It was to wait for the morning, and is only tried since.
        let postponed =
            NoticeEvent::NoticePostponed { until: hour(160), reason: "Saturday".to_owned(), waits_for: None };
        hear(&mut world, &stream, Event::Notice(postponed), hour(101));
        assert_eq!(waits(&world, hour(159)), None);
        let attempted =
            NoticeEvent::NoticeAttempted { attempt: 1, message_id: "<a@example.org>".to_owned(), address_token: None };
        hear(&mut world, &stream, Event::Notice(attempted), hour(160));
        assert_eq!(waits(&world, hour(161)), Some(hour(160)));
        hear(&mut world, &stream, Event::Notice(NoticeEvent::NoticeSent { attempt: 1 }), hour(161));
        assert_eq!(waits(&world, hour(162)), None);
    }
}
