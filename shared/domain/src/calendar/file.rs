//! Calendars read from text: `countries.toml` (zones and working weeks) and `holidays.csv`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::{Calendar, WorkingWeek};
use crate::Country;
use crate::workflow::{Problem, parse_toml};

/// What is wrong in a calendar file, and where.
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub struct CalendarFileError(#[from] pub Problem);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CountriesFile {
    version: String,
    country: Vec<CountryEntry>,
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
#[serde(deny_unknown_fields)]
struct WeekEntry {
    from: Option<Date>,
    rest: Vec<toml::Spanned<String>>,
}

#[derive(Deserialize)]
struct HolidayRow {
    ref_area: String,
    date: String,
    name: String,
    date_is_estimated: String,
}

const COUNTRIES: &str = "calendar/countries.toml";
const HOLIDAYS: &str = "calendar/holidays.csv";

/// The calendars of a workflow, by country, from the texts of its two calendar files.
///
/// # Errors
/// The first problem, with file, line and column.
pub fn read_calendars(countries: &str, holidays: &str) -> Result<BTreeMap<Country, Calendar>, CalendarFileError> {
    let file: CountriesFile = parse_toml(COUNTRIES, countries)?;
    let mut calendars = BTreeMap::new();
    for entry in file.country {
        let at =
            |span: &std::ops::Range<usize>, message: String| Problem::at(COUNTRIES, countries, span.start, message);
        let country: Country =
            entry.code.get_ref().parse().map_err(|e: crate::InvalidId| at(&entry.code.span(), e.to_string()))?;
        let zone = TimeZone::get(entry.zone.get_ref()).map_err(|_| {
            let zone = entry.zone.get_ref();
            let known: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
            at(&entry.zone.span(), format!("`{zone}` is not a zone of the time-zone database"))
                .suggest(zone, known.iter().map(String::as_str))
        })?;
        let mut weeks = Vec::new();
        for week in entry.week {
            let rest = week.rest.iter().map(|day| {
                weekday(day.get_ref()).ok_or_else(|| {
                    at(&day.span(), format!("`{}` is not a day of the week", day.get_ref()))
                        .suggest(day.get_ref(), WEEKDAYS)
                })
            });
            weeks.push(WorkingWeek { from: week.from.unwrap_or(Date::MIN), rest: rest.collect::<Result<_, _>>()? });
        }
        weeks.sort_by_key(|week| week.from);
        calendars.insert(
            country.clone(),
            Calendar {
                country,
                name: entry.name,
                zone,
                zone_name: entry.zone.into_inner(),
                weeks,
                holidays: BTreeMap::new(),
                covered: BTreeSet::new(),
                version: file.version.clone(),
            },
        );
    }
    add_holidays(&mut calendars, holidays)?;
    Ok(calendars)
}

fn add_holidays(calendars: &mut BTreeMap<Country, Calendar>, text: &str) -> Result<(), Problem> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    for (index, row) in reader.deserialize::<HolidayRow>().enumerate() {
        let line = index + 2;
        let problem = |message: String| Problem::on_line(HOLIDAYS, line, message);
        let row = row.map_err(|e| problem(e.to_string()))?;
        let country: Country = row.ref_area.parse().map_err(|e: crate::InvalidId| problem(e.to_string()))?;
        let date: Date = row.date.parse().map_err(|_| problem(format!("`{}` is not a date", row.date)))?;
        let estimated = match row.date_is_estimated.as_str() {
            "Y" => true,
            "N" => false,
            other => return Err(problem(format!("`{other}` is neither Y nor N"))),
        };
        let calendar = calendars
            .get_mut(&country)
            .ok_or_else(|| problem(format!("{country} has holidays but no entry in {COUNTRIES}")))?;
        calendar.covered.insert(date.year());
        calendar.holidays.entry(date).or_insert((row.name, estimated));
    }
    Ok(())
}

const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

fn weekday(text: &str) -> Option<Weekday> {
    Some(match text {
        "Monday" => Weekday::Monday,
        "Tuesday" => Weekday::Tuesday,
        "Wednesday" => Weekday::Wednesday,
        "Thursday" => Weekday::Thursday,
        "Friday" => Weekday::Friday,
        "Saturday" => Weekday::Saturday,
        "Sunday" => Weekday::Sunday,
        _ => return None,
    })
}
