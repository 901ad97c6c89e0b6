//! Composing: a mail's subject and text from facts, in the recipient's language with English beneath.

use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context};
use rondo_domain::workflow::Problem;

use crate::bounds;
use crate::entry;
use crate::facts::Facts;
use crate::texts::{SEVERAL, Texts};

/// What every language falls back to.
const ENGLISH: &str = "en";

/// What filling a text in may cost, in instructions of its template; the digest of 190 countries takes a hundredth.
const MOST_WORK: u64 = 1_000_000;

/// The longest part of a mail, in bytes.
const LONGEST: usize = 512 * 1024;

/// Why a mail cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// The text is missing or wrong.
    #[error(transparent)]
    Text(#[from] Problem),
    /// A variable is unknown, or the text is not a template.
    #[error("the mail text `{name}` cannot be filled in")]
    Template {
        /// Which.
        name: String,
        /// Why.
        source: minijinja::Error,
    },
    /// An address is malformed.
    #[error("an address of this mail is malformed")]
    Address(#[from] lettre::address::AddressError),
    /// The key cannot sign.
    #[error("the key for signing mail cannot be used")]
    Key(#[from] lettre::message::dkim::DkimSigningKeyError),
    /// The message cannot be built.
    #[error("the message cannot be built")]
    Message(#[from] lettre::error::Error),
}

impl ComposeError {
    /// The line of a text, from 1, at which it cannot be filled in, and why.
    pub(crate) fn told(&self) -> (usize, String) {
        let Self::Template { source, .. } = self else { return (1, self.to_string()) };
        let beneath = std::error::Error::source(source).map(ToString::to_string);
        let detail = beneath.or_else(|| source.detail().map(str::to_owned));
        (source.line().unwrap_or(1), detail.unwrap_or_else(|| source.kind().to_string()))
    }
}

/// A mail as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Its subject.
    pub subject: String,
    /// The whole of it as plain text.
    pub plain: String,
    /// The same in HTML, where the workflow has a shell for it.
    pub html: Option<String>,
    /// An entry for the recipient's calendar (RFC 5545).
    pub entry: Option<String>,
}

/// What one notice has to say.
#[derive(Debug, Clone)]
pub(crate) struct Section {
    pub(crate) kind: String,
    pub(crate) facts: Facts,
}

/// The mail that says what these notices have to say to one person.
pub(crate) fn draft(texts: &Texts, sections: &[Section], language: &str, domain: &str) -> Result<Draft, ComposeError> {
    let Some(first) = sections.first() else {
        return Err(Problem::of_file("mail", "there is nothing to say").into());
    };
    let english = match sections {
        [one] => english(texts, one)?,
        _ => several(texts, sections)?,
    };
    let told = if language == ENGLISH { None } else { local(texts, sections, language)? };
    let footer = fill("footer", &first.facts, texts.footer()?)?;
    let mut plain = String::new();
    if let Some(told) = &told {
        plain.push_str(told.body.trim_end());
        plain.push_str("\n\n---- English ----\n\n");
    }
    plain.push_str(&format!("{}\n{footer}", english.body.trim()));
    let subject = match told.and_then(|told| told.subject) {
        Some(subject) => format!("{subject} / {}", english.subject),
        None => english.subject,
    };
    let html = texts.shell.as_ref().map(|shell| page(shell, &subject, &first.facts.round, &plain, language));
    let with_entry = sections.iter().find(|section| has_deadline(texts, &section.kind));
    let entry = with_entry.and_then(|section| entry::deadline(&section.facts, domain));
    Ok(Draft { subject, plain, html: html.transpose()?, entry })
}

struct Filled {
    subject: String,
    body: String,
}

struct Local {
    subject: Option<String>,
    body: String,
}

fn has_deadline(texts: &Texts, kind: &str) -> bool {
    texts.text(kind, ENGLISH).ok().flatten().is_some_and(|text| text.has_deadline)
}

/// The English text, which is always there.
fn english(texts: &Texts, section: &Section) -> Result<Filled, ComposeError> {
    let filled = body(texts, section)?;
    let greeting = match texts.sentences(ENGLISH) {
        Some(sentences) => format!("{}\n\n", fill("sentences", &section.facts, &sentences.greeting)?),
        None => String::new(),
    };
    Ok(Filled { body: format!("{greeting}{}", filled.body.trim()), ..filled })
}

fn body(texts: &Texts, section: &Section) -> Result<Filled, ComposeError> {
    let kind = section.kind.as_str();
    let missing = || Problem::of_file(&format!("mail/{kind}.{ENGLISH}.txt"), "there is no such text");
    let text = texts.text(kind, ENGLISH)?.ok_or_else(missing)?;
    let subject = one_line(&fill(kind, &section.facts, text.subject)?);
    let body = fill(kind, &section.facts, text.body)?;
    match texts.sentences(ENGLISH).filter(|_| section.facts.to.is_some()) {
        None => Ok(Filled { subject, body }),
        Some(sentences) => {
            let above = fill("sentences", &section.facts, &sentences.copy)?;
            let quoted: Vec<String> =
                body.trim().lines().map(|line| format!("> {line}").trim_end().to_owned()).collect();
            Ok(Filled { subject: format!("Copy: {subject}"), body: format!("{above}\n\n{}", quoted.join("\n")) })
        }
    }
}

/// Several messages in one mail, each under its own heading.
fn several(texts: &Texts, sections: &[Section]) -> Result<Filled, ComposeError> {
    let mut lead = sections[0].clone();
    lead.kind = SEVERAL.to_owned();
    (lead.facts.count, lead.facts.to) = (sections.len(), None);
    let mut all = english(texts, &lead)?;
    for (no, section) in sections.iter().enumerate() {
        let one = body(texts, section)?;
        all.body.push_str(&format!("\n\n{}. {}\n\n{}", no + 1, one.subject, one.body.trim()));
    }
    Ok(all)
}

/// What stands above the English text: the translation where there is one, or else what it is about and that English follows.
fn local(texts: &Texts, sections: &[Section], language: &str) -> Result<Option<Local>, ComposeError> {
    let Some(sentences) = texts.sentences(language) else { return Ok(None) };
    let first = &sections[0];
    let mut body = format!("{}\n\n", fill("sentences", &first.facts, &sentences.greeting)?);
    let (mut subject, mut is_whole) = (None, true);
    for section in sections {
        if section.facts.to.is_some() && !sentences.copy.is_empty() {
            body.push_str(&format!("{}\n\n", fill("sentences", &section.facts, &sentences.copy)?));
        }
        if let Some(text) = texts.text(&section.kind, language)? {
            subject = Some(one_line(&fill(&section.kind, &section.facts, text.subject)?));
            body.push_str(&format!("{}\n\n", fill(&section.kind, &section.facts, text.body)?.trim()));
            continue;
        }
        is_whole = false;
        if let Some(sentence) = sentences.mail.get(&section.kind) {
            body.push_str(&format!("{}\n{}\n\n", fill(&section.kind, &section.facts, sentence)?, section.facts.link));
        }
    }
    if !is_whole {
        body.push_str(&fill("sentences", &first.facts, &sentences.below)?);
    }
    Ok(Some(Local { subject: subject.filter(|_| sections.len() == 1), body }))
}

/// A text on one line, with single blanks.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(crate) fn fill(name: &str, facts: &Facts, text: &str) -> Result<String, ComposeError> {
    // A round goes by the texts it was planned with, whatever the check of that time took.
    bounds::hold(name, text)?;
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_keep_trailing_newline(true);
    render(name, environment, text, Value::from_serialize(facts))
}

fn render(name: &str, mut environment: Environment<'_>, text: &str, facts: Value) -> Result<String, ComposeError> {
    environment.set_fuel(Some(MOST_WORK));
    let failed = |source| ComposeError::Template { name: name.to_owned(), source };
    let mut filled = Bounded(Vec::new());
    environment.template_from_str(text).map_err(failed)?.render_captured_to(facts, &mut filled).map_err(failed)?;
    // Texts and facts are UTF-8, and so is what is made of them.
    Ok(String::from_utf8_lossy(&filled.0).into_owned())
}

/// What a text becomes, as long as that is a mail's length.
struct Bounded(Vec<u8>);

impl std::io::Write for Bounded {
    fn write(&mut self, some: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + some.len() > LONGEST {
            return Err(std::io::Error::other(format!("it becomes longer than {LONGEST} bytes")));
        }
        self.0.extend_from_slice(some);
        Ok(some.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The mail as HTML: made from the plain text, so that the two cannot say different things.
pub(crate) fn page(
    shell: &str,
    subject: &str,
    round: &str,
    plain: &str,
    language: &str,
) -> Result<String, ComposeError> {
    let mut environment = Environment::empty();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let body = Value::from_safe_string(paragraphs(plain));
    render("shell", environment, shell, context! { subject, round, body, language })
}

/// Paragraphs of HTML from plain text: blank lines part them, a line that is an address becomes a link.
fn paragraphs(plain: &str) -> String {
    let mut html = String::new();
    for block in plain.trim().split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
        let lines: Vec<String> = block.lines().map(|line| linked(line.trim())).collect();
        html.push_str(&format!("<p>{}</p>\n", lines.join("<br>\n")));
    }
    html
}

fn linked(line: &str) -> String {
    let text = escaped(line);
    let is_address = (line.starts_with("https://") || line.starts_with("http://")) && !line.contains(' ');
    if is_address { format!("<a href=\"{text}\">{text}</a>") } else { text }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_becomes_paragraphs_and_links_and_nothing_else() {
        let html = paragraphs("Dear <b>Ann</b>,\n\nsee\nhttps://example.org/r?a=1&b=2\n\nBye");
        assert_eq!(
            html,
            "<p>Dear &lt;b&gt;Ann&lt;/b&gt;,</p>\n<p>see<br>\n<a href=\"https://example.org/r?a=1&amp;b=2\">https://example.org/r?a=1&amp;b=2</a></p>\n<p>Bye</p>\n"
        );
    }
}
