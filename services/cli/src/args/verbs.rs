//! The verbs of submissions, queries, figures, tasks, releases, workflows and the configuration.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use rondo_domain::figure::FigureKey;
use rondo_domain::run::TaskName;
use rondo_domain::{Country, QueryId, ReleaseId, RoundId, Source, SubmissionId, Year};
use serde::Serialize;

#[derive(Debug, Serialize, Subcommand)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SubmissionVerb {
    /// Send a file.
    #[command(after_help = "Example: rondo submission send ilms-asean-2025 LAO lao.csv --as lao-focal")]
    Send {
        /// The round.
        round: RoundId,
        /// The country.
        country: Country,
        /// The file.
        #[serde(serialize_with = "crate::again::place")]
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
    List {
        /// The round.
        round: RoundId,
    },
    /// Show a submission with its findings.
    Show {
        /// The round.
        round: RoundId,
        /// The country.
        country: Country,
        /// The submission.
        submission: SubmissionId,
    },
    /// Write the receipt of a submission, by which its sender can prove years later what was received and when.
    #[command(after_help = "Example: rondo submission receipt ilms-asean-2025 LAO lao-0a1b2c3d4e --out .")]
    Receipt {
        /// The round.
        round: RoundId,
        /// The country.
        country: Country,
        /// The submission.
        submission: SubmissionId,
        /// The folder into which the receipt and its record are written.
        #[arg(long, value_name = "DIR", default_value = ".")]
        #[serde(skip)]
        out: PathBuf,
    },
}

#[derive(Debug, Serialize, Subcommand)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum QueryVerb {
    /// List the queries of a round.
    List {
        /// The round.
        round: RoundId,
    },
    /// Answer a query with an explanation.
    Answer {
        /// The round.
        round: RoundId,
        /// The country.
        country: Country,
        /// The query.
        query: QueryId,
        /// What is said, in words of your own; it is kept in the log.
        #[arg(long, value_parser = super::words)]
        text: String,
    },
    /// Accept an answer.
    Accept {
        /// The round.
        round: RoundId,
        /// The country.
        country: Country,
        /// The query.
        query: QueryId,
    },
    /// Allow a failed rule to stand.
    Allow {
        /// The round.
        round: RoundId,
        /// The country.
        country: Country,
        /// The query.
        query: QueryId,
        /// Why, in words of your own; it is kept in the log.
        #[arg(long, value_parser = super::words)]
        reason: String,
    },
}

/// As of when a figure is asked about.
#[derive(Debug, Serialize, Args)]
pub(crate) struct When {
    /// As it was known at this instant, or at the beginning of this day in UTC.
    #[arg(long, value_name = "TIME", value_parser = super::instant)]
    pub(crate) as_of: Option<Timestamp>,
    /// As the public saw it, at that instant or now.
    #[arg(long)]
    pub(crate) published: bool,
}

#[derive(Debug, Serialize, Subcommand)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FigureVerb {
    /// Show a figure's value.
    #[command(
        after_help = "Example: rondo figure show LAO/MNA_OEMP_SEX_CDS_NB/2023/SEX_F/CDS_DES_KOR --as-of 2025-11-01"
    )]
    Show {
        /// REF_AREA/INDICATOR/TIME/SEX[/CLASSIF1[/CLASSIF2]][@SOURCE]
        key: FigureKey,
        #[command(flatten)]
        #[serde(flatten)]
        when: When,
    },
    /// Show every value a figure had.
    #[command(after_help = "Example: rondo figure history LAO/MNA_OEMP_SEX_CDS_NB/2023/SEX_F/CDS_DES_KOR")]
    History {
        /// REF_AREA/INDICATOR/TIME/SEX[/CLASSIF1[/CLASSIF2]][@SOURCE]
        key: FigureKey,
        #[command(flatten)]
        #[serde(flatten)]
        when: When,
    },
    /// Tell how each value came to be, from the release back to the cell of the received file.
    #[command(after_help = "Example: rondo figure explain LAO/MNA_OEMP_SEX_CDS_NB/2023/SEX_F/CDS_DES_KOR")]
    Explain {
        /// REF_AREA/INDICATOR/TIME/SEX[/CLASSIF1[/CLASSIF2]][@SOURCE]
        key: FigureKey,
        #[command(flatten)]
        #[serde(flatten)]
        when: When,
    },
    /// Load figures that were published before this log began.
    LoadPublished {
        /// The file.
        #[serde(serialize_with = "crate::again::place")]
        file: PathBuf,
        /// Where they were published.
        #[arg(long, value_parser = super::words)]
        reason: String,
    },
}

#[derive(Debug, Serialize, Subcommand)]
#[serde(rename_all = "kebab-case")]
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
        /// The task, as `task list` names it.
        task: TaskName,
        /// What is said, in words of your own; it is kept in the log.
        #[arg(long, value_parser = super::words)]
        text: String,
    },
    /// Approve what a task asks about.
    #[command(
        after_help = "Example: rondo task approve ilms-asean-2025/LAO/approve-letter --reason 'three reminders went unanswered'"
    )]
    Approve {
        /// The task, as `task list` names it.
        task: TaskName,
        /// Why, in words of your own; it is kept in the log.
        #[arg(long, value_parser = super::words)]
        reason: String,
    },
    /// Decline a task, or what it asks about: what needs it is not carried out.
    Decline {
        /// The task, as `task list` names it.
        task: TaskName,
        /// Why, in words of your own; it is kept in the log.
        #[arg(long, value_parser = super::words)]
        reason: String,
    },
}

#[derive(Debug, Serialize, Subcommand)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ReleaseVerb {
    /// List releases.
    List,
    /// Show a release.
    Show {
        /// The release.
        release: ReleaseId,
    },
    /// Put a release together again, after a table in it has changed; approval and clearance begin anew.
    Prepare {
        /// The release.
        release: ReleaseId,
    },
    /// Write the receipts of a release's approval, clearance and publication.
    #[command(after_help = "Example: rondo release receipt ilms-asean-2025.1 --out .")]
    Receipt {
        /// The release.
        release: ReleaseId,
        /// The folder into which the receipts and their records are written.
        #[arg(long, value_name = "DIR", default_value = ".")]
        #[serde(skip)]
        out: PathBuf,
    },
    /// Approve a prepared release.
    Approve {
        /// The release.
        release: ReleaseId,
    },
    /// Clear an approved release for publication.
    Clear {
        /// The release.
        release: ReleaseId,
    },
    /// Hand a cleared release to the publisher by hand, where its step waited longer than its limit.
    Publish {
        /// The release.
        release: ReleaseId,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum WorkflowVerb {
    /// Show in what two versions of a workflow differ: steps, milestones, countries, and every file.
    #[command(after_help = "Example: rondo workflow diff ilms-asean workflows/ilms-asean")]
    Diff {
        /// A workflow of this program, or the folder of one.
        was: String,
        /// The one after.
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
        /// The workflow: a folder, or the name of one packed into the program.
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
    #[command(after_help = "Example: rondo config check --connect --config rondo.toml")]
    Check {
        /// Greet the mail server as well, and sign in there; nothing is sent.
        #[arg(long)]
        connect: bool,
    },
    /// Print an example with every key.
    Example,
}
