//! `rondo round`.

use jiff::Timestamp;
use jiff::civil::Date;
use rondo_domain::calendar::Offset;
use rondo_domain::event::Event;
use rondo_domain::participation::{Participation, TableState};
use rondo_domain::round::{Participant, Round, RoundCommand, RoundEvent, RoundPlan};
use rondo_domain::run::{Occurrence, RunCommand, TaskName};
use rondo_domain::workflow::Bundle;
use rondo_domain::world::World;
use rondo_domain::{Country, Role, RoundId, StreamId, Wish, WorkflowId, Year};
use rondo_eventlog::life::AsOf;
use rondo_eventlog::{ledger, vintage};
use serde_json::{Value, json};

use super::remark;
use crate::args::{RoundVerb, When};
use crate::builtin;
use crate::desk::Desk;
use crate::failure::Failure;
use crate::output::{Form, Listing, hint, line, said};

pub(crate) async fn run(verb: &RoundVerb, desk: &Desk, form: Form, served: bool) -> Result<(), Failure> {
    // How what was done is said, and whether a server acts on it.
    let how = (form, served);
    match verb {
        RoundVerb::List => list(desk, form).await,
        RoundVerb::Show { round } => show(desk, round, form).await,
        RoundVerb::Migrate { round, workflow, reason, preview } => {
            super::migration::propose(round, workflow, reason.as_deref().filter(|_| !preview), desk, form, served).await
        }
        RoundVerb::ApproveMigration { round } => {
            act(desk, round, RoundCommand::ApproveMigration, "goes by the proposed version from now on", how).await
        }
        RoundVerb::RejectMigration { round, reason } => {
            let command = RoundCommand::RejectMigration { reason: reason.clone() };
            act(desk, round, command, "goes on as it did", how).await
        }
        RoundVerb::Lesson { round, workflow, text } => learned(round, workflow, text, desk, how).await,
        RoundVerb::Held { round } => crate::held::list(round, desk, form).await,
        RoundVerb::Drop { item, reason } => dropped(item, reason, desk, how).await,
        RoundVerb::Review { round, out } => crate::review::run(round, out.as_deref(), desk, form).await,
        RoundVerb::Figures { round, country, when } => figures(desk, round, country.as_ref(), when, form).await,
        RoundVerb::Plan { workflow, year, late } => {
            let bundle = builtin::bundle(workflow)?;
            let skipped = in_time(&bundle, *year, *late, desk.now())?;
            let round = desk.plan(&bundle, *year).await?;
            said(form, &format!("The round {round} is planned."))?;
            remark(served);
            if !skipped.is_empty() {
                hint(&format!("It is too late for these steps, which are skipped: {}.", skipped.join(", ")));
            }
            nobody_holds(desk, &bundle).await?;
            hint(&format!("Next: rondo round show {round}"));
            Ok(())
        }
        RoundVerb::Launch { round } => act(desk, round, RoundCommand::Launch, "is launched", how).await,
        RoundVerb::Pause { round, reason } => {
            act(desk, round, RoundCommand::Pause { reason: reason.clone() }, "is paused", how).await
        }
        RoundVerb::Resume { round, reason } => {
            act(desk, round, RoundCommand::Resume { reason: reason.clone() }, "goes on", how).await
        }
        RoundVerb::Close { round } => act(desk, round, RoundCommand::Close, "is closed to submissions", how).await,
        RoundVerb::Extend { round, country, by, until, reason } => {
            let (command, told) = extension(round, country, (*by, *until), reason, desk).await?;
            act(desk, round, command, &told, how).await
        }
    }
}

/// A country's deadline moved by an offset or to a day: the command, and what is told of it.
async fn extension(
    round: &RoundId,
    country: &Country,
    (by, until): (Option<Offset>, Option<Date>),
    reason: &str,
    desk: &Desk,
) -> Result<(RoundCommand, String), Failure> {
    let standing = desk.round(round).await?;
    let (_, ready) = desk.definition(&standing).await?;
    let part = standing.participants.get(country).ok_or_else(|| {
        Failure::from(rondo_domain::Rejection::UnknownParticipation {
            round: round.to_string(),
            country: country.to_string(),
        })
    })?;
    let moment = match (by, until) {
        (Some(by), _) => ready.extended(country, &part.deadline, by),
        (None, Some(day)) => ready.set_deadline(country, day, None),
        (None, None) => return Err(Failure::usage("give --by or --until")),
    };
    let until = moment.map_err(|e| Failure::usage(e.to_string()))?;
    let calendar = ready.calendar(country).map_err(|e| Failure::usage(e.to_string()))?;
    if let Some(off) = calendar.day_off(until.local.date()).map_err(|e| Failure::usage(e.to_string()))? {
        let day = until.local.strftime("%a %-d %b %Y");
        hint(&format!("Mind that nobody works in {country} on {day}: {off}. A deadline that is set stays there."));
    }
    let mut moved = part.clone();
    moved.deadline = until.clone();
    let plan = RoundPlan {
        milestones: standing.milestones.clone(),
        participants: vec![moved],
        reference_years: standing.reference_years.clone(),
    };
    ready.every_step_is_dated(&plan).map_err(|e| Failure::usage(e.to_string()))?;
    let told = format!("has a new deadline for {country}: {} ({})", until.local, until.reckoned.zone);
    let command = RoundCommand::Extend { country: country.clone(), until, reason: reason.to_owned() };
    Ok((command, told))
}

/// A lesson for the next round of a workflow that there is.
async fn learned(
    round: &RoundId,
    workflow: &WorkflowId,
    lesson: &str,
    desk: &Desk,
    how: (Form, bool),
) -> Result<(), Failure> {
    let known = desk.world(&["round/"]).await?;
    let names = |round: &Round| round.pin.as_ref().is_some_and(|pin| pin.workflow == *workflow);
    if builtin::packed(workflow.as_str()).is_err() && !known.rounds().iter().any(|(_, round)| names(round)) {
        return Err(Failure::not_found(format!("no round goes by a workflow `{workflow}`, and none is packed here")));
    }
    let command = RoundCommand::Learn { workflow: workflow.clone(), lesson: lesson.to_owned() };
    act(desk, round, command, &format!("has taught a lesson for the next round of {workflow}"), how).await
}

/// A step that is not carried out any more.
async fn dropped(item: &TaskName, reason: &str, desk: &Desk, (form, served): (Form, bool)) -> Result<(), Failure> {
    let known = desk.world(&[&format!("run/{}", item.round)]).await?;
    let run = known.run(&item.round, item.country.as_ref());
    let named = |other: &&Occurrence| item.of.as_ref().is_none_or(|of| *of == other.of);
    let mut meant = run.into_iter().flat_map(|run| run.of_step(&item.step)).map(|(other, ..)| other).filter(named);
    let (Some(occurrence), None) = (meant.next().cloned(), meant.next()) else {
        return Err(Failure::not_found(format!(
            "{item} is not one step; `rondo round held {}` names them, with @ and its time where there are several",
            item.round
        )));
    };
    let command = RunCommand::Drop { occurrence, reason: reason.to_owned() };
    let wish = Wish::Run { round: item.round.clone(), country: item.country.clone(), command };
    desk.submit(&["drop", &item.to_string()], wish).await?;
    remark(served);
    said(form, &format!("{item} is dropped."))
}

/// Says which roles nobody holds without whom a round comes to a stop, and of which countries nobody is a focal point.
async fn nobody_holds(desk: &Desk, bundle: &Bundle) -> Result<(), Failure> {
    let world = desk.world(&["network"]).await?;
    let definition = builtin::checked(bundle)?.ready.definition;
    let held = |role: Role, country: Option<&Country>| !world.network().holders(role, country, desk.now()).is_empty();
    let ours = [Role::CollectionManager, Role::Validator, Role::Publisher];
    let lacking: Vec<String> =
        ours.into_iter().filter(|role| !held(*role, None)).map(|role| role.to_string()).collect();
    if !lacking.is_empty() {
        hint(&format!("Nobody is {} yet; a round cannot come to its end without them.", lacking.join(", ")));
    }
    let of = definition.expected.iter().filter(|expected| !held(Role::FocalPoint, Some(&expected.country)));
    let of: Vec<&str> = of.map(|expected| expected.country.as_str()).collect();
    if !of.is_empty() {
        hint(&format!("Nobody is focal-point of {} yet: nobody there is invited (rondo person grant).", of.join(", ")));
    }
    Ok(())
}

/// A round whose launch has passed would be late in everything from its first moment: that has to be wished. Gives the steps
/// for which it is too late.
fn in_time(bundle: &Bundle, year: Year, late: bool, now: Timestamp) -> Result<Vec<String>, Failure> {
    let ready = builtin::checked(bundle)?.ready;
    let plan = ready.round_plan(year).map_err(|e| Failure::usage(e.to_string()))?;
    let launch = plan.milestones.iter().find(|(id, _)| id.as_str() == "launch").map(|(_, moment)| moment);
    match launch.filter(|launch| launch.at < now && !late) {
        Some(launch) => Err(Failure::usage(format!(
            "the launch of {year} was due on {}: every step would come late at once. Nothing was planned. Choose a later year, or say --late",
            launch.local.strftime("%-d %B %Y")
        ))),
        None => {
            let lapsed = ready.lapsed(&plan, now).map_err(|e| Failure::usage(e.to_string()))?;
            Ok(lapsed.into_iter().map(|step| step.id.to_string()).collect())
        }
    }
}

async fn act(
    desk: &Desk,
    round: &RoundId,
    command: RoundCommand,
    told: &str,
    (form, served): (Form, bool),
) -> Result<(), Failure> {
    desk.round(round).await?;
    desk.round_command(round, command).await?;
    remark(served);
    said(form, &format!("The round {round} {told}."))
}

async fn figures(desk: &Desk, id: &RoundId, country: Option<&Country>, when: &When, form: Form) -> Result<(), Failure> {
    let round = desk.round(id).await?;
    if let Some(country) = country.filter(|country| !round.participants.contains_key(*country)) {
        let (round, country) = (id.to_string(), country.to_string());
        return Err(rondo_domain::Rejection::UnknownParticipation { round, country }.into());
    }
    let questionnaire = desk.questionnaire(&round).await?;
    let as_of = AsOf::new(when.as_of, when.published);
    let figures = vintage::read(&*desk.ledger, (id, &round), &questionnaire, country, as_of).await?;
    let entry = |figure: &vintage::Figure| {
        json!({
            "key": figure.key, "table": figure.table, "is": figure.is, "is_text": figure.is.to_string(),
            "recorded_at": figure.recorded.at, "actor": figure.recorded.by, "role": figure.recorded.role,
            "position": figure.recorded.position, "release": figure.release,
        })
    };
    let columns = &[
        ("/key", "Figure"),
        ("/table", "Table"),
        ("/is_text", "Value"),
        ("/recorded_at", "Since"),
        ("/actor", "By"),
        ("/position", "Record"),
        ("/release", "Released in"),
    ];
    let empty =
        "The round had no figures then; they came later, or none was out. Ask without a date to see those it has.";
    Listing { name: "figures", columns, entries: figures.iter().map(entry).collect(), empty }.print(form)
}

async fn list(desk: &Desk, form: Form) -> Result<(), Failure> {
    let world = desk.world(&["round/"]).await?;
    let entries = world
        .rounds()
        .into_iter()
        .map(|(id, round)| {
            json!({
                "id": id, "title": round.title, "state": round.state, "paused": round.paused,
                "year": round.year, "countries": round.participants.len(),
            })
        })
        .collect();
    let columns = &[("/id", "Round"), ("/title", "Title"), ("/state", "State"), ("/countries", "Countries")];
    Listing {
        name: "rounds",
        columns,
        entries,
        empty: "No round was planned yet: rondo round plan ilms-asean --year YEAR",
    }
    .print(form)
}

/// A country's part as others build on it.
pub(crate) fn participation(country: &Country, participant: &Participant, part: &Participation) -> Value {
    let received = part.tables.values().filter(|table| table.state.is_in()).count();
    let declared = part.tables.values().filter(|table| table.state == TableState::Declared).count();
    let accepted = part.tables.values().filter(|table| table.state.is_accepted()).count();
    json!({
        "country": country,
        "state": part.state(),
        "turn": part.turn(),
        "turn_since": part.turn_since,
        "deadline": participant.deadline.at,
        "deadline_local": participant.deadline.local,
        "deadline_zone": participant.deadline.reckoned.zone,
        "deadline_explained": participant.deadline.explanation(),
        "tables_owed": participant.tables.len(),
        "tables_received": received,
        "tables_declared": declared,
        "tables_accepted": accepted,
        "submissions": part.submissions.len(),
        "queries": part.queries.len(),
        "closed": part.closed,
        "release": part.published,
    })
}

/// Every country's part in a round.
pub(crate) fn participations(world: &World, id: &RoundId, round: &Round) -> Vec<Value> {
    let part = |country: &Country| world.participation(id, country).cloned().unwrap_or_default();
    round
        .participants
        .iter()
        .map(|(country, participant)| participation(country, participant, &part(country)))
        .collect()
}

async fn show(desk: &Desk, id: &RoundId, form: Form) -> Result<(), Failure> {
    let stream = StreamId::round(id);
    let world = desk.world(&[stream.as_str(), &format!("participation/{id}/")]).await?;
    let round = world
        .round(id)
        .ok_or_else(|| Failure::from(rondo_domain::Rejection::UnknownRound { round: id.to_string() }))?;
    let records = ledger::read_all(&*desk.ledger, stream.as_str()).await?;
    let launched = records
        .iter()
        .find(|record| record.stream == stream && matches!(record.event, Event::Round(RoundEvent::RoundLaunched {})))
        .map(|record| record.recorded_at);
    let deadline = round.milestones.iter().find(|(name, _)| name.as_str() == "deadline").map(|(_, moment)| moment);
    let entries = participations(&world, id, round);
    if matches!(form, Form::Json | Form::Jsonl) {
        let document = json!({
            "id": id, "title": round.title, "state": round.state, "paused": round.paused, "year": round.year,
            "workflow": round.pin.as_ref().map(|pin| &pin.workflow),
            "definition": round.pin.as_ref().map(|pin| &pin.bundle),
            "reference_years": round.reference_years, "launched_at": launched,
            "deadline": deadline.map(|moment| moment.at), "participations": entries,
        });
        return crate::output::document(form, document, "");
    }
    if form == Form::Table {
        let until = deadline
            .map(|moment| format!("; general deadline {} ({})", moment.local, moment.reckoned.zone))
            .unwrap_or_default();
        line(&format!("{}: {}{until}", round.title, round.state.as_str()))?;
    }
    Listing { name: "participations", columns: COLUMNS, entries, empty: "No country takes part yet." }.print(form)
}

pub(crate) const COLUMNS: &[(&str, &str)] = &[
    ("/country", "Country"),
    ("/state", "State"),
    ("/turn", "Turn"),
    ("/deadline_local", "Deadline"),
    ("/deadline_zone", "Local time of"),
    ("/tables_owed", "Owed"),
    ("/tables_received", "Received"),
    ("/tables_declared", "Without data"),
    ("/tables_accepted", "Accepted"),
];
