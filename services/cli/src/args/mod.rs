//! The command line: noun, then verb; an example first in every help.

mod audit;
mod calendar;
mod people;
mod rounds;
mod verbs;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use jiff::Timestamp;
use rondo_domain::calendar::Offset;
use rondo_domain::reason::text_is_well_formed;
use rondo_domain::{Country, PersonId, Reason, Role, RoundId, Service, Source};
use rondo_runtime::secret::Address;

use crate::output::Form;
pub(crate) use audit::*;
pub(crate) use calendar::*;
pub(crate) use people::*;
pub(crate) use rounds::*;
pub(crate) use verbs::*;

/// Runs rounds of official-statistics collection and keeps an event-sourced audit trail of every figure.
#[derive(Debug, Parser)]
#[command(name = "rondo", version, after_help = "Example: rondo up --demo")]
pub(crate) struct Cli {
    /// The data directory.
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The address of a running server; without it, the one announced in the data directory.
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) server: Option<Address>,
    /// A file that holds the token for --server and nothing else, or the `server.json` of that server; without it, the token is sent
    /// only to the address announced in the data directory.
    #[arg(long, global = true, value_name = "FILE", requires = "server")]
    pub(crate) token_file: Option<PathBuf>,
    /// The configuration page.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The form of what is printed.
    #[arg(long, global = true, value_enum, default_value_t)]
    pub(crate) output: Form,
    /// The person who acts.
    #[arg(id = "as", long = "as", global = true, value_name = "PERSON", default_value = "operator")]
    pub(crate) person: PersonId,
    /// The role in which the person acts; without it, the first one held that permits what is done.
    #[arg(long, global = true, value_name = "ROLE", value_parser = role)]
    pub(crate) role: Option<Role>,
    /// Send the same command again, of which nobody knows whether it was recorded: what was printed then. It acts once, and an id stands
    /// for one command: anything else under it is refused.
    #[arg(long, global = true, value_name = "ID", value_parser = occasion)]
    pub(crate) again: Option<String>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

fn role(text: &str) -> Result<Role, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).map_err(|e| e.to_string())
}

fn occasion(text: &str) -> Result<String, String> {
    let is_one = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_one { Ok(text.to_ascii_lowercase()) } else { Err("32 hexadecimal digits, as they were printed".to_owned()) }
}

/// An instant, or the beginning of a day in UTC.
fn instant(text: &str) -> Result<Timestamp, String> {
    let day = || text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
    text.parse().or_else(|_| day().map(|day| day.timestamp()).ok_or(())).map_err(|()| {
        "give an instant with its offset, 2025-10-01T09:00Z or 2025-10-01T16:00+07:00, or a day, 2025-10-01".to_owned()
    })
}

/// A country and by how much its deadline is extended.
fn extension(text: &str) -> Result<(Country, Offset), String> {
    let (country, offset) = text.split_once('=').ok_or("write it as VNM='+10 working days'")?;
    let country = country.parse().map_err(|e: rondo_domain::InvalidId| e.to_string())?;
    Ok((country, offset.parse().map_err(|e: rondo_domain::calendar::InvalidOffset| e.to_string())?))
}

/// A reason or an answer in a person's own words.
fn words(text: &str) -> Result<String, String> {
    if text_is_well_formed(text) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "give a reason in words of your own, up to {} characters, without hidden ones; it is kept in the log",
        Reason::MAX_TEXT
    ))
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run every role in one process.
    #[command(after_help = "Example: rondo up --demo --until-done --data /tmp/demo")]
    Up(UpArgs),
    /// Play a whole round on a virtual clock: every date, mail, task, escalation and release that would be. Nothing is sent.
    #[command(
        after_help = "Example: rondo rehearse ilms-asean --year 2026\n\nA file for --answers:\n  usual = \"-3 working days\"    # from each country's deadline\n  [country]\n  MMR = \"never\"\n  VNM = \"+10 working days\"\n  KHM = \"-1 working day, with findings\"    # or: refused first"
    )]
    Rehearse(RehearseArgs),
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
    /// Institutions, with their names over time.
    #[command(subcommand)]
    Institution(InstitutionVerb),
    /// Working days: days off, working weekends, and what changed in a round.
    #[command(subcommand)]
    Calendar(CalendarVerb),
    /// Workflow definitions.
    #[command(subcommand)]
    Workflow(WorkflowVerb),
    /// How mail leaves.
    #[command(subcommand)]
    Mail(MailVerb),
    /// The configuration page.
    #[command(subcommand)]
    Config(ConfigVerb),
    /// Copy the log and its files into an empty folder or one file, while a server runs or not; keys and people are kept apart.
    #[command(
        after_help = "Examples:\n  rondo backup --out /mnt/backup/rondo-2026-11-24\n  rondo backup --out /mnt/backup/rondo-2026-11-24.tar"
    )]
    Backup {
        /// A folder that is empty or does not exist, or a file that ends in `.tar`.
        #[arg(long, value_name = "PATH")]
        out: PathBuf,
    },
    /// Copy a backup into an empty data directory, after it has verified; or the records of an export, without received files.
    #[command(after_help = "Example: rondo restore --from /mnt/backup/rondo-2026-11-24 --data ./rondo-data")]
    Restore {
        /// The backup, a folder or a file, or the folder of an export.
        #[arg(long, value_name = "PATH")]
        from: PathBuf,
    },
    /// Print what makes a shell complete the verbs and options of this program.
    #[command(after_help = "Example: rondo completions bash > /etc/bash_completion.d/rondo")]
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Write the manual pages, one a verb, into a folder.
    #[command(after_help = "Example: rondo manual --out /usr/local/share/man/man1")]
    Manual {
        /// The folder; it is made if it is not there.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
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
    /// Pause every round before anything in it acts, as after a restore; `rondo round held` shows what would happen.
    #[arg(long, conflicts_with = "demo")]
    pub(crate) paused: bool,
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
    #[arg(required = true, value_parser = Service::NAMES)]
    pub(crate) roles: Vec<String>,
    /// The broker's address.
    #[arg(long, value_name = "URL")]
    pub(crate) nats: Option<Address>,
    /// With the ledger: pause every round before anything in it acts, as after a restore.
    #[arg(long)]
    pub(crate) paused: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ConductArgs {
    /// The broker's address.
    #[arg(long, value_name = "URL")]
    pub(crate) nats: Option<Address>,
    /// Seconds that the demonstration takes at the least.
    #[arg(long, default_value_t = 0)]
    pub(crate) pace: u64,
}

#[derive(Debug, Args)]
pub(crate) struct RehearseArgs {
    /// The workflow: a folder, or the name of one packed into the program.
    #[arg(required_unless_present = "round", conflicts_with = "round")]
    pub(crate) workflow: Option<String>,
    /// The collection year.
    #[arg(long, required_unless_present = "round", conflicts_with = "round")]
    pub(crate) year: Option<rondo_domain::Year>,
    /// Go on from a round of the log as it stands, instead of a new one.
    #[arg(long, value_name = "ROUND")]
    pub(crate) round: Option<RoundId>,
    /// With --round: as it stood at this instant, or at the beginning of this day in UTC.
    #[arg(long, value_name = "TIME", value_parser = instant, requires = "round")]
    pub(crate) as_of: Option<Timestamp>,
    /// With --round: what if a country's deadline were extended, for example VNM='+10 working days'. Shows the difference.
    #[arg(long, value_name = "COUNTRY=OFFSET", value_parser = extension, requires = "round")]
    pub(crate) extend: Vec<(Country, Offset)>,
    /// When countries answer; without it each three working days before its deadline.
    #[arg(long, value_name = "FILE")]
    pub(crate) answers: Option<PathBuf>,
    /// Draw the answers of countries that the file does not name; the same number draws the same ones.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
    /// Play it with so many countries, made up after those of the workflow.
    #[arg(long, value_name = "NUMBER", conflicts_with = "round")]
    pub(crate) countries: Option<usize>,
    /// Write it as a page that prints.
    #[arg(long, value_name = "FILE")]
    pub(crate) page: Option<PathBuf>,
    /// Write dates and tasks as a calendar file (iCalendar).
    #[arg(long, value_name = "FILE")]
    pub(crate) ics: Option<PathBuf>,
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
    /// The source of rows that name none, such as BA:741.
    #[arg(long)]
    pub(crate) source: Option<Source>,
}

impl Command {
    /// Whether it runs until it is asked to stop.
    pub(crate) fn serves(&self) -> bool {
        matches!(self, Self::Up(_) | Self::Run(_))
    }

    /// The names under which it serves, if it does: one a role over NATS, one for all of them in one process.
    pub(crate) fn serving(&self) -> Vec<String> {
        match self {
            Self::Run(args) => args.roles.clone(),
            Self::Up(_) => vec![self.process()],
            _ => Vec::new(),
        }
    }

    /// In whose name a line of the log is said that no service says itself.
    pub(crate) fn process(&self) -> String {
        match self {
            Self::Up(_) => "up".to_owned(),
            Self::Run(args) => args.roles.join("+"),
            Self::Rehearse(_) => rondo_runtime::telemetry::REHEARSAL.to_owned(),
            _ => "rondo".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    /// Every argument of a verb and of those below it that has no help.
    fn without_help(verb: &clap::Command, path: &str, found: &mut Vec<String>) {
        let path = format!("{path} {}", verb.get_name());
        let untold = verb.get_arguments().filter(|arg| !arg.is_hide_set() && arg.get_help().is_none());
        found.extend(untold.map(|arg| format!("{path}: {}", arg.get_id())));
        if verb.get_about().is_none() {
            found.push(path.clone());
        }
        verb.get_subcommands().for_each(|below| without_help(below, &path, found));
    }

    #[test]
    fn every_verb_and_every_argument_has_its_help() {
        let mut found = Vec::new();
        without_help(&Cli::command(), "", &mut found);
        assert!(found.is_empty(), "{found:#?}");
    }

    #[test]
    fn every_verb_keeps_the_options_that_hold_everywhere() {
        Cli::command().debug_assert();
        let text = ["rondo", "person", "grant", "x", "auditor", "--as", "operator", "--role", "administrator"];
        let cli = Cli::try_parse_from(text).unwrap();
        assert_eq!((cli.person.as_str(), cli.role), ("operator", Some(Role::Administrator)));
        let cli = Cli::command();
        let global: Vec<_> =
            cli.get_arguments().filter(|arg| arg.is_global_set()).map(|arg| arg.get_id().clone()).collect();
        let mut verbs: Vec<_> = cli.get_subcommands().collect();
        while let Some(verb) = verbs.pop() {
            let hidden: Vec<_> = verb.get_arguments().filter(|arg| global.contains(arg.get_id())).collect();
            assert!(hidden.is_empty(), "{} hides {hidden:?}", verb.get_name());
            verbs.extend(verb.get_subcommands());
        }
    }
}
