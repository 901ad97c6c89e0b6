//! Cron on the local wall clock: every wall-clock occurrence becomes an instant by our own rules for gap and fold.
//!
//! Five fields (minute, hour, day of month, month, day of week by name). A time in the gap of a clock change runs right
//! after it; a time in the fold runs once, the first time. A schedule without a next occurrence is refused when read.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use rondo_domain::workflow::{Definition, Problem, Trigger};

/// Why an expression is not a schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// Not five fields, or not readable.
    #[error("`{text}` is not a schedule of five fields (minute hour day month weekday): {why}")]
    Malformed {
        /// The text.
        text: String,
        /// What is wrong.
        why: String,
    },
    /// Weekdays are written by name, because 1 is Sunday for some and Monday for others.
    #[error("`{0}`: write days of the week by name, such as MON or MON-FRI")]
    NumberedWeekday(String),
    /// It comes more often than anybody wants a step of a round.
    #[error("`{0}` comes more than once an hour")]
    TooOften(String),
    /// It never comes.
    #[error("`{0}` has no occurrence: there is no such date")]
    Never(String),
}

/// A schedule.
#[derive(Debug, Clone)]
pub struct Schedule(cron::Schedule);

impl FromStr for Schedule {
    type Err = CronError;
    fn from_str(text: &str) -> Result<Self, CronError> {
        let malformed = |why: String| CronError::Malformed { text: text.to_owned(), why };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [_, _, _, _, weekday] = fields[..] else {
            return Err(malformed(format!("it has {} fields", fields.len())));
        };
        if weekday.bytes().any(|b| b.is_ascii_digit()) {
            return Err(CronError::NumberedWeekday(text.to_owned()));
        }
        // What the library says goes over several lines, with a mark below a text that is not the one written here.
        let with_seconds = format!("0 {text}");
        let first_line = |e: cron::error::Error| {
            let told = e.to_string().lines().next().unwrap_or_default().to_owned();
            // It repeats what it was given when it has nothing else to say.
            malformed(if told == with_seconds { "a field is out of its range".to_owned() } else { told })
        };
        let schedule = cron::Schedule::from_str(&with_seconds).map_err(first_line)?;
        let schedule = Self(schedule);
        if schedule.after(DateTime::constant(2000, 1, 1, 0, 0, 0, 0)).is_none() {
            return Err(CronError::Never(text.to_owned()));
        }
        Ok(schedule)
    }
}

impl Schedule {
    /// The first wall-clock occurrence after this wall-clock time.
    pub fn after(&self, after: DateTime) -> Option<DateTime> {
        // The cron crate reckons in chrono; as a fixed UTC date-time it is a plain wall clock without a zone.
        let seconds = TimeZone::UTC.to_timestamp(after).ok()?.as_second();
        let from = chrono_utc(seconds)?;
        let next = self.0.after(&from).next()?;
        let instant = Timestamp::from_second(next.timestamp()).ok()?;
        Some(TimeZone::UTC.to_datetime(instant))
    }

    /// Whether there is an hour between any two occurrences; the first of them show it, as each hour has the same minutes.
    fn is_hourly_at_most(&self) -> bool {
        let mut at = DateTime::constant(2000, 1, 1, 0, 0, 0, 0);
        for _ in 0..3 {
            let Some(next) = self.after(at) else { return true };
            if self.after(next).is_some_and(|other| other.duration_since(next).as_mins() < 60) {
                return false;
            }
            at = next;
        }
        true
    }

    /// The first occurrence in a year.
    pub fn first_in(&self, year: i16) -> Option<DateTime> {
        let before = Date::new(year - 1, 12, 31).ok()?.at(23, 59, 59, 0);
        self.after(before).filter(|found| found.year() == year)
    }
}

fn chrono_utc(seconds: i64) -> Option<chrono::DateTime<chrono::Utc>> {
    chrono::DateTime::from_timestamp(seconds, 0)
}

/// The instant of a wall-clock time in a zone: in a gap right after it, in a fold the first time.
pub fn instant(local: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    use jiff::tz::AmbiguousOffset as A;
    let ambiguous = zone.to_ambiguous_timestamp(local);
    match ambiguous.offset() {
        A::Unambiguous { .. } | A::Fold { .. } => ambiguous.earlier().ok(),
        // Read with the offset after the change, a time in the gap lies before the change; the change is what follows it.
        A::Gap { after, .. } => {
            let before = after.to_timestamp(local).ok()?;
            zone.following(before).next().map(|change| change.timestamp())
        }
    }
}

/// Tries every cron expression of a definition, whose file has this text.
///
/// # Errors
/// The first that is not a schedule, at its place.
pub fn check(definition: &Definition, text: &str) -> Result<(), Problem> {
    let milestones = definition.milestones.values().map(|milestone| (milestone.id.as_str(), &milestone.cron));
    let steps = definition.steps.iter().filter_map(|step| match &step.trigger {
        Trigger::Cron { expression, .. } => Some((step.id.as_str(), expression)),
        _ => None,
    });
    for (name, expression) in milestones.chain(steps) {
        let offset = text.find(&format!("\"{expression}\"")).unwrap_or(0);
        let hourly = |schedule: Schedule| {
            if schedule.is_hourly_at_most() { Ok(()) } else { Err(CronError::TooOften(expression.clone())) }
        };
        Schedule::from_str(expression)
            .and_then(hourly)
            .map_err(|e| Problem::at("workflow.toml", text, offset, format!("in `{name}`: {e}")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use jiff::civil::datetime;

    use super::*;

    #[test]
    fn the_third_monday_of_september_is_found() {
        let schedule: Schedule = "0 9 15-21 9 MON".parse().unwrap();
        assert_eq!(schedule.first_in(2025), Some(datetime(2025, 9, 15, 9, 0, 0, 0)));
        assert_eq!(schedule.first_in(2026), Some(datetime(2026, 9, 21, 9, 0, 0, 0)));
    }

    #[test]
    fn what_never_comes_or_cannot_be_meant_is_refused() {
        assert_eq!(Schedule::from_str("0 9 30 2 *").unwrap_err(), CronError::Never("0 9 30 2 *".to_owned()));
        assert!(matches!(Schedule::from_str("0 9 * * 1"), Err(CronError::NumberedWeekday(_))));
        assert!(matches!(Schedule::from_str("0 9 * *"), Err(CronError::Malformed { .. })));
        let often = |text: &str| !Schedule::from_str(text).unwrap().is_hourly_at_most();
        assert!(["* * * * *", "0,30 9 * * MON", "*/59 9 1 1 *"].iter().all(|text| often(text)));
        assert!(!["0 * * * *", "59 9 15-21 9 MON"].iter().any(|text| often(text)));
        assert!(matches!(Schedule::from_str("99 9 * * MON"), Err(CronError::Malformed { .. })));
    }

    #[test]
    fn a_gap_runs_right_after_and_a_fold_once() {
        let zone = TimeZone::get("Europe/Zurich").unwrap();
        let gap = instant(datetime(2025, 3, 30, 2, 30, 0, 0), &zone).unwrap();
        assert_eq!(gap.to_string(), "2025-03-30T01:00:00Z");
        let fold = instant(datetime(2025, 10, 26, 2, 30, 0, 0), &zone).unwrap();
        assert_eq!(fold.to_string(), "2025-10-26T00:30:00Z");
    }
}
