//! The verbs of people, and of the mail to them.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use rondo_domain::{Country, InstitutionId, NoticeId, PersonId, Role, RoundId};
use serde::Serialize;

use super::{instant, role};

/// Which mails of a round; all without one of these.
#[derive(Debug, Serialize, Args)]
#[group(multiple = false)]
pub(crate) struct Scope {
    /// Those about a country.
    #[arg(long)]
    pub(crate) country: Option<Country>,
    /// Those of a kind, for example reminder-before.
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// Those to a person.
    #[arg(long)]
    pub(crate) to: Option<PersonId>,
}

/// How a mail stands that can be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Sendable {
    /// Nobody knows whether it was taken.
    Unknown,
    /// It was refused for good.
    Refused,
    /// It was not sent, because it was no longer true.
    Suppressed,
    /// It waits for the hour or another attempt.
    Waiting,
    /// It came back: nobody is reached at the address that it went to.
    Bounced,
    /// It was not delivered, for another reason.
    Undelivered,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MailVerb {
    /// Send a mail that says that it is a test, by the way that all mail takes, and say what became of it. Nothing is recorded.
    #[command(after_help = "Example: rondo mail test --to you@example.org --config rondo.toml")]
    Test {
        /// To this address.
        #[arg(long, value_name = "ADDRESS")]
        to: String,
    },
}

#[derive(Debug, Serialize, Subcommand)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ReminderVerb {
    /// List every notice and what became of it.
    List {
        /// Of one round.
        #[arg(long)]
        round: Option<RoundId>,
    },
    /// List inbound mail that was not understood and waits for a person, with the reason. Where the reminder's inbox is.
    #[command(after_help = "Example: rondo reminder unclear")]
    Unclear,
    /// Show mails as they would look now, in every language and of every kind unless one is named. Nothing is sent.
    #[command(
        after_help = "Example: rondo reminder preview ilms-asean-2025 --country LAO --kind invitation --language lo"
    )]
    Preview {
        /// The round.
        round: RoundId,
        /// The country whose mails are shown; without it, the first of the round.
        #[arg(long)]
        country: Option<Country>,
        /// The kind.
        #[arg(long)]
        kind: Option<String>,
        /// The language of mails.
        #[arg(long)]
        language: Option<String>,
        /// Write them into this folder as well, as HTML that a browser shows.
        #[arg(long, value_name = "DIR")]
        #[serde(skip)]
        out: Option<PathBuf>,
    },
    /// Let no mail of a round leave, or none about a country, of a kind, or to a person. What is due waits.
    #[command(
        after_help = "Example: rondo reminder pause ilms-asean-2025 --country VNM --reason 'a storm' --as ilo-coordinator"
    )]
    Pause {
        /// The round.
        round: RoundId,
        #[command(flatten)]
        #[serde(flatten)]
        scope: Scope,
        /// Why, in words of your own; it is kept in the log.
        #[arg(long, value_parser = super::words)]
        reason: String,
    },
    /// Let paused mail leave again, as far as it is still true.
    Resume {
        /// The round.
        round: RoundId,
        #[command(flatten)]
        #[serde(flatten)]
        scope: Scope,
        /// Why, in words of your own; it is kept in the log.
        #[arg(long, value_parser = super::words)]
        reason: String,
    },
    /// Decide that a mail which waits is not sent, or that one which did not arrive is not sent again.
    Drop {
        /// The round.
        round: RoundId,
        /// The mail, as `reminder list` names it.
        notice: NoticeId,
        /// Why, in words of your own; it is kept in the log.
        #[arg(long, value_parser = super::words)]
        reason: String,
    },
    /// Say that a mail was answered: by telephone, from another address, or by a colleague. Nothing is missing of it any more.
    #[command(after_help = "Example: rondo reminder answered ilms-asean-2025 lao-invite-1b2c3d4e --as ilo-coordinator")]
    Answered {
        /// The round.
        round: RoundId,
        /// The mail, as `reminder list` names it.
        notice: NoticeId,
    },
    /// Send mails now: what waits for the hour or is paused, what is held as unknown or refused, and what came back or was not
    /// delivered. They are named, or all that stand so are meant.
    #[command(
        after_help = "Example: rondo reminder send-now ilms-asean-2025 --all unknown --reason 'the relay hung on Monday'"
    )]
    SendNow {
        /// The round.
        round: RoundId,
        /// The mails, as `reminder list` names them.
        #[arg(required_unless_present = "all", conflicts_with_all = ["all", "country", "kind", "to"])]
        notices: Vec<NoticeId>,
        /// All mails that stand so.
        #[arg(long, value_enum)]
        all: Option<Sendable>,
        #[command(flatten)]
        #[serde(flatten)]
        scope: Scope,
        /// Why, in words of your own; it is kept in the log.
        #[arg(long, value_parser = super::words)]
        reason: String,
    },
}

#[derive(Debug, Serialize, Subcommand)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PersonVerb {
    /// List people by id, with their roles.
    List,
    /// Write a person into the register, in the reminder's directory; the log is not asked.
    #[command(after_help = "Example: rondo person add lao-focal --name 'Boua Khai' --email boua@example.org")]
    Add {
        /// Who.
        who: PersonId,
        /// The name.
        #[arg(long)]
        name: String,
        /// The address.
        #[arg(long)]
        email: String,
        /// The language of mails.
        #[arg(long, default_value = "en")]
        language: String,
    },
    /// End a role that a person holds.
    #[command(
        after_help = "Example: rondo person end lao-focal focal-point --country LAO --reason 'moved to another office'"
    )]
    End {
        /// Who.
        who: PersonId,
        /// The role, for example focal-point.
        #[arg(value_parser = role)]
        ended: Role,
        /// The country.
        #[arg(long)]
        country: Option<Country>,
        /// The institution.
        #[arg(long)]
        institution: Option<InstitutionId>,
        /// Why, in words of your own; it is kept in the log.
        #[arg(long, value_parser = super::words)]
        reason: String,
    },
    /// Forget a person: every role ends, and name, address and mails that hold them are removed; the log still verifies.
    #[command(after_help = "Example: rondo person erase lao-focal --reason 'asked for it'")]
    Erase {
        /// Who.
        who: PersonId,
        /// Why, in words of your own; it is kept in the log.
        #[arg(long, value_parser = super::words)]
        reason: String,
    },
    /// Give a person a role, from a day on and until a day where they are named.
    #[command(
        after_help = "Examples:\n  rondo person grant lao-focal focal-point --country LAO\n  rondo person grant lao-new focal-point --country LAO --institution lao-molsw --from 2027-01-01"
    )]
    Grant {
        /// Who.
        who: PersonId,
        /// The role, for example focal-point.
        #[arg(value_parser = role)]
        granted: Role,
        /// The country.
        #[arg(long)]
        country: Option<Country>,
        /// The institution.
        #[arg(long)]
        institution: Option<InstitutionId>,
        /// The first day; at once, without it. Days begin at midnight UTC unless an instant is given.
        #[arg(long, value_name = "WHEN", value_parser = instant)]
        from: Option<Timestamp>,
        /// The first day on which it is over.
        #[arg(long, value_name = "WHEN", value_parser = instant)]
        until: Option<Timestamp>,
    },
    /// Let somebody stand in for a person in a role, until a day. Who is away may say so, or who keeps the network.
    #[command(
        after_help = "Example: rondo person delegate lao-focal lao-deputy focal-point --country LAO --until 2026-12-15 --reason leave --as lao-focal"
    )]
    Delegate {
        /// Who is away.
        who: PersonId,
        /// Who stands in.
        to: PersonId,
        /// The role, for example focal-point.
        #[arg(value_parser = role)]
        delegated: Role,
        /// The country.
        #[arg(long)]
        country: Option<Country>,
        /// The first day; at once, without it.
        #[arg(long, value_name = "WHEN", value_parser = instant)]
        from: Option<Timestamp>,
        /// The first day on which it is over.
        #[arg(long, value_name = "WHEN", value_parser = instant)]
        until: Timestamp,
        /// Why, in words of your own; it is kept in the log.
        #[arg(long, value_parser = super::words)]
        reason: String,
    },
    /// Show a successor what a person sent, explained and promised, and what is open.
    #[command(after_help = "Example: rondo person handover lao-focal --out handover.html")]
    Handover {
        /// Who.
        who: PersonId,
        /// Write it as a page that prints.
        #[arg(long, value_name = "FILE")]
        #[serde(skip)]
        out: Option<PathBuf>,
    },
}
