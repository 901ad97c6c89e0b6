//! The interpreter: from what is known and what time it is to the commands that are due.

use std::borrow::Cow;
use std::collections::BTreeSet;

use jiff::Timestamp;
use rondo_domain::calendar::Moment;
use rondo_domain::participation::ParticipationCommand;
use rondo_domain::round::{Round, RoundCommand, RoundState};
use rondo_domain::run::{Occurrence, Outcome, RunCommand, Stage};
use rondo_domain::workflow::{Each, Step, Trigger};
use rondo_domain::{Command, Country, StreamId, Wish};

use crate::ROLE;
use crate::actions;
use crate::definitions::{Definitions, Ready};
use crate::invitations;
use crate::knowledge::{Happened, Knowledge, RunKey};
use crate::outcomes;
use crate::plan::PlanError;

/// The commands that are due now, of the first kind that has any.
pub(crate) fn due(knowledge: &mut Knowledge, definitions: &Definitions, now: Timestamp) -> Vec<Command> {
    type Stage = fn(&mut Knowledge, &Definitions, Timestamp) -> Vec<Option<Command>>;
    const STAGES: [Stage; 7] = [configure, open_participations, follow_outcomes, plan_steps, plan_events, fire, act];
    for stage in STAGES {
        let mut commands: Vec<Command> = stage(knowledge, definitions, now).into_iter().flatten().collect();
        commands.retain(|command| knowledge.refusal(command.id).is_none());
        if !commands.is_empty() {
            return commands;
        }
    }
    Vec::new()
}

/// A command of the scheduler, its id born of these parts.
pub(crate) fn command(cause: &[&str], wish: Wish) -> Option<Command> {
    // The service's own name is always an id.
    Command::of_service(ROLE, cause, wish).ok()
}

fn ready<'d>(definitions: &'d Definitions, round: &Round) -> Option<Cow<'d, Ready>> {
    Some(definitions.get(&round.pin.as_ref()?.bundle)?.in_round(round))
}

fn configure(knowledge: &mut Knowledge, definitions: &Definitions, _: Timestamp) -> Vec<Option<Command>> {
    let (mut commands, mut troubles) = (Vec::new(), Vec::new());
    for (id, round) in knowledge.world.rounds() {
        let Some(ready) = ready(definitions, round).filter(|_| round.state == RoundState::Planned) else { continue };
        match ready.round_plan(round.year) {
            Ok(plan) => {
                let wish = Wish::Round { round: id, command: RoundCommand::Configure { plan } };
                commands.push(command(&["configure"], wish));
            }
            Err(error) => troubles.push((id, format!("the round cannot be configured: {error}"))),
        }
    }
    troubles.into_iter().for_each(|(id, why)| knowledge.troubled(&id, why));
    commands
}

fn open_participations(knowledge: &mut Knowledge, _: &Definitions, _: Timestamp) -> Vec<Option<Command>> {
    let mut commands = Vec::new();
    for (id, round) in knowledge.world.rounds().into_iter().filter(|(_, round)| round.takes_submissions()) {
        for country in round.participants.keys() {
            if knowledge.world.participation(&id, country).is_none_or(|part| !part.expected) {
                let (round, country) = (id.clone(), country.clone());
                let wish = Wish::Participation { round, country, command: ParticipationCommand::Expect };
                commands.push(command(&["expect"], wish));
            }
        }
    }
    commands
}

fn follow_outcomes(knowledge: &mut Knowledge, _: &Definitions, _: Timestamp) -> Vec<Option<Command>> {
    let (mut commands, mut seen) = (Vec::new(), BTreeSet::new());
    for stream in std::mem::take(&mut knowledge.outcomes) {
        // Sent, and come back since: what it asks for now is asked once.
        if !seen.insert(stream.clone()) {
            continue;
        }
        if outcomes::comes_too_early(&knowledge.world, &stream) {
            knowledge.outcomes.push(stream);
            continue;
        }
        for command in outcomes::follow(&knowledge.world, &stream).into_iter().flatten() {
            knowledge.follows(command.id, &stream);
            commands.push(Some(command));
        }
    }
    commands
}

fn plan_steps(knowledge: &mut Knowledge, definitions: &Definitions, _: Timestamp) -> Vec<Option<Command>> {
    let (mut commands, mut undated, mut troubles) = (Vec::new(), Vec::new(), Vec::new());
    for id in knowledge.take_replan() {
        let Some(round) = knowledge.world.round(&id) else { continue };
        let live = !matches!(round.state, RoundState::Unplanned | RoundState::Planned | RoundState::Cancelled);
        if !live {
            continue;
        }
        let Some(ready) = ready(definitions, round) else {
            undated.push(id);
            continue;
        };
        for step in &ready.definition.steps {
            for country in countries(round, step) {
                let key = (id.clone(), country);
                match plan_step(knowledge, &ready, round, step, &key) {
                    Ok(planned) => commands.extend(planned),
                    Err(error) => {
                        troubles.push((id.clone(), format!("the step {} has no date: {error}", step.id)));
                        undated.push(id.clone());
                    }
                }
            }
        }
    }
    undated.iter().for_each(|round| knowledge.undated(round));
    troubles.into_iter().for_each(|(id, why)| knowledge.troubled(&id, why));
    commands
}

/// Whom a step is for: the round itself, or each country in it.
fn countries(round: &Round, step: &Step) -> Vec<Option<Country>> {
    match step.each {
        Each::Round => vec![None],
        Each::Country => round.participants.keys().cloned().map(Some).collect(),
    }
}

fn plan_step(
    knowledge: &Knowledge,
    ready: &Ready,
    round: &Round,
    step: &Step,
    key: &RunKey,
) -> Result<Option<Option<Command>>, PlanError> {
    let country = key.1.as_ref();
    Ok(match &step.trigger {
        Trigger::Milestone { milestone, .. } => {
            let Some(due) = ready.milestone_due(round, step, country)? else { return Ok(None) };
            let run = knowledge.world.run(&key.0, country);
            let occurrence = match run.and_then(|run| run.newest(&step.id, milestone.as_str())) {
                None => Occurrence { step: step.id.clone(), of: milestone.as_str().into() },
                Some((newest, was, stage)) if *stage != Stage::Planned && knowledge.comes_again(key, was, &due) => {
                    newest.again()
                }
                Some((newest, ..)) => newest.clone(),
            };
            plan(knowledge, key, occurrence, due)
        }
        Trigger::Cron { from, .. } => {
            let run = knowledge.world.run(&key.0, country);
            let Some(from) = round.milestones.get(from) else { return Ok(None) };
            let (mut last, mut waiting) = (from.at, false);
            for (_, due, stage) in run.into_iter().flat_map(|run| run.of_step(&step.id)) {
                last = last.max(due.at);
                waiting |= *stage == Stage::Planned;
            }
            if waiting {
                return Ok(None);
            }
            let Some(due) = ready.cron_due(round, step, country, last)? else { return Ok(None) };
            plan(knowledge, key, Occurrence { step: step.id.clone(), of: due.local.to_string().into() }, due)
        }
        Trigger::Event { .. } => None,
    })
}

/// The command that plans an occurrence, unless it is planned for that moment already, or has fired. That the same moment is
/// reckoned by other data is no move.
fn plan(knowledge: &Knowledge, key: &RunKey, occurrence: Occurrence, due: Moment) -> Option<Option<Command>> {
    let run = knowledge.world.run(&key.0, key.1.as_ref());
    match run.and_then(|run| run.occurrence(&occurrence)) {
        None => {}
        Some((was, Stage::Planned)) if (was.at, was.local) != (due.at, due.local) => {}
        Some(_) => return None,
    }
    let (step, of) = (occurrence.step.clone(), occurrence.of.clone());
    let wish = wish(key, RunCommand::Plan { occurrence, due });
    // A step may be wished to a moment where it stood before: the wish is told from the earlier one by what the round and the
    // run had come to, never by the moment.
    let seen = [StreamId::round(&key.0), wish.stream()].map(|stream| knowledge.world.version(&stream).to_string());
    Some(command(&["plan", step.as_str(), &of, &seen[0], &seen[1]], wish))
}

pub(crate) fn wish(key: &RunKey, command: RunCommand) -> Wish {
    Wish::Run { round: key.0.clone(), country: key.1.clone(), command }
}

fn plan_events(knowledge: &mut Knowledge, definitions: &Definitions, _: Timestamp) -> Vec<Option<Command>> {
    let mut commands = Vec::new();
    for (key, happened) in std::mem::take(&mut knowledge.happened) {
        let Some(round) = knowledge.world.round(&key.0) else { continue };
        let Some(ready) = ready(definitions, round) else {
            knowledge.happened.insert(key, happened);
            continue;
        };
        let (mut unplanned, mut troubles) = (Vec::new(), Vec::new());
        for event in happened {
            match plan_event(knowledge, definitions, &ready, &key, &event) {
                Ok(planned) => commands.extend(planned),
                Err(error) => {
                    troubles.push(format!("a step that {} brings has no date: {error}", event.event));
                    unplanned.push(event);
                }
            }
        }
        unplanned.into_iter().for_each(|event| knowledge.unplanned(&key, event));
        troubles.into_iter().for_each(|why| knowledge.troubled(&key.0, why));
    }
    commands
}

/// The commands that plan what waits for an event.
fn plan_event(
    knowledge: &Knowledge,
    definitions: &Definitions,
    ready: &Ready,
    key: &RunKey,
    happened: &Happened,
) -> Result<Vec<Option<Command>>, PlanError> {
    let mut commands = Vec::new();
    let waits = |step: &&Step| matches!(&step.trigger, Trigger::Event { event: name, .. } if *name == happened.event);
    // A step that another version of the workflow brought waits for what happens from then on.
    let waited = |step: &&Step| {
        knowledge.versions_since(&key.0, happened.at).all(|was| {
            definitions.get(was).and_then(|ready| ready.definition.step(&step.id)).is_some_and(|old| waits(&old))
        })
    };
    for step in ready.definition.steps.iter().filter(|step| waits(step) && waited(step)) {
        let occurrence = Occurrence { step: step.id.clone(), of: format!("{}.{}", happened.event, happened.of).into() };
        if knowledge.stage(key, &occurrence).is_some() {
            continue;
        }
        if let Some(due) = ready.event_due(step, key.1.as_ref(), happened.at)? {
            commands.extend(plan(knowledge, key, occurrence, due));
        }
    }
    Ok(commands)
}

fn fire(knowledge: &mut Knowledge, _: &Definitions, now: Timestamp) -> Vec<Option<Command>> {
    let due = knowledge.due(now);
    due.into_iter()
        .map(|(key, occurrence)| {
            let (step, of) = (occurrence.step.clone(), occurrence.of.clone());
            command(&["fire", step.as_str(), &of], wish(&key, RunCommand::Fire { occurrence }))
        })
        .collect()
}

/// The fired occurrences in the order of their times.
fn in_turn(knowledge: &Knowledge) -> Vec<&(RunKey, Occurrence)> {
    let due = |(key, occurrence): &(RunKey, Occurrence)| {
        let run = knowledge.world.run(&key.0, key.1.as_ref())?;
        run.occurrence(occurrence).map(|(due, _)| due.at)
    };
    let mut all: Vec<_> = knowledge.fired.iter().collect();
    // The round's own steps come before its countries' of the same instant.
    all.sort_by_cached_key(|fired| (due(fired), fired.0.1.is_some()));
    all
}

/// What the fired occurrences ask for now. After a time of rest many are due at once: what moves the round itself on is done
/// alone, so that everything behind it is judged by what came of it.
fn act(knowledge: &mut Knowledge, definitions: &Definitions, now: Timestamp) -> Vec<Option<Command>> {
    let (mut commands, mut wake, mut inviting) = (Vec::new(), None, BTreeSet::new());
    for (key, occurrence) in in_turn(knowledge) {
        // A pause holds what would be done; a cancelled round has nothing to be done any more, and is told so.
        let acts = |round: &&Round| !round.paused || round.state == RoundState::Cancelled;
        let Some(round) = knowledge.world.round(&key.0).filter(acts) else { continue };
        // What is done does not ask the calendar, whose changes cost a copy of it.
        let Some(ready) = round.pin.as_ref().and_then(|pin| definitions.get(&pin.bundle)) else { continue };
        let moves = ready.definition.step(&occurrence.step).is_some_and(actions::moves_round);
        if moves && !commands.is_empty() {
            break;
        }
        let wished = actions::act(&knowledge.world, &ready.definition, key, occurrence, now);
        if wished.is_empty() {
            let turn = actions::next_turn(&knowledge.world, &ready.definition, key, occurrence, now);
            wake = [wake, turn].into_iter().flatten().min();
        }
        let refusal = wished.iter().flatten().find_map(|command| knowledge.refusal(command.id));
        match refusal {
            // Whom an invitation of this country waits for is seen once that is recorded, and the next occurrence acts on it.
            None if invitations::is_one(&wished) && !inviting.insert(key) => {}
            None => commands.extend(wished),
            Some(why) => {
                let outcome = Outcome::Skipped { reason: format!("it was refused: {why}") };
                commands.push(actions::complete(key, occurrence, outcome));
            }
        }
        if moves && !commands.is_empty() {
            break;
        }
    }
    knowledge.wake = wake;
    commands
}
