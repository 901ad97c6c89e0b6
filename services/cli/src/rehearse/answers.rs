//! How countries answer in a rehearsal: when, counted from their own deadline, or never.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

use rondo_domain::Country;
use rondo_domain::calendar::{Offset, Unit};
use rondo_domain::workflow::{Problem, parse_toml};
use serde::Deserialize;

use crate::failure::Failure;

/// When a country's file comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// So long before or after its deadline, and what it is like.
    At(Offset, Quality),
    Never,
}

/// What the rules say of a country's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Quality {
    #[default]
    Good,
    /// Something in it does not add up, about which the country is asked.
    WithFindings,
    /// It cannot be taken, and another one comes in its place.
    RefusedFirst,
}

impl FromStr for Answer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "never" {
            return Ok(Self::Never);
        }
        let wrong = || {
            format!(
                "`{text}` is no answer: give `never`, or an offset such as `-3 working days`, perhaps followed by `, with findings` or `, refused first`"
            )
        };
        let (offset, quality) = text.split_once(',').unwrap_or((text, ""));
        let quality = match quality.trim() {
            "" if !text.contains(',') => Quality::Good,
            "with findings" => Quality::WithFindings,
            "refused first" => Quality::RefusedFirst,
            _ => return Err(wrong()),
        };
        offset.trim().parse().map(|offset| Self::At(offset, quality)).map_err(|_| wrong())
    }
}

/// The behaviour of every country.
#[derive(Debug, Clone)]
pub(super) struct Answers {
    usual: Option<Answer>,
    country: BTreeMap<Country, Answer>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    usual: Option<toml::Spanned<String>>,
    #[serde(default)]
    country: BTreeMap<Country, toml::Spanned<String>>,
}

/// The most bytes of a file of answers that are read.
const MAX_FILE: u64 = 256 * 1024;

/// What a country does of which nothing is said.
const IN_TIME: Answer = Answer::At(Offset { count: -3, unit: Unit::WorkingDays }, Quality::Good);

impl Answers {
    /// The behaviour that a file gives; without one everybody answers three working days before the deadline.
    pub(super) fn read(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else { return Ok(Self::parse("answers", "")?) };
        let failed = |e: std::io::Error| Failure::usage(format!("cannot read {}: {e}", path.display()));
        let mut text = String::new();
        let file = std::fs::File::open(path).map_err(failed)?;
        file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(failed)?;
        if text.len() as u64 > MAX_FILE {
            return Err(Failure::usage(format!("{} has more than the {MAX_FILE} bytes that are read", path.display())));
        }
        Ok(Self::parse(&path.display().to_string(), &text)?)
    }

    fn parse(name: &str, text: &str) -> Result<Self, Problem> {
        let file: File = parse_toml(name, text)?;
        let answer = |spanned: &toml::Spanned<String>| {
            spanned.get_ref().parse().map_err(|why: String| Problem::at(name, text, spanned.span().start, why))
        };
        let country = file.country.iter().map(|(country, told)| Ok((country.clone(), answer(told)?)));
        let usual = file.usual.as_ref().map(answer).transpose()?;
        Ok(Self { usual, country: country.collect::<Result<_, Problem>>()? })
    }

    /// Whether it is said what countries do of which nothing else is.
    pub(super) fn has_usual(&self) -> bool {
        self.usual.is_some()
    }

    /// Draws an answer for every country that has none of its own: one in eight never answers, the others at any time from four
    /// working weeks before their deadline to six after it, most about the day itself; of one file in six something does not add up, and
    /// one in twelve is refused at first.
    pub(super) fn draw<'c>(&mut self, countries: impl Iterator<Item = &'c Country>, chance: &mut fastrand::Rng) {
        for country in countries.filter(|country| !self.country.contains_key(*country)).collect::<Vec<_>>() {
            let never = chance.u8(0..8) == 0;
            let count = chance.i32(-10..=15) + chance.i32(-10..=15);
            let quality = match chance.u8(0..12) {
                0 | 1 => Quality::WithFindings,
                2 => Quality::RefusedFirst,
                _ => Quality::Good,
            };
            let answer = Answer::At(Offset { count, unit: Unit::WorkingDays }, quality);
            self.country.insert(country.clone(), if never { Answer::Never } else { answer });
        }
    }

    /// Countries that are named and do not take part.
    pub(super) fn strangers(&self, takes_part: impl Fn(&Country) -> bool) -> Vec<&Country> {
        self.country.keys().filter(|country| !takes_part(country)).collect()
    }

    /// What a country's file is like.
    pub(super) fn quality(&self, country: &Country) -> Quality {
        match self.of(country) {
            Answer::At(_, quality) => quality,
            Answer::Never => Quality::Good,
        }
    }

    pub(super) fn of(&self, country: &Country) -> Answer {
        self.country.get(country).copied().or(self.usual).unwrap_or(IN_TIME)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_names_who_answers_when_and_a_mistake_its_place() {
        let answers = Answers::parse("a.toml", "usual = \"+2 working days\"\n[country]\nMMR = \"never\"\n").unwrap();
        assert_eq!(answers.of(&"MMR".parse().unwrap()), Answer::Never);
        assert_eq!(answers.of(&"LAO".parse().unwrap()), "+2 working days".parse().unwrap());
        let offset: Offset = "-1 working day".parse().unwrap();
        assert_eq!("-1 working day, refused first".parse(), Ok(Answer::At(offset, Quality::RefusedFirst)));
        for wrong in ["-1 working day,", "-1 working day, with", "never, with findings", ""] {
            assert!(wrong.parse::<Answer>().is_err(), "{wrong}");
        }
        assert_eq!(Answers::parse("a.toml", "").unwrap().of(&"LAO".parse().unwrap()), IN_TIME);
        let wrong = Answers::parse("a.toml", "[country]\nMMR = \"later\"\n").unwrap_err().to_string();
        assert!(wrong.contains("a.toml") && wrong.contains('2') && wrong.contains("`later` is no answer"), "{wrong}");
        assert!(Answers::parse("a.toml", "usally = \"never\"").is_err());
    }
}
