//! Changes of a calendar while a round is under way: a day proclaimed or moved, a working weekend, another week or zone.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::{Calendar, CalendarError, Calendars, Moment, WorkingWeek};
use crate::{Country, PlaceId};

/// The most changes one decision makes.
pub const MAX_CHANGES: usize = 100;

/// What changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum DayChange {
    /// A day is off.
    DayOff {
        /// Which.
        date: Date,
        /// What it is called.
        title: String,
        /// Whether it awaits proclamation.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        estimated: bool,
    },
    /// A day is worked although it was off.
    Worked {
        /// Which.
        date: Date,
        /// Why.
        title: String,
    },
    /// Other days of the week are off, from a date on.
    Week {
        /// The first day of it.
        from: Date,
        /// The days of rest.
        rest: Vec<NamedWeekday>,
    },
    /// Another time zone holds.
    Zone {
        /// Its name, for example `Asia/Vientiane`.
        zone: String,
    },
}

/// A day of the week, by its English name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedWeekday(pub Weekday);

/// One change of one calendar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalendarChange {
    /// Whose calendar.
    pub country: Country,
    /// Only that of a place in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<PlaceId>,
    /// What changes.
    #[serde(flatten)]
    pub change: DayChange,
}

/// A date that a change moves, or would move if it had not been announced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DateMove {
    /// Whose date; the round's, without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<Country>,
    /// Which: a step or a milestone.
    pub of: String,
    /// When it was due.
    pub was: Moment,
    /// When it would be due now.
    pub is: Moment,
    /// Whether it stays all the same, because people were told it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stays: bool,
}

impl Calendars {
    /// The calendars after these changes, the later ones above the earlier.
    ///
    /// # Errors
    /// When one is about a country, place or zone that is not known.
    pub fn changed(&self, changes: &[CalendarChange]) -> Result<Self, CalendarError> {
        let mut changed = self.clone();
        for CalendarChange { country, place, change } in changes {
            match place {
                Some(place) => {
                    let calendar = changed.places.get_mut(place).filter(|calendar| calendar.country == *country);
                    calendar.ok_or_else(|| CalendarError::UnknownPlace(place.clone()))?.change(change)?;
                }
                None => {
                    let calendar = changed.countries.get_mut(country);
                    calendar.ok_or_else(|| CalendarError::UnknownCountry(country.clone()))?.change(change)?;
                    for calendar in changed.places.values_mut().filter(|calendar| calendar.country == *country) {
                        // A place keeps a week of its own.
                        if !matches!(change, DayChange::Week { .. }) {
                            calendar.change(change)?;
                        }
                    }
                }
            }
        }
        Ok(changed)
    }
}

impl Calendar {
    fn change(&mut self, change: &DayChange) -> Result<(), CalendarError> {
        match change {
            DayChange::DayOff { date, title, estimated } => {
                self.working.remove(date);
                self.holidays.insert(*date, (title.clone(), *estimated));
            }
            DayChange::Worked { date, title } => {
                self.working.insert(*date, title.clone());
            }
            DayChange::Week { from, rest } => {
                self.weeks.retain(|week| week.from != *from);
                self.weeks.push(WorkingWeek { from: *from, rest: rest.iter().map(|day| day.0).collect() });
                self.weeks.sort_by_key(|week| week.from);
            }
            DayChange::Zone { zone } => {
                self.zone = TimeZone::get(zone).map_err(|_| CalendarError::UnknownZone(zone.clone()))?;
                self.zone_name.clone_from(zone);
            }
        }
        if !self.version.ends_with(CHANGED) {
            self.version.push_str(CHANGED);
        }
        Ok(())
    }
}

/// What the version of a calendar says after a change in its round.
const CHANGED: &str = ", changed in the round";

impl std::fmt::Display for DayChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::DayOff { date, title, estimated } => {
                let mark = if *estimated { " (estimated)" } else { "" };
                write!(f, "{} is off: {title}{mark}", date.strftime("%a %-d %b %Y"))
            }
            Self::Worked { date, title } => write!(f, "{} is worked: {title}", date.strftime("%a %-d %b %Y")),
            Self::Week { from, rest } => {
                let rest: Vec<String> = rest.iter().map(ToString::to_string).collect();
                write!(f, "from {} on, the days of rest are {}", from.strftime("%-d %b %Y"), rest.join(" and "))
            }
            Self::Zone { zone } => write!(f, "its clock is that of {zone}"),
        }
    }
}

impl std::fmt::Display for NamedWeekday {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// A text that is no day of the week.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a day of the week, as in \"Friday\"")]
pub struct NoWeekday(String);

impl std::str::FromStr for NamedWeekday {
    type Err = NoWeekday;

    fn from_str(text: &str) -> Result<Self, NoWeekday> {
        let all = [
            Weekday::Monday,
            Weekday::Tuesday,
            Weekday::Wednesday,
            Weekday::Thursday,
            Weekday::Friday,
            Weekday::Saturday,
            Weekday::Sunday,
        ];
        let named = all.into_iter().find(|day| format!("{day:?}") == text).map(Self);
        named.ok_or_else(|| NoWeekday(text.chars().take(40).collect()))
    }
}

crate::text::as_text!(NamedWeekday);

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::calendar::tests::philippines;

    #[test]
    fn a_change_holds_above_what_was_there_and_says_so() {
        let calendars =
            Calendars { countries: [("PHL".parse().unwrap(), philippines())].into(), ..Calendars::default() };
        let of = |change: DayChange| CalendarChange { country: "PHL".parse().unwrap(), place: None, change };
        let changes = [
            of(DayChange::Worked { date: date(2025, 10, 31), title: "made up".to_owned() }),
            of(DayChange::DayOff { date: date(2025, 11, 3), title: "a storm".to_owned(), estimated: false }),
            of(DayChange::Week { from: date(2025, 12, 1), rest: vec!["Friday".parse().unwrap()] }),
        ];
        let changed = calendars.changed(&changes).unwrap();
        let phl = changed.of(&"PHL".parse().unwrap()).unwrap();
        let works = |day| phl.is_working(day).unwrap();
        assert!(works(date(2025, 10, 31)) && !works(date(2025, 11, 3)) && !works(date(2025, 11, 29)));
        assert!(works(date(2025, 12, 6)) && !works(date(2025, 12, 5)));
        assert!(phl.version.ends_with("changed in the round"), "{}", phl.version);
        let json = serde_json::to_string(&changes[2]).unwrap();
        assert_eq!(json, r#"{"country":"PHL","what":"week","from":"2025-12-01","rest":["Friday"]}"#);
        assert_eq!(serde_json::from_str::<CalendarChange>(&json).unwrap(), changes[2]);
        let zone = [of(DayChange::Zone { zone: "Asia/Nowhere".to_owned() })];
        assert!(matches!(calendars.changed(&zone), Err(CalendarError::UnknownZone(_))));
    }
}
