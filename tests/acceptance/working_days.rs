//! The calendar of 2025 of all eleven countries, and of the states of Malaysia that rest otherwise, held day by day against the
//! files it is read from, which are read here by other means.

use std::collections::BTreeMap;

use jiff::civil::{Date, Weekday, date};
use rondo_domain::calendar::{Calendar, Calendars, DayOff};

/// The rows of a file of days: by area and day, the name and whether it is estimated.
fn rows(file: &str) -> BTreeMap<(String, Date), (String, bool)> {
    let text = std::fs::read_to_string(rondo_tests::root().join("workflows/ilms-asean/calendar").join(file)).unwrap();
    let mut rows = BTreeMap::new();
    for line in text.lines().skip(1) {
        let (area, rest) = line.split_once(',').unwrap();
        let (day, rest) = rest.split_once(',').unwrap();
        let (name, mark) = rest.rsplit_once(',').filter(|(_, mark)| ["Y", "N"].contains(mark)).unwrap_or((rest, "N"));
        let name = name.trim_matches('"').replace("\"\"", "\"");
        rows.entry((area.to_owned(), day.parse().unwrap())).or_insert((name, mark == "Y"));
    }
    rows
}

/// The days of rest, as DOMAIN has them: Friday and Sunday in Brunei, Friday and Saturday in three states of Malaysia, and in
/// Johor until the end of 2024; Saturday and Sunday elsewhere.
fn rest(area: &str, day: Date) -> [Weekday; 2] {
    match area {
        "BRN" => [Weekday::Friday, Weekday::Sunday],
        "MY-02" | "MY-03" | "MY-11" => [Weekday::Friday, Weekday::Saturday],
        "MY-01" if day < date(2025, 1, 1) => [Weekday::Friday, Weekday::Saturday],
        _ => [Weekday::Saturday, Weekday::Sunday],
    }
}

#[test]
fn every_day_of_2025_is_worked_or_off_as_the_files_have_it() {
    let calendars = Calendars::read(&rondo_tests::bundle("ilms-asean")).unwrap();
    let (holidays, working) = (rows("holidays.csv"), rows("working-days.csv"));
    let mut areas: Vec<(String, &Calendar)> =
        calendars.countries.iter().map(|(country, calendar)| (country.to_string(), calendar)).collect();
    assert_eq!(areas.len(), 12);
    areas.extend(calendars.places.iter().map(|(place, calendar)| (place.to_string(), calendar)));
    assert_eq!(areas.len(), 17);
    let (mut compared, mut off) = (0, 0);
    for (area, calendar) in areas {
        let mut day = date(2025, 1, 1);
        while day.year() == 2025 {
            let of = |rows: &BTreeMap<(String, Date), (String, bool)>| {
                let own = rows.get(&(area.clone(), day));
                own.or_else(|| rows.get(&(calendar.country.to_string(), day))).cloned()
            };
            let expected = if of(&working).is_some() {
                None
            } else if let Some((name, estimated)) = of(&holidays) {
                Some(DayOff::Holiday { name, estimated })
            } else {
                let rests = rest(&area, day).contains(&day.weekday());
                rests.then(|| DayOff::Rest(day.weekday()))
            };
            assert_eq!(calendar.day_off(day).unwrap(), expected, "{area} on {day}");
            compared += 1;
            off += i32::from(expected.is_some());
            day = day.tomorrow().unwrap();
        }
    }
    println!("{compared} days compared, {off} of them off");
    assert_eq!(compared, 17 * 365);
}

#[test]
fn known_days_are_as_people_know_them() {
    let calendars = Calendars::read(&rondo_tests::bundle("ilms-asean")).unwrap();
    let works = |area: &str, day: Date| {
        let calendar = match area.parse() {
            Ok(country) => calendars.of(&country).unwrap(),
            Err(_) => &calendars.places[&area.parse().unwrap()],
        };
        calendar.is_working(day).unwrap()
    };
    // Brunei works on Saturdays; Viet Nam worked Saturday 26 April 2025 for Friday 2 May; Johor changed its week in 2025.
    assert!(works("BRN", date(2025, 10, 18)) && !works("BRN", date(2025, 10, 17)));
    assert!(works("VNM", date(2025, 4, 26)) && !works("VNM", date(2025, 5, 2)));
    assert!(!works("MY-01", date(2024, 11, 1)) && works("MY-01", date(2024, 11, 3)));
    assert!(works("MY-01", date(2025, 11, 7)) && !works("MY-01", date(2025, 11, 9)));
    assert!(!works("MY-03", date(2025, 11, 7)) && works("MY-03", date(2025, 11, 9)));
    // Offices of the government rest on joint leave days in Indonesia, at the Royal Ploughing Ceremony in Thailand, and when the
    // government of Timor-Leste gives a day.
    assert!(!works("IDN", date(2025, 12, 26)) && !works("IDN", date(2026, 3, 20)) && !works("IDN", date(2027, 12, 24)));
    assert!(!works("THA", date(2026, 5, 13)));
    assert!(!works("TLS", date(2024, 12, 24)) && !works("TLS", date(2025, 1, 2)) && works("TLS", date(2025, 1, 3)));
    // A place keeps the holidays of its country.
    assert!(!works("MY-03", date(2025, 9, 16)), "Malaysia Day");
}
