//! The ledger reads commands, and its own journal when it opens.
//! It sends records, answers and nudges, and signs checkpoints of the log.
//! It knows the state of every stream, the answers it gave, and the tree over all records.
//! It must never answer before the journal is on disk, nor write anywhere but in its data directory.

mod acknowledged;
mod admission;
mod advice;
mod backlog;
pub mod backup;
mod bystander;
mod committer;
pub mod contradicted;
mod damage;
mod directory;
mod evidence;
pub mod export;
mod handle;
mod hopeless;
pub mod inspect;
pub mod journal;
mod key;
mod keyring;
mod log;
pub mod loss;
mod mark;
mod memory;
mod notary;
mod open;
mod past;
mod reading;
mod recover;
pub mod rotation;
mod scrub;
mod sequencer;
mod standing;
mod store;
mod telling;
mod threads;
pub mod time;
mod tree;
pub mod upkeep;
mod wished;

pub use directory::{DataDirectory, OpenError, has_note};
pub use handle::LedgerHandle;
pub use key::create_key;
pub use memory::is_without_keys;
pub use open::{LedgerConfig, Opened, Options, open, open_to_continue, open_to_read, open_with};
