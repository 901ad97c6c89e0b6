//! Appending groups: when `append` returns, they are on disk.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::frame::{FIRST, Location, SEGMENT_HEADER, encode_group, segment_header};
use super::lock::{self, Held};
use super::{JournalError, Tail};

/// A segment is closed once it is at least this long.
pub const SEGMENT_SIZE: u64 = 256 * 1024 * 1024;

/// The one writer of a journal.
#[derive(Debug)]
pub struct JournalWriter {
    folder: PathBuf,
    held: Held,
    next: Location,
    /// Bytes after which a segment is closed.
    segment: u64,
    buffer: Vec<u8>,
}

impl JournalWriter {
    /// Creates an empty journal in an existing folder.
    ///
    /// # Errors
    /// When the file system fails.
    pub fn create(folder: &Path) -> Result<Self, JournalError> {
        let held = create_segment(folder, 0)?;
        Ok(Self { folder: folder.to_owned(), held, next: FIRST, segment: SEGMENT_SIZE, buffer: Vec::new() })
    }

    /// Goes on at the place that recovery found. The last group is written once more and synced: where its sync had failed,
    /// the machine's memory may show bytes that the disk does not have and that no later sync would bring to it.
    ///
    /// # Errors
    /// When the file system fails.
    pub fn resume(folder: &Path, mut held: Held, tail: &Tail) -> Result<Self, JournalError> {
        let next = tail.next;
        let (path, file) = (&held.path, &mut held.file);
        if let Some(last) = tail.last {
            let mut group = vec![0; next.offset.saturating_sub(last) as usize];
            file.read_exact_at(&mut group, last).map_err(JournalError::io("cannot read", path))?;
            file.write_all_at(&group, last).map_err(JournalError::io("cannot write to", path))?;
            file.sync_data().map_err(JournalError::io("cannot sync", path))?;
        }
        file.seek(SeekFrom::Start(next.offset)).map_err(JournalError::io("cannot seek in", path))?;
        Ok(Self { folder: folder.to_owned(), held, next, segment: SEGMENT_SIZE, buffer: Vec::new() })
    }

    /// The same with another size of segments, as tests have it.
    #[must_use]
    pub fn in_segments_of(self, segment: u64) -> Self {
        Self { segment, ..self }
    }

    /// Where the next group will stand.
    pub fn next(&self) -> Location {
        self.next
    }

    /// Requires that the file at the path is still the one that is written to, and as this writer left it.
    ///
    /// # Errors
    /// When it is not.
    pub fn is_alone(&self) -> Result<(), JournalError> {
        self.held.is_alone(self.next.offset)
    }

    /// Appends records as one group and waits until they are on disk. After an error nothing more may be appended: what
    /// the file holds is then unknown.
    ///
    /// # Errors
    /// When writing or syncing fails, or somebody else came between.
    pub fn append(&mut self, records: &[Bytes]) -> Result<Location, JournalError> {
        self.is_alone()?;
        if self.next.offset >= self.segment {
            let first = self.next.position;
            self.held = create_segment(&self.folder, first)?;
            self.next = Location { segment: first, offset: SEGMENT_HEADER as u64, position: first };
        }
        self.buffer.clear();
        encode_group(&mut self.buffer, self.next.position, records);
        self.held.file.write_all(&self.buffer).map_err(JournalError::io("cannot write to", &self.held.path))?;
        self.held.file.sync_data().map_err(JournalError::io("cannot sync", &self.held.path))?;
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

/// Makes a segment and holds it: it is locked before it has its name.
fn create_segment(folder: &Path, first: u64) -> Result<Held, JournalError> {
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
    if !lock::lock(&file) {
        return Err(JournalError::Held(beside));
    }
    file.write_all(&segment_header(first)).map_err(JournalError::io("cannot write to", &beside))?;
    file.sync_all().map_err(JournalError::io("cannot sync", &beside))?;
    if path.exists() {
        let exists = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
        return Err(JournalError::io("cannot create", &path)(exists));
    }
    std::fs::rename(&beside, &path).map_err(JournalError::io("cannot name", &path))?;
    File::open(folder).and_then(|dir| dir.sync_all()).map_err(JournalError::io("cannot sync", folder))?;
    Ok(Held { path, file })
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
        let path = writer.held.path.clone();
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
        let tail = recover::<JournalError>(folder.path(), None, 0, |_| Ok(())).unwrap().unwrap();
        let held = Held::take(folder.path()).unwrap().unwrap();
        let mut writer = JournalWriter::resume(folder.path(), held, &tail).unwrap().in_segments_of(tail.next.offset);
        writer.append(&records(1)).unwrap();
        assert!(!begun.exists(), "it was begun anew, and named once its header was on disk");
        assert_eq!(std::fs::metadata(&path).unwrap().len(), tail.next.offset);
        assert_eq!(count(folder.path()).unwrap(), (6, 0));
    }

    #[test]
    fn only_one_appends_and_only_to_the_file_that_it_left() {
        let (folder, path) = journal(&[3]);
        let tail = recover::<JournalError>(folder.path(), None, 0, |_| Ok(())).unwrap().unwrap();
        let held = Held::take(folder.path()).unwrap().unwrap();
        assert!(matches!(Held::take(folder.path()), Err(JournalError::Held(_))));
        let mut writer = JournalWriter::resume(folder.path(), held, &tail).unwrap().in_segments_of(200);
        for _ in 0..3 {
            writer.append(&records(9)).unwrap();
            assert!(matches!(Held::take(folder.path()), Err(JournalError::Held(_))), "a new segment is held as well");
        }
        assert!(writer.held.path != path);
        let bytes = std::fs::read(&writer.held.path).unwrap();
        std::fs::write(&writer.held.path, [&bytes[..], b"x"].concat()).unwrap();
        let longer = writer.append(&records(1)).unwrap_err();
        assert!(longer.to_string().contains("this ledger left it with"), "{longer}");
        std::fs::remove_file(&writer.held.path).unwrap();
        assert!(writer.append(&records(1)).unwrap_err().to_string().contains("taken away"));
        std::fs::write(&writer.held.path, bytes).unwrap();
        assert!(writer.append(&records(1)).unwrap_err().to_string().contains("another file has its name"));
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
