//! The deadline as an entry for people's calendars (RFC 5545): its UID stays, its SEQUENCE rises, so that an extension moves it.

use icalendar::{Calendar, Component, Event, EventLike};

use crate::facts::Facts;

/// The entry of a country's deadline, where there is one. It lasts the whole day in the country; its end, which is not part of
/// it, is the day after (RFC 5545, section 3.6.1).
pub(crate) fn deadline(facts: &Facts, domain: &str) -> Option<String> {
    let (moment, moves) = facts.due.as_ref()?;
    let country = facts.place.as_ref()?;
    let day = moment.local.date();
    let (starts, ends) = (naive(day)?, naive(day.tomorrow().ok()?)?);
    let uid = format!("deadline.{}.{country}@{domain}", facts.id);
    let stamp = chrono::DateTime::from_timestamp(facts.now.as_second(), 0)?;
    let entry = Event::new()
        .uid(&uid)
        .timestamp(stamp)
        .sequence(*moves)
        .summary(&format!("{} · {country} · tables are due", facts.round))
        .description(&format!("End of the day in {}. {}", moment.reckoned.zone, facts.link))
        .url(&facts.link)
        .starts(starts)
        .ends(ends)
        .done();
    let mut calendar = Calendar::new();
    calendar.append_property(("METHOD", "PUBLISH"));
    calendar.push(entry);
    Some(calendar.done().to_string())
}

fn naive(day: jiff::civil::Date) -> Option<chrono::NaiveDate> {
    let (month, day_of_month) = (u32::try_from(day.month()).ok()?, u32::try_from(day.day()).ok()?);
    chrono::NaiveDate::from_ymd_opt(i32::from(day.year()), month, day_of_month)
}
