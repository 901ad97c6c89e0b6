//! What a mail server's reply means: its codes (RFC 5321, RFC 3463) and, where these leave it open, its words; and what of it may be kept.

use lettre::address::Envelope;
use rondo_domain::notice::{Hindrance, LONGEST_REPLY, Refusal};

/// In which part of the talk a reply came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The greeting and what is agreed on after it.
    Greeting,
    /// Signing in.
    Login,
    /// The sender was named.
    Sender,
    /// A recipient was named.
    Recipient,
    /// The mail itself was offered or handed over.
    Mail,
}

/// Words by which servers say that they do not pass mail on for us.
const RELAY: [&str; 4] = ["relaying denied", "relay access denied", "not permitted to relay", "unable to relay"];

/// Words by which servers say that they want a user name and a password.
const WANTS_LOGIN: [&str; 3] = ["authentication required", "authentication is required", "must authenticate"];

/// Words by which servers say that they know nobody of that name.
const NOBODY: [&str; 13] = [
    "no such user",
    "no such recipient",
    "no such mailbox",
    "no mailbox here",
    "unknown user",
    "user unknown",
    "unknown recipient",
    "recipient unknown",
    "does not exist",
    "doesn't exist",
    "user not found",
    "mailbox not found",
    "invalid recipient",
];

/// Words by which servers say that they make strangers wait.
const GREYLISTED: [&str; 4] = ["greylist", "graylist", "grey-list", "gray-list"];

/// What a reply says stands in the way.
pub(super) fn hindrance(stage: Stage, code: u16, text: &str) -> Hindrance {
    let text = text.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if code == 421 && stage != Stage::Mail {
        return Hindrance::Unavailable;
    }
    match stage {
        Stage::Greeting => Hindrance::Unavailable,
        Stage::Login => Hindrance::Login,
        _ if code == 530 || says(&WANTS_LOGIN) => Hindrance::Login,
        Stage::Sender if code < 500 => Hindrance::Unavailable,
        Stage::Sender => Hindrance::Sender,
        Stage::Recipient | Stage::Mail => about_mail(code, &text, says),
    }
}

fn about_mail(code: u16, text: &str, says: impl Fn(&[&str]) -> bool) -> Hindrance {
    let enhanced = enhanced(text);
    if matches!(enhanced, Some((_, 2, 2))) || says(&["mailbox full", "mailbox is full", "over quota", "quota exceeded"])
    {
        return Hindrance::MailboxFull;
    }
    if code < 500 {
        return if says(&GREYLISTED) || (code == 450 && matches!(enhanced, Some((_, 7, 1)))) {
            Hindrance::Greylisted
        } else {
            Hindrance::Busy
        };
    }
    if says(&RELAY) {
        return Hindrance::Relay;
    }
    match enhanced {
        // 5.1.7 and 5.1.8 are about the sender's address.
        Some((_, 1, 7 | 8)) => Hindrance::Policy,
        Some((_, 1, _) | (_, 2, 1)) => Hindrance::NoMailbox,
        Some((_, 3, 4) | (_, 2, 3)) => Hindrance::TooLarge,
        Some((_, 6, 7)) => Hindrance::Letters,
        Some((_, 7, _)) => Hindrance::Policy,
        _ if says(&NOBODY) => Hindrance::NoMailbox,
        // 552 is storage and 554 whatever else (RFC 5321, section 4.2.3).
        _ if code == 552 => Hindrance::TooLarge,
        _ if says(&["spam", "blocked", "blacklist", "blocklist", "policy", "reputation", "dmarc", "dkim", "spf"]) => {
            Hindrance::Policy
        }
        _ => Hindrance::Refused,
    }
}

/// The enhanced status code (RFC 3463) of a reply: its class, subject and detail.
fn enhanced(text: &str) -> Option<(u16, u16, u16)> {
    text.split([' ', ':', '-', '(', ')', '#', '[', ']', ';', ',']).find_map(|word| {
        let mut parts = word.split('.');
        let mut number = || parts.next()?.parse::<u16>().ok();
        let (class, subject, detail) = (number()?, number()?, number()?);
        (matches!(class, 4 | 5) && subject < 10 && detail < 100 && parts.next().is_none())
            .then_some((class, subject, detail))
    })
}

/// The refusal that a reply is, which may be kept for ever: without what names whom the mail was to.
pub(super) fn refusal(stage: Stage, code: u16, text: &str, envelope: Option<&Envelope>) -> Refusal {
    Refusal::of(hindrance(stage, code, text), code, &without_addresses(text, envelope))
}

/// A text in one line, without addresses, user names of recipients and numbers of a talk; bounded.
pub(super) fn without_addresses(text: &str, envelope: Option<&Envelope>) -> String {
    let users: Vec<String> = envelope
        .into_iter()
        .flat_map(|envelope| envelope.to().iter().map(|to| to.user().to_lowercase()))
        .filter(|user| user.len() > 1)
        .collect();
    let mut kept = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        let low = word.to_lowercase();
        let names =
            ["@", "%40", "=40"].iter().any(|at| low.contains(at)) || users.iter().any(|user| low.contains(user));
        let word = if names { "(address)" } else { word };
        if kept.chars().count() + word.chars().count() >= LONGEST_REPLY {
            break;
        }
        if !kept.is_empty() {
            kept.push(' ');
        }
        kept.push_str(word);
    }
    kept
}

#[cfg(test)]
mod tests {
    use rondo_domain::notice::About;

    use super::*;

    fn at(stage: Stage, code: u16, text: &str) -> Hindrance {
        hindrance(stage, code, text)
    }

    #[test]
    fn a_reply_says_what_stands_in_the_way() {
        use Hindrance as O;
        use Stage as S;
        for (stage, code, text, what) in [
            (S::Recipient, 550, "5.1.1 no such user here", O::NoMailbox),
            (S::Recipient, 550, "No such user here", O::NoMailbox),
            (S::Recipient, 550, "#5.1.0 Address rejected.", O::NoMailbox),
            (S::Recipient, 550, "5.2.1 The account is disabled", O::NoMailbox),
            (S::Recipient, 550, "5.1.8 sender address rejected", O::Policy),
            (S::Recipient, 550, "5.7.1 relaying denied", O::Relay),
            (S::Recipient, 554, "5.7.1 Relay access denied", O::Relay),
            (S::Recipient, 550, "we do not like you", O::Refused),
            (S::Recipient, 552, "5.2.2 mailbox full", O::MailboxFull),
            (S::Recipient, 452, "4.2.2 over quota", O::MailboxFull),
            (S::Recipient, 450, "4.2.0 Greylisted, see the manual", O::Greylisted),
            (S::Recipient, 451, "4.7.1 Greylisting in action", O::Greylisted),
            (S::Recipient, 450, "4.7.1 try again later", O::Greylisted),
            (S::Recipient, 451, "4.3.0 come back later", O::Busy),
            (S::Recipient, 421, "4.7.0 closing", O::Unavailable),
            (S::Recipient, 530, "5.7.0 Authentication required", O::Login),
            (S::Sender, 550, "5.7.1 sender not owned", O::Sender),
            (S::Sender, 451, "4.3.2 full", O::Unavailable),
            (S::Mail, 550, "5.7.1 content refused", O::Policy),
            (S::Mail, 554, "Message looks like spam", O::Policy),
            (S::Mail, 552, "5.3.4 too big", O::TooLarge),
            (S::Mail, 552, "too big", O::TooLarge),
            (S::Mail, 554, "transaction failed", O::Refused),
            (S::Mail, 421, "4.3.2 shutting down", O::Busy),
            (S::Login, 535, "5.7.8 bad", O::Login),
            (S::Greeting, 554, "no SMTP service here", O::Unavailable),
        ] {
            assert_eq!(at(stage, code, text), what, "{stage:?} {code} {text}");
        }
        assert_eq!(O::MailboxFull.about(), About::Mail, "a full mailbox is nobody's end");
    }

    #[test]
    fn what_is_kept_of_a_reply_names_nobody_and_is_short() {
        let to = "somchai.jaidee@ministry.example".parse().unwrap();
        let envelope = Envelope::new(None, vec![to]).unwrap();
        let kept = |text: &str| without_addresses(text, Some(&envelope));
        assert_eq!(
            kept("5.1.1 <Somchai.Jaidee@ministry.example>:\r\n unknown, 'somchai.jaidee' was\u{7} never here"),
            "5.1.1 (address) unknown, (address) was never here"
        );
        assert_eq!(kept("see https://x.example/?e=a%40b.example"), "see (address)");
        assert!(kept(&"long ".repeat(500)).chars().count() <= LONGEST_REPLY);
        assert!(kept(&"x".repeat(5_000)).is_empty());
    }
}
