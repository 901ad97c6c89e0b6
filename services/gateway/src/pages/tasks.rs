//! What a round or a country waits for people to do.

use jiff::Timestamp;
use rondo_domain::run::{Outcome, Stage, TaskName};
use rondo_domain::world::World;
use rondo_domain::{Country, Role, RoundId};

use super::words;
use crate::projection::Texts;

/// An open task.
pub(super) struct OpenTask {
    /// The country's code and name, of a country's task.
    pub(super) country: Option<(String, String)>,
    pub(super) what: String,
    pub(super) whose: String,
    /// Until when it waits, in words.
    pub(super) until: String,
    pub(super) answer_with: String,
}

/// The open tasks of a round, or of one country in it, in the order of their limits.
pub(super) fn open(
    world: &World,
    id: &RoundId,
    only: Option<&Country>,
    texts: &Texts,
    now: Timestamp,
) -> Vec<OpenTask> {
    let mut open = Vec::new();
    for (_, country, run) in world.runs().into_iter().filter(|(of, ..)| of == id) {
        if only.is_some() && only != country.as_ref() {
            continue;
        }
        for (occurrence, task) in run.open_tasks() {
            let whose = |role: Role| match world.network().holders(role, country.as_ref(), now).len() {
                0 => format!("{role} (nobody holds this role)"),
                _ => role.to_string(),
            };
            let owners: Vec<String> = task.owners().map(whose).collect();
            // By the clocks of whoever is asked.
            let theirs = country.as_ref().filter(|_| task.owners().all(Role::is_of_country));
            let line = OpenTask {
                country: country.as_ref().map(|country| (country.to_string(), words::country(texts, country))),
                what: task.task.what.clone(),
                whose: owners.join(", "),
                until: task.task.until.map(|until| words::local(texts, theirs, until)).unwrap_or_default(),
                answer_with: task.answer_with(&TaskName::of(run, id, country.as_ref(), occurrence)),
            };
            open.push((task.task.until, line));
        }
    }
    open.sort_by(|a, b| (a.0.is_none(), a.0, &a.1.country).cmp(&(b.0.is_none(), b.0, &b.1.country)));
    open.into_iter().map(|(_, line)| line).collect()
}

/// A task that is settled.
pub(super) struct SettledTask {
    pub(super) what: String,
    pub(super) outcome: String,
    /// Who said what.
    pub(super) words: String,
}

/// The settled tasks of a country, in the order of their times.
pub(super) fn settled(world: &World, id: &RoundId, country: &Country) -> Vec<SettledTask> {
    let Some(run) = world.run(id, Some(country)) else { return Vec::new() };
    let mut settled = Vec::new();
    for (occurrence, task) in &run.tasks {
        let Some((due, Stage::Completed { outcome })) = run.occurrence(occurrence) else { continue };
        let outcome = match outcome {
            Outcome::Ran { what } => what.clone(),
            Outcome::Skipped { reason } => format!("closed: {reason}"),
        };
        let words = task.answers.iter().map(|answered| format!("{}: {}", answered.person, answered.words));
        let words = words.collect::<Vec<_>>().join("; ");
        settled.push((due.at, SettledTask { what: task.task.what.clone(), outcome, words }));
    }
    settled.sort_by_key(|(at, _)| *at);
    settled.into_iter().map(|(_, line)| line).collect()
}
