//! Each country's working days: dated working weeks, public holidays and working weekends with their source, and the dates
//! reckoned by them; places in a country whose days differ; and changes of all that which are recorded in a round.
//!
//! A year that the calendar does not cover is an error, never a guess of Monday to Friday.

mod change;
mod deadline;
mod file;
mod hours;
mod offset;
#[cfg(test)]
mod oracle;

pub use change::{CalendarChange, DateMove, DayChange, MAX_CHANGES, NamedWeekday};
pub use deadline::{Adjustment, Moment, Reckoning, Roll};
pub use hours::{Closed, Hours};
pub use offset::{InvalidOffset, Offset, Unit};

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

use crate::{Country, PlaceId, Year};

/// Why a date cannot be reckoned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// No calendar for the country.
    #[error("there is no calendar for {0}")]
    UnknownCountry(Country),
    /// No calendar for the place.
    #[error("there is no calendar for {0}")]
    UnknownPlace(PlaceId),
    /// No such zone.
    #[error("`{0}` is not a zone of the time-zone database")]
    UnknownZone(String),
    /// The calendar does not cover the year.
    #[error(
        "the calendar of {country} has no holidays for {year}; it covers {covered}. Add the year to calendar/holidays.csv in a copy of the workflow"
    )]
    YearNotCovered {
        /// Whose calendar.
        country: Country,
        /// The year asked for.
        year: Year,
        /// What it covers, in words.
        covered: String,
    },
    /// The reckoning left the range of dates.
    #[error("the date reckoned from {0} is out of range")]
    OutOfRange(Date),
}

/// Why a day is not worked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DayOff {
    /// A rest day of the working week.
    Rest(Weekday),
    /// A public holiday.
    Holiday {
        /// Its name.
        name: String,
        /// Whether the date awaits proclamation.
        estimated: bool,
    },
}

impl std::fmt::Display for DayOff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rest(day) => write!(f, "{day:?}, a rest day"),
            Self::Holiday { name, estimated: false } => f.write_str(name),
            Self::Holiday { name, estimated: true } => write!(f, "{name} (estimated)"),
        }
    }
}

/// A working week in force from a date on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkingWeek {
    /// First day of validity.
    pub from: Date,
    /// The days of rest.
    pub rest: Vec<Weekday>,
}

/// The calendars of a workflow: of countries, and of places in them whose days differ.
#[derive(Debug, Clone, Default)]
pub struct Calendars {
    /// By country.
    pub countries: BTreeMap<Country, Calendar>,
    /// By place; each begins as its country's.
    pub places: BTreeMap<PlaceId, Calendar>,
    /// Countries whose days nobody knows any more, and why: a change was recorded that cannot be applied.
    lost: BTreeMap<Country, CalendarError>,
    /// Places that lost theirs in the same way.
    lost_places: BTreeSet<PlaceId>,
}

impl Calendars {
    /// A country's calendar.
    pub fn get(&self, country: &Country) -> Option<&Calendar> {
        self.countries.get(country)
    }

    /// A country's calendar.
    ///
    /// # Errors
    /// When there is none.
    pub fn of(&self, country: &Country) -> Result<&Calendar, CalendarError> {
        let why = || self.lost.get(country).cloned().unwrap_or_else(|| CalendarError::UnknownCountry(country.clone()));
        self.get(country).ok_or_else(why)
    }

    /// The calendar of somebody in a country: that of the place of their institution, where it has one. Nobody's where it is not
    /// known: the country's is another one than that of a place whose own was lost.
    pub fn at(&self, country: &Country, place: Option<&PlaceId>) -> Option<&Calendar> {
        if place.is_some_and(|place| self.lost_places.contains(place)) {
            return None;
        }
        place.and_then(|place| self.places.get(place)).or_else(|| self.get(country))
    }
}

/// One calendar: a country's, or that of a place in it.
#[derive(Debug, Clone)]
pub struct Calendar {
    /// Whose.
    pub country: Country,
    /// The name of the country, or the place, in English.
    pub name: String,
    /// The zone in which its days begin and end.
    pub zone: TimeZone,
    /// The zone's name, for example `Asia/Vientiane`.
    pub zone_name: String,
    /// Working weeks, earliest first; the first is valid from the beginning.
    pub weeks: Vec<WorkingWeek>,
    /// Holidays by date; a date may carry several.
    pub holidays: BTreeMap<Date, (String, bool)>,
    /// Days that are worked although the week or a holiday would have them off, and why.
    pub working: BTreeMap<Date, String>,
    /// Years for which there are holidays.
    pub covered: BTreeSet<Year>,
    /// Version of the holiday data, recorded with every date reckoned from it.
    pub version: String,
    /// What it says itself of days that were changed.
    own: BTreeMap<Date, change::OwnDay>,
}

impl Calendar {
    /// Why the day is not worked, or nothing when it is.
    ///
    /// # Errors
    /// When the calendar does not cover the day's year.
    pub fn day_off(&self, day: Date) -> Result<Option<DayOff>, CalendarError> {
        if !self.covered.contains(&day.year()) {
            let years: Vec<String> = self.covered.iter().map(ToString::to_string).collect();
            return Err(CalendarError::YearNotCovered {
                country: self.country.clone(),
                year: day.year(),
                covered: if years.is_empty() { "no year".to_owned() } else { years.join(", ") },
            });
        }
        if self.working.contains_key(&day) {
            return Ok(None);
        }
        if let Some((name, estimated)) = self.holidays.get(&day) {
            return Ok(Some(DayOff::Holiday { name: name.clone(), estimated: *estimated }));
        }
        let week = self.weeks.iter().rev().find(|week| week.from <= day).or_else(|| self.weeks.first());
        let rests = week.is_some_and(|week| week.rest.contains(&day.weekday()));
        Ok(rests.then(|| DayOff::Rest(day.weekday())))
    }

    /// Whether the day is worked.
    ///
    /// # Errors
    /// When the calendar does not cover the day's year.
    pub fn is_working(&self, day: Date) -> Result<bool, CalendarError> {
        Ok(self.day_off(day)?.is_none())
    }

    /// The day `days` working days after (or, negative, before) `from`; zero is `from` itself.
    ///
    /// # Errors
    /// When the calendar does not cover a day on the way.
    pub fn add_working_days(&self, from: Date, days: i32) -> Result<Date, CalendarError> {
        let mut day = from;
        let mut left = days.unsigned_abs();
        while left > 0 {
            let next = if days > 0 { day.tomorrow() } else { day.yesterday() };
            day = next.map_err(|_| CalendarError::OutOfRange(from))?;
            if self.is_working(day)? {
                left -= 1;
            }
        }
        Ok(day)
    }

    /// Working days in the half-open range from `from` to `until`.
    ///
    /// # Errors
    /// When the calendar does not cover a day of the range.
    pub fn working_days_between(&self, from: Date, until: Date) -> Result<u32, CalendarError> {
        let mut count = 0;
        let mut day = from;
        while day < until {
            count += u32::from(self.is_working(day)?);
            day = day.tomorrow().map_err(|_| CalendarError::OutOfRange(from))?;
        }
        Ok(count)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use jiff::civil::date;

    use super::*;

    pub(crate) fn philippines() -> Calendar {
        Calendar {
            country: "PHL".parse().unwrap(),
            name: "the Philippines".to_owned(),
            zone: TimeZone::get("Asia/Manila").unwrap(),
            zone_name: "Asia/Manila".to_owned(),
            weeks: vec![WorkingWeek { from: Date::MIN, rest: vec![Weekday::Saturday, Weekday::Sunday] }],
            holidays: [(date(2025, 10, 31), ("All Saints' Day Eve".to_owned(), false))].into(),
            working: BTreeMap::new(),
            covered: [2025, 2026].into(),
            version: "test".to_owned(),
            own: BTreeMap::new(),
        }
    }

    #[test]
    fn a_year_without_data_is_an_error() {
        assert!(matches!(philippines().is_working(date(2027, 1, 1)), Err(CalendarError::YearNotCovered { .. })));
    }
}
