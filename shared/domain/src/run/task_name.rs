//! A task's name as people write it.

use std::fmt;
use std::str::FromStr;

use smol_str::SmolStr;

use super::{Occurrence, Run};
use crate::text::as_text;
use crate::{Country, InvalidId, RoundId, StepId};

/// A task as people name it: `ROUND/STEP` or `ROUND/COUNTRY/STEP`, with `@OCCURRENCE` where its step asked more than once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskName {
    /// The round.
    pub round: RoundId,
    /// The country, of a country's task.
    pub country: Option<Country>,
    /// The step that asks.
    pub step: StepId,
    /// What makes its occurrence itself.
    pub of: Option<SmolStr>,
}

/// The text is no task's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTaskName {
    /// It has other parts than a name has.
    #[error("a task is ROUND/STEP or ROUND/COUNTRY/STEP; `rondo task list` shows them")]
    Parts,
    /// One of its parts is not what it should be.
    #[error(transparent)]
    Part(#[from] InvalidId),
}

impl TaskName {
    /// The name of an occurrence's task in a run.
    pub fn of(run: &Run, round: &RoundId, country: Option<&Country>, occurrence: &Occurrence) -> Self {
        let asked = run.tasks.keys().filter(|other| other.step == occurrence.step).count();
        Self {
            round: round.clone(),
            country: country.cloned(),
            step: occurrence.step.clone(),
            of: (asked > 1).then(|| occurrence.of.clone()),
        }
    }
}

impl FromStr for TaskName {
    type Err = InvalidTaskName;

    fn from_str(text: &str) -> Result<Self, InvalidTaskName> {
        let (path, of) = text.split_once('@').map_or((text, None), |(path, of)| (path, Some(of.into())));
        let parts: Vec<&str> = path.split('/').collect();
        let (round, country, step) = match parts[..] {
            [round, step] => (round, None, step),
            [round, country, step] => (round, Some(country), step),
            _ => return Err(InvalidTaskName::Parts),
        };
        let country = country.map(str::parse).transpose()?;
        Ok(Self { round: round.parse()?, country, step: step.parse()?, of })
    }
}

impl fmt::Display for TaskName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let country = self.country.as_ref().map(|country| format!("{country}/")).unwrap_or_default();
        write!(f, "{}/{country}{}", self.round, self.step)?;
        self.of.as_ref().map_or(Ok(()), |of| write!(f, "@{of}"))
    }
}

as_text!(TaskName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_is_written() {
        for text in ["ilms-asean-2025/clear-release", "ilms-asean-2025/LAO/call-head", "r-1/LAO/ask@2025-11-03T08:00"] {
            assert_eq!(text.parse::<TaskName>().unwrap().to_string(), text);
        }
        assert!("call-head".parse::<TaskName>().is_err());
        assert!("ilms-asean-2025/lao/call-head".parse::<TaskName>().is_err());
    }
}
