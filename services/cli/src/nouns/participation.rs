//! `rondo participation`.

use rondo_domain::participation::ParticipationCommand;
use rondo_domain::{Country, RoundId, StreamId};
use serde_json::json;

use super::round::{COLUMNS, participation, participations};
use crate::args::ParticipationVerb;
use crate::desk::Desk;
use crate::failure::Failure;
use crate::output::{Form, Listing, document, line};

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
                return line(&format!("No table of {country} waits to be accepted."));
            }
            line(&format!("The tables of {country} that were ready are accepted."))
        }
        ParticipationVerb::Confirm { round, country } => {
            desk.country_command(round, country, ParticipationCommand::Confirm).await?;
            line(&format!("{country} has confirmed its tables."))
        }
        ParticipationVerb::Replace { round, country, was, is, reason } => {
            let command =
                ParticipationCommand::ReplaceContact { was: was.clone(), is: is.clone(), reason: reason.clone() };
            desk.country_command(round, country, command).await?;
            line(&format!("{is} is a contact of {country} in the place of {was}, and is invited."))
        }
        ParticipationVerb::Close { round, country, reason } => {
            let command = ParticipationCommand::Close { reason: reason.clone() };
            desk.country_command(round, country, command).await?;
            line(&format!("The part of {country} is closed."))
        }
    }
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
        match part.turn() {
            rondo_domain::participation::Turn::Country => "the country",
            rondo_domain::participation::Turn::Ilo => "ILO",
            rondo_domain::participation::Turn::Nobody => "nobody",
        },
        participant.deadline.local,
        participant.deadline.zone,
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
