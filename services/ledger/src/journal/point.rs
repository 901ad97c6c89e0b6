//! Reading one record at the place that the index names, without the group around it.

use std::fs::File;
use std::num::NonZeroUsize;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use lru::LruCache;
use rondo_eventlog::record::MAX_RECORD;

use super::JournalError;
use super::frame::{LENGTH, Location};
use super::writer::segment_path;

/// Segments kept open.
const OPEN: NonZeroUsize = NonZeroUsize::MIN.saturating_add(63);

/// Read at once: most records fit, so that most are read by one call.
const GUESS: usize = 4_096;

/// Reads records of a journal that is being written. It checks lengths alone: that a record is the one that was looked for
/// is told by the stream, version and position in it.
#[derive(Debug)]
pub struct PointReader {
    folder: PathBuf,
    files: Mutex<LruCache<u64, Arc<File>>>,
}

impl PointReader {
    /// A reader of a journal's folder.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), files: Mutex::new(LruCache::new(OPEN)) }
    }

    /// The bytes of the record at a place.
    ///
    /// # Errors
    /// When the file cannot be read, or no record can stand there.
    pub fn read(&self, at: Location) -> Result<Bytes, JournalError> {
        let file = self.segment(at.segment)?;
        let failed = || JournalError::io("cannot read", segment_path(&self.folder, at.segment));
        let mut guess = [0; GUESS];
        let got = read_up_to(&file, &mut guess, at.offset).map_err(failed())?;
        let length = guess[..got].first_chunk::<LENGTH>().map(|bytes| u32::from_le_bytes(*bytes) as usize);
        let Some(length) = length.filter(|length| (1..=MAX_RECORD).contains(length)) else {
            return Err(JournalError::Damaged {
                path: segment_path(&self.folder, at.segment),
                offset: at.offset,
                position: at.position,
                what: "no record can begin here".to_owned(),
            });
        };
        if let Some(record) = guess[..got].get(LENGTH..LENGTH + length) {
            return Ok(Bytes::copy_from_slice(record));
        }
        let mut record = vec![0; length];
        file.read_exact_at(&mut record, at.offset + LENGTH as u64).map_err(failed())?;
        Ok(Bytes::from(record))
    }

    fn segment(&self, first: u64) -> Result<Arc<File>, JournalError> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = files.get(&first) {
            return Ok(Arc::clone(file));
        }
        let path = segment_path(&self.folder, first);
        let file = Arc::new(File::open(&path).map_err(JournalError::io("cannot open", &path))?);
        files.put(first, Arc::clone(&file));
        Ok(file)
    }
}

fn read_up_to(file: &File, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match file.read_at(&mut buffer[got..], offset + got as u64)? {
            0 => break,
            n => got += n,
        }
    }
    Ok(got)
}

#[cfg(test)]
mod tests {
    use super::super::JournalWriter;
    use super::*;

    #[test]
    fn each_record_is_read_where_it_stands() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = JournalWriter::create(folder.path()).unwrap();
        let reader = PointReader::new(folder.path());
        let lengths = [1, GUESS - LENGTH, GUESS - LENGTH + 1, MAX_RECORD];
        let records: Vec<Bytes> = lengths.iter().zip(1u8..).map(|(length, n)| Bytes::from(vec![n; *length])).collect();
        for _ in 0..2 {
            let at = writer.append(&records).unwrap();
            for (place, record) in at.records(lengths.into_iter()).zip(&records) {
                assert_eq!(reader.read(place).unwrap(), record);
            }
        }
        let beyond = writer.next();
        assert!(matches!(reader.read(beyond), Err(JournalError::Damaged { .. })));
        assert!(matches!(reader.read(Location { segment: 9, ..beyond }), Err(JournalError::Io { .. })));
    }
}
