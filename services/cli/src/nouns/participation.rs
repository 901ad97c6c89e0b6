//! `rondo participation`.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rondo_domain::participation::{ParticipationCommand, Turn};
use rondo_domain::workflow::Question;
use rondo_domain::world::World;
use rondo_domain::{Country, PersonId, Rejection, Role, RoundId, StreamId, why};
use rondo_eventlog::ledger;
use serde_json::json;

use super::round::{COLUMNS, participation, participations};
use crate::args::ParticipationVerb;
use crate::desk::Desk;
use crate::failure::Failure;
use crate::output::{Form, Listing, document, said};

pub(crate) async fn run(verb: &ParticipationVerb, desk: &Desk, form: Form) -> Result<(), Failure> {
    match verb {
        ParticipationVerb::List { round } => {
            let world = desk.world(&[StreamId::round(round).as_str(), &format!("participation/{round}/")]).await?;
            let standing = desk.round(round).await?;
            let entries = participations(&world, round, &standing);
            Listing { name: "participations", columns: COLUMNS, entries, empty: "No country takes part yet." }
                .print(form)
        }
        ParticipationVerb::Show { round, country } => show(desk, round, country, form).await,
        ParticipationVerb::Accept { round, country } => {
            let command = ParticipationCommand::Accept { tables: Vec::new() };
            let accepted = desk.country_command(round, country, command).await?;
            if accepted.count == 0 {
                return said(form, &format!("No table of {country} waits to be accepted."));
            }
            said(form, &format!("The tables of {country} that were ready are accepted."))
        }
        ParticipationVerb::Confirm { round, country } => {
            desk.country_command(round, country, ParticipationCommand::Confirm).await?;
            said(form, &format!("{country} has confirmed its tables."))
        }
        ParticipationVerb::Replace { round, country, was, is, reason } => {
            replaced(desk, (round, country), (was, is), reason, form).await
        }
        ParticipationVerb::Reached { round, country, person, reason } => {
            let command = ParticipationCommand::Reach { person: person.clone(), reason: reason.clone() };
            desk.country_command(round, country, command).await?;
            said(
                form,
                &format!(
                    "Mail to {person} leaves again. What came back before is sent once more by `rondo reminder send-now {round} --all bounced --to {person} --reason …`."
                ),
            )
        }
        ParticipationVerb::Answer { round, country, answer, text } => {
            let standing = desk.round(round).await?;
            let (_, ready) = desk.definition(&standing).await?;
            let (question, choice) = chosen(&ready.definition.questions, answer)?;
            let text = text.clone().unwrap_or_default();
            let command = ParticipationCommand::Choose { question, choice, text };
            desk.country_command(round, country, command).await?;
            said(form, &format!("{country} has answered: {answer}."))
        }
        ParticipationVerb::Why { round, country, as_of } => explained(desk, round, country, *as_of, form).await,
        ParticipationVerb::Close { round, country, reason } => {
            let command = ParticipationCommand::Close { reason: reason.clone() };
            desk.country_command(round, country, command).await?;
            said(form, &format!("The part of {country} is closed."))
        }
    }
}

/// Puts somebody in a contact's place, and says in which roles, and what else stays as it is.
async fn replaced(
    desk: &Desk,
    (round, country): (&RoundId, &Country),
    (was, is): (&PersonId, &PersonId),
    reason: &str,
    form: Form,
) -> Result<(), Failure> {
    let before = desk.participation(round, country).await?;
    let command = ParticipationCommand::ReplaceContact { was: was.clone(), is: is.clone(), reason: reason.to_owned() };
    desk.country_command(round, country, command).await?;
    let part = desk.participation(round, country).await?;
    let network = desk.world(&[StreamId::network().as_str()]).await?;
    let held: BTreeSet<Role> = network
        .network()
        .grants
        .get(was)
        .into_iter()
        .flatten()
        .filter(|grant| grant.country.as_ref() == Some(country) && grant.holds_at(desk.now()))
        .map(|grant| grant.role)
        .collect();
    let (given, kept): (Vec<Role>, Vec<Role>) = held.into_iter().partition(|role| part.is_replaced(was, *role));
    let invited = if before.invited.contains(is) {
        format!("{is} was invited before")
    } else {
        format!("{is} is invited as a focal point while the round takes answers")
    };
    let mut told = format!("{is} is a contact of {country} in the place of {was}; {invited}.");
    if part.bounced.contains_key(is) {
        told.push_str(&format!(
            " But mail to {is} came back, and nobody was reached at their address since: put it right with `rondo person add`, and say so with `rondo participation reached {round} {country} --person {is} --reason …`."
        ));
    }
    for role in given {
        told.push_str(&format!(
            " {was} gets no more mail as {role}, but can act in that role until `rondo person end {was} {role} --country {country} --reason …`."
        ));
        if !network.network().holders(role, Some(country), desk.now()).contains(&is) {
            told.push_str(&format!(" {is} is no {role} yet: `rondo person grant {is} {role} --country {country}`."));
        }
    }
    for role in &kept {
        told.push_str(&format!(" As {role}, {was} is written to as before."));
    }
    if !kept.is_empty() && part.bounced.contains_key(was) {
        told.push_str(&format!(
            " Mail to {was} came back, and nobody is reached at their address: put it right with `rondo person add` and say so with `rondo participation reached`, or replace them as well."
        ));
    }
    said(form, &told)
}

/// The question and the choice of an answer, as the workflow has them.
fn chosen(questions: &[Question], answer: &str) -> Result<(String, String), Failure> {
    let all = || {
        let told = questions.iter().map(|question| format!("{}={}", question.key, question.choices.join("|")));
        told.collect::<Vec<_>>().join(", ")
    };
    let wrong = || match questions {
        [] => Failure::usage("the workflow of this round asks no question".to_owned()),
        _ => Failure::usage(format!("`{answer}` answers no question of this round; it asks: {}", all())),
    };
    let (key, choice) = answer.split_once('=').ok_or_else(wrong)?;
    let question = questions.iter().find(|question| question.key == key).ok_or_else(wrong)?;
    if question.choices.iter().any(|known| known == choice) {
        return Ok((key.to_owned(), choice.to_owned()));
    }
    Err(wrong())
}

/// How many coming steps are told.
const NEXT: usize = 5;

/// The round as it stood at an instant.
async fn as_it_stood(desk: &Desk, id: &RoundId, then: Timestamp) -> Result<World, Failure> {
    let mut world = World::of(&World::WITHOUT_FIGURES);
    for kind in ["round", "participation", "run", "notice"] {
        let prefix = if kind == "round" { StreamId::round(id).to_string() } else { format!("{kind}/{id}") };
        for record in ledger::read_all(&*desk.ledger, &prefix).await? {
            if record.recorded_at <= then {
                world.apply(&record.stream, &record.event, &record.stamp());
            }
        }
    }
    Ok(world)
}

async fn explained(
    desk: &Desk,
    id: &RoundId,
    country: &Country,
    as_of: Option<Timestamp>,
    form: Form,
) -> Result<(), Failure> {
    let now = as_of.unwrap_or_else(|| desk.now());
    let world = as_it_stood(desk, id, now).await?;
    let unknown = || Rejection::UnknownParticipation { round: id.to_string(), country: country.to_string() };
    let known = world.round(id).filter(|round| !round.participants.is_empty());
    let Some(standing) = known else {
        // Known today, it was not there yet.
        let round = desk.round(id).await?;
        return Err(Failure::not_found(format!("{} was not configured yet at {now}", round.title)));
    };
    if !standing.participants.contains_key(country) && desk.round(id).await?.participants.contains_key(country) {
        // Known today, it had not joined yet.
        return Err(Failure::not_found(format!("{country} did not take part yet at {now}; it was admitted later")));
    }
    let (_, ready) = desk.definition(standing).await?;
    let why = why::why(&world, id, country, Some(&ready.definition), now).ok_or_else(unknown)?;
    let deadline = &standing.participants.get(country).ok_or_else(unknown)?.deadline;
    let name = ready.calendars.get(country).map_or_else(|| country.to_string(), |calendar| calendar.name.clone());
    let until = format!("{} ({})", deadline.local.strftime("%a %-d %b %Y %H:%M"), deadline.reckoned.zone);
    let mut told = format!("{}\n", capitalised(&why.because.sentence(&name, &until)));
    let mut say =
        |what: &str, lines: &[String]| lines.iter().for_each(|line| told.push_str(&format!("{what}{line}\n")));
    if let Some(since) = why.since {
        let since = since.strftime("%a %-d %b %Y %H:%M UTC");
        say("Turn: ", &[format!("{}, since {since}.", whose(why.turn))]);
    }
    say("Deadline: ", &[format!("{until}, {}.", standing.deadline_explained(country))]);
    say("Held: ", &why.held);
    say("Last mail: ", why.last_mail.as_slice());
    say("Contact: ", &why.contacts);
    say("Waits for a person: ", &why.tasks);
    let next: Vec<String> = why
        .next
        .iter()
        .take(NEXT)
        .map(|next| {
            let when = next.due.local.strftime("%a %-d %b %Y %H:%M");
            format!("{when} ({}): {}, {}", next.due.reckoned.zone, next.occurrence.step, next.explained())
        })
        .collect();
    say("Next: ", &next);
    let next: Vec<_> = why
        .next
        .iter()
        .map(|next| {
            json!({
                "country": next.country, "step": next.occurrence.step, "due": next.due.at, "why": next.why,
                "reckoned": next.due.explanation(),
            })
        })
        .collect();
    let mut value = json!(why.because);
    value["state"] = json!(why.state.as_str());
    value["sentence"] = json!(why.because.sentence(&name, &until));
    value["turn"] = json!(whose(why.turn));
    value["since"] = json!(why.since);
    value["deadline"] = json!(deadline);
    value["held"] = json!(why.held);
    value["last_mail"] = json!(why.last_mail);
    value["contacts"] = json!(why.contacts);
    value["tasks"] = json!(why.tasks);
    value["next"] = json!(next);
    document(form, value, &told)
}

fn whose(turn: Turn) -> &'static str {
    match turn {
        Turn::Country => "the country",
        Turn::Ilo => "ILO",
        Turn::Nobody => "nobody",
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

async fn show(desk: &Desk, round: &RoundId, country: &Country, form: Form) -> Result<(), Failure> {
    let standing = desk.round(round).await?;
    let part = desk.participation(round, country).await?;
    let participant = standing
        .participants
        .get(country)
        .ok_or_else(|| Failure::not_found(format!("{country} does not take part")))?;
    let mut value = participation(country, participant, &part);
    let tables: Vec<_> = part
        .tables
        .iter()
        .map(|(no, table)| json!({"table": no, "state": table.state, "years": table.years, "sources": table.sources, "accepted_by": table.accepted_by}))
        .collect();
    value["tables"] = json!(tables);
    let mut told = format!(
        "{country} is {}; it is the turn of {}. Deadline {} ({}): {}.\n",
        part.state().as_str(),
        whose(part.turn()),
        participant.deadline.local,
        participant.deadline.reckoned.zone,
        participant.deadline.explanation()
    );
    for (no, table) in &part.tables {
        let years: Vec<String> = table.years.iter().map(ToString::to_string).collect();
        told.push_str(&format!(
            "  table {no}: {} {}\n",
            json!(table.state).as_str().unwrap_or_default(),
            years.join(", ")
        ));
    }
    document(form, value, &told)
}
