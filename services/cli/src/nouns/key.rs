//! `rondo audit key`: the keys that signed the log, and changing the one that does.

use std::path::Path;

use rondo_domain::event::Event;
use rondo_domain::network::{NetworkCommand, NetworkEvent};
use rondo_domain::{Command, CommandId, Wish};
use rondo_eventlog::{Ledger, SubmitError, ledger};
use rondo_ledger::loss::{self, Loss};
use rondo_ledger::rotation::{self, Rotation};
use rondo_runtime::chance::SystemChance;
use rondo_runtime::config::Config;
use serde_json::{Value, json};

use crate::args::Cli;
use crate::failure::Failure;
use crate::output::{Form, Listing, hint, line, said};
use crate::reach::Reached;

/// The keys of a log in vkey form, the present one last, each with the record by which it took over.
pub(crate) async fn keys(ledger: &dyn Ledger) -> Result<Vec<Value>, Failure> {
    let present = ledger.key().await?.trim_end().to_owned();
    let mut keys: Vec<Value> = Vec::new();
    for record in ledger::read_all(ledger, "network").await? {
        let (was, is, why) = match (&record.event, Loss::of(&record)) {
            (Event::Network(NetworkEvent::KeyRotated { was, is, reason }), _) => (was, is, reason.clone()),
            (Event::Network(NetworkEvent::LogContinued { was, is, .. }), Some(loss)) => (was, is, loss.to_string()),
            _ => continue,
        };
        if keys.is_empty() {
            keys.push(json!({"key": was, "from": 0}));
        }
        keys.push(json!({
            "key": is, "from": record.position, "recorded_at": record.recorded_at, "actor": record.actor.id,
            "role": record.actor.role, "reason": why, "loss": Loss::of(&record),
        }));
    }
    if keys.is_empty() {
        keys.push(json!({"key": present, "from": 0}));
    }
    Ok(keys)
}

/// What the log itself says is lost of it, in its order.
pub(crate) async fn losses(ledger: &dyn Ledger) -> Result<Vec<Loss>, Failure> {
    Ok(ledger::read_all(ledger, "network").await?.iter().filter_map(Loss::of).collect())
}

/// Lists them.
pub(crate) async fn list(ledger: &dyn Ledger, plain: bool, form: Form) -> Result<(), Failure> {
    if plain {
        for key in keys(ledger).await? {
            // A line that begins so is a remark to whoever takes the list as keys, and tells who checks a receipt.
            if let Ok(loss) = serde_json::from_value::<Loss>(key["loss"].clone()) {
                line(&remark(&loss))?;
            }
            line(key["key"].as_str().unwrap_or_default())?;
        }
        return Ok(());
    }
    let columns = &[
        ("/key", "Key"),
        ("/from", "From record"),
        ("/recorded_at", "Handed over"),
        ("/actor", "By"),
        ("/reason", "Why"),
    ];
    Listing { name: "keys", columns, entries: keys(ledger).await?, empty: "The log has no key." }.print(form)
}

/// What the words of a loss begin with in a list of keys.
const REMARK: &str = "# lost from ";

/// A loss as a line of a list of keys.
fn remark(loss: &Loss) -> String {
    format!("{REMARK}{}: {}", loss.kept, loss.to_string().replace(char::is_control, " "))
}

/// What a list of keys says was lost under a key: from which record on, and in words.
pub(crate) fn lost_under<'k>(keys: &'k str, vkey: &str) -> Option<(u64, &'k str)> {
    let mut after = keys.lines().skip_while(|line| line.trim_end() != vkey).skip(1);
    let (kept, told) = after.next()?.strip_prefix(REMARK)?.split_once(": ")?;
    Some((kept.parse().ok()?, told))
}

/// Makes a key in a file.
pub(crate) fn create(out: &Path, form: Form) -> Result<(), Failure> {
    if out.exists() {
        return Err(Failure::conflict(format!("{} is there already; nothing was changed", out.display())));
    }
    rondo_ledger::create_key(out, &SystemChance).map_err(|e| Failure::of(&e))?;
    said(form, &format!("{} is a new key. Keep it secret.", out.display()))?;
    hint(&format!("Next, beside the log: rondo audit key rotate --to {} --reason WHY", out.display()));
    Ok(())
}

/// Changes the key: recorded and signed with the old one, then signed with the new one.
pub(crate) async fn rotate(cli: &Cli, config: &Config, reason: &str, to: Option<&Path>) -> Result<(), Failure> {
    let mut reached = Reached::new(config, cli.server.as_ref(), cli.token_file.as_deref()).await?;
    if reached.served {
        return Err(Failure::try_later(
            "a server runs on this log and signs it; nothing was changed. Stop it, change the key, and start it again",
        ));
    }
    let data = &config.ledger.data;
    let world = crate::desk::world(&*reached.ledger, &["network"]).await?;
    let rotation = rotation::begin(data, to, world.network().keys.last().map(String::as_str), &SystemChance)?;
    let finishing = rotation.is_recorded;
    let recorded = if finishing { Some(Ok(())) } else { reached.hand_over(handing_over(cli, &rotation, reason)).await };
    // At rest the old key has signed the record that names the new one.
    let made = reached.close().await?;
    if let Some(ended) = ended(recorded, made) {
        return Err(ended.lets_go(|| rotation.abandon()));
    }
    let is = rotation.is.clone();
    let kept = rotation.finish()?;
    Reached::new(config, None, None).await?.close().await?;
    said(cli.output, &format!("The log is signed by {is} from now on."))?;
    if finishing {
        hint(
            "This finished a change that was recorded earlier, with its own reason; the key is not changed once more.",
        );
    }
    hint(&format!(
        "The old key is kept as {}; once you need it no more, destroy it. Give the new log.vkey to whoever checks the log; `rondo audit key list` names every key, and receipts of the old one stay good.",
        kept.display()
    ));
    Ok(())
}

/// Why a change of the key did not come to its end.
struct Unchanged {
    why: Failure,
    /// Whether it is known that nothing of it is recorded, so that what was begun is let go of.
    is_known: bool,
}

/// What ended a change of the key, if it did not go through: it was refused, something broke, or a signal came. A fault is no
/// refusal: the change may be recorded, and the same command again finishes it; `made` says so after a signal.
fn ended(recorded: Option<Result<(), SubmitError>>, made: u64) -> Option<Unchanged> {
    match recorded {
        Some(Ok(())) => None,
        Some(Err(error)) => {
            let is_known = matches!(error, SubmitError::Rejected(_));
            Some(Unchanged { why: error.into(), is_known })
        }
        None => Some(Unchanged { why: Failure::stopped_changing(made), is_known: made == 0 }),
    }
}

impl Unchanged {
    /// The failure, after letting go of what was begun where nothing is recorded. What stands in the way of that hides no reason.
    fn lets_go(self, abandon: impl FnOnce() -> Result<(), rondo_ledger::OpenError>) -> Failure {
        if self.is_known
            && let Err(error) = abandon()
        {
            let told = rondo_runtime::lifecycle::with_sources(&error);
            tracing::error!("what was begun could not be let go of; the same command once more does: {told}");
        }
        self.why
    }
}

fn handing_over(cli: &Cli, rotation: &Rotation, reason: &str) -> Command {
    let command =
        NetworkCommand::RotateKey { was: rotation.was.clone(), is: rotation.is.clone(), reason: reason.to_owned() };
    let id = CommandId::of(&["rotate", &rotation.was, &rotation.is]);
    Command { role: cli.role, ..Command::of(id, cli.person.clone(), Wish::Network { command }) }
}

/// Goes on with a log of which something is lost: recorded under a new key, by somebody, with a reason.
pub(crate) async fn go_on(
    cli: &Cli,
    config: &Config,
    reason: &str,
    to: Option<&Path>,
    although: bool,
) -> Result<(), Failure> {
    let continuation = loss::begin(&config.ledger.data, to, although, &SystemChance)?;
    let mut reached = Reached::to_continue(config, &continuation).await?;
    let wish = Wish::Network { command: continuation.wish(reason) };
    let id = CommandId::of(&["continue", continuation.key()]);
    let (actor, role) = (cli.person.clone(), cli.role);
    let command = Command { role, ..Command::of(id, actor, wish) };
    // What an earlier run recorded before it was cut off is not wished again, with another reason or by somebody else.
    let recorded = if continuation.recorded.is_some() { Some(Ok(())) } else { reached.hand_over(command).await };
    let made = reached.close().await?;
    if let Some(ended) = ended(recorded, made) {
        return Err(ended.lets_go(|| continuation.abandon()));
    }
    let reason = continuation.recorded.as_deref().unwrap_or(reason);
    if let Some((position, kept)) = continuation.cut_off() {
        hint(&format!(
            "The journal was damaged at record {position} and now ends before it. The rest is kept as {}.",
            kept.display()
        ));
    }
    let (told, key) = (continuation.loss(reason).to_string(), continuation.key().to_owned());
    // Before it is finished: cut off in between, the same command comes by here again.
    crate::held::goes_on(&config.ledger.data)?;
    continuation.finish()?;
    Reached::new(config, None, None).await?.close().await?;
    said(cli.output, &format!("The log goes on, and says: {told}\nIt is signed by {key} from now on."))?;
    hint(
        "Give the new log.vkey to whoever checks the log, with `rondo audit key list --plain`. Whoever holds a receipt or a checkpoint of a lost record has proof of it: ask them for what they sent. Name the new key in the policy of the witnesses; one that saw the lost records has to take the new key and to forget how far it saw the log before it cosigns again. One that only names a number and shows nothing is believed, and the next start would be refused for it anew: take its lines out of the policy before that start, and put them back once whoever runs it says that it has forgotten.",
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_signal_it_is_said_whether_the_change_is_recorded() {
        let told = |made| {
            let Unchanged { why, is_known } = ended(None, made).unwrap();
            (why.sentence, is_known)
        };
        let (said, is_known) = told(0);
        assert!(said.contains("nothing was recorded") && is_known, "{said}");
        let (said, is_known) = told(1);
        assert!(said.contains("the change is recorded") && !is_known, "{said}");
        assert!(ended(Some(Ok(())), 1).is_none());
    }
}
