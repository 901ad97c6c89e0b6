//! The cast: people and acts of the demonstration, read from `demo/cast.toml` of a workflow.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use jiff::civil::DateTime;
use rondo_domain::calendar::Calendars;
use rondo_domain::participation::{Answer, Declaration};
use rondo_domain::run::TaskAnswer;
use rondo_domain::table::TableNo;
use rondo_domain::workflow::{Problem, parse_toml};
use rondo_domain::{Country, InstitutionId, PersonId, PlaceId, Reason, Role, RoundId, StepId, Year};
use rondo_runtime::people::{People, Person};
use serde::Deserialize;

use crate::builtin;
use crate::failure::Failure;

const FOLDER: &str = "ilms-asean";
const FILE: &str = "demo/cast.toml";

/// The cast, ready to play.
#[derive(Debug)]
pub(crate) struct Cast {
    pub(crate) begin: Timestamp,
    pub(crate) end: Timestamp,
    pub(crate) round: RoundId,
    pub(crate) workflow: String,
    pub(crate) year: Year,
    pub(crate) provenance: String,
    pub(crate) institutions: Vec<InstitutionEntry>,
    pub(crate) people: Vec<PersonEntry>,
    /// Acts in the order of their instants.
    pub(crate) acts: Vec<(Timestamp, Act)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    begin: DateTime,
    end: DateTime,
    clock: Country,
    round: RoundId,
    workflow: String,
    year: Year,
    provenance: String,
    institution: Vec<InstitutionEntry>,
    person: Vec<PersonEntry>,
    act: Vec<toml::Spanned<Act>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InstitutionEntry {
    pub(crate) id: InstitutionId,
    pub(crate) country: Option<Country>,
    pub(crate) name: String,
    pub(crate) place: Option<PlaceId>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PersonEntry {
    pub(crate) id: PersonId,
    name: String,
    #[serde(default = "english")]
    language: String,
    pub(crate) role: Role,
    pub(crate) country: Option<Country>,
    pub(crate) institution: Option<InstitutionId>,
    /// Not granted at the beginning, but by an act.
    #[serde(default)]
    pub(crate) later: bool,
}

fn english() -> String {
    "en".to_owned()
}

/// One act.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Act {
    at: DateTime,
    /// Whose clock `at` is; the cast's own when absent.
    clock: Option<Country>,
    pub(crate) by: PersonId,
    pub(crate) country: Option<Country>,
    #[serde(rename = "do")]
    pub(crate) what: What,
}

/// What is done.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum What {
    LoadHistory(String),
    Plan,
    Acknowledge,
    Send {
        file: String,
        reason: Option<Reason>,
    },
    Declare {
        #[serde(default)]
        tables: Vec<TableNo>,
        #[serde(rename = "as")]
        declaration: Declaration,
        text: String,
    },
    Answer {
        #[serde(rename = "as")]
        answer: Answer,
        text: String,
    },
    AcceptAnswers,
    Allow(String),
    Accept,
    Confirm,
    Close(String),
    Admit {
        deadline: jiff::civil::Date,
        tables: Vec<TableNo>,
        reason: String,
    },
    Extend {
        until: jiff::civil::Date,
        reason: String,
    },
    Grant(PersonId),
    EndRole {
        person: PersonId,
        reason: String,
    },
    /// Somebody stands in for the one who acts, until the end of a day in UTC.
    Delegate {
        to: PersonId,
        until: jiff::civil::Date,
        reason: String,
    },
    /// A day is off although the calendar does not have it so.
    DayOff {
        date: jiff::civil::Date,
        title: String,
        reason: String,
    },
    /// Something was learned, for the next round of the same workflow.
    Learn(String),
    ReplaceContact {
        was: PersonId,
        is: PersonId,
        reason: String,
    },
    RecordBounce {
        person: PersonId,
        reason: String,
    },
    Pause(String),
    Resume(String),
    /// Mail about the country waits.
    PauseMail(String),
    ResumeMail(String),
    /// An occurrence of a step of the round is not carried out.
    Drop {
        step: StepId,
        of: String,
        reason: String,
    },
    Reopen(String),
    CloseRound,
    /// The round goes on by another version of its workflow, in which this text stands in the place of that.
    Migrate {
        file: String,
        from: String,
        to: String,
        reason: String,
    },
    ApproveMigration,
    Approve,
    Clear,
    /// Answer a task of the workflow.
    Task {
        step: StepId,
        answer: TaskAnswer,
        text: String,
    },
}

impl Cast {
    /// The cast packed into the program.
    pub(crate) fn builtin() -> Result<Self, Failure> {
        let text = builtin::file(&format!("{FOLDER}/{FILE}"))
            .ok_or_else(|| Failure::not_found("this program was built without its demonstration"))?;
        Ok(Self::read(text)?)
    }

    fn read(text: &str) -> Result<Self, Problem> {
        let file: File = parse_toml(FILE, text)?;
        let missing = |name: &str| Problem::of_file(FILE, format!("{name} is missing beside the cast"));
        let packed = |name: &str| builtin::file(&format!("{FOLDER}/{name}")).ok_or_else(|| missing(name));
        let calendars = Calendars::parse(packed("calendar/countries.toml")?, packed("calendar/holidays.csv")?, None)?;
        let instant = |local: DateTime, clock: &Country, at: usize| {
            let zone = calendars.get(clock).map(|calendar| &calendar.zone);
            zone.and_then(|zone| local.to_zoned(zone.clone()).ok())
                .map(|zoned| zoned.timestamp())
                .ok_or_else(|| Problem::at(FILE, text, at, format!("{clock} has no clock")))
        };
        let mut acts = Vec::new();
        for act in file.act {
            let start = act.span().start;
            let act = act.into_inner();
            let clock = act.clock.as_ref().or(act.country.as_ref()).unwrap_or(&file.clock);
            acts.push((instant(act.at, clock, start)?, act));
        }
        acts.sort_by_key(|(at, _)| *at);
        Ok(Self {
            begin: instant(file.begin, &file.clock, 0)?,
            end: instant(file.end, &file.clock, 0)?,
            round: file.round,
            workflow: file.workflow,
            year: file.year,
            provenance: file.provenance,
            institutions: file.institution,
            people: file.person,
            acts,
        })
    }

    /// Writes the register of the invented people.
    pub(crate) fn write_people(&self, path: &Path) -> Result<(), Failure> {
        let person: BTreeMap<PersonId, Person> = self
            .people
            .iter()
            .map(|entry| {
                let person = Person {
                    name: entry.name.clone(),
                    email: format!("{}@example.org", entry.id),
                    language: entry.language.clone(),
                    phone: None,
                };
                (entry.id.clone(), person)
            })
            .collect();
        People { person }.write(path).map_err(|e| Failure::of(&e))
    }

    /// A file of the demonstration.
    pub(crate) fn file(name: &str) -> Result<&'static str, Failure> {
        builtin::file(&format!("{FOLDER}/demo/files/{name}"))
            .ok_or_else(|| Failure::not_found(format!("the demonstration has no file `{name}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cast_can_be_read_and_its_files_are_there() {
        let cast = Cast::builtin().unwrap();
        assert_eq!(cast.round.as_str(), "ilms-asean-2025");
        for (_, act) in &cast.acts {
            if let What::Send { file, .. } | What::LoadHistory(file) = &act.what {
                assert!(Cast::file(file).is_ok(), "{file}");
            }
            assert!(cast.people.iter().any(|person| person.id == act.by), "{}", act.by);
        }
    }
}
