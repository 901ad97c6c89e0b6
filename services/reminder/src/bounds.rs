//! What a text may hold: names, choices and repetitions within bounds, so that filling it in ends soon, stays small and sends
//! nothing that is not seen.

use rondo_domain::reason::is_hidden;
use rondo_domain::workflow::Problem;

/// The longest text, in bytes; those of the ILMS round have some five hundred. A template that is as long and as deep as it can
/// be fits the stack of a thread.
pub(crate) const LONGEST_TEXT: usize = 16 * 1024;

/// The longest tag, in bytes.
const LONGEST_TAG: usize = 400;

/// What a tag may do besides naming something.
const STATEMENTS: [&str; 6] = ["if", "elif", "else", "endif", "for", "endfor"];

/// Holds a text against its bounds.
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
    let mut from = 0;
    while let Some((begin, end)) = tag(&text[from..]) {
        let (begin, end) = (from + begin, from + end);
        tag_is_plain(&text[begin..end]).map_err(|message| Problem::at(file, text, begin, message))?;
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

fn tag_is_plain(tag: &str) -> Result<(), String> {
    if tag.starts_with("{#") {
        return Ok(());
    }
    if tag.len() > LONGEST_TAG {
        return Err(format!("this tag has {} bytes; {LONGEST_TAG} are enough for a name or a choice", tag.len()));
    }
    if tag.contains('*') {
        return Err("a text does not multiply".to_owned());
    }
    let word = tag.strip_prefix("{%").map(|rest| rest.trim_start_matches(['-', '+', ' ', '\t', '\n']));
    let word = word.map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default());
    match word.filter(|word| !STATEMENTS.contains(word)) {
        None => Ok(()),
        Some(other) => Err(format!("a text does not know `{other}`; it knows {}", STATEMENTS.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_names_chooses_and_repeats_and_does_nothing_else() {
        let fine =
            "Subject: {{ round }}\n\n{# a * note #}{%- if task %}{{ '}}' }}{% else %}no{% endif %}\t{{ \"\\\"*\"|x }}";
        assert!(hold("x", &fine.replace('*', "")).is_ok());
        for (text, told) in [
            ("a\n{% set a = 1 %}", "x:2:1: a text does not know `set`"),
            ("{%- macro m() -%}", "`macro`"),
            ("{{ '}}' ~ 'a' * 9 }}", "does not multiply"),
            ("{% for a in [1] * 9 %}", "does not multiply"),
            ("{{ 'x\\' }}' * 9 }}", "does not multiply"),
            ("{{ a", "x:1:1"),
            ("a\r\nb", "x:1:2: the line ends as on Windows"),
            ("\u{feff}Subject: x", "x:1:1: the file begins with a byte order mark"),
            ("a\u{202e}b", "U+202E"),
            ("a\0b", "U+0000"),
        ] {
            let problem = hold("x", text).map_or_else(|problem| problem.to_string(), |()| String::new());
            assert!(problem.contains(told) || (text == "{{ a" && problem.is_empty()), "{text:?}: {problem}");
        }
        let long = |tag: String| hold("x", &tag).unwrap_err().to_string();
        assert!(long(format!("{{{{ {}1 }}}}", "not ".repeat(100))).contains("this tag has 407 bytes"));
        assert!(long("x".repeat(LONGEST_TEXT + 1)).contains("16385 bytes"));
        // Khmer, Thai and Burmese part words by spaces of no width.
        assert!(hold("x", "ក\u{200b}ខ \u{200d}").is_ok());
    }
}
