//! What came back: an inbound mail as a report about delivery, a complaint, an automatic answer, or somebody's answer.
//!
//! From bytes to structure (`shape`, `original`), from fields or words to what was done (`report`, `text`), from what a server said to
//! what stood in the way (`obstacle`, `phrases`). What a program wrote is never an answer.

mod address;
mod automatic;
mod dates;
mod obstacle;
mod original;
mod phrases;
mod report;
mod shape;
mod text;

use jiff::civil::Date;
use rondo_domain::notice::Obstacle;

use crate::compose::one_line;

pub(crate) use obstacle::obstacle;
pub(crate) use report::codes;
use report::{Action, Fields};
use shape::Shape;

/// The most bytes of a mail that are looked at; what tells a report stands at its beginning.
pub(crate) const MAX_READ: usize = 256 * 1024;

/// What an inbound mail says about one of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Returned {
    /// A report about delivery.
    Report(Report),
    /// A recipient, or a provider for one, complains (RFC 5965); of which kind.
    Complaint(String),
    /// A program answered for somebody; until when they are away, if it says so.
    Automatic(Option<Date>),
    /// Its recipient answered.
    Answer,
    /// A program wrote it, and it is not understood.
    Unclear,
}

/// A report about delivery: of each recipient it speaks of, and in what words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    fields: Vec<Fields>,
    /// In lower case.
    words: String,
    /// Addresses that its words name, in lower case.
    named: Vec<String>,
    is_delayed: bool,
}

/// What a report says about one of our recipients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It did not arrive and will not. `names_them` is whether the report names their own address.
    Failed { obstacle: Obstacle, status: String, names_them: bool },
    /// It waits, and is tried again by the servers on its way.
    Delayed { status: String },
    /// It arrived.
    Delivered,
    /// It speaks of other people alone.
    OfOthers,
}

/// By what an inbound mail names one of ours.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct About {
    /// The addresses from which it says that it comes, in lower case.
    pub(crate) from: Vec<String>,
    /// The addresses to which it came, in lower case.
    pub(crate) came_to: Vec<String>,
    /// The return path of the mail that it gives back, in lower case.
    pub(crate) given_back: Vec<String>,
    /// Message-IDs it refers to, without angle brackets.
    pub(crate) messages: Vec<String>,
}

/// What a mail says, and about which; nothing where it is no mail. `is_return_path` tells the addresses from which ours leave:
/// what comes to one of them is never an answer. `is_of_recipient` tells whether it comes from the address of whoever got ours.
pub(crate) fn read(
    bytes: &[u8],
    is_return_path: impl Fn(&str) -> bool,
    is_of_recipient: impl Fn(&About) -> bool,
) -> Option<(Returned, About)> {
    let shape = Shape::of(&bytes[..bytes.len().min(MAX_READ)])?;
    let about = about(&shape);
    let comes = Comes {
        to_a_return_path: about.came_to.iter().any(|address| is_return_path(address)),
        from_its_recipient: is_of_recipient(&about),
    };
    Some((said(&shape, comes), about))
}

/// How an inbound mail comes.
#[derive(Debug, Clone, Copy)]
struct Comes {
    to_a_return_path: bool,
    from_its_recipient: bool,
}

fn said(shape: &Shape, comes: Comes) -> Returned {
    if let Some(kind) = complaint(shape) {
        return Returned::Complaint(kind);
    }
    let words = one_line(&shape.words).to_lowercase();
    let answers = answers_for_somebody(shape, comes);
    // What a report about delivery holds is a part of its own; who answers may quote one.
    let status = shape.status.iter().filter(|_| shape.has_status_part || !answers);
    let fields: Vec<Fields> = status.flat_map(|text| report::read(text)).collect();
    let failed = shape.header("x-failed-recipients").is_some();
    let is_report = !fields.is_empty() || failed || (!answers && is_told_in_words(shape, &words));
    if is_report && !(fields.is_empty() && shape.display.is_some()) {
        return Returned::Report(reported(shape, fields, &words));
    }
    if shape.display.is_some() {
        // Whoever says that it was shown or deleted has it.
        let shown = Fields { action: Action::Delivered, ..Fields::default() };
        return Returned::Report(Report { fields: vec![shown], words, named: Vec::new(), is_delayed: false });
    }
    // What nobody signs answers for nobody, whatever it says of itself: a person looks at what is not understood of it.
    if (automatic::is_automatic(shape) && !shape.is_from_nobody())
        || (comes.from_its_recipient && shape.has_no_return_path())
    {
        return Returned::Automatic(automatic::away_until(shape));
    }
    let needs_a_person = text::is_sent_on(&words) || text::is_a_challenge(&words);
    let is_of_a_program = shape.has_no_return_path() || shape.is_of_a_daemon() || shape.is_report;
    if is_of_a_program || comes.to_a_return_path || needs_a_person { Returned::Unclear } else { Returned::Answer }
}

/// Whether somebody, or a program for somebody, answers, so that words alone make no report of it: whoever is away writes of
/// mail, addresses and who is not reached as a mail system does. What a mail system writes says by its sender or subject that it
/// is a report.
fn answers_for_somebody(shape: &Shape, comes: Comes) -> bool {
    let says_so = automatic::by_subject(&shape.subject) || !text::is_subject(&shape.subject);
    comes.from_its_recipient || (automatic::is_answer(shape) && says_so && !shape.is_of_a_mail_system())
}

/// Whether a mail is a report by its words: of a program that only writes reports, or under their subject. An empty return path
/// is none of their signs, since every automatic answer has one (RFC 3834).
fn is_told_in_words(shape: &Shape, words: &str) -> bool {
    let (by_subject, is_of_a_daemon) = (text::is_subject(&shape.subject), shape.is_of_a_daemon());
    let is_reply = shape.header("in-reply-to").is_some() || shape.header("references").is_some();
    if shape.is_from_nobody() && automatic::by_subject(&shape.subject) {
        return false;
    }
    let is_set_out = by_subject || is_of_a_daemon || shape.is_report;
    let by_words = text::is_said(words) && (is_set_out || (text::begins(words) && !is_reply));
    by_words || (by_subject && (is_of_a_daemon || shape.has_no_return_path() || shape.is_report))
}

/// The kind of a complaint, of the form of RFC 5965 or of a provider's own.
fn complaint(shape: &Shape) -> Option<String> {
    if let Some(text) = &shape.feedback {
        let kind = text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim().eq_ignore_ascii_case("feedback-type").then(|| value.trim().to_ascii_lowercase())
        });
        let kind: String =
            kind.unwrap_or_default().chars().filter(|c| c.is_ascii_alphabetic() || *c == '-').take(20).collect();
        return Some(if kind.is_empty() { "abuse".to_owned() } else { kind });
    }
    let told = ["complaint about message from", "email feedback report", "abuse report", "spam complaint"];
    told.iter().any(|begin| shape.subject.starts_with(begin)).then(|| "abuse".to_owned())
}

fn reported(shape: &Shape, fields: Vec<Fields>, words: &str) -> Report {
    let ours: Vec<String> = ["to", "delivered-to", "x-original-to", "from"]
        .into_iter()
        .flat_map(|name| shape.all(name).flat_map(address::all).collect::<Vec<_>>())
        .collect();
    let mut named: Vec<String> = shape.all("x-failed-recipients").flat_map(address::all).collect();
    let help = |address: &String| {
        ["postmaster@", "mailer-daemon@", "abuse@", "support@", "helpdesk@"]
            .iter()
            .any(|user| address.starts_with(user))
    };
    named.extend(
        address::all(&format!("{} {}", shape.subject, shape.words))
            .into_iter()
            .filter(|one| !ours.contains(one) && !help(one)),
    );
    let is_delayed = text::is_still_tried(words) || text::is_still_tried(&shape.subject);
    Report { fields, words: format!("{} {words}", shape.subject), named, is_delayed }
}

impl Report {
    /// Every address that it names, in lower case.
    pub(crate) fn names(&self) -> Vec<String> {
        let fields = self.fields.iter().flat_map(|fields| fields.addresses.iter().cloned());
        fields.chain(self.named.iter().cloned()).chain(address::all(&self.words)).collect()
    }

    /// What it says about somebody, by their address.
    pub(crate) fn about(&self, address: &str) -> Verdict {
        let address = address.to_lowercase();
        let theirs: Vec<&Fields> = self.fields.iter().filter(|fields| fields.addresses.contains(&address)).collect();
        // Whole addresses: one may stand within another, and who is not in the register has none.
        let in_words = || address::all(&self.words).contains(&address);
        let names_them = !theirs.is_empty() || self.named.contains(&address) || in_words();
        let names_others = self.fields.iter().any(|fields| !fields.addresses.is_empty()) || !self.named.is_empty();
        if !names_them && names_others {
            return Verdict::OfOthers;
        }
        let meant: Vec<&Fields> = if theirs.is_empty() { self.fields.iter().collect() } else { theirs };
        if meant.is_empty() {
            return self.by_words(&address, names_them);
        }
        let verdicts = meant.into_iter().map(|fields| self.by_fields(fields, &address, names_them));
        verdicts.min_by_key(Verdict::rank).unwrap_or(Verdict::OfOthers)
    }

    fn by_fields(&self, fields: &Fields, address: &str, names_them: bool) -> Verdict {
        let status = fields.status.clone();
        let action = match (fields.action, status.get(..1)) {
            (Action::Unsaid, Some("2")) => Action::Delivered,
            (Action::Unsaid, Some("4")) if self.is_delayed => Action::Delayed,
            (Action::Unsaid, _) => Action::Failed,
            (action, _) => action,
        };
        match action {
            Action::Delivered => Verdict::Delivered,
            Action::Delayed => Verdict::Delayed { status },
            Action::Failed | Action::Unsaid => {
                let mut found = obstacle(&status, &fields.diagnostic);
                if found == Obstacle::Unstated || (fields.diagnostic.is_empty() && found != Obstacle::Address) {
                    let told = obstacle(&status, self.section(address));
                    found = if told == Obstacle::Unstated { found } else { told };
                }
                Verdict::Failed { obstacle: found, status, names_them }
            }
        }
    }

    fn by_words(&self, address: &str, names_them: bool) -> Verdict {
        let status = report::code(&self.words).unwrap_or_default();
        if self.is_delayed {
            return Verdict::Delayed { status };
        }
        let mut found = obstacle("", self.section(address));
        if found == Obstacle::Unstated {
            found = obstacle("", &self.words);
        }
        Verdict::Failed { obstacle: found, status, names_them }
    }

    /// What the words say from where they name somebody until they name somebody else; all of them, where they do not.
    fn section(&self, address: &str) -> &str {
        let Some((_, behind)) = self.words.split_once(address) else { return &self.words };
        let others = self.named.iter().filter(|other| other.as_str() != address);
        let end = others.filter_map(|other| behind.find(other.as_str())).min().unwrap_or(behind.len());
        behind.get(..end).unwrap_or(behind)
    }
}

impl Verdict {
    /// The worst first.
    fn rank(&self) -> u8 {
        match self {
            Self::Failed { .. } => 0,
            Self::Delayed { .. } => 1,
            Self::Delivered => 2,
            Self::OfOthers => 3,
        }
    }
}

/// Headers that say to which address a mail came.
const CAME_TO: [&str; 9] = [
    "to",
    "delivered-to",
    "x-original-to",
    "envelope-to",
    "x-envelope-to",
    "x-rcpt-to",
    "x-apparently-to",
    "apparently-to",
    "x-delivered-to",
];

fn about(shape: &Shape) -> About {
    let mut about = About { from: shape.from.clone(), ..About::default() };
    for name in CAME_TO {
        about.came_to.extend(shape.all(name).flat_map(address::all));
    }
    // The machine that took it says for whom.
    about.came_to.extend(
        shape
            .all("received")
            .filter_map(|line| line.split_once(" for "))
            .flat_map(|(_, to)| address::all(to).into_iter().take(1)),
    );
    for name in ["in-reply-to", "references", "original-message-id"] {
        about.messages.extend(shape.all(name).flat_map(message_ids));
    }
    let mut within = String::new();
    for line in shape.given_back.lines() {
        let more = line.starts_with([' ', '\t']);
        if !more {
            within = line.split(':').next().unwrap_or_default().trim().to_ascii_lowercase();
        }
        match within.as_str() {
            "message-id" => about.messages.extend(message_ids(line)),
            "return-path" => about.given_back.extend(address::all(line)),
            _ => {}
        }
    }
    about
}

/// What stands between angle brackets.
fn message_ids(text: &str) -> Vec<String> {
    text.split('<').skip(1).filter_map(|rest| rest.split_once('>')).map(|(id, _)| id.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests;
