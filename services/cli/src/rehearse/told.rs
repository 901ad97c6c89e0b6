//! What a rehearsal tells: every date, mail, task, escalation and release, in the order of their instants.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rondo_domain::event::Event;
use rondo_domain::notice::{NoticeBrief, NoticeEvent};
use rondo_domain::participation::ParticipationEvent as P;
use rondo_domain::release::ReleaseEvent;
use rondo_domain::round::RoundEvent;
use rondo_domain::run::{Outcome, RunEvent};
use rondo_domain::{Country, Role, StreamId, Year};
use rondo_eventlog::Record;
use rondo_scheduler::definitions::Ready;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::{Form, Listing, document, hint};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Told {
    at: Timestamp,
    country: Option<Country>,
    kind: &'static str,
    what: String,
    why: String,
}

/// Prints it.
pub(super) fn print(
    ready: &Ready,
    year: Year,
    records: &[Record],
    refused: &[(Timestamp, Option<Country>, String)],
    form: Form,
) -> Result<(), Failure> {
    let mut all = told(ready, records);
    all.extend(refused.iter().map(|(at, country, why)| Told {
        at: *at,
        country: country.clone(),
        kind: "refused",
        what: "what a person would do was refused".to_owned(),
        why: why.clone(),
    }));
    all.sort();
    let mut totals: BTreeMap<&str, usize> = BTreeMap::new();
    for told in &all {
        *totals.entry(told.kind).or_default() += 1;
    }
    let entries: Vec<Value> = all.iter().map(|told| entry(ready, told)).collect();
    if matches!(form, Form::Json) {
        let value = json!({"workflow": ready.definition.id, "year": year, "events": entries, "totals": totals});
        return document(form, value, "");
    }
    let columns = &[
        ("/local", "Local time"),
        ("/zone", "Of"),
        ("/country", "Country"),
        ("/kind", "Kind"),
        ("/what", "What"),
        ("/why", "Why"),
    ];
    Listing { name: "events", columns, entries, empty: "Nothing would happen." }.print(form)?;
    let counted: Vec<String> = totals.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    hint(&format!("Nothing was sent and nothing was stored. In all: {}.", counted.join(", ")));
    Ok(())
}

fn entry(ready: &Ready, told: &Told) -> Value {
    // A country without a calendar was refused when the workflow was read.
    let clock = ready.calendar(told.country.as_ref().unwrap_or(&ready.definition.home)).ok();
    let local = clock.map(|clock| clock.zone.to_datetime(told.at));
    json!({
        "at": told.at,
        "local": local.map(|local| local.strftime("%a %Y-%m-%d %H:%M").to_string()),
        "zone": clock.map(|clock| &clock.zone_name),
        "country": told.country, "kind": told.kind, "what": told.what, "why": told.why,
    })
}

fn told(ready: &Ready, records: &[Record]) -> Vec<Told> {
    let mut notices: BTreeMap<&StreamId, &NoticeBrief> = BTreeMap::new();
    let mut all = Vec::new();
    for record in records {
        let of = |country: Option<Country>, kind, what: String, why: String| {
            Some(Told { at: record.recorded_at, country, kind, what, why })
        };
        let plain = |kind, what: &str| of(None, kind, what.to_owned(), String::new());
        if let Event::Round(RoundEvent::RoundConfigured { plan, .. }) = &record.event {
            all.extend(dates(plan));
        }
        all.extend(match &record.event {
            Event::Round(event) => round(event).and_then(|what| plain("round", what)),
            Event::Participation(event) => {
                answer(event).and_then(|what| of(record.stream.country(), "answer", what.to_owned(), String::new()))
            }
            Event::Notice(NoticeEvent::NoticeDue { brief }) => {
                notices.insert(&record.stream, brief);
                None
            }
            Event::Notice(event) => {
                notices.get(&record.stream).and_then(|brief| mail(event, brief)).and_then(|(kind, what, why)| {
                    let country = notices.get(&record.stream).and_then(|brief| brief.country.clone());
                    of(country, kind, what, why)
                })
            }
            Event::Run(event) => {
                run(ready, event).and_then(|(kind, what, why)| of(record.stream.country(), kind, what, why))
            }
            Event::Release(event) => release(event).and_then(|what| plain("release", what)),
            Event::Network(_) | Event::Figures(_) => None,
        });
    }
    all
}

fn dates(plan: &rondo_domain::round::RoundPlan) -> Vec<Told> {
    let milestones = plan.milestones.iter().map(|(id, moment)| (None, format!("milestone {id}"), moment));
    let deadlines = plan
        .participants
        .iter()
        .map(|part| (Some(part.country.clone()), "deadline of the country".to_owned(), &part.deadline));
    let told = |(country, what, moment): (Option<Country>, String, &rondo_domain::calendar::Moment)| Told {
        at: moment.at,
        country,
        kind: "date",
        what,
        why: moment.explanation(),
    };
    milestones.chain(deadlines).map(told).collect()
}

fn round(event: &RoundEvent) -> Option<&'static str> {
    match event {
        RoundEvent::RoundLaunched {} => Some("the round begins"),
        RoundEvent::RoundClosing {} => Some("late answers only"),
        RoundEvent::RoundClosed {} => Some("no more answers are taken"),
        RoundEvent::RoundFinalising {} => Some("countries confirm, and the release is prepared"),
        RoundEvent::RoundPublished { .. } => Some("the round is published"),
        _ => None,
    }
}

fn answer(event: &P) -> Option<&'static str> {
    match event {
        P::SubmissionReceived { .. } => Some("its file comes"),
        P::TablesAccepted { .. } => Some("its tables are accepted"),
        P::CountryConfirmed {} => Some("it confirms its tables"),
        P::ParticipationClosed { .. } => Some("its part is closed without an answer"),
        _ => None,
    }
}

fn mail(event: &NoticeEvent, brief: &NoticeBrief) -> Option<(&'static str, String, String)> {
    let role = brief.role;
    match event {
        NoticeEvent::NoticeSent { .. } => {
            Some(("mail", format!("{} to the {role}, in English", brief.kind), brief.reason.clone()))
        }
        NoticeEvent::NoticeSuppressed { reason } => {
            Some(("no mail", format!("{} to the {role}", brief.kind), reason.clone()))
        }
        NoticeEvent::NoticeRefused { refusal, .. } => {
            Some(("refused", format!("{} to the {role}", brief.kind), refusal.class.clone()))
        }
        _ => None,
    }
}

fn run(ready: &Ready, event: &RunEvent) -> Option<(&'static str, String, String)> {
    let why = |step| ready.definition.step(step).map(|step| step.why.clone()).unwrap_or_default();
    let roles = |roles: &[Role]| roles.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match event {
        RunEvent::TaskOpened { occurrence, task } => {
            Some(("task", format!("{} ({})", task.what, roles(&task.owners)), why(&occurrence.step)))
        }
        RunEvent::TaskEscalated { occurrence, to } => {
            Some(("escalation", format!("{} is brought to {}", occurrence.step, roles(to)), why(&occurrence.step)))
        }
        RunEvent::StepCompleted { occurrence, outcome: Outcome::Skipped { reason } } => {
            Some(("skipped", occurrence.step.to_string(), reason.clone()))
        }
        _ => None,
    }
}

fn release(event: &ReleaseEvent) -> Option<&'static str> {
    match event {
        ReleaseEvent::ReleasePrepared { .. } => Some("the release is put together"),
        ReleaseEvent::ReleaseApproved {} => Some("the release is approved"),
        ReleaseEvent::ReleaseCleared {} => Some("the release is cleared"),
        ReleaseEvent::ReleasePublished { .. } => Some("the release is out"),
        ReleaseEvent::ReleaseBegun {} => None,
    }
}
