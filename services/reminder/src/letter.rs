//! A letter: a draft as the message that leaves, with the headers by which machines know it.

use jiff::Timestamp;
use lettre::Address;
use lettre::address::Envelope;
use lettre::message::dkim::{DkimCanonicalization, DkimCanonicalizationType, DkimConfig};
use lettre::message::header::{self, ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Body, Mailbox, MultiPart, SinglePart};
use rondo_domain::RoundId;
use rondo_runtime::config::MailSection;
use rondo_runtime::people::Person;

use crate::compose::{ComposeError, Draft};
use crate::outbox::NoticeKey;
use crate::return_path::ReturnPath;
use crate::transport::Signer;

/// A mail, ready to leave.
#[derive(Debug, Clone)]
pub struct Letter {
    /// A name for it that is the same for every attempt.
    pub name: String,
    /// The message.
    pub message: lettre::Message,
    /// Whether it brings nothing, and only tries the way.
    pub is_test: bool,
}

/// The headers that a signature covers (RFC 6376, section 5.4): those that say from whom, to whom, what, and what to do with it.
const SIGNED: [&str; 12] = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
    "Reply-To",
    "References",
    "In-Reply-To",
    "Auto-Submitted",
    "List-Unsubscribe",
];

/// The domain of the sender.
pub(crate) fn domain(mail: &MailSection) -> &str {
    mail.from.rsplit('@').next().unwrap_or("localhost").trim_end_matches('>')
}

/// The Message-ID of a notice, at the sender's domain.
pub(crate) fn message_id(key: &NoticeKey, mail: &MailSection) -> String {
    format!("<{}.{}@{}>", key.1, key.0, domain(mail))
}

/// What a mail is an answer to, so that all mail about a country in a round stands in one thread (RFC 5322, section 3.6.4).
fn thread(round: &RoundId, place: Option<&str>, mail: &MailSection) -> String {
    format!("<{}.{round}@{}>", place.unwrap_or("round"), domain(mail))
}

/// The message of a draft to a person, named after the notice that leads it, under this Message-ID.
pub(crate) fn letter(
    draft: &Draft,
    person: &Person,
    (key, place, id): (&NoticeKey, Option<&str>, String),
    (mail, signer, returns): (&MailSection, Option<&Signer>, Option<&ReturnPath>),
    now: Timestamp,
) -> Result<Letter, ComposeError> {
    let from: Mailbox = mail.from.parse()?;
    let to = Mailbox::new(Some(person.name.clone()), person.email.parse()?);
    let back = match returns {
        Some(returns) => returns.address(key).parse()?,
        None => from.email.clone(),
    };
    let thread = thread(&key.0, place, mail);
    let builder = lettre::Message::builder()
        .envelope(Envelope::new(Some(back), vec![to.email.clone()])?)
        .from(from)
        .reply_to(mail.reply_to.parse()?)
        .to(to)
        .message_id(Some(id))
        .in_reply_to(thread.clone())
        .references(thread)
        .date(now.into())
        .subject(draft.subject.as_str())
        .header(AutoSubmitted)
        .header(AutoResponseSuppress);
    let whole = parts(draft);
    let kind = whole.headers().get::<ContentType>().unwrap_or(ContentType::TEXT_PLAIN);
    // A signature covers the headers of the message itself, among which the kind of a multipart is only when set by hand. Every
    // part is encoded by now, so that the whole is of seven bits.
    let body = Body::dangerous_pre_encoded(without_headers(whole.formatted()), ContentTransferEncoding::SevenBit);
    let mut message = builder.header(kind).body(body)?;
    if let Some(signer) = signer {
        message.sign(&signature(signer)?);
    }
    Ok(Letter { name: format!("{}.{}", key.0, key.1), message, is_test: false })
}

/// A mail that says that it is a test of how mail leaves.
pub(crate) fn test(
    mail: &MailSection,
    signer: Option<&Signer>,
    to: Address,
    now: Timestamp,
) -> Result<Letter, ComposeError> {
    let from: Mailbox = mail.from.parse()?;
    let back = mail.bounces.as_deref().map(str::parse).transpose()?.unwrap_or_else(|| from.email.clone());
    let name = format!("test.{}", now.as_millisecond());
    let body = "This is a test of how mail leaves. Nothing needs to be done.\r\n".to_owned();
    let mut message = lettre::Message::builder()
        .envelope(Envelope::new(Some(back), vec![to.clone()])?)
        .from(from)
        .reply_to(mail.reply_to.parse()?)
        .to(Mailbox::new(None, to))
        .message_id(Some(format!("<{name}@{}>", domain(mail))))
        .date(now.into())
        .subject("Test: does mail leave?")
        .header(AutoSubmitted)
        .header(ContentType::TEXT_PLAIN)
        .body(body)?;
    if let Some(signer) = signer {
        message.sign(&signature(signer)?);
    }
    Ok(Letter { name, message, is_test: true })
}

/// The parts of a message: text and the same in HTML, then the calendar entry.
fn parts(draft: &Draft) -> MultiPart {
    let body = match &draft.html {
        Some(html) => MultiPart::alternative_plain_html(draft.plain.clone(), html.clone()),
        None => MultiPart::alternative().singlepart(SinglePart::plain(draft.plain.clone())),
    };
    let kind = ContentType::parse("text/calendar; charset=utf-8; method=PUBLISH").ok();
    match draft.entry.clone().zip(kind) {
        Some((entry, kind)) => {
            let entry = Attachment::new("deadline.ics".to_owned()).body(entry, kind);
            MultiPart::mixed().multipart(body).singlepart(entry)
        }
        None => body,
    }
}

/// The bytes behind the empty line that ends the headers.
fn without_headers(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").map_or(0, |at| at + 4);
    bytes.split_off(end)
}

fn signature(signer: &Signer) -> Result<DkimConfig, ComposeError> {
    let headers = SIGNED.map(HeaderName::new_from_ascii_str).to_vec();
    let relaxed = DkimCanonicalizationType::Relaxed;
    let canonical = DkimCanonicalization { header: relaxed, body: relaxed };
    Ok(DkimConfig::new(signer.selector.clone(), signer.domain.clone(), signer.key()?, headers, canonical))
}

/// Asks Exchange for no receipts and no answers of rules; reports of failure and notes of absence are read here (MS-OXCMAIL).
#[derive(Debug, Clone, Copy)]
struct AutoResponseSuppress;

impl header::Header for AutoResponseSuppress {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("X-Auto-Response-Suppress")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "DR, RN, NRN, AutoReply".to_owned())
    }
}

/// Says that no person wrote this mail just now (RFC 3834).
#[derive(Debug, Clone, Copy)]
struct AutoSubmitted;

impl header::Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}
