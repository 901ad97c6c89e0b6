//! How many records were acknowledged: a small file beside the journal, written before their senders are answered.
//!
//! A bad group at the very end of the journal is either one that was being written when the machine stopped, and was never
//! answered for, or one that was answered for and is damaged. The journal alone cannot tell. The file is not synced while the
//! ledger works: after the end of a process the machine's memory still holds it, and after a power cut it may be gone or tell
//! of fewer, but never of more than was on disk.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::directory::{OpenError, io};
use crate::memory;

/// The name of the file.
const NAME: &str = "acknowledged";

/// The file of a ledger at work.
#[derive(Debug)]
pub(crate) struct Acknowledged {
    path: PathBuf,
    file: File,
}

impl Acknowledged {
    /// Begins at what the journal holds: a start answers for all of it.
    pub(crate) fn begin(data: &Path, size: u64) -> Result<Self, OpenError> {
        let path = data.join(NAME);
        let mut options = fs::OpenOptions::new();
        let file = options.create(true).truncate(false).write(true).open(&path).map_err(io("open", &path))?;
        let begun = Self { path, file };
        begun.reaches(size)?;
        begun.sync()?;
        Ok(begun)
    }

    /// Says that so many records are on disk and are about to be answered for.
    pub(crate) fn reaches(&self, size: u64) -> Result<(), OpenError> {
        self.file.write_all_at(line(size).as_bytes(), 0).map_err(io("write to", &self.path))
    }

    /// Waits until the file is on the device.
    pub(crate) fn sync(&self) -> Result<(), OpenError> {
        self.file.sync_all().map_err(io("sync", &self.path))
    }
}

/// The line of the file: 20 digits, and the CRC-32C of them.
fn line(size: u64) -> String {
    let digits = format!("{size:020}");
    format!("{digits} {:08x}\n", crc32c::crc32c(digits.as_bytes()))
}

/// The name it has while a loss is being recorded: until then it may be all that shows the loss.
const ASIDE: &str = "acknowledged.before";

/// Lays it aside while a loss is being recorded.
pub(crate) fn lay_aside(data: &Path) -> Result<(), OpenError> {
    let aside = data.join(ASIDE);
    if aside.exists() { Ok(()) } else { renamed(&data.join(NAME), &aside) }
}

/// Puts it back, where the loss was not recorded.
pub(crate) fn put_back(data: &Path) -> Result<(), OpenError> {
    renamed(&data.join(ASIDE), &data.join(NAME))
}

/// Lets go of it, once the loss is recorded.
pub(crate) fn forget(data: &Path) -> Result<(), OpenError> {
    let aside = data.join(ASIDE);
    match fs::remove_file(&aside) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(io("remove", &aside)(e)),
        _ => Ok(()),
    }
}

fn renamed(from: &Path, to: &Path) -> Result<(), OpenError> {
    match fs::rename(from, to) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(io("rename", from)(e)),
        _ => Ok(()),
    }
}

/// How many records were acknowledged at least, by this file and by what was signed.
pub(crate) fn at_least(data: &Path) -> Result<u64, OpenError> {
    Ok(size(data)?.max(memory::signed_size(data)?))
}

/// How many records were acknowledged by this file; none, where nothing tells or what tells is torn.
pub(crate) fn size(data: &Path) -> Result<u64, OpenError> {
    let path = data.join(NAME);
    match fs::read(&path) {
        Ok(bytes) => Ok(parsed(&bytes).unwrap_or_default()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(e) => Err(io("read", &path)(e)),
    }
}

fn parsed(bytes: &[u8]) -> Option<u64> {
    let size = std::str::from_utf8(bytes.get(..20)?).ok()?.parse().ok()?;
    (bytes == line(size).as_bytes()).then_some(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_read_and_what_is_torn_tells_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(size(folder.path()).unwrap(), 0);
        let file = Acknowledged::begin(folder.path(), 7).unwrap();
        assert_eq!(size(folder.path()).unwrap(), 7);
        file.reaches(u64::MAX).unwrap();
        assert_eq!(size(folder.path()).unwrap(), u64::MAX);
        file.reaches(123_456).unwrap();
        let whole = fs::read(folder.path().join(NAME)).unwrap();
        assert_eq!(parsed(&whole), Some(123_456));
        for length in 0..whole.len() {
            assert_eq!(parsed(&whole[..length]), None);
            let mut torn = whole.clone();
            torn[length] ^= 1;
            assert_eq!(parsed(&torn), None, "byte {length}");
        }
    }
}
