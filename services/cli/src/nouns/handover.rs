//! `rondo person handover`: what a person sent, explained and promised, and what is open, for whoever comes after.

use std::path::Path;

use jiff::Timestamp;
use rondo_domain::event::Event;
use rondo_domain::participation::{Declaration, ParticipationEvent as P, QueryState};
use rondo_domain::run::RunEvent;
use rondo_domain::world::World;
use rondo_domain::{Country, PersonId, RoundId};
use rondo_eventlog::{Record, ledger};
use serde_json::json;

use crate::desk::Desk;
use crate::failure::Failure;
use crate::output::{Form, document};
use crate::printed::{Column, Printed, Section, words};

/// One thing that a person did or that waits.
struct Told {
    at: Timestamp,
    round: String,
    country: String,
    kind: &'static str,
    what: String,
    why: String,
}

/// The kinds, in the order in which a successor wants them.
const KINDS: [(&str, &str); 5] = [
    ("open", "Open now"),
    ("promised", "Promised"),
    ("explained", "Explained"),
    ("sent", "Sent"),
    ("received", "Mail received"),
];

/// The most mails that are listed; the newest ones.
const MAX_MAILS: usize = 30;

pub(super) async fn run(person: &PersonId, out: Option<&Path>, desk: &Desk, form: Form) -> Result<(), Failure> {
    let world = desk.world(&["network", "round/", "participation/", "run/", "notice/"]).await?;
    let grants = world.network().grants.get(person).cloned().unwrap_or_default();
    let mut told = Vec::new();
    for prefix in ["participation/", "run/"] {
        for record in ledger::read_all(&*desk.ledger, prefix).await? {
            told.extend(did(&record, person));
        }
    }
    if told.is_empty() && grants.is_empty() {
        return Err(Failure::not_found(format!(
            "nobody is known as `{person}`: no role is held, and nothing was done"
        )));
    }
    let mut countries: Vec<Country> = grants.iter().filter_map(|grant| grant.country.clone()).collect();
    countries.extend(told.iter().filter_map(|one| one.country.parse().ok()));
    countries.sort();
    countries.dedup();
    told.extend(open(&world, &countries));
    told.extend(mails(&world, person));
    told.sort_by_key(|one| one.at);
    let roles: Vec<String> = grants
        .iter()
        .map(|grant| {
            let of = grant.country.as_ref().map(|country| format!(" of {country}")).unwrap_or_default();
            let at = grant.institution.as_ref().and_then(|id| world.network().institutions.get(id));
            let at = at.map(|institution| format!(", {}", institution.title())).unwrap_or_default();
            let until = grant.term.until.map(|until| format!(", until {}", day(until))).unwrap_or_default();
            format!("{}{of}{at}{until}", grant.role)
        })
        .collect();
    if let Some(path) = out {
        return page(person, &roles, &told).write(path);
    }
    let entries: Vec<_> = told
        .iter()
        .map(|one| {
            json!({
                "at": one.at, "round": one.round, "country": one.country, "kind": one.kind, "what": one.what, "why": one.why,
            })
        })
        .collect();
    document(form, json!({"person": person, "roles": roles, "entries": entries}), &sentences(person, &roles, &told))
}

fn day(at: Timestamp) -> String {
    at.strftime("%-d %b %Y").to_string()
}

fn sentences(person: &PersonId, roles: &[String], told: &[Told]) -> String {
    let roles = if roles.is_empty() { "no role any more".to_owned() } else { roles.join("; ") };
    let mut text = format!("{person} holds {roles}.\n");
    for (kind, heading) in KINDS {
        let of: Vec<&Told> = told.iter().filter(|one| one.kind == kind).collect();
        if of.is_empty() {
            continue;
        }
        text.push_str(&format!("\n{heading}:\n"));
        for one in of {
            let why = if one.why.is_empty() { String::new() } else { format!(" ({})", one.why) };
            text.push_str(&format!("  {}  {} {}: {}{why}\n", day(one.at), one.round, one.country, one.what));
        }
    }
    text
}

fn page(person: &PersonId, roles: &[String], told: &[Told]) -> Printed {
    let columns: Vec<Column> = vec![words("When"), words("Round"), words("Country"), words("What"), words("Why")];
    let sections = KINDS.iter().map(|(kind, heading)| {
        let rows: Vec<Vec<String>> = told
            .iter()
            .filter(|one| one.kind == *kind)
            .map(|one| vec![day(one.at), one.round.clone(), one.country.clone(), one.what.clone(), one.why.clone()])
            .collect();
        let sentences = if rows.is_empty() { vec!["Nothing.".to_owned()] } else { Vec::new() };
        Section { heading: (*heading).to_owned(), sentences, columns: columns.clone(), rows, ..Section::default() }
    });
    let roles = if roles.is_empty() { "no role any more".to_owned() } else { roles.join("; ") };
    Printed {
        title: format!("What {person} hands over"),
        lead: vec![format!("{person} holds {roles}.")],
        sections: sections.collect(),
        foot:
            "Written by Rondo from its log. Figures themselves, with every value and reason: rondo figure history KEY."
                .to_owned(),
    }
}

/// What a record says that the person did.
fn did(record: &Record, person: &PersonId) -> Option<Told> {
    if record.actor.id != *person {
        return None;
    }
    let (kind, what, why) = match &record.event {
        Event::Participation(event) => of_part(event)?,
        Event::Run(RunEvent::TaskAnswered { occurrence, answer, words }) => {
            ("explained", format!("the task {} was {}", occurrence.step, answer.as_str()), words.clone())
        }
        _ => return None,
    };
    Some(Told {
        at: record.recorded_at,
        round: record.stream.round_id().map(|round| round.to_string()).unwrap_or_default(),
        country: record.stream.country().map(|country| country.to_string()).unwrap_or_default(),
        kind,
        what,
        why,
    })
}

fn of_part(event: &P) -> Option<(&'static str, String, String)> {
    let tables = |tables: &[rondo_domain::table::TableNo]| {
        let numbers: Vec<String> = tables.iter().map(ToString::to_string).collect();
        let word = if numbers.len() == 1 { "table" } else { "tables" };
        format!("{word} {}", numbers.join(", "))
    };
    Some(match event {
        P::SubmissionReceived { submission, file, reason, .. } => (
            "sent",
            format!("the file {} ({submission}, sha256 {})", file.name, file.sha256),
            reason.as_ref().map(|reason| reason.text.clone()).unwrap_or_default(),
        ),
        P::TablesDeclared { tables: which, declaration: Declaration::Promised, text } => {
            ("promised", format!("{} for the next round", tables(which)), text.clone())
        }
        P::TablesDeclared { tables: which, declaration, text } => {
            ("explained", format!("{}: {}", tables(which), declaration.as_str()), text.clone())
        }
        P::QueryAnswered { query, answer, text } => {
            ("explained", format!("the question {query} was answered: {}", answer.as_str()), text.clone())
        }
        P::QueryAccepted { query } => ("explained", format!("the answer to {query} was accepted"), String::new()),
        P::AllowanceGranted { query, reason } => ("explained", format!("{query} was allowed"), reason.clone()),
        P::TablesAccepted { tables: which } => ("explained", format!("{} accepted", tables(which)), String::new()),
        P::CountryConfirmed {} => ("sent", "the confirmation of the country's tables".to_owned(), String::new()),
        P::ChoiceMade { question, choice, text } => {
            ("explained", format!("the question {question} was answered: {choice}"), text.clone())
        }
        P::RoundAcknowledged {} => ("promised", "an answer: the invitation was acknowledged".to_owned(), String::new()),
        P::ParticipationDeclined { reason } => ("explained", "the round was declined".to_owned(), reason.clone()),
        P::ParticipationClosed { reason } => ("explained", "the part was closed".to_owned(), reason.clone()),
        _ => return None,
    })
}

/// What is open for these countries now.
fn open(world: &World, countries: &[Country]) -> Vec<Told> {
    let mut told = Vec::new();
    for (round, standing) in world.rounds() {
        for country in countries {
            let Some(participant) = standing.participants.get(country) else { continue };
            let of = |at: Timestamp, what: String, why: String| Told {
                at,
                round: round.to_string(),
                country: country.to_string(),
                kind: "open",
                what,
                why,
            };
            let part = world.participation(&round, country);
            if let Some(part) = part.filter(|part| part.owes_tables() && standing.takes_submissions()) {
                let missing: Vec<String> = part.missing().map(|no| no.to_string()).collect();
                let until = participant.deadline.local.strftime("%-d %b %Y");
                told.push(of(
                    participant.deadline.at,
                    format!("tables {} are owed by {until}", missing.join(", ")),
                    String::new(),
                ));
            }
            for (id, query) in part.iter().flat_map(|part| &part.queries) {
                if query.state == QueryState::Open {
                    told.push(of(
                        query.opened_at,
                        format!("the question {id} waits for an answer"),
                        query.finding.message.clone(),
                    ));
                }
            }
            told.extend(tasks(world, &round, country).into_iter().map(|(at, what, why)| of(at, what, why)));
        }
    }
    told
}

fn tasks(world: &World, round: &RoundId, country: &Country) -> Vec<(Timestamp, String, String)> {
    let open = world.run(round, Some(country)).into_iter().flat_map(|run| {
        run.open_tasks().map(|(occurrence, task)| {
            let due = run.occurrence(occurrence).map_or(Timestamp::UNIX_EPOCH, |(due, _)| due.at);
            let owners: Vec<String> = task.owners().map(|role| role.to_string()).collect();
            (due, task.task.what.clone(), format!("a task of {}", owners.join(", ")))
        })
    });
    open.collect()
}

fn mails(world: &World, person: &PersonId) -> Vec<Told> {
    let mut told = Vec::new();
    for (round, _) in world.rounds() {
        for (_, notice) in world.notices(&round) {
            let (Some(brief), Some(at)) = (&notice.brief, notice.sent_at) else { continue };
            if brief.person == *person {
                told.push(Told {
                    at,
                    round: round.to_string(),
                    country: brief.country.as_ref().map(ToString::to_string).unwrap_or_default(),
                    kind: "received",
                    what: format!("{} ({})", brief.kind, notice.state.as_str()),
                    why: brief.reason.clone(),
                });
            }
        }
    }
    told.sort_by_key(|one| std::cmp::Reverse(one.at));
    told.truncate(MAX_MAILS);
    told
}
