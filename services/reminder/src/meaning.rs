//! What an inbound mail means for the log: which of our mails it is about, who may say so, and what is recorded.

use jiff::Timestamp;
use rondo_domain::Rejection;
use rondo_domain::command::Context;
use rondo_domain::notice::{NoticeCommand, Obstacle, decide};
use rondo_domain::world::World;
use rondo_runtime::people::People;

use crate::ROLE;
use crate::inbox::UNCLEAR;
use crate::outbox::NoticeKey;
use crate::return_path::ReturnPath;
use crate::returned::{self, About, Report, Returned, Verdict};

/// Why a report that mail arrived confirms nothing, once its recipient is written to elsewhere.
const ARRIVED_BEFORE: &str =
    "it reports that the mail arrived at an address which is not the one in the register any more";

/// The most addresses of a report that are held against the one that a mail went to.
const MOST_NAMED: usize = 200;

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
    /// Where mail of ours comes back, if that is set.
    pub(crate) paths: Option<&'a ReturnPath>,
}

impl Reader<'_> {
    /// What a mail means.
    pub(crate) fn meaning(&self, bytes: &[u8]) -> Meaning {
        let is_ours = |address: &str| self.paths.is_some_and(|paths| paths.is_ours(address));
        let is_of_recipient = |about: &About| !self.of_the_sender(about).is_empty();
        let Some((said, about)) = returned::read(bytes, is_ours, is_of_recipient) else {
            return Meaning::Unclear("it is no mail");
        };
        let of_returns = self.meant(&about, true);
        let told = |keys: Vec<NoticeKey>, command, aside| Meaning::Said { keys, command: Box::new(command), aside };
        match said {
            Returned::Unclear => Meaning::Unclear("a program wrote it, and it is not understood"),
            Returned::Automatic(until) => {
                let is_proven = self.paths.is_some() && !of_returns.is_empty();
                let keys = if is_proven { of_returns } else { self.of_the_sender(&about) };
                if keys.is_empty() {
                    return Meaning::Nothing;
                }
                told(keys, NoticeCommand::RecordAutoAnswer { until }, "automatic")
            }
            Returned::Answer => match self.of_the_sender(&about) {
                keys if !keys.is_empty() => told(keys, NoticeCommand::RecordAnswer, "answers"),
                _ if self.meant(&about, false).is_empty() => {
                    Meaning::Unclear("somebody wrote it, and it answers no mail of ours")
                }
                _ => Meaning::Unclear(
                    "it answers a mail of ours, but comes from another address than the register has for its recipient",
                ),
            },
            Returned::Report(_) | Returned::Complaint(_) if of_returns.is_empty() => self.unproven(&about),
            Returned::Complaint(kind) => told(of_returns, NoticeCommand::RecordComplaint { kind }, "complaints"),
            Returned::Report(report) => self.reported(&report, of_returns),
        }
    }

    /// Why the log does not take what a mail means, if it does not.
    pub(crate) fn refused(&self, keys: &[NoticeKey], command: &NoticeCommand) -> Option<Rejection> {
        let (network, now) = (self.world.network(), Timestamp::UNIX_EPOCH);
        let refused = |key: &NoticeKey| {
            let notice = self.world.notice(&key.0, &key.1)?;
            let actor = network.actor(&ROLE.parse().ok()?, None, None, now).ok()?;
            decide(notice, command, &Context { actor: &actor, now, surroundings: &[] }).err()
        };
        keys.iter().find_map(refused)
    }

    /// The notices that an inbound mail is about and that went to the address from which it comes: a Message-ID is known to
    /// whoever was shown the mail, and can be made up, so that it alone makes nobody the contact.
    fn of_the_sender(&self, about: &About) -> Vec<NoticeKey> {
        let address = |key: &NoticeKey| {
            let brief = self.world.notice(&key.0, &key.1)?.brief.as_ref()?;
            Some(self.people.person.get(&brief.person)?.email.trim().to_lowercase())
        };
        let mut keys = self.meant(about, false);
        keys.retain(|key| address(key).is_some_and(|address| about.from.contains(&address)));
        keys
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
        let notice = keys.first().and_then(|key| self.world.notice(&key.0, &key.1));
        let brief = notice.and_then(|notice| notice.brief.as_ref());
        let person = brief.and_then(|brief| self.people.person.get(&brief.person));
        let address = person.map_or("", |person| person.email.as_str());
        // Of an address that was put right since then the report says nothing, and yet the mail is lost.
        let went_to = self.went_to(report, &keys).filter(|went_to| *went_to != address.trim().to_lowercase());
        let command = match report.about(went_to.as_deref().unwrap_or(address)) {
            Verdict::OfOthers => return Meaning::Unclear(self.of_others(&keys, address)),
            // It says nothing of the address by which they are written to now.
            Verdict::Delivered if went_to.is_some() => return Meaning::Unclear(ARRIVED_BEFORE),
            Verdict::Delivered => NoticeCommand::ConfirmDelivered,
            Verdict::Delayed { status } => {
                NoticeCommand::RecordBounce { hard: false, reason: sentence("it is delayed", &status) }
            }
            Verdict::Failed { obstacle: Obstacle::Address, status, .. } if went_to.is_some() => {
                let told = "it was not delivered: nobody is reached at the address it went to, which is not the one in the register any more";
                NoticeCommand::RecordUndelivered { obstacle: Obstacle::Address, reason: sentence(told, &status) }
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

    /// The address in a report to which the last attempt of the mail went, as far as that is known.
    fn went_to(&self, report: &Report, keys: &[NoticeKey]) -> Option<String> {
        let (paths, key) = (self.paths?, keys.first()?);
        let token = self.world.notice(&key.0, &key.1)?.address_token.as_ref()?;
        let mut named = report.names().into_iter().take(MOST_NAMED);
        named.find(|address| paths.address_token(key, address).as_ref() == Some(token))
    }

    /// Why a report about others says nothing: their address may be another one since the mail left.
    fn of_others(&self, keys: &[NoticeKey], address: &str) -> &'static str {
        let is_changed = || {
            let (paths, key) = (self.paths?, keys.first()?);
            let token = self.world.notice(&key.0, &key.1)?.address_token.as_ref()?;
            Some(paths.address_token(key, address).as_ref() != Some(token))
        };
        if is_changed() == Some(true) {
            "it reports about another address than the mail went to, and our recipient's was changed since then"
        } else {
            "it reports about another address than our recipient's"
        }
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
                let came_back = |paths: &ReturnPath| {
                    about.came_to.iter().chain(&about.given_back).any(|address| paths.is_of(address, &key))
                };
                let is_meant = match self.paths {
                    // Whichever notice led the mail that left, as one retried under an earlier Message-ID may be led by another.
                    Some(paths) if came_back(paths) => true,
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

#[cfg(test)]
mod tests;
