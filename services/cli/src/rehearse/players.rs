//! The people of a rehearsal: each does what the round asks of them, a working day later, in the hours of their own country.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Time;
use rondo_domain::calendar::{Offset, Roll, Unit};
use rondo_domain::event::Event;
use rondo_domain::network::Network;
use rondo_domain::participation::{
    Answer as Said, Channel, Participation, ParticipationCommand, ParticipationEvent as P, QueryState, ReceivedFile,
    SubmissionState,
};
use rondo_domain::release::ReleaseCommand;
use rondo_domain::round::{Participant, RoundEvent, RoundState};
use rondo_domain::run::{Decision, Occurrence, RunCommand, RunEvent, Settlement, Task, TaskAnswer};
use rondo_domain::table::TableNo;
use rondo_domain::world::World;
use rondo_domain::{Country, QueryId, ReleaseId, Role, RoundId, SubmissionId, Wish, Year};
use rondo_eventlog::{Ledger, Record, files};
use rondo_scheduler::definitions::Ready;

use super::answers::{Answer, Answers, Quality};
use super::{desk, services};
use crate::desk::Desk;
use crate::failure::Failure;

/// When in the day people do what they have to do.
const MORNING: Time = Time::constant(10, 0, 0, 0);

/// What somebody is going to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    /// A country's file, the first or a later one.
    Send(Country, u8),
    Choose(Country, String, String),
    Accept(Country),
    Explain(Country, QueryId),
    Settle(Country, QueryId),
    Confirm(Country),
    Answer(Option<Country>, Occurrence, Role, bool),
    Decide(ReleaseId, bool),
}

/// Makes the bytes of a country's file for its tables and the years.
type File = fn(&Country, &[TableNo], &[Year], Quality) -> Vec<u8>;

/// Everybody, and what they are going to do.
pub(super) struct Players {
    round: RoundId,
    answers: Answers,
    tables: BTreeMap<Country, Vec<TableNo>>,
    years: Vec<Year>,
    /// The bytes of a country's file that is of some quality.
    file: File,
    /// Whether they play the services too that a rehearsal has no need of.
    plays_services: bool,
    /// After how many working days a country answers a question, where it is not the next one.
    explains_after: BTreeMap<Country, i32>,
    /// When the round begins.
    launch: Option<Timestamp>,
    /// Whose tables are accepted and wait to be confirmed.
    accepted: BTreeSet<Country>,
    /// Whether countries are asked to confirm.
    finalising: bool,
    coming: BTreeSet<(Timestamp, Act)>,
    /// Who holds which role.
    network: Network,
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
            file: |country, _, _, quality| format!("the file of {country}, {quality:?}").into_bytes(),
            plays_services: true,
            explains_after: BTreeMap::new(),
            launch: None,
            accepted: BTreeSet::new(),
            finalising: false,
            coming: BTreeSet::new(),
            network: Network::default(),
            seen: 0,
            refused: Vec::new(),
        }
    }

    /// Leaves the services to the real ones, for which the files have to be real.
    #[cfg(test)]
    pub(super) fn beside_services(mut self, file: File) -> Self {
        (self.file, self.plays_services) = (file, false);
        self
    }

    /// Lets questions wait for some countries.
    #[cfg(test)]
    pub(super) fn explaining(mut self, after: BTreeMap<Country, i32>) -> Self {
        self.explains_after = after;
        self
    }

    /// Goes on in a log as it stands: with the people it has, and with what each of them has to do now.
    pub(super) fn go_on(&mut self, world: &World, ready: &Ready, now: Timestamp, seen: usize) -> Result<(), Failure> {
        self.seen = seen;
        self.network = world.network().clone();
        let Some(standing) = world.round(&self.round) else { return Ok(()) };
        self.years.clone_from(&standing.reference_years);
        self.tables = standing.participants.iter().map(|(of, part)| (of.clone(), part.tables.clone())).collect();
        self.finalising = standing.state == RoundState::Finalising;
        for (country, participant) in &standing.participants {
            let nothing = Participation::default();
            let part = world.participation(&self.round, country).unwrap_or(&nothing);
            if part.submissions.is_empty() && part.closed.is_none() && part.declined.is_none() {
                self.plan_answer(ready, country, participant.deadline.local.date(), now)?;
            } else if part.submissions.values().all(|sent| sent.state == SubmissionState::Rejected)
                && part.owes_tables()
            {
                let next = u8::try_from(part.submissions.len() + 1).unwrap_or(u8::MAX);
                self.soon(ready, Some(country), now, Act::Send(country.clone(), next))?;
            } else if part.tables.values().any(|table| table.state.is_accepted()) {
                self.accepted.insert(country.clone());
            }
            for (query, state) in part.queries.iter().map(|(query, known)| (query.clone(), known.state)) {
                match state {
                    QueryState::Open => self.soon(ready, Some(country), now, Act::Explain(country.clone(), query))?,
                    QueryState::Answered => self.soon(ready, None, now, Act::Settle(country.clone(), query))?,
                    _ => {}
                }
            }
            if part.tables.values().any(|table| table.state.is_in() && !table.state.is_accepted()) {
                self.soon(ready, None, now, Act::Accept(country.clone()))?;
            }
            if self.finalising && !part.confirmed && self.accepted.contains(country) {
                self.soon(ready, Some(country), now, Act::Confirm(country.clone()))?;
            }
        }
        for (of, country, run) in world.runs() {
            if of != self.round {
                continue;
            }
            for (occurrence, state) in run.open_tasks() {
                self.soon(ready, None, now, asked(country.clone(), occurrence.clone(), &state.task))?;
            }
        }
        Ok(())
    }

    /// Has the services do what was under way in a log that goes on.
    pub(super) async fn take_up(&self, ledger: &Arc<dyn Ledger>, world: &World) -> Result<(), Failure> {
        services::take_up(ledger, world, &self.round, (&self.tables, &self.years), &self.answers).await
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
            if let Err(refused) = self.act(ledger, &act, now).await {
                self.refused.push((at, act.country(), refused.sentence));
            }
        }
        Ok(acted)
    }

    /// A working day after an instant, in the morning of a country, and the rehearsal's home where none is named.
    fn soon(&mut self, ready: &Ready, country: Option<&Country>, from: Timestamp, act: Act) -> Result<(), Failure> {
        let slow = if let Act::Explain(country, _) = &act { self.explains_after.get(country) } else { None };
        let calendar = ready.calendar(country.unwrap_or(&ready.definition.home)).map_err(|e| Failure::of(&e))?;
        let day = calendar.zone.to_datetime(from).date();
        let later = Offset { count: slow.copied().unwrap_or(1), unit: Unit::WorkingDays };
        let moment = calendar.moment_from(("it", day), later, MORNING, Roll::Following).map_err(|e| Failure::of(&e))?;
        self.coming.insert((moment.at, act));
        Ok(())
    }

    /// What a record makes somebody do; the services that a rehearsal has no need of answer at once.
    async fn take(&mut self, ledger: &Arc<dyn Ledger>, ready: &Ready, record: &Record) -> Result<bool, Failure> {
        let country = record.stream.country();
        if self.plays_services && services::answer(ledger, record, (&self.tables, &self.years), &self.answers).await? {
            return Ok(true);
        }
        match (&record.event, country) {
            (Event::Network(event), _) => self.network.evolve(event, &record.stamp()),
            (Event::Round(RoundEvent::RoundConfigured { plan, .. }), _) => {
                self.years.clone_from(&plan.reference_years);
                let launch = plan.milestones.iter().find(|(id, _)| id.as_str() == "launch");
                self.launch = launch.map(|(_, moment)| moment.at);
                self.plan_answers(ready, &plan.participants, record.recorded_at)?;
            }
            (Event::Round(RoundEvent::CountriesConfigured { participants }), _) => {
                self.plan_answers(ready, participants, record.recorded_at)?;
            }
            (Event::Participation(P::SubmissionRejected { submission, .. }), Some(country)) => {
                let number = services::number(submission).saturating_add(1);
                self.soon(ready, Some(&country), record.recorded_at, Act::Send(country.clone(), number))?;
            }
            (Event::Participation(P::SubmissionChecked { .. }), Some(country)) => {
                self.soon(ready, None, record.recorded_at, Act::Accept(country))?;
            }
            (Event::Participation(P::TablesAccepted { .. }), Some(country)) => {
                if self.finalising {
                    self.soon(ready, Some(&country), record.recorded_at, Act::Confirm(country.clone()))?;
                } else {
                    self.accepted.insert(country);
                }
            }
            (Event::Round(RoundEvent::RoundFinalising {}), _) => {
                self.finalising = true;
                for country in std::mem::take(&mut self.accepted) {
                    self.soon(ready, Some(&country), record.recorded_at, Act::Confirm(country.clone()))?;
                }
            }
            (Event::Participation(P::QueryOpened { query, .. }), Some(country)) => {
                self.soon(ready, Some(&country), record.recorded_at, Act::Explain(country.clone(), query.clone()))?;
            }
            (Event::Participation(P::QueryAnswered { query, .. }), Some(country)) => {
                self.soon(ready, None, record.recorded_at, Act::Settle(country, query.clone()))?;
            }
            (Event::Participation(P::QueryAccepted { .. }), Some(country)) => {
                self.soon(ready, None, record.recorded_at, Act::Accept(country))?;
            }
            (Event::Run(RunEvent::TaskOpened { occurrence, task }), country) => {
                self.soon(ready, None, record.recorded_at, asked(country, occurrence.clone(), task))?;
            }
            _ => {}
        }
        Ok(false)
    }

    fn plan_answers(&mut self, ready: &Ready, participants: &[Participant], now: Timestamp) -> Result<(), Failure> {
        // Nobody answers what has not begun.
        let now = self.launch.map_or(now, |launch| launch.max(now));
        participants.iter().try_for_each(|part| self.plan_answer(ready, &part.country, part.deadline.local.date(), now))
    }

    fn plan_answer(
        &mut self,
        ready: &Ready,
        country: &Country,
        deadline: jiff::civil::Date,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let Answer::At(offset, _) = self.answers.of(country) else { return Ok(()) };
        let calendar = ready.calendar(country).map_err(|e| Failure::of(&e))?;
        let moment = calendar
            .moment_from(("deadline", deadline), offset, MORNING, Roll::Following)
            .map_err(|e| Failure::usage(format!("the answer of {country}: {e}")))?;
        if self.tables.get(country).is_some_and(Vec::is_empty) {
            // Whoever owes no tables answers what is asked, in turn by each of the choices.
            let number = self.tables.keys().position(|other| other == country).unwrap_or(0);
            for question in &ready.definition.questions {
                let choice = question.choices[number % question.choices.len()].clone();
                self.coming.insert((moment.at.max(now), Act::Choose(country.clone(), question.key.clone(), choice)));
            }
            return Ok(());
        }
        if moment.at <= now {
            // Its time has passed and it has not come: it comes next, as far as anybody knows.
            return self.soon(ready, Some(country), now, Act::Send(country.clone(), 1));
        }
        self.coming.insert((moment.at, Act::Send(country.clone(), 1)));
        Ok(())
    }

    async fn act(&self, ledger: &Arc<dyn Ledger>, act: &Act, now: Timestamp) -> Result<(), Failure> {
        let (role, country, wish) = self.wish(ledger, act).await?;
        let whose = country.filter(|_| role.is_of_country());
        let mut refused = Failure::not_found(format!("nobody holds the role {role}"));
        // Of several who hold a role, some may be kept from it by what they did before.
        for who in self.network.holders(role, whose.as_ref(), now) {
            // Whoever holds others as well acts in this one.
            let desk = Desk { role: Some(role), ..desk(ledger, who.clone()) };
            // The same may be done again later, and is another act then.
            match desk.submit(&[&format!("{act:?}"), &now.to_string()], wish.clone()).await {
                Ok(_) => return Ok(()),
                Err(failure) => refused = failure,
            }
        }
        Err(refused)
    }

    /// What an act wishes, in which role, and of which country.
    async fn wish(&self, ledger: &Arc<dyn Ledger>, act: &Act) -> Result<(Role, Option<Country>, Wish), Failure> {
        let of_country = |country: &Country, command| Wish::Participation {
            round: self.round.clone(),
            country: country.clone(),
            command,
        };
        Ok(match act {
            Act::Send(country, number) => {
                let tables = self.tables.get(country).map(Vec::as_slice).unwrap_or_default();
                let quality = services::quality(&self.answers, country, *number);
                let bytes = (self.file)(country, tables, &self.years, quality);
                let sha256 = files::store(&**ledger, &bytes).await?;
                let code = country.as_str().to_ascii_lowercase();
                let submission: SubmissionId = format!("{code}-rehearsed-{number}").parse()?;
                let file = ReceivedFile { sha256, name: "answer.csv".to_owned(), size: bytes.len() as u64 };
                let (channel, institution, reason, source) = (Channel::Upload, None, None, None);
                let command = ParticipationCommand::Receive { submission, file, channel, institution, reason, source };
                (Role::FocalPoint, Some(country.clone()), of_country(country, command))
            }
            Act::Choose(country, question, choice) => {
                let (question, choice, text) = (question.clone(), choice.clone(), String::new());
                let command = ParticipationCommand::Choose { question, choice, text };
                (Role::FocalPoint, Some(country.clone()), of_country(country, command))
            }
            Act::Accept(country) => {
                let command = ParticipationCommand::Accept { tables: Vec::new() };
                (Role::Validator, Some(country.clone()), of_country(country, command))
            }
            Act::Explain(country, query) => {
                let (answer, text) = (Said::Explained, "as the rehearsal has it".to_owned());
                let command = ParticipationCommand::AnswerQuery { query: query.clone(), answer, text };
                (Role::FocalPoint, Some(country.clone()), of_country(country, command))
            }
            Act::Settle(country, query) => {
                let command = ParticipationCommand::AcceptAnswer { query: query.clone() };
                (Role::Validator, Some(country.clone()), of_country(country, command))
            }
            Act::Confirm(country) => {
                let wish = of_country(country, ParticipationCommand::Confirm);
                (Role::NationalCoordinator, Some(country.clone()), wish)
            }
            Act::Answer(country, occurrence, owner, approves) => {
                let answer = if *approves { TaskAnswer::Approved } else { TaskAnswer::Done };
                let words = "as the rehearsal has it".to_owned();
                let command = RunCommand::AnswerTask { occurrence: occurrence.clone(), answer, words };
                let wish = Wish::Run { round: self.round.clone(), country: country.clone(), command };
                (*owner, country.clone(), wish)
            }
            Act::Decide(release, approves) => {
                let (role, command) = if *approves {
                    (Role::CollectionManager, ReleaseCommand::Approve)
                } else {
                    (Role::Publisher, ReleaseCommand::Clear)
                };
                (role, None, Wish::Release { release: release.clone(), command })
            }
        })
    }
}

impl Act {
    fn country(&self) -> Option<Country> {
        match self {
            Self::Send(country, _)
            | Self::Choose(country, ..)
            | Self::Accept(country)
            | Self::Confirm(country)
            | Self::Explain(country, _)
            | Self::Settle(country, _) => Some(country.clone()),
            Self::Answer(country, ..) => country.clone(),
            Self::Decide(..) => None,
        }
    }
}

/// What answers a task.
fn asked(country: Option<Country>, occurrence: Occurrence, task: &Task) -> Act {
    match &task.settlement {
        Settlement::Decision { release, decision } => Act::Decide(release.clone(), *decision == Decision::Approve),
        settlement => {
            let approves = matches!(settlement, Settlement::Approval { .. });
            let owner = task.owners.first().copied().unwrap_or(Role::RegionalCoordinator);
            Act::Answer(country, occurrence, owner, approves)
        }
    }
}
