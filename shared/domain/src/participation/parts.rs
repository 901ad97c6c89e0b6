//! What a participation is made of: its words for where things stand, submissions, tables and queries.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::event::{Answer, Declaration, ReceivedFile, TableFindings};
use crate::figure::Extent;
use crate::finding::Finding;
use crate::table::TableNo;
use crate::{InstitutionId, PersonId, Reason, Source, Year};

/// Where a country's part stands, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "each state is named after the event that leads to it")]
pub enum ParticipationState {
    NotInvited,
    Invited,
    Bounced,
    Acknowledged,
    PartlySubmitted,
    Submitted,
    UnderReview,
    QueryOpen,
    Validated,
    ValidatedWithAllowances,
    CountryConfirmed,
    NilReturn,
    Declined,
    NoResponse,
    Published,
}

impl ParticipationState {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotInvited => "not invited",
            Self::Invited => "invited",
            Self::Bounced => "bounced",
            Self::Acknowledged => "acknowledged",
            Self::PartlySubmitted => "partly submitted",
            Self::Submitted => "submitted",
            Self::UnderReview => "under review",
            Self::QueryOpen => "query open",
            Self::Validated => "validated",
            Self::ValidatedWithAllowances => "validated with allowances",
            Self::CountryConfirmed => "country confirmed",
            Self::NilReturn => "nil return",
            Self::Declined => "declined",
            Self::NoResponse => "no response",
            Self::Published => "published",
        }
    }
}

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Turn {
    /// The country owes the next act.
    Country,
    /// ILO owes it.
    Ilo,
    /// Nobody does.
    Nobody,
}

/// That a contact whose mail came back is reached again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// Since when.
    pub at: Timestamp,
    /// Who says so: a coordinator, or a service that saw an answer of theirs or a report of their server.
    pub by: PersonId,
    /// Why a coordinator says so.
    pub reason: String,
}

/// Where a submission stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SubmissionState {
    /// Received, not yet looked at.
    Received,
    /// To be checked.
    CheckRequested,
    /// Could not be loaded.
    Rejected,
    /// Loaded and checked.
    Checked,
}

impl SubmissionState {
    /// Whether figures of it may still be recorded.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Received | Self::CheckRequested)
    }
}

/// A received submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceivedSubmission {
    /// Where it stands.
    pub state: SubmissionState,
    /// The file.
    pub file: ReceivedFile,
    /// Who sent it.
    pub author: PersonId,
    /// The institution it speaks for.
    pub institution: Option<InstitutionId>,
    /// The reason of any change.
    pub reason: Option<Reason>,
    /// When it came.
    pub received_at: Timestamp,
    /// The record of its arrival.
    pub position: u64,
    /// What the check found.
    pub findings: Vec<TableFindings>,
    /// How many figures it holds, once checked.
    pub figures: usize,
    /// The source of its rows that name none.
    pub source: Option<Source>,
    /// How much of it was read, once checked.
    pub extent: Option<Extent>,
}

/// Where a table stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the words of the questionnaire-table statuses")]
pub enum TableState {
    Expected,
    Received,
    WithErrors,
    Clean,
    Explained,
    Allowed,
    Declared,
    Accepted,
    Confirmed,
    Published,
}

impl TableState {
    /// Whether the country has answered for the table.
    pub fn is_in(self) -> bool {
        self != Self::Expected
    }

    /// Whether it can be accepted.
    pub fn is_acceptable(self) -> bool {
        matches!(self, Self::Clean | Self::Explained | Self::Allowed)
    }

    /// Whether it stands accepted, confirmed or published.
    pub fn is_accepted(self) -> bool {
        matches!(self, Self::Accepted | Self::Confirmed | Self::Published)
    }
}

/// An owed table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwedTable {
    /// Where it stands.
    pub state: TableState,
    /// Reference years received.
    pub years: BTreeSet<Year>,
    /// Sources received.
    pub sources: BTreeSet<Source>,
    /// People who sent figures for it.
    pub authors: BTreeSet<PersonId>,
    /// Who accepted it.
    pub accepted_by: Option<PersonId>,
    /// The declaration, where there are no figures.
    pub declaration: Option<Declaration>,
    /// When it was first in.
    pub first_in: Option<Timestamp>,
    /// The record of the last check that brought figures for it.
    pub changed_at: Option<u64>,
    /// Failed rules at the last check.
    pub findings: Vec<Finding>,
}

/// Where a query stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the words are the meaning")]
pub enum QueryState {
    Open,
    Answered,
    Accepted,
    Allowed,
}

/// A query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// Where it stands.
    pub state: QueryState,
    /// The table.
    pub table: TableNo,
    /// The question.
    pub finding: Finding,
    /// When it was put.
    pub opened_at: Timestamp,
    /// The answer.
    pub answer: Option<(Answer, String)>,
    /// Who answered.
    pub answered_by: Option<PersonId>,
    /// Why it was allowed.
    pub allowance: Option<String>,
}

impl OwedTable {
    /// A table of which nothing was heard yet.
    pub(super) fn expected() -> Self {
        Self {
            state: TableState::Expected,
            years: BTreeSet::new(),
            sources: BTreeSet::new(),
            authors: BTreeSet::new(),
            accepted_by: None,
            declaration: None,
            first_in: None,
            changed_at: None,
            findings: Vec::new(),
        }
    }
}
