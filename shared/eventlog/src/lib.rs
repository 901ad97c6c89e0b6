//! Records, their stored form, the Merkle tree over them, and the port through which the log is reached.
//!
//! There is no runtime here: who orders, stores and carries records stands behind [`ledger::Ledger`].

pub mod codec;
pub mod commit;
pub mod decide;
pub mod files;
pub mod ledger;
pub mod life;
pub mod merkle;
pub mod record;
pub mod standing;
pub mod state;
pub mod upcaster;
pub mod vintage;
pub mod wire;
pub mod wish;

pub use commit::{CommitPoint, History};
pub use ledger::{Accepted, Fault, Head, Ledger, SubmitError, with_sources};
pub use record::Record;
pub use standing::Standing;
pub use wish::Sealed;
