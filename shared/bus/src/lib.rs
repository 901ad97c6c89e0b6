//! The ledger's port carried over NATS: requests and replies, a nudge without data, progress, and a clock for rehearsals.
//!
//! Nothing lives only in the broker: it may be wiped at any time, and every reader goes on from its own position.

mod answer;
mod claim;
mod client;
mod clock;
mod connect;
mod frame;
mod leading;
mod progress;
mod server;
mod subject;

pub use async_nats::Client;
pub use client::BusLedger;
pub use clock::{BusClock, ClockHand};
pub use connect::{ConnectError, Credentials, Denied, DeniedError, connect, join};
pub use leading::{Candidate, LeadError, Leadership, claim};
pub use progress::{BusBoard, tell};
pub use server::{ServeError, serve};
pub use subject::prefix;
