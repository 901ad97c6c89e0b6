//! A person's desk: the commands people give, in the same form from the command line and from a demonstration's cast.

use std::sync::Arc;

use jiff::Timestamp;
use rondo_domain::Source;
use rondo_domain::event::Event;
use rondo_domain::figure::{CellKey, CellWish, Evidence, FigureValue, FiguresCommand, SheetKey};
use rondo_domain::participation::{
    Answer, Channel, Participation, ParticipationCommand, QueryState, ReceivedFile, ReceivedSubmission, SubmissionState,
};
use rondo_domain::round::{Pin, Round, RoundCommand};
use rondo_domain::table::Questionnaire;
use rondo_domain::workflow::Bundle;
use rondo_domain::world::World;
use rondo_domain::{
    Command, CommandId, Country, FileHash, PersonId, QueryId, Reason, Rejection, Role, RoundId, StreamId, SubmissionId,
    Wish, Year,
};
use rondo_eventlog::{Accepted, Fault, Ledger, SubmitError, files, ledger};
use rondo_rules::numbers::{NoNumber, Numbers};
use rondo_runtime::clock::{Clock, SystemClock};
use rondo_scheduler::definitions::{self, Ready};

use crate::again::Given;
use crate::builtin;
use crate::failure::Failure;
use crate::output::{Form, hint, said};

/// A person at work on a log.
pub(crate) struct Desk {
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) person: PersonId,
    pub(crate) role: Option<Role>,
    /// Makes this act's command ids its own; the same one makes them again.
    pub(crate) occasion: String,
    /// What the clock showed by which the log goes, where that is not the system's.
    pub(crate) clock: Option<Timestamp>,
    /// What was given on the command line, and what came of it before.
    pub(crate) given: Given,
}

impl Desk {
    /// What time it is where the log is: a demonstration moves its own.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.unwrap_or_else(|| SystemClock.now())
    }

    /// Sends one command.
    pub(crate) async fn submit(&self, cause: &[&str], wish: Wish) -> Result<Accepted, Failure> {
        let stream = wish.stream();
        let mut parts = vec![self.occasion.as_str(), self.person.as_str(), stream.as_str()];
        parts.extend(cause);
        let command = Command::of(CommandId::of(&parts), self.person.clone(), wish);
        let accepted = self.ledger.submit(Command { role: self.role, cause: self.given.cause, ..command }).await;
        let accepted = accepted.map_err(|error| match error {
            // The id is born of the one that the person gave, who knows that one alone.
            SubmitError::Rejected(Rejection::IdUsedOtherwise { otherwise, .. }) => {
                Rejection::IdUsedOtherwise { id: self.occasion.clone(), otherwise }.into()
            }
            other => other,
        })?;
        self.given.came(&accepted);
        Ok(accepted)
    }

    /// Prints what a verb did, or that it was done before.
    pub(crate) fn said(&self, form: Form, sentence: &str) -> Result<(), Failure> {
        match self.given.before() {
            Some(before) => before.tell(form),
            None => said(form, sentence),
        }
    }

    pub(crate) async fn round_command(&self, round: &RoundId, command: RoundCommand) -> Result<Accepted, Failure> {
        let act = act(&command);
        self.submit(&[&act], Wish::Round { round: round.clone(), command }).await
    }

    pub(crate) async fn country_command(
        &self,
        round: &RoundId,
        country: &Country,
        command: ParticipationCommand,
    ) -> Result<Accepted, Failure> {
        self.country_command_on(round, country, "", command).await
    }

    /// The same, of one of several things that an occasion is about.
    async fn country_command_on(
        &self,
        round: &RoundId,
        country: &Country,
        on: &str,
        command: ParticipationCommand,
    ) -> Result<Accepted, Failure> {
        let act = act(&command);
        let wish = Wish::Participation { round: round.clone(), country: country.clone(), command };
        self.submit(&[&act, on], wish).await
    }

    /// The states of the streams whose name begins so.
    pub(crate) async fn world(&self, prefixes: &[&str]) -> Result<World, Failure> {
        world(&*self.ledger, prefixes).await
    }

    pub(crate) async fn round(&self, id: &RoundId) -> Result<Round, Failure> {
        let stream = StreamId::round(id);
        let world = self.world(&[stream.as_str()]).await?;
        world.round(id).cloned().ok_or_else(|| rondo_domain::Rejection::UnknownRound { round: id.to_string() }.into())
    }

    pub(crate) async fn participation(&self, round: &RoundId, country: &Country) -> Result<Participation, Failure> {
        let stream = StreamId::participation(round, country);
        let world = self.world(&[stream.as_str()]).await?;
        world.participation(round, country).cloned().ok_or_else(|| {
            rondo_domain::Rejection::UnknownParticipation { round: round.to_string(), country: country.to_string() }
                .into()
        })
    }

    /// The pinned definition of a round.
    pub(crate) async fn definition(&self, round: &Round) -> Result<(Bundle, Ready), Failure> {
        let pin = round.pin.as_ref().ok_or_else(|| Failure::not_found("the round has no definition yet"))?;
        let bytes = files::fetch(&*self.ledger, &pin.bundle).await?;
        let bundle = Bundle::from_bytes(&bytes).map_err(|e| Failure::of(&e))?;
        let ready = definitions::pinned(&bundle)?;
        Ok((bundle, ready))
    }

    /// The questionnaire that a round is pinned to. A copy of a log without its files tells tables by the workflow of that name
    /// that is packed into the program.
    pub(crate) async fn questionnaire(&self, round: &Round) -> Result<Questionnaire, Failure> {
        let pin = round.pin.as_ref().ok_or_else(|| Failure::not_found("the round has no definition yet"))?;
        let bundle = match files::fetch(&*self.ledger, &pin.bundle).await {
            Ok(bytes) => Bundle::from_bytes(&bytes).map_err(|e| Failure::of(&e))?,
            Err(Fault::NotFound(_)) => {
                hint("The round's definition is not stored in this copy; tables are told by the program's own.");
                builtin::packed(pin.workflow.as_str())?
            }
            Err(fault) => return Err(fault.into()),
        };
        Ok(rondo_questionnaire::read_questionnaire(&bundle)?)
    }

    /// Plans a round on a workflow; the scheduler configures it.
    pub(crate) async fn plan(&self, bundle: &Bundle, year: Year) -> Result<RoundId, Failure> {
        let ready = builtin::checked(bundle)?.ready;
        let plan = ready.round_plan(year).map_err(|e| Failure::usage(e.to_string()))?;
        ready.every_step_is_dated(&plan).map_err(|e| Failure::usage(e.to_string()))?;
        let hash = files::store(&*self.ledger, &bundle.to_bytes()).await?;
        let workflow = ready.definition.id.clone();
        let round: RoundId = format!("{workflow}-{year}").parse()?;
        let title = ready.definition.title.replace("{year}", &year.to_string());
        self.round_command(&round, RoundCommand::Plan { pin: Pin { workflow, bundle: hash }, year, title }).await?;
        Ok(round)
    }

    /// Sends a file. The id is born of round, country and bytes, so that the same file twice is one submission; bytes
    /// that were rejected may be sent again, with a reason for instance, as another one.
    pub(crate) async fn send(
        &self,
        round: &RoundId,
        country: &Country,
        name: &str,
        bytes: &[u8],
        How { channel, reason, source }: How,
    ) -> Result<(SubmissionId, FileHash), Failure> {
        let sha256 = files::store(&*self.ledger, bytes).await?;
        let part = self.participation(round, country).await?;
        let rejected =
            |other: &&ReceivedSubmission| other.file.sha256 == sha256 && other.state == SubmissionState::Rejected;
        let again = part.submissions.values().filter(rejected).count().to_string();
        let id = CommandId::of(&[round.as_str(), country.as_str(), sha256.as_str(), &again]).to_string();
        let submission: SubmissionId = format!("{}-{}", country.as_str().to_ascii_lowercase(), &id[..10]).parse()?;
        let file = ReceivedFile { sha256: sha256.clone(), name: name.to_owned(), size: bytes.len() as u64 };
        let (id, institution) = (submission.clone(), None);
        let command = ParticipationCommand::Receive { submission: id, file, channel, institution, reason, source };
        self.country_command(round, country, command).await?;
        Ok((submission, sha256))
    }

    /// Answers, accepts or allows one query, or every query that waits for it.
    pub(crate) async fn queries(
        &self,
        round: &RoundId,
        country: &Country,
        only: Option<&QueryId>,
        act: &QueryAct,
    ) -> Result<usize, Failure> {
        let part = self.participation(round, country).await?;
        let waits = |state: QueryState| match act {
            QueryAct::Answer(..) => state == QueryState::Open,
            QueryAct::Accept => state == QueryState::Answered,
            QueryAct::Allow(_) => matches!(state, QueryState::Open | QueryState::Answered),
        };
        let mut done = 0;
        for (id, query) in &part.queries {
            if only.is_some_and(|only| only != id) || (only.is_none() && !waits(query.state)) {
                continue;
            }
            let query = id.clone();
            let command = match act {
                QueryAct::Answer(answer, text) => {
                    ParticipationCommand::AnswerQuery { query, answer: *answer, text: text.clone() }
                }
                QueryAct::Accept => ParticipationCommand::AcceptAnswer { query },
                QueryAct::Allow(reason) => ParticipationCommand::Allow { query, reason: reason.clone() },
            };
            self.country_command_on(round, country, id.as_str(), command).await?;
            done += 1;
        }
        match only {
            Some(only) if done == 0 => Err(rondo_domain::Rejection::UnknownQuery { query: only.to_string() }.into()),
            _ => Ok(done),
        }
    }

    /// Loads figures that were published before this log began, with their provenance.
    pub(crate) async fn load_published(&self, bytes: &[u8], provenance: &str) -> Result<usize, Failure> {
        let file = rondo_questionnaire::read_text(bytes).map_err(|e| Failure::usage(e.to_string()))?;
        let numbers = Numbers::of(&file.rows, file.separator);
        let evidence = Evidence { sha256: files::store(&*self.ledger, bytes).await?, sheet: None };
        let mut sheets: std::collections::BTreeMap<SheetKey, Vec<CellWish>> = std::collections::BTreeMap::new();
        for row in &file.rows {
            let wrong = |what: String| Failure::usage(format!("row {}: {what}", row.line));
            let code = |text: &str| -> Result<Option<rondo_domain::Code>, Failure> {
                if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(|e| wrong(format!("{e}"))) }
            };
            let sheet = SheetKey {
                country: row.ref_area.parse().map_err(|e| wrong(format!("{e}")))?,
                indicator: row.indicator.parse().map_err(|e| wrong(format!("{e}")))?,
                year: rondo_domain::figure::parse_year(&row.time).map_err(|e| wrong(e.to_string()))?,
                source: row.source.parse().map_err(|e| wrong(format!("{e}")))?,
            };
            let key = CellKey {
                sex: row.sex.parse().map_err(|e| wrong(format!("{e}")))?,
                classif1: code(&row.classif1)?,
                classif2: code(&row.classif2)?,
            };
            let why = |no: NoNumber| match no {
                NoNumber::Asked => numbers.question(),
                NoNumber::Marker => "is not a number",
                NoNumber::Why(why) => why,
            };
            let number = numbers.read(&row.obs_value);
            let value = number.map_err(|no| wrong(format!("`{}`: {}", row.obs_value, why(no))))?.value;
            let wish = CellWish { key, was: None, is: FigureValue::of(value), cell: Some(format!("row {}", row.line)) };
            sheets.entry(sheet).or_default().push(wish);
        }
        for (sheet, cells) in sheets {
            let reason = Reason { code: rondo_domain::ReasonCode::PublishedEarlier, text: provenance.to_owned() };
            let command = FiguresCommand::LoadPublished { reason, evidence: evidence.clone(), cells };
            self.submit(&["load"], Wish::Figures { sheet, command }).await?;
        }
        Ok(file.rows.len())
    }
}

/// What an act is called, whatever it says: ids are born of the occasion and of this, so that the same occasion with other words is
/// seen to be another wish, instead of acting a second time.
fn act(command: &impl std::fmt::Debug) -> String {
    let told = format!("{command:?}");
    told.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default().to_owned()
}

/// How a file is sent.
pub(crate) struct How {
    pub(crate) channel: Channel,
    pub(crate) reason: Option<Reason>,
    /// The source of rows that name none.
    pub(crate) source: Option<Source>,
}

/// What is done about queries.
pub(crate) enum QueryAct {
    Answer(Answer, String),
    Accept,
    Allow(String),
}

/// The states of the streams whose name begins so, read from the log.
pub(crate) async fn world(reader: &dyn Ledger, prefixes: &[&str]) -> Result<World, Failure> {
    let mut world = World::of(&World::WITHOUT_FIGURES);
    for prefix in prefixes {
        for record in ledger::read_all(reader, prefix).await? {
            if !matches!(record.event, Event::Figures(_)) {
                world.apply(&record.stream, &record.event, &record.stamp());
            }
        }
    }
    Ok(world)
}
