//! Previews: every mail as it would look now, in every language, without one being raised.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rondo_domain::notice::{NoticeBrief, TaskBrief};
use rondo_domain::run::Occurrence;
use rondo_domain::workflow::{Action, Each, Step};
use rondo_domain::world::World;
use rondo_domain::{Country, FileHash, PersonId, Role, RoundId};
use rondo_eventlog::{Fault, Ledger};
use rondo_runtime::config::MailSection;
use rondo_runtime::people::Person;

use crate::compose::{self, ComposeError, Draft, Section};
use crate::facts::{Facts, roles_in_words};
use crate::letter;
use crate::texts::{self, Texts};

/// A mail as it would look.
#[derive(Debug, Clone)]
pub struct Preview {
    /// The kind, which is the name of its text.
    pub kind: String,
    /// The language, for example `lo`.
    pub language: String,
    /// The language's own name.
    pub named: String,
    /// Whether its text is translated, or only the sentences around it.
    pub is_translated: bool,
    /// Who gets it as a copy for information, where it is one.
    pub copy: Option<Role>,
    /// The mail.
    pub draft: Draft,
}

/// Why there is no preview.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// The log failed.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The text cannot be filled in.
    #[error(transparent)]
    Compose(#[from] ComposeError),
    /// No step sends such a mail.
    #[error("there is no mail of the kind `{asked}`; there are {known}")]
    UnknownKind {
        /// What was asked for.
        asked: String,
        /// What there is.
        known: String,
    },
    /// Nothing is written in that language.
    #[error("nothing is written in the language `{asked}`; there are {known}")]
    UnknownLanguage {
        /// What was asked for.
        asked: String,
        /// What there is.
        known: String,
    },
}

/// The mails of a round as they would look to whom they are for, and those that go to others as a copy as these would see them, of
/// every kind and in every language unless one is named.
///
/// # Errors
/// When there is no such kind or language, or a text cannot be filled in.
pub async fn previews(
    ledger: &dyn Ledger,
    (world, round, pin): (&World, &RoundId, &FileHash),
    country: &Country,
    (kind, language): (Option<&str>, Option<&str>),
    (reader, mail, now): (&PersonId, &MailSection, Timestamp),
) -> Result<Vec<Preview>, PreviewError> {
    let texts = texts::load(ledger, pin).await?;
    let steps = texts.definition.steps.iter().filter_map(|step| Some((step.action.mail()?, step)));
    let known: BTreeSet<&str> = steps.clone().map(|(text, _)| text).collect();
    if let Some(asked) = kind.filter(|kind| !known.contains(kind)) {
        let known = known.into_iter().collect::<Vec<_>>().join(", ");
        return Err(PreviewError::UnknownKind { asked: asked.to_owned(), known });
    }
    let languages = texts.languages();
    if let Some(asked) = language.filter(|asked| !languages.iter().any(|known| known == asked)) {
        return Err(PreviewError::UnknownLanguage { asked: asked.to_owned(), known: languages.join(", ") });
    }
    let mut all = Vec::new();
    for text in known.iter().filter(|text| kind.is_none_or(|kind| kind == **text)) {
        let mine = steps.clone().filter(|(other, _)| other == text).map(|(_, step)| step);
        let first = mine.clone().next().map(|step| (step, None));
        let copied = mine.clone().find_map(|step| match &step.action {
            Action::Mail { copy, .. } => copy.first().map(|role| (step, Some(*role))),
            _ => None,
        });
        for language in languages.iter().filter(|own| language.is_none_or(|asked| asked == own.as_str())) {
            for (step, copy) in first.into_iter().chain(copied) {
                let sample = Sample { texts: &texts, step, text, language, copy };
                all.push(sample.preview(world, round, country, (reader, mail, now))?);
            }
        }
    }
    Ok(all)
}

/// A mail to be shown: of a step, in a language, as it goes to whom it is for or to somebody as a copy.
struct Sample<'t> {
    texts: &'t Texts,
    step: &'t Step,
    text: &'t str,
    language: &'t str,
    copy: Option<Role>,
}

impl Sample<'_> {
    /// The mail. A copy names the roles that get it itself, whether or not anybody holds them yet.
    fn preview(
        &self,
        world: &World,
        round: &RoundId,
        country: &Country,
        (reader, mail, now): (&PersonId, &MailSection, Timestamp),
    ) -> Result<Preview, ComposeError> {
        let Self { texts, step, text, language, copy } = *self;
        let person = Person {
            name: "Name of the recipient".to_owned(),
            email: "recipient@example.org".to_owned(),
            language: language.to_owned(),
            phone: None,
        };
        let brief = NoticeBrief {
            kind: text.to_owned(),
            country: (step.each == Each::Country).then(|| country.clone()),
            person: reader.clone(),
            role: copy.unwrap_or(Role::FocalPoint),
            step: step.id.clone(),
            due_at: now,
            reason: step.why.clone(),
            task: texts.definition.task(step).map(|what| TaskBrief {
                occurrence: Occurrence { step: step.id.clone(), of: "preview".into() },
                what: what.to_owned(),
            }),
            guards: Vec::new(),
        };
        let mut facts = Facts::of(world, round, &brief, &person, (texts, mail), now);
        let owed = world.round(round).and_then(|standing| standing.participants.get(country));
        facts.as_if_owing(owed.filter(|_| brief.country.is_some()).map_or(&[], |part| &part.tables));
        if let (Some(copy), None) = (copy, &facts.to) {
            facts.to = texts.definition.copied(&step.id, copy).and_then(roles_in_words);
        }
        let sections = [Section { kind: brief.kind, facts }];
        let draft = compose::draft(texts, &sections, language, letter::domain(mail))?;
        let is_translated = texts.text(text, language)?.is_some();
        let named = texts.sentences(language).map_or("English", |sentences| sentences.language.as_str()).to_owned();
        Ok(Preview { kind: text.to_owned(), language: language.to_owned(), named, is_translated, copy, draft })
    }
}
