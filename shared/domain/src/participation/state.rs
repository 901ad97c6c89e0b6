//! A participation as it stands, folded from its events.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::event::{Answer, CheckedTable, ParticipationEvent};
use super::parts::{
    OwedTable, ParticipationState, Query, QueryState, Reached, ReceivedSubmission, SubmissionState, TableState, Turn,
};
use crate::event::Stamp;
use crate::figure::Extent;
use crate::finding::Finding;
use crate::table::TableNo;
use crate::{NoticeId, PersonId, QueryId, ReleaseId, Role, SubmissionId};

/// A participation as it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Participation {
    /// Whether the country is in the round.
    pub expected: bool,
    /// People invited.
    pub invited: BTreeSet<PersonId>,
    /// Contacts whose mail came back, who have neither been replaced nor been reached since, and where in the log that stands.
    pub bounced: BTreeMap<PersonId, u64>,
    /// Contacts whose mail came back once, and who are reached again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reached: BTreeMap<PersonId, Reached>,
    /// Mails of which it is known that they came back from a contact's address, and after which attempt; a record that does not
    /// say it stands for all.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub returned: BTreeMap<NoticeId, u32>,
    /// Mails that were not delivered, for a reason that says nothing about the contact, and after which attempt; a record that does
    /// not say it stands for all.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub undelivered: BTreeMap<NoticeId, u32>,
    /// Mails that somebody complained about.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub complained: BTreeSet<NoticeId>,
    /// Whoever was a contact in a role and is none any more; in that role they are not written to, though they may hold it still.
    pub replaced: BTreeMap<PersonId, BTreeSet<Role>>,
    /// Where in the log whoever came back into a place, or is reached again, became the contact who is spoken of; mail that left
    /// before says nothing about them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub since: BTreeMap<PersonId, BTreeMap<Role, u64>>,
    /// Where in the log it was said last of a contact whose mail had come back that they are reached, or that another has their place;
    /// of whatever mail it was known before that it came back, it is no news after that.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settled: BTreeMap<PersonId, u64>,
    /// Whether the country acknowledged.
    pub acknowledged: bool,
    /// What it chose, by question.
    pub choices: BTreeMap<String, String>,
    /// Owed tables.
    pub tables: BTreeMap<TableNo, OwedTable>,
    /// Submissions.
    pub submissions: BTreeMap<SubmissionId, ReceivedSubmission>,
    /// Queries.
    pub queries: BTreeMap<QueryId, Query>,
    /// Whether the country confirmed.
    pub confirmed: bool,
    /// Why it was closed without an answer.
    pub closed: Option<String>,
    /// Why the country declined.
    pub declined: Option<String>,
    /// The release it is in.
    pub published: Option<ReleaseId>,
    /// When the state last changed hands: the clock of whose turn it is.
    pub turn_since: Option<Timestamp>,
    /// Whose turn it was after the last event.
    last_turn: Option<Turn>,
}

impl Participation {
    /// The state in one word.
    pub fn state(&self) -> ParticipationState {
        use ParticipationState as S;
        let tables = || self.tables.values();
        let all = |f: fn(&OwedTable) -> bool| !self.tables.is_empty() && self.tables.values().all(f);
        if self.published.is_some() {
            S::Published
        } else if self.declined.is_some() {
            S::Declined
        } else if self.closed.is_some() {
            S::NoResponse
        } else if self.confirmed {
            S::CountryConfirmed
        } else if self.queries.values().any(|q| q.state == QueryState::Open) {
            S::QueryOpen
        } else if all(|t| t.state == TableState::Declared) {
            S::NilReturn
        } else if all(|t| t.state.is_accepted() || t.state == TableState::Declared) {
            let allowed = self.queries.values().any(|q| q.state == QueryState::Allowed);
            if allowed { S::ValidatedWithAllowances } else { S::Validated }
        } else if all(|t| t.state.is_in()) {
            if tables().any(|t| t.state == TableState::Received) { S::Submitted } else { S::UnderReview }
        } else if tables().any(|t| t.state.is_in()) {
            S::PartlySubmitted
        } else if self.acknowledged {
            S::Acknowledged
        } else if !self.bounced.is_empty() {
            S::Bounced
        } else if self.invited.is_empty() {
            S::NotInvited
        } else {
            S::Invited
        }
    }

    /// Whose turn it is.
    pub fn turn(&self) -> Turn {
        use ParticipationState as S;
        match self.state() {
            S::NotInvited | S::Bounced | S::Submitted | S::UnderReview => Turn::Ilo,
            S::Invited | S::Acknowledged | S::PartlySubmitted | S::QueryOpen => Turn::Country,
            S::Validated | S::ValidatedWithAllowances => Turn::Country,
            S::CountryConfirmed | S::NilReturn | S::Declined | S::NoResponse | S::Published => Turn::Nobody,
        }
    }

    /// Whether the country still owes a table and nobody has closed its part.
    pub fn owes_tables(&self) -> bool {
        self.expected
            && self.closed.is_none()
            && self.declined.is_none()
            && self.tables.values().any(|table| !table.state.is_in())
    }

    /// Whether a file has come that nobody has read yet: what the country owes is not known until then.
    pub fn has_unread_file(&self) -> bool {
        self.submissions.values().any(|submission| submission.state.is_open())
    }

    /// The tables still owed.
    pub fn missing(&self) -> impl Iterator<Item = TableNo> {
        self.tables.iter().filter(|(_, table)| !table.state.is_in()).map(|(no, _)| *no)
    }

    /// The query ids that a table still waits for.
    pub fn open_queries(&self, table: TableNo) -> impl Iterator<Item = &QueryId> {
        let waits = move |q: &Query| q.table == table && matches!(q.state, QueryState::Open | QueryState::Answered);
        self.queries.iter().filter(move |(_, query)| waits(query)).map(|(id, _)| id)
    }

    /// The state after an event.
    pub fn evolve(&mut self, event: &ParticipationEvent, stamp: &Stamp<'_>) {
        self.apply(event, stamp);
        let turn = Some(self.turn());
        if self.last_turn != turn {
            self.last_turn = turn;
            self.turn_since = Some(stamp.at);
        }
    }

    fn was_read(&mut self, submission: &SubmissionId, extent: Option<Extent>) {
        if let Some(received) = self.submissions.get_mut(submission) {
            received.extent = extent;
        }
    }

    fn receive(&mut self, event: &ParticipationEvent, stamp: &Stamp<'_>) {
        let ParticipationEvent::SubmissionReceived { submission, file, institution, reason, source, .. } = event else {
            return;
        };
        let received = ReceivedSubmission {
            state: SubmissionState::Received,
            file: file.clone(),
            author: stamp.actor.id.clone(),
            institution: institution.clone().or_else(|| stamp.actor.institution.clone()),
            reason: reason.clone(),
            received_at: stamp.at,
            position: stamp.position,
            findings: Vec::new(),
            figures: 0,
            source: source.clone(),
            extent: None,
        };
        self.submissions.insert(submission.clone(), received);
    }

    fn apply(&mut self, event: &ParticipationEvent, stamp: &Stamp<'_>) {
        use ParticipationEvent as E;
        match event {
            E::ParticipationExpected { tables } => {
                self.expected = true;
                self.tables = tables.iter().map(|no| (*no, OwedTable::expected())).collect();
            }
            E::CountryInvited { .. }
            | E::ContactBounced { .. }
            | E::MailUndelivered { .. }
            | E::MailComplained { .. }
            | E::ContactReached { .. }
            | E::ContactReplaced { .. } => self.hear_of_mail(event, stamp),
            E::RoundAcknowledged {} => self.acknowledged = true,
            E::ChoiceMade { question, choice, .. } => {
                self.acknowledged = true;
                self.choices.insert(question.clone(), choice.clone());
            }
            E::SubmissionReceived { .. } => self.receive(event, stamp),
            E::CheckRequested { submission } => self.settle(submission, SubmissionState::CheckRequested),
            E::SubmissionRejected { submission, extent } => {
                self.settle(submission, SubmissionState::Rejected);
                self.was_read(submission, *extent);
            }
            E::FindingsRecorded { submission, findings } => {
                if let Some(received) = self.submissions.get_mut(submission) {
                    received.findings.push(findings.clone());
                }
            }
            E::SubmissionChecked { submission, tables, figures, extent } => {
                self.checked(submission, tables, *figures, stamp);
                self.was_read(submission, *extent);
            }
            E::TablesDeclared { tables, declaration, .. } => {
                for table in self.owed(tables) {
                    table.first_in.get_or_insert(stamp.at);
                    table.declaration = Some(*declaration);
                    if table.years.is_empty() {
                        table.state = TableState::Declared;
                    }
                }
            }
            E::TablesAccepted { tables } => {
                for table in self.owed(tables) {
                    table.state = TableState::Accepted;
                    table.accepted_by = Some(stamp.actor.id.clone());
                }
            }
            E::CountryConfirmed {} => {
                self.confirmed = true;
                self.advance(TableState::Accepted, TableState::Confirmed);
            }
            E::ParticipationClosed { reason } => self.closed = Some(reason.clone()),
            E::ParticipationDeclined { reason } => self.declined = Some(reason.clone()),
            E::ParticipationPublished { release } => {
                self.published = Some(release.clone());
                self.advance(TableState::Confirmed, TableState::Published);
            }
            E::QueryOpened { .. } | E::QueryAnswered { .. } | E::QueryAccepted { .. } | E::AllowanceGranted { .. } => {
                self.apply_query(event, stamp);
            }
        }
    }

    fn apply_query(&mut self, event: &ParticipationEvent, stamp: &Stamp<'_>) {
        use ParticipationEvent as E;
        match event {
            E::QueryOpened { query, table, finding } => {
                let opened = Query {
                    state: QueryState::Open,
                    table: *table,
                    finding: finding.clone(),
                    opened_at: stamp.at,
                    answer: None,
                    answered_by: None,
                    allowance: None,
                };
                self.queries.insert(query.clone(), opened);
                // A question reopens what was settled; a table without figures stays owed.
                self.confirmed = false;
                for owed in self.owed(&[*table]).filter(|owed| !owed.years.is_empty()) {
                    owed.state = TableState::WithErrors;
                    owed.accepted_by = None;
                }
            }
            E::QueryAnswered { query, answer, text } => {
                if let Some(query) = self.queries.get_mut(query) {
                    query.state = QueryState::Answered;
                    query.answer = Some((*answer, text.clone()));
                    query.answered_by = Some(stamp.actor.id.clone());
                }
            }
            E::QueryAccepted { query } => self.close_query(query, QueryState::Accepted, None),
            E::AllowanceGranted { query, reason } => self.close_query(query, QueryState::Allowed, Some(reason.clone())),
            _ => {}
        }
    }

    fn close_query(&mut self, id: &QueryId, state: QueryState, allowance: Option<String>) {
        let Some(query) = self.queries.get_mut(id) else { return };
        query.state = state;
        query.allowance = allowance;
        let table = query.table;
        self.settle_table(table);
    }

    /// A table is settled once no question about it is open and every failed rule of it was answered for.
    fn settle_table(&mut self, no: TableNo) {
        if self.open_queries(no).next().is_some() {
            return;
        }
        let settled: Vec<Query> = self.queries.values().filter(|query| query.table == no).cloned().collect();
        let answered = |finding: &Finding| {
            settled.iter().any(|q| {
                let told = q.answer.as_ref().is_none_or(|(answer, _)| *answer != Answer::Corrected);
                told && q.finding.rule == finding.rule
                    && q.finding.keys == finding.keys
                    && q.finding.observed == finding.observed
            })
        };
        let allowed = settled.iter().any(|query| query.state == QueryState::Allowed);
        for owed in self.owed(&[no]).filter(|owed| !owed.years.is_empty()) {
            owed.state = if !owed.findings.iter().all(answered) {
                TableState::WithErrors
            } else if allowed {
                TableState::Allowed
            } else if owed.findings.is_empty() {
                TableState::Clean
            } else {
                TableState::Explained
            };
        }
    }

    fn checked(&mut self, id: &SubmissionId, tables: &[CheckedTable], figures: usize, stamp: &Stamp<'_>) {
        let Some(received) = self.submissions.get_mut(id) else { return };
        received.state = SubmissionState::Checked;
        received.figures = figures;
        let author = received.author.clone();
        let findings = received.findings.clone();
        for checked in tables {
            let failed: Vec<Finding> = findings
                .iter()
                .filter(|group| group.table == Some(checked.table))
                .flat_map(|group| group.findings.iter().filter(|finding| finding.needs_answer()).cloned())
                .collect();
            let Some(owed) = self.tables.get_mut(&checked.table) else { continue };
            owed.first_in.get_or_insert(stamp.at);
            owed.changed_at = Some(stamp.position);
            owed.years.extend(checked.years.iter().copied());
            owed.sources.extend(checked.sources.iter().cloned());
            owed.authors.insert(author.clone());
            owed.accepted_by = None;
            owed.state = if failed.is_empty() { TableState::Clean } else { TableState::WithErrors };
            owed.findings = failed;
            self.settle_table(checked.table);
        }
        self.confirmed = false;
    }

    fn settle(&mut self, id: &SubmissionId, state: SubmissionState) {
        if let Some(received) = self.submissions.get_mut(id) {
            received.state = state;
        }
    }

    fn advance(&mut self, from: TableState, to: TableState) {
        for table in self.tables.values_mut().filter(|table| table.state == from) {
            table.state = to;
        }
    }

    fn owed<'a>(&'a mut self, tables: &'a [TableNo]) -> impl Iterator<Item = &'a mut OwedTable> {
        self.tables.iter_mut().filter(|(no, _)| tables.contains(no)).map(|(_, table)| table)
    }
}
