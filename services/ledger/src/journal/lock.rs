//! The hold on a journal: its newest segment is locked by whoever appends to it, whatever became of the lock file beside it.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::FlockOperation::NonBlockingLockExclusive;

use super::{JournalError, segments};

/// How often a held segment is tried, and how long is waited between.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(50);

/// The newest segment of a journal, held by this process alone for as long as this lives.
#[derive(Debug)]
pub struct Held {
    pub(super) path: PathBuf,
    pub(super) file: File,
}

impl Held {
    /// Takes hold of a journal; nothing, where it has no segment.
    ///
    /// # Errors
    /// When another process has it, or it cannot be opened.
    pub fn take(folder: &Path) -> Result<Option<Self>, JournalError> {
        let newest = || segments(folder).map(|mut all| all.pop().map(|(_, path)| path));
        let Some(mut path) = newest()? else { return Ok(None) };
        for _ in 0..TRIES {
            let file = OpenOptions::new().read(true).write(true).open(&path);
            let file = file.map_err(JournalError::io("cannot open", &path))?;
            if lock(&file) {
                // Whoever had it may have gone on in a newer one before letting go.
                match newest()? {
                    Some(now) if now != path => path = now,
                    _ => return Ok(Some(Self { path, file })),
                }
                continue;
            }
            // A process that is just ending may hold it a moment longer.
            std::thread::sleep(PAUSE);
        }
        Err(JournalError::Held(path))
    }

    /// Requires that the file at the path is the one that is held, and that nobody else wrote to it.
    pub(super) fn is_alone(&self, length: u64) -> Result<(), JournalError> {
        let here = self.file.metadata().map_err(JournalError::io("cannot look at", &self.path))?;
        let what = match fs::metadata(&self.path) {
            Ok(there) if (there.dev(), there.ino()) != (here.dev(), here.ino()) => {
                "another file has its name".to_owned()
            }
            Ok(there) if there.len() != length => {
                format!("it has {} bytes, and this ledger left it with {length}", there.len())
            }
            Ok(_) => return Ok(()),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => "it was taken away or renamed".to_owned(),
            Err(e) => return Err(JournalError::io("cannot look at", &self.path)(e)),
        };
        Err(JournalError::Taken { path: self.path.clone(), what })
    }
}

/// Locks a file (flock(2)), and says whether this process has it now.
pub(super) fn lock(file: &File) -> bool {
    rustix::fs::flock(file, NonBlockingLockExclusive).is_ok()
}
