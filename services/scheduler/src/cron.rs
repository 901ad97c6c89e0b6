//! Cron on the local wall clock: every wall-clock occurrence becomes an instant by our own rules for gap and fold.
//!
//! Five fields (minute, hour, day of month, month, day of week by name). Where both a day of the month and one of the week are
//! said, both have to hold. `L` is the last day of the month. A time in the gap of a clock change comes as much later as clocks are put
//! forward, and a time in the fold once, the first time: as with milestones (RFC 5545, section 3.3.5). A schedule without a next
//! occurrence is refused when read.

mod field;

use std::collections::BTreeSet;
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
pub struct Schedule {
    schedule: cron::Schedule,
    /// Whether it comes on the last day of a month alone.
    on_last: bool,
}

/// The day of the month that is its last one.
const LAST: &str = "L";

/// The days of a month of which one is the last.
const MAYBE_LAST: &str = "28-31";

/// Occurrences looked through for one on the last day of a month: all hours of such days of more years than weekdays take to
/// come round.
const LOOKED_THROUGH: usize = 50_000;

impl FromStr for Schedule {
    type Err = CronError;
    fn from_str(text: &str) -> Result<Self, CronError> {
        let malformed = |why: String| CronError::Malformed { text: text.to_owned(), why };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(malformed(format!("it has {} fields", fields.len())));
        };
        let on_last = day == LAST;
        if !on_last && day.contains(LAST) {
            return Err(malformed("`L`, the last day of the month, stands alone".to_owned()));
        }
        if weekday.bytes().any(|b| b.is_ascii_digit()) {
            return Err(CronError::NumberedWeekday(text.to_owned()));
        }
        let day = if on_last { MAYBE_LAST } else { day };
        // What the library says goes over several lines, with a mark below a text that is not the one written here, or nothing.
        let told = |e: cron::error::Error| {
            let first_line = || e.to_string().lines().next().unwrap_or_default().to_owned();
            malformed(field::wrong([minute, hour, day, month, weekday]).unwrap_or_else(first_line))
        };
        let schedule = cron::Schedule::from_str(&format!("0 {minute} {hour} {day} {month} {weekday}")).map_err(told)?;
        let schedule = Self { schedule, on_last };
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
        let all = self.schedule.after(&from).filter_map(|next| {
            let instant = Timestamp::from_second(next.timestamp()).ok()?;
            Some(TimeZone::UTC.to_datetime(instant))
        });
        all.take(LOOKED_THROUGH).find(|next| !self.on_last || next.date() == next.date().last_of_month())
    }

    /// The months from 1 to 12 in which it occurs in a year.
    fn months_of(&self, year: i16) -> BTreeSet<i8> {
        let mut months = BTreeSet::new();
        let mut at = Date::new(year - 1, 12, 31).ok().map(|day| day.at(23, 59, 59, 0));
        while let Some(next) = at.and_then(|at| self.after(at)).filter(|next| next.year() == year) {
            months.insert(next.month());
            at = Some(next.date().last_of_month().at(23, 59, 59, 0));
        }
        months
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

/// The instant of a wall-clock time in a zone: in a gap by the offset before it, in a fold the first time.
pub fn instant(local: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    zone.to_ambiguous_timestamp(local).compatible().ok()
}

/// Which of the months that an expression names it leaves out because they have no such day, in words; nothing where it leaves
/// out none.
pub fn left_out(expression: &str) -> Option<String> {
    const NAMES: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    // One that is a leap year, and one that is none.
    const YEARS: [i16; 2] = [2027, 2028];
    let [_, _, day, month, _] = expression.split_whitespace().collect::<Vec<_>>()[..] else { return None };
    let of = |day: &str| format!("0 0 {day} {month} *").parse::<Schedule>().ok();
    let (named, meant) = (of("1")?, of(day)?);
    let [without, with_leap_day] = YEARS.map(|year| &named.months_of(year) - &meant.months_of(year));
    let told = |month: &i8| {
        let name = NAMES.get(usize::try_from(*month - 1).unwrap_or_default()).copied().unwrap_or_default();
        if with_leap_day.contains(month) { name.to_owned() } else { format!("{name} (but for leap years)") }
    };
    let told: Vec<String> = without.iter().map(told).collect();
    let (last, first) = told.split_last()?;
    let all = if first.is_empty() { last.clone() } else { format!("{} and {last}", first.join(", ")) };
    let advice = if named.months_of(YEARS[1]).len() == 1 {
        "In other years it does not come at all".to_owned()
    } else {
        format!("The last day of every month is `{LAST}`")
    };
    Some(format!("`{expression}` leaves out {all}: there is no such day. {advice}"))
}

/// What whoever writes a definition may not have meant by its schedules, in sentences.
pub fn remarks(definition: &Definition) -> Vec<String> {
    expressions(definition)
        .filter_map(|(name, expression)| left_out(expression).map(|told| format!("In `{name}`: {told}.")))
        .collect()
}

/// Every cron expression of a definition, and the milestone or step it is of.
fn expressions(definition: &Definition) -> impl Iterator<Item = (&str, &String)> {
    let milestones = definition.milestones.values().map(|milestone| (milestone.id.as_str(), &milestone.cron));
    let steps = definition.steps.iter().filter_map(|step| match &step.trigger {
        Trigger::Cron { expression, .. } => Some((step.id.as_str(), expression)),
        _ => None,
    });
    milestones.chain(steps)
}

/// Reads every cron expression of a definition, whose file has this text.
///
/// # Errors
/// The first that is not a schedule, at its place.
pub fn read(definition: &Definition, text: &str) -> Result<(), Problem> {
    each(definition, text, |_, _| Ok(()))
}

/// Tries every cron expression of a definition that is new, whose file has this text.
///
/// # Errors
/// The first that is not a schedule or comes too often, at its place.
pub fn check(definition: &Definition, text: &str) -> Result<(), Problem> {
    each(definition, text, |schedule, expression| {
        if schedule.is_hourly_at_most() { Ok(()) } else { Err(CronError::TooOften(expression.to_owned())) }
    })
}

fn each(
    definition: &Definition,
    text: &str,
    judge: impl Fn(&Schedule, &str) -> Result<(), CronError>,
) -> Result<(), Problem> {
    for (name, expression) in expressions(definition) {
        let offset = text.find(&format!("\"{expression}\"")).unwrap_or(0);
        Schedule::from_str(expression)
            .and_then(|schedule| judge(&schedule, expression))
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
        let told = Schedule::from_str("0 9 * * FRI-SUN").unwrap_err().to_string();
        assert!(told.contains("the day of the week `FRI-SUN`") && told.contains("FRI,SAT,SUN"), "{told}");
        assert!(matches!(Schedule::from_str("99 9 * * MON"), Err(CronError::Malformed { .. })));
    }

    #[test]
    fn the_last_day_of_a_month_can_be_said_and_both_days_have_to_hold() {
        let days = |text: &str, count: usize| {
            let schedule: Schedule = text.parse().unwrap();
            let next = |at: &DateTime| schedule.after(*at);
            std::iter::successors(next(&datetime(2026, 12, 31, 23, 0, 0, 0)), next).take(count).collect::<Vec<_>>()
        };
        let at = |year, month, day| datetime(year, month, day, 9, 0, 0, 0);
        assert_eq!(days("0 9 L * *", 4), [at(2027, 1, 31), at(2027, 2, 28), at(2027, 3, 31), at(2027, 4, 30)]);
        assert_eq!(days("0 9 L 2 *", 2), [at(2027, 2, 28), at(2028, 2, 29)]);
        // A day of the month and one of the week: both, not either.
        assert_eq!(days("0 9 L * FRI", 2), [at(2027, 4, 30), at(2027, 12, 31)]);
        assert_eq!(days("0 9 13 * FRI", 2), [at(2027, 8, 13), at(2028, 10, 13)]);
        assert!(matches!(Schedule::from_str("0 9 15,L * *"), Err(CronError::Malformed { .. })));
        assert_eq!("0 9 L 2 *".parse::<Schedule>().unwrap().first_in(2028), Some(at(2028, 2, 29)));
    }

    #[test]
    fn months_that_have_no_such_day_are_said() {
        let told = |text: &str| left_out(text).unwrap_or_default();
        let short = "February, April, June, September and November: there is no such day";
        assert!(told("0 9 31 * *").contains(&format!("leaves out {short}")), "{}", told("0 9 31 * *"));
        assert!(told("0 9 30 1-3 *").contains("leaves out February: "), "{}", told("0 9 30 1-3 *"));
        assert!(told("0 9 29 * MON").contains("leaves out February (but for leap years): "));
        // Of February alone the last day is not what was written.
        let leap = told("0 10 29 2 *");
        assert!(leap.contains("In other years it does not come at all") && !leap.contains('L'), "{leap}");
        for whole in ["0 9 28 * *", "0 9 L * *", "59 23 31 10 *", "0 9 * * MON", "0 9 15,31 * *"] {
            assert_eq!(left_out(whole), None, "{whole}");
        }
    }

    #[test]
    fn a_time_in_a_gap_comes_as_much_later_and_one_in_a_fold_once() {
        let zone = TimeZone::get("Europe/Zurich").unwrap();
        let gap = instant(datetime(2025, 3, 30, 2, 30, 0, 0), &zone).unwrap();
        assert_eq!(gap.to_string(), "2025-03-30T01:30:00Z");
        let fold = instant(datetime(2025, 10, 26, 2, 30, 0, 0), &zone).unwrap();
        assert_eq!(fold.to_string(), "2025-10-26T00:30:00Z");
    }
}
