//! The fields of one line: separated, perhaps between quotes, without the blanks around them.

use std::borrow::Cow;

/// Why a line has no certain fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// A quote opens a field and does not close it.
    Open,
    /// Something follows the closing quote of a field.
    After,
}

/// The fields of a line.
pub(super) fn fields(line: &str, separator: char) -> Result<Vec<Cow<'_, str>>, Broken> {
    let is_blank = |c: char| c.is_whitespace() && c != separator;
    let mut found = Vec::new();
    let mut rest = line;
    loop {
        let begun = rest.trim_start_matches(is_blank);
        let Some(inside) = begun.strip_prefix('"') else {
            let Some((field, after)) = begun.split_once(separator) else {
                found.push(Cow::Borrowed(bare(begun)));
                return Ok(found);
            };
            found.push(Cow::Borrowed(bare(field)));
            rest = after;
            continue;
        };
        let (field, after) = quoted(inside)?;
        found.push(field);
        let after = after.trim_start_matches(is_blank);
        if after.is_empty() {
            return Ok(found);
        }
        rest = after.strip_prefix(separator).ok_or(Broken::After)?;
    }
}

/// A text without what shows as nothing at its ends.
fn bare(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}'))
}

/// What stands between quotes, those within written twice, and what follows.
fn quoted(text: &str) -> Result<(Cow<'_, str>, &str), Broken> {
    let mut from = 0;
    loop {
        let at = from + text[from..].find('"').ok_or(Broken::Open)?;
        let after = &text[at + 1..];
        if after.starts_with('"') {
            from = at + 2;
            continue;
        }
        let inside = bare(&text[..at]);
        let field = if from == 0 { Cow::Borrowed(inside) } else { Cow::Owned(inside.replace("\"\"", "\"")) };
        return Ok((field, after));
    }
}
