//! Mail texts of a workflow: read from its files, and tried before a round relies on them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use minijinja::Environment;
use rondo_domain::calendar::Calendars;
use rondo_domain::round::Round;
use rondo_domain::workflow::{Action, Bundle, Definition, Problem, Step, parse_toml, read_definition};
use serde::Deserialize;

/// What a text may speak of.
pub(crate) const VARIABLES: [&str; 18] = [
    "name",
    "round",
    "country",
    "deadline",
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
    "notice",
];

/// What the shell of a mail in HTML may speak of besides.
const SHELL_VARIABLES: [&str; 4] = ["subject", "round", "body", "language"];

/// The text that stands under every mail and has no subject.
const FOOTER: &str = "mail/footer.en.txt";

/// The shell of a mail in HTML, in MJML; without it mails are plain text alone.
const SHELL: &str = "mail/shell.mjml";

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
    sentences: BTreeMap<String, Sentences>,
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
        let calendars = Calendars::read(&bundle)?;
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
        match self.calendars.changed(&round.calendar_changes) {
            Ok(changed) => Cow::Owned(changed),
            Err(error) => {
                // It was tried on these calendars before it was recorded.
                tracing::error!("a change of the calendar does not hold: {error}");
                Cow::Borrowed(&self.calendars)
            }
        }
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

    /// The kinds of mail that have a text.
    pub(crate) fn kinds(&self) -> BTreeSet<&str> {
        let all = self.bundle.below("mail").filter_map(|(name, _)| name.strip_suffix(".en.txt"));
        all.filter(|kind| *kind != "footer").collect()
    }

    /// The text under every mail.
    pub(crate) fn footer(&self) -> Result<&str, Problem> {
        self.bundle.text(FOOTER)
    }
}

/// Takes a text apart: `Subject: …`, perhaps `Calendar: deadline`, then what follows.
fn written<'a>(file: &str, text: &'a str) -> Result<Text<'a>, Problem> {
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

/// Tries every mail text of a workflow.
///
/// # Errors
/// The first problem, with file and line: a step's text that is missing, a text without a subject, a template that cannot be
/// read, an unknown variable.
pub fn check(bundle: &Bundle, definition: &Definition) -> Result<(), Problem> {
    let texts = Texts::read(bundle.clone())?;
    for step in &definition.steps {
        if let Some(text) = step.action.mail()
            && texts.text(text, "en")?.is_none()
        {
            let message = format!("the step {} sends the mail `{text}`, but there is no mail/{text}.en.txt", step.id);
            return Err(Problem::of_file("workflow.toml", message).suggest(text, texts.kinds()));
        }
    }
    let known = texts.languages();
    if let Some(expected) = definition.expected.iter().find(|expected| !known.contains(&expected.language)) {
        let what = format!(
            "{} is written to in `{}`, for which there is no mail/sentences file",
            expected.country, expected.language
        );
        return Err(
            Problem::of_file("participants.toml", what).suggest(&expected.language, known.iter().map(String::as_str))
        );
    }
    let copies = |step: &&Step| matches!(&step.action, Action::Mail { copy, .. } if !copy.is_empty());
    if let Some(step) = definition.steps.iter().find(copies)
        && texts.sentences("en").is_none_or(|sentences| sentences.copy.is_empty())
    {
        let message = format!("the step {} sends copies: the sentence `copy` says above one what it is", step.id);
        return Err(Problem::of_file("mail/sentences.en.toml", message));
    }
    if definition.gather_minutes > 0 && texts.text(crate::compose::SEVERAL, "en")?.is_none() {
        let message = format!("mail is gathered, but there is no mail/{}.en.txt", crate::compose::SEVERAL);
        return Err(Problem::of_file("workflow.toml", message));
    }
    template(FOOTER, texts.footer()?, &VARIABLES)?;
    for (name, text) in bundle.below("mail") {
        let file = format!("mail/{name}");
        if name.ends_with(".txt") && file != FOOTER {
            written(&file, text)?;
            template(&file, text, &VARIABLES)?;
        }
    }
    for (language, sentences) in &texts.sentences {
        let file = format!("mail/sentences.{language}.toml");
        let kinds = texts.kinds();
        if let Some(unknown) = sentences.mail.keys().find(|kind| !kinds.contains(kind.as_str())) {
            let text = bundle.text(&file)?;
            let offset = text.find(unknown.as_str()).unwrap_or(0);
            let message = format!("`{unknown}` is no kind of mail of this workflow");
            return Err(Problem::at(&file, text, offset, message).suggest(unknown, kinds));
        }
        template(&file, &sentences.copy, &[&VARIABLES[..], &["to"]].concat())?;
        for text in [&sentences.greeting, &sentences.below].into_iter().chain(sentences.mail.values()) {
            template(&file, text, &VARIABLES)?;
        }
    }
    texts.shell.as_ref().map_or(Ok(()), |html| template(SHELL, html, &SHELL_VARIABLES))
}

/// The shell as HTML.
fn shell(text: &str) -> Result<String, Problem> {
    let wrong = |what: String| Problem::of_file(SHELL, format!("the shell is no MJML: {what}"));
    let parsed = mrml::parse(text).map_err(|e| wrong(e.to_string()))?;
    parsed.element.render(&mrml::prelude::render::RenderOptions::default()).map_err(|e| wrong(e.to_string()))
}

/// Tries a template: it can be read, and speaks of nothing that a mail does not know.
fn template(file: &str, text: &str, variables: &[&str]) -> Result<(), Problem> {
    let environment = Environment::new();
    let template = environment.template_from_str(text).map_err(|error| {
        let what = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
        Problem::on_line(file, error.line().unwrap_or(1), format!("the text cannot be filled in: {what}"))
    })?;
    let used: BTreeSet<String> = template.undeclared_variables(false).into_iter().collect();
    match used.iter().find(|variable| !variables.contains(&variable.as_str())) {
        None => Ok(()),
        Some(unknown) => {
            let offset = text.find(unknown.as_str()).unwrap_or(0);
            let message = format!("`{unknown}` is nothing a mail knows; it knows {}", variables.join(", "));
            Err(Problem::at(file, text, offset, message).suggest(unknown, variables.iter().copied()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_in_a_text_is_placed() {
        let told = |text: &str| template("mail/x.en.txt", text, &VARIABLES).unwrap_err().to_string();
        assert!(template("mail/x.en.txt", "Subject: {{ round }}\n\nDear {{ name }}", &VARIABLES).is_ok());
        assert!(told("Subject: x\n\nDear {{ nmae }}").starts_with("mail/x.en.txt:3:9: `nmae`"));
        assert!(told("Subject: x\n\nDear {{ nmae }}").contains("did you mean `name`?"));
        assert!(told("Subject: x\n\nDear {{ name").starts_with("mail/x.en.txt:3:"));
    }

    #[test]
    fn the_first_lines_say_subject_and_entry() {
        let problem = |text: &str| written("mail/x.en.txt", text).err().unwrap().to_string();
        assert!(problem("Dear {{ name }}").contains("mail/x.en.txt:1:1: the first line"));
        assert!(problem("Subject: x\nCalendar: party\n\nCome").contains("mail/x.en.txt:2:1: `Calendar:`"));
        let text = written("mail/x.en.txt", "Subject: x\nCalendar: deadline\n\nCome").unwrap();
        assert!(text.has_deadline && text.body.trim() == "Come");
    }
}
