//! Guards: whether the state still asks for what a step would do. Asked when the step fires and again before a mail leaves.

use jiff::Timestamp;

use super::{Action, Step};
use crate::participation::{Participation, QueryState, SubmissionState};
use crate::round::Round;
use crate::world::World;
use crate::{Country, PersonId, RoundId};

/// The guard of what is asked of a country that has not sent all its tables.
pub const OWES_TABLES: &str = "owes-tables";

/// What guards look at.
#[derive(Debug, Clone, Copy)]
pub struct Guarded<'a> {
    /// The round.
    pub round: &'a Round,
    /// The country's part, for a country's step.
    pub participation: Option<&'a Participation>,
    /// To whom a mail goes, of whom it is asked whether they are reached: somebody of them has to be. Without it every contact of the
    /// country has to be.
    pub recipients: Option<&'a [&'a PersonId]>,
}

/// To whom the mail of a step would go at an instant: whoever holds one of its roles then, and in whose place nobody has come in that
/// role. Nothing for a step whose action is no mail.
pub fn recipients<'w>(
    world: &'w World,
    step: &Step,
    (round, country): (&RoundId, Option<&Country>),
    at: Timestamp,
) -> Option<Vec<&'w PersonId>> {
    let Action::Mail { to, .. } = &step.action else { return None };
    let part = country.and_then(|country| world.participation(round, country));
    let of = |role| world.network().holders(role, country, at).into_iter().map(move |person| (person, role));
    let all = to.iter().flat_map(|role| of(*role));
    let stands = |(person, role): &(&PersonId, _)| !part.is_some_and(|part| part.is_replaced(person, *role));
    Some(all.filter(stands).map(|(person, _)| person).collect())
}

/// The first of these guards that does not hold, as a sentence; nothing when all hold.
pub fn unmet<'g>(guards: impl IntoIterator<Item = &'g str>, guarded: Guarded<'_>) -> Option<String> {
    guards.into_iter().find_map(|guard| reason(guard, guarded))
}

fn reason(guard: &str, guarded: Guarded<'_>) -> Option<String> {
    let round_open = guarded.round.takes_submissions();
    if guard == "round-open" {
        return (!round_open).then(|| format!("the round is {}", guarded.round.state.as_str()));
    }
    let Some(part) = guarded.participation.filter(|part| part.expected) else {
        return Some("the country's part is not open".to_owned());
    };
    if let Some((question, choice)) = guard.split_once('=') {
        let chosen = part.choices.get(question);
        return match (choice, chosen) {
            ("?", None) => None,
            ("?", Some(chosen)) => Some(format!("the country has said that {question} is {chosen}")),
            (wanted, Some(chosen)) if wanted == chosen => None,
            (_, Some(chosen)) => Some(format!("{question} is {chosen}")),
            (_, None) => Some(format!("the country has not said what {question} is")),
        };
    }
    let open = |query: &&crate::participation::Query| query.state == QueryState::Open;
    let sentence = match guard {
        OWES_TABLES if part.owes_tables() => return None,
        OWES_TABLES if part.closed.is_some() => "the country's part was closed".to_owned(),
        OWES_TABLES => "every owed table is in".to_owned(),
        "not-acknowledged" if !part.acknowledged && part.submissions.is_empty() => return None,
        "not-acknowledged" => "the country has answered".to_owned(),
        "contact-reachable" if is_reached(part, guarded.recipients) => return None,
        "contact-reachable" => "mail to the contact came back; nobody is reached there yet".to_owned(),
        "contact-unreachable" if !part.bounced.is_empty() => return None,
        "contact-unreachable" => "every contact can be reached".to_owned(),
        "has-failures" if part.tables.values().any(|table| !table.findings.is_empty()) => return None,
        "has-failures" => "no rule failed".to_owned(),
        "has-open-query" if part.queries.values().any(|query| open(&query)) => return None,
        "has-open-query" => "no question is open".to_owned(),
        "awaits-confirmation" if !part.confirmed && part.tables.values().any(|table| table.state.is_accepted()) => {
            return None;
        }
        "awaits-confirmation" => "there is nothing to confirm".to_owned(),
        "submission-accepted" if part.submissions.values().any(|s| s.state == SubmissionState::Checked) => return None,
        "submission-accepted" => "no submission was loaded".to_owned(),
        other => format!("the guard `{other}` is unknown to this program"),
    };
    Some(sentence)
}

/// Whether somebody of these is reached, or there is nobody of whom that is asked; of no one in particular, whether everybody is.
fn is_reached(part: &Participation, recipients: Option<&[&PersonId]>) -> bool {
    let is_lost = |person: &&PersonId| part.bounced.contains_key(*person);
    recipients.map_or(part.bounced.is_empty(), |all| all.is_empty() || !all.iter().all(is_lost))
}
