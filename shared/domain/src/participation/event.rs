//! What happens to a participation.

use serde::{Deserialize, Serialize};

use crate::figure::Extent;
use crate::finding::Finding;
use crate::table::TableNo;
use crate::{
    FileHash, InstitutionId, NoticeId, PersonId, QueryId, Reason, ReleaseId, Role, Source, SubmissionId, Year,
};

/// How a file reached us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// Sent by the country itself.
    Upload,
    /// Came by e-mail and was entered by ILO on the country's behalf.
    Email,
    /// Taken down on the telephone.
    Telephone,
}

/// A received file; its bytes are kept under its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceivedFile {
    /// SHA-256 of the bytes.
    pub sha256: FileHash,
    /// The file's name, without a path.
    pub name: String,
    /// Size in bytes.
    pub size: u64,
}

/// Why a table has no figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Declaration {
    /// The country does not have them.
    NotAvailable,
    /// They cannot exist there.
    NotApplicable,
    /// Nothing new since the last answer.
    NothingNew,
    /// Promised for the next round.
    Promised,
}

impl Declaration {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAvailable => "not available",
            Self::NotApplicable => "not applicable",
            Self::NothingNew => "nothing new",
            Self::Promised => "promised for the next round",
        }
    }
}

/// What a country says to a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// The figure was corrected.
    Corrected,
    /// The figure is right as it stands.
    Confirmed,
    /// The figure is right, for this reason.
    Explained,
    /// The country cannot tell.
    CannotAnswer,
}

impl Answer {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Corrected => "corrected",
            Self::Confirmed => "right as it stands",
            Self::Explained => "right, for a reason",
            Self::CannotAnswer => "the country cannot tell",
        }
    }
}

/// A table of a checked submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckedTable {
    /// The table.
    pub table: TableNo,
    /// The reference years it brought.
    pub years: Vec<Year>,
    /// Its sources.
    pub sources: Vec<Source>,
}

/// The findings on one table of a submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableFindings {
    /// The table; absent when the finding is about the whole file.
    pub table: Option<TableNo>,
    /// The findings.
    pub findings: Vec<Finding>,
}

/// What happened to a participation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", content = "data")]
pub enum ParticipationEvent {
    /// The country is in the round and owes these tables.
    ParticipationExpected {
        /// The tables.
        tables: Vec<TableNo>,
    },
    /// A person of the country was invited.
    CountryInvited {
        /// Whom.
        person: PersonId,
    },
    /// A mail to a contact came back for good.
    ContactBounced {
        /// The contact.
        person: PersonId,
        /// The notice.
        notice: NoticeId,
        /// After which attempt.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attempt: Option<u32>,
    },
    /// A mail to a contact was not delivered, for a reason that says nothing about the contact.
    MailUndelivered {
        /// The contact.
        person: PersonId,
        /// The notice.
        notice: NoticeId,
        /// After which attempt.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attempt: Option<u32>,
    },
    /// A contact, or their provider, complained about a mail.
    MailComplained {
        /// The contact.
        person: PersonId,
        /// The notice.
        notice: NoticeId,
    },
    /// Another person takes a contact's place.
    ContactReplaced {
        /// Who was.
        was: PersonId,
        /// Who is.
        is: PersonId,
        /// Why.
        reason: String,
        /// In which roles; a record of before, which does not say it, stands for every role of the country.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        roles: Vec<Role>,
        /// In which other roles of the country the old contact is still written to, at an address of which it stays known whether
        /// somebody is reached there; none in a record of before, which says that nobody asks any more.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        keeps: Vec<Role>,
    },
    /// A contact whose mail came back is reached again.
    ContactReached {
        /// The contact.
        person: PersonId,
        /// The mail that they answered, or that their server has; none, where a coordinator says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        notice: Option<NoticeId>,
        /// Why a coordinator says so.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reason: String,
    },
    /// The country said that it takes part.
    RoundAcknowledged {},
    /// The country chose an answer to a question of the workflow; a later choice takes the place of an earlier one.
    ChoiceMade {
        /// The question's key.
        question: String,
        /// The choice.
        choice: String,
        /// In words: who comes, for example, by role.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        text: String,
    },
    /// A file was received.
    SubmissionReceived {
        /// Its id.
        submission: SubmissionId,
        /// The file.
        file: ReceivedFile,
        /// How it came.
        channel: Channel,
        /// The institution it speaks for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        institution: Option<InstitutionId>,
        /// The reason of any change it makes to earlier figures.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
        /// The source of its rows that name none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<Source>,
    },
    /// The file shall be read and checked.
    CheckRequested {
        /// Which.
        submission: SubmissionId,
    },
    /// Findings of a check; a check with many has several of these.
    FindingsRecorded {
        /// Of which submission.
        submission: SubmissionId,
        /// Of which table.
        findings: TableFindings,
    },
    /// The file could not be loaded; its figures were not recorded.
    SubmissionRejected {
        /// Which.
        submission: SubmissionId,
        /// How much of it was read, if it could be read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        extent: Option<Extent>,
    },
    /// The file was read, its figures recorded and checked.
    SubmissionChecked {
        /// Which.
        submission: SubmissionId,
        /// The tables in it.
        tables: Vec<CheckedTable>,
        /// How many figures it holds.
        figures: usize,
        /// How much of it was read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        extent: Option<Extent>,
    },
    /// Tables were declared to have no figures.
    TablesDeclared {
        /// Which.
        tables: Vec<TableNo>,
        /// Why.
        declaration: Declaration,
        /// In the country's words.
        text: String,
    },
    /// A question was put to the country.
    QueryOpened {
        /// Its id.
        query: QueryId,
        /// The table.
        table: TableNo,
        /// The finding that gave rise to it, or the question of a person as one.
        finding: Finding,
    },
    /// The country answered.
    QueryAnswered {
        /// Which.
        query: QueryId,
        /// How.
        answer: Answer,
        /// In its words.
        text: String,
    },
    /// The answer was accepted.
    QueryAccepted {
        /// Which.
        query: QueryId,
    },
    /// A failed rule was allowed to stand.
    AllowanceGranted {
        /// The query about it.
        query: QueryId,
        /// Why.
        reason: String,
    },
    /// Tables were accepted.
    TablesAccepted {
        /// Which.
        tables: Vec<TableNo>,
    },
    /// The country confirmed its tables before publication.
    CountryConfirmed {},
    /// The country gave no answer and the coordinator closed its part.
    ParticipationClosed {
        /// Why.
        reason: String,
    },
    /// The country declined to take part.
    ParticipationDeclined {
        /// Why.
        reason: String,
    },
    /// The country's accepted tables are in a release.
    ParticipationPublished {
        /// Which.
        release: ReleaseId,
    },
}
