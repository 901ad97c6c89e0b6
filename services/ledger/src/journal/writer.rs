//! Appending groups: when `append` returns, they are on disk.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::JournalError;
use super::Tail;
use super::frame::{FIRST, Location, SEGMENT_HEADER, encode_group, segment_header};

/// A segment is closed once it is at least this long.
pub const SEGMENT_SIZE: u64 = 256 * 1024 * 1024;

/// The one writer of a journal.
#[derive(Debug)]
pub struct JournalWriter {
    folder: PathBuf,
    path: PathBuf,
    file: File,
    next: Location,
    buffer: Vec<u8>,
}

impl JournalWriter {
    /// Creates an empty journal in an existing folder.
    ///
    /// # Errors
    /// When the file system fails.
    pub fn create(folder: &Path) -> Result<Self, JournalError> {
        let (path, file) = create_segment(folder, 0)?;
        Ok(Self { folder: folder.to_owned(), path, file, next: FIRST, buffer: Vec::new() })
    }

    /// Goes on at the place that recovery found. The last group is written once more and synced: where its sync had failed,
    /// the machine's memory may show bytes that the disk does not have and that no later sync would bring to it.
    ///
    /// # Errors
    /// When the file system fails.
    pub fn resume(folder: &Path, tail: &Tail) -> Result<Self, JournalError> {
        let next = tail.next;
        let path = segment_path(folder, next.segment);
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).open(&path).map_err(JournalError::io("cannot open", &path))?;
        if let Some(last) = tail.last {
            let mut group = vec![0; next.offset.saturating_sub(last) as usize];
            file.read_exact_at(&mut group, last).map_err(JournalError::io("cannot read", &path))?;
            file.write_all_at(&group, last).map_err(JournalError::io("cannot write to", &path))?;
            file.sync_data().map_err(JournalError::io("cannot sync", &path))?;
        }
        file.seek(SeekFrom::Start(next.offset)).map_err(JournalError::io("cannot seek in", &path))?;
        Ok(Self { folder: folder.to_owned(), path, file, next, buffer: Vec::new() })
    }

    /// Where the next group will stand.
    pub fn next(&self) -> Location {
        self.next
    }

    /// Appends records as one group and waits until they are on disk. After an error nothing more may be appended: what
    /// the file holds is then unknown.
    ///
    /// # Errors
    /// When writing or syncing fails.
    pub fn append(&mut self, records: &[Bytes]) -> Result<Location, JournalError> {
        if self.next.offset >= SEGMENT_SIZE {
            let first = self.next.position;
            (self.path, self.file) = create_segment(&self.folder, first)?;
            self.next = Location { segment: first, offset: SEGMENT_HEADER as u64, position: first };
        }
        self.buffer.clear();
        encode_group(&mut self.buffer, self.next.position, records);
        self.file.write_all(&self.buffer).map_err(JournalError::io("cannot write to", &self.path))?;
        self.file.sync_data().map_err(JournalError::io("cannot sync", &self.path))?;
        let at = self.next;
        self.next.offset += self.buffer.len() as u64;
        self.next.position += records.len() as u64;
        self.buffer.shrink_to(1 << 22);
        Ok(at)
    }
}

pub(super) fn segment_path(folder: &Path, first: u64) -> PathBuf {
    folder.join(segment_name(first))
}

/// The name of the segment that begins with this record.
pub(super) fn segment_name(first: u64) -> String {
    format!("{first:020}.journal")
}

fn create_segment(folder: &Path, first: u64) -> Result<(PathBuf, File), JournalError> {
    let path = segment_path(folder, first);
    // It takes its name only once its header is on disk: a crash leaves no segment that cannot be opened.
    let beside = path.with_extension("incoming");
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .open(&beside)
        .map_err(JournalError::io("cannot create", &beside))?;
    file.write_all(&segment_header(first)).map_err(JournalError::io("cannot write to", &beside))?;
    file.sync_all().map_err(JournalError::io("cannot sync", &beside))?;
    if path.exists() {
        let exists = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
        return Err(JournalError::io("cannot create", &path)(exists));
    }
    std::fs::rename(&beside, &path).map_err(JournalError::io("cannot name", &path))?;
    File::open(folder).and_then(|dir| dir.sync_all()).map_err(JournalError::io("cannot sync", folder))?;
    Ok((path, file))
}

#[cfg(test)]
mod tests {
    use super::super::{JournalError, recover};
    use super::*;

    fn records(n: usize) -> Vec<Bytes> {
        (0..n).map(|i| Bytes::from(format!("{{\"record\":{i}}}"))).collect()
    }

    fn journal(groups: &[usize]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = JournalWriter::create(folder.path()).unwrap();
        for n in groups {
            writer.append(&records(*n)).unwrap();
        }
        let path = writer.path.clone();
        (folder, path)
    }

    fn count(folder: &Path) -> Result<(u64, u64), JournalError> {
        let mut seen = 0;
        let tail = recover::<JournalError>(folder, None, 0, |group| {
            seen += group.records.len() as u64;
            Ok(())
        })?;
        let tail = tail.unwrap();
        assert_eq!(tail.next.position, seen);
        Ok((seen, tail.cut))
    }

    #[test]
    fn every_cut_of_the_last_group_loses_that_group_alone() {
        let (folder, path) = journal(&[3, 2]);
        let whole = std::fs::read(&path).unwrap();
        let (only_first, first_path) = journal(&[3]);
        let keep = std::fs::metadata(first_path).unwrap().len() as usize;
        drop(only_first);
        for length in keep + 1..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(count(folder.path()).unwrap(), (3, (length - keep) as u64));
            assert_eq!(std::fs::metadata(&path).unwrap().len() as usize, keep);
        }
    }

    #[test]
    fn a_segment_that_was_only_begun_is_none() {
        let (folder, path) = journal(&[3, 2]);
        let begun = folder.path().join(format!("{:020}.incoming", 5));
        std::fs::write(&begun, [0; 7]).unwrap();
        assert_eq!(count(folder.path()).unwrap(), (5, 0));
        let end = std::fs::metadata(&path).unwrap().len();
        let next = Location { segment: 0, offset: SEGMENT_SIZE, position: 5 };
        let tail = Tail { next, last: None, cut: 0 };
        let mut writer = JournalWriter::resume(folder.path(), &tail).unwrap();
        writer.append(&records(1)).unwrap();
        assert!(!begun.exists(), "it was begun anew, and named once its header was on disk");
        assert_eq!(std::fs::metadata(&path).unwrap().len(), end);
        assert_eq!(count(folder.path()).unwrap(), (6, 0));
    }

    #[test]
    fn every_flipped_byte_of_an_acknowledged_group_is_damage() {
        let (folder, path) = journal(&[2, 2, 1]);
        let whole = std::fs::read(&path).unwrap();
        let (_last_cut, shorter) = journal(&[2, 2]);
        let end = std::fs::metadata(shorter).unwrap().len() as usize;
        for at in 0..end {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x40;
            std::fs::write(&path, &bytes).unwrap();
            assert!(matches!(count(folder.path()), Err(JournalError::Damaged { .. })), "byte {at}");
            assert_eq!(std::fs::read(&path).unwrap(), bytes, "a damaged journal is left as it is");
        }
    }
}
