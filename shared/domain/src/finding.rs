//! Findings: what a rule says of figures.

use serde::{Deserialize, Serialize};

/// How much a failed rule weighs, in ILO's words, mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Information,
    /// Asks for a look; may be explained.
    Warning,
    /// The same key twice.
    Duplicate,
    /// Must be corrected, explained or allowed.
    Error,
    /// The file cannot be loaded.
    Fatal,
}

impl Severity {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Information => "information",
            Self::Warning => "warning",
            Self::Duplicate => "duplicate",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }
}

/// A rule's answer where it is not a plain pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The rule does not hold.
    Fail,
    /// Something the rule needs is missing.
    Undecided,
}

/// A value that would make every violated identity true; proposed, never applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    /// The figure that would change.
    pub key: String,
    /// Its value now.
    pub from: String,
    /// The value that would fit.
    pub to: String,
    /// What kind of slip that would be: `sign`, `digit transposition`, `digit`, `factor 1000`, `copy of neighbour`, `other`.
    pub kind: String,
}

/// One finding of one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule, `R20`.
    pub rule: String,
    /// Its weight.
    pub severity: Severity,
    /// Its answer.
    pub verdict: Verdict,
    /// The figures it speaks of.
    pub keys: Vec<String>,
    /// What the file has, in words.
    pub observed: String,
    /// What the rule expects, in words.
    pub expected: String,
    /// One sentence for a person.
    pub message: String,
    /// The place in the file: `row 12`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// What would repair it, if one value would.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repair: Option<Repair>,
}

impl Finding {
    /// Whether the country has to correct it, explain it, or be allowed.
    pub fn needs_answer(&self) -> bool {
        self.verdict == Verdict::Fail && self.severity >= Severity::Warning
    }

    /// Whether it counts as an error for `check`.
    pub fn is_error(&self) -> bool {
        self.verdict == Verdict::Fail && self.severity >= Severity::Duplicate
    }
}
