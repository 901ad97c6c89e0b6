//! Words for people: moments, countries, tables.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rondo_domain::calendar::Moment;
use rondo_domain::figure::{CellKey, Sex};
use rondo_domain::table::Layout;
use rondo_domain::{Code, Country};

use crate::projection::Texts;

/// An instant, as UTC: `5 Nov 2025, 03:12 UTC`.
pub(crate) fn instant(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%-d %b %Y, %H:%M UTC").to_string()
}

/// An instant as the clocks of a country show it, or those of the round's home: `Wed 5 Nov 2025, 10:12 (Asia/Vientiane)`.
pub(super) fn local(texts: &Texts, country: Option<&Country>, at: Timestamp) -> String {
    let home = texts.definition.as_ref().map(|definition| &definition.home);
    match country.or(home).and_then(|place| texts.calendars.get(place)) {
        Some(calendar) => {
            let local = calendar.zone.to_datetime(at).strftime("%a %-d %b %Y, %H:%M");
            format!("{local} ({})", calendar.zone_name)
        }
        None => instant(at),
    }
}

/// A moment with its place: `Fri 31 Oct 2025, 23:59 (Asia/Vientiane)`.
pub(crate) fn moment(moment: &Moment) -> String {
    format!("{} ({})", moment.local.strftime("%a %-d %b %Y, %H:%M"), moment.reckoned.zone)
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

/// Whom a figure counts.
pub(super) fn sex(sex: Sex) -> &'static str {
    match sex {
        Sex::Total => "both sexes",
        Sex::Male => "men",
        Sex::Female => "women",
    }
}

/// The labels of a figure's categories, one for each classification of its indicator.
pub(super) fn categories(texts: &Texts, layout: &Layout, key: &CellKey) -> impl Iterator<Item = String> {
    let label = |dimension: u8, code: &Option<Code>| {
        let classification = texts.questionnaire.classification(&layout.indicator, dimension)?;
        let item = code.as_ref().and_then(|code| classification.item(code));
        Some(item.map(|item| item.label.clone()).unwrap_or_default())
    };
    [label(1, &key.classif1), label(2, &key.classif2)].into_iter().flatten()
}
