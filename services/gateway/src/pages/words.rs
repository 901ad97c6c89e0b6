//! Words for people: moments, countries, tables.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rondo_domain::Country;
use rondo_domain::calendar::Moment;

use crate::projection::Texts;

/// An instant, as UTC: `5 Nov 2025, 03:12 UTC`.
pub(crate) fn instant(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%-d %b %Y, %H:%M UTC").to_string()
}

/// A moment with its place: `Fri 31 Oct 2025, 23:59 (Asia/Vientiane)`.
pub(crate) fn moment(moment: &Moment) -> String {
    format!("{} ({})", moment.local.strftime("%a %-d %b %Y, %H:%M"), moment.zone)
}

/// A country's name, or its code while the name is not known.
pub(crate) fn country(texts: &Texts, country: &Country) -> String {
    texts.calendars.get(country).map_or_else(|| country.to_string(), |calendar| calendar.name.clone())
}

/// A name at the beginning of a line.
pub(crate) fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// `1 table`, `2 tables`.
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
