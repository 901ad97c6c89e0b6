//! Why a country's part of a round stands as it does: what it waits for and of whom, what was said to the country last, what
//! holds it, and what comes next unless something changes.

use jiff::Timestamp;
use serde::Serialize;

use crate::coming::{Coming, coming};
use crate::notice::{Notice, NoticeState};
use crate::participation::{Participation, ParticipationState, QueryState, Reached, TableState, Turn};
use crate::round::{Round, RoundState};
use crate::table::TableNo;
use crate::workflow::{Action, Definition};
use crate::world::World;
use crate::{Country, PersonId, RoundId};

/// What a part waits for, or why it waits for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "because", rename_all = "kebab-case")]
pub enum Because {
    /// The round has not been launched.
    NotLaunched,
    /// The country is not invited yet.
    NotInvited,
    /// Mail to its contact came back.
    ContactLost,
    /// It owes no tables, and has not answered what it is asked.
    ToAnswer,
    /// It owes no tables, and has answered.
    Answered {
        /// What it chose, by question.
        choices: std::collections::BTreeMap<String, String>,
    },
    /// It owes tables, and has time.
    OwesTables {
        /// Which.
        tables: Vec<TableNo>,
    },
    /// It owes tables, and its deadline has passed.
    Overdue {
        /// Which.
        tables: Vec<TableNo>,
        /// Whole days since the deadline.
        days: i64,
    },
    /// A file has come and nobody has read it yet.
    BeingRead,
    /// Questions wait for the country.
    QuestionsOpen {
        /// How many.
        questions: usize,
    },
    /// Answers wait for ILO.
    AnswersToDecide {
        /// How many.
        answers: usize,
    },
    /// Failed rules have not been put to the country yet.
    ToBeAsked {
        /// How many tables have some.
        tables: usize,
    },
    /// Tables wait to be accepted by ILO.
    ToBeAccepted {
        /// How many.
        tables: usize,
    },
    /// Everything is accepted, and the round still takes answers.
    Accepted,
    /// The country has to confirm its tables.
    ToBeConfirmed,
    /// The release is still to come.
    AwaitsRelease,
    /// It declared that it has no figures.
    NilReturn,
    /// It declined.
    Declined,
    /// Its part was closed, or the round ended, without an answer.
    NoAnswer,
    /// Its tables are published.
    Published,
    /// The round was cancelled.
    Cancelled,
}

/// The whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// Where the part stands.
    pub state: ParticipationState,
    /// Why.
    pub because: Because,
    /// Whose turn it is.
    pub turn: Turn,
    /// Since when.
    pub since: Option<Timestamp>,
    /// What holds it: a pause of the round, or of its mail.
    pub held: Vec<String>,
    /// The last mail to the country, or what kept it from leaving.
    pub last_mail: Option<String>,
    /// Contacts whose mail came back once and who are reached again, each in a sentence.
    pub contacts: Vec<String>,
    /// Tasks of people that are open for it, with their owners.
    pub tasks: Vec<String>,
    /// What comes next for it or for the round, as things stand; the earliest first.
    pub next: Vec<Coming>,
}

/// Why a country's part stands as it does at an instant; nothing where it does not take part.
pub fn why(
    world: &World,
    id: &RoundId,
    country: &Country,
    definition: Option<&Definition>,
    now: Timestamp,
) -> Option<Why> {
    let round = world.round(id)?;
    let participant = round.participants.get(country)?;
    let nothing = Participation::default();
    let part = world.participation(id, country).unwrap_or(&nothing);
    // Of the round's own steps those that move it; its mail is for others.
    let moves = |coming: &Coming| {
        let step = definition.and_then(|definition| definition.step(&coming.occurrence.step));
        !step.is_some_and(|step| matches!(step.action, Action::Mail { .. } | Action::Escalate { .. }))
    };
    let mine = |coming: &Coming| match &coming.country {
        Some(of) => of == country,
        None => moves(coming),
    };
    let tasks = world.run(id, Some(country)).into_iter().flat_map(|run| {
        run.open_tasks().map(|(_, task)| {
            let owners: Vec<String> = task.owners().map(|role| role.to_string()).collect();
            format!("{} ({})", task.task.what, owners.join(", "))
        })
    });
    let because = because(round, part, now.duration_since(participant.deadline.at).as_hours());
    Some(Why {
        state: part.state(),
        turn: because.turn(),
        because,
        since: part.turn_since,
        held: held(round, country),
        last_mail: last_mail(world, id, country),
        contacts: reached(part),
        tasks: tasks.collect(),
        next: coming(world, id, definition).into_iter().filter(mine).collect(),
    })
}

fn reached(part: &Participation) -> Vec<String> {
    let told = |(person, reached): (&PersonId, &Reached)| {
        let since = reached.at.strftime("%-d %b %Y");
        if reached.reason.is_empty() {
            return format!("{person} is reached again since {since}: a mail arrived or was answered");
        }
        format!("{person} is reached again since {since}: {} ({})", reached.reason, reached.by)
    };
    part.reached.iter().map(told).collect()
}

fn because(round: &Round, part: &Participation, hours_late: i64) -> Because {
    use RoundState as R;
    let tables = |states: &[TableState]| part.tables.values().filter(|table| states.contains(&table.state)).count();
    let queries = |state| part.queries.values().filter(|query| query.state == state).count();
    if part.published.is_some() {
        return Because::Published;
    }
    match round.state {
        R::Cancelled => return Because::Cancelled,
        R::Unplanned | R::Planned | R::Configured => return Because::NotLaunched,
        _ => {}
    }
    if part.declined.is_some() {
        return Because::Declined;
    }
    if part.closed.is_some() {
        return Because::NoAnswer;
    }
    if part.has_unread_file() {
        return Because::BeingRead;
    }
    if part.expected && part.tables.is_empty() {
        return asked(round, part);
    }
    let (open, answered) = (queries(QueryState::Open), queries(QueryState::Answered));
    if part.owes_tables() || !part.expected {
        return owing(round, part, hours_late);
    }
    if open > 0 {
        return Because::QuestionsOpen { questions: open };
    }
    if answered > 0 {
        return Because::AnswersToDecide { answers: answered };
    }
    let (failing, clean) =
        (tables(&[TableState::WithErrors]), tables(&[TableState::Clean, TableState::Explained, TableState::Allowed]));
    match part.state() {
        _ if failing > 0 => Because::ToBeAsked { tables: failing },
        _ if clean > 0 => Because::ToBeAccepted { tables: clean },
        ParticipationState::NilReturn => Because::NilReturn,
        ParticipationState::CountryConfirmed => Because::AwaitsRelease,
        _ if round.takes_submissions() => Because::Accepted,
        _ => Because::ToBeConfirmed,
    }
}

/// Where a country stands that is asked something else than tables.
fn asked(round: &Round, part: &Participation) -> Because {
    if part.acknowledged {
        Because::Answered { choices: part.choices.clone() }
    } else if !part.bounced.is_empty() {
        Because::ContactLost
    } else if !round.takes_submissions() {
        Because::NoAnswer
    } else if part.invited.is_empty() {
        Because::NotInvited
    } else {
        Because::ToAnswer
    }
}

/// Why a country that owes tables still does.
fn owing(round: &Round, part: &Participation, hours_late: i64) -> Because {
    let tables: Vec<TableNo> = part.missing().collect();
    if !round.takes_submissions() {
        Because::NoAnswer
    } else if !part.bounced.is_empty() {
        Because::ContactLost
    } else if hours_late >= 0 && part.expected {
        Because::Overdue { tables, days: hours_late / 24 }
    } else if part.invited.is_empty() && part.submissions.is_empty() && !part.acknowledged {
        Because::NotInvited
    } else {
        Because::OwesTables { tables }
    }
}

fn held(round: &Round, country: &Country) -> Vec<String> {
    use crate::round::MailScope as M;
    let mut held = Vec::new();
    if round.paused {
        held.push("the round is paused: nothing is carried out until it is resumed".to_owned());
    }
    let meant = |scope: &&M| match scope {
        M::All | M::Kind(_) | M::Person(_) => true,
        M::Country(of) => of == country,
    };
    for scope in round.mail_paused.keys().filter(meant) {
        held.push(format!("{scope} is paused: {}", round.mail_paused[scope]));
    }
    held
}

/// The newest mail about a country that left, may have left, or was kept from leaving.
fn last_mail(world: &World, id: &RoundId, country: &Country) -> Option<String> {
    let notices = world.notices(id);
    let of = |notice: &&Notice| notice.brief.as_ref().is_some_and(|brief| brief.country.as_ref() == Some(country));
    let when = |notice: &Notice| notice.sent_at.or(notice.raised_at);
    let newest = notices.iter().map(|(_, notice)| *notice).filter(of).max_by_key(|notice| when(notice))?;
    let brief = newest.brief.as_ref()?;
    let day = when(newest)?.strftime("%-d %b %Y");
    let became = match &newest.state {
        NoticeState::Suppressed { reason } => format!("was not sent: {reason}"),
        NoticeState::Postponed { reason, .. } => format!("waits: {reason}"),
        NoticeState::Refused { refusal } => format!("was refused: {}", refusal.class),
        // What was recorded says the same once more.
        NoticeState::Bounced { reason } => {
            format!("came back: {}", reason.strip_prefix("it came back: ").unwrap_or(reason))
        }
        NoticeState::Undelivered { reason, .. } => {
            format!("was not delivered: {}", reason.strip_prefix("it was not delivered: ").unwrap_or(reason))
        }
        NoticeState::Unknown => "may or may not have arrived".to_owned(),
        other => format!("is {}", other.as_str()),
    };
    let remarks: String = newest.remarks().iter().map(|remark| format!("; {remark}")).collect();
    Some(format!("{} to the {} of {day} {became}{remarks}", brief.kind, brief.role))
}

impl Because {
    /// Whose turn it is: who can do something about it now.
    fn turn(&self) -> Turn {
        match self {
            Self::OwesTables { .. }
            | Self::Overdue { .. }
            | Self::QuestionsOpen { .. }
            | Self::ToBeConfirmed
            | Self::ToAnswer => Turn::Country,
            Self::NotInvited
            | Self::ContactLost
            | Self::BeingRead
            | Self::AnswersToDecide { .. }
            | Self::ToBeAsked { .. }
            | Self::ToBeAccepted { .. } => Turn::Ilo,
            _ => Turn::Nobody,
        }
    }

    /// In a sentence about the country of this name, whose deadline is told in these words.
    pub fn sentence(&self, country: &str, deadline: &str) -> String {
        let list = |tables: &[TableNo]| {
            // A dozen numbers in a sentence are read by nobody.
            if tables.len() > 6 {
                return format!("{} tables", tables.len());
            }
            let numbers: Vec<String> = tables.iter().map(ToString::to_string).collect();
            format!("{} {}", if numbers.len() == 1 { "table" } else { "tables" }, numbers.join(", "))
        };
        let some = |count: usize, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
        match self {
            Self::NotLaunched => {
                format!("The round has not been launched, so that {country} is not asked for anything yet.")
            }
            Self::NotInvited => format!("{country} takes part and has not been invited yet."),
            Self::ContactLost => {
                format!(
                    "Mail to the contact of {country} came back; somebody has to find their right address, or another contact."
                )
            }
            Self::ToAnswer => format!("{country} is asked to answer by {deadline}."),
            Self::Answered { choices } if choices.is_empty() => format!("{country} has acknowledged."),
            Self::Answered { choices } => {
                let said: Vec<String> =
                    choices.iter().map(|(question, choice)| format!("{question}: {choice}")).collect();
                format!("{country} has answered ({}).", said.join(", "))
            }
            Self::OwesTables { tables } => format!("{country} has until {deadline} to send {}.", list(tables)),
            Self::Overdue { tables, days: 0 } => format!("{country} owes {} since {deadline}.", list(tables)),
            Self::Overdue { tables, days } => {
                let days = some(usize::try_from(*days).unwrap_or(0), "day", "days");
                format!("{country} owes {} since {deadline}, {days} ago.", list(tables))
            }
            Self::BeingRead => format!("A file of {country} has come and is being read."),
            Self::QuestionsOpen { questions } => {
                format!("{country} has {} to answer.", some(*questions, "question", "questions"))
            }
            Self::AnswersToDecide { answers } => {
                format!("{country} has answered; ILO has {} to decide on.", some(*answers, "answer", "answers"))
            }
            Self::ToBeAsked { tables } => {
                format!("Rules failed in {} of {country}, and are put to it next.", some(*tables, "table", "tables"))
            }
            Self::ToBeAccepted { tables } => {
                format!("ILO has {} of {country} to accept.", some(*tables, "table", "tables"))
            }
            Self::Accepted => {
                format!("Every table of {country} is in and accepted; it is asked to confirm once the round is closed.")
            }
            Self::ToBeConfirmed => format!("{country} has to confirm its tables before they can be published."),
            Self::AwaitsRelease => format!("{country} has confirmed; its tables go out with the release."),
            Self::NilReturn => format!("{country} declared that it has no figures; nothing more is asked of it."),
            Self::Declined => format!("{country} declined to take part."),
            Self::NoAnswer => format!("{country} gave no answer in time; nothing more is asked of it in this round."),
            Self::Published => format!("The tables of {country} are published."),
            Self::Cancelled => "The round was cancelled.".to_owned(),
        }
    }
}
