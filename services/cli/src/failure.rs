//! Why the program ends otherwise than well: a sentence, and the exit status that scripts rely on.

use std::process::ExitCode;

use rondo_domain::Rejection;
use rondo_eventlog::{Fault, SubmitError};
use rondo_runtime::lifecycle::{Ended, with_sources};

use crate::place::no_log;

/// A failure.
#[derive(Debug)]
pub(crate) struct Failure {
    status: u8,
    pub(crate) sentence: String,
    pub(crate) code: Option<&'static str>,
    /// Whether nobody knows if a command was recorded.
    unknown: bool,
}

impl Failure {
    pub(crate) fn failed(sentence: impl Into<String>) -> Self {
        Self { status: 1, sentence: sentence.into(), code: None, unknown: false }
    }

    pub(crate) fn usage(sentence: impl Into<String>) -> Self {
        Self { status: 2, sentence: sentence.into(), code: None, unknown: false }
    }

    pub(crate) fn findings(sentence: impl Into<String>) -> Self {
        Self { status: 3, sentence: sentence.into(), code: None, unknown: false }
    }

    pub(crate) fn not_found(sentence: impl Into<String>) -> Self {
        Self { status: 5, sentence: sentence.into(), code: None, unknown: false }
    }

    pub(crate) fn conflict(sentence: impl Into<String>) -> Self {
        Self { status: 6, sentence: sentence.into(), code: None, unknown: false }
    }

    pub(crate) fn try_later(sentence: impl Into<String>) -> Self {
        Self { status: 75, sentence: sentence.into(), code: None, unknown: false }
    }

    /// Nobody answers for the log.
    pub(crate) fn unreachable(sentence: impl Into<String>) -> Self {
        Self { code: Fault::unreachable("").code(), ..Self::try_later(sentence) }
    }

    /// A signal ended an act with these command ids, of which so many records were made.
    pub(crate) fn stopped(records: u64, occasion: &str) -> Self {
        let told = match records {
            0 => "nothing was recorded".to_owned(),
            n => format!(
                "{n} {} made before it stopped. The same again is safe and goes on: add --again {occasion}",
                if n == 1 { "record was" } else { "records were" }
            ),
        };
        Self { code: Fault::Stopped.code(), ..Self::try_later(format!("stopped by a signal; {told}")) }
    }

    /// A signal ended a change of the key, of which so many records were made.
    pub(crate) fn stopped_changing(records: u64) -> Self {
        let told = match records {
            0 => "nothing was recorded, and nothing was changed",
            _ => "the change is recorded: give the same command again, which finishes it",
        };
        Self { code: Fault::Stopped.code(), ..Self::try_later(format!("stopped by a signal; {told}")) }
    }

    /// A failure with this error and its sources.
    pub(crate) fn of(error: &dyn std::error::Error) -> Self {
        Self::failed(with_sources(error))
    }

    /// A failure of an act with these command ids: where nobody knows what came of it, the same again is safe, and this says how.
    pub(crate) fn of_occasion(mut self, occasion: &str) -> Self {
        if self.unknown {
            self.sentence = format!(
                "{}. Nobody knows whether it was recorded. The same again is safe and acts once: add --again {occasion}",
                self.sentence
            );
        }
        self
    }

    /// The exit status.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.status)
    }
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Self {
        let status = match &rejection {
            Rejection::UnknownActor { .. } => 4,
            Rejection::UnknownRound { .. }
            | Rejection::UnknownParticipation { .. }
            | Rejection::UnknownSubmission { .. }
            | Rejection::UnknownTable { .. }
            | Rejection::UnknownTask { .. }
            | Rejection::UnknownQuery { .. } => 5,
            Rejection::Malformed { .. } | Rejection::ReasonRequired { .. } | Rejection::OutOfBounds { .. } => 2,
            _ => 6,
        };
        Self { status, sentence: rejection.to_string(), code: Some(rejection.code()), unknown: false }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let (sentence, code) = (with_sources(&fault), fault.code());
        let failure = match fault {
            Fault::NotFound(_) => Self::not_found(sentence),
            Fault::Unreachable { .. } | Fault::Stopped | Fault::NotNow(_) => Self::try_later(sentence),
            Fault::Refused(_) => Self::usage(sentence),
            Fault::Contradicted(_) => Self::findings(sentence),
            _ => Self::failed(sentence),
        };
        Self { code, ..failure }
    }
}

impl From<SubmitError> for Failure {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Rejected(rejection) => rejection.into(),
            SubmitError::Fault(fault) => {
                let unknown = fault.is_unknown();
                Self { unknown, ..fault.into() }
            }
        }
    }
}

impl From<rondo_ledger::OpenError> for Failure {
    fn from(error: rondo_ledger::OpenError) -> Self {
        let sentence = with_sources(&error);
        match error {
            rondo_ledger::OpenError::NoLog(path) => Self::not_found(no_log(&path, sentence)),
            rondo_ledger::OpenError::Export(_) => Self::not_found(sentence),
            rondo_ledger::OpenError::Clock { .. } => Self::usage(sentence),
            rondo_ledger::OpenError::NothingLost(_) => Self::conflict(sentence),
            rondo_ledger::OpenError::Held { .. } => Self::try_later(sentence),
            rondo_ledger::OpenError::Contradicted { .. }
            | rondo_ledger::OpenError::Contradiction { .. }
            | rondo_ledger::OpenError::Disputed { .. } => {
                Self { code: Some("ledger.contradicted"), ..Self::findings(sentence) }
            }
            rondo_ledger::OpenError::Foreign(_) => Self::conflict(sentence),
            // No start mends it, so that no service manager tries one again and again.
            error if error.needs_a_person() => Self::findings(sentence),
            _ => Self::failed(sentence),
        }
    }
}

impl From<Ended> for Failure {
    fn from(ended: Ended) -> Self {
        let sentence = with_sources(&ended);
        match ended {
            // What no start mends is left to a person, whether a start or a process at work finds it.
            Ended::Failed { source, .. }
                if source.downcast_ref::<rondo_ledger::OpenError>().is_some_and(|error| error.needs_a_person()) =>
            {
                Self::findings(sentence)
            }
            _ => Self::failed(sentence),
        }
    }
}

impl From<rondo_gateway::GatewayError> for Failure {
    fn from(error: rondo_gateway::GatewayError) -> Self {
        use rondo_gateway::GatewayError as E;
        let sentence = with_sources(&error);
        match error {
            E::BadAddress(_) | E::BeyondLoopback(_) => Self::usage(sentence),
            E::Listen { .. } => Self::try_later(sentence),
            _ => Self::failed(sentence),
        }
    }
}

impl From<rondo_domain::InvalidId> for Failure {
    fn from(error: rondo_domain::InvalidId) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<rondo_domain::workflow::Problem> for Failure {
    fn from(problem: rondo_domain::workflow::Problem) -> Self {
        Self::usage(problem.to_string())
    }
}

impl From<rondo_runtime::config::ConfigError> for Failure {
    fn from(error: rondo_runtime::config::ConfigError) -> Self {
        Self::usage(with_sources(&error))
    }
}
