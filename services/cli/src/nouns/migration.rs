//! `rondo workflow diff` and `rondo round migrate`: in what versions of a workflow differ, and what that does to a round.

use std::collections::{BTreeMap, BTreeSet};

use rondo_domain::calendar::Moment;
use rondo_domain::round::{MigrationEffect, Pin, RoundCommand};
use rondo_domain::workflow::{Action, Bundle, Definition, Trigger};
use rondo_domain::{Country, Role, RoundId, StreamId};
use rondo_eventlog::files;
use rondo_scheduler::moves::StepMove;
use serde_json::{Value, json};

use crate::builtin;
use crate::desk::Desk;
use crate::failure::Failure;
use crate::output::{Form, Listing, hint};

/// Lists in what two versions differ.
pub(crate) fn diff(was: &str, is: &str, form: Form) -> Result<(), Failure> {
    let (was, is) = (builtin::bundle(was)?, builtin::bundle(is)?);
    let entries = differences(&was, &is)?;
    let columns = &[("/kind", "Kind"), ("/what", "What"), ("/change", "Change"), ("/was", "Was"), ("/is", "Is")];
    Listing { name: "differences", columns, entries, empty: "They do not differ." }.print(form)
}

fn differences(was: &Bundle, is: &Bundle) -> Result<Vec<Value>, Failure> {
    let (before, after) = (builtin::checked(was)?.ready.definition, builtin::checked(is)?.ready.definition);
    let mut entries = Vec::new();
    for (kind, old, new) in [
        ("milestone", milestones(&before), milestones(&after)),
        ("step", steps(&before), steps(&after)),
        ("country", countries(&before), countries(&after)),
        ("head", head(&before), head(&after)),
    ] {
        entries.extend(compared(kind, &old, &new));
    }
    // What the definition says is told above; of the rest, which files are others, and in how many lines.
    let files = |bundle: &Bundle| -> BTreeMap<String, String> {
        let rest = bundle.files().filter(|(path, _)| !["workflow.toml", "participants.toml"].contains(path));
        rest.map(|(path, text)| (path.to_owned(), text.to_owned())).collect()
    };
    let (old, new) = (files(was), files(is));
    for path in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
        let lines = |text: Option<&String>| text.map(|text| text.lines().map(str::to_owned).collect::<BTreeSet<_>>());
        let (before, after) = (lines(old.get(path)), lines(new.get(path)));
        if old.get(path) == new.get(path) {
            continue;
        }
        let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
        entries.push(json!({
            "kind": "file", "what": path, "change": change(old.contains_key(path), new.contains_key(path)),
            "was": format!("{} lines that are no more", before.difference(&after).count()),
            "is": format!("{} new lines", after.difference(&before).count()),
        }));
    }
    Ok(entries)
}

fn change(was: bool, is: bool) -> &'static str {
    match (was, is) {
        (true, true) => "changed",
        (false, _) => "new",
        (true, false) => "gone",
    }
}

/// What is said of things of a kind, by their names and what of them.
type Said = BTreeMap<String, BTreeMap<&'static str, String>>;

fn compared(kind: &str, old: &Said, new: &Said) -> Vec<Value> {
    let mut entries = Vec::new();
    for name in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
        let (was, is) = (old.get(name), new.get(name));
        if was.is_none() || is.is_none() {
            let whole = |of: Option<&BTreeMap<&str, String>>| {
                of.map(|of| of.get("when").or_else(|| of.values().next()).cloned().unwrap_or_default())
            };
            entries.push(json!({
                "kind": kind, "what": name, "change": change(was.is_some(), is.is_some()), "was": whole(was), "is": whole(is),
            }));
            continue;
        }
        for (field, before) in was.into_iter().flatten() {
            let after = is.and_then(|is| is.get(field));
            if after != Some(before) {
                entries.push(json!({
                    "kind": kind, "what": format!("{name}: {field}"), "change": "changed", "was": before, "is": after,
                }));
            }
        }
    }
    entries
}

fn milestones(definition: &Definition) -> Said {
    let of = |rule: &rondo_domain::workflow::MilestoneRule| {
        let clock = rule.country.as_ref().map_or_else(|| "each country".to_owned(), ToString::to_string);
        [
            ("when", rule.cron.clone()),
            ("clock", clock),
            ("roll", format!("{:?}", rule.roll)),
            ("year", rule.year.to_string()),
        ]
        .into()
    };
    definition.milestones.values().map(|rule| (rule.id.to_string(), of(rule))).collect()
}

fn steps(definition: &Definition) -> Said {
    let of = |step: &rondo_domain::workflow::Step| {
        let needs: Vec<String> = step.needs.iter().map(ToString::to_string).collect();
        let limit = step.time_limit_hours.map_or_else(|| "none".to_owned(), |hours| format!("{hours} hours"));
        [
            ("when", when(&step.trigger)),
            ("if", step.guards.join(", ")),
            ("needs", needs.join(", ")),
            ("do", done(&step.action)),
            ("roll", told(&step.roll)),
            ("late", told(&step.late)),
            ("overlap", told(&step.overlap)),
            ("limit", limit),
            ("retries", step.retries.to_string()),
            ("why", step.why.clone()),
        ]
        .into()
    };
    definition.steps.iter().map(|step| (step.id.to_string(), of(step))).collect()
}

/// When a step is due, in words.
fn when(trigger: &Trigger) -> String {
    let at = |at: &Option<jiff::civil::Time>| at.map(|at| format!(" at {}", at.strftime("%H:%M"))).unwrap_or_default();
    match trigger {
        Trigger::Milestone { milestone, offset, at: time } if offset.count == 0 => {
            format!("on {milestone}{}", at(time))
        }
        Trigger::Milestone { milestone, offset, at: time } => format!("{offset} from {milestone}{}", at(time)),
        Trigger::Event { event, offset: None, .. } => format!("at once on {event}"),
        Trigger::Event { event, offset: Some(offset), at: time } => format!("{offset} from {event}{}", at(time)),
        Trigger::Cron { expression, from, until } => format!("every {expression} from {from} until {until}"),
    }
}

/// What a step does, in words.
fn done(action: &Action) -> String {
    let roles = |roles: &[Role]| roles.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match action {
        Action::Mail { text, to, copy } if copy.is_empty() => format!("mail {text} to {}", roles(to)),
        Action::Mail { text, to, copy } => format!("mail {text} to {}, with a copy to {}", roles(to), roles(copy)),
        Action::WaitForPerson(asked) => format!("ask {}: {}", roles(&asked.owners), asked.task),
        Action::Approve { asked, .. } => format!("have {} approve: {}", roles(&asked.owners), asked.task),
        Action::Escalate { task_of, to, .. } => format!("bring the task of {task_of} to {}", roles(to)),
        other => told(other),
    }
}

/// A part of a definition in the words of its type, which say all of it.
fn told(part: &impl std::fmt::Debug) -> String {
    format!("{part:?}").replace("Some(", "(").replace('"', "")
}

fn countries(definition: &Definition) -> Said {
    let of = |expected: &rondo_domain::workflow::Expected| {
        let tables: Vec<String> = expected.tables.iter().map(ToString::to_string).collect();
        [("tables", tables.join(", ")), ("language", expected.language.clone())].into()
    };
    definition.expected.iter().map(|expected| (expected.country.to_string(), of(expected))).collect()
}

fn head(definition: &Definition) -> Said {
    let of: BTreeMap<&'static str, String> = [
        ("title", definition.title.clone()),
        ("home", definition.home.to_string()),
        ("reference-years", definition.reference_years.to_string()),
        ("retries", definition.retries.to_string()),
        ("mail-hours", told(&definition.mail_hours)),
        ("gather-minutes", definition.gather_minutes.to_string()),
    ]
    .into();
    [("workflow".to_owned(), of)].into()
}

/// Shows what another version does to a round, and proposes it where a reason is given.
pub(crate) async fn propose(
    id: &RoundId,
    workflow: &str,
    reason: Option<&str>,
    desk: &Desk,
    form: Form,
    served: bool,
) -> Result<(), Failure> {
    let bundle = builtin::bundle(workflow)?;
    let (was, moves) = moved(id, &bundle, desk).await?;
    let entries = moves.iter().map(entry).collect();
    let columns = &[("/country", "Country"), ("/step", "Step"), ("/change", "Change"), ("/was", "Was"), ("/is", "Is")];
    Listing { name: "moves", columns, entries, empty: "No step that is still to come moves by it." }.print(form)?;
    hint(&format!(
        "The versions differ in {} (rondo workflow diff). Milestones and deadlines were announced and stay.",
        match differences(&was, &bundle)?.len() {
            1 => "one place".to_owned(),
            places => format!("{places} places"),
        }
    ));
    let Some(reason) = reason else {
        hint("Nothing is recorded. Give the same with --reason instead of --preview to propose it.");
        return Ok(());
    };
    record(id, &bundle, &moves, reason, desk).await?;
    hint(&format!("Proposed. Somebody else lets it hold: rondo round approve-migration {id} --as YOU"));
    super::remark(served);
    Ok(())
}

/// What a round is pinned to, and what another version does to its steps that are still to come.
pub(crate) async fn moved(id: &RoundId, bundle: &Bundle, desk: &Desk) -> Result<(Bundle, Vec<StepMove>), Failure> {
    let round = desk.round(id).await?;
    let (was, ready) = desk.definition(&round).await?;
    let other = builtin::checked(bundle)?.ready;
    if other.definition.id != ready.definition.id {
        return Err(Failure::usage(format!(
            "{} is another workflow than {}, by which {id} goes; a round goes on by another version of its own",
            other.definition.id, ready.definition.id
        )));
    }
    let world = desk.world(&[StreamId::round(id).as_str(), &format!("run/{id}")]).await?;
    let moves = ready.migrated_to(&other, &round, |country| world.run(id, country));
    Ok((was, moves.map_err(|e| Failure::usage(e.to_string()))?))
}

/// Proposes that a round goes on by another version.
pub(crate) async fn record(
    id: &RoundId,
    bundle: &Bundle,
    moves: &[StepMove],
    reason: &str,
    desk: &Desk,
) -> Result<(), Failure> {
    let workflow = builtin::checked(bundle)?.ready.definition.id;
    let hash = files::store(&*desk.ledger, &bundle.to_bytes()).await?;
    let is = Pin { workflow, bundle: hash };
    let command = RoundCommand::ProposeMigration { is, effects: effects(moves), reason: reason.to_owned() };
    desk.round_command(id, command).await.map(|_| ())
}

fn entry(moved: &StepMove) -> Value {
    let when = |moment: &Moment| format!("{} ({})", moment.local.strftime("%a %Y-%m-%d %H:%M"), moment.reckoned.zone);
    json!({
        "country": moved.country, "step": moved.step,
        "change": match (&moved.was, &moved.is) { (Some(_), Some(_)) => "moves", (None, _) => "comes", (_, None) => "is no more" },
        "was": moved.was.as_ref().map(when), "is": moved.is.as_ref().map(when),
    })
}

/// How many steps move, come and go, of each country and of the round.
fn effects(moves: &[StepMove]) -> Vec<MigrationEffect> {
    let mut effects: BTreeMap<Option<Country>, MigrationEffect> = BTreeMap::new();
    for moved in moves {
        let country = moved.country.clone();
        let of = effects.entry(country.clone()).or_insert(MigrationEffect { country, moved: 0, added: 0, dropped: 0 });
        match (&moved.was, &moved.is) {
            (Some(_), Some(_)) => of.moved += 1,
            (None, _) => of.added += 1,
            (Some(_), None) => of.dropped += 1,
        }
    }
    effects.into_values().collect()
}
