//! The people of a rehearsal: each does what the round asks of them, a working day later, in the hours of their own country.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Time;
use rondo_domain::calendar::{Offset, Roll, Unit};
use rondo_domain::event::Event;
use rondo_domain::participation::{Channel, CheckedTable, ParticipationCommand, ParticipationEvent as P, ReceivedFile};
use rondo_domain::release::{ReleaseCommand, ReleaseEvent};
use rondo_domain::round::RoundEvent;
use rondo_domain::run::{Decision, Occurrence, RunCommand, RunEvent, Settlement, TaskAnswer};
use rondo_domain::table::TableNo;
use rondo_domain::{Command, Country, ReleaseId, Role, RoundId, SubmissionId, Wish, Year};
use rondo_eventlog::{Ledger, Record, SubmitError, files};
use rondo_scheduler::definitions::Ready;

use super::answers::{Answer, Answers};
use super::{desk, person};
use crate::failure::Failure;

/// When in the day people do what they have to do.
const MORNING: Time = Time::constant(10, 0, 0, 0);

/// What somebody is going to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    Send(Country),
    Accept(Country),
    Confirm(Country),
    Answer(Option<Country>, Occurrence, Role, bool),
    Decide(ReleaseId, bool),
}

/// Everybody, and what they are going to do.
pub(super) struct Players {
    round: RoundId,
    answers: Answers,
    tables: BTreeMap<Country, Vec<TableNo>>,
    years: Vec<Year>,
    /// Whose tables can be confirmed.
    sent: BTreeSet<Country>,
    coming: BTreeSet<(Timestamp, Act)>,
    /// How many records were looked at.
    seen: usize,
    /// What was refused: when, of whom, and why.
    pub(super) refused: Vec<(Timestamp, Option<Country>, String)>,
}

impl Players {
    pub(super) fn new(round: RoundId, answers: Answers, ready: &Ready) -> Self {
        let tables =
            ready.definition.expected.iter().map(|expected| (expected.country.clone(), expected.tables.clone()));
        Self {
            round,
            answers,
            tables: tables.collect(),
            years: Vec::new(),
            sent: BTreeSet::new(),
            coming: BTreeSet::new(),
            seen: 0,
            refused: Vec::new(),
        }
    }

    /// When somebody does something next.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.coming.first().map(|(at, _)| *at)
    }

    /// Takes note of what is new, and does what is due; whether anything was done.
    pub(super) async fn turn(
        &mut self,
        ledger: &Arc<dyn Ledger>,
        ready: &Ready,
        records: &[Record],
        now: Timestamp,
    ) -> Result<bool, Failure> {
        let mut acted = false;
        while let Some(record) = records.get(self.seen) {
            self.seen += 1;
            acted |= self.take(ledger, ready, record).await?;
        }
        while self.coming.first().is_some_and(|(at, _)| *at <= now)
            && let Some((at, act)) = self.coming.pop_first()
        {
            acted = true;
            if let Err(refused) = self.act(ledger, &act).await {
                self.refused.push((at, act.country(), refused.sentence));
            }
        }
        Ok(acted)
    }

    /// A working day after an instant, in the morning of a country, and the rehearsal's home where none is named.
    fn soon(&mut self, ready: &Ready, country: Option<&Country>, from: Timestamp, act: Act) -> Result<(), Failure> {
        let calendar = ready.calendar(country.unwrap_or(&ready.definition.home)).map_err(|e| Failure::of(&e))?;
        let day = calendar.zone.to_datetime(from).date();
        let later = Offset { count: 1, unit: Unit::WorkingDays };
        let moment = calendar.moment_from(("it", day), later, MORNING, Roll::Following).map_err(|e| Failure::of(&e))?;
        self.coming.insert((moment.at, act));
        Ok(())
    }

    /// What a record makes somebody do; the services that a rehearsal has no need of answer at once.
    async fn take(&mut self, ledger: &Arc<dyn Ledger>, ready: &Ready, record: &Record) -> Result<bool, Failure> {
        let country = record.stream.country();
        match (&record.event, country) {
            (Event::Round(RoundEvent::RoundConfigured { plan, .. }), _) => {
                self.years.clone_from(&plan.reference_years);
                for participant in &plan.participants {
                    self.plan_answer(ready, &participant.country, participant.deadline.local.date())?;
                }
            }
            (Event::Participation(P::CheckRequested { submission }), Some(country)) => {
                let tables = self.tables.get(&country).cloned().unwrap_or_default();
                let checked = tables.into_iter().map(|table| CheckedTable {
                    table,
                    years: self.years.clone(),
                    sources: Vec::new(),
                });
                let command = ParticipationCommand::CompleteCheck {
                    submission: submission.clone(),
                    tables: checked.collect(),
                    figures: 0,
                    findings: Vec::new(),
                };
                let wish = Wish::Participation { round: self.round.clone(), country, command };
                return service(ledger, "validator", &["check", submission.as_str()], wish).await;
            }
            (Event::Participation(P::SubmissionChecked { .. }), Some(country)) => {
                self.sent.insert(country.clone());
                self.soon(ready, None, record.recorded_at, Act::Accept(country))?;
            }
            (Event::Round(RoundEvent::RoundFinalising {}), _) => {
                for country in std::mem::take(&mut self.sent) {
                    self.soon(ready, Some(&country), record.recorded_at, Act::Confirm(country.clone()))?;
                }
            }
            (Event::Run(RunEvent::TaskOpened { occurrence, task }), country) => {
                let act = match &task.settlement {
                    Settlement::Decision { release, decision } => {
                        Act::Decide(release.clone(), *decision == Decision::Approve)
                    }
                    settlement => {
                        let approves = matches!(settlement, Settlement::Approval { .. });
                        let owner = task.owners.first().copied().unwrap_or(Role::RegionalCoordinator);
                        Act::Answer(country, occurrence.clone(), owner, approves)
                    }
                };
                self.soon(ready, None, record.recorded_at, act)?;
            }
            (Event::Release(ReleaseEvent::ReleaseBegun {}), _) => {
                let Some(release) = record.stream.part(0).and_then(|id| id.parse::<ReleaseId>().ok()) else {
                    return Ok(false);
                };
                let manifest = rondo_domain::FileHash::of(release.as_str().as_bytes());
                let wish = Wish::Release { release, command: ReleaseCommand::Complete { manifest, figures: 0 } };
                return service(ledger, "publisher", &["complete"], wish).await;
            }
            _ => {}
        }
        Ok(false)
    }

    fn plan_answer(&mut self, ready: &Ready, country: &Country, deadline: jiff::civil::Date) -> Result<(), Failure> {
        let Answer::At(offset) = self.answers.of(country) else { return Ok(()) };
        let calendar = ready.calendar(country).map_err(|e| Failure::of(&e))?;
        let moment = calendar
            .moment_from(("deadline", deadline), offset, MORNING, Roll::Following)
            .map_err(|e| Failure::usage(format!("the answer of {country}: {e}")))?;
        self.coming.insert((moment.at, Act::Send(country.clone())));
        Ok(())
    }

    async fn act(&self, ledger: &Arc<dyn Ledger>, act: &Act) -> Result<(), Failure> {
        let of_country = |country: &Country, command| Wish::Participation {
            round: self.round.clone(),
            country: country.clone(),
            command,
        };
        let (who, wish) = match act {
            Act::Send(country) => {
                let bytes = format!("the file of {country}").into_bytes();
                let sha256 = files::store(&**ledger, &bytes).await?;
                let submission: SubmissionId = format!("{}-1", country.as_str().to_ascii_lowercase()).parse()?;
                let file = ReceivedFile { sha256, name: "answer.csv".to_owned(), size: bytes.len() as u64 };
                let (channel, institution, reason) = (Channel::Upload, None, None);
                let command = ParticipationCommand::Receive { submission, file, channel, institution, reason };
                (person(Role::FocalPoint, Some(country))?, of_country(country, command))
            }
            Act::Accept(country) => {
                let command = ParticipationCommand::Accept { tables: Vec::new() };
                (person(Role::Validator, None)?, of_country(country, command))
            }
            Act::Confirm(country) => {
                (person(Role::NationalCoordinator, Some(country))?, of_country(country, ParticipationCommand::Confirm))
            }
            Act::Answer(country, occurrence, owner, approves) => {
                let answer = if *approves { TaskAnswer::Approved } else { TaskAnswer::Done };
                let words = "as the rehearsal has it".to_owned();
                let command = RunCommand::AnswerTask { occurrence: occurrence.clone(), answer, words };
                let of = country.as_ref().filter(|_| owner.is_national());
                let wish = Wish::Run { round: self.round.clone(), country: country.clone(), command };
                (person(*owner, of)?, wish)
            }
            Act::Decide(release, approves) => {
                let (role, command) = if *approves {
                    (Role::CollectionManager, ReleaseCommand::Approve)
                } else {
                    (Role::Publisher, ReleaseCommand::Clear)
                };
                (person(role, None)?, Wish::Release { release: release.clone(), command })
            }
        };
        desk(ledger, who).submit(&[&format!("{act:?}")], wish).await.map(|_| ())
    }
}

impl Act {
    fn country(&self) -> Option<Country> {
        match self {
            Self::Send(country) | Self::Accept(country) | Self::Confirm(country) => Some(country.clone()),
            Self::Answer(country, ..) => country.clone(),
            Self::Decide(..) => None,
        }
    }
}

/// What a service that has nothing to do in a rehearsal would say at once.
async fn service(ledger: &Arc<dyn Ledger>, role: &'static str, cause: &[&str], wish: Wish) -> Result<bool, Failure> {
    let command = Command::of_service(role, cause, wish)?;
    match ledger.submit(command).await {
        Ok(_) => Ok(true),
        Err(SubmitError::Rejected(rejection)) => Err(rejection.into()),
        Err(SubmitError::Fault(fault)) => Err(fault.into()),
    }
}
