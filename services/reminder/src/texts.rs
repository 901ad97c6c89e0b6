//! Mail texts of a workflow, read from its files.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use rondo_domain::FileHash;
use rondo_domain::calendar::Calendars;
use rondo_domain::round::Round;
use rondo_domain::workflow::{Bundle, Definition, Problem, parse_toml, read_definition};
use rondo_eventlog::Fault;
use serde::Deserialize;

use crate::bounds;

/// What a text may speak of.
pub(crate) const VARIABLES: [&str; 20] = [
    "name",
    "round",
    "country",
    "deadline",
    "days_left",
    "missing",
    "missing_count",
    "owed",
    "years",
    "link",
    "contact",
    "reason",
    "task",
    "task_until",
    "standing",
    "count",
    "was",
    "release",
    "close",
    "notice",
];

/// What the shell of a mail in HTML may speak of besides.
pub(crate) const SHELL_VARIABLES: [&str; 4] = ["subject", "round", "body", "language"];

/// The text that brings several messages to one person at once.
pub(crate) const SEVERAL: &str = "several";

/// The text that stands under every mail and has no subject.
pub(crate) const FOOTER: &str = "mail/footer.en.txt";

/// The shell of a mail in HTML, in MJML; without it mails are plain text alone.
pub(crate) const SHELL: &str = "mail/shell.mjml";

/// The sentences that every mail in a language begins with, whether or not its text is translated.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sentences {
    /// The language's own name.
    pub(crate) language: String,
    /// The first line.
    pub(crate) greeting: String,
    /// What stands above a copy of a mail that went to others.
    #[serde(default)]
    pub(crate) copy: String,
    /// That the full text follows in English.
    #[serde(default)]
    pub(crate) below: String,
    /// For each kind of mail what it is about, where its text is not translated.
    #[serde(default)]
    pub(crate) mail: BTreeMap<String, String>,
}

/// A text as written: what its first lines say, and what follows.
#[derive(Debug)]
pub(crate) struct Text<'a> {
    pub(crate) subject: &'a str,
    /// Whether the deadline goes with it as an entry for people's calendars.
    pub(crate) has_deadline: bool,
    pub(crate) body: &'a str,
}

/// A round's texts and rules for mail.
pub(crate) struct Texts {
    pub(crate) bundle: Bundle,
    pub(crate) definition: Definition,
    pub(crate) calendars: Calendars,
    pub(crate) sentences: BTreeMap<String, Sentences>,
    /// The shell as HTML, in which the body is still to be filled in.
    pub(crate) shell: Option<String>,
}

impl Texts {
    /// Reads the texts of a bundle.
    ///
    /// # Errors
    /// The first problem, with its place.
    pub(crate) fn read(bundle: Bundle) -> Result<Self, Problem> {
        let definition = read_definition(&bundle)?;
        let calendars = Calendars::pinned(&bundle)?;
        let mut sentences = BTreeMap::new();
        for (name, text) in bundle.below("mail") {
            if let Some(language) = name.strip_prefix("sentences.").and_then(|rest| rest.strip_suffix(".toml")) {
                sentences.insert(language.to_owned(), parse_toml(&format!("mail/{name}"), text)?);
            }
        }
        let shell = bundle.text(SHELL).ok().map(shell).transpose()?;
        Ok(Self { definition, calendars, sentences, shell, bundle })
    }

    /// The calendars as they hold in a round, with the changes that were recorded in it.
    pub(crate) fn calendars_in(&self, round: &Round) -> Cow<'_, Calendars> {
        if round.calendar_changes.is_empty() {
            return Cow::Borrowed(&self.calendars);
        }
        Cow::Owned(self.calendars.standing(&round.calendar_changes))
    }

    /// The text of a kind in a language, if there is one.
    pub(crate) fn text(&self, kind: &str, language: &str) -> Result<Option<Text<'_>>, Problem> {
        let file = format!("mail/{kind}.{language}.txt");
        self.bundle.text(&file).ok().map(|text| written(&file, text)).transpose()
    }

    /// The sentences of a language.
    pub(crate) fn sentences(&self, language: &str) -> Option<&Sentences> {
        self.sentences.get(language)
    }

    /// The languages there is anything in, English first.
    pub(crate) fn languages(&self) -> Vec<String> {
        let others = self.sentences.keys().filter(|language| *language != "en").cloned();
        std::iter::once("en".to_owned()).chain(others).collect()
    }

    /// The kinds of mail that are sent.
    pub(crate) fn kinds(&self) -> BTreeSet<&str> {
        let several = (self.definition.gather_minutes > 0).then_some(SEVERAL);
        self.definition.steps.iter().filter_map(|step| step.action.mail()).chain(several).collect()
    }

    /// The text under every mail.
    pub(crate) fn footer(&self) -> Result<&str, Problem> {
        self.bundle.text(FOOTER)
    }
}

/// Takes a text apart: `Subject: …`, perhaps `Calendar: deadline`, then what follows.
pub(crate) fn written<'a>(file: &str, text: &'a str) -> Result<Text<'a>, Problem> {
    let first = || Problem::of_file(file, "the first line of a mail is `Subject: …`");
    let (subject, rest) = text.strip_prefix("Subject: ").and_then(|rest| rest.split_once('\n')).ok_or_else(first)?;
    match rest.strip_prefix("Calendar: ") {
        None => Ok(Text { subject, has_deadline: false, body: rest }),
        Some(rest) => match rest.split_once('\n') {
            Some(("deadline", body)) => Ok(Text { subject, has_deadline: true, body }),
            _ => Err(Problem::on_line(file, 2, "`Calendar:` is followed by `deadline`, the one entry there is")),
        },
    }
}

/// The shell as HTML.
fn shell(text: &str) -> Result<String, Problem> {
    let wrong = |what: String| Problem::of_file(SHELL, format!("the shell is no MJML: {what}"));
    // Of a longer one the elements could be so deep in one another that reading it breaks the program.
    bounds::hold(SHELL, text)?;
    let parsed = mrml::parse(text).map_err(|e| wrong(e.to_string()))?;
    parsed.element.render(&mrml::prelude::render::RenderOptions::default()).map_err(|e| wrong(e.to_string()))
}

/// The texts of the definition of this hash.
///
/// # Errors
/// When it is not stored, or cannot be read.
pub(crate) async fn load(ledger: &dyn rondo_eventlog::Ledger, hash: &FileHash) -> Result<Texts, Fault> {
    let bytes = rondo_eventlog::files::fetch(ledger, hash).await?;
    let bundle = Bundle::from_bytes(&bytes).map_err(|e| Fault::storage(format!("the workflow {hash}"), e))?;
    Texts::read(bundle).map_err(|e| Fault::storage(format!("the workflow {hash}"), e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_lines_say_subject_and_entry() {
        let problem = |text: &str| written("mail/x.en.txt", text).err().unwrap().to_string();
        assert!(problem("Dear {{ name }}").contains("mail/x.en.txt:1:1: the first line"));
        assert!(problem("Subject: x\nCalendar: party\n\nCome").contains("mail/x.en.txt:2:1: `Calendar:`"));
        let text = written("mail/x.en.txt", "Subject: x\nCalendar: deadline\n\nCome").unwrap();
        assert!(text.has_deadline && text.body.trim() == "Come");
    }
}
