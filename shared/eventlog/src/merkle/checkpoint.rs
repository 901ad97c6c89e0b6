//! Checkpoints (C2SP tlog-checkpoint): origin, size and root of the log, three lines; we write no extensions, and pass over others'.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::note::{NoteError, Verifier, signatures};
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
        let checkpoint = Self::parse(verifier.open(note)?)?;
        if checkpoint.origin == verifier.name() {
            Ok(checkpoint)
        } else {
            Err(NoteError::Malformed("its origin is not the name of the key that signed it"))
        }
    }

    /// What a checkpoint says, its signatures not looked at; also of its text alone.
    pub fn claimed(note: &str) -> Option<Self> {
        Self::parse(signatures(note).map_or(note, |(text, _)| text)).ok()
    }

    /// Reads a checkpoint's text: each of its lines ends in a line end, and none is empty.
    fn parse(text: &str) -> Result<Self, NoteError> {
        let lines = text.strip_suffix('\n').ok_or(NoteError::Malformed("a checkpoint's text ends in a line end"))?;
        if lines.split('\n').any(str::is_empty) {
            return Err(NoteError::Malformed("its text has an empty line, which a checkpoint never has"));
        }
        let mut lines = lines.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(NoteError::Malformed("a checkpoint has a line each for its origin, size and root"));
        };
        let size =
            decimal(size).ok_or(NoteError::Malformed("a checkpoint's size is a number without sign or zeroes"))?;
        let root = hash(root).ok_or(NoteError::Malformed("a checkpoint's root is a hash in base64"))?;
        Ok(Self { origin: origin.to_owned(), head: Head { size, root } })
    }
}

/// A size or an index as these standards write it: ASCII digits without a sign or leading zeroes, below 2^63.
pub fn decimal(text: &str) -> Option<u64> {
    let canonical = text == "0" || !text.starts_with('0');
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| canonical && digits && *number <= i64::MAX as u64)
}

/// A hash as these standards write it.
pub(super) fn hash(text: &str) -> Option<Hash> {
    STANDARD.decode(text).ok()?.try_into().ok()
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
        assert!(matches!(Checkpoint::open(&padded, &signer.verifier()), Err(NoteError::Malformed(_))));
    }
}
