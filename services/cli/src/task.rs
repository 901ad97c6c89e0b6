//! How a task is answered, by the name that people give it.

use rondo_domain::run::{Occurrence, Run, RunCommand, TaskAnswer, TaskName};
use rondo_domain::{Rejection, StreamId, Wish};

use crate::desk::Desk;
use crate::failure::Failure;

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
