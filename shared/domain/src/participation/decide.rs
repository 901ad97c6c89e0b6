//! What may happen to a participation, and who may wish it.

use super::command::ParticipationCommand as C;
use super::daily::within_the_day;
use super::event::ParticipationEvent as E;
use super::parts::{QueryState, Turn};
use super::state::Participation;
use super::{MAX_FILE, MAX_SUBMISSIONS, ReceivedFile};
use super::{checking, contacts};
use crate::command::Context;
use crate::reason::text_is_well_formed;
use crate::table::TableNo;
use crate::{Country, QueryId, Rejection, Role, RoundId};

const ENGINE: &[Role] = &[Role::Service];
pub(super) const COUNTRY: &[Role] = &Role::NATIONAL;
const SENDERS: &[Role] =
    &[Role::NationalCoordinator, Role::FocalPoint, Role::Alternate, Role::HeadOfAgency, Role::RegionalCoordinator];
pub(super) const COORDINATORS: &[Role] = &[Role::CollectionManager, Role::RegionalCoordinator];
const ILO: &[Role] = &[Role::CollectionManager, Role::RegionalCoordinator, Role::Validator];

/// Decides a command on a participation.
///
/// # Errors
/// The rejection.
pub fn decide(
    state: &Participation,
    round: &RoundId,
    country: &Country,
    command: &C,
    context: &Context<'_>,
) -> Result<Vec<E>, Rejection> {
    context.require_country(country)?;
    if let C::Expect = command {
        return expect(state, round, country, context);
    }
    if !state.expected {
        return Err(Rejection::UnknownParticipation { round: round.to_string(), country: country.to_string() });
    }
    match command {
        C::Receive { .. } => receive(state, round, country, command, context),
        C::Declare { tables, declaration, text } => {
            context.require_role(SENDERS, "declare tables")?;
            takes_answers(state, round, context)?;
            require_text(text)?;
            if tables.is_empty() {
                return Err(Rejection::Malformed { what: "a declaration names at least one table".to_owned() });
            }
            owed(state, country, tables)?;
            Ok(vec![E::TablesDeclared { tables: tables.clone(), declaration: *declaration, text: text.clone() }])
        }
        C::RequestCheck { .. } | C::Reject { .. } | C::CompleteCheck { .. } | C::AskFindings => {
            context.require_role(ENGINE, "check submissions")?;
            checking::decide(state, country, command)
        }
        C::OpenQuery { .. } | C::AnswerQuery { .. } | C::AcceptAnswer { .. } | C::Allow { .. } => {
            decide_query(state, country, command, context)
        }
        C::Invite { .. }
        | C::RecordBounce { .. }
        | C::RecordUndelivered { .. }
        | C::RecordComplaint { .. }
        | C::RecordReached { .. } => contacts::told_of_mail(state, round, command, context),
        C::ReplaceContact { .. } | C::Reach { .. } => contacts::changed(state, country, command, context),
        _ => decide_course(state, country, command, context),
    }
}

fn expect(
    state: &Participation,
    round: &RoundId,
    country: &Country,
    context: &Context<'_>,
) -> Result<Vec<E>, Rejection> {
    context.require_role(ENGINE, "open a participation")?;
    if state.expected {
        return Ok(Vec::new());
    }
    let unknown = || Rejection::UnknownParticipation { round: round.to_string(), country: country.to_string() };
    let participant = context.round(round)?.participants.get(country).ok_or_else(unknown)?;
    Ok(vec![E::ParticipationExpected { tables: participant.tables.clone() }])
}

/// Whether the country can still answer.
fn takes_answers(state: &Participation, round: &RoundId, context: &Context<'_>) -> Result<(), Rejection> {
    let standing = context.round(round)?;
    if standing.takes_submissions() && state.closed.is_none() && state.declined.is_none() {
        return Ok(());
    }
    let word = if standing.takes_submissions() { "closed for this country" } else { standing.state.as_str() };
    Err(Rejection::RoundClosed { round: round.to_string(), state: word.to_owned() })
}

fn receive(
    state: &Participation,
    round: &RoundId,
    country: &Country,
    command: &C,
    context: &Context<'_>,
) -> Result<Vec<E>, Rejection> {
    let C::Receive { submission, file, channel, institution, reason, source } = command else { return Ok(Vec::new()) };
    context.require_role(SENDERS, "send a submission")?;
    takes_answers(state, round, context)?;
    let same = |other: &&super::ReceivedSubmission| {
        other.file.sha256 == file.sha256 && other.state != super::SubmissionState::Rejected
    };
    if let Some((earlier, _)) = state.submissions.iter().find(|(_, other)| same(other)) {
        return Err(Rejection::ReceivedBefore { submission: earlier.to_string() });
    }
    if state.submissions.contains_key(submission) {
        return Err(Rejection::Malformed { what: format!("the id {submission} was given to an earlier submission") });
    }
    if state.submissions.len() >= MAX_SUBMISSIONS {
        return Err(Rejection::OutOfBounds { what: "submissions of one country".to_owned(), limit: MAX_SUBMISSIONS });
    }
    well_formed(file)?;
    within_the_day(state, country, file, context)?;
    if reason.as_ref().is_some_and(|reason| !reason.is_well_formed()) {
        return Err(Rejection::ReasonRequired { figures: Vec::new() });
    }
    Ok(vec![E::SubmissionReceived {
        submission: submission.clone(),
        file: file.clone(),
        channel: *channel,
        institution: institution.clone().or_else(|| context.actor.institution.clone()),
        reason: reason.clone(),
        source: source.clone(),
    }])
}

fn well_formed(file: &ReceivedFile) -> Result<(), Rejection> {
    let name = &file.name;
    if name.is_empty() || name.len() > 200 || name.chars().any(|c| c.is_control() || c == '/' || c == '\\') {
        return Err(Rejection::Malformed { what: "the file's name is empty, too long, or holds a path".to_owned() });
    }
    if file.size == 0 || file.size > MAX_FILE {
        return Err(Rejection::OutOfBounds {
            what: format!("a file of {} bytes", file.size),
            limit: usize::try_from(MAX_FILE).unwrap_or(usize::MAX),
        });
    }
    Ok(())
}

/// A country chooses an answer; the workflow knows which there are.
fn chosen(
    state: &Participation,
    (question, choice, text): (&str, &str, &str),
    context: &Context<'_>,
) -> Result<Vec<E>, Rejection> {
    context.require_role(SENDERS, "answer a question of the round")?;
    let is_word = |word: &str| word.parse::<crate::StepId>().is_ok();
    if !is_word(question) || !is_word(choice) || !(text.is_empty() || text_is_well_formed(text)) {
        return Err(Rejection::Malformed { what: format!("`{question}` or `{choice}` is no question or choice") });
    }
    if state.choices.get(question).is_some_and(|known| known == choice) {
        return Ok(Vec::new());
    }
    Ok(vec![E::ChoiceMade { question: question.to_owned(), choice: choice.to_owned(), text: text.to_owned() }])
}

fn decide_course(
    state: &Participation,
    country: &Country,
    command: &C,
    context: &Context<'_>,
) -> Result<Vec<E>, Rejection> {
    let event = match command {
        C::Acknowledge => {
            context.require_role(SENDERS, "acknowledge the round")?;
            if state.acknowledged {
                return Ok(Vec::new());
            }
            E::RoundAcknowledged {}
        }
        C::Choose { question, choice, text } => return chosen(state, (question, choice, text), context),
        C::Accept { tables } => return accept(state, country, tables, context),
        C::Confirm => {
            context.require_role(&[Role::NationalCoordinator, Role::HeadOfAgency], "confirm the country's tables")?;
            if state.confirmed {
                return Ok(Vec::new());
            }
            let ready = |t: &super::OwedTable| t.state.is_accepted() || t.state == super::TableState::Declared;
            if !state.tables.values().any(|t| t.state.is_accepted()) || !state.tables.values().all(ready) {
                return Err(not_possible(state, country, "be confirmed before every table in it is accepted"));
            }
            E::CountryConfirmed {}
        }
        C::Close { reason } => {
            context.require_role(COORDINATORS, "close a participation")?;
            require_text(reason)?;
            if state.turn() == Turn::Nobody {
                return Err(not_possible(state, country, "be closed"));
            }
            E::ParticipationClosed { reason: reason.clone() }
        }
        C::Decline { reason } => {
            context.require_role(COUNTRY, "decline for the country")?;
            require_text(reason)?;
            E::ParticipationDeclined { reason: reason.clone() }
        }
        C::MarkPublished { release } => {
            context.require_role(ENGINE, "mark a participation published")?;
            if state.published.as_ref() == Some(release) {
                return Ok(Vec::new());
            }
            E::ParticipationPublished { release: release.clone() }
        }
        _ => return Err(Rejection::Malformed { what: "this command is not for a participation's course".to_owned() }),
    };
    Ok(vec![event])
}

fn accept(
    state: &Participation,
    country: &Country,
    tables: &[TableNo],
    context: &Context<'_>,
) -> Result<Vec<E>, Rejection> {
    context.require_role(&[Role::Validator, Role::CollectionManager], "accept tables")?;
    owed(state, country, tables)?;
    let wanted: Vec<TableNo> = if tables.is_empty() {
        let ready = |no: &TableNo| state.open_queries(*no).next().is_none();
        state.tables.iter().filter(|(no, t)| t.state.is_acceptable() && ready(no)).map(|(no, _)| *no).collect()
    } else {
        tables.to_vec()
    };
    for no in &wanted {
        let Some(table) = state.tables.get(no) else { continue };
        if table.authors.contains(&context.actor.id) {
            return Err(context.same_person("the author", "the approver"));
        }
        if !table.state.is_acceptable() || state.open_queries(*no).next().is_some() {
            return Err(not_possible(
                state,
                country,
                &format!("have table {no} accepted: it has open questions or no figures"),
            ));
        }
    }
    if wanted.is_empty() { Ok(Vec::new()) } else { Ok(vec![E::TablesAccepted { tables: wanted }]) }
}

fn decide_query(
    state: &Participation,
    country: &Country,
    command: &C,
    context: &Context<'_>,
) -> Result<Vec<E>, Rejection> {
    let event = match command {
        C::OpenQuery { query, table, finding } => {
            context.require_role(ILO, "open a query")?;
            owed(state, country, &[*table])?;
            if state.queries.contains_key(query) {
                return Ok(Vec::new());
            }
            require_text(&finding.message)?;
            E::QueryOpened { query: query.clone(), table: *table, finding: finding.clone() }
        }
        C::AnswerQuery { query, answer, text } => {
            context.require_role(SENDERS, "answer a query")?;
            require_text(text)?;
            in_state(state, country, query, &[QueryState::Open, QueryState::Answered], "be answered")?;
            E::QueryAnswered { query: query.clone(), answer: *answer, text: text.clone() }
        }
        C::AcceptAnswer { query } => {
            context.require_role(ILO, "accept an answer")?;
            in_state(state, country, query, &[QueryState::Answered], "be accepted")?;
            if state.queries.get(query).is_some_and(|query| query.answered_by.as_ref() == Some(&context.actor.id)) {
                return Err(context.same_person("the one who answered", "the one who accepts the answer"));
            }
            E::QueryAccepted { query: query.clone() }
        }
        C::Allow { query, reason } => {
            context.require_role(&[Role::Validator, Role::CollectionManager], "allow a failed rule")?;
            require_text(reason)?;
            in_state(state, country, query, &[QueryState::Open, QueryState::Answered], "be allowed")?;
            let table = state.queries.get(query).and_then(|query| state.tables.get(&query.table));
            if table.is_some_and(|table| table.authors.contains(&context.actor.id)) {
                return Err(context.same_person("the author", "the one who allows"));
            }
            E::AllowanceGranted { query: query.clone(), reason: reason.clone() }
        }
        _ => return Err(Rejection::Malformed { what: "this command is not about a query".to_owned() }),
    };
    Ok(vec![event])
}

fn in_state(
    state: &Participation,
    country: &Country,
    query: &QueryId,
    states: &[QueryState],
    act: &str,
) -> Result<(), Rejection> {
    let found = state.queries.get(query).ok_or_else(|| Rejection::UnknownQuery { query: query.to_string() })?;
    if states.contains(&found.state) {
        Ok(())
    } else {
        Err(not_possible(state, country, &format!("have the query {query} {act}")))
    }
}

fn owed(state: &Participation, country: &Country, tables: &[TableNo]) -> Result<(), Rejection> {
    match tables.iter().find(|no| !state.tables.contains_key(no)) {
        Some(no) => Err(Rejection::UnknownTable { country: country.to_string(), table: no.to_string() }),
        None => Ok(()),
    }
}

pub(super) fn not_possible(state: &Participation, country: &Country, act: &str) -> Rejection {
    Rejection::NotPossible {
        what: format!("the participation of {country}"),
        state: state.state().as_str().to_owned(),
        act: act.to_owned(),
    }
}

pub(super) fn require_text(text: &str) -> Result<(), Rejection> {
    if text_is_well_formed(text) { Ok(()) } else { Err(Rejection::ReasonRequired { figures: Vec::new() }) }
}
