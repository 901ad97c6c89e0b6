//! A log that is started again after a restore is held: no step fires and no mail leaves until a coordinator has looked at what
//! would, has dropped what is no longer wanted, and lets the rounds go on.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rondo_domain::notice::NoticeState;
use rondo_domain::round::{MailScope, RoundCommand, RoundState};
use rondo_domain::run::{Stage, TaskName};
use rondo_domain::world::World;
use rondo_domain::{RoundId, StreamId};
use rondo_eventlog::Ledger;
use rondo_ledger::backup::RESTORED;
use rondo_runtime::durable;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::again::Given;
use crate::desk::{Desk, world};
use crate::failure::Failure;
use crate::output::{Form, Listing, hint};

/// The mark of a data directory that was restored and has not been started since. On disk before the restored log is: without it
/// a copy would act at once, and nobody would have to say that it is the newest.
fn mark_of(data: &Path) -> PathBuf {
    data.join(RESTORED)
}

/// What the mark says, as JSON. What is not understood of it counts as not said.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Restored {
    /// Whether it goes on under another key (`audit continue`), so that it is the newest under that one.
    #[serde(default)]
    continued: bool,
}

fn write(data: &Path, says: &Restored) -> Result<(), Failure> {
    let text = serde_json::to_vec(says).map_err(|e| Failure::of(&e))?;
    durable::replace(&mark_of(data), &text).map_err(|e| Failure::of(&e))
}

/// Whether a log was restored, has not been started since, and may be an older copy of what its key signed.
pub(crate) fn is_unproven(data: &Path) -> bool {
    let mark = mark_of(data);
    let says = || serde_json::from_slice::<Restored>(&std::fs::read(&mark).ok()?).ok();
    mark.exists() && !says().unwrap_or_default().continued
}

/// Notes that the loss is recorded: no witness of the key before can say any more whether this copy is the newest. It still
/// starts paused.
pub(crate) fn goes_on(data: &Path) -> Result<(), Failure> {
    if mark_of(data).exists() { write(data, &Restored { continued: true }) } else { Ok(()) }
}

/// Pauses every round of a log, where it was restored or that is asked for, before anything in it acts.
pub(crate) async fn hold(ledger: &Arc<dyn Ledger>, data: &Path, asked: bool) -> Result<(), Failure> {
    let mark = mark_of(data);
    let restored = mark.exists();
    if !restored && !asked {
        return Ok(());
    }
    let reason = if restored { "started after a restore" } else { "started paused" };
    let size = ledger.head().await.map_err(|e| Failure::of(&e))?.size;
    let (person, occasion) = ("operator".parse()?, format!("held at {size}"));
    let desk = Desk { ledger: Arc::clone(ledger), person, role: None, occasion, clock: None, given: Given::default() };
    let rounds = world(&**ledger, &["round/"]).await?;
    for (id, round) in rounds.rounds() {
        if matches!(round.state, RoundState::Unplanned | RoundState::Cancelled) {
            continue;
        }
        let reason = reason.to_owned();
        desk.round_command(&id, RoundCommand::PauseMail { scope: MailScope::All, reason: reason.clone() }).await?;
        desk.round_command(&id, RoundCommand::Pause { reason }).await?;
        hint(&format!("{id} is held: rondo round held {id} shows what would happen."));
    }
    if restored {
        std::fs::remove_file(&mark).map_err(|e| Failure::failed(format!("cannot remove {}: {e}", mark.display())))?;
        // For good: a mark that came back with a power cut would hold what a coordinator let go on meanwhile.
        durable::sync_folder(data).map_err(|e| Failure::of(&e))?;
    }
    Ok(())
}

/// Shows what would fire and leave once a round goes on.
pub(crate) async fn list(id: &RoundId, desk: &Desk, form: Form) -> Result<(), Failure> {
    let round = desk.round(id).await?;
    let known = desk.world(&[&format!("run/{id}"), &format!("notice/{id}/"), StreamId::round(id).as_str()]).await?;
    let entries = would(&known, id, desk.now());
    let columns =
        &[("/item", "Item"), ("/kind", "Kind"), ("/due", "Due"), ("/what", "What"), ("/drop_with", "Drop with")];
    let (empty, any) = ("Nothing waits to happen at once.", !entries.is_empty());
    Listing { name: "held", columns, entries, empty }.print(form)?;
    if round.paused || !round.mail_paused.is_empty() {
        let round_resume = round.paused.then(|| format!("rondo round resume {id} --reason … --as COORDINATOR"));
        let mail = round.mail_paused.keys().map(|scope| {
            let only = match scope {
                MailScope::All => String::new(),
                MailScope::Country(country) => format!(" --country {country}"),
                MailScope::Kind(kind) => format!(" --kind {kind}"),
                MailScope::Person(person) => format!(" --to {person}"),
            };
            format!("rondo reminder resume {id}{only} --reason … --as COORDINATOR")
        });
        let commands: Vec<String> = round_resume.into_iter().chain(mail).collect();
        hint(&format!("Let it go on: {}; what is still true happens then.", commands.join(", and ")));
    } else if any {
        hint("The round is not paused: these happen now, and mail as soon as its recipient is at work.");
    }
    Ok(())
}

fn would(world: &World, id: &RoundId, now: Timestamp) -> Vec<Value> {
    let mut entries: Vec<(Timestamp, Value)> = Vec::new();
    for (_, country, run) in world.runs().into_iter().filter(|(of, ..)| of == id) {
        for (occurrence, due, stage) in run.occurrences() {
            let waits_for_people = run.open_tasks().any(|(asked, _)| asked == occurrence);
            let kind = match stage {
                Stage::Planned if due.at <= now => "step",
                Stage::Fired { .. } if !waits_for_people => "step begun",
                _ => continue,
            };
            let same = run.of_step(&occurrence.step).count();
            let of = (same > 1).then(|| occurrence.of.clone());
            let (round, step) = (id.clone(), occurrence.step.clone());
            let item = TaskName { round, country: country.clone(), step, of };
            let drop_with = format!("rondo round drop {item} --reason …");
            let value = json!({
                "item": item.to_string(), "kind": kind, "due": due.at, "what": due.explanation(), "drop_with": drop_with,
            });
            entries.push((due.at, value));
        }
    }
    for (notice, state) in world.notices(id) {
        let Some(brief) = &state.brief else { continue };
        let waits = match &state.state {
            NoticeState::Due | NoticeState::Attempted => true,
            NoticeState::Postponed { until, .. } | NoticeState::Deferred { until } => *until <= now,
            _ => false,
        };
        if waits {
            let to = brief.country.as_ref().map(|country| format!(" of {country}")).unwrap_or_default();
            let value = json!({
                "item": notice.to_string(), "kind": "mail", "due": brief.due_at,
                "what": format!("{} to the {}{to}, {}", brief.kind, brief.role, state.state.as_str()),
                "drop_with": format!("rondo reminder drop {id} {notice} --reason …"),
            });
            entries.push((brief.due_at, value));
        }
    }
    entries.sort_by(|a, b| (a.0, a.1["item"].as_str()).cmp(&(b.0, b.1["item"].as_str())));
    entries.into_iter().map(|(_, value)| value).collect()
}
