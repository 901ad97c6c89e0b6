//! Why a figure or a decision changed: a code from a closed list and a text in the actor's own words.

use serde::{Deserialize, Serialize};

/// The closed list of reasons for a change of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReasonCode {
    /// The figure's first report; valid only where there was no figure.
    FirstReport,
    /// Published before Rondo kept the trail; loaded with its provenance.
    PublishedEarlier,
    /// Data that came late.
    LateData,
    /// A provisional value replaced by a final one.
    ProvisionalReplaced,
    /// A mistake made while entering.
    ErrorInEntry,
    /// A mistake in the source.
    ErrorInSource,
    /// Entered in the wrong table or column.
    WrongTableOrColumn,
    /// Persons instead of thousands, or the like.
    UnitError,
    /// The mapping to the classification changed.
    ClassificationMapping,
    /// Definition or coverage changed.
    DefinitionChange,
    /// Another source is used now.
    SourceReplaced,
    /// Benchmarked to a census.
    BenchmarkToCensus,
    /// Rounding.
    Rounding,
    /// Confidentiality.
    Confidentiality,
    /// The answer to a query.
    AnswerToQuery,
    /// Entered by another on the country's behalf.
    TranscribedForCountry,
    /// The country withdrew it.
    WithdrawnByCountry,
}

impl ReasonCode {
    /// Every code, in the order shown to people.
    pub const ALL: [Self; 17] = [
        Self::FirstReport,
        Self::PublishedEarlier,
        Self::LateData,
        Self::ProvisionalReplaced,
        Self::ErrorInEntry,
        Self::ErrorInSource,
        Self::WrongTableOrColumn,
        Self::UnitError,
        Self::ClassificationMapping,
        Self::DefinitionChange,
        Self::SourceReplaced,
        Self::BenchmarkToCensus,
        Self::Rounding,
        Self::Confidentiality,
        Self::AnswerToQuery,
        Self::TranscribedForCountry,
        Self::WithdrawnByCountry,
    ];

    /// The code as written in files, logs and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FirstReport => "first-report",
            Self::PublishedEarlier => "published-earlier",
            Self::LateData => "late-data",
            Self::ProvisionalReplaced => "provisional-replaced",
            Self::ErrorInEntry => "error-in-entry",
            Self::ErrorInSource => "error-in-source",
            Self::WrongTableOrColumn => "wrong-table-or-column",
            Self::UnitError => "unit-error",
            Self::ClassificationMapping => "classification-mapping",
            Self::DefinitionChange => "definition-change",
            Self::SourceReplaced => "source-replaced",
            Self::BenchmarkToCensus => "benchmark-to-census",
            Self::Rounding => "rounding",
            Self::Confidentiality => "confidentiality",
            Self::AnswerToQuery => "answer-to-query",
            Self::TranscribedForCountry => "transcribed-for-country",
            Self::WithdrawnByCountry => "withdrawn-by-country",
        }
    }

    /// The code with this name, if there is one.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == text)
    }
}

/// A reason: code and text. The text is at most [`Reason::MAX_TEXT`] characters and never empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The code.
    pub code: ReasonCode,
    /// The actor's own words.
    pub text: String,
}

impl Reason {
    /// The most characters a text may have.
    pub const MAX_TEXT: usize = 2_000;

    /// Whether the text says something and is not too long.
    pub fn is_well_formed(&self) -> bool {
        text_is_well_formed(&self.text)
    }
}

/// Whether a free text of a person says something, is not too long and holds nothing that hides or overwrites what it says:
/// no control characters but line ends and tabs, no marks that turn the direction of writing (Unicode UAX 9, 2.1 to 2.5).
pub fn text_is_well_formed(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
        && text.chars().count() <= Reason::MAX_TEXT
        && !text.chars().any(|c| is_hidden(c) && c != '\n' && c != '\t')
}

/// Whether a character is not seen and changes how others are.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{061c}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_agree_with_the_stored_form() {
        for code in ReasonCode::ALL {
            assert_eq!(serde_json::to_string(&code).unwrap(), format!("\"{}\"", code.as_str()));
            assert_eq!(ReasonCode::parse(code.as_str()), Some(code));
        }
    }
}
