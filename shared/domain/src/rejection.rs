//! Refusals: what a sender can act on. Each has a code that scripts may rely on.

use serde::{Deserialize, Serialize};

use crate::Role;
use crate::figure::FigureValue;

/// Two values that meet in one figure: what the sender saw, what is there, and what was proposed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FigureConflict {
    /// The figure's key.
    pub figure: String,
    /// What the sender saw.
    pub seen: Option<FigureValue>,
    /// What is recorded now.
    pub current: Option<FigureValue>,
    /// What the sender proposed.
    pub proposed: FigureValue,
}

/// In what a command differs from the one before of the same id. Who that was by is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Otherwise {
    /// Somebody else had sent it.
    Actor,
    /// It wished something else.
    Wish,
}

impl std::fmt::Display for Otherwise {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Actor => "by somebody else",
            Self::Wish => "for another wish",
        })
    }
}

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "code", rename_all_fields = "snake_case")]
pub enum Rejection {
    /// The actor is not known to the network.
    #[serde(rename = "actor.unknown")]
    #[error("nobody is known as `{actor}` in the role asked for; grant the role first with `rondo person grant`")]
    UnknownActor {
        /// The id.
        actor: String,
    },
    /// The actor's role does not permit the act.
    #[serde(rename = "actor.not-allowed")]
    #[error("{actor} in the role {role} may not {act}{}", others(.held))]
    NotAllowed {
        /// The id.
        actor: String,
        /// The role.
        role: String,
        /// The act in words.
        act: String,
        /// Which other roles they hold.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        held: Vec<Role>,
    },
    /// A country reached for another's data.
    #[serde(rename = "actor.other-country")]
    #[error("{actor} belongs to another country than {country}")]
    OtherCountry {
        /// The id.
        actor: String,
        /// The country reached for.
        country: String,
    },
    /// Two acts that need two people were tried by one.
    #[serde(rename = "actor.same-person")]
    #[error("{actor} was {was} and so cannot be {now}: two different people are needed")]
    SamePerson {
        /// The id.
        actor: String,
        /// The earlier part.
        was: String,
        /// The part refused.
        now: String,
    },
    /// The stream is not in a state in which the act is possible.
    #[serde(rename = "state.not-possible")]
    #[error("{what} is {state}, so it cannot {act}")]
    NotPossible {
        /// Of what.
        what: String,
        /// Its state.
        state: String,
        /// The act.
        act: String,
    },
    /// No round of that name.
    #[serde(rename = "round.unknown")]
    #[error("there is no round `{round}`; see `rondo round list`")]
    UnknownRound {
        /// The id.
        round: String,
    },
    /// The round takes no more submissions.
    #[serde(rename = "round.closed")]
    #[error(
        "the round `{round}` is {state} and takes no submissions; nothing was recorded. Ask the coordinator to reopen it"
    )]
    RoundClosed {
        /// The id.
        round: String,
        /// Its state.
        state: String,
    },
    /// The country does not take part.
    #[serde(rename = "participation.unknown")]
    #[error("{country} does not take part in `{round}`")]
    UnknownParticipation {
        /// The round.
        round: String,
        /// The country.
        country: String,
    },
    /// No submission of that name.
    #[serde(rename = "submission.unknown")]
    #[error("there is no submission `{submission}` here")]
    UnknownSubmission {
        /// The id.
        submission: String,
    },
    /// The submission has been settled and takes no more figures.
    #[serde(rename = "submission.settled")]
    #[error("the submission `{submission}` has been settled already")]
    SubmissionSettled {
        /// The id.
        submission: String,
    },
    /// The command speaks of a file whose bytes are not here.
    #[serde(rename = "file.not-stored")]
    #[error("the file {sha256} is not stored here; nothing was recorded. Send its bytes first, then the same again")]
    FileNotStored {
        /// Its hash.
        sha256: String,
    },
    /// The same bytes were received before.
    #[serde(rename = "submission.received-before")]
    #[error("these very bytes were received before as `{submission}`; nothing needs to be sent again")]
    ReceivedBefore {
        /// The earlier submission.
        submission: String,
    },
    /// A change of a figure, or a decision, has no reason.
    #[serde(rename = "reason.required")]
    #[error("{}", list(figures))]
    ReasonRequired {
        /// The figures that would change.
        figures: Vec<String>,
    },
    /// Somebody else changed a figure meanwhile.
    #[serde(rename = "figure.changed-meanwhile")]
    #[error("changed meanwhile: {}", conflicts_in_words(conflicts))]
    ChangedMeanwhile {
        /// Each figure with both values.
        conflicts: Vec<FigureConflict>,
    },
    /// The figure has a value already, where none may be.
    #[serde(rename = "figure.already-recorded")]
    #[error("{figure} is recorded already with another value")]
    AlreadyRecorded {
        /// Its key.
        figure: String,
    },
    /// The same figure twice in one command.
    #[serde(rename = "figure.duplicate")]
    #[error("{figure} stands twice in one command")]
    DuplicateFigure {
        /// Its key.
        figure: String,
    },
    /// No such table in what the country owes.
    #[serde(rename = "table.unknown")]
    #[error("{country} does not owe table {table}")]
    UnknownTable {
        /// The country.
        country: String,
        /// The table.
        table: String,
    },
    /// No such query.
    #[serde(rename = "query.unknown")]
    #[error("there is no query `{query}` here")]
    UnknownQuery {
        /// The id.
        query: String,
    },
    /// No such task.
    #[serde(rename = "task.unknown")]
    #[error("there is no task `{task}` here; see `rondo task list`")]
    UnknownTask {
        /// Its step and occurrence.
        task: String,
    },
    /// A number is larger than what is taken at once.
    #[serde(rename = "limit.exceeded")]
    #[error("{what}: the limit is {limit}")]
    OutOfBounds {
        /// What was too large.
        what: String,
        /// The limit.
        limit: usize,
    },
    /// The command's id stands for another one: of another wish, or by somebody else.
    #[serde(rename = "command.id-used-otherwise")]
    #[error(
        "the id {id} was used before {otherwise}; nothing was recorded now. If this is wished as well, give it with an id of its own: on the command line without `--again`"
    )]
    IdUsedOtherwise {
        /// The id.
        id: String,
        /// What is other about the one before.
        otherwise: Otherwise,
    },
    /// Something in the command is malformed.
    #[serde(rename = "command.malformed")]
    #[error("{what}")]
    Malformed {
        /// What and where.
        what: String,
    },
}

impl Rejection {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownActor { .. } => "actor.unknown",
            Self::NotAllowed { .. } => "actor.not-allowed",
            Self::OtherCountry { .. } => "actor.other-country",
            Self::SamePerson { .. } => "actor.same-person",
            Self::NotPossible { .. } => "state.not-possible",
            Self::UnknownRound { .. } => "round.unknown",
            Self::RoundClosed { .. } => "round.closed",
            Self::UnknownParticipation { .. } => "participation.unknown",
            Self::UnknownSubmission { .. } => "submission.unknown",
            Self::SubmissionSettled { .. } => "submission.settled",
            Self::FileNotStored { .. } => "file.not-stored",
            Self::ReceivedBefore { .. } => "submission.received-before",
            Self::ReasonRequired { .. } => "reason.required",
            Self::ChangedMeanwhile { .. } => "figure.changed-meanwhile",
            Self::AlreadyRecorded { .. } => "figure.already-recorded",
            Self::DuplicateFigure { .. } => "figure.duplicate",
            Self::UnknownTable { .. } => "table.unknown",
            Self::UnknownQuery { .. } => "query.unknown",
            Self::UnknownTask { .. } => "task.unknown",
            Self::OutOfBounds { .. } => "limit.exceeded",
            Self::IdUsedOtherwise { .. } => "command.id-used-otherwise",
            Self::Malformed { .. } => "command.malformed",
        }
    }
}

/// The other roles in which somebody can act, and how one is named.
fn others(held: &[Role]) -> String {
    let names: Vec<&str> = held.iter().map(|role| role.as_str()).collect();
    if names.is_empty() {
        String::new()
    } else {
        format!("; they hold {} too, and `--role` names a role", names.join(", "))
    }
}

fn list(figures: &[String]) -> String {
    if figures.is_empty() {
        "a reason is required, in your own words: at most 2,000 characters, none of them hidden".to_owned()
    } else {
        format!("a reason with code and text is required: {} would change", figures.join(", "))
    }
}

fn conflicts_in_words(conflicts: &[FigureConflict]) -> String {
    let value = |value: &Option<FigureValue>| value.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
    let one = |c: &FigureConflict| {
        format!("{} is {} now; you saw {} and proposed {}", c.figure, value(&c.current), value(&c.seen), c.proposed)
    };
    conflicts.iter().map(one).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_code_is_the_code() {
        let all = [
            Rejection::UnknownActor { actor: "x".into() },
            Rejection::RoundClosed { round: "r".into(), state: "closed".into() },
            Rejection::ChangedMeanwhile { conflicts: vec![] },
            Rejection::OutOfBounds { what: "w".into(), limit: 1 },
            Rejection::IdUsedOtherwise { id: "0".into(), otherwise: Otherwise::Wish },
        ];
        for rejection in all {
            let json = serde_json::to_value(&rejection).unwrap();
            assert_eq!(json["code"], rejection.code());
        }
    }
}
