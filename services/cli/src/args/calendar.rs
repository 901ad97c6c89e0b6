//! The verbs of calendars and institutions.

use clap::{Args, Subcommand};
use jiff::civil::Date;
use rondo_domain::calendar::NamedWeekday;
use rondo_domain::{Country, InstitutionId, PlaceId, RoundId, Year};
use serde::Serialize;

#[derive(Debug, Serialize, Subcommand)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CalendarVerb {
    /// Show a country's or a place's days off and working weekends in a year, with what they were taken from.
    #[command(
        after_help = "Examples:\n  rondo calendar show ilms-asean --country VNM --year 2025\n  rondo calendar show ilms-asean --country MMR --year 2025 --round ilms-asean-2025\n  rondo calendar show ilms-asean --country MYS --place MY-03 --year 2025"
    )]
    Show {
        /// A workflow of this program, or the folder of one.
        workflow: String,
        /// The country.
        #[arg(long)]
        country: Country,
        /// A place in it whose days differ.
        #[arg(long)]
        place: Option<PlaceId>,
        /// The year.
        #[arg(long)]
        year: Year,
        /// With the days that were proclaimed while this round was under way.
        #[arg(long, value_name = "ROUND")]
        round: Option<RoundId>,
    },
    /// Record in a round that a day, a week or a zone is not as its calendar has it; or show what that would move.
    #[command(
        after_help = "Examples:\n  rondo calendar change ilms-asean-2025 --country LAO --off 2025-10-30 --title 'National mourning' --preview\n  rondo calendar change ilms-asean-2025 --country VNM --worked 2025-11-08 --title 'for 31 October' --reason 'notice of the ministry' --as ilo-coordinator\n  rondo calendar change ilms-asean-2025 --country LAO --as-calendar 2025-10-30 --reason 'the decree was withdrawn'"
    )]
    Change {
        /// The round.
        round: RoundId,
        /// The country.
        #[arg(long)]
        country: Country,
        /// Only in a place of it.
        #[arg(long)]
        place: Option<PlaceId>,
        #[command(flatten)]
        #[serde(flatten)]
        what: WhatChanges,
        /// What the day is called, or why it is worked.
        #[arg(long, value_parser = super::words, required_unless_present_any = ["as_calendar", "week_from", "zone"])]
        title: Option<String>,
        /// The day awaits proclamation.
        #[arg(long)]
        estimated: bool,
        /// With --week-from: the days of rest, for example Friday,Saturday.
        #[arg(long, value_delimiter = ',', value_name = "DAYS", requires = "week_from")]
        rest: Vec<NamedWeekday>,
        /// By whose word.
        #[arg(long, value_parser = super::words, required_unless_present = "preview")]
        reason: Option<String>,
        /// Only show which dates would move.
        #[arg(long)]
        preview: bool,
    },
}

/// What is otherwise than the calendar has it.
#[derive(Debug, Serialize, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct WhatChanges {
    /// This day is off.
    #[arg(long, value_name = "DATE")]
    pub(crate) off: Option<Date>,
    /// This day is worked.
    #[arg(long, value_name = "DATE")]
    pub(crate) worked: Option<Date>,
    /// This day is as the calendar itself has it: what was changed of it is taken back.
    #[arg(long, value_name = "DATE")]
    pub(crate) as_calendar: Option<Date>,
    /// From this day on, other days of the week are off.
    #[arg(long, value_name = "DATE", requires = "rest")]
    pub(crate) week_from: Option<Date>,
    /// Another time zone holds.
    #[arg(long, value_name = "ZONE")]
    pub(crate) zone: Option<String>,
}

#[derive(Debug, Serialize, Subcommand)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum InstitutionVerb {
    /// List institutions, with their former names.
    List,
    /// Register an institution, or say its new name or place; former names are kept with their time.
    #[command(
        after_help = "Example: rondo institution register mys-kelantan --country MYS --title 'Labour office of Kelantan' --place MY-03"
    )]
    Register {
        /// The institution.
        institution: InstitutionId,
        /// The country.
        #[arg(long)]
        country: Option<Country>,
        /// The title.
        #[arg(long, value_parser = super::words)]
        title: String,
        /// Where it is, if people there work on other days than the country.
        #[arg(long)]
        place: Option<PlaceId>,
    },
}
