//! The subject of Rondo, pure: rounds, participations, figures, notices and releases, and every decision about them.
//!
//! Nothing here reads a clock, a file or a socket. A command and a state give events or a rejection (`decide`), an
//! event and a state give the next state (`evolve`). The words are those of the ILMS collection.

mod files;
mod pairs;
mod text;

pub mod actor;
pub mod calendar;
pub mod coming;
pub mod command;
pub mod event;
pub mod figure;
pub mod finding;
pub mod id;
pub mod network;
pub mod notice;
pub mod participation;
pub mod reason;
pub mod rejection;
pub mod release;
pub mod round;
pub mod run;
pub mod stream;
pub mod table;
pub mod why;
pub mod workflow;
pub mod world;

pub use actor::{Actor, Role, Service};
pub use command::{Command, Wish};
pub use event::Event;
pub use id::*;
pub use reason::{Reason, ReasonCode};
pub use rejection::Rejection;
pub use stream::StreamId;

/// A calendar year of reference or collection, common era.
pub type Year = i16;
