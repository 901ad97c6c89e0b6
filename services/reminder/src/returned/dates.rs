//! Days in a text, as people write them in the languages of our recipients.

use jiff::civil::Date;

/// Names of months in lower case; a text is searched for the longest first.
const MONTHS: [(i8, &[&str]); 12] = [
    (
        1,
        &[
            "january",
            "jan",
            "มกราคม",
            "ม.ค.",
            "januari",
            "tháng 1",
            "tháng một",
            "ມັງກອນ",
            "មករា",
            "ဇန်နဝါရီ",
            "janeiro",
            "enero",
            "janvier",
        ],
    ),
    (
        2,
        &[
            "february",
            "feb",
            "กุมภาพันธ์",
            "ก.พ.",
            "februari",
            "tháng 2",
            "tháng hai",
            "ກຸມພາ",
            "កុម្ភៈ",
            "ဖေဖော်ဝါရီ",
            "fevereiro",
            "pebrero",
        ],
    ),
    (
        3,
        &["march", "mar", "มีนาคม", "มี.ค.", "maret", "mac", "tháng 3", "tháng ba", "ມີນາ", "មីនា", "မတ်", "março", "marso"],
    ),
    (4, &["april", "apr", "เมษายน", "เม.ย.", "tháng 4", "tháng tư", "ເມສາ", "មេសា", "ဧပြီ", "abril"]),
    (5, &["may", "พฤษภาคม", "พ.ค.", "mei", "tháng 5", "tháng năm", "ພຶດສະພາ", "ឧសភា", "မေ", "maio", "mayo"]),
    (6, &["june", "jun", "มิถุนายน", "มิ.ย.", "juni", "tháng 6", "tháng sáu", "ມິຖຸນາ", "មិថុនា", "ဇွန်", "junho", "hunyo"]),
    (
        7,
        &[
            "july",
            "jul",
            "กรกฎาคม",
            "ก.ค.",
            "juli",
            "julai",
            "tháng 7",
            "tháng bảy",
            "ກໍລະກົດ",
            "កក្កដា",
            "ဇူလိုင်",
            "julho",
            "hulyo",
        ],
    ),
    (
        8,
        &["august", "aug", "สิงหาคม", "ส.ค.", "agustus", "ogos", "tháng 8", "tháng tám", "ສິງຫາ", "សីហា", "ဩဂုတ်", "agosto"],
    ),
    (
        9,
        &[
            "september",
            "sept",
            "sep",
            "กันยายน",
            "ก.ย.",
            "tháng 9",
            "tháng chín",
            "ກັນຍາ",
            "កញ្ញា",
            "စက်တင်ဘာ",
            "setembro",
            "setyembre",
        ],
    ),
    (
        10,
        &[
            "october",
            "oct",
            "ตุลาคม",
            "ต.ค.",
            "oktober",
            "tháng 10",
            "tháng mười",
            "ຕຸລາ",
            "តុលា",
            "အောက်တိုဘာ",
            "outubro",
            "oktubre",
        ],
    ),
    (
        11,
        &[
            "november",
            "nov",
            "พฤศจิกายน",
            "พ.ย.",
            "tháng 11",
            "tháng mười một",
            "ພະຈິກ",
            "វិច្ឆិកា",
            "နိုဝင်ဘာ",
            "novembro",
            "nobyembre",
        ],
    ),
    (
        12,
        &[
            "december",
            "dec",
            "ธันวาคม",
            "ธ.ค.",
            "desember",
            "disember",
            "tháng 12",
            "tháng mười hai",
            "ທັນວາ",
            "ធ្នូ",
            "ဒီဇင်ဘာ",
            "dezembro",
            "disyembre",
        ],
    ),
];

/// The day of a mail's Date header (RFC 5322), in the place where it was written.
pub(super) fn of_header(value: &str) -> Option<Date> {
    let value = value.split(" (").next().unwrap_or(value);
    jiff::fmt::rfc2822::parse(value.trim()).ok().map(|zoned| zoned.date())
}

/// Every day in a text in lower case. A day without a year is the next one after the text was written.
pub(super) fn all(text: &str, written: Date) -> Vec<Date> {
    let text = with_plain_digits(text);
    let mut found = Vec::new();
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || ",;()[]<>".contains(c)).filter(|w| !w.is_empty()).collect();
    for word in &words {
        found.extend(in_figures(word, written));
    }
    for (month, names) in MONTHS {
        for name in names {
            for (at, _) in text.match_indices(name) {
                found.extend(around(&text, at, name, month, written));
            }
        }
    }
    found
}

/// The digits of Thai, Lao, Khmer and Burmese as those of ASCII.
fn with_plain_digits(text: &str) -> String {
    let plain = |c: char| {
        let zero =
            [0x0e50, 0x0ed0, 0x17e0, 0x1040].into_iter().find(|zero| (*zero..*zero + 10).contains(&u32::from(c)));
        zero.and_then(|zero| char::from_digit(u32::from(c) - zero, 10)).unwrap_or(c)
    };
    text.chars().map(plain).collect()
}

/// A day in figures: the year first as in ISO 8601, or the day first as in every country that is written to.
fn in_figures(word: &str, written: Date) -> Option<Date> {
    let word = word.trim_matches(|c: char| !c.is_ascii_digit());
    let mut parts = word.split(['-', '/', '.']).map(|part| part.parse::<i16>().ok());
    let (first, second, third) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() {
        return None;
    }
    let (year, month, day) = if first > 31 { (first, second, third) } else { (third, second, first) };
    day_of(Some(year), i8::try_from(month).ok()?, i8::try_from(day).ok()?, written)
}

/// A month's name at a place of the text, with the day before it or after it and perhaps a year.
fn around(text: &str, at: usize, name: &str, month: i8, written: Date) -> Option<Date> {
    let (before, behind) = (text.get(..at)?, text.get(at + name.len()..)?);
    let is_part_of_a_word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    if name.is_ascii() && (is_part_of_a_word(before.chars().next_back()) || is_part_of_a_word(behind.chars().next())) {
        return None;
    }
    if !name.is_ascii() && behind.starts_with(|c: char| c.is_ascii_digit()) {
        // "tháng 1" stands in "tháng 12".
        return None;
    }
    let behind = behind
        .trim_start_matches(|c: char| c.is_whitespace() || ",.".contains(c) || c.is_alphabetic() && !c.is_ascii());
    let numbers: Vec<i16> =
        behind.split(|c: char| !c.is_ascii_digit()).take(2).filter_map(|word| word.parse().ok()).collect();
    let starts = behind.starts_with(|c: char| c.is_ascii_digit());
    let before = before.trim_end_matches(|c: char| c.is_whitespace() || ".,-/".contains(c));
    let before = before.strip_suffix("of").unwrap_or(before).trim_end();
    let before = ["st", "nd", "rd", "th"].iter().find_map(|end| before.strip_suffix(end)).unwrap_or(before);
    let digits = before.len() - before.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let year_behind = |numbers: &[i16]| numbers.iter().copied().find(|year| *year > 1_900);
    if (1..=2).contains(&digits) {
        let day = before.get(before.len() - digits..)?.parse().ok()?;
        let year = if starts { numbers.first().copied().filter(|year| *year > 1_900) } else { None };
        return day_of(year, month, day, written);
    }
    let day = numbers.first().copied().filter(|day| starts && (1..=31).contains(day))?;
    day_of(year_behind(&numbers), month, i8::try_from(day).ok()?, written)
}

/// A day; of the Buddhist era where the year says so, and the next of its kind where there is none.
fn day_of(year: Option<i16>, month: i8, day: i8, written: Date) -> Option<Date> {
    match year {
        Some(year) if year > 2_400 => Date::new(year - 543, month, day).ok(),
        Some(year) if year < 100 => Date::new(year + 2_000, month, day).ok(),
        Some(year) => Date::new(year, month, day).ok(),
        None => {
            let this = Date::new(written.year(), month, day).ok()?;
            if this >= written { Some(this) } else { Date::new(written.year() + 1, month, day).ok() }
        }
    }
}
