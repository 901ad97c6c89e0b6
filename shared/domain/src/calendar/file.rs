//! Calendars read from text: `countries.toml` (zones and working weeks, of places too), `holidays.csv` and `working-days.csv`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::change::NamedWeekday;
use super::{Calendar, Calendars, WorkingWeek};
use crate::workflow::{Bundle, Problem, parse_toml};
use crate::{Country, PlaceId};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CountriesFile {
    version: String,
    country: Vec<CountryEntry>,
    #[serde(default)]
    place: Vec<PlaceEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct CountryEntry {
    code: toml::Spanned<String>,
    name: String,
    zone: toml::Spanned<String>,
    week: Vec<WeekEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct PlaceEntry {
    code: toml::Spanned<String>,
    country: toml::Spanned<String>,
    name: String,
    zone: Option<toml::Spanned<String>>,
    week: Option<Vec<WeekEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WeekEntry {
    from: Option<Date>,
    rest: Vec<toml::Spanned<String>>,
}

#[derive(Deserialize)]
struct DayRow {
    ref_area: String,
    date: String,
    name: String,
    date_is_estimated: Option<String>,
}

const COUNTRIES: &str = "calendar/countries.toml";
const HOLIDAYS: &str = "calendar/holidays.csv";
const WORKING_DAYS: &str = "calendar/working-days.csv";

/// Places in the text of `countries.toml`.
struct Here<'t>(&'t str);

impl Here<'_> {
    fn at(&self, span: &std::ops::Range<usize>, message: String) -> Problem {
        Problem::at(COUNTRIES, self.0, span.start, message)
    }

    fn zone(&self, name: &toml::Spanned<String>) -> Result<TimeZone, Problem> {
        let zone = name.get_ref();
        TimeZone::get(zone).map_err(|_| {
            let known: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
            self.at(&name.span(), format!("`{zone}` is not a zone of the time-zone database"))
                .suggest(zone, known.iter().map(String::as_str))
        })
    }

    /// The working weeks of a country or place, whose code stands there.
    fn weeks(&self, of: &toml::Spanned<String>, entries: Vec<WeekEntry>) -> Result<Vec<WorkingWeek>, Problem> {
        let mut weeks: Vec<WorkingWeek> = Vec::new();
        for week in entries {
            let rest = week.rest.iter().map(|day| {
                day.get_ref()
                    .parse::<NamedWeekday>()
                    .map(|day| day.0)
                    .map_err(|e| self.at(&day.span(), e.to_string()).suggest(day.get_ref(), WEEKDAYS))
            });
            let rest: Vec<_> = rest.collect::<Result<_, _>>()?;
            if rest.iter().map(|day| day.to_monday_zero_offset()).collect::<BTreeSet<_>>().len() > 6 {
                let span = week.rest.first().map_or(0..0, toml::Spanned::span);
                return Err(self.at(&span, "a week has at least one day of work".to_owned()));
            }
            let days: BTreeSet<_> = rest.iter().map(|day| day.to_monday_zero_offset()).collect();
            let from = week.from.unwrap_or(Date::MIN);
            if days.len() < rest.len() || weeks.iter().any(|other| other.from == from) {
                let what = if days.len() < rest.len() { "a day of rest" } else { "a week of the same beginning" };
                let span = week.rest.first().map_or(of.span(), toml::Spanned::span);
                return Err(self.at(&span, format!("{what} stands twice")));
            }
            weeks.push(WorkingWeek { from, rest });
        }
        weeks.sort_by_key(|week| week.from);
        if weeks.first().is_none_or(|week| week.from != Date::MIN) {
            let message = format!("{} has no week to begin with: one without `from`", of.get_ref());
            return Err(self.at(&of.span(), message));
        }
        Ok(weeks)
    }
}

impl Calendars {
    /// The calendars of a workflow, which a round may be planned on.
    ///
    /// # Errors
    /// The first problem, with file, line and column.
    pub fn read(bundle: &Bundle) -> Result<Self, Problem> {
        Self::parse(bundle.text(COUNTRIES)?, bundle.text(HOLIDAYS)?, bundle.text(WORKING_DAYS).ok())
    }

    /// The calendars of a workflow that a round is pinned to already: what is asked of new ones alone is not asked of it.
    ///
    /// # Errors
    /// The first problem, with file, line and column.
    pub fn pinned(bundle: &Bundle) -> Result<Self, Problem> {
        // A workflow without working weekends has no file of them.
        Self::parsed(bundle.text(COUNTRIES)?, bundle.text(HOLIDAYS)?, bundle.text(WORKING_DAYS).ok())
    }

    /// The calendars that these texts describe: countries and places, days off, and days that are worked all the same.
    ///
    /// # Errors
    /// The first problem, with file, line and column.
    pub fn parse(countries: &str, holidays: &str, working_days: Option<&str>) -> Result<Self, Problem> {
        let calendars = Self::parsed(countries, holidays, working_days)?;
        years_are_whole(&days(HOLIDAYS, holidays, false)?)?;
        Ok(calendars)
    }

    fn parsed(countries: &str, holidays: &str, working_days: Option<&str>) -> Result<Self, Problem> {
        let file: CountriesFile = parse_toml(COUNTRIES, countries)?;
        let here = Here(countries);
        let mut calendars = Self::default();
        for entry in file.country {
            let country: Country = entry
                .code
                .get_ref()
                .parse()
                .map_err(|e: crate::InvalidId| here.at(&entry.code.span(), e.to_string()))?;
            let calendar = Calendar {
                country: country.clone(),
                name: entry.name,
                zone: here.zone(&entry.zone)?,
                zone_name: entry.zone.into_inner(),
                weeks: here.weeks(&entry.code, entry.week)?,
                holidays: BTreeMap::new(),
                working: BTreeMap::new(),
                covered: BTreeSet::new(),
                version: file.version.clone(),
                own: BTreeMap::new(),
            };
            if calendars.countries.insert(country, calendar).is_some() {
                return Err(here.at(&entry.code.span(), format!("{} stands twice", entry.code.get_ref())));
            }
        }
        let (of_places, of_countries) = (days(HOLIDAYS, holidays, true)?, days(HOLIDAYS, holidays, false)?);
        let worked = working_days.unwrap_or("ref_area,date,name\n");
        calendars.add(of_countries, Kind::Off)?;
        calendars.add(days(WORKING_DAYS, worked, false)?, Kind::Worked)?;
        for entry in file.place {
            calendars.add_place(&here, entry)?;
        }
        calendars.add(of_places, Kind::Off)?;
        calendars.add(days(WORKING_DAYS, worked, true)?, Kind::Worked)?;
        Ok(calendars)
    }

    /// What whoever writes these days may not have meant, each at its place: a day that is both off and worked, and one that is
    /// called worked and is worked anyhow.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn remarks(&self, bundle: &Bundle) -> Result<Vec<Problem>, Problem> {
        let Ok(worked) = bundle.text(WORKING_DAYS) else { return Ok(Vec::new()) };
        let mut off = BTreeMap::new();
        for of_places in [false, true] {
            for day in days(HOLIDAYS, bundle.text(HOLIDAYS)?, of_places)? {
                off.entry((day.area.clone(), day.date)).or_insert(day);
            }
        }
        let mut remarks = Vec::new();
        for of_places in [false, true] {
            for Day { line, area, date, name, .. } in days(WORKING_DAYS, worked, of_places)? {
                let told = match (off.get(&(area.clone(), date)), self.without(&area, date)) {
                    (Some(day), _) => format!(
                        "{date} of {area} counts as worked ({name}), and is a day off ({}) on line {} of {HOLIDAYS}: take one of them out",
                        day.name, day.line
                    ),
                    (None, Some(true)) => {
                        format!("{date} of {area} is a working day without this line ({name})")
                    }
                    _ => continue,
                };
                remarks.push(Problem::on_line(WORKING_DAYS, line, told));
            }
        }
        // A place begins with the worked days of its country, which a day off of its own does not undo.
        let own = days(WORKING_DAYS, worked, true)?;
        for day in off.values().filter(|day| day.area.contains('-')) {
            let Some(name) = self.named(&day.area).and_then(|calendar| calendar.working.get(&day.date)) else {
                continue;
            };
            if own.iter().any(|own| own.area == day.area && own.date == day.date) {
                continue;
            }
            let told =
                format!("{} of {} counts as worked all the same: its country works then ({name})", day.date, day.area);
            remarks.push(Problem::on_line(HOLIDAYS, day.line, told));
        }
        Ok(remarks)
    }

    /// The calendar of a country or place, by its code.
    fn named(&self, area: &str) -> Option<&Calendar> {
        match area.parse::<Country>() {
            Ok(country) => self.countries.get(&country),
            Err(_) => area.parse::<PlaceId>().ok().and_then(|place| self.places.get(&place)),
        }
    }

    /// Whether a day would be worked somewhere if it were not called a worked one; nothing where nobody knows.
    fn without(&self, area: &str, date: Date) -> Option<bool> {
        let mut calendar = self.named(area)?.clone();
        calendar.working.remove(&date);
        calendar.is_working(date).ok()
    }

    /// A place begins as its country, with what is said of it alone above that.
    fn add_place(&mut self, here: &Here<'_>, entry: PlaceEntry) -> Result<(), Problem> {
        let place: PlaceId =
            entry.code.get_ref().parse().map_err(|e: crate::InvalidId| here.at(&entry.code.span(), e.to_string()))?;
        let of = entry.country.get_ref();
        let mut calendar = self.countries.iter().find(|(country, _)| country.as_str() == of).map(|(_, c)| c.clone());
        let Some(mut calendar) = calendar.take() else {
            let known = self.countries.keys().map(Country::as_str);
            return Err(here.at(&entry.country.span(), format!("{of} has no entry here")).suggest(of, known));
        };
        calendar.name = entry.name;
        if let Some(zone) = entry.zone {
            calendar.zone = here.zone(&zone)?;
            calendar.zone_name = zone.into_inner();
        }
        if let Some(week) = entry.week {
            calendar.weeks = here.weeks(&entry.code, week)?;
        }
        if self.places.insert(place, calendar).is_some() {
            return Err(here.at(&entry.code.span(), format!("{} stands twice", entry.code.get_ref())));
        }
        Ok(())
    }

    fn add(&mut self, days: Vec<Day>, kind: Kind) -> Result<(), Problem> {
        for Day { file, line, area, date, name, estimated } in days {
            let calendar = match area.parse::<Country>() {
                Ok(country) => self.countries.get_mut(&country),
                Err(_) => area.parse::<PlaceId>().ok().and_then(|place| self.places.get_mut(&place)),
            };
            let missing = || Problem::on_line(file, line, format!("{area} has days but no entry in {COUNTRIES}"));
            let calendar = calendar.ok_or_else(missing)?;
            match kind {
                Kind::Off => {
                    calendar.covered.insert(date.year());
                    calendar.holidays.entry(date).or_insert((name, estimated));
                }
                Kind::Worked => {
                    calendar.working.insert(date, name);
                }
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Off,
    Worked,
}

/// A row of a file of days.
struct Day {
    file: &'static str,
    line: usize,
    area: String,
    date: Date,
    name: String,
    estimated: bool,
}

/// The days of countries in a file, or those of places in them.
fn days(file: &'static str, text: &str, of_places: bool) -> Result<Vec<Day>, Problem> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let mut days = Vec::new();
    for (index, row) in reader.deserialize::<DayRow>().enumerate() {
        let line = index + 2;
        let problem = |message: String| Problem::on_line(file, line, message);
        let row = row.map_err(|e| problem(e.to_string()))?;
        let is_place = row.ref_area.contains('-');
        let known = if is_place {
            row.ref_area.parse::<PlaceId>().map(|_| ())
        } else {
            row.ref_area.parse::<Country>().map(|_| ())
        };
        known.map_err(|e| problem(e.to_string()))?;
        if !row.name.chars().any(char::is_alphanumeric) {
            return Err(problem(format!("the day {} of {} has no name", row.date, row.ref_area)));
        }
        let date = row.date.parse().map_err(|_| problem(format!("`{}` is not a date", row.date)))?;
        let estimated = match row.date_is_estimated.as_deref() {
            Some("Y") => true,
            Some("N") | None => false,
            Some(other) => return Err(problem(format!("`{other}` is neither Y nor N"))),
        };
        if is_place == of_places {
            days.push(Day { file, line, area: row.ref_area, date, name: row.name, estimated });
        }
    }
    Ok(days)
}

/// Whether no year of a country has but a few of the days off that its other years have: a date in it would be reckoned as if the
/// rest were worked.
fn years_are_whole(days: &[Day]) -> Result<(), Problem> {
    let mut years: BTreeMap<(&str, i16), (usize, usize)> = BTreeMap::new();
    for day in days {
        let (count, _) = years.entry((&day.area, day.date.year())).or_insert((0, day.line));
        *count += 1;
    }
    for ((area, year), (count, line)) in &years {
        let most = years.range((*area, i16::MIN)..=(*area, i16::MAX)).map(|(_, (count, _))| *count).max().unwrap_or(0);
        if count * 2 < most {
            let message = format!(
                "{area} has {count} of its days off in {year} and {most} in another year: give the year whole, or not at all"
            );
            return Err(Problem::on_line(HOLIDAYS, *line, message));
        }
    }
    Ok(())
}

const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_that_is_off_and_worked_or_worked_anyhow_is_named_with_its_lines() {
        let week = "[[country.week]]\nrest = [\"Saturday\", \"Sunday\"]\n";
        let countries = format!(
            "version = \"test\"\n[[country]]\ncode = \"THA\"\nname = \"Thailand\"\nzone = \"Asia/Bangkok\"\n{week}[[place]]\ncode = \"TH-50\"\ncountry = \"THA\"\nname = \"Chiang Mai\"\n"
        );
        let holidays =
            "ref_area,date,name\nTHA,2026-12-10,Constitution Day\nTHA,2026-10-31,A fair\nTH-50,2026-11-07,A feast\n";
        let worked = "ref_area,date,name\nTHA,2026-10-31,Working Saturday\nTHA,2026-11-07,Another\nTHA,2026-10-28,A Wednesday\nTH-50,2026-12-10,No holiday here\n";
        let files = [(COUNTRIES, countries.as_str()), (HOLIDAYS, holidays), (WORKING_DAYS, worked)];
        let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let bundle = Bundle::new(files.into_iter().collect()).unwrap();
        let told: Vec<String> =
            Calendars::read(&bundle).unwrap().remarks(&bundle).unwrap().iter().map(ToString::to_string).collect();
        for (place, says) in [
            (
                "working-days.csv:2:",
                "2026-10-31 of THA counts as worked (Working Saturday), and is a day off (A fair) on line 3",
            ),
            ("working-days.csv:4:", "2026-10-28 of THA is a working day without this line"),
            ("holidays.csv:4:", "2026-11-07 of TH-50 counts as worked all the same: its country works then (Another)"),
        ] {
            assert!(told.iter().any(|told| told.contains(place) && told.contains(says)), "{place} {says}: {told:#?}");
        }
        assert_eq!(told.len(), 3, "a place may work on a holiday of its country: {told:#?}");
    }
}
