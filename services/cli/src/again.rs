//! A given id (`--again`) stands for one command, whatever stream that is about: what was given once is told as recorded before, and
//! anything else under the id is refused, before it is decided.
//!
//! The ledger holds that within a stream, where an id has one wish. Over streams there is no index of it: each record that the command
//! line makes names, as its cause, the id in its first half and who gave what in its second, and whoever gives an id reads the log for
//! it first, from the newest record back. So two others that are given at the same moment, about different streams, may both act.

use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use rondo_domain::rejection::Otherwise;
use rondo_domain::{CommandId, FileHash, PersonId, Rejection};
use rondo_eventlog::Ledger;
use rondo_eventlog::ledger::MAX_READ;
use serde_json::json;

use crate::args::{Command, FigureVerb, PersonVerb, ReminderVerb, RoundVerb, SubmissionVerb};
use crate::builtin;
use crate::failure::Failure;
use crate::output::{Form, document};

/// How many bytes of a cause say which id was given; the others say what was given with it.
const OF_ID: usize = 8;

/// What was recorded under a given id, by the same person with the same words.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before {
    position: u64,
    at: Timestamp,
}

impl Before {
    /// When it was recorded and where, as a clause.
    pub(crate) fn told(&self) -> String {
        format!("recorded before, at {:.0} as record {}", self.at, self.position)
    }

    /// Says that all of it was recorded before, and is not said of how things are now.
    pub(crate) fn tell(&self, form: Form) -> Result<(), Failure> {
        let sentence =
            format!("This was {}. Nothing was done now; how it stands by now is another question.", self.told());
        document(form, json!({ "said": sentence, "recorded_before": self.json() }), &sentence)
    }

    /// The same for programs.
    pub(crate) fn json(&self) -> serde_json::Value {
        json!({ "at": self.at, "position": self.position })
    }
}

/// What a person gave, and what came of it before.
#[derive(Debug, Default)]
pub(crate) struct Given {
    /// Stands with each record as its cause: of what a person gives, and of nothing else.
    pub(crate) cause: Option<CommandId>,
    pub(crate) before: Option<Before>,
    /// Whether something was recorded now, and whether something had been before.
    pub(crate) acted: AtomicBool,
    pub(crate) repeated: AtomicBool,
}

impl Given {
    /// What was given with an id.
    ///
    /// # Errors
    /// When a file that the command names cannot be read.
    pub(crate) fn of(occasion: &str, person: &PersonId, command: &Command) -> Result<Self, Failure> {
        let words = format!("{command:?}");
        let file = file_of(command)?;
        let CommandId(mut cause) = CommandId::of(&["given", occasion]);
        let CommandId(what) = CommandId::of(&["given", occasion, person.as_str(), &words, &file]);
        cause[OF_ID..].copy_from_slice(&what[OF_ID..]);
        Ok(Self { cause: Some(CommandId(cause)), ..Self::default() })
    }

    /// Notes what came of one command.
    pub(crate) fn came(&self, accepted: &rondo_eventlog::Accepted) {
        let noted = if accepted.repeated { &self.repeated } else { &self.acted };
        noted.fetch_or(accepted.count > 0, Ordering::Relaxed);
    }

    /// Whether nothing was recorded now of what had been.
    pub(crate) fn is_repeated(&self) -> bool {
        self.repeated.load(Ordering::Relaxed) && !self.acted.load(Ordering::Relaxed)
    }

    /// What was recorded before, where nothing was now.
    pub(crate) fn before(&self) -> Option<&Before> {
        self.before.as_ref().filter(|_| !self.acted.load(Ordering::Relaxed))
    }
}

/// The hash of what a command names by its place: other bytes in the same place are another command.
fn file_of(command: &Command) -> Result<String, Failure> {
    let hash = match command {
        Command::Submission(SubmissionVerb::Send { file, .. })
        | Command::Figure(FigureVerb::LoadPublished { file, .. }) => FileHash::of(&crate::nouns::read(file)?),
        Command::Round(RoundVerb::Plan { workflow, .. } | RoundVerb::Migrate { workflow, .. }) => {
            FileHash::of(&builtin::bundle(workflow)?.to_bytes())
        }
        _ => return Ok(String::new()),
    };
    Ok(hash.to_string())
}

/// Whether a command goes on where it was recorded before: it makes several records, or has something to do or to say beside them.
pub(crate) fn goes_on(command: &Command) -> bool {
    matches!(
        command,
        Command::Submission(SubmissionVerb::Send { .. })
            | Command::Figure(FigureVerb::LoadPublished { .. })
            | Command::Reminder(ReminderVerb::SendNow { .. })
            | Command::Person(PersonVerb::Erase { .. })
    )
}

/// What was recorded under a given id.
///
/// # Errors
/// `command.id-used-otherwise`, with the id as it was given; and when the log cannot be read.
pub(crate) async fn before(
    log: &dyn Ledger,
    (occasion, person): (&str, &PersonId),
    cause: CommandId,
) -> Result<Option<Before>, Failure> {
    let mut end = log.head().await?.size;
    while end > 0 {
        let begin = end.saturating_sub(MAX_READ as u64);
        let mut at = begin;
        while at < end {
            let records = log.read(at, (end - at) as usize).await?;
            let Some(last) = records.last() else { break };
            at = last.position + 1;
            let of_id = |found: &CommandId| found.0[..OF_ID] == cause.0[..OF_ID];
            let Some(found) = records.iter().find(|record| record.cause.as_ref().is_some_and(of_id)) else { continue };
            let otherwise = match found {
                _ if found.actor.id != *person => Otherwise::Actor,
                _ if found.cause != Some(cause) => Otherwise::Wish,
                _ => return Ok(Some(Before { position: found.position, at: found.recorded_at })),
            };
            return Err(Rejection::IdUsedOtherwise { id: occasion.to_owned(), otherwise }.into());
        }
        end = begin;
    }
    Ok(None)
}
