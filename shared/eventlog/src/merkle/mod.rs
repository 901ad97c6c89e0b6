//! Tamper evidence by the public standards: RFC 6962 tree, C2SP signed notes and checkpoints.

pub mod checkpoint;
pub mod note;
pub mod tree;

pub use checkpoint::Checkpoint;
pub use note::{NoteError, Signer, Verifier};
pub use tree::{Frontier, Hash, leaf_hash, node_hash};
