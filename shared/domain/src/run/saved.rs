//! A run as a savepoint holds it. Of what waits there may be millions, alike in all but their times: what they share is
//! written once.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use internment::ArcIntern;
use jiff::Timestamp;
use jiff::civil::DateTime;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;

use super::{Occurrence, Run, Stage, TaskState};
use crate::StepId;
use crate::calendar::{Moment, Reckoning};

#[derive(Serialize, Deserialize)]
struct Saved<'r> {
    reckonings: Vec<Cow<'r, Reckoning>>,
    waiting: Vec<(Cow<'r, StepId>, Vec<Waits>)>,
    come: Vec<(Cow<'r, Occurrence>, Cow<'r, Moment>, Cow<'r, Stage>)>,
    tasks: Vec<(Cow<'r, Occurrence>, Cow<'r, TaskState>)>,
}

/// What makes an occurrence itself, when it is due, there, and the number of how that was reckoned.
#[derive(Serialize, Deserialize)]
struct Waits(SmolStr, Timestamp, DateTime, usize);

impl Serialize for Run {
    fn serialize<S: Serializer>(&self, writer: S) -> Result<S::Ok, S::Error> {
        let mut reckonings = Vec::new();
        let mut numbers: HashMap<&ArcIntern<Reckoning>, usize> = HashMap::new();
        let mut waiting: Vec<(Cow<'_, StepId>, Vec<Waits>)> = Vec::new();
        for (Occurrence { step, of }, Moment { at, local, reckoned }) in &self.waiting {
            let number = *numbers.entry(reckoned).or_insert_with(|| {
                reckonings.push(Cow::Borrowed(&**reckoned));
                reckonings.len() - 1
            });
            let waits = Waits(of.clone(), *at, *local, number);
            match waiting.last_mut().filter(|(same, _)| **same == *step) {
                Some((_, all)) => all.push(waits),
                None => waiting.push((Cow::Borrowed(step), vec![waits])),
            }
        }
        let come = self.come.iter();
        let come =
            come.map(|(of, (due, stage))| (Cow::Borrowed(of), Cow::Borrowed(due), Cow::Borrowed(stage))).collect();
        let tasks = self.tasks.iter().map(|(of, task)| (Cow::Borrowed(of), Cow::Borrowed(task))).collect();
        Saved { reckonings, waiting, come, tasks }.serialize(writer)
    }
}

impl<'de> Deserialize<'de> for Run {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        let Saved { reckonings, waiting, come, tasks } = Saved::deserialize(reader)?;
        let reckonings: Vec<_> = reckonings.into_iter().map(|one| ArcIntern::new(one.into_owned())).collect();
        let mut all = Vec::with_capacity(waiting.iter().map(|(_, some)| some.len()).sum());
        for (step, some) in waiting {
            for Waits(of, at, local, number) in some {
                let reckoned =
                    reckonings.get(number).ok_or_else(|| D::Error::custom("a reckoning that is not there"))?;
                let moment = Moment { at, local, reckoned: reckoned.clone() };
                all.push((Occurrence { step: StepId::clone(&step), of }, moment));
            }
        }
        let come = come.into_iter().map(|(of, due, stage)| (of.into_owned(), (due.into_owned(), stage.into_owned())));
        let tasks = tasks.into_iter().map(|(of, task)| (of.into_owned(), task.into_owned()));
        Ok(Self { waiting: BTreeMap::from_iter(all), come: come.collect(), tasks: tasks.collect() })
    }
}
