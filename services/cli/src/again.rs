//! A given id (`--again`) stands for one command, whatever stream that is about: what was given once is told as recorded before, and
//! anything else under the id is refused, before it is decided.
//!
//! The ledger holds that within a stream, where an id has one wish. Over streams there is no index of it: each record that the command
//! line makes names, as its cause, the id in its first half and who gave what in its second, and whoever gives an id reads the log for
//! it first, from the newest record back. So two others that are given at the same moment, about different streams, may both act.
//!
//! What was given is compared as text that no version writes otherwise: the noun, and the verb with what was given to it as JSON, keys
//! in their order, without what was left out. So an option that a later version adds changes nothing of a command that does not
//! give it; one with a value by default has to be left out of the JSON (serde) where it has that value.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use rondo_domain::rejection::Otherwise;
use rondo_domain::{CommandId, FileHash, PersonId, Rejection};
use rondo_eventlog::ledger::MAX_READ;
use rondo_eventlog::{Ledger, Record};
use serde_json::{Value, json};

use crate::args::{Command, FigureVerb, PersonVerb, ReminderVerb, RoundVerb, SubmissionVerb};
use crate::builtin;
use crate::failure::Failure;
use crate::output::{Form, document};

/// How many bytes of a cause say which id was given; the others say what was given with it.
const OF_ID: usize = 8;

/// What a cause is born of: another form of the words takes another name, so that what was given in the form before is known as such.
const BORN_OF: &str = "given words";

/// What it was born of when the words were those of one version, which no other can compare.
const BORN_OF_BEFORE: &str = "given";

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
        let Some(words) = words(command)? else { return Ok(Self::default()) };
        let file = file_of(command)?;
        let CommandId(mut cause) = CommandId::of(&[BORN_OF, occasion]);
        let CommandId(what) = CommandId::of(&[BORN_OF, occasion, person.as_str(), &words, &file]);
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

/// What a command of those that record something says, the same in every version; nothing of others.
fn words(command: &Command) -> Result<Option<String>, Failure> {
    let (noun, verb) = match command {
        Command::Round(verb) => ("round", serde_json::to_value(verb)),
        Command::Participation(verb) => ("participation", serde_json::to_value(verb)),
        Command::Submission(verb) => ("submission", serde_json::to_value(verb)),
        Command::Query(verb) => ("query", serde_json::to_value(verb)),
        Command::Figure(verb) => ("figure", serde_json::to_value(verb)),
        Command::Reminder(verb) => ("reminder", serde_json::to_value(verb)),
        Command::Task(verb) => ("task", serde_json::to_value(verb)),
        Command::Release(verb) => ("release", serde_json::to_value(verb)),
        Command::Person(verb) => ("person", serde_json::to_value(verb)),
        Command::Institution(verb) => ("institution", serde_json::to_value(verb)),
        Command::Calendar(verb) => ("calendar", serde_json::to_value(verb)),
        // Named one by one, so that a new noun has to say what it is.
        Command::Up(_)
        | Command::Rehearse(_)
        | Command::Run(_)
        | Command::Conduct(_)
        | Command::Check(_)
        | Command::Audit(_)
        | Command::Workflow(_)
        | Command::Mail(_)
        | Command::Config(_)
        | Command::Backup { .. }
        | Command::Restore { .. }
        | Command::Completions { .. }
        | Command::Manual { .. }
        | Command::Doctor => return Ok(None),
    };
    let verb = verb.map_err(|e| Failure::of(&e))?;
    Ok(canonical(&verb).map(|verb| format!("{noun} {verb}")))
}

/// JSON whose keys stand in their order, without what was not given: nothing where that is all of it.
fn canonical(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::Array(items) if items.is_empty() => None,
        Value::Array(items) => {
            let items = items.iter().map(|item| canonical(item).unwrap_or_else(|| "null".to_owned()));
            Some(format!("[{}]", items.collect::<Vec<_>>().join(",")))
        }
        Value::Object(entries) => {
            let mut given: Vec<(String, String)> = entries
                .iter()
                .filter_map(|(key, value)| Some((Value::from(key.as_str()).to_string(), canonical(value)?)))
                .collect();
            given.sort();
            let given = given.into_iter().map(|(key, value)| format!("{key}:{value}"));
            Some(format!("{{{}}}", given.collect::<Vec<_>>().join(",")))
        }
        other => Some(other.to_string()),
    }
}

/// Writes a place in the file system as text, whatever bytes it is of.
///
/// # Errors
/// The writer's.
pub(crate) fn place<S: serde::Serializer>(place: &Path, writer: S) -> Result<S::Ok, S::Error> {
    writer.collect_str(&place.display())
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
    let CommandId(before) = CommandId::of(&[BORN_OF_BEFORE, occasion]);
    let mut end = log.head().await?.size;
    while end > 0 {
        let begin = end.saturating_sub(MAX_READ as u64);
        let mut at = begin;
        while at < end {
            let records = log.read(at, (end - at) as usize).await?;
            let Some(last) = records.last() else { break };
            at = last.position + 1;
            let is = |found: &CommandId, given: &[u8; 16]| found.0[..OF_ID] == given[..OF_ID];
            let of_id = |found: &CommandId| is(found, &cause.0) || is(found, &before);
            let Some(found) = records.iter().find(|record| record.cause.as_ref().is_some_and(of_id)) else { continue };
            let otherwise = match found {
                _ if found.actor.id != *person => Otherwise::Actor,
                _ if found.cause.as_ref().is_some_and(|found| is(found, &before)) => {
                    return Err(not_compared(occasion, found));
                }
                _ if found.cause != Some(cause) => Otherwise::Wish,
                _ => return Ok(Some(Before { position: found.position, at: found.recorded_at })),
            };
            return Err(Rejection::IdUsedOtherwise { id: occasion.to_owned(), otherwise }.into());
        }
        end = begin;
    }
    Ok(None)
}

/// That an earlier version recorded something under the id, and nobody can tell whether it is the same: what would be told of another
/// command, to give it with another id, may act twice.
fn not_compared(occasion: &str, found: &Record) -> Failure {
    let (at, position, person) = (found.recorded_at, found.position, &found.actor.id);
    let sentence = format!(
        "an earlier version of Rondo recorded something of {person} under the id {occasion}, at {at:.0} as record {position}, and this one cannot compare it with what is given now; nothing was recorded. See that record first (rondo audit search --person {person} --since {at:.0}): if it is what is wished, it is done, and is not to be given again"
    );
    let used = Rejection::IdUsedOtherwise { id: occasion.to_owned(), otherwise: Otherwise::Wish };
    let mut failure = Failure::conflict(sentence);
    failure.code = Some(used.code());
    failure
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use clap::Parser as _;
    use rondo_runtime::clock::SystemClock;
    use rondo_runtime::memory::MemoryLedger;
    use rondo_testkit::growth::granting;

    use super::*;
    use crate::args::Cli;

    fn command(line: &[&str]) -> Command {
        Cli::try_parse_from([&["rondo"], line].concat()).unwrap().command
    }

    /// These never change: an id that was given once stands for the same words in every later version. A new option is left out
    /// where it is not given.
    #[test]
    fn what_was_given_is_written_the_same_in_every_version() {
        for (line, is) in [
            (&["person", "grant", "zed", "auditor"][..], r#"person {"grant":{"granted":"auditor","who":"zed"}}"#),
            (
                &["person", "grant", "zed", "focal-point", "--country", "LAO", "--until", "2030-01-01"],
                r#"person {"grant":{"country":"LAO","granted":"focal-point","until":"2030-01-01T00:00:00Z","who":"zed"}}"#,
            ),
            (
                &["round", "extend", "r", "VNM", "--by", "+10 working days", "--reason", "a \"storm\""],
                r#"round {"extend":{"by":"+10 working days","country":"VNM","reason":"a \"storm\"","round":"r"}}"#,
            ),
            (
                &["round", "plan", "ilms-asean", "--year", "2026"],
                r#"round {"plan":{"workflow":"ilms-asean","year":2026}}"#,
            ),
            (
                &["round", "plan", "ilms-asean", "--year", "2026", "--late"],
                r#"round {"plan":{"late":true,"workflow":"ilms-asean","year":2026}}"#,
            ),
            (
                &["submission", "send", "r", "LAO", "lao.csv"],
                r#"submission {"send":{"country":"LAO","file":"lao.csv","round":"r"}}"#,
            ),
            (
                &["reminder", "send-now", "r", "a", "b", "--reason", "x"],
                r#"reminder {"send-now":{"notices":["a","b"],"reason":"x","round":"r"}}"#,
            ),
            (
                &["reminder", "send-now", "r", "--all", "unknown", "--country", "LAO", "--reason", "x"],
                r#"reminder {"send-now":{"all":"unknown","country":"LAO","reason":"x","round":"r"}}"#,
            ),
            (
                &[
                    "calendar",
                    "change",
                    "r",
                    "--country",
                    "LAO",
                    "--off",
                    "2025-10-30",
                    "--title",
                    "t",
                    "--reason",
                    "x",
                ],
                r#"calendar {"change":{"country":"LAO","off":"2025-10-30","reason":"x","round":"r","title":"t"}}"#,
            ),
            (
                &["task", "done", "r/LAO/call-head", "--text", "on Monday"],
                r#"task {"done":{"task":"r/LAO/call-head","text":"on Monday"}}"#,
            ),
            (&["release", "clear", "r.1"], r#"release {"clear":{"release":"r.1"}}"#),
            (&["round", "list"], r#"round "list""#),
        ] {
            assert_eq!(words(&command(line)).unwrap().as_deref(), Some(is), "{line:?}");
        }
        assert_eq!(words(&command(&["doctor"])).unwrap(), None);
    }

    #[test]
    fn an_id_and_words_have_a_cause_that_never_changes() {
        let person = "operator".parse().unwrap();
        for (line, is) in [
            (&["person", "grant", "zed", "auditor"][..], "b1e35121ee336c15c9454de3c853ccc8"),
            (
                &["round", "extend", "r", "VNM", "--by", "+10 working days", "--reason", "a storm"],
                "b1e35121ee336c15fc676bb3665ed5f7",
            ),
        ] {
            let given = Given::of("0123456789abcdef0123456789abcdef", &person, &command(line)).unwrap();
            assert_eq!(given.cause.unwrap().to_string(), is, "{line:?}");
        }
    }

    #[tokio::test]
    async fn what_an_earlier_version_recorded_under_an_id_is_refused_without_the_advice_to_give_it_anew() {
        let log = MemoryLedger::new(Arc::new(SystemClock));
        let (id, person): (_, PersonId) = ("0123456789abcdef0123456789abcdef", "operator".parse().unwrap());
        let given = Given::of(id, &person, &command(&["person", "grant", "zed", "auditor"])).unwrap().cause.unwrap();
        let asked = async |person: &PersonId| before(&log, (id, person), given).await;
        assert!(asked(&person).await.unwrap().is_none());
        let CommandId(mut earlier) = CommandId::of(&["given", id]);
        earlier[OF_ID..].fill(7);
        log.submit(rondo_domain::Command { cause: Some(CommandId(earlier)), ..granting("earlier", 0) }).await.unwrap();
        let refused = asked(&person).await.unwrap_err();
        assert_eq!(refused.code, Some("command.id-used-otherwise"));
        let sentence = &refused.sentence;
        assert!(sentence.contains("as record 0") && sentence.contains("not to be given again"), "{sentence}");
        assert!(!sentence.contains("--again"), "{sentence}");
        let refused = asked(&"admin".parse().unwrap()).await.unwrap_err();
        assert!(refused.sentence.contains("by somebody else"), "{}", refused.sentence);
    }

    #[test]
    fn keys_stand_in_their_order_and_what_was_not_given_is_left_out() {
        let value = json!({ "b": [null, false, 1], "a": { "z": false, "y": [] }, "c": null, "d": "" });
        assert_eq!(canonical(&value).unwrap(), r#"{"a":{},"b":[null,null,1],"d":""}"#);
    }
}
