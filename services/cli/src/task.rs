//! Tasks by the names that people give them, and how one is answered.

use std::str::FromStr;

use rondo_domain::run::{Occurrence, Run, RunCommand, TaskAnswer};
use rondo_domain::{Country, Rejection, RoundId, StepId, StreamId, Wish};

use crate::desk::Desk;
use crate::failure::Failure;

/// A task as people name it: `ROUND/STEP`, `ROUND/COUNTRY/STEP`, with `@OCCURRENCE` where a step asks more than once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TaskName {
    pub(crate) round: RoundId,
    pub(crate) country: Option<Country>,
    pub(crate) step: StepId,
    pub(crate) of: Option<String>,
}

impl FromStr for TaskName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (path, of) = text.split_once('@').map_or((text, None), |(path, of)| (path, Some(of.to_owned())));
        let parts: Vec<&str> = path.split('/').collect();
        let (round, country, step) = match parts[..] {
            [round, step] => (round, None, step),
            [round, country, step] => (round, Some(country), step),
            _ => return Err("a task is ROUND/STEP or ROUND/COUNTRY/STEP; `rondo task list` shows them".to_owned()),
        };
        let wrong = |error: rondo_domain::InvalidId| error.to_string();
        Ok(Self {
            round: round.parse().map_err(wrong)?,
            country: country.map(str::parse).transpose().map_err(wrong)?,
            step: step.parse().map_err(wrong)?,
            of,
        })
    }
}

impl std::fmt::Display for TaskName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let country = self.country.as_ref().map(|country| format!("{country}/")).unwrap_or_default();
        write!(f, "{}/{country}{}", self.round, self.step)?;
        self.of.as_ref().map_or(Ok(()), |of| write!(f, "@{of}"))
    }
}

impl Desk {
    /// Answers an open task; how many more have to approve it, where it is not settled by that.
    pub(crate) async fn answer_task(
        &self,
        task: &TaskName,
        answer: TaskAnswer,
        words: &str,
    ) -> Result<Option<usize>, Failure> {
        let run = self.run_of(task).await?;
        let occurrence = one(&run, task)?;
        let command = RunCommand::AnswerTask { occurrence: occurrence.clone(), answer, words: words.to_owned() };
        let wish = Wish::Run { round: task.round.clone(), country: task.country.clone(), command };
        self.submit(&["answer", occurrence.step.as_str(), &occurrence.of], wish).await?;
        let run = self.run_of(task).await?;
        let left = run.open_tasks().find(|(other, _)| **other == occurrence).map(|(_, task)| task.lacks());
        Ok(left)
    }

    async fn run_of(&self, task: &TaskName) -> Result<Run, Failure> {
        let stream = StreamId::run(&task.round, task.country.as_ref());
        let world = self.world(&[stream.as_str()]).await?;
        Ok(world.run(&task.round, task.country.as_ref()).cloned().unwrap_or_default())
    }
}

/// The occurrence that a name means: the open one, or the only one.
fn one(run: &Run, task: &TaskName) -> Result<Occurrence, Failure> {
    let named = |occurrence: &&Occurrence| {
        occurrence.step == task.step && task.of.as_ref().is_none_or(|of| *of == occurrence.of)
    };
    let open: Vec<&Occurrence> = run.open_tasks().map(|(occurrence, _)| occurrence).filter(named).collect();
    match open[..] {
        [one] => Ok(one.clone()),
        [] => {
            let settled = run.tasks.keys().rfind(named);
            settled.cloned().ok_or_else(|| Rejection::UnknownTask { task: task.to_string() }.into())
        }
        _ => {
            let all = open.iter().map(|other| format!("{task}@{}", other.of)).collect::<Vec<_>>().join(", ");
            Err(Failure::usage(format!("several tasks of this step are open; name one of them: {all}")))
        }
    }
}

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
