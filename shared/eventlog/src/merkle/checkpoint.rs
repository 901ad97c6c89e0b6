//! Checkpoints (C2SP tlog-checkpoint): origin, size and root of the log, three lines, no extensions.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::note::{NoteError, Verifier};
use super::tree::Hash;
use crate::ledger::Head;

/// A log's head under the log's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name, like a host and path without scheme.
    pub origin: String,
    /// Size and root.
    pub head: Head,
}

impl Checkpoint {
    /// The text that is signed.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.head.size, STANDARD.encode(self.head.root))
    }

    /// Opens a signed checkpoint.
    ///
    /// # Errors
    /// When the note is not accepted, or is not a checkpoint of this log.
    pub fn open(note: &str, verifier: &Verifier) -> Result<Self, NoteError> {
        let checkpoint = Self::parse(verifier.open(note)?).ok_or(NoteError::Malformed)?;
        if checkpoint.origin == verifier.name() { Ok(checkpoint) } else { Err(NoteError::Malformed) }
    }

    /// What a checkpoint's text says, its signature not looked at.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        let canonical = size == "0" || !size.starts_with('0');
        let size = size.parse().ok().filter(|_| canonical)?;
        let root: Hash = STANDARD.decode(root).ok()?.try_into().ok()?;
        Some(Self { origin: origin.to_owned(), head: Head { size, root } })
    }
}

#[cfg(test)]
mod tests {
    use super::super::note::Signer;
    use super::*;

    #[test]
    fn a_checkpoint_is_read_as_it_was_signed() {
        let signer = Signer::new("rondo.example/log", &[9; 32]).unwrap();
        let checkpoint = Checkpoint { origin: signer.name().to_owned(), head: Head { size: 42, root: [3; 32] } };
        let note = signer.sign(&checkpoint.text());
        assert_eq!(Checkpoint::open(&note, &signer.verifier()).unwrap(), checkpoint);
        let padded = signer.sign("rondo.example/log\n042\nAAAA\n");
        assert_eq!(Checkpoint::open(&padded, &signer.verifier()), Err(NoteError::Malformed));
    }
}
