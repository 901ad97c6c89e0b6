//! What a text may hold: names, choices and repetitions within bounds, so that filling it in ends soon, stays small and sends
//! nothing that is not seen.

use rondo_domain::reason::is_hidden;
use rondo_domain::workflow::Problem;

/// The longest text, in bytes; those of the ILMS round have some five hundred. A template that is as long and as deep as it can
/// be fits the stack of a thread.
pub(crate) const LONGEST_TEXT: usize = 16 * 1024;

/// The longest tag, in bytes.
const LONGEST_TAG: usize = 400;

/// What is known of a loop.
const PARTS: [&str; 4] = ["loop.index", "loop.first", "loop.last", "loop.length"];

/// What a tag may do besides naming something.
const STATEMENTS: [&str; 6] = ["if", "elif", "else", "endif", "for", "endfor"];

/// Holds a text against its bounds. What is left does not fail by what is true when it is filled in: it only names, compares and
/// repeats, and what it costs grows with the lines there are and not with their square.
///
/// # Errors
/// The first problem, with its place.
pub(crate) fn hold(file: &str, text: &str) -> Result<(), Problem> {
    if text.len() > LONGEST_TEXT {
        let message = format!("the text has {} bytes; a mail's has {LONGEST_TEXT} at the most", text.len());
        return Err(Problem::of_file(file, message));
    }
    for (offset, c) in text.char_indices() {
        let what = match c {
            '\n' | '\t' => continue,
            '\r' => "the line ends as on Windows; save the file with plain line ends".to_owned(),
            '\u{feff}' => "the file begins with a byte order mark; save it without one".to_owned(),
            c if is_hidden(c) => format!("a character that nobody sees, U+{:04X}; remove it", u32::from(c)),
            _ => continue,
        };
        return Err(Problem::at(file, text, offset, what));
    }
    let (mut from, mut repeats) = (0, false);
    while let Some((begin, end)) = tag(&text[from..]) {
        let (begin, end) = (from + begin, from + end);
        let wrong = |message: String| Problem::at(file, text, begin, message);
        match tag_is_plain(&text[begin..end]).map_err(wrong)? {
            Some("for") if repeats => return Err(wrong("a text does not repeat within what it repeats".to_owned())),
            Some("for") => repeats = true,
            Some("endfor") => repeats = false,
            _ => {}
        }
        from = end;
    }
    Ok(())
}

/// The first tag of a text, from its opening to its end: what stands in quotes does not end it. A tag that does not end, ends with
/// the text, and is no template.
fn tag(text: &str) -> Option<(usize, usize)> {
    let begin = ["{{", "{%", "{#"].iter().filter_map(|opening| text.find(opening)).min()?;
    let close = match &text[begin..begin + 2] {
        "{{" => "}}",
        "{%" => "%}",
        _ => "#}",
    };
    let (mut quote, mut escaped) = (None, false);
    for (offset, c) in text[begin + 2..].char_indices() {
        let here = begin + 2 + offset;
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if text[here..].starts_with(close) => return Some((begin, here + close.len())),
            None if close != "#}" && (c == '"' || c == '\'') => quote = Some(c),
            None => {}
        }
    }
    Some((begin, text.len()))
}

/// What stands in a tag outside of quotes, without the marks that open and close it.
fn unquoted(tag: &str) -> String {
    let (mut quote, mut escaped, mut rest) = (None, false, String::new());
    for c in tag.chars() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '"' || c == '\'' => {
                quote = Some(c);
                // What was quoted stands there as a word that is none.
                rest.push('"');
            }
            None => rest.push(c),
        }
    }
    let rest = rest.trim_start_matches(['{', '%']).trim_end_matches(['}', '%']);
    rest.trim_start_matches(['-', '+']).trim_end_matches(['-', '+']).trim().to_owned()
}

/// The statement that a tag is, where it is one that is known.
fn tag_is_plain(tag: &str) -> Result<Option<&'static str>, String> {
    if tag.starts_with("{#") {
        return if tag.ends_with("#}") { Ok(None) } else { Err("`{#` begins a note that does not end".to_owned()) };
    }
    if tag.len() > LONGEST_TAG {
        return Err(format!("this tag has {} bytes; {LONGEST_TAG} are enough for a name or a choice", tag.len()));
    }
    let told = "a text names, compares and repeats";
    let words = unquoted(tag);
    let first = words.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default();
    let statement = STATEMENTS.into_iter().find(|known| tag.starts_with("{%") && *known == first);
    if tag.starts_with("{%") && statement.is_none() {
        return Err(format!("{told}; it does not know `{first}`, but {}", STATEMENTS.join(", ")));
    }
    if statement == Some("for") {
        let list = words.rsplit(' ').next().unwrap_or_default();
        return if words.split_whitespace().count() == 4 && list == "standing" {
            Ok(statement)
        } else {
            Err("a text repeats for each line of the one list there is: `{% for line in standing %}`".to_owned())
        };
    }
    // The one thing that has parts is the loop itself.
    let plain = PARTS.iter().fold(words.clone(), |words, part| words.replace(part, "loop"));
    let allowed = |c: char| c.is_alphanumeric() || c.is_whitespace() || "_\"=<>!~()".contains(c);
    if let Some(other) = plain.chars().find(|c| !allowed(*c)) {
        return Err(format!("{told}; it does not know `{other}`"));
    }
    let called = plain.char_indices().any(|(at, c)| {
        let before = plain[..at].trim_end();
        let word = before.rsplit(|c: char| !c.is_alphanumeric() && c != '_' && c != '"').next().unwrap_or_default();
        c == '(' && !word.is_empty() && !["if", "elif", "and", "or", "not", "in"].contains(&word)
    });
    let tested = plain.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "is");
    if called || tested {
        return Err(format!("{told}; it calls and tests nothing"));
    }
    Ok(statement)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_names_compares_and_repeats_and_does_nothing_else() {
        for fine in [
            "{% for a in standing %}{{ a }}{% endfor %}{% for b in standing %}{{ b }}{% endfor %}",
            "Subject: {{ round }}\n\n{# a * note #}{%- if task -%}{{ '}} * |' }}{% else %}no{% endif %}\t{{ \"\\\"*\" ~ task }}",
            "{% for line in standing %}{{ loop.index }}. {{ line }}{% if not loop.last %};{% endif %}{% endfor %}",
            "{% if missing_count == 1 and (country != \"A * B\" or not(task)) %}one{% elif missing_count >= 2 %}more{% endif %}",
            "100 % {example} ${ x } 'a' * 9",
        ] {
            hold("x", fine).unwrap();
        }
        for (text, told) in [
            ("a\n{% set a = 1 %}", "x:2:1: a text names, compares and repeats; it does not know `set`"),
            ("{%- macro m() -%}", "`macro`"),
            ("{{ '}}' ~ 'a' * 9 }}", "it does not know `*`"),
            ("{{ 'x\\' }}' * 9 }}", "it does not know `*`"),
            ("{% if missing_count == 77 %}{{ country|nope }}{% endif %}", "it does not know `|`"),
            ("{{ count + 1 }}", "it does not know `+`"),
            ("{{ 12 // count }}", "it does not know `/`"),
            ("{{ standing[0] }}", "it does not know `[`"),
            ("{{ country.upper }}", "it does not know `.`"),
            ("{{ country() }}", "calls and tests nothing"),
            ("{{ 'a' () }}", "calls and tests nothing"),
            ("{{ country is defined }}", "calls and tests nothing"),
            ("{% for a in [1] %}", "the one list there is"),
            ("{% for a in standing recursive %}", "the one list there is"),
            ("{% for a, b in standing %}", "the one list there is"),
            ("{% for a in standing %}{% for b in standing %}", "x:1:24: a text does not repeat within"),
            ("{#fff is a colour", "begins a note that does not end"),
            ("a\r\nb", "x:1:2: the line ends as on Windows"),
            ("\u{feff}Subject: x", "x:1:1: the file begins with a byte order mark"),
            ("a\u{202e}b", "U+202E"),
            ("a\0b", "U+0000"),
        ] {
            let problem = hold("x", text).map_or_else(|problem| problem.to_string(), |()| String::new());
            assert!(problem.contains(told), "{text:?}: {problem}");
        }
        let long = |tag: String| hold("x", &tag).unwrap_err().to_string();
        assert!(long(format!("{{{{ {}1 }}}}", "not ".repeat(100))).contains("this tag has 407 bytes"));
        assert!(long("x".repeat(LONGEST_TEXT + 1)).contains("16385 bytes"));
        // Khmer, Thai and Burmese part words by spaces of no width.
        assert!(hold("x", "ក\u{200b}ខ \u{200d}").is_ok());
    }
}
