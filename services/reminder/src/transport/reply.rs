//! What a mail server's reply means: its codes (RFC 5321, RFC 3463) and, where these leave it open, its words; and what of it may be kept.

use lettre::address::Envelope;
use rondo_domain::notice::{Hindrance, LONGEST_REPLY, Obstacle, Refusal};

use crate::returned::{codes, obstacle};

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

/// Words by which servers say that they make strangers wait.
const GREYLISTED: [&str; 4] = ["greylist", "graylist", "grey-list", "gray-list"];

/// What a reply says stands in the way.
pub(super) fn hindrance(stage: Stage, code: u16, text: &str) -> Hindrance {
    let text = text.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    // It closes the connection, which says nothing of the server where one recipient alone brings it (RFC 5321, section 3.8).
    if code == 421 && matches!(stage, Stage::Login | Stage::Sender) {
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
    // What a server says at once means what it means in a report that comes back later.
    let obstacle = obstacle("", text);
    if obstacle == Obstacle::Full {
        return Hindrance::MailboxFull;
    }
    if code < 500 {
        let strangers = code == 450 && codes(text).next().is_some_and(|code| code == "4.7.1");
        return if says(&GREYLISTED) || strangers { Hindrance::Greylisted } else { Hindrance::Busy };
    }
    if says(&RELAY) {
        return Hindrance::Relay;
    }
    if codes(text).any(|code| code == "5.6.7") {
        return Hindrance::Letters;
    }
    match obstacle {
        Obstacle::Address => Hindrance::NoMailbox,
        Obstacle::Size => Hindrance::TooLarge,
        // Storage (RFC 5321, section 4.2.3).
        _ if code == 552 => Hindrance::TooLarge,
        Obstacle::Policy | Obstacle::Spam | Obstacle::Rate => Hindrance::Policy,
        Obstacle::Content | Obstacle::Server | Obstacle::Time | Obstacle::Unstated | Obstacle::Full => {
            Hindrance::Refused
        }
    }
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
            (S::Recipient, 550, "#5.1.0 Address rejected.", O::Refused),
            (S::Recipient, 550, "5.1.0 <a@b.example>: User unknown", O::NoMailbox),
            (S::Recipient, 550, "5.7.1 no such user here", O::NoMailbox),
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
            (S::Recipient, 421, "4.7.0 closing", O::Busy),
            (S::Sender, 421, "4.7.0 closing", O::Unavailable),
            (S::Recipient, 530, "5.7.0 Authentication required", O::Login),
            (S::Sender, 550, "5.7.1 sender not owned", O::Sender),
            (S::Sender, 451, "4.3.2 full", O::Unavailable),
            (S::Mail, 550, "5.7.1 content refused", O::Policy),
            (S::Mail, 554, "Message looks like spam", O::Policy),
            (S::Mail, 552, "5.3.4 too big", O::TooLarge),
            (S::Mail, 552, "too big", O::TooLarge),
            (S::Mail, 554, "transaction failed", O::Policy),
            (S::Mail, 554, "5.0.0 not this one", O::Refused),
            (S::Mail, 421, "4.3.2 shutting down", O::Busy),
            (S::Login, 535, "5.7.8 bad", O::Login),
            (S::Greeting, 554, "no SMTP service here", O::Unavailable),
        ] {
            assert_eq!(at(stage, code, text), what, "{stage:?} {code} {text}");
        }
        assert_eq!(O::MailboxFull.about(), About::Mail, "a full mailbox is nobody's end");
    }

    /// The same words lead to the same judgement, whether they are said at once or in a report.
    #[test]
    fn a_server_is_understood_the_same_at_once_and_in_a_report() {
        use Hindrance as O;
        for said in [
            "5.1.0 Address rejected.",
            "5.1.1 no such user here",
            "No such user here",
            "5.2.2 mailbox full",
            "5.7.1 sender not allowed",
            "5.1.8 sender address rejected",
            "5.3.4 too big",
            "5.7.1 <a@b.example>: user unknown",
            "user unknown; try again later",
        ] {
            let of_report = match obstacle("", said) {
                Obstacle::Address => O::NoMailbox,
                Obstacle::Full => O::MailboxFull,
                Obstacle::Size => O::TooLarge,
                Obstacle::Policy | Obstacle::Spam | Obstacle::Rate => O::Policy,
                _ => O::Refused,
            };
            assert_eq!(at(Stage::Recipient, 550, said), of_report, "{said}");
        }
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
