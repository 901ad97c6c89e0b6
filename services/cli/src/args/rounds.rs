//! The verbs of rounds and of countries in them.

use std::path::PathBuf;

use clap::Subcommand;
use jiff::Timestamp;
use jiff::civil::Date;
use rondo_domain::calendar::Offset;
use rondo_domain::run::TaskName;
use rondo_domain::{Country, PersonId, RoundId, WorkflowId, Year};
use serde::Serialize;

use super::When;

#[derive(Debug, Serialize, Subcommand)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RoundVerb {
    /// List rounds.
    List,
    /// Show a round.
    #[command(after_help = "Example: rondo round show ilms-asean-2025 --output json")]
    Show {
        /// The round.
        round: RoundId,
    },
    /// Propose that a round goes on by another version of its workflow, or show what that does to each country.
    #[command(
        after_help = "Examples:\n  rondo round migrate ilms-asean-2026 workflows/ilms-asean --preview\n  rondo round migrate ilms-asean-2026 workflows/ilms-asean --reason 'a fourth reminder' --as ilo-coordinator"
    )]
    Migrate {
        /// The round.
        round: RoundId,
        /// The folder of the other version.
        workflow: String,
        /// Why, in words of your own; it is kept in the log.
        #[arg(long, value_parser = super::words, required_unless_present = "preview")]
        reason: Option<String>,
        /// Only show what it does.
        #[arg(long)]
        preview: bool,
    },
    /// Let a proposed migration hold; by somebody else than who proposed it.
    ApproveMigration {
        /// The round.
        round: RoundId,
    },
    /// Take a proposed migration back, or do not approve it.
    RejectMigration {
        /// The round.
        round: RoundId,
        /// Why, in words of your own; it is kept in the log.
        #[arg(long, value_parser = super::words)]
        reason: String,
    },
    /// Write down what was learned; the next round of a workflow begins with it as a task.
    #[command(
        after_help = "Example: rondo round lesson technical-meeting-2027 --for ilms-asean --text 'Ask for the source notes with the invitation.'"
    )]
    Lesson {
        /// The round.
        round: RoundId,
        /// The workflow whose next round begins with it.
        #[arg(long = "for", value_name = "WORKFLOW")]
        workflow: WorkflowId,
        /// What is said, in words of your own; it is kept in the log.
        #[arg(long, value_parser = super::words)]
        text: String,
    },
    /// Show what would fire and which mail would leave once a paused round goes on.
    #[command(after_help = "Example: rondo round held ilms-asean-2026")]
    Held {
        /// The round.
        round: RoundId,
    },
    /// Decide that a step is not carried out, as `round held` names it.
    #[command(
        after_help = "Example: rondo round drop ilms-asean-2026/LAO/remind-before-1 --reason 'it was sent before the restore'"
    )]
    Drop {
        /// What is dropped, as `round held` names it.
        item: TaskName,
        /// Why, in words of your own; it is kept in the log.
        #[arg(long, value_parser = super::words)]
        reason: String,
    },
    /// Review a round for the technical meeting: response, punctuality, completeness, revisions, questions, and what mail achieved.
    #[command(after_help = "Example: rondo round review ilms-asean-2025 --out review")]
    Review {
        /// The round.
        round: RoundId,
        /// Write pages that print and tables for a spreadsheet into this folder.
        #[arg(long, value_name = "DIR")]
        #[serde(skip)]
        out: Option<PathBuf>,
    },
    /// List the figures of a round, as they are or as they were at an instant.
    #[command(
        after_help = "Example: rondo round figures ilms-asean-2025 --country LAO --as-of 2025-11-01 --output csv"
    )]
    Figures {
        /// The round.
        round: RoundId,
        /// Of one country.
        #[arg(long)]
        country: Option<Country>,
        #[command(flatten)]
        #[serde(flatten)]
        when: When,
    },
    /// Plan a round on a workflow; it is configured at once and launched at its milestone.
    #[command(after_help = "Example: rondo round plan ilms-asean --year 2026 --as ilo-coordinator")]
    Plan {
        /// A workflow of this program, or the folder of one.
        workflow: String,
        /// The collection year.
        #[arg(long)]
        year: Year,
        /// Plan it although its launch has passed.
        #[arg(long)]
        late: bool,
    },
    /// Launch a configured round now.
    Launch {
        /// The round.
        round: RoundId,
    },
    /// Move a country's deadline.
    #[command(
        after_help = "Example: rondo round extend ilms-asean-2025 VNM --by '+10 working days' --reason 'storm' --as ilo-coordinator"
    )]
    Extend {
        /// The round.
        round: RoundId,
        /// The country.
        country: Country,
        /// By how much.
        #[arg(long, allow_hyphen_values = true, conflicts_with = "until", required_unless_present = "until")]
        by: Option<Offset>,
        /// Until the end of which day.
        #[arg(long)]
        until: Option<Date>,
        /// Why, in words of your own; it is kept in the log.
        #[arg(long, value_parser = super::words)]
        reason: String,
    },
    /// Hold every step.
    Pause {
        /// The round.
        round: RoundId,
        /// Why, in words of your own; it is kept in the log.
        #[arg(long, value_parser = super::words)]
        reason: String,
    },
    /// Let steps fire again.
    Resume {
        /// The round.
        round: RoundId,
        /// Why, in words of your own; it is kept in the log.
        #[arg(long, value_parser = super::words)]
        reason: String,
    },
    /// Take no more submissions.
    Close {
        /// The round.
        round: RoundId,
    },
}

#[derive(Debug, Serialize, Subcommand)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ParticipationVerb {
    /// List the countries of a round.
    List {
        /// The round.
        round: RoundId,
    },
    /// Show a country's part.
    Show {
        /// The round.
        round: RoundId,
        /// The country.
        country: Country,
    },
    /// Accept a country's tables that are ready.
    Accept {
        /// The round.
        round: RoundId,
        /// The country.
        country: Country,
    },
    /// Confirm a country's tables.
    Confirm {
        /// The round.
        round: RoundId,
        /// The country.
        country: Country,
    },
    /// Put another person in a contact's place: in the roles that both hold, or else in all that the contact holds.
    #[command(
        after_help = "Example: rondo participation replace ilms-asean-2025 VNM --was vnm-focal --is vnm-focal-2 --reason 'moved'"
    )]
    Replace {
        /// The round.
        round: RoundId,
        /// The country.
        country: Country,
        /// The contact who cannot be reached, or has left.
        #[arg(long)]
        was: PersonId,
        /// Who takes the place; first given the role by `rondo person grant`.
        #[arg(long)]
        is: PersonId,
        /// Why, in words of your own; it is kept in the log.
        #[arg(long, value_parser = super::words)]
        reason: String,
    },
    /// Say that a contact whose mail came back is reached again, at a right address perhaps.
    #[command(
        after_help = "Example: rondo participation reached ilms-asean-2025 VNM --person vnm-focal --reason 'their address was put right'"
    )]
    Reached {
        /// The round.
        round: RoundId,
        /// The country.
        country: Country,
        /// The contact; a right address is first given to the register by `rondo person add`.
        #[arg(long)]
        person: PersonId,
        /// Why, in words of your own; it is kept in the log.
        #[arg(long, value_parser = super::words)]
        reason: String,
    },
    /// Answer a question of the workflow for a country, as QUESTION=CHOICE.
    #[command(
        after_help = "Example: rondo participation answer technical-meeting-2027 LAO attends=online --text 'two people' --as lao-focal"
    )]
    Answer {
        /// The round.
        round: RoundId,
        /// The country.
        country: Country,
        /// The question and the choice, QUESTION=CHOICE.
        answer: String,
        /// What is said, in words of your own; it is kept in the log.
        #[arg(long, value_parser = super::words)]
        text: Option<String>,
    },
    /// Say in words why a country's part stands as it does, whose turn it is, what holds it and what comes next.
    #[command(
        after_help = "Examples:\n  rondo participation why ilms-asean-2025 VNM\n  rondo participation why ilms-asean-2025 VNM --as-of 2025-11-10"
    )]
    Why {
        /// The round.
        round: RoundId,
        /// The country.
        country: Country,
        /// As it was at this instant, or at the beginning of this day in UTC.
        #[arg(long, value_name = "TIME", value_parser = super::instant)]
        as_of: Option<Timestamp>,
    },
    /// Close a country's part without an answer.
    Close {
        /// The round.
        round: RoundId,
        /// The country.
        country: Country,
        /// Why, in words of your own; it is kept in the log.
        #[arg(long, value_parser = super::words)]
        reason: String,
    },
}
