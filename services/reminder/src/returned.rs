//! What came back: an inbound mail as a bounce (RFC 3464), an answer, or something for a person.

use mail_parser::{Address, ContentType, HeaderValue, Message, MessageParser, MimeHeaders, PartType};

/// The most bytes of a mail that are looked at; what tells a bounce stands at its beginning.
pub(crate) const MAX_READ: usize = 256 * 1024;

/// What an inbound mail says about one of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Returned {
    /// It did not arrive, for good or for now; with the status code (RFC 3463), if one was given.
    Bounce { hard: bool, status: String },
    /// It arrived.
    Delivered,
    /// Its recipient answered.
    Answer,
    /// A machine answered: somebody is away, or a list took it.
    Automatic,
}

/// By what an inbound mail names one of ours.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct About {
    /// The tokens of return paths it came to.
    pub(crate) tokens: Vec<String>,
    /// Message-IDs it refers to, without angle brackets.
    pub(crate) messages: Vec<String>,
}

/// What a mail says, and about which; nothing where it is no mail.
pub(crate) fn read(bytes: &[u8]) -> Option<(Returned, About)> {
    let bytes = &bytes[..bytes.len().min(MAX_READ)];
    let message = MessageParser::default().parse(bytes).filter(|message| !message.headers().is_empty())?;
    let about = About { tokens: tokens(&message), messages: messages(&message) };
    Some((said(&message), about))
}

fn said(message: &Message<'_>) -> Returned {
    if let Some(report) = report(message) {
        return report;
    }
    let automatic = message.header_raw("Auto-Submitted").is_some_and(|value| !value.trim().eq_ignore_ascii_case("no"));
    if automatic || message.header_raw("X-Autoreply").is_some() { Returned::Automatic } else { Returned::Answer }
}

/// A report about delivery (RFC 3464): of several recipients the worst counts, since ours have one each.
fn report(message: &Message<'_>) -> Option<Returned> {
    let mut found = None;
    for part in &message.parts {
        let is_status = |kind: &ContentType<'_>| {
            kind.ctype().eq_ignore_ascii_case("message") && kind.subtype() == Some("delivery-status")
        };
        if !part.content_type().is_some_and(is_status) {
            continue;
        }
        let text = match &part.body {
            PartType::Text(text) => text.to_string(),
            PartType::Binary(bytes) | PartType::InlineBinary(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            _ => continue,
        };
        let field = |name: &str| {
            let of = |line: &str| {
                let (key, value) = line.split_once(':')?;
                key.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_ascii_lowercase())
            };
            text.lines().find_map(of)
        };
        let status: String =
            field("Status").unwrap_or_default().chars().filter(|c| c.is_ascii_digit() || *c == '.').take(12).collect();
        found = match field("Action").as_deref() {
            Some("failed") => Some(Returned::Bounce { hard: !status.starts_with('4'), status }),
            Some("delayed") => Some(Returned::Bounce { hard: false, status }),
            Some("delivered" | "relayed" | "expanded") => Some(Returned::Delivered),
            _ => found,
        };
    }
    found
}

/// The tokens in addresses of the form `name+TOKEN@domain` to which the mail came.
fn tokens(message: &Message<'_>) -> Vec<String> {
    let mut addresses: Vec<String> = Vec::new();
    for name in ["To", "Delivered-To", "X-Original-To", "Envelope-To"] {
        match message.header(name) {
            Some(HeaderValue::Address(Address::List(list))) => {
                addresses.extend(list.iter().filter_map(|one| one.address.as_ref().map(ToString::to_string)));
            }
            Some(HeaderValue::Text(text)) => addresses.push(text.to_string()),
            _ => {}
        }
    }
    let token = |address: &String| {
        let user = address.trim().trim_start_matches('<').split('@').next()?;
        user.split_once('+').map(|(_, token)| token.to_owned())
    };
    addresses.iter().filter_map(token).collect()
}

/// Message-IDs that the mail refers to; of a bounce, that of the mail it gives back.
fn messages(message: &Message<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for value in [message.in_reply_to(), message.references()] {
        match value {
            HeaderValue::Text(text) => found.push(text.to_string()),
            HeaderValue::TextList(all) => found.extend(all.iter().map(ToString::to_string)),
            _ => {}
        }
    }
    for part in &message.parts {
        match &part.body {
            PartType::Message(inner) => found.extend(inner.message_id().map(str::to_owned)),
            PartType::Text(text)
                if part.content_type().is_some_and(|kind| kind.subtype() == Some("rfc822-headers")) =>
            {
                let line = |line: &str| {
                    let (key, value) = line.split_once(':')?;
                    key.eq_ignore_ascii_case("message-id").then(|| value.trim().trim_matches(['<', '>']).to_owned())
                };
                found.extend(text.lines().find_map(line));
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNCE: &str = "From: MAILER-DAEMON@mx.example.org\r\nTo: bounces+abc123@example.org\r\nSubject: failed\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nIt failed.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.org\r\n\r\nFinal-Recipient: rfc822; x@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <n.r@example.org>\r\n\r\n--b--\r\n";

    #[test]
    fn a_report_is_a_bounce_hard_or_soft() {
        let (said, about) = read(BOUNCE.as_bytes()).unwrap();
        assert_eq!(said, Returned::Bounce { hard: true, status: "5.1.1".to_owned() });
        assert_eq!(about.tokens, ["abc123"]);
        assert_eq!(about.messages, ["n.r@example.org"]);
        let (said, _) = read(BOUNCE.replace("failed\r\nStatus: 5.1.1", "delayed\r\nStatus: 4.2.2").as_bytes()).unwrap();
        assert_eq!(said, Returned::Bounce { hard: false, status: "4.2.2".to_owned() });
        let (said, _) = read(BOUNCE.replace("Action: failed", "Action: delivered").as_bytes()).unwrap();
        assert_eq!(said, Returned::Delivered);
    }

    #[test]
    fn a_person_answers_and_a_machine_only_replies() {
        let text = "From: a@example.org\r\nTo: ilms-help@example.org\r\nIn-Reply-To: <n.r@example.org>\r\nSubject: Re\r\n\r\nYes.\r\n";
        let (said, about) = read(text.as_bytes()).unwrap();
        assert_eq!((said, about.messages.as_slice()), (Returned::Answer, &["n.r@example.org".to_owned()][..]));
        let away = text.replace("Subject", "Auto-Submitted: auto-replied\r\nSubject");
        assert_eq!(read(away.as_bytes()).unwrap().0, Returned::Automatic);
        assert_eq!(read(b""), None);
    }
}
