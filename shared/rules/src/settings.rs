//! The rules as data: `rules.toml` of a workflow's bundle.

use std::collections::BTreeMap;

use rondo_domain::finding::{Finding, Severity, Verdict};
use rondo_domain::table::TableNo;
use rondo_domain::workflow::{Bundle, Problem, parse_toml};
use serde::Deserialize;
use toml::Spanned;

const FILE: &str = "rules.toml";

/// The rules that this engine knows.
const KNOWN: [&str; 16] =
    ["R01", "R02", "R03", "R04", "R05", "R06", "R07", "R08", "R09", "R10", "R11", "R20", "R21", "R22", "R26", "R40"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    version: String,
    max_named_countries: usize,
    mandatory_notes: Vec<String>,
    rule: BTreeMap<Spanned<String>, RuleEntry>,
    #[serde(default)]
    same_total: Vec<SameTotal>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleEntry {
    title: String,
    severity: Severity,
    #[serde(default)]
    blocks: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct SameTotal {
    tables: Vec<TableNo>,
}

/// The rules in force.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Their version, recorded with what they find.
    pub version: String,
    pub(crate) max_named: usize,
    pub(crate) mandatory_notes: Vec<String>,
    pub(crate) same_totals: Vec<Vec<TableNo>>,
    rules: BTreeMap<String, RuleEntry>,
}

/// Reads the rules of a workflow.
///
/// # Errors
/// The first problem, with file, line and column.
pub fn read_rules(bundle: &Bundle) -> Result<Rules, Problem> {
    // A workflow that asks for no tables has no rules.
    let Ok(text) = bundle.text(FILE) else {
        return Ok(Rules {
            version: "none".to_owned(),
            max_named: 0,
            mandatory_notes: Vec::new(),
            same_totals: Vec::new(),
            rules: BTreeMap::new(),
        });
    };
    let file: File = parse_toml(FILE, text)?;
    let mut rules = BTreeMap::new();
    for (name, entry) in file.rule {
        if !KNOWN.contains(&name.get_ref().as_str()) {
            let message = format!("`{}` is not a rule of this program", name.get_ref());
            return Err(Problem::at(FILE, text, name.span().start, message).suggest(name.get_ref(), KNOWN));
        }
        rules.insert(name.into_inner(), entry);
    }
    Ok(Rules {
        version: file.version,
        max_named: file.max_named_countries,
        mandatory_notes: file.mandatory_notes,
        same_totals: file.same_total.into_iter().map(|group| group.tables).collect(),
        rules,
    })
}

/// What a rule has to say before its severity is known.
pub(crate) struct Said {
    pub(crate) verdict: Verdict,
    pub(crate) keys: Vec<String>,
    pub(crate) observed: String,
    pub(crate) expected: String,
    pub(crate) message: String,
    pub(crate) place: Option<String>,
}

/// The most figures one finding names, and the most characters of one of its texts: whatever a file holds, what is said
/// of it fits a record.
const MAX_KEYS: usize = 300;
const MAX_TEXT: usize = 1_200;

fn shortened(text: String) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

impl Rules {
    /// Every rule in force: name, title, severity.
    pub fn list(&self) -> impl Iterator<Item = (&str, &str, Severity)> {
        self.rules.iter().map(|(name, rule)| (name.as_str(), rule.title.as_str(), rule.severity))
    }

    pub(crate) fn blocks(&self, rule: &str) -> bool {
        self.rules.get(rule).is_some_and(|entry| entry.blocks)
    }

    /// The finding of a rule; nothing if the rule is not in force. What is undecided weighs as information.
    pub(crate) fn finding(&self, rule: &str, said: Said) -> Option<Finding> {
        let entry = self.rules.get(rule)?;
        let severity = if said.verdict == Verdict::Undecided { Severity::Information } else { entry.severity };
        Some(Finding {
            rule: rule.to_owned(),
            severity,
            verdict: said.verdict,
            keys: said.keys.into_iter().take(MAX_KEYS).collect(),
            observed: shortened(said.observed),
            expected: shortened(said.expected),
            message: shortened(said.message),
            place: said.place.map(shortened),
            repair: None,
        })
    }

    /// A finding that a file cannot be read at all (R01).
    pub fn unreadable(&self, message: String) -> Option<Finding> {
        self.finding(
            "R01",
            Said {
                verdict: Verdict::Fail,
                keys: Vec::new(),
                observed: String::new(),
                expected: "a file of figures with ILOSTAT's column names".to_owned(),
                place: None,
                message,
            },
        )
    }
}
