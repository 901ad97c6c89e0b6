//! Files that people edit: read from TOML, with every problem given its file, line, column and, if possible, a suggestion.

use serde::de::DeserializeOwned;

/// What is wrong in a file, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}{}", suggestion.as_ref().map(|s| format!("; did you mean `{s}`?")).unwrap_or_default())]
pub struct Problem {
    /// The file, as named inside the workflow folder.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What was probably meant.
    pub suggestion: Option<String>,
}

impl Problem {
    /// A problem at a byte offset of a text.
    pub fn at(file: &str, text: &str, offset: usize, message: impl Into<String>) -> Self {
        let before = &text[..text.floor_char_boundary(offset.min(text.len()))];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Self { file: file.to_owned(), line, column, message: message.into(), suggestion: None }
    }

    /// A problem on a line of which no column is known.
    pub fn on_line(file: &str, line: usize, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, column: 1, message: message.into(), suggestion: None }
    }

    /// A problem of a whole file.
    pub fn of_file(file: &str, message: impl Into<String>) -> Self {
        Self::on_line(file, 1, message)
    }

    /// The same problem with the nearest of the words that would have been right, if one is near.
    #[must_use]
    pub fn suggest<'a>(mut self, found: &str, words: impl IntoIterator<Item = &'a str>) -> Self {
        self.suggestion = nearest(found, words);
        self
    }
}

/// The line, from 1, on which a key of a TOML text stands first; the first line where it stands nowhere.
pub fn line_of_key(text: &str, key: &str) -> usize {
    let is_here = |line: &str| {
        let rest = line.trim_start().trim_start_matches('"').strip_prefix(key);
        rest.is_some_and(|rest| rest.trim_start_matches('"').trim_start().starts_with('='))
    };
    text.lines().position(is_here).map_or(1, |index| index + 1)
}

/// A longer text is no misspelt word, and comparing it costs more than it is worth.
const LONGEST_WORD: usize = 160;

/// The word nearest to `found`, if one is similar enough to be what was meant.
pub fn nearest<'a>(found: &str, words: impl IntoIterator<Item = &'a str>) -> Option<String> {
    if found.len() > LONGEST_WORD {
        return None;
    }
    words
        .into_iter()
        .map(|word| (strsim::jaro_winkler(found, word), word))
        .filter(|(similarity, _)| *similarity > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, word)| word.to_owned())
}

/// Reads a TOML text.
///
/// # Errors
/// The first problem, with its place.
pub fn parse_toml<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, Problem> {
    toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        let message = error.message().trim().to_owned();
        let problem = Problem::at(file, text, offset, message.clone());
        let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
        match quoted.split_first() {
            Some((found, words)) if message.starts_with("unknown") => problem.suggest(found, words.iter().copied()),
            _ => problem,
        }
    })
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Page {
        #[allow(dead_code, reason = "only its name matters")]
        trigger: String,
    }

    #[test]
    fn a_misspelt_key_is_placed_and_suggested() {
        let problem = parse_toml::<Page>("workflow.toml", "\n  tigger = \"x\"\n").unwrap_err();
        assert_eq!((problem.line, problem.column), (2, 3));
        assert_eq!(problem.suggestion.as_deref(), Some("trigger"));
        assert!(problem.to_string().starts_with("workflow.toml:2:3: "), "{problem}");
    }
}
