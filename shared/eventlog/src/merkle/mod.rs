//! Tamper evidence by the public standards: RFC 6962 tree and proofs, C2SP signed notes, checkpoints, tiles and receipts.

pub mod checkpoint;
pub mod note;
pub mod proof;
pub mod receipt;
pub mod tile;
pub mod tree;

pub use checkpoint::Checkpoint;
pub use note::{NoteError, Signer, Verifier};
pub use receipt::{Receipt, ReceiptError};
pub use tile::Tile;
pub use tree::{Frontier, Hash, leaf_hash, node_hash};
