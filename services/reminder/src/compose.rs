//! Composing: a mail's text from what is true at the moment of sending. Never a figure, never a finding.

use jiff::Timestamp;
use jiff::civil::Time;
use lettre::message::{Mailbox, header};
use minijinja::{Environment, UndefinedBehavior, context};
use rondo_domain::calendar::{Moment, read_calendars};
use rondo_domain::notice::NoticeBrief;
use rondo_domain::table::TableNo;
use rondo_domain::world::World;
use rondo_runtime::config::MailSection;
use rondo_runtime::people::Person;

use crate::delivery::Texts;
use crate::outbox::NoticeKey;

/// Why a mail cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// The text is missing or wrong.
    #[error(transparent)]
    Text(#[from] rondo_domain::workflow::Problem),
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
    /// The message cannot be built.
    #[error("the message cannot be built")]
    Message(#[from] lettre::error::Error),
}

/// A mail, ready to leave.
#[derive(Debug, Clone)]
pub struct Letter {
    /// A name for it that is the same for every attempt.
    pub name: String,
    /// The message.
    pub message: lettre::Message,
}

/// What texts may speak of.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    round: String,
    country: String,
    deadline: String,
    missing: Vec<TableNo>,
    owed: Vec<TableNo>,
    years: String,
    link: String,
    text: String,
    now: Timestamp,
}

/// The Message-ID of a notice, at the sender's domain.
pub(crate) fn message_id(key: &NoticeKey, mail: &MailSection) -> String {
    let domain = mail.from.rsplit('@').next().unwrap_or("localhost").trim_end_matches('>');
    format!("<{}.{}@{domain}>", key.1, key.0)
}

pub(crate) fn facts(
    world: &World,
    key: &NoticeKey,
    brief: &NoticeBrief,
    person: &Person,
    texts: &Texts,
    mail: &MailSection,
    now: Timestamp,
) -> Facts {
    let round = world.round(&key.0);
    let participant = brief.country.as_ref().and_then(|country| round?.participants.get(country));
    let part = brief.country.as_ref().and_then(|country| world.participation(&key.0, country));
    let calendars = texts
        .bundle
        .text("calendar/countries.toml")
        .ok()
        .zip(texts.bundle.text("calendar/holidays.csv").ok())
        .and_then(|(countries, holidays)| read_calendars(countries, holidays).ok());
    let named = |country: &rondo_domain::Country| {
        calendars
            .as_ref()
            .and_then(|all| all.get(country))
            .map_or_else(|| country.to_string(), |found| found.name.clone())
    };
    let base = mail.base_url.trim_end_matches('/');
    let place = brief.country.as_ref().map(|country| format!("/{country}")).unwrap_or_default();
    let local = format!("mail/{}.{}.txt", brief.kind, person.language);
    let english = format!("mail/{}.en.txt", brief.kind);
    Facts {
        round: round.map(|round| round.title.clone()).unwrap_or_default(),
        country: brief.country.as_ref().map(named).unwrap_or_default(),
        deadline: participant.map(|participant| in_words(&participant.deadline)).unwrap_or_default(),
        missing: part.map(|part| part.missing().collect()).unwrap_or_default(),
        owed: participant.map(|participant| participant.tables.clone()).unwrap_or_default(),
        years: round
            .map(|round| round.reference_years.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
            .unwrap_or_default(),
        link: format!("{base}/rounds/{}{place}", key.0),
        now,
        text: if texts.bundle.text(&local).is_ok() { local } else { english },
    }
}

/// A moment in words: `Friday 31 October 2025, end of day (Asia/Vientiane)`.
pub(crate) fn in_words(moment: &Moment) -> String {
    let day = moment.local.date().strftime("%A %-d %B %Y");
    let time = moment.local.time();
    let time = if time == Moment::END_OF_DAY || time == Time::midnight() {
        "end of day".to_owned()
    } else {
        time.strftime("%H:%M").to_string()
    };
    format!("{day}, {time} ({})", moment.zone)
}

fn tables(tables: &[TableNo]) -> String {
    match tables {
        [] => "no tables".to_owned(),
        [one] => format!("table {one}"),
        [most @ .., last] => {
            format!("tables {} and {last}", most.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        }
    }
}

/// The message of a notice.
pub(crate) fn letter(
    facts: &Facts,
    brief: &NoticeBrief,
    person: &Person,
    texts: &Texts,
    mail: &MailSection,
    key: &NoticeKey,
) -> Result<Letter, ComposeError> {
    let filled = fill(facts, brief, person, texts.bundle.text(&facts.text)?, mail)?;
    let footer = fill(facts, brief, person, texts.bundle.text("mail/footer.en.txt")?, mail)?;
    let (subject, body) =
        filled.strip_prefix("Subject: ").and_then(|rest| rest.split_once('\n')).unwrap_or(("Rondo", filled.as_str()));
    let to = Mailbox::new(Some(person.name.clone()), person.email.parse()?);
    let message = lettre::Message::builder()
        .from(mail.from.parse()?)
        .reply_to(mail.reply_to.parse()?)
        .to(to)
        .message_id(Some(message_id(key, mail)))
        .date(facts.now.into())
        .subject(subject.trim())
        .header(AutoSubmitted)
        .header(header::ContentType::TEXT_PLAIN)
        .body(format!("{}\n{footer}", body.trim_start()))?;
    Ok(Letter { name: format!("{}.{}", key.0, key.1), message })
}

fn fill(
    facts: &Facts,
    brief: &NoticeBrief,
    person: &Person,
    text: &str,
    mail: &MailSection,
) -> Result<String, ComposeError> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_keep_trailing_newline(true);
    let values = context! {
        name => person.name,
        round => facts.round,
        country => facts.country,
        deadline => facts.deadline,
        missing => tables(&facts.missing),
        missing_count => facts.missing.len(),
        owed => tables(&facts.owed),
        years => facts.years,
        link => facts.link,
        contact => mail.contact,
        notice => mail.notice,
        reason => brief.reason,
        task => brief.task.as_ref().map(|task| task.what.as_str()),
    };
    let template = |source| ComposeError::Template { name: facts.text.clone(), source };
    environment.render_str(text, values).map_err(template)
}

/// Says that no person wrote this mail just now (RFC 3834).
#[derive(Debug, Clone, Copy)]
struct AutoSubmitted;

impl header::Header for AutoSubmitted {
    fn name() -> header::HeaderName {
        header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> header::HeaderValue {
        header::HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}
