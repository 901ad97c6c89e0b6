//! The verbs of the audit.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use rondo_domain::{Country, Indicator, InstitutionId, PersonId, RoundId, Year};

/// What is searched for; all that is given must hold.
#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    /// Done by this person or service.
    #[arg(long = "person", value_name = "PERSON")]
    pub(crate) by: Option<PersonId>,
    /// Done by somebody of this institution, or on its behalf.
    #[arg(long)]
    pub(crate) institution: Option<InstitutionId>,
    /// About this country.
    #[arg(long)]
    pub(crate) country: Option<Country>,
    /// In this round.
    #[arg(long)]
    pub(crate) round: Option<RoundId>,
    /// About figures of this indicator.
    #[arg(long)]
    pub(crate) indicator: Option<Indicator>,
    /// About this questionnaire table.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) table: Option<u8>,
    /// About figures of this reference year.
    #[arg(long, value_name = "YEAR")]
    pub(crate) period: Option<Year>,
    /// Events of this name, for example `FiguresRecorded`.
    #[arg(long, value_name = "NAME")]
    pub(crate) event: Option<String>,
    /// Events whose reason, code or text, holds these words.
    #[arg(long, value_name = "WORDS")]
    pub(crate) reason: Option<String>,
    /// Recorded at this instant or later.
    #[arg(long, value_name = "TIME", value_parser = super::instant)]
    pub(crate) since: Option<Timestamp>,
    /// Recorded at this instant or earlier.
    #[arg(long, value_name = "TIME", value_parser = super::instant)]
    pub(crate) until: Option<Timestamp>,
    /// A ready question, of the whole log.
    #[arg(long, value_enum, conflicts_with_all = ["by", "institution", "country", "round", "indicator", "table", "period", "event", "reason", "since", "until"])]
    pub(crate) question: Option<Question>,
}

/// The questions that auditors ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Question {
    /// Figures that changed after their table was accepted.
    ChangedAfterAcceptance,
    /// Figures whose last value was written by another than the country.
    LastByAnother,
    /// Failed rules that were allowed to stand.
    Allowances,
    /// Published figures that stand on such an allowance.
    PublishedOnAllowance,
    /// Acts that need two people and were done by one; none should be found.
    SamePerson,
    /// Deadlines that were extended, by whom and why.
    Extensions,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditVerb {
    /// Hash every record again and compare with what was signed: of a data directory, an export or a receipt.
    #[command(
        after_help = "Examples:\n  rondo audit verify --data ./rondo-data --saved checkpoint-of-last-year\n  rondo audit verify ./export --key log.vkey\n  rondo audit verify lao-0a1b2c.tlog-proof --key log.vkey"
    )]
    Verify {
        /// The folder of an export, or a receipt; without it the data directory.
        path: Option<PathBuf>,
        /// A checkpoint that you saved earlier, or a receipt; the log must extend it.
        #[arg(long, value_name = "FILE")]
        saved: Option<PathBuf>,
        /// The keys of the log that you trust, one a line, from elsewhere than the log; without it the one beside the log.
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// A policy (C2SP tlog-policy): whose cosignatures have to be there.
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
        /// How old the newest cosignature may be.
        #[arg(long, value_name = "HOURS", requires = "policy")]
        fresh: Option<u32>,
        /// The record of a receipt; without it the file beside it that ends in `.record`.
        #[arg(long, value_name = "FILE")]
        record: Option<PathBuf>,
    },
    /// Find records by who, where, what and why, or ask a ready question.
    #[command(
        after_help = "Examples:\n  rondo audit search --person lao-focal --event FiguresRecorded\n  rondo audit search --question changed-after-acceptance --output csv"
    )]
    Search(Box<SearchArgs>),
    /// Print the newest signed checkpoint; keep it elsewhere, and the log cannot be rewritten unseen.
    #[command(after_help = "Example: rondo audit checkpoint > checkpoint-of-this-year")]
    Checkpoint,
    /// Have the witnesses of a policy cosign the newest checkpoint (C2SP tlog-witness), and keep it.
    #[command(after_help = "Example: rondo audit witness --policy witnesses.policy")]
    Witness {
        /// A policy whose witnesses have addresses.
        #[arg(long, value_name = "FILE")]
        policy: PathBuf,
    },
    /// Fold the whole log and print one hash over every stream's state: equal logs have equal ones.
    #[command(after_help = "Example: rondo audit state")]
    State,
    /// Say that this machine's clock is right, where it is doubted: days after the last record, or before it.
    #[command(after_help = "Example, beside the log: rondo audit clock --today 2028-03-01")]
    Clock {
        /// The day it is.
        #[arg(long, value_name = "YYYY-MM-DD")]
        today: jiff::civil::Date,
    },
    /// Go on with a log whose newest records, signing key or memory of signing are lost: a new key signs, and the log says what is
    /// lost and why, wherever it is verified. Nothing brings back what is lost: look for a newer backup first. No server may run.
    #[command(
        after_help = "Example, beside the log: rondo audit continue --reason 'the disk failed; the backup of 1 March is the newest' --as operator"
    )]
    Continue {
        /// Why records, or the key, are lost.
        #[arg(long, value_parser = super::words)]
        reason: String,
        /// A key that was made with `audit key create`; without it a new one is made here.
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
        /// The log was longer than this backup of it, although nothing beside it shows that.
        #[arg(long)]
        although_nothing_shows_it: bool,
    },
    /// The keys that sign the log.
    #[command(subcommand)]
    Key(KeyVerb),
    /// Write the signed log as the folder that others' tools read (C2SP tlog-tiles).
    #[command(after_help = "Example: rondo audit export --out ./export")]
    Export {
        /// A folder that is empty or does not exist.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Prove that a record is in the log (C2SP tlog-proof), or that the log extends what it was.
    #[command(after_help = "Examples:\n  rondo audit proof 1024 --out .\n  rondo audit proof --since 512")]
    Proof {
        /// The record's position.
        #[arg(required_unless_present = "since")]
        record: Option<u64>,
        /// How many records the log had.
        #[arg(long, conflicts_with = "record", value_name = "RECORDS")]
        since: Option<u64>,
        /// The folder into which the receipt and its record are written.
        #[arg(long, value_name = "DIR", default_value = ".")]
        out: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyVerb {
    /// List the keys that signed the log, the present one last. Give the list to whoever holds receipts.
    #[command(after_help = "Example: rondo audit key list --plain > log.vkeys")]
    List {
        /// The keys alone, one a line, as `audit verify --key` takes them.
        #[arg(long)]
        plain: bool,
    },
    /// Make a key on another machine, to be brought to the log with `rotate --to`.
    #[command(after_help = "Example: rondo audit key create --out next.key")]
    Create {
        /// The file, which must not exist.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Let another key sign from now on; the log records who changed it and why. No server may run meanwhile.
    #[command(after_help = "Example: rondo audit key rotate --reason 'the yearly change' --as operator")]
    Rotate {
        /// Why, in words of your own; it is kept in the log.
        #[arg(long, value_parser = super::words)]
        reason: String,
        /// A key that was made with `create`; without it a new one is made here.
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
}
