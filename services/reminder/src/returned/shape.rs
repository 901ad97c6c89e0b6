//! The structure of an inbound mail: its headers, its own words, the fields of a report, and what it gives back of ours.

use mail_parser::{Message, MessageParser, MessagePart, MimeHeaders, PartType};

use super::original;
use crate::compose::one_line;

/// A mail taken apart.
#[derive(Debug, Default)]
pub(super) struct Shape {
    /// Header names in lower case with their values, unfolded and decoded.
    headers: Vec<(String, String)>,
    /// The addresses of its writers, in lower case: not what else their names say.
    pub(super) from: Vec<String>,
    /// The subject in lower case, on one line.
    pub(super) subject: String,
    /// What its writer says, without what it gives back of another mail.
    pub(super) words: String,
    /// The text of each report about delivery (RFC 3464, RFC 6533).
    pub(super) status: Vec<String>,
    /// Whether that is a part of its own, as it should be; not within the words.
    pub(super) has_status_part: bool,
    /// The text of a report about a reader's display of a mail (RFC 8098).
    pub(super) display: Option<String>,
    /// The text of a complaint (RFC 5965).
    pub(super) feedback: Option<String>,
    /// Whether it is a report of any kind (RFC 6522).
    pub(super) is_report: bool,
    /// The headers of the mail that it gives back.
    pub(super) given_back: String,
}

impl Shape {
    /// The structure of a mail; nothing where the bytes are none.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.trim_ascii_start();
        let message = MessageParser::default().parse(bytes).filter(|message| !message.headers().is_empty())?;
        let mut shape = Self { headers: headers(&message), ..Self::default() };
        // Anything has something like a header; a mail has one of these (RFC 5322, section 3.6).
        let is_mail = ["from", "to", "date", "subject", "received", "return-path"];
        if is_mail.iter().all(|name| shape.header(name).is_none()) {
            return None;
        }
        let from = message.from().into_iter().flat_map(|from| from.iter());
        shape.from = from.filter_map(|one| one.address()).map(|address| address.trim().to_lowercase()).collect();
        shape.subject = one_line(message.subject().unwrap_or_default()).to_lowercase();
        shape.is_report = message.content_type().is_some_and(|kind| {
            kind.ctype().eq_ignore_ascii_case("multipart") && kind.subtype().is_some_and(is("report"))
        });
        let mut texts = Vec::new();
        for part in &message.parts {
            shape.take(part, bytes, &mut texts);
        }
        let whole = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
        let body = whole.split_once("\n\n").map_or("", |(_, body)| body);
        if shape.status.is_empty() && texts.iter().all(|text| text.trim().is_empty()) {
            // The parts are not where the mail says: its body is read as it stands.
            texts.push(body.to_owned());
        }
        shape.has_status_part = !shape.status.is_empty();
        let (words, below) = original::parted(&texts.join("\n"));
        shape.words = words;
        shape.given_back.push_str(&below);
        if shape.status.is_empty() && shape.display.is_none() && shape.feedback.is_none() {
            // Some write the report into their words, and some announce parts that are not there.
            let is_in = |text: &str| text.lines().any(|line| line.to_lowercase().starts_with("final-recipient:"));
            let within =
                [shape.words.as_str(), if shape.is_report { body } else { "" }].into_iter().find(|text| is_in(text));
            shape.status.extend(within.map(str::to_owned));
        }
        Some(shape)
    }

    fn take(&mut self, part: &MessagePart<'_>, bytes: &[u8], texts: &mut Vec<String>) {
        let kind = part
            .content_type()
            .map(|kind| format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default()).to_ascii_lowercase());
        match kind.as_deref().unwrap_or("text/plain") {
            "message/delivery-status" | "message/global-delivery-status" => self.status.push(body(part, bytes)),
            "message/disposition-notification" | "message/global-disposition-notification" => {
                self.display = Some(body(part, bytes));
            }
            "message/feedback-report" => self.feedback = Some(body(part, bytes)),
            "text/rfc822-headers" | "text/rfc822" | "message/global-headers" => {
                self.given_back.push_str(&body(part, bytes));
            }
            kind if kind.starts_with("message/") => self.given_back.push_str(&head(part, bytes)),
            kind if kind.starts_with("text/") => {
                let text = body(part, bytes);
                // An alternative form says the same once more.
                if (texts.is_empty() || kind != "text/html") && !text.trim().is_empty() {
                    texts.push(text);
                }
            }
            _ => {}
        }
    }

    /// The values of a header, whose name is given in lower case.
    pub(super) fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s str> {
        self.headers.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first value of a header, whose name is given in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether nothing is to be sent back to it, as to reports and to automatic answers: its return path is empty, or the name
    /// that some mail servers write in the place of an empty one.
    pub(super) fn has_no_return_path(&self) -> bool {
        let nobody = |path: &str| matches!(path.trim(), "" | "<>") || is_of(path, &SYSTEMS) || is_of(path, &NOBODY);
        self.header("return-path").is_some_and(nobody)
    }

    /// Whether a program wrote it that nobody writes to, by its sender.
    pub(super) fn is_of_a_daemon(&self) -> bool {
        self.is_from(|value| is_of(value, &SYSTEMS) || is_of(value, &NOBODY)) || self.is_from_nobody()
    }

    /// Whether a mail system wrote it, by its sender.
    pub(super) fn is_of_a_mail_system(&self) -> bool {
        self.is_from(|value| is_of(value, &SYSTEMS)) || self.is_from_nobody()
    }

    /// Whether its sender is an empty address, as some mail systems have it that put their empty return path there too: nobody
    /// who answers, nor a program that answers for somebody, writes as nobody.
    pub(super) fn is_from_nobody(&self) -> bool {
        let empty = |value: &str| value.trim().is_empty() || value.trim_end().ends_with("<>");
        self.header("from").is_some_and(empty)
    }

    fn is_from(&self, is_one: impl Fn(&str) -> bool) -> bool {
        ["from", "sender"].into_iter().any(|name| self.header(name).is_some_and(&is_one))
    }
}

/// Users from whose addresses only mail systems write.
const SYSTEMS: [&str; 12] = [
    "mailer-daemon",
    "mailerdaemon",
    "mail-daemon",
    "mail_daemon",
    "postmaster",
    "postoffice",
    "microsoftexchange329e71ec88ae4615bbc36ab6ce41109e",
    "double-bounce",
    "maildelivery",
    "bounce-daemon",
    "post_master",
    "mailadmin",
];

/// Users from whose addresses programs of any kind write.
const NOBODY: [&str; 5] = ["no-reply", "noreply", "no_reply", "do-not-reply", "donotreply"];

/// Whether an address is of one of these users, or bears the name of a mail system.
fn is_of(value: &str, users: &[&str]) -> bool {
    let value = value.to_lowercase();
    let address = value.rsplit('<').next().unwrap_or_default();
    let user = address.split('@').next().unwrap_or_default().trim_matches([' ', '"', '>']);
    users.contains(&user)
        || ["mail delivery sub", "mail delivery system", "mailer-daemon"].iter().any(|name| value.contains(name))
}

fn is(wanted: &'static str) -> impl Fn(&str) -> bool {
    move |found| found.eq_ignore_ascii_case(wanted)
}

fn headers(message: &Message<'_>) -> Vec<(String, String)> {
    message.headers_raw().map(|(name, value)| (name.to_ascii_lowercase(), one_line(value))).collect()
}

/// The text of a part, of HTML without its markup.
fn body(part: &MessagePart<'_>, bytes: &[u8]) -> String {
    match &part.body {
        PartType::Text(text) => text.to_string(),
        PartType::Html(html) => mail_parser::decoders::html::html_to_text(html),
        PartType::Binary(bytes) | PartType::InlineBinary(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        PartType::Message(_) | PartType::Multipart(_) => raw(part, bytes),
    }
}

fn raw(part: &MessagePart<'_>, bytes: &[u8]) -> String {
    let of = bytes.get(part.raw_body_offset() as usize..part.raw_end_offset() as usize);
    String::from_utf8_lossy(of.unwrap_or_default()).into_owned()
}

/// The headers of a mail within the mail.
fn head(part: &MessagePart<'_>, bytes: &[u8]) -> String {
    let text = body(part, bytes).replace("\r\n", "\n");
    text.trim_start().split("\n\n").next().unwrap_or_default().to_owned()
}
