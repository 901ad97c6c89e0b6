//! What can be wished of a participation.

use serde::{Deserialize, Serialize};

use super::event::{Answer, Channel, CheckedTable, Declaration, ReceivedFile, TableFindings};
use crate::figure::Extent;
use crate::finding::Finding;
use crate::table::TableNo;
use crate::{InstitutionId, NoticeId, PersonId, QueryId, Reason, ReleaseId, Role, Source, SubmissionId};

/// What can be wished of a participation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ParticipationCommand {
    /// The engine opens the country's part.
    Expect,
    /// A contact has been invited.
    Invite {
        /// Whom.
        person: PersonId,
        /// In which role, if not as focal point.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        role: Option<Role>,
    },
    /// A mail to a contact came back for good.
    RecordBounce {
        /// The contact.
        person: PersonId,
        /// The notice.
        notice: NoticeId,
        /// After which attempt, so that one that was sent again is heard of again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attempt: Option<u32>,
    },
    /// A mail to a contact was not delivered, for a reason that says nothing about the contact.
    RecordUndelivered {
        /// The contact.
        person: PersonId,
        /// The notice.
        notice: NoticeId,
        /// After which attempt, so that one that was sent again is heard of again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attempt: Option<u32>,
    },
    /// A contact, or their provider, complained about a mail.
    RecordComplaint {
        /// The contact.
        person: PersonId,
        /// The notice.
        notice: NoticeId,
    },
    /// A contact whose mail came back answered a mail since then, from the address that is known of them, or their server has it.
    RecordReached {
        /// The contact.
        person: PersonId,
        /// The notice.
        notice: NoticeId,
    },
    /// Say that a contact whose mail came back is reached again, at another address perhaps.
    Reach {
        /// The contact.
        person: PersonId,
        /// Why.
        reason: String,
    },
    /// Put another person in a contact's place, in the roles that both hold; where there is none, in all that the contact holds. In
    /// any other role the contact is written to as before, and whoever holds a role can act in it until it ends.
    ReplaceContact {
        /// Who was.
        was: PersonId,
        /// Who shall be.
        is: PersonId,
        /// Why.
        reason: String,
    },
    /// Say that the country takes part.
    Acknowledge,
    /// A file has arrived; its bytes are stored already.
    Receive {
        /// Its id.
        submission: SubmissionId,
        /// The file.
        file: ReceivedFile,
        /// How it came.
        channel: Channel,
        /// The institution it speaks for, when the sender is not of it.
        institution: Option<InstitutionId>,
        /// The reason of any change.
        reason: Option<Reason>,
        /// The source of the rows that name none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<Source>,
    },
    /// Have it checked.
    RequestCheck {
        /// Which.
        submission: SubmissionId,
    },
    /// The file cannot be loaded.
    Reject {
        /// Which.
        submission: SubmissionId,
        /// Why.
        findings: Vec<TableFindings>,
        /// How much of it was read, if it could be read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        extent: Option<Extent>,
    },
    /// The check is done.
    CompleteCheck {
        /// Which.
        submission: SubmissionId,
        /// The tables in it.
        tables: Vec<CheckedTable>,
        /// How many figures.
        figures: usize,
        /// What the rules found.
        findings: Vec<TableFindings>,
        /// How much of it was read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        extent: Option<Extent>,
    },
    /// Choose an answer to a question of the workflow.
    Choose {
        /// The question's key.
        question: String,
        /// The choice.
        choice: String,
        /// In words, if there is more to say.
        text: String,
    },
    /// Declare tables to have no figures.
    Declare {
        /// Which.
        tables: Vec<TableNo>,
        /// Why.
        declaration: Declaration,
        /// In words.
        text: String,
    },
    /// Put the failed rules of a submission to the country.
    AskFindings,
    /// Put a question of one's own.
    OpenQuery {
        /// Its id.
        query: QueryId,
        /// The table.
        table: TableNo,
        /// The question.
        finding: Finding,
    },
    /// Answer a query.
    AnswerQuery {
        /// Which.
        query: QueryId,
        /// How.
        answer: Answer,
        /// In words.
        text: String,
    },
    /// Accept an answer.
    AcceptAnswer {
        /// Which.
        query: QueryId,
    },
    /// Allow a failed rule to stand.
    Allow {
        /// The query about it.
        query: QueryId,
        /// Why.
        reason: String,
    },
    /// Accept tables.
    Accept {
        /// Which; none means every table that can be accepted.
        tables: Vec<TableNo>,
    },
    /// Confirm the country's tables.
    Confirm,
    /// Close without an answer.
    Close {
        /// Why.
        reason: String,
    },
    /// Decline to take part.
    Decline {
        /// Why.
        reason: String,
    },
    /// The country's tables are out.
    MarkPublished {
        /// In which release.
        release: ReleaseId,
    },
}
