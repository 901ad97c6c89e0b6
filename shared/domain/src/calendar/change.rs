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
    /// What was changed of a day is taken back: it is as the calendar itself has it.
    AsCalendar {
        /// Which.
        date: Date,
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
        changes.iter().try_for_each(|change| changed.apply(change)).map(|()| changed)
    }

    /// The calendars after changes that were recorded, whatever they are: what is recorded cannot be refused any more. A
    /// calendar whose zone is not known has no dates until another zone is recorded; a change of a calendar that is not here
    /// changes nothing. See [`Self::unapplied`].
    #[must_use]
    pub fn standing(&self, changes: &[CalendarChange]) -> Self {
        let mut standing = self.clone();
        for change in effective(changes) {
            if let Err(error @ CalendarError::UnknownZone(_)) = standing.apply(change) {
                standing.lose(change, &error);
            }
        }
        standing
    }

    /// The changes among those recorded that cannot be applied to these calendars, and why not.
    pub fn unapplied<'c>(&self, changes: &'c [CalendarChange]) -> Vec<(&'c CalendarChange, CalendarError)> {
        let tried = |change: &'c CalendarChange| {
            let zone = match &change.change {
                DayChange::Zone { zone } => zone_of(zone).map(|_| ()),
                _ => Ok(()),
            };
            let known = match &change.place {
                Some(place) if self.places.get(place).is_none_or(|calendar| calendar.country != change.country) => {
                    Err(CalendarError::UnknownPlace(place.clone()))
                }
                None if !self.countries.contains_key(&change.country) => {
                    Err(CalendarError::UnknownCountry(change.country.clone()))
                }
                _ => zone,
            };
            known.err().map(|error| (change, error))
        };
        effective(changes).filter_map(tried).collect()
    }

    fn apply(&mut self, CalendarChange { country, place, change }: &CalendarChange) -> Result<(), CalendarError> {
        if let Some(place) = place {
            let calendar = self.places.get_mut(place).filter(|calendar| calendar.country == *country);
            return calendar.ok_or_else(|| CalendarError::UnknownPlace(place.clone()))?.change(change);
        }
        let calendar = self.countries.get_mut(country);
        calendar.ok_or_else(|| CalendarError::UnknownCountry(country.clone()))?.change(change)?;
        // A place keeps a week of its own.
        let whole = !matches!(change, DayChange::Week { .. });
        let mut places = self.places.values_mut().filter(|calendar| whole && calendar.country == *country);
        places.try_for_each(|calendar| calendar.change(change))
    }

    /// A change left nobody knows which days of a country, or of a place in it.
    fn lose(&mut self, CalendarChange { country, place, .. }: &CalendarChange, error: &CalendarError) {
        match place {
            Some(place) => {
                self.places.remove(place);
                self.lost_places.insert(place.clone());
            }
            None => {
                self.countries.remove(country);
                let gone = self.places.extract_if(.., |_, calendar| calendar.country == *country);
                self.lost_places.extend(gone.map(|(place, _)| place));
                self.lost.insert(country.clone(), error.clone());
            }
        }
    }
}

/// The changes but those zones in whose place another one was recorded later.
fn effective(changes: &[CalendarChange]) -> impl Iterator<Item = &CalendarChange> {
    let is_zone = |change: &CalendarChange| matches!(change.change, DayChange::Zone { .. });
    changes.iter().enumerate().filter_map(move |(index, change)| {
        let same =
            |later: &CalendarChange| is_zone(later) && later.country == change.country && later.place == change.place;
        (!is_zone(change) || !changes[index + 1..].iter().any(same)).then_some(change)
    })
}

fn zone_of(name: &str) -> Result<TimeZone, CalendarError> {
    TimeZone::get(name).map_err(|_| CalendarError::UnknownZone(name.to_owned()))
}

impl DayChange {
    /// Whether it can be applied anywhere: a zone has to be one of the time-zone database.
    ///
    /// # Errors
    /// When it is not.
    pub fn is_possible(&self) -> Result<(), CalendarError> {
        match self {
            Self::Zone { zone } => zone_of(zone).map(|_| ()),
            _ => Ok(()),
        }
    }
}

impl Calendar {
    fn change(&mut self, change: &DayChange) -> Result<(), CalendarError> {
        match change {
            DayChange::DayOff { date, title, estimated } => {
                self.remember(*date);
                self.working.remove(date);
                self.holidays.insert(*date, (title.clone(), *estimated));
            }
            DayChange::Worked { date, title } => {
                self.remember(*date);
                self.working.insert(*date, title.clone());
            }
            DayChange::AsCalendar { date } => {
                let Some(own) = self.own.remove(date) else { return Ok(()) };
                self.holidays.remove(date);
                self.working.remove(date);
                self.holidays.extend(own.off.map(|off| (*date, off)));
                self.working.extend(own.worked.map(|why| (*date, why)));
            }
            DayChange::Week { from, rest } => {
                self.weeks.retain(|week| week.from != *from);
                self.weeks.push(WorkingWeek { from: *from, rest: rest.iter().map(|day| day.0).collect() });
                self.weeks.sort_by_key(|week| week.from);
            }
            DayChange::Zone { zone } => {
                self.zone = zone_of(zone)?;
                self.zone_name.clone_from(zone);
            }
        }
        if !self.version.ends_with(CHANGED) {
            self.version.push_str(CHANGED);
        }
        Ok(())
    }
}

impl Calendar {
    /// Keeps what the calendar itself says of a day, before the first change of it.
    fn remember(&mut self, date: Date) {
        let (off, worked) = (self.holidays.get(&date).cloned(), self.working.get(&date).cloned());
        self.own.entry(date).or_insert(OwnDay { off, worked });
    }
}

/// What a calendar itself says of a day that was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OwnDay {
    /// The name of a day off, and whether it awaits proclamation.
    off: Option<(String, bool)>,
    /// Why it is worked all the same.
    worked: Option<String>,
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
            Self::AsCalendar { date } => {
                write!(f, "{} is as the calendar has it", date.strftime("%a %-d %b %Y"))
            }
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

    #[test]
    fn a_day_is_given_back_as_the_calendar_itself_has_it() {
        let phl: Country = "PHL".parse().unwrap();
        let (saturday, eve, made_up) = (date(2025, 11, 8), date(2025, 10, 31), date(2025, 11, 15));
        let mut own = philippines();
        own.working.insert(made_up, "for 31 October".to_owned());
        let calendars = Calendars { countries: [(phl.clone(), own)].into(), ..Calendars::default() };
        let of = |change: DayChange| CalendarChange { country: phl.clone(), place: None, change };
        let off = |date| of(DayChange::DayOff { date, title: "a storm".to_owned(), estimated: false });
        let worked = |date| of(DayChange::Worked { date, title: "made up".to_owned() });
        let back = |date| of(DayChange::AsCalendar { date });
        let day_off = |changes: &[CalendarChange], day| {
            calendars.changed(changes).unwrap().of(&phl).unwrap().day_off(day).unwrap().map(|off| off.to_string())
        };
        for day in [saturday, eve, made_up, date(2025, 11, 4)] {
            let own = day_off(&[], day);
            for changes in [
                vec![back(day)],
                vec![off(day), back(day)],
                vec![worked(day), off(day), back(day)],
                vec![off(day), back(day), worked(day), back(day)],
                vec![off(day), worked(day), back(day), back(day)],
            ] {
                assert_eq!(day_off(&changes, day), own, "{changes:?}");
            }
            assert_eq!(day_off(&[off(day), back(day), off(day)], day), Some("a storm".to_owned()));
            assert_eq!(day_off(&[off(day), back(day), worked(day)], day), None);
        }
        // Another week that was recorded since stands, and is no change of a day.
        let week = of(DayChange::Week { from: date(2025, 11, 1), rest: vec!["Friday".parse().unwrap()] });
        assert_eq!(day_off(&[off(saturday), week, back(saturday)], saturday), None);
        let json = serde_json::to_string(&back(saturday)).unwrap();
        assert_eq!(json, r#"{"country":"PHL","what":"as-calendar","date":"2025-11-08"}"#);
        assert_eq!(back(saturday).change.to_string(), "Sat 8 Nov 2025 is as the calendar has it");
    }

    #[test]
    fn what_was_recorded_and_cannot_be_applied_takes_no_other_calendar_with_it_and_can_be_mended() {
        let (phl, sgp): (Country, Country) = ("PHL".parse().unwrap(), "SGP".parse().unwrap());
        let other = Calendar { country: sgp.clone(), ..philippines() };
        let calendars = Calendars {
            countries: [(phl.clone(), philippines()), (sgp.clone(), other)].into(),
            ..Calendars::default()
        };
        let of =
            |country: &Country, change: DayChange| CalendarChange { country: country.clone(), place: None, change };
        let zone = |name: &str| DayChange::Zone { zone: name.to_owned() };
        let storm = DayChange::DayOff { date: date(2025, 11, 3), title: "a storm".to_owned(), estimated: false };
        let stranger: Country = "XYZ".parse().unwrap();
        let mut changes = vec![of(&phl, zone("Asia/Nowhere")), of(&phl, storm.clone()), of(&sgp, storm.clone())];
        changes.push(of(&stranger, storm));
        let standing = calendars.standing(&changes);
        assert!(matches!(standing.of(&phl), Err(CalendarError::UnknownZone(_))));
        assert!(!standing.of(&sgp).unwrap().is_working(date(2025, 11, 3)).unwrap());
        let unapplied = calendars.unapplied(&changes);
        let told: Vec<_> = unapplied.iter().map(|(change, _)| change.country.clone()).collect();
        assert_eq!(told, [phl.clone(), stranger]);
        changes.push(of(&phl, zone("Asia/Manila")));
        let standing = calendars.standing(&changes);
        assert!(!standing.of(&phl).unwrap().is_working(date(2025, 11, 3)).unwrap(), "the storm counts as well");
        assert_eq!(calendars.unapplied(&changes).len(), 1);
    }
}
