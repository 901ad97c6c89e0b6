//! A run as a savepoint holds it. Of what waits there may be millions, alike in all but their times: what they share is
//! written once.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use internment::ArcIntern;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
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

/// What makes an occurrence itself, when it is due, and the number of how that was reckoned. The instant is seconds and
/// nanoseconds, and the local time how far it is from the instant's in UTC: numbers are read in a third of the time of text.
#[derive(Serialize, Deserialize)]
struct Waits(SmolStr, (i64, i32), (i64, i32), usize);

impl Waits {
    fn new(of: &SmolStr, at: Timestamp, local: DateTime, reckoning: usize) -> Self {
        let apart = local.duration_since(TimeZone::UTC.to_datetime(at));
        let instant = (at.as_second(), at.subsec_nanosecond());
        Self(of.clone(), instant, (apart.as_secs(), apart.subsec_nanos()), reckoning)
    }

    fn moment(&self) -> Option<(Timestamp, DateTime)> {
        let Self(_, (second, nanosecond), (seconds, nanoseconds), _) = *self;
        let at = Timestamp::new(second, nanosecond).ok()?;
        let apart = SignedDuration::from_secs(seconds).checked_add(SignedDuration::from_nanos(nanoseconds.into()))?;
        Some((at, TimeZone::UTC.to_datetime(at).checked_add(apart).ok()?))
    }
}

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
            let waits = Waits::new(of, *at, *local, number);
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
            for waits in some {
                let (at, local) = waits.moment().ok_or_else(|| D::Error::custom("a time that there is not"))?;
                let Waits(of, .., number) = waits;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_read_as_it_was_written_to_the_nanosecond_and_the_last_day() {
        let reckoning = |rule: &str| Reckoning {
            zone: "Asia/Vientiane".to_owned(),
            calendar: "2025-1".to_owned(),
            moved: Vec::new(),
            rule: rule.to_owned(),
        };
        let step = |id: &str, of: &str| Occurrence { step: id.parse().unwrap(), of: of.into() };
        let mut run = Run::default();
        let times = [
            ("2025-10-31T16:59:00Z", "2025-10-31T23:59:00"),
            ("1969-12-31T23:59:59.000000001Z", "1970-01-01T06:59:59.999999999"),
            ("9999-12-30T22:00:00.999999999Z", "9999-12-31T23:59:59.999999999"),
            ("-009999-01-02T01:59:59Z", "-009999-01-01T00:00:00"),
            ("2026-01-01T00:00:00Z", "1066-10-14T09:00:00.5"),
        ];
        for (number, (at, local)) in times.into_iter().enumerate() {
            let rule = if number.is_multiple_of(2) { "deadline" } else { "close" };
            let due = Moment::new(at.parse().unwrap(), local.parse().unwrap(), reckoning(rule));
            run.waiting.insert(step("remind", &number.to_string()), due.clone());
            run.waiting.insert(step("ask", &number.to_string()), due.clone());
            run.come.insert(step("launch", &number.to_string()), (due, Stage::Fired { at: Timestamp::UNIX_EPOCH }));
        }
        let text = serde_json::to_string(&run).unwrap();
        assert_eq!(serde_json::from_str::<Run>(&text).unwrap(), run);
        let wrong = [
            ("[1761929940,0]", "[9999999999999,0]"),
            ("[25200,0],0", "[25200,0],7"),
            ("[25200,0]", "[9223372036854775807,999999999]"),
        ];
        for (was, is) in wrong {
            assert!(text.contains(was), "{text}");
            assert!(serde_json::from_str::<Run>(&text.replace(was, is)).is_err(), "{is}");
        }
    }
}
