//! Tamper evidence by the public standards: RFC 6962 tree and proofs, C2SP signed notes, checkpoints, cosignatures, policies, tiles
//! and receipts.

pub mod checkpoint;
pub mod cosignature;
pub mod note;
pub mod policy;
pub mod proof;
pub mod receipt;
pub mod tile;
pub mod tree;
#[cfg(test)]
mod vectors;

pub use checkpoint::Checkpoint;
pub use cosignature::Cosigner;
pub use note::{NoteError, Signer, Verifier};
pub use policy::{Policy, PolicyError, Witnessed};
pub use receipt::{Receipt, ReceiptError};
pub use tile::Tile;
pub use tree::{Frontier, Hash, leaf_hash, node_hash};
