//! Days off in a played round: as the files have them, and as they were proclaimed and taken back.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use rondo_domain::Country;

use super::{Span, Story};
use crate::builtin;

/// A change of days or of the workflow that was taken back: what stood before it stands again after it.
pub(super) struct Excursion {
    /// Whose days; everybody's with the workflow.
    pub(super) country: Option<Country>,
    /// Which day was off meanwhile.
    pub(super) date: Option<Date>,
    pub(super) span: Span,
}

impl Story {
    /// A change is taken back.
    pub(super) fn back(&mut self, at: Timestamp, country: Option<&Country>, date: Option<Date>) {
        let same = |one: &&mut Excursion| one.country.as_ref() == country && one.date == date;
        self.excursions.iter_mut().filter(same).for_each(|one| one.span.1 = one.span.1.min(at));
    }

    /// Whether a day is off in a country, as it is known at an instant.
    pub(super) fn is_off(&self, country: &Country, date: Date, at: Timestamp, days: &Days) -> bool {
        let proclaimed = |one: &Excursion| {
            one.country.as_ref() == Some(country) && one.date == Some(date) && one.span.0 <= at && at < one.span.1
        };
        days.rests(country.as_str(), date) || self.excursions.iter().any(proclaimed)
    }

    /// Steps that did not come back to where they stood before changes that were taken back.
    pub(super) fn astray(&self) -> Vec<String> {
        let mut broken = Vec::new();
        for ((whose, occurrence), step) in &self.steps {
            let moved_otherwise = whose.as_ref().is_some_and(|country| self.extended.contains_key(country));
            let of = |one: &&Excursion| one.country.is_none() || one.country == *whose || whose.is_none();
            let mine: Vec<&Excursion> = self.excursions.iter().filter(of).collect();
            let Some(first) = mine.iter().map(|one| one.span.0).min().filter(|_| !moved_otherwise) else { continue };
            let until = step.fired.unwrap_or(Timestamp::MAX);
            let meanwhile = mine.iter().any(|one| one.span.0 <= until && until <= one.span.1);
            let before = step.planned.iter().rfind(|(at, _)| *at < first).map(|(_, due)| *due);
            if !meanwhile && before.is_some_and(|before| before != step.due.at) {
                broken.push(format!(
                    "{occurrence:?} of {whose:?} was due {before:?} before what was taken back, and then {}",
                    step.due.at
                ));
            }
        }
        broken
    }
}

/// When people are at work, as the files say.
pub(super) struct Days {
    holidays: BTreeSet<(String, Date)>,
    /// Worked although the weekday or a holiday would have them off.
    worked: BTreeSet<(String, Date)>,
    pub(super) zones: BTreeMap<String, TimeZone>,
}

impl Days {
    pub(super) fn read() -> Self {
        let days = |file: &str| {
            let text = builtin::file(&format!("ilms-asean/calendar/{file}")).unwrap();
            let rows = text.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
            rows.map(|row| (row[0].to_owned(), row[1].parse().unwrap())).collect()
        };
        let zones = [
            ("BRN", "Brunei"),
            ("KHM", "Phnom_Penh"),
            ("IDN", "Jakarta"),
            ("LAO", "Vientiane"),
            ("MYS", "Kuala_Lumpur"),
            ("MMR", "Yangon"),
            ("PHL", "Manila"),
            ("SGP", "Singapore"),
            ("THA", "Bangkok"),
            ("TLS", "Dili"),
            ("VNM", "Ho_Chi_Minh"),
        ];
        let zone =
            |(country, city): (&str, &str)| (country.to_owned(), TimeZone::get(&format!("Asia/{city}")).unwrap());
        Self { holidays: days("holidays.csv"), worked: days("working-days.csv"), zones: zones.map(zone).into() }
    }

    /// Why nobody of a country is at work at an instant.
    pub(super) fn off(&self, country: &str, at: Timestamp) -> Option<String> {
        let local = self.zones[country].to_datetime(at);
        let hour = (local.hour(), local.minute());
        let off = self.rests(country, local.date()) || !((8, 30)..(17, 0)).contains(&hour);
        off.then(|| format!("nobody works in {country} at {local}"))
    }

    /// Whether a day is off in a country.
    fn rests(&self, country: &str, date: Date) -> bool {
        let rest = if country == "BRN" { Weekday::Friday } else { Weekday::Saturday };
        let day = (country.to_owned(), date);
        let rests = date.weekday() == rest || date.weekday() == Weekday::Sunday || self.holidays.contains(&day);
        rests && !self.worked.contains(&day)
    }
}
