//! Keys that signed before the one that signs now: the log itself says who handed over to whom, and so vouches for them.

use rondo_domain::event::Event;
use rondo_domain::network::NetworkEvent;
use rondo_eventlog::merkle::{Checkpoint, Hash, NoteError, Verifier};
use rondo_eventlog::{Head, codec};

/// A checkpoint saved earlier that the present key did not sign.
struct Older {
    /// Its place among those that were asked about.
    number: usize,
    note: String,
    checkpoint: Checkpoint,
    root: Option<Hash>,
}

/// Checkpoints of older keys, and the keys that the log's records name.
#[derive(Default)]
pub(super) struct Handovers {
    older: Vec<Older>,
    keys: Vec<Verifier>,
}

impl Handovers {
    /// Takes in the notes that the present key did not sign.
    pub(super) fn of(saved: &[&str], opened: &[Result<(Checkpoint, Option<Hash>), NoteError>]) -> Self {
        let unsigned = |(number, (note, opened)): (usize, (&&str, &Result<_, NoteError>))| {
            let checkpoint = Checkpoint::parse(note).filter(|_| matches!(opened, Err(NoteError::Unsigned(_))))?;
            Some(Older { number, note: (*note).to_owned(), checkpoint, root: None })
        };
        Self { older: saved.iter().zip(opened).enumerate().filter_map(unsigned).collect(), keys: Vec::new() }
    }

    /// Whether the root at this size is wanted.
    pub(super) fn asks(&self, size: u64) -> bool {
        self.older.iter().any(|older| older.checkpoint.head.size == size)
    }

    /// Notes the root at a size.
    pub(super) fn note(&mut self, at: Head) {
        for older in self.older.iter_mut().filter(|older| older.checkpoint.head.size == at.size) {
            older.root = Some(at.root);
        }
    }

    /// Takes in a record; one that hands over names a key that signed before. Without older checkpoints nothing is read.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        const NAME: &[u8] = b"\"KeyRotated\"";
        if self.older.is_empty() || !bytes.windows(NAME.len()).any(|window| window == NAME) {
            return;
        }
        let record = codec::decode(&bytes::Bytes::copy_from_slice(bytes));
        if let Ok(Event::Network(NetworkEvent::KeyRotated { was, .. })) = record.map(|record| record.event) {
            self.keys.extend(Verifier::from_vkey(&was));
        }
    }

    /// What became of the older checkpoints: their numbers, and those that a key of this log signed.
    pub(super) fn end(self) -> impl Iterator<Item = (usize, (Checkpoint, Option<Hash>))> {
        let keys = self.keys;
        self.older.into_iter().filter_map(move |older| {
            let signed = keys.iter().find_map(|key| Checkpoint::open(&older.note, key).ok())?;
            Some((older.number, (signed, older.root)))
        })
    }
}
