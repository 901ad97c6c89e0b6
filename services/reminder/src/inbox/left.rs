//! Files of the inbox that were read and cannot be put aside: known again by how they look, so that none is read at each turn, nor
//! once more after a start, when what it says could be taken for news of a mail that was sent again meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rondo_runtime::durable;
use rondo_runtime::lifecycle::with_sources;
use serde::{Deserialize, Serialize};

use super::ASIDE;

/// The most files that are known again; with more, no further ones are read.
const MAX_LEFT: usize = 10_000;

/// The file beside the inbox in which they are kept.
const KEPT: &str = ".inbox-left";

/// How a file looks from outside: its length, and when it was last written, in seconds and nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Looks(u64, i64, i64);

impl Looks {
    /// Those of a file.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub(super) fn of(path: &Path) -> std::io::Result<Self> {
        let found = std::fs::metadata(path)?;
        Ok(Self(found.len(), found.mtime(), found.mtime_nsec()))
    }
}

/// A file that was read: how it looked, and the folder into which it belongs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Left {
    looks: Looks,
    aside: String,
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The files that were read and lie where they lay.
#[derive(Debug, Clone)]
pub(super) struct LeftThere {
    /// By name.
    files: BTreeMap<String, Left>,
    /// Where they are kept over a start: beside the inbox, which is the very folder that may let nothing be written.
    kept: PathBuf,
    /// Whether that is not what is kept.
    is_new: bool,
}

impl LeftThere {
    /// Those of an inbox, as they were kept. Where nothing was, or it is not understood, none is known.
    pub(super) fn beside(inbox: &Path) -> Self {
        let kept = inbox.with_file_name(KEPT);
        let read = std::fs::read(&kept).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self { files: read.unwrap_or_default(), kept, is_new: false }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Whether no more can be known again.
    pub(super) fn is_full(&self) -> bool {
        self.files.len() >= MAX_LEFT
    }

    /// The folder into which a file belongs that was read before, and looks as it did then.
    pub(super) fn before(&self, path: &Path, looks: &Looks) -> Option<&'static str> {
        let left = self.files.get(&name(path)).filter(|left| left.looks == *looks)?;
        ASIDE.into_iter().find(|aside| *aside == left.aside)
    }

    /// Knows a file again that was read.
    pub(super) fn note(&mut self, path: &Path, looks: Looks, aside: &str) {
        let left = Left { looks, aside: aside.to_owned() };
        self.is_new |= self.files.insert(name(path), left.clone()).as_ref() != Some(&left);
    }

    /// Knows a file no more, which was put aside.
    pub(super) fn forget(&mut self, path: &Path) {
        self.is_new |= self.files.remove(&name(path)).is_some();
    }

    /// Knows only those of the files that lie there still.
    pub(super) fn keep(&mut self, there: &[PathBuf]) {
        if self.files.is_empty() {
            return;
        }
        let before = self.files.len();
        let there: BTreeSet<String> = there.iter().map(|path| name(path)).collect();
        self.files.retain(|name, _| there.contains(name));
        self.is_new |= self.files.len() != before;
    }

    /// Keeps what is known over a start. Where that cannot be, it is known until the end of this program.
    pub(super) fn write(&mut self) {
        if !std::mem::take(&mut self.is_new) {
            return;
        }
        let written = if self.files.is_empty() {
            match std::fs::remove_file(&self.kept) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.to_string()),
                _ => Ok(()),
            }
        } else {
            let bytes = serde_json::to_vec(&self.files).unwrap_or_default();
            durable::replace_private(&self.kept, &bytes).map_err(|error| with_sources(&error))
        };
        if let Err(why) = written {
            tracing::warn!("which inbound mails were read and lie in the inbox is not kept over a start: {why}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_read_is_known_again_as_long_as_it_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let inbox = folder.path().join("inbox");
        std::fs::create_dir(&inbox).unwrap();
        let path = inbox.join("a.eml");
        std::fs::write(&path, "one").unwrap();
        let looks = Looks::of(&path).unwrap();
        let mut left = LeftThere::beside(&inbox);
        assert_eq!(left.before(&path, &looks), None);
        left.note(&path, looks, "answers");
        left.write();
        // After a start, and not where another one has its name.
        let mut left = LeftThere::beside(&inbox);
        assert_eq!(left.before(&path, &looks), Some("answers"));
        std::fs::write(&path, "another").unwrap();
        assert_eq!(left.before(&path, &Looks::of(&path).unwrap()), None);
        // Whoever takes it away has it read again when it comes back.
        left.keep(&[]);
        left.write();
        assert!(LeftThere::beside(&inbox).is_empty() && !left.kept.exists());
        std::fs::write(&left.kept, "not what is kept").unwrap();
        assert!(LeftThere::beside(&inbox).is_empty(), "what is not understood is none");
    }
}
