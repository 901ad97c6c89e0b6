//! What an inbound mail means for the log: which of our mails it is about, who may say so, and what is recorded.

use rondo_domain::notice::{NoticeCommand, Obstacle};
use rondo_domain::world::World;
use rondo_runtime::config::MailSection;
use rondo_runtime::people::People;

use crate::inbox::UNCLEAR;
use crate::letter::domain;
use crate::outbox::NoticeKey;
use crate::return_path::ReturnPath;
use crate::returned::{self, About, Report, Returned, Verdict};

/// What an inbound mail means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// This is recorded of these notices, and the mail is put aside there.
    Said { keys: Vec<NoticeKey>, command: Box<NoticeCommand>, aside: &'static str },
    /// A program answered, and nobody knows what.
    Nothing,
    /// A person has to look, and why.
    Unclear(&'static str),
}

impl Meaning {
    /// The folder into which the mail is put aside.
    pub(crate) fn aside(&self) -> &'static str {
        match self {
            Self::Said { aside, .. } => aside,
            Self::Nothing => "automatic",
            Self::Unclear(_) => UNCLEAR,
        }
    }
}

/// Whoever reads inbound mail, and what they know.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) world: &'a World,
    pub(crate) people: &'a People,
    pub(crate) mail: &'a MailSection,
    /// Where mail of ours comes back, if that is set.
    pub(crate) paths: Option<&'a ReturnPath>,
}

impl Reader<'_> {
    /// What a mail means.
    pub(crate) fn meaning(&self, bytes: &[u8]) -> Meaning {
        let is_ours = |address: &str| self.paths.is_some_and(|paths| paths.is_ours(address));
        let Some((said, about)) = returned::read(bytes, is_ours) else { return Meaning::Unclear("it is no mail") };
        let of_returns = self.meant(&about, true);
        let told = |keys: Vec<NoticeKey>, command, aside| Meaning::Said { keys, command: Box::new(command), aside };
        match said {
            Returned::Unclear => Meaning::Unclear("a program wrote it, and it is not understood"),
            Returned::Automatic(_) | Returned::Answer => {
                let keys = if of_returns.is_empty() { self.meant(&about, false) } else { of_returns };
                match (said, keys.is_empty()) {
                    (Returned::Automatic(_), true) => Meaning::Nothing,
                    (Returned::Automatic(until), false) => {
                        told(keys, NoticeCommand::RecordAutoAnswer { until }, "automatic")
                    }
                    (_, true) => Meaning::Unclear("somebody wrote it, and it answers no mail of ours"),
                    (_, false) => told(keys, NoticeCommand::RecordAnswer, "answers"),
                }
            }
            Returned::Report(_) | Returned::Complaint(_) if of_returns.is_empty() => self.unproven(&about),
            Returned::Complaint(kind) => told(of_returns, NoticeCommand::RecordComplaint { kind }, "complaints"),
            Returned::Report(report) => self.reported(&report, of_returns),
        }
    }

    /// Why a report proves nothing.
    fn unproven(&self, about: &About) -> Meaning {
        Meaning::Unclear(if self.meant(about, false).is_empty() {
            "it reports about no mail of ours that is known"
        } else {
            "it reports about a mail of ours, but did not come to the address that this mail left from"
        })
    }

    fn reported(&self, report: &Report, keys: Vec<NoticeKey>) -> Meaning {
        let brief = keys.first().and_then(|key| self.world.notice(&key.0, &key.1)?.brief.as_ref());
        let person = brief.and_then(|brief| self.people.person.get(&brief.person));
        let command = match report.about(person.map_or("", |person| person.email.as_str())) {
            Verdict::OfOthers => return Meaning::Unclear("it reports about another address than our recipient's"),
            Verdict::Delivered => NoticeCommand::ConfirmDelivered,
            Verdict::Delayed { status } => {
                NoticeCommand::RecordBounce { hard: false, reason: sentence("it is delayed", &status) }
            }
            Verdict::Failed { obstacle: Obstacle::Address, status, names_them: true } => {
                let reason = sentence(&format!("it came back: {}", Obstacle::Address.as_str()), &status);
                NoticeCommand::RecordBounce { hard: true, reason }
            }
            Verdict::Failed { obstacle, status, names_them } => {
                let which = if obstacle == Obstacle::Address && !names_them { ", but it names none" } else { "" };
                let told = format!("it was not delivered: {}{which}", obstacle.as_str());
                NoticeCommand::RecordUndelivered { obstacle, reason: sentence(&told, &status) }
            }
        };
        Meaning::Said { keys, command: Box::new(command), aside: "done" }
    }

    /// The notices that an inbound mail is about: all that the mail it names has brought. Where a return path is set, who reports has
    /// to know it; a Message-ID can be made up by anybody.
    fn meant(&self, about: &About, has_to_prove: bool) -> Vec<NoticeKey> {
        let names = |message: &str| about.messages.iter().any(|id| format!("<{id}>") == message);
        let mut keys = Vec::new();
        for (round, _) in self.world.rounds() {
            let notices = self.world.notices(&round);
            let mut mails: Vec<&String> = Vec::new();
            for (id, notice) in &notices {
                let Some(message) = &notice.message_id else { continue };
                let key = (round.clone(), id.clone());
                let leads = *message == format!("<{id}.{round}@{}>", domain(self.mail));
                let came_back = |paths: &ReturnPath| {
                    about.came_to.iter().chain(&about.given_back).any(|address| paths.is_of(address, &key))
                };
                let is_meant = match self.paths {
                    Some(paths) if leads && came_back(paths) => true,
                    Some(_) if has_to_prove => false,
                    _ => names(message),
                };
                if is_meant {
                    mails.push(message);
                }
            }
            let brought = |message: &Option<String>| message.as_ref().is_some_and(|message| mails.contains(&message));
            let all = notices.iter().filter(|(_, notice)| brought(&notice.message_id));
            keys.extend(all.map(|(id, _)| (round.clone(), id.clone())));
        }
        keys
    }
}

fn sentence(told: &str, status: &str) -> String {
    if status.is_empty() { told.to_owned() } else { format!("{told} (status {status})") }
}
