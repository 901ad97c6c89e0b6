//! Acts on the round itself: it is paused and goes on, reopened, changed in its calendar and its workflow, learned from.

use std::collections::BTreeMap;

use rondo_domain::calendar::{CalendarChange, DayChange};
use rondo_domain::round::{MailScope, RoundCommand};
use rondo_domain::run::{Occurrence, RunCommand};
use rondo_domain::workflow::Bundle;
use rondo_domain::{Country, RoundId, Wish};

use super::cast::{Cast, What};
use crate::desk::Desk;
use crate::failure::Failure;
use crate::nouns::{calendar, migration};

/// Plays an act if it is one of the round's; whether it was.
pub(super) async fn play(cast: &Cast, desk: &Desk, what: &What, country: Option<&Country>) -> Result<bool, Failure> {
    let round = &cast.round;
    let mail = || country.map_or(MailScope::All, |country| MailScope::Country(country.clone()));
    let command = match what {
        What::Pause(reason) => RoundCommand::Pause { reason: reason.clone() },
        What::Resume(reason) => RoundCommand::Resume { reason: reason.clone() },
        What::PauseMail(reason) => RoundCommand::PauseMail { scope: mail(), reason: reason.clone() },
        What::ResumeMail(reason) => RoundCommand::ResumeMail { scope: mail(), reason: reason.clone() },
        What::Reopen(reason) => RoundCommand::Reopen { reason: reason.clone() },
        What::CloseRound => RoundCommand::Close,
        // Played again, nothing is proposed any more.
        What::ApproveMigration if desk.round(round).await?.proposed.is_none() => return Ok(true),
        What::ApproveMigration => RoundCommand::ApproveMigration,
        What::Learn(lesson) => RoundCommand::Learn { workflow: cast.workflow.parse()?, lesson: lesson.clone() },
        What::Drop { step, of, reason } => {
            let occurrence = Occurrence { step: step.clone(), of: of.as_str().into() };
            let command = RunCommand::Drop { occurrence, reason: reason.clone() };
            let wish = Wish::Run { round: round.clone(), country: country.cloned(), command };
            desk.submit(&["drop"], wish).await?;
            return Ok(true);
        }
        What::Migrate { file, from, to, reason } => {
            migrate(round, desk, (file, from, to), reason).await?;
            return Ok(true);
        }
        What::DayOff { date, title, reason } => {
            let Some(country) = country else { return Ok(false) };
            let change = DayChange::DayOff { date: *date, title: title.clone(), estimated: false };
            let change = CalendarChange { country: country.clone(), place: None, change };
            // Played again, it is recorded already, and what it moved is over.
            if !desk.round(round).await?.calendar_changes.contains(&change) {
                calendar::record(round, change, reason, desk).await?;
            }
            return Ok(true);
        }
        _ => return Ok(false),
    };
    desk.round_command(round, command).await?;
    Ok(true)
}

async fn migrate(
    round: &RoundId,
    desk: &Desk,
    (file, from, to): (&str, &str, &str),
    reason: &str,
) -> Result<(), Failure> {
    let standing = desk.round(round).await?;
    if standing.proposed.is_some() {
        return Ok(());
    }
    let (was, _) = desk.definition(&standing).await?;
    let mut files: BTreeMap<String, String> =
        was.files().map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
    let text = files.get(file).cloned().unwrap_or_default();
    if !text.contains(from) && text.contains(to) {
        // Played again, the round goes on by that version already.
        return Ok(());
    }
    if !text.contains(from) {
        return Err(Failure::not_found(format!("`{from}` does not stand in {file}")));
    }
    files.insert(file.to_owned(), text.replacen(from, to, 1));
    let bundle = Bundle::new(files).map_err(|e| Failure::of(&e))?;
    let (_, moves) = migration::moved(round, &bundle, desk).await?;
    migration::record(round, &bundle, &moves, reason, desk).await
}
