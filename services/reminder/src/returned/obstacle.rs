//! What stood in the way, from a status code and what a server said. The words are asked before the code, which many servers give
//! loosely; and nothing condemns an address that speaks of a fault that passes.

use rondo_domain::notice::Obstacle;

use super::phrases::TOLD_BY;
use super::report::codes;

/// What stood in the way, from the status of a report (RFC 3463, may be empty) and what the server said.
pub(crate) fn obstacle(status: &str, said: &str) -> Obstacle {
    let said = plain(said);
    // Of several codes the most telling one; a wrapper says 5.0.0 or 5.1.0 around what it was told.
    let code = codes(&said).find(|code| !code.ends_with(".0")).unwrap_or_else(|| status.to_owned());
    let by_code = of_code(&code);
    if SENDERS.contains(&code.get(1..).unwrap_or_default()) {
        return Obstacle::Policy;
    }
    let passes = code.starts_with('4') || has_any(&said, &PASSING);
    if !passes && has_any(&said, &NO_DOMAIN) && !has_any(&said, &OF_THE_SENDER) {
        return Obstacle::Address;
    }
    let told =
        TOLD_BY.iter().find(|(_, phrases)| phrases.iter().any(|phrase| tells(&said, phrase))).map(|(what, _)| *what);
    let is_nobody = has_any(&said, &NOBODY);
    let is_certain = is_nobody || by_code == Obstacle::Address;
    match told {
        Some(Obstacle::Address) if passes => {
            if code.starts_with('4') {
                Obstacle::Time
            } else {
                Obstacle::Server
            }
        }
        Some(Obstacle::Address) if is_certain || by_code == Obstacle::Unstated => Obstacle::Address,
        Some(Obstacle::Address) => by_code,
        // That there is no such person is said in few ways; what else a server adds to it are excuses.
        Some(Obstacle::Size | Obstacle::Content | Obstacle::Policy)
            if is_nobody && !passes && matches!(by_code, Obstacle::Address | Obstacle::Unstated) =>
        {
            Obstacle::Address
        }
        Some(Obstacle::Server | Obstacle::Time) if by_code != Obstacle::Unstated => by_code,
        Some(other) => other,
        None => by_code,
    }
}

/// Codes about the sender's own address, without their class.
const SENDERS: [&str; 2] = [".1.7", ".1.8"];

/// What passes by itself, whatever is said of the address.
const PASSING: [&str; 7] = [
    "found try again",
    "unknown try again",
    "try again later",
    "try later",
    "temporar",
    "couldn't create",
    "cannot create",
];

/// The words by which there is no such domain, so that nobody is reached in it.
const NO_DOMAIN: [&str; 8] = [
    "no such domain",
    "domain not found",
    "domain name not found",
    "host not found",
    "illegal host domain name",
    "couldn't find a mail exchanger",
    "nullmx",
    "null mx",
];

/// The words by which it is the sender's address or domain that is meant.
const OF_THE_SENDER: [&str; 4] = ["sender", "mail from", "your domain", "helo"];

/// The words that leave no doubt that there is no such person, whatever stands beside them.
const NOBODY: [&str; 41] = [
    "user unknown",
    "unknown user",
    "no such user",
    "no such mailbox",
    "no such recipient",
    "no such person",
    "unknown recipient",
    "recipient unknown",
    "unknown mailbox",
    "user not found",
    "recipnotfound",
    "mailbox not found",
    "recipient address rejected access denied",
    "not listed in domino",
    "addressee unknown",
    "mailbox unknown",
    "recipient not found",
    "no such account",
    "no such address",
    "no such email",
    "no mailbox found",
    "no mailbox here",
    "no mailbox by",
    "no mailbox with",
    "not a valid user",
    "not a valid mailbox",
    "not a valid recipient",
    "address does not exist",
    "address doesn't exist",
    "mailbox does not exist",
    "mailbox doesn't exist",
    "mailbox not exist",
    "user does not exist",
    "user doesn't exist",
    "user not exist",
    "recipient does not exist",
    "recipient doesn't exist",
    "recipient not exist",
    "account does not exist",
    "account doesn't exist",
    "account that you tried to reach does not exist",
];

fn has_any(said: &str, words: &[&str]) -> bool {
    words.iter().any(|words| said.contains(words))
}

/// What an enhanced status code is about (RFC 3463 and the IANA registry of its codes).
fn of_code(code: &str) -> Obstacle {
    let mut parts = code.split('.');
    let (class, subject, detail) = (parts.next(), parts.next(), parts.next().unwrap_or_default());
    match (class, subject.unwrap_or_default(), detail) {
        // A class of 4 passes, and the sender's own address is none of the recipient's.
        (Some("4"), "1", _) | (_, "4", "7") => Obstacle::Time,
        (Some("4"), "2", "1") => Obstacle::Server,
        (Some("5"), "1", "0") => Obstacle::Unstated,
        (Some("5"), "1", _) | (Some("5"), "2", "1") => Obstacle::Address,
        (_, "2", "2") => Obstacle::Full,
        (_, "2", "3") | (_, "3", "4") => Obstacle::Size,
        (_, "3", _) | (_, "4", _) => Obstacle::Server,
        (_, "5", "3") => Obstacle::Rate,
        (_, "6", _) => Obstacle::Content,
        (_, "7", _) => Obstacle::Policy,
        _ => Obstacle::Unstated,
    }
}

/// Whether a phrase stands in what was said; `*` stands for up to eight words between.
fn tells(said: &str, phrase: &str) -> bool {
    let Some((first, second)) = phrase.split_once(" * ") else { return said.contains(phrase) };
    let mut from = 0;
    while let Some(at) = said.get(from..).and_then(|rest| rest.find(first)) {
        let behind = from + at + first.len();
        let rest: String = said.get(behind..).unwrap_or_default().split_inclusive(' ').take(9).collect();
        let sentence = rest.split(". ").next().unwrap_or_default();
        if sentence.contains(second) {
            return true;
        }
        from = behind;
    }
    false
}

/// In lower case, words and codes alone, with a blank at both ends; without addresses, whose names tell nothing.
fn plain(text: &str) -> String {
    let mut plain = String::from(" ");
    for word in text.to_lowercase().replace("unknown address error", " ").split_whitespace() {
        let kept = match word.find('@') {
            Some(at) => {
                word.get(..at).and_then(|before| before.rfind(['<', ':', '(']).and_then(|from| before.get(..from)))
            }
            None => Some(word),
        };
        let letters = kept.unwrap_or_default().chars();
        let letters =
            letters.map(|c| if c.is_ascii() && !c.is_ascii_alphanumeric() && !".-'#".contains(c) { ' ' } else { c });
        let cleaned: String = letters.collect();
        for piece in cleaned.split_whitespace() {
            plain.push_str(piece.trim_matches('\''));
            plain.push(' ');
        }
    }
    plain
}
