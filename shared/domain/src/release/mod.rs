//! A release: the accepted tables of a round, prepared, approved and cleared by different people, published at its time.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::command::Context;
use crate::event::Stamp;
use crate::participation::{Participation, TableState};
use crate::table::TableNo;
use crate::{Country, FileHash, PersonId, Rejection, Role, RoundId};

/// A country's tables in a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleasedTables {
    /// The country.
    pub country: Country,
    /// Its tables.
    pub tables: Vec<TableNo>,
}

/// Who approves a release.
pub const APPROVER: Role = Role::CollectionManager;

/// Who clears a release for publication.
pub const CLEARER: Role = Role::Publisher;

/// What can be wished of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseCommand {
    /// Put together what is accepted.
    Prepare {
        /// Of which round.
        round: RoundId,
        /// The countries to look at.
        countries: Vec<Country>,
        /// Not to be published before this instant.
        not_before: Timestamp,
    },
    /// Approve it.
    Approve,
    /// Clear it for publication.
    Clear,
    /// The time has come.
    Begin {
        /// Of which round.
        round: RoundId,
        /// The countries in it, whose tables must be as they were when it was put together.
        countries: Vec<Country>,
    },
    /// It is out.
    Complete {
        /// SHA-256 of its manifest.
        manifest: FileHash,
        /// How many figures.
        figures: usize,
    },
}

/// What happened to a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", content = "data")]
pub enum ReleaseEvent {
    /// It was put together.
    ReleasePrepared {
        /// Of which round.
        round: RoundId,
        /// What is in it.
        contents: Vec<ReleasedTables>,
        /// Not to be published before.
        not_before: Timestamp,
        /// Who sent the figures in it.
        authors: BTreeSet<PersonId>,
        /// Who accepted them.
        acceptors: BTreeSet<PersonId>,
    },
    /// It was approved.
    ReleaseApproved {},
    /// It was cleared for publication.
    ReleaseCleared {},
    /// Its time came; the figures are those that stood in the log when it was put together.
    ReleaseBegun {},
    /// It is out.
    ReleasePublished {
        /// SHA-256 of its manifest.
        manifest: FileHash,
        /// How many figures.
        figures: usize,
    },
}

/// Where a release stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "each state is named after the event that leads to it")]
pub enum ReleaseState {
    #[default]
    Unprepared,
    Prepared,
    Approved,
    Cleared,
    Begun,
    Published,
}

impl ReleaseState {
    /// In one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unprepared => "unprepared",
            Self::Prepared => "prepared",
            Self::Approved => "approved",
            Self::Cleared => "cleared",
            Self::Begun => "begun",
            Self::Published => "published",
        }
    }
}

/// A release as it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Where it stands.
    pub state: ReleaseState,
    /// Of which round.
    pub round: Option<RoundId>,
    /// What is in it.
    pub contents: Vec<ReleasedTables>,
    /// Not before.
    pub not_before: Option<Timestamp>,
    /// Who sent the figures.
    pub authors: BTreeSet<PersonId>,
    /// Who accepted them.
    pub acceptors: BTreeSet<PersonId>,
    /// The record by which it was put together: its figures are those of the log before it.
    pub prepared_at: Option<u64>,
    /// Who approved.
    pub approved_by: Option<PersonId>,
    /// Who cleared.
    pub cleared_by: Option<PersonId>,
    /// The record by which it was begun.
    pub begun_at: Option<u64>,
    /// When it went out.
    pub published_at: Option<Timestamp>,
    /// Its manifest.
    pub manifest: Option<FileHash>,
    /// How many figures.
    pub figures: usize,
}

impl Release {
    /// The state after an event.
    pub fn evolve(&mut self, event: &ReleaseEvent, stamp: &Stamp<'_>) {
        match event {
            ReleaseEvent::ReleasePrepared { round, contents, not_before, authors, acceptors } => {
                self.state = ReleaseState::Prepared;
                self.round = Some(round.clone());
                self.contents.clone_from(contents);
                self.not_before = Some(*not_before);
                self.authors.clone_from(authors);
                self.acceptors.clone_from(acceptors);
                self.prepared_at = Some(stamp.position);
                self.approved_by = None;
                self.cleared_by = None;
            }
            ReleaseEvent::ReleaseApproved {} => {
                self.state = ReleaseState::Approved;
                self.approved_by = Some(stamp.actor.id.clone());
            }
            ReleaseEvent::ReleaseCleared {} => {
                self.state = ReleaseState::Cleared;
                self.cleared_by = Some(stamp.actor.id.clone());
            }
            ReleaseEvent::ReleaseBegun {} => {
                self.state = ReleaseState::Begun;
                self.begun_at = Some(stamp.position);
            }
            ReleaseEvent::ReleasePublished { manifest, figures } => {
                self.state = ReleaseState::Published;
                self.published_at = Some(stamp.at);
                self.manifest = Some(manifest.clone());
                self.figures = *figures;
            }
        }
    }
}

/// Why a release cannot go out as it was approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unready {
    /// A country's file is being read.
    BeingChecked,
    /// A table is no longer what it was when the release was put together.
    Changed,
}

impl Unready {
    /// In words, with what to do.
    pub fn in_words(self, country: &Country) -> String {
        match self {
            Self::BeingChecked => format!("a file of {country} is being checked; it goes out once that is done"),
            Self::Changed => format!(
                "tables of {country} changed after the release was put together; have them confirmed, then prepare, approve and clear it again"
            ),
        }
    }
}

impl Release {
    /// Why a country's tables in it cannot go out, if they cannot: the approval was of what stood there then.
    pub fn unready(&self, tables: &ReleasedTables, part: &Participation) -> Option<Unready> {
        if part.submissions.values().any(|submission| submission.state.is_open()) {
            return Some(Unready::BeingChecked);
        }
        let as_approved = |no: &TableNo| {
            part.tables.get(no).is_some_and(|table| {
                matches!(table.state, TableState::Confirmed | TableState::Published)
                    && table.changed_at < self.prepared_at
                    && table.authors.is_subset(&self.authors)
                    && table.accepted_by.as_ref().is_some_and(|acceptor| self.acceptors.contains(acceptor))
            })
        };
        if tables.tables.iter().all(as_approved) { None } else { Some(Unready::Changed) }
    }
}

/// Decides a command on a release: nobody who sent or accepted a figure approves it, and whoever approved does not clear it.
///
/// # Errors
/// The rejection.
pub fn decide(
    state: &Release,
    command: &ReleaseCommand,
    context: &Context<'_>,
) -> Result<Vec<ReleaseEvent>, Rejection> {
    use ReleaseCommand as C;
    use ReleaseState as S;
    let event = match command {
        C::Prepare { round, countries, not_before } => {
            context.require_role(&[Role::Service, Role::CollectionManager], "prepare a release")?;
            require(state, "be prepared", !matches!(state.state, S::Begun | S::Published))?;
            prepare(round, countries, *not_before, context)?
        }
        C::Approve => {
            context.require_role(&[APPROVER], "approve a release")?;
            require(state, "be approved", state.state == S::Prepared)?;
            differs(context, &state.authors, "the author of a figure in it", "its approver")?;
            differs(context, &state.acceptors, "the one who accepted a table in it", "its approver")?;
            ReleaseEvent::ReleaseApproved {}
        }
        C::Clear => {
            context.require_role(&[CLEARER], "clear a release")?;
            require(state, "be cleared", state.state == S::Approved)?;
            differs(context, &state.authors, "the author of a figure in it", "its publisher")?;
            differs(context, &state.acceptors, "the one who accepted a table in it", "its publisher")?;
            if state.approved_by.as_ref() == Some(&context.actor.id) {
                return Err(context.same_person("its approver", "its publisher"));
            }
            ReleaseEvent::ReleaseCleared {}
        }
        C::Begin { round, .. } => {
            context.require_role(&[Role::Service, Role::Publisher], "begin a publication")?;
            require(state, "be published", state.state == S::Cleared)?;
            if state.not_before.is_some_and(|time| context.now < time) {
                return Err(not_possible(state, "be published before its time"));
            }
            if state.round.as_ref() != Some(round) {
                return Err(not_possible(state, &format!("be published as one of {round}")));
            }
            for tables in &state.contents {
                let part = context.participation(round, &tables.country);
                if let Some(why) = part.map_or(Some(Unready::Changed), |part| state.unready(tables, part)) {
                    return Err(not_possible(state, &format!("be published: {}", why.in_words(&tables.country))));
                }
            }
            ReleaseEvent::ReleaseBegun {}
        }
        C::Complete { manifest, figures } => {
            context.require_role(&[Role::Service], "complete a publication")?;
            require(state, "be completed", state.state == S::Begun)?;
            ReleaseEvent::ReleasePublished { manifest: manifest.clone(), figures: *figures }
        }
    };
    Ok(vec![event])
}

fn prepare(
    round: &RoundId,
    countries: &[Country],
    not_before: Timestamp,
    context: &Context<'_>,
) -> Result<ReleaseEvent, Rejection> {
    let (mut authors, mut acceptors, mut contents) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for country in countries {
        let Some(participation) = context.participation(round, country) else { continue };
        let mut tables = Vec::new();
        for (no, table) in &participation.tables {
            if matches!(table.state, TableState::Confirmed | TableState::Published) {
                tables.push(*no);
                authors.extend(table.authors.iter().cloned());
                acceptors.extend(table.accepted_by.clone());
            }
        }
        if !tables.is_empty() {
            contents.push(ReleasedTables { country: country.clone(), tables });
        }
    }
    if contents.is_empty() {
        return Err(Rejection::NotPossible {
            what: "the release".to_owned(),
            state: "empty".to_owned(),
            act: "be prepared before a country has confirmed a table".to_owned(),
        });
    }
    Ok(ReleaseEvent::ReleasePrepared { round: round.clone(), contents, not_before, authors, acceptors })
}

fn differs(context: &Context<'_>, people: &BTreeSet<PersonId>, was: &str, now: &str) -> Result<(), Rejection> {
    if people.contains(&context.actor.id) { Err(context.same_person(was, now)) } else { Ok(()) }
}

fn require(state: &Release, act: &str, holds: bool) -> Result<(), Rejection> {
    if holds { Ok(()) } else { Err(not_possible(state, act)) }
}

fn not_possible(state: &Release, act: &str) -> Rejection {
    Rejection::NotPossible {
        what: "the release".to_owned(),
        state: state.state.as_str().to_owned(),
        act: act.to_owned(),
    }
}
