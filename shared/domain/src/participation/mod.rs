//! A participation: one country in one round, from its invitation to its published tables.

mod checking;
mod command;
mod contacts;
mod daily;
mod decide;
mod event;
mod parts;
mod state;

pub use command::ParticipationCommand;
pub use decide::decide;
pub use event::{Answer, Channel, CheckedTable, Declaration, ParticipationEvent, ReceivedFile, TableFindings};
pub use parts::{
    OwedTable, ParticipationState, Query, QueryState, Reached, ReceivedSubmission, SubmissionState, TableState, Turn,
};
pub use state::Participation;

/// The most findings one check may report at once.
pub const MAX_FINDINGS: usize = 5_000;

/// The most submissions one country may send in one round.
pub const MAX_SUBMISSIONS: usize = 500;

/// The largest file taken, in bytes.
pub const MAX_FILE: u64 = 16 * 1024 * 1024;
