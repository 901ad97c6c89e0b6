//! The command line: noun, then verb; an example first in every help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use jiff::civil::Date;
use rondo_domain::calendar::Offset;
use rondo_domain::figure::FigureKey;
use rondo_domain::{Country, NoticeId, PersonId, QueryId, ReleaseId, Role, RoundId, SubmissionId, Year};

use crate::output::Form;
use crate::task::TaskName;

/// Runs rounds of official-statistics collection and keeps an event-sourced audit trail of every figure.
#[derive(Debug, Parser)]
#[command(name = "rondo", version, after_help = "Example: rondo up --demo")]
pub(crate) struct Cli {
    /// The data directory.
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The address of a running server; without it, the one announced in the data directory.
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// The configuration page.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The form of what is printed.
    #[arg(long, global = true, value_enum, default_value_t)]
    pub(crate) output: Form,
    /// The person who acts.
    #[arg(long = "as", global = true, value_name = "PERSON", default_value = "operator")]
    pub(crate) person: PersonId,
    /// The role in which the person acts; without it, the first one held.
    #[arg(long, global = true, value_name = "ROLE", value_parser = role)]
    pub(crate) role: Option<Role>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

fn role(text: &str) -> Result<Role, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).map_err(|e| e.to_string())
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run every role in one process.
    #[command(after_help = "Example: rondo up --demo --until-done --data /tmp/demo")]
    Up(UpArgs),
    /// Run one or more roles as a process of its own over NATS.
    #[command(after_help = "Example: rondo run ledger --nats nats://127.0.0.1:4222 --config ledger.toml")]
    Run(RunArgs),
    /// Play the demonstration's cast against roles that run over NATS.
    #[command(hide = true)]
    Conduct(ConductArgs),
    /// Check a file offline; never counts as a submission. Status 3 when there are errors.
    #[command(after_help = "Example: rondo check lao.csv --country LAO")]
    Check(CheckArgs),
    /// Rounds.
    #[command(subcommand)]
    Round(RoundVerb),
    /// Countries in a round.
    #[command(subcommand)]
    Participation(ParticipationVerb),
    /// Files sent by countries.
    #[command(subcommand)]
    Submission(SubmissionVerb),
    /// Questions to countries.
    #[command(subcommand)]
    Query(QueryVerb),
    /// Figures and their history.
    #[command(subcommand)]
    Figure(FigureVerb),
    /// Mail.
    #[command(subcommand)]
    Reminder(ReminderVerb),
    /// What the workflow asks of people.
    #[command(subcommand)]
    Task(TaskVerb),
    /// Releases.
    #[command(subcommand)]
    Release(ReleaseVerb),
    /// The log itself.
    #[command(subcommand)]
    Audit(AuditVerb),
    /// People: the register, and the roles they hold.
    #[command(subcommand)]
    Person(PersonVerb),
    /// Workflow definitions.
    #[command(subcommand)]
    Workflow(WorkflowVerb),
    /// The configuration page.
    #[command(subcommand)]
    Config(ConfigVerb),
    /// Say in words what is wrong with an installation.
    #[command(after_help = "Example: rondo doctor --data ./rondo-data")]
    Doctor,
}

#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// Play a whole round on published figures on a fast clock.
    #[arg(long)]
    pub(crate) demo: bool,
    /// With --demo: end with status 0 once the round is published and the log has verified.
    #[arg(long, requires = "demo")]
    pub(crate) until_done: bool,
    /// Where to listen.
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<String>,
    /// Seconds that the demonstration takes at the least.
    #[arg(long, default_value_t = 60, value_name = "SECONDS", requires = "demo")]
    pub(crate) pace: u64,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The roles.
    #[arg(required = true, value_parser = ["ledger", "scheduler", "reminder", "validator", "publisher", "gateway"])]
    pub(crate) roles: Vec<String>,
    /// The broker's address.
    #[arg(long, value_name = "URL")]
    pub(crate) nats: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ConductArgs {
    /// The broker's address.
    #[arg(long, value_name = "URL")]
    pub(crate) nats: Option<String>,
    /// Seconds that the demonstration takes at the least.
    #[arg(long, default_value_t = 0)]
    pub(crate) pace: u64,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The files.
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// The workflow whose questionnaire and rules are used.
    #[arg(long, default_value = "ilms-asean")]
    pub(crate) workflow: String,
    /// The country that would send the files.
    #[arg(long)]
    pub(crate) country: Option<Country>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RoundVerb {
    /// List rounds.
    List,
    /// Show a round.
    #[command(after_help = "Example: rondo round show ilms-asean-2025 --output json")]
    Show { round: RoundId },
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
        #[arg(long)]
        reason: String,
    },
    /// Hold every step.
    Pause {
        round: RoundId,
        #[arg(long)]
        reason: String,
    },
    /// Let steps fire again.
    Resume {
        round: RoundId,
        #[arg(long)]
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
    /// Close a country's part without an answer.
    Close {
        round: RoundId,
        country: Country,
        #[arg(long)]
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
        #[arg(long, requires = "reason_code")]
        reason: Option<String>,
    },
    /// List the submissions of a round.
    List { round: RoundId },
    /// Show a submission with its findings.
    Show { round: RoundId, country: Country, submission: SubmissionId },
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
        #[arg(long)]
        text: String,
    },
    /// Accept an answer.
    Accept { round: RoundId, country: Country, query: QueryId },
    /// Allow a failed rule to stand.
    Allow {
        round: RoundId,
        country: Country,
        query: QueryId,
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum FigureVerb {
    /// Show a figure's value.
    Show { key: FigureKey },
    /// Show every value a figure had.
    #[command(after_help = "Example: rondo figure history LAO/MNA_OEMP_SEX_CDS_NB/2023/SEX_F/CDS_DES_KOR")]
    History { key: FigureKey },
    /// Load figures that were published before this log began.
    LoadPublished {
        file: PathBuf,
        /// Where they were published.
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReminderVerb {
    /// List every notice and what became of it.
    List {
        /// Of one round.
        #[arg(long)]
        round: Option<RoundId>,
    },
    /// Send again what is held.
    SendNow {
        round: RoundId,
        notice: NoticeId,
        #[arg(long)]
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
        #[arg(long)]
        text: String,
    },
    /// Approve what a task asks about.
    #[command(
        after_help = "Example: rondo task approve ilms-asean-2025/LAO/approve-letter --reason 'three reminders went unanswered'"
    )]
    Approve {
        task: TaskName,
        #[arg(long)]
        reason: String,
    },
    /// Decline a task, or what it asks about: what needs it is not carried out.
    Decline {
        task: TaskName,
        #[arg(long)]
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
    /// Approve a prepared release.
    Approve { release: ReleaseId },
    /// Clear an approved release for publication.
    Clear { release: ReleaseId },
    /// Hand a cleared release to the publisher by hand, where its step waited longer than its limit.
    Publish { release: ReleaseId },
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditVerb {
    /// Hash every record again and compare with what was signed.
    #[command(after_help = "Example: rondo audit verify --data ./rondo-data")]
    Verify,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PersonVerb {
    /// List people by id, with their roles.
    List,
    /// Write a person into the register beside the log.
    #[command(after_help = "Example: rondo person add lao-focal --name 'Boua Khai' --email boua@example.org")]
    Add {
        who: PersonId,
        #[arg(long)]
        name: String,
        #[arg(long)]
        email: String,
        #[arg(long, default_value = "en")]
        language: String,
    },
    /// Give a person a role.
    #[command(after_help = "Example: rondo person grant lao-focal focal-point --country LAO")]
    Grant {
        who: PersonId,
        #[arg(value_parser = role)]
        granted: Role,
        #[arg(long)]
        country: Option<Country>,
        #[arg(long)]
        institution: Option<rondo_domain::InstitutionId>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum WorkflowVerb {
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_verb_keeps_the_options_that_hold_everywhere() {
        Cli::command().debug_assert();
        let text = ["rondo", "person", "grant", "x", "auditor", "--as", "operator", "--role", "administrator"];
        let cli = Cli::try_parse_from(text).unwrap();
        assert_eq!((cli.person.as_str(), cli.role), ("operator", Some(Role::Administrator)));
    }
}
