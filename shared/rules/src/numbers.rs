//! Numbers as countries write them. Which mark is the decimal one is seen over a whole file; where that is not certain it is
//! asked, never guessed. What a spreadsheet's arithmetic leaves behind is cut here, once.

use std::borrow::Cow;

use rondo_domain::figure::{RawRow, Separator};
use rust_decimal::{Decimal, RoundingStrategy};

/// The most digits before the decimal mark; thousands of persons need far fewer.
const MAX_WHOLE: usize = 15;
/// The most digits at all.
const MAX_DIGITS: usize = 28;
/// What a double holds for certain, and what a spreadsheet shows of it.
const SIGNIFICANT: usize = 15;
/// The most decimals a figure has.
const DECIMALS: u32 = 6;
/// What stands for a figure in published tables and does not say why there is none.
const MARKERS: [&str; 18] =
    ["na", "n/a", "n.a.", "n.a", "..", "...", "…", "-", "--", "–", "—", ":", "x", "nan", "#n/a", "#na", "null", "none"];
/// Why a number is none that has a mark between its thousands.
const GROUPED: &str = "has a mark that groups thousands; write nothing between them";
/// The zeroes of the scripts of the region whose digits are read: Thai, Lao, Burmese, Khmer.
const ZEROES: [char; 4] = ['\u{0e50}', '\u{0ed0}', '\u{1040}', '\u{17e0}'];
/// The Burmese letter wa, which looks like the digit zero.
const WA: char = '\u{101d}';

/// How a file writes its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    /// The decimal mark; nothing where a mark may be the decimal one or group thousands.
    mark: Option<char>,
    separator: Separator,
    /// Whether points stand in figures, and whether commas do.
    points: bool,
    commas: bool,
}

/// A number that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number {
    /// Its value.
    pub value: Decimal,
    /// Whether digits that no figure has were cut off.
    pub cut: bool,
}

/// Why a text is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoNumber {
    /// A mark in it may be the decimal one or group thousands; that is asked about the whole file.
    Asked,
    /// It stands for a figure that is not there, and does not say why.
    Marker,
    /// It is none, for this reason.
    Why(&'static str),
}

impl Numbers {
    /// How these rows of a file write their numbers, told from the marks in all of them and from what separates its columns.
    pub fn of(rows: &[RawRow], separator: Separator) -> Self {
        let texts: Vec<Cow<'_, str>> =
            rows.iter().filter(|row| !is_marker(&row.obs_value)).filter_map(|row| ascii(&row.obs_value).ok()).collect();
        let with = |mark: char| texts.iter().filter(move |text| text.contains(mark));
        let certain = |mark: char| {
            let mut shown = with(mark).filter_map(|text| is_decimal(text, mark)).peekable();
            shown.peek().is_some() && shown.all(|decimal| decimal)
        };
        let shown = |mark: char| with(mark).any(|text| is_decimal(text, mark).is_some());
        let (points, commas) = (with('.').next().is_some(), with(',').next().is_some());
        let mark = match (points, commas, separator) {
            (_, false, Separator::Comma) | (false, false, _) => Some('.'),
            // A program that separates by semicolons mostly does it because its decimal mark is the comma; but countries that group
            // thousands by it do so as well, and where no figure shows which, it is not told from that.
            (false, true, Separator::Semicolon) if shown(',') => Some(','),
            (false, true, Separator::Tab | Separator::Bar) if certain(',') => Some(','),
            (true, false, _) if certain('.') => Some('.'),
            _ => None,
        };
        Self { mark, separator, points, commas }
    }

    /// What is asked about a file whose marks are not certain.
    pub fn question(self) -> &'static str {
        match self.separator {
            Separator::Comma => {
                "a comma may be a decimal mark or a thousands separator. Write a point as the decimal mark, and nothing between thousands"
            }
            _ if self.points && self.commas => {
                "points and commas both stand in figures, and which of them is the decimal mark is not certain. Write nothing between thousands, and one decimal mark in all figures: a comma, or, with the columns separated by commas, a point"
            }
            Separator::Semicolon if self.commas => {
                "a comma before three digits may be the decimal mark or group thousands, and each figure would then be a thousand times as large. Write nothing between thousands; where the comma is the decimal mark, write at least one figure with another number of decimals, as in 842,5; or separate the columns by commas and write a point as the decimal mark"
            }
            Separator::Semicolon => {
                "a point before three digits may be the decimal mark or group thousands, and each figure would then be a thousand times as large. Separate the columns by commas, and a point is the decimal mark; or write the decimal mark as a comma, with another number of decimals than three in at least one figure, and nothing between thousands"
            }
            Separator::Tab | Separator::Bar => {
                "a mark before three digits may be the decimal mark or group thousands, and each figure would then be a thousand times as large. Separate the columns by commas and write a point as the decimal mark, and nothing between thousands"
            }
        }
    }

    /// Reads a number: digits of one script, at most one decimal mark, and nothing between thousands. Of more than 15
    /// significant digits those are kept, which is all that a double holds, and of more than 6 decimals 6.
    ///
    /// # Errors
    /// Why it is none.
    pub fn read(self, text: &str) -> Result<Number, NoNumber> {
        if is_marker(text) {
            return Err(NoNumber::Marker);
        }
        let text = ascii(text).map_err(NoNumber::Why)?;
        let marks = text.matches([',', '.']).count();
        let plain = match self.mark {
            _ if marks == 0 => text.into_owned(),
            None => return Err(NoNumber::Asked),
            Some(mark) if text.contains(if mark == ',' { '.' } else { ',' }) => return Err(NoNumber::Why(GROUPED)),
            // A number has one decimal mark: more of them, each before three digits, group thousands.
            Some(',') if groups(&text) => return Err(NoNumber::Why(GROUPED)),
            Some(mark) => text.replace(mark, "."),
        };
        digits(&plain).map_err(NoNumber::Why)?;
        let value: Decimal = plain.parse().map_err(|_| NoNumber::Why("is not a number"))?;
        let kept = cut(value, &plain);
        Ok(Number { value: kept.unwrap_or(value), cut: kept.is_some() })
    }
}

/// Whether a text stands for a figure that is not there.
pub fn is_marker(text: &str) -> bool {
    MARKERS.iter().any(|marker| text.eq_ignore_ascii_case(marker))
}

/// A text with the digits of one of the region's scripts as ASCII has them.
pub(crate) fn ascii(text: &str) -> Result<Cow<'_, str>, &'static str> {
    if text.is_ascii() {
        return Ok(Cow::Borrowed(text));
    }
    let zero = |c: char| {
        ZEROES.into_iter().find(|zero| (*zero..=char::from_u32(*zero as u32 + 9).unwrap_or(*zero)).contains(&c))
    };
    let mut scripts = text.chars().filter(|c| c.is_ascii_digit() || zero(*c).is_some()).map(zero);
    let Some(first) = scripts.next() else { return Ok(Cow::Borrowed(text)) };
    if text.contains(WA) {
        return Err(
            "holds the Burmese letter wa (U+101D) where the digit zero (U+1040) may be meant; write it as a digit",
        );
    }
    if scripts.any(|script| script != first) {
        return Err("mixes the digits of two scripts; write all of them in one");
    }
    let one = |c: char| zero(c).map_or(c, |zero| char::from(b'0' + (c as u32 - zero as u32) as u8));
    Ok(Cow::Owned(text.chars().map(one).collect()))
}

/// What a text shows of a mark in it: that it is the decimal one, that it is not, or neither.
fn is_decimal(text: &str, mark: char) -> Option<bool> {
    let (whole, rest) = text.split_once(mark)?;
    if rest.contains(mark) {
        return Some(false);
    }
    let could_group = rest.len() == 3 && (1..=3).contains(&whole.len()) && !whole.starts_with('0');
    (!could_group).then_some(true)
}

/// Whether commas group the thousands of a number, more than once.
fn groups(text: &str) -> bool {
    let mut parts = text.split(',');
    let first = parts.next().unwrap_or_default();
    let three = |part: &str| part.len() == 3 && part.bytes().all(|byte| byte.is_ascii_digit());
    (1..=3).contains(&first.len()) && parts.clone().count() > 1 && parts.all(three)
}

/// Whether a text with a point as its decimal mark has the form of a number.
fn digits(text: &str) -> Result<(), &'static str> {
    let (whole, decimals) = text.split_once('.').map_or((text, None), |(whole, decimals)| (whole, Some(decimals)));
    let all = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if all(whole) && decimals.is_none_or(all) {
        let long = whole.len() > MAX_WHOLE || whole.len() + decimals.map_or(0, str::len) > MAX_DIGITS;
        return if long { Err("has more digits than any figure can have") } else { Ok(()) };
    }
    if text.starts_with(['-', '\u{2212}']) && text.chars().nth(1).is_some_and(|c| c.is_ascii_digit()) {
        return Err("is negative, which no figure of the questionnaire can be");
    }
    let marks = ['+', '\'', '\u{2019}'];
    if text.strip_prefix(marks).is_some_and(|behind| !behind.starts_with(marks) && digits(behind).is_ok()) {
        return Err(if text.starts_with('+') {
            "has a plus sign before it; write the figure without one"
        } else {
            "has an apostrophe before it, with which spreadsheets mark text; write the figure without one"
        });
    }
    let grouped = text.chars().any(|c| c.is_whitespace() || matches!(c, '\'' | '\u{2019}'));
    if grouped && text.chars().all(|c| c.is_ascii_digit() || c.is_whitespace() || matches!(c, '.' | '\'' | '\u{2019}'))
    {
        return Err(GROUPED);
    }
    let exponent = text.split_once(['e', 'E']).is_some_and(|(front, power)| {
        front.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
            && power.trim_start_matches(['-', '+']).parse::<u16>().is_ok()
    });
    if exponent && text.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(
            "is written with an exponent, as spreadsheets show numbers, and may have lost digits; write it out",
        );
    }
    Err("is not a number")
}

/// The value as it is kept, where it has digits that no figure has.
fn cut(value: Decimal, text: &str) -> Option<Decimal> {
    let significant = text.trim_start_matches(['0', '.']).bytes().filter(u8::is_ascii_digit).count();
    let away = RoundingStrategy::MidpointAwayFromZero;
    let held = if significant > SIGNIFICANT { value.round_sf_with_strategy(SIGNIFICANT as u32, away)? } else { value };
    let kept = if held.scale() > DECIMALS { held.round_dp_with_strategy(DECIMALS, away) } else { held };
    (significant > SIGNIFICANT || value.scale() > DECIMALS).then(|| kept.normalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[&str], separator: Separator) -> Numbers {
        let row = |text: &&str| RawRow { obs_value: (*text).to_owned(), ..RawRow::default() };
        Numbers::of(&texts.iter().map(row).collect::<Vec<_>>(), separator)
    }

    fn read(text: &str, separator: Separator) -> Result<String, NoNumber> {
        of(&[text], separator).read(text).map(|number| number.value.to_string())
    }

    #[test]
    fn numbers_are_read_without_guessing() {
        let comma = |text: &str| read(text, Separator::Comma);
        assert_eq!(comma("1.072").unwrap(), "1.072");
        assert_eq!(comma("1.0720").unwrap(), "1.0720");
        assert_eq!(read("1,07", Separator::Semicolon).unwrap(), "1.07");
        assert_eq!(read("1,072", Separator::Semicolon), Err(NoNumber::Asked));
        assert_eq!(comma("1,072"), Err(NoNumber::Asked));
        assert_eq!(read("1.234,5", Separator::Semicolon), Err(NoNumber::Asked));
        for (text, why) in [
            ("1 234", "groups thousands"),
            ("1\u{202f}234.5", "groups thousands"),
            ("1'234", "groups thousands"),
            ("-3", "is negative"),
            ("", "is not a number"),
            ("1e3", "exponent"),
            ("1.5E-05", "exponent"),
            ("۱۲", "is not a number"),
            (".", "is not a number"),
            ("1.", "is not a number"),
            (".5", "is not a number"),
            ("1.2.3", "is not a number"),
            ("+1", "plus sign"),
            ("+0.5", "plus sign"),
            ("++1", "is not a number"),
            ("'0.2", "an apostrophe before it"),
            ("\u{2019}842", "an apostrophe before it"),
            ("'1'234", "groups thousands"),
            ("=1+1", "is not a number"),
            ("12%", "is not a number"),
            ("1234567890123456789", "more digits"),
            ("0.12345678901234567890123456789", "more digits"),
        ] {
            let Err(NoNumber::Why(told)) = comma(text) else { panic!("{text}: {:?}", comma(text)) };
            assert!(told.contains(why), "{text}: {told}");
        }
    }

    #[test]
    fn the_tail_of_a_double_is_cut_and_said() {
        for (text, kept, said) in [
            ("1.0720000000000001", "1.072", true),
            ("0.30000000000000004", "0.3", true),
            ("55.504999999999995", "55.505", true),
            ("101.54499999999999", "101.545", true),
            ("0.0000001", "0", true),
            ("0.1234565", "0.123457", true),
            ("1234567890.1234567", "1234567890.12346", true),
            ("123456789012345", "123456789012345", false),
            ("0.123456", "0.123456", false),
            ("1072.000000", "1072.000000", false),
        ] {
            let number = of(&[text], Separator::Comma).read(text).unwrap();
            assert_eq!((number.value.to_string().as_str(), number.cut), (kept, said), "{text}");
        }
    }

    #[test]
    fn the_decimal_mark_is_seen_over_the_whole_file() {
        let mark = |texts: &[&str], separator| of(texts, separator).mark;
        use Separator::{Bar, Comma, Semicolon, Tab};
        assert_eq!(mark(&["842.500", "901.250"], Semicolon), None, "thousands or thousandths");
        assert_eq!(mark(&["842.500", "0.194"], Semicolon), Some('.'), "no group begins with a zero");
        assert_eq!(mark(&["842.500", "29.35"], Semicolon), Some('.'));
        assert_eq!(mark(&["842.500", "1842.5"], Semicolon), Some('.'));
        assert_eq!(mark(&["842.500", "1.842.500", "29.35"], Semicolon), None);
        assert_eq!(mark(&["842.500", "29,35"], Semicolon), None);
        assert_eq!(mark(&["842,500", "29,350"], Semicolon), None, "as with points: thousands or thousandths");
        assert_eq!(mark(&["842,500", "12", "..", "n.a."], Semicolon), None);
        assert_eq!(mark(&["842,500", "0,194"], Semicolon), Some(','), "no group begins with a zero");
        assert_eq!(mark(&["842,500", "1842,500"], Semicolon), Some(','), "no group stands before four digits");
        assert_eq!(mark(&["842,500", "29,35"], Semicolon), Some(','));
        assert_eq!(mark(&["842,500", "1,842,500"], Semicolon), Some(','), "the whole is refused for the one");
        assert_eq!(of(&["1,842,500", "842,500"], Semicolon).read("1,842,500"), Err(NoNumber::Why(GROUPED)));
        assert_eq!(mark(&["842.500"], Comma), Some('.'));
        assert_eq!(mark(&["842.500", "1,072"], Comma), None);
        assert_eq!(mark(&["1,072"], Tab), None);
        assert_eq!(mark(&["1,07"], Tab), Some(','));
        assert_eq!(mark(&["842.500"], Bar), None);
        assert_eq!(mark(&["842", "..", "n.a."], Semicolon), Some('.'));
    }

    #[test]
    fn what_is_asked_names_the_mark_that_is_there_and_a_way_to_say_which() {
        let question = |texts: &[&str], separator| of(texts, separator).question();
        use Separator::{Bar, Comma, Semicolon, Tab};
        for (texts, separator, mark) in [
            (["842,500", "29,350"], Semicolon, "a comma before three digits"),
            (["842.500", "29.350"], Semicolon, "a point before three digits"),
            (["842.500", "29,35"], Semicolon, "points and commas both stand"),
            (["10.44", "1,045,442.22"], Semicolon, "points and commas both stand"),
            (["10.44", "1,045,442.22"], Tab, "points and commas both stand"),
            (["10.44", "1,045,442.22"], Comma, "a comma may be"),
            (["842,500", "29,350"], Tab, "a mark before three digits"),
            (["842.500", "29.350"], Bar, "a mark before three digits"),
            (["842,500", "29,350"], Comma, "a comma may be"),
        ] {
            let told = question(&texts, separator);
            assert!(told.starts_with(mark), "{texts:?} {separator:?}: {told}");
            // What it says is done, in each of the ways that it names.
            for (texts, separator) in [
                (["842.500", "29.350"], Comma),
                (["842,500", "842,5"], Semicolon),
                (["10.44", "1045442.22"], Comma),
                (["10,44", "1045442,22"], Tab),
            ] {
                let numbers = of(&texts, separator);
                assert!(texts.iter().all(|text| numbers.read(text).is_ok()), "{texts:?} {separator:?}");
            }
        }
    }

    #[test]
    fn digits_of_the_region_are_read_and_never_mixed() {
        for text in ["๑๐๗.๒", "໑໐໗.໒", "၁၀၇.၂", "១០៧.២"] {
            assert_eq!(read(text, Separator::Comma).unwrap(), "107.2", "{text}");
        }
        assert_eq!(read("១០៧,២", Separator::Semicolon).unwrap(), "107.2");
        let why = |text| read(text, Separator::Comma).unwrap_err();
        assert!(matches!(why("๑0๗"), NoNumber::Why(told) if told.contains("two scripts")));
        assert!(matches!(why("๑໐"), NoNumber::Why(told) if told.contains("two scripts")));
        assert!(matches!(why("၁ဝ၇"), NoNumber::Why(told) if told.contains("U+101D")));
        for text in ["NA", "n.a.", "..", "-", "—", "…", "NaN", "#N/A", "null"] {
            assert_eq!(why(text), NoNumber::Marker, "{text}");
        }
        // In time by its length: each mark was once looked behind.
        assert!(
            matches!(why(&format!("{}5", "+".repeat(1_000_000))), NoNumber::Why(told) if told.contains("not a number"))
        );
    }
}
