//! One file a noun; this one opens the log for those that need it.

mod allowed;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod calendar;
pub(crate) mod check;
pub(crate) mod config;
pub(crate) mod doctor;
mod figure;
mod handover;
pub(crate) mod key;
pub(crate) mod mail;
pub(crate) mod manual;
pub(crate) mod migration;
mod participation;
pub(crate) mod person;
mod query;
mod questions;
mod release;
mod reminder;
mod round;
mod search;
mod submission;
mod task;
pub(crate) mod workflow;

use std::sync::Arc;

use rondo_runtime::chance::{Chance, SystemChance};
use rondo_runtime::config::Config;

use crate::again::{self, Given};
use crate::args::{Cli, Command};
use crate::desk::Desk;
use crate::failure::Failure;
use crate::output::hint;
use crate::reach::Reached;
pub(crate) use submission::read;

/// Runs a verb that needs the log.
pub(crate) async fn with_log(cli: &Cli, config: &Config) -> Result<(), Failure> {
    let mut drawn = [0; 16];
    SystemChance.fill(&mut drawn).map_err(|e| Failure::of(&e))?;
    let occasion = cli.again.clone().unwrap_or_else(|| hex::encode(drawn));
    let what = Given::of(&occasion, &cli.person, &cli.command)?;
    let mut reached = Reached::new(config, cli.server.as_ref(), cli.token_file.as_deref()).await?;
    let desk = Desk {
        ledger: Arc::clone(&reached.ledger),
        person: cli.person.clone(),
        role: cli.role,
        occasion: occasion.clone(),
        clock: reached.now,
        given: what,
    };
    let served = reached.served;
    let done = reached.unless_asked(Box::pin(given(cli, config, desk, served))).await;
    let closed = reached.close().await;
    let done = match done {
        Some(done) => done.and(closed.map(drop)),
        None => closed.and_then(|records| Err(Failure::stopped(records, &occasion))),
    };
    done.map_err(|failure| failure.of_occasion(&occasion))
}

/// Does what is given, once.
async fn given(cli: &Cli, config: &Config, mut desk: Desk, served: bool) -> Result<(), Failure> {
    if let (Some(occasion), Some(cause)) = (&cli.again, desk.given.cause) {
        desk.given.before = again::before(&*desk.ledger, (occasion, &desk.person), cause).await?;
        if let Some(before) = desk.given.before.filter(|_| !again::goes_on(&cli.command)) {
            return before.tell(cli.output);
        }
    }
    verb(cli, config, &desk, served).await?;
    // An earlier version recorded it, whose records do not tell what was given.
    if desk.given.before.is_none() && desk.given.is_repeated() {
        hint("All of this was recorded before, and nothing was now: it is said as it was then.");
    }
    Ok(())
}

async fn verb(cli: &Cli, config: &Config, desk: &Desk, served: bool) -> Result<(), Failure> {
    let form = cli.output;
    match &cli.command {
        Command::Rehearse(args) => crate::rehearse::run_live(args, desk, config, form).await,
        Command::Round(verb) => round::run(verb, desk, form, served).await,
        Command::Participation(verb) => participation::run(verb, desk, form).await,
        Command::Submission(verb) => submission::run(verb, desk, form, served).await,
        Command::Query(verb) => query::run(verb, desk, form).await,
        Command::Figure(verb) => figure::run(verb, desk, form).await,
        Command::Reminder(verb) => reminder::run(verb, desk, config, form, served).await,
        Command::Task(verb) => task::run(verb, desk, form, served).await,
        Command::Audit(verb) => audit::run(verb, desk, config, form).await,
        Command::Calendar(verb) => calendar::run(verb, desk, form, served).await,
        Command::Institution(verb) => calendar::institution(verb, desk, form).await,
        Command::Release(verb) => release::run(verb, desk, form).await,
        Command::Person(verb) => person::run(verb, desk, config, form).await,
        other => Err(Failure::usage(format!("{other:?} needs no log"))),
    }
}

/// Says what happens to a command when no server runs.
fn remark(served: bool) {
    if !served {
        hint("No server runs on this data directory; what follows from this happens once `rondo up` does.");
    }
}
