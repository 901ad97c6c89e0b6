//! What a rehearsal tells: every date, mail, task, escalation and release, in the order of their instants.

use std::collections::BTreeMap;

use icalendar::{Component, EventLike};
use jiff::Timestamp;
use rondo_domain::calendar::Moment;
use rondo_domain::event::Event;
use rondo_domain::notice::{NoticeBrief, NoticeEvent};
use rondo_domain::participation::ParticipationEvent as P;
use rondo_domain::release::ReleaseEvent;
use rondo_domain::round::{Participant, RoundEvent, RoundPlan};
use rondo_domain::run::{Outcome, RunEvent};
use rondo_domain::workflow::Action;
use rondo_domain::{Country, Role, StreamId};
use rondo_eventlog::Record;
use rondo_scheduler::definitions::Ready;
use serde_json::{Value, json};

use super::stage::Stage;
use crate::failure::Failure;
use crate::output::{Form, Listing, document, hint};
use crate::printed::{Printed, Section, words};

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Told {
    at: Timestamp,
    pub(super) country: Option<Country>,
    pub(super) kind: &'static str,
    pub(super) what: String,
    why: String,
}

/// What a mail is told by: the definition, and the names of languages.
type Known<'a> = (&'a Ready, &'a BTreeMap<String, String>);

const COLUMNS: &[(&str, &str)] = &[
    ("/local", "Local time"),
    ("/zone", "Of"),
    ("/country", "Country"),
    ("/kind", "Kind"),
    ("/what", "What"),
    ("/why", "Why"),
];

fn totals(all: &[Told]) -> BTreeMap<&str, usize> {
    let mut totals: BTreeMap<&str, usize> = BTreeMap::new();
    for told in all {
        *totals.entry(told.kind).or_default() += 1;
    }
    totals
}

fn in_all(all: &[Told]) -> String {
    let counted: Vec<String> = totals(all).iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    format!("Nothing was sent and nothing was stored. In all: {}.", counted.join(", "))
}

/// Prints it.
pub(super) fn print(stage: &Stage, all: &[Told], form: Form) -> Result<(), Failure> {
    let ready = &stage.ready;
    // Who reads a table wants what happens; what does not is for programs.
    let shown = all.iter().filter(|told| matches!(form, Form::Json | Form::Jsonl) || told.kind != "skipped");
    let entries: Vec<Value> = shown.map(|told| entry(ready, told, form)).collect();
    if matches!(form, Form::Json) {
        let value = json!({
            "workflow": ready.definition.id, "year": stage.year, "events": entries, "totals": totals(all),
        });
        return document(form, value, "");
    }
    Listing { name: "events", columns: COLUMNS, entries, empty: "Nothing would happen." }.print(form)?;
    hint(&in_all(all));
    Ok(())
}

/// Prints what happens otherwise with a wish than without it.
pub(super) fn difference(stage: &Stage, without: &[Told], with: &[Told], form: Form) -> Result<(), Failure> {
    let only = |these: &[Told], others: &[Told], mark: &str| {
        let mut left: Vec<&Told> = others.iter().collect();
        let mut found = Vec::new();
        for told in these {
            match left.iter().position(|other| *other == told) {
                Some(place) => drop(left.swap_remove(place)),
                None => found.push((told.clone(), mark.to_owned())),
            }
        }
        found
    };
    let mut changed = [only(without, with, "no more"), only(with, without, "new")].concat();
    // What is skipped either way says nothing about the wish.
    changed.retain(|(told, _)| told.kind != "skipped");
    changed.sort();
    let entries = changed
        .iter()
        .map(|(told, mark)| {
            let mut entry = entry(&stage.ready, told, form);
            entry["change"] = json!(mark);
            entry
        })
        .collect();
    let columns = &[
        ("/change", "Change"),
        ("/local", "Local time"),
        ("/zone", "Of"),
        ("/country", "Country"),
        ("/kind", "Kind"),
        ("/what", "What"),
        ("/why", "Why"),
    ];
    Listing { name: "changes", columns, entries, empty: "Nothing would be otherwise." }.print(form)?;
    hint(&format!("{} things would be otherwise. {}", changed.len(), in_all(with)));
    Ok(())
}

/// A page that prints.
pub(super) fn page(stage: &Stage, all: &[Told]) -> Printed {
    let row = |told: &Told| {
        let entry = entry(&stage.ready, told, Form::Table);
        let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        [text("local"), text("zone"), text("country"), text("kind"), text("what"), text("why")].to_vec()
    };
    let mut months: BTreeMap<String, Vec<Vec<String>>> = BTreeMap::new();
    for told in all.iter().filter(|told| told.kind != "skipped") {
        let month = entry(&stage.ready, told, Form::Table)["local"]
            .as_str()
            .unwrap_or_default()
            .chars()
            .skip(4)
            .take(7)
            .collect();
        months.entry(month).or_default().push(row(told));
    }
    let columns = ["Local time", "Of", "Country", "Kind", "What", "Why"].map(words).to_vec();
    let sections = months.into_iter().map(|(heading, rows)| Section {
        heading,
        columns: columns.clone(),
        rows,
        ..Section::default()
    });
    Printed {
        title: format!("Rehearsal of {}", stage.ready.definition.title.replace("{year}", &stage.year.to_string())),
        lead: vec![in_all(all)],
        sections: sections.collect(),
        foot: "Written by Rondo. The same input gives the same page.".to_owned(),
    }
}

/// Dates, tasks and releases as entries of a calendar (RFC 5545).
pub(super) fn calendar(stage: &Stage, all: &[Told]) -> String {
    let mut calendar = icalendar::Calendar::empty();
    calendar.append_property(("VERSION", "2.0"));
    calendar.append_property(("PRODID", "-//Rondo//Rehearsal//EN"));
    calendar.name(&format!("Rehearsal of {} {}", stage.ready.definition.id, stage.year));
    let kept = all.iter().filter(|told| ["date", "task", "escalation", "release"].contains(&told.kind));
    for (number, told) in kept.enumerate() {
        let Some(at) = chrono::DateTime::from_timestamp(told.at.as_second(), 0) else { continue };
        let of = told.country.as_ref().map(|country| format!("{country}: ")).unwrap_or_default();
        let entry = icalendar::Event::new()
            .uid(&format!("rehearsal.{}.{}.{number}@rondo", stage.ready.definition.id, stage.year))
            .timestamp(at)
            .summary(&format!("{of}{}", told.what))
            .description(&told.why)
            .starts(at)
            .ends(at)
            .done();
        calendar.push(entry);
    }
    calendar.done().to_string()
}

/// What happens, as an entry: its local time for programs by ISO 8601 with its offset, for people with the day of the week.
fn entry(ready: &Ready, told: &Told, form: Form) -> Value {
    // A country without a calendar was refused when the workflow was read.
    let clock = ready.calendar(told.country.as_ref().unwrap_or(&ready.definition.home)).ok();
    let local = clock.map(|clock| told.at.to_zoned(clock.zone.clone()));
    let form = if form == Form::Table { "%a %Y-%m-%d %H:%M" } else { "%Y-%m-%dT%H:%M:%S%:z" };
    json!({
        "at": told.at,
        "local": local.map(|local| local.strftime(form).to_string()),
        "zone": clock.map(|clock| &clock.zone_name),
        "country": told.country, "kind": told.kind, "what": told.what, "why": told.why,
    })
}

/// What happens after the first `before` records, of which the rest are told; and what people would do and could not.
pub(super) fn told(
    stage: &Stage,
    records: &[Record],
    before: usize,
    refused: &[(Timestamp, Option<Country>, String)],
) -> Vec<Told> {
    let languages = stage.languages();
    let mut notices: BTreeMap<&StreamId, &NoticeBrief> = BTreeMap::new();
    let mut all = Vec::new();
    for (number, record) in records.iter().enumerate() {
        if let Event::Notice(NoticeEvent::NoticeDue { brief }) = &record.event {
            notices.insert(&record.stream, brief);
        }
        if number >= before {
            all.extend(of_record((&stage.ready, &languages), record, notices.get(&record.stream).copied()));
        }
    }
    all.extend(refused.iter().map(|(at, country, why)| Told {
        at: *at,
        country: country.clone(),
        kind: "refused",
        what: "what a person would do was refused".to_owned(),
        why: why.clone(),
    }));
    all.sort();
    all
}

fn of_record(known: Known<'_>, record: &Record, brief: Option<&NoticeBrief>) -> Vec<Told> {
    let of = |country: Option<Country>, kind, what: String, why: String| {
        Some(Told { at: record.recorded_at, country, kind, what, why })
    };
    let definition = &known.0.definition;
    let said = |(what, why): (&str, Why<'_>), country: Option<Country>, kind| {
        let why = match why {
            Why::Step(does) => definition.steps.iter().find(|step| does(&step.action)).map(|step| step.why.clone()),
            Why::Because(why) => Some(why.to_owned()),
        };
        let why = why.unwrap_or_else(|| "a person did so".to_owned());
        of(country, kind, what.to_owned(), why)
    };
    let one = match &record.event {
        Event::Round(RoundEvent::RoundConfigured { plan, .. }) => return dates(plan),
        Event::Round(RoundEvent::CountriesConfigured { participants }) => return deadlines(participants).collect(),
        Event::Round(RoundEvent::DeadlineExtended { country, is, .. }) => {
            let when = is.local.strftime("%a %-d %b %Y %H:%M");
            of(Some(country.clone()), "date", format!("the deadline is moved to {when}"), is.explanation())
        }
        Event::Round(event) => round(event).and_then(|told| said(told, None, "round")),
        Event::Participation(event) => answer(event).and_then(|told| said(told, record.stream.country(), "answer")),
        Event::Notice(event) => brief.and_then(|brief| {
            let (kind, what, why) = mail(known, event, brief)?;
            of(brief.country.clone(), kind, what, why)
        }),
        Event::Run(event) => {
            run(known.0, event).and_then(|(kind, what, why)| of(record.stream.country(), kind, what, why))
        }
        Event::Release(event) => release(event).and_then(|told| said(told, None, "release")),
        Event::Network(_) | Event::Figures(_) => None,
    };
    one.into_iter().collect()
}

fn dates(plan: &RoundPlan) -> Vec<Told> {
    let milestones = plan.milestones.iter().map(|(id, moment)| date(None, format!("milestone {id}"), moment));
    milestones.chain(deadlines(&plan.participants)).collect()
}

fn deadlines(participants: &[Participant]) -> impl Iterator<Item = Told> {
    let of =
        |part: &Participant| date(Some(part.country.clone()), "deadline of the country".to_owned(), &part.deadline);
    participants.iter().map(of)
}

fn date(country: Option<Country>, what: String, moment: &Moment) -> Told {
    Told { at: moment.at, country, kind: "date", what, why: moment.explanation() }
}

/// Why something happens: a step of the workflow does it, and says why; or in words.
enum Why<'w> {
    Step(fn(&Action) -> bool),
    Because(&'w str),
}

fn round(event: &RoundEvent) -> Option<(&'static str, Why<'_>)> {
    use Why::{Because, Step};
    Some(match event {
        RoundEvent::RoundLaunched {} => ("the round begins", Step(|does| *does == Action::Launch)),
        RoundEvent::RoundClosing {} => ("late answers only", Step(|does| *does == Action::BeginClosing)),
        RoundEvent::RoundClosed {} => ("no more answers are taken", Step(|does| *does == Action::Close)),
        RoundEvent::RoundFinalising {} => {
            ("countries confirm, and the release is prepared", Step(|does| *does == Action::Finalise))
        }
        RoundEvent::RoundPublished { .. } => ("the round is published", Because("its release is out")),
        _ => return None,
    })
}

fn answer(event: &P) -> Option<(&'static str, Why<'_>)> {
    let (what, why) = match event {
        P::SubmissionReceived { .. } => {
            ("its file comes", "the country answers on the day that this rehearsal has for it")
        }
        P::ChoiceMade { .. } => ("it answers", "the country answers on the day that this rehearsal has for it"),
        P::SubmissionRejected { .. } => {
            ("its file is not taken", "the file fails a rule that keeps it from being loaded")
        }
        P::QueryOpened { .. } => {
            ("it is asked about a failed rule", "its figures fail a rule, and nobody has explained it")
        }
        P::QueryAnswered { .. } => ("it explains", "it was asked about a failed rule"),
        P::QueryAccepted { .. } => ("its explanation is accepted", "in this rehearsal every explanation is enough"),
        P::TablesAccepted { .. } => ("its tables are accepted", "they came, and no question about them is open"),
        P::CountryConfirmed {} => ("it confirms its tables", "it was asked to confirm what was accepted"),
        P::ParticipationClosed { reason, .. } => {
            return Some(("its part is closed without an answer", Why::Because(reason)));
        }
        _ => return None,
    };
    Some((what, Why::Because(why)))
}

/// The language in which somebody is written to, as the workflow has it.
fn language((ready, languages): Known<'_>, brief: &NoticeBrief) -> String {
    let country = brief.country.as_ref().filter(|_| brief.role.is_of_country());
    let expected = country.and_then(|country| ready.definition.expected.iter().find(|known| known.country == *country));
    let code = expected.map_or("en", |expected| expected.language.as_str());
    match languages.get(code).filter(|_| code != "en") {
        Some(name) => format!("{name} with English beneath"),
        None => "English".to_owned(),
    }
}

fn mail(known: Known<'_>, event: &NoticeEvent, brief: &NoticeBrief) -> Option<(&'static str, String, String)> {
    let role = brief.role;
    match event {
        NoticeEvent::NoticeSent { .. } => {
            Some(("mail", format!("{} to the {role}, in {}", brief.kind, language(known, brief)), brief.reason.clone()))
        }
        NoticeEvent::NoticePostponed { until, reason, .. } => {
            let home = &known.0.definition.home;
            let clock =
                known.0.calendar(brief.country.as_ref().filter(|_| role.is_of_country()).unwrap_or(home)).ok()?;
            let until = clock.zone.to_datetime(*until).strftime("%a %-d %b %H:%M");
            Some(("waits", format!("{} to the {role} until {until}", brief.kind), reason.clone()))
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

fn release(event: &ReleaseEvent) -> Option<(&'static str, Why<'_>)> {
    use Why::{Because, Step};
    Some(match event {
        ReleaseEvent::ReleasePrepared { .. } => {
            ("the release is put together", Step(|does| *does == Action::PrepareRelease))
        }
        ReleaseEvent::ReleaseApproved {} => {
            ("the release is approved", Because("somebody who wrote none of its figures agrees to it"))
        }
        ReleaseEvent::ReleaseCleared {} => {
            ("the release is cleared", Because("somebody else than who approved it lets it go out"))
        }
        ReleaseEvent::ReleasePublished { .. } => ("the release is out", Step(|does| *does == Action::Publish)),
        ReleaseEvent::ReleaseBegun {} => return None,
    })
}
