//! The verbs of every noun.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::civil::Date;
use rondo_domain::calendar::Offset;
use rondo_domain::figure::FigureKey;
use rondo_domain::run::TaskName;
use rondo_domain::{Country, PersonId, QueryId, ReleaseId, RoundId, Source, SubmissionId, WorkflowId, Year};

#[derive(Debug, Subcommand)]
pub(crate) enum RoundVerb {
    /// List rounds.
    List,
    /// Show a round.
    #[command(after_help = "Example: rondo round show ilms-asean-2025 --output json")]
    Show { round: RoundId },
    /// Propose that a round goes on by another version of its workflow, or show what that does to each country.
    #[command(
        after_help = "Examples:\n  rondo round migrate ilms-asean-2026 workflows/ilms-asean --preview\n  rondo round migrate ilms-asean-2026 workflows/ilms-asean --reason 'a fourth reminder' --as ilo-coordinator"
    )]
    Migrate {
        round: RoundId,
        /// The folder of the other version.
        workflow: String,
        #[arg(long, value_parser = super::words, required_unless_present = "preview")]
        reason: Option<String>,
        /// Only show what it does.
        #[arg(long)]
        preview: bool,
    },
    /// Let a proposed migration hold; by somebody else than who proposed it.
    ApproveMigration { round: RoundId },
    /// Take a proposed migration back, or do not approve it.
    RejectMigration {
        round: RoundId,
        #[arg(long, value_parser = super::words)]
        reason: String,
    },
    /// Write down what was learned; the next round of a workflow begins with it as a task.
    #[command(
        after_help = "Example: rondo round lesson technical-meeting-2027 --for ilms-asean --text 'Ask for the source notes with the invitation.'"
    )]
    Lesson {
        round: RoundId,
        /// The workflow whose next round begins with it.
        #[arg(long = "for", value_name = "WORKFLOW")]
        workflow: WorkflowId,
        #[arg(long, value_parser = super::words)]
        text: String,
    },
    /// Show what would fire and which mail would leave once a paused round goes on.
    #[command(after_help = "Example: rondo round held ilms-asean-2026")]
    Held { round: RoundId },
    /// Decide that a step is not carried out, as `round held` names it.
    #[command(
        after_help = "Example: rondo round drop ilms-asean-2026/LAO/remind-before-1 --reason 'it was sent before the restore'"
    )]
    Drop {
        item: TaskName,
        #[arg(long, value_parser = super::words)]
        reason: String,
    },
    /// Review a round for the technical meeting: response, punctuality, completeness, revisions, questions, and what mail achieved.
    #[command(after_help = "Example: rondo round review ilms-asean-2025 --out review")]
    Review {
        round: RoundId,
        /// Write pages that print and tables for a spreadsheet into this folder.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// List the figures of a round, as they are or as they were at an instant.
    #[command(
        after_help = "Example: rondo round figures ilms-asean-2025 --country LAO --as-of 2025-11-01 --output csv"
    )]
    Figures {
        round: RoundId,
        /// Of one country.
        #[arg(long)]
        country: Option<Country>,
        #[command(flatten)]
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
    Launch { round: RoundId },
    /// Move a country's deadline.
    #[command(
        after_help = "Example: rondo round extend ilms-asean-2025 VNM --by '+10 working days' --reason 'storm' --as ilo-coordinator"
    )]
    Extend {
        round: RoundId,
        country: Country,
        /// By how much.
        #[arg(long, allow_hyphen_values = true, conflicts_with = "until", required_unless_present = "until")]
        by: Option<Offset>,
        /// Until the end of which day.
        #[arg(long)]
        until: Option<Date>,
        #[arg(long, value_parser = super::words)]
        reason: String,
    },
    /// Hold every step.
    Pause {
        round: RoundId,
        #[arg(long, value_parser = super::words)]
        reason: String,
    },
    /// Let steps fire again.
    Resume {
        round: RoundId,
        #[arg(long, value_parser = super::words)]
        reason: String,
    },
    /// Take no more submissions.
    Close { round: RoundId },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ParticipationVerb {
    /// List the countries of a round.
    List { round: RoundId },
    /// Show a country's part.
    Show { round: RoundId, country: Country },
    /// Accept a country's tables that are ready.
    Accept { round: RoundId, country: Country },
    /// Confirm a country's tables.
    Confirm { round: RoundId, country: Country },
    /// Put another person in a contact's place, who is invited instead.
    #[command(
        after_help = "Example: rondo participation replace ilms-asean-2025 VNM --was vnm-focal --is vnm-focal-2 --reason 'moved'"
    )]
    Replace {
        round: RoundId,
        country: Country,
        /// The contact who cannot be reached, or has left.
        #[arg(long)]
        was: PersonId,
        /// Who takes the place; first given the role by `rondo person grant`.
        #[arg(long)]
        is: PersonId,
        #[arg(long, value_parser = super::words)]
        reason: String,
    },
    /// Answer a question of the workflow for a country, as QUESTION=CHOICE.
    #[command(
        after_help = "Example: rondo participation answer technical-meeting-2027 LAO attends=online --text 'two people' --as lao-focal"
    )]
    Answer {
        round: RoundId,
        country: Country,
        answer: String,
        #[arg(long, value_parser = super::words)]
        text: Option<String>,
    },
    /// Say in words why a country's part stands as it does, whose turn it is, what holds it and what comes next.
    #[command(
        after_help = "Examples:\n  rondo participation why ilms-asean-2025 VNM\n  rondo participation why ilms-asean-2025 VNM --as-of 2025-11-10"
    )]
    Why {
        round: RoundId,
        country: Country,
        /// As it was at this instant, or at the beginning of this day in UTC.
        #[arg(long, value_name = "TIME", value_parser = super::instant)]
        as_of: Option<Timestamp>,
    },
    /// Close a country's part without an answer.
    Close {
        round: RoundId,
        country: Country,
        #[arg(long, value_parser = super::words)]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SubmissionVerb {
    /// Send a file.
    #[command(after_help = "Example: rondo submission send ilms-asean-2025 LAO lao.csv --as lao-focal")]
    Send {
        round: RoundId,
        country: Country,
        file: PathBuf,
        /// The code of the reason, where the file changes figures: error-in-entry, provisional-replaced, …
        #[arg(long, requires = "reason")]
        reason_code: Option<String>,
        /// The reason in words.
        #[arg(long, requires = "reason_code", value_parser = super::words)]
        reason: Option<String>,
        /// The source of rows that name none, such as BA:741.
        #[arg(long)]
        source: Option<Source>,
    },
    /// List the submissions of a round.
    List { round: RoundId },
    /// Show a submission with its findings.
    Show { round: RoundId, country: Country, submission: SubmissionId },
    /// Write the receipt of a submission, by which its sender can prove years later what was received and when.
    #[command(after_help = "Example: rondo submission receipt ilms-asean-2025 LAO lao-0a1b2c3d4e --out .")]
    Receipt {
        round: RoundId,
        country: Country,
        submission: SubmissionId,
        /// The folder into which the receipt and its record are written.
        #[arg(long, value_name = "DIR", default_value = ".")]
        out: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum QueryVerb {
    /// List the queries of a round.
    List { round: RoundId },
    /// Answer a query with an explanation.
    Answer {
        round: RoundId,
        country: Country,
        query: QueryId,
        #[arg(long, value_parser = super::words)]
        text: String,
    },
    /// Accept an answer.
    Accept { round: RoundId, country: Country, query: QueryId },
    /// Allow a failed rule to stand.
    Allow {
        round: RoundId,
        country: Country,
        query: QueryId,
        #[arg(long, value_parser = super::words)]
        reason: String,
    },
}

/// As of when a figure is asked about.
#[derive(Debug, Args)]
pub(crate) struct When {
    /// As it was known at this instant, or at the beginning of this day in UTC.
    #[arg(long, value_name = "TIME", value_parser = super::instant)]
    pub(crate) as_of: Option<Timestamp>,
    /// As the public saw it, at that instant or now.
    #[arg(long)]
    pub(crate) published: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum FigureVerb {
    /// Show a figure's value.
    #[command(
        after_help = "Example: rondo figure show LAO/MNA_OEMP_SEX_CDS_NB/2023/SEX_F/CDS_DES_KOR --as-of 2025-11-01"
    )]
    Show {
        /// REF_AREA/INDICATOR/TIME/SEX[/CLASSIF1[/CLASSIF2]][@SOURCE]
        key: FigureKey,
        #[command(flatten)]
        when: When,
    },
    /// Show every value a figure had.
    #[command(after_help = "Example: rondo figure history LAO/MNA_OEMP_SEX_CDS_NB/2023/SEX_F/CDS_DES_KOR")]
    History {
        /// REF_AREA/INDICATOR/TIME/SEX[/CLASSIF1[/CLASSIF2]][@SOURCE]
        key: FigureKey,
        #[command(flatten)]
        when: When,
    },
    /// Tell how each value came to be, from the release back to the cell of the received file.
    #[command(after_help = "Example: rondo figure explain LAO/MNA_OEMP_SEX_CDS_NB/2023/SEX_F/CDS_DES_KOR")]
    Explain {
        /// REF_AREA/INDICATOR/TIME/SEX[/CLASSIF1[/CLASSIF2]][@SOURCE]
        key: FigureKey,
        #[command(flatten)]
        when: When,
    },
    /// Load figures that were published before this log began.
    LoadPublished {
        file: PathBuf,
        /// Where they were published.
        #[arg(long, value_parser = super::words)]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum TaskVerb {
    /// List the tasks that wait for people, or every one.
    #[command(after_help = "Example: rondo task list --round ilms-asean-2025")]
    List {
        /// Of one round.
        #[arg(long)]
        round: Option<RoundId>,
        /// Those that are settled too.
        #[arg(long)]
        all: bool,
    },
    /// Say that a task is done, and what came of it.
    #[command(after_help = "Example: rondo task done ilms-asean-2025/LAO/call-head --text 'they send on Monday'")]
    Done {
        task: TaskName,
        #[arg(long, value_parser = super::words)]
        text: String,
    },
    /// Approve what a task asks about.
    #[command(
        after_help = "Example: rondo task approve ilms-asean-2025/LAO/approve-letter --reason 'three reminders went unanswered'"
    )]
    Approve {
        task: TaskName,
        #[arg(long, value_parser = super::words)]
        reason: String,
    },
    /// Decline a task, or what it asks about: what needs it is not carried out.
    Decline {
        task: TaskName,
        #[arg(long, value_parser = super::words)]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReleaseVerb {
    /// List releases.
    List,
    /// Show a release.
    Show { release: ReleaseId },
    /// Put a release together again, after a table in it has changed; approval and clearance begin anew.
    Prepare { release: ReleaseId },
    /// Write the receipts of a release's approval, clearance and publication.
    #[command(after_help = "Example: rondo release receipt ilms-asean-2025.1 --out .")]
    Receipt {
        release: ReleaseId,
        /// The folder into which the receipts and their records are written.
        #[arg(long, value_name = "DIR", default_value = ".")]
        out: PathBuf,
    },
    /// Approve a prepared release.
    Approve { release: ReleaseId },
    /// Clear an approved release for publication.
    Clear { release: ReleaseId },
    /// Hand a cleared release to the publisher by hand, where its step waited longer than its limit.
    Publish { release: ReleaseId },
}

#[derive(Debug, Subcommand)]
pub(crate) enum WorkflowVerb {
    /// Show in what two versions of a workflow differ: steps, milestones, countries, and every file.
    #[command(after_help = "Example: rondo workflow diff ilms-asean workflows/ilms-asean")]
    Diff {
        /// A workflow of this program, or the folder of one.
        was: String,
        is: String,
    },
    /// Write the files of a workflow of this program into a new folder, to be changed there.
    #[command(after_help = "Example: rondo workflow copy ilms-asean my-round")]
    Copy {
        /// A workflow of this program.
        workflow: String,
        /// The folder, which is not there yet or is empty.
        to: std::path::PathBuf,
    },
    /// Read a workflow and say what is wrong in it.
    #[command(after_help = "Example: rondo workflow check workflows/ilms-asean --year 2026")]
    Check {
        workflow: String,
        /// Reckon the dates of this year.
        #[arg(long)]
        year: Option<Year>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigVerb {
    /// Show the configuration in force.
    Show,
    /// Say whether a configuration page can be used.
    Check,
    /// Print an example with every key.
    Example,
}
