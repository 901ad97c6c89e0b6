//! Offsets from a milestone, as a coordinator writes them: `-10 working days`, `+6 weeks`, `+1 month`, `0 days`.

use jiff::Span;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Calendar, CalendarError};
use crate::text::as_text;

/// What an offset counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Working days of the country's calendar.
    WorkingDays,
    /// Calendar days.
    Days,
    /// Weeks.
    Weeks,
    /// Months, always counted from the milestone itself: 31 January and two months is 31 March.
    Months,
}

/// A signed count of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offset {
    /// How many, negative for before.
    pub count: i32,
    /// Of what.
    pub unit: Unit,
}

/// The most units an offset may count.
const MOST: u32 = 1_000;

/// A text that is not an offset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOffset {
    /// It is none.
    #[error("`{0}` is not an offset; write for example \"-10 working days\", \"+7 days\", \"2 weeks\" or \"1 month\"")]
    Malformed(String),
    /// It counts more than any does.
    #[error("the offset `{0}` counts more than {MOST}, which no offset does")]
    TooFar(String),
}

impl std::str::FromStr for Offset {
    type Err = InvalidOffset;
    fn from_str(text: &str) -> Result<Self, InvalidOffset> {
        let told = || text.chars().take(60).collect();
        let invalid = || InvalidOffset::Malformed(told());
        let (count, unit) = text.trim().split_once(' ').ok_or_else(invalid)?;
        let count: i32 = count.parse().map_err(|_| invalid())?;
        let unit = match unit.trim() {
            "working day" | "working days" => Unit::WorkingDays,
            "day" | "days" => Unit::Days,
            "week" | "weeks" => Unit::Weeks,
            "month" | "months" => Unit::Months,
            _ => return Err(invalid()),
        };
        if count.unsigned_abs() > MOST {
            return Err(InvalidOffset::TooFar(told()));
        }
        Ok(Self { count, unit })
    }
}

as_text!(Offset);

impl std::fmt::Display for Offset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unit = match self.unit {
            Unit::WorkingDays => "working day",
            Unit::Days => "day",
            Unit::Weeks => "week",
            Unit::Months => "month",
        };
        let plural = if self.count.unsigned_abs() == 1 { "" } else { "s" };
        write!(f, "{:+} {unit}{plural}", self.count)
    }
}

impl Offset {
    /// The date this far from `from`, before any rolling.
    ///
    /// # Errors
    /// When the calendar does not cover the way, or the date is out of range.
    pub fn from_date(self, from: Date, calendar: &Calendar) -> Result<Date, CalendarError> {
        let span = match self.unit {
            Unit::WorkingDays => return calendar.add_working_days(from, self.count),
            Unit::Days => Span::new().try_days(self.count),
            Unit::Weeks => Span::new().try_weeks(self.count),
            Unit::Months => Span::new().try_months(self.count),
        };
        span.and_then(|span| from.checked_add(span)).map_err(|_| CalendarError::OutOfRange(from))
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::calendar::tests::philippines;

    #[test]
    fn months_are_counted_from_the_anchor() {
        let offset: Offset = "2 months".parse().unwrap();
        assert_eq!(offset.from_date(date(2025, 1, 31), &philippines()).unwrap(), date(2025, 3, 31));
    }

    #[test]
    fn working_days_skip_the_holiday() {
        let offset: Offset = "+1 working day".parse().unwrap();
        assert_eq!(offset.from_date(date(2025, 10, 30), &philippines()).unwrap(), date(2025, 11, 3));
        assert_eq!(offset.to_string(), "+1 working day");
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "ten days", "5", "5 fortnights", "99999 days"] {
            assert!(text.parse::<Offset>().is_err(), "{text}");
        }
        assert!("1001 days".parse::<Offset>().unwrap_err().to_string().contains("more than 1000"));
    }
}
