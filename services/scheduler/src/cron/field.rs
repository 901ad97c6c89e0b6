//! Which field of a schedule cannot be read, and what is wrong in it, in words.

use std::str::FromStr;

/// A field: its place, its name, and what may stand in it.
struct Field {
    at: usize,
    name: &'static str,
    least: u32,
    most: u32,
    /// The names of its values, from the least one on; none where they are numbers alone.
    names: &'static [&'static str],
    /// What it goes through, where a range may not go past the end of it.
    whole: &'static str,
}

const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// The fields in their order, as the cron crate takes them.
const FIELDS: [Field; 5] = [
    Field { at: 0, name: "minute", least: 0, most: 59, names: &[], whole: "hour" },
    Field { at: 1, name: "hour", least: 0, most: 23, names: &[], whole: "day" },
    Field { at: 2, name: "day of the month", least: 1, most: 31, names: &[], whole: "month" },
    Field { at: 3, name: "month", least: 1, most: 12, names: &MONTHS, whole: "year" },
    Field { at: 4, name: "day of the week", least: 1, most: 7, names: &DAYS, whole: "week" },
];

/// What is wrong in the first of five fields that cannot be read beside others that can; nothing where each can.
pub(super) fn wrong(fields: [&str; 5]) -> Option<String> {
    FIELDS.iter().find_map(|field| {
        let mut alone = ["*"; 5];
        alone[field.at] = fields[field.at];
        cron::Schedule::from_str(&format!("0 {}", alone.join(" "))).is_err().then(|| field.why(fields[field.at]))
    })
}

impl Field {
    fn why(&self, text: &str) -> String {
        let why = text.split(',').find_map(|item| self.item(item));
        let why = why.unwrap_or_else(|| format!("it is none of {}, nor a list or a range of those", self.values()));
        format!("the {} `{text}`: {why}", self.name)
    }

    /// What is wrong in one of the items between commas.
    fn item(&self, item: &str) -> Option<String> {
        if item.is_empty() {
            return Some("a comma has nothing on one side of it".to_owned());
        }
        let (range, step) = item.split_once('/').map_or((item, None), |(range, step)| (range, Some(step)));
        self.range(range).or_else(|| self.step(step?))
    }

    fn range(&self, range: &str) -> Option<String> {
        if matches!(range, "*" | "?") {
            return None;
        }
        let (from, to) = range.split_once('-').map_or((range, range), |ends| ends);
        let none = |text: &str| format!("`{text}` is none of {}", self.values());
        if from.is_empty() || to.is_empty() {
            return Some(none(range));
        }
        let (Some(first), Some(last)) = (self.value(from), self.value(to)) else {
            return Some(none(if self.value(from).is_none() { from } else { to }));
        };
        if first <= last {
            return None;
        }
        if self.names.is_empty() || from.bytes().all(|b| b.is_ascii_digit()) {
            return Some(format!(
                "a range goes from the smaller to the larger and may not pass the end of the {}",
                self.whole
            ));
        }
        let names = self.names.iter().cycle().skip((first - self.least) as usize);
        let through = (self.most - first + 1 + last - self.least + 1) as usize;
        let written = names.take(through).copied().collect::<Vec<_>>().join(",");
        let end = self.names.last().copied().unwrap_or_default();
        Some(format!(
            "a range may not pass the end of the {}, which is {end} here; write {}",
            self.whole,
            if through == self.names.len() { "*" } else { &written }
        ))
    }

    fn step(&self, step: &str) -> Option<String> {
        match step.parse::<u32>() {
            Ok(0) => Some("a step is at least 1".to_owned()),
            Ok(number) if number > self.most => {
                Some(format!("a step of {number} is larger than the {} ever is", self.name))
            }
            Ok(_) if step.bytes().all(|b| b.is_ascii_digit()) => None,
            _ => Some(format!("`{step}` is no step; a step is a whole number")),
        }
    }

    /// What a text stands for; names may be written out, and in small letters.
    fn value(&self, text: &str) -> Option<u32> {
        if text.bytes().all(|b| b.is_ascii_digit()) {
            return text.parse().ok().filter(|number| (self.least..=self.most).contains(number));
        }
        let high = text.to_ascii_uppercase();
        let place = self.names.iter().position(|name| high.starts_with(name))?;
        u32::try_from(place).ok().map(|place| self.least + place)
    }

    fn values(&self) -> String {
        match self.names {
            [first, .., last] if self.whole == "week" => format!("{first} to {last}"),
            [first, .., last] => format!("{} to {}, or {first} to {last}", self.least, self.most),
            _ => format!("{} to {}", self.least, self.most),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_is_named_and_what_is_wrong_in_it() {
        for (text, told) in [
            ("60 10 1 2 *", "the minute `60`: `60` is none of 0 to 59"),
            ("-5 10 1 2 *", "the minute `-5`: `-5` is none of 0 to 59"),
            ("H 10 1 2 *", "the minute `H`: `H` is none of 0 to 59"),
            ("٠ 10 1 2 *", "the minute `٠`: `٠` is none of 0 to 59"),
            ("*/0 10 1 2 *", "the minute `*/0`: a step is at least 1"),
            ("0/0 10 1 2 *", "the minute `0/0`: a step is at least 1"),
            ("0 24 1 2 *", "the hour `24`: `24` is none of 0 to 23"),
            ("0 */40 1 2 *", "the hour `*/40`: a step of 40 is larger than the hour ever is"),
            ("0 10 10-5 2 *", "the day of the month `10-5`: a range goes from the smaller to the larger"),
            ("0 10 1, 2 *", "the day of the month `1,`: a comma has nothing on one side of it"),
            ("0 10 +1 2 *", "the day of the month `+1`: `+1` is none of 1 to 31"),
            ("0 10 99999999999999999999 2 *", "is none of 1 to 31"),
            ("0 10 1 13 *", "the month `13`: `13` is none of 1 to 12, or JAN to DEC"),
            ("0 10 1 NOV-FEB *", "may not pass the end of the year, which is DEC here; write NOV,DEC,JAN,FEB"),
            ("0 10 1 2 FRI-SUN", "may not pass the end of the week, which is SAT here; write FRI,SAT,SUN"),
            ("0 10 1 2 sat-mon", "write SAT,SUN,MON"),
            ("0 10 1 2 MON-SUN", "write *"),
            ("0 10 1 2 FUN", "the day of the week `FUN`: `FUN` is none of SUN to SAT"),
        ] {
            let fields: Vec<&str> = text.split_whitespace().collect();
            let found = wrong(fields.try_into().unwrap());
            assert!(found.as_ref().is_some_and(|found| found.contains(told)), "{text}: {found:?}");
        }
        for right in ["0 9 15-21 9 MON", "0,30 9 * * MON-FRI", "*/15 8-17 1 JAN-MAR ?", "0 9 * * Monday"] {
            let fields: Vec<&str> = right.split_whitespace().collect();
            assert_eq!(wrong(fields.try_into().unwrap()), None, "{right}");
        }
    }
}
