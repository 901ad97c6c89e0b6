//! Damage in the journal's last file, where its loss is to be recorded: the log ends before it. The bytes from there on are kept in
//! `keys` first: they are evidence, and put back where the loss is not recorded after all. What is to be cut is written down
//! (`loss.rs`) before it is cut, so that no start takes the shorter journal for a whole one.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use rondo_runtime::durable::{replace_private, sync_folder};
use serde::{Deserialize, Serialize};

use crate::acknowledged;
use crate::directory::{OpenError, io};
use crate::journal::{self, JournalError, SEGMENT_HEADER};
use crate::notary::NotaryError;

/// Damage that a log can end before.
#[derive(Debug)]
pub(crate) struct Damage {
    segment: PathBuf,
    offset: u64,
    /// The record that should begin there.
    pub(crate) position: u64,
}

/// What is cut off the journal, as the plan of a going on says it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Cut {
    /// The file in `journal`.
    segment: String,
    /// Where it ends from then on.
    offset: u64,
    /// The file in `keys` that keeps the rest.
    kept: String,
}

/// Looks for what is damaged in the last file of a journal and was acknowledged. A journal that only ends too early has none. Writes
/// nothing.
///
/// # Errors
/// When it is damaged elsewhere, where whole files would have to go; and when a file cannot be read.
pub(crate) fn look(data: &Path) -> Result<Option<Damage>, OpenError> {
    let folder = data.join("journal");
    let Err(error) = journal::judge(&folder, acknowledged::at_least(data).or_else(unless_unknown)?) else {
        return Ok(None);
    };
    let JournalError::Damaged { path, offset, position, .. } = &error else { return Err(error.into()) };
    let length = fs::metadata(path).map_err(io("read", path))?.size();
    if *offset >= length {
        return Ok(None);
    }
    let is_last = journal::segments(&folder)?.last().is_some_and(|(_, last)| last == path);
    if !is_last || *offset < SEGMENT_HEADER as u64 {
        return Err(error.into());
    }
    Ok(Some(Damage { segment: path.clone(), offset: *offset, position: *position }))
}

impl Damage {
    /// Keeps what stands from there on, and says what is to be cut.
    pub(crate) fn keep(&self, data: &Path) -> Result<Cut, OpenError> {
        let bytes = from(&self.segment, self.offset)?;
        let kept = keeps(data, self.position, &bytes)?;
        let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Cut { segment: name(&self.segment), offset: self.offset, kept: name(&kept) })
    }
}

/// The bytes of a file from a place on.
fn from(segment: &Path, offset: u64) -> Result<Vec<u8>, OpenError> {
    let file = File::open(segment).map_err(io("open", segment))?;
    let length = file.metadata().map_err(io("read", segment))?.size();
    let mut bytes = vec![0; length.saturating_sub(offset) as usize];
    file.read_exact_at(&mut bytes, offset).map_err(io("read", segment))?;
    Ok(bytes)
}

/// Where the memory of what was signed is lost as well, the rest tells how much was acknowledged.
fn unless_unknown(error: OpenError) -> Result<u64, OpenError> {
    use crate::memory::MemoryError::{Bad, Missing};
    if matches!(error, OpenError::Notary(NotaryError::Memory(Missing(_) | Bad(_)))) { Ok(0) } else { Err(error) }
}

/// Keeps the bytes under a name that nothing else has; the same bytes, after a cutting that was itself cut off, are kept already.
fn keeps(data: &Path, position: u64, bytes: &[u8]) -> Result<PathBuf, OpenError> {
    let mut n = 0;
    loop {
        let kept = data.join("keys").join(format!("before-{position}-damaged-{n}.journal"));
        match fs::read(&kept) {
            Ok(found) if found == bytes => return Ok(kept),
            Ok(_) => n += 1,
            Err(e) if e.kind() == ErrorKind::NotFound => {
                replace_private(&kept, bytes)?;
                return Ok(kept);
            }
            Err(e) => return Err(io("read", &kept)(e)),
        }
    }
}

impl Cut {
    /// The file that keeps what was cut off.
    pub(crate) fn path(&self, data: &Path) -> PathBuf {
        data.join("keys").join(&self.kept)
    }

    fn segment(&self, data: &Path) -> PathBuf {
        data.join("journal").join(&self.segment)
    }

    /// Ends the journal there, if what stands behind is what was kept, or the part of it that a putting back that was cut off had
    /// brought: a journal that was put in its place, or that has grown since, is left as it is, and so is one whose rest was put back
    /// already. On disk once this returns.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub(crate) fn make(&self, data: &Path) -> Result<(), OpenError> {
        let Some((file, segment, _)) = self.met(data)? else { return Ok(()) };
        file.set_len(self.offset).and_then(|()| file.sync_all()).map_err(io("cut", &segment))
    }

    /// Puts it back, where the journal still ends there, or holds a part of it.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub(crate) fn put_back(&self, data: &Path) -> Result<(), OpenError> {
        let Some((file, segment, bytes)) = self.met(data)? else { return Ok(()) };
        file.write_all_at(&bytes, self.offset).and_then(|()| file.sync_all()).map_err(io("write to", &segment))
    }

    /// Lets go of what was kept, once it stands in the journal again and nothing speaks of it.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub(crate) fn forget(&self, data: &Path) -> Result<(), OpenError> {
        let kept = self.path(data);
        match fs::remove_file(&kept) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(io("remove", &kept)(e)),
            _ => Ok(sync_folder(&data.join("keys"))?),
        }
    }

    /// The file of the journal, to be written, and what was kept of it, if what stands there is that or a part of it.
    fn met(&self, data: &Path) -> Result<Option<(File, PathBuf, Vec<u8>)>, OpenError> {
        let segment = self.segment(data);
        let Some(kept) = self.kept(data)? else { return Ok(None) };
        if !segment.exists() || !kept.starts_with(&from(&segment, self.offset)?) {
            return Ok(None);
        }
        let file = OpenOptions::new().write(true).open(&segment).map_err(io("open", &segment))?;
        Ok(Some((file, segment, kept)))
    }

    /// What was kept; nothing where it was put back and let go of.
    fn kept(&self, data: &Path) -> Result<Option<Vec<u8>>, OpenError> {
        let kept = self.path(data);
        match fs::read(&kept) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(io("read", &kept)(e)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_is_made_and_put_back_from_wherever_it_was_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        for part in ["journal", "keys"] {
            fs::create_dir(data.join(part)).unwrap();
        }
        let cut = Cut { segment: "0.journal".to_owned(), offset: 5, kept: "before-4-damaged-0.journal".to_owned() };
        let (segment, kept) = (cut.segment(data), cut.path(data));
        for there in 5..=9 {
            // So much of it stood there, or had been put back, when the program was killed.
            fs::write(&segment, &b"wholerest"[..there]).unwrap();
            fs::write(&kept, b"rest").unwrap();
            cut.make(data).unwrap();
            assert_eq!(fs::read(&segment).unwrap(), b"whole");
            fs::write(&segment, &b"wholerest"[..there]).unwrap();
            cut.put_back(data).unwrap();
            assert_eq!(fs::read(&segment).unwrap(), b"wholerest");
            cut.forget(data).unwrap();
            // All was done but for the plan, which is taken up once more.
            cut.make(data).unwrap();
            cut.put_back(data).unwrap();
            cut.forget(data).unwrap();
            assert_eq!(fs::read(&segment).unwrap(), b"wholerest");
        }
        fs::write(&kept, b"rest").unwrap();
        fs::write(&segment, b"wholeother").unwrap();
        cut.make(data).unwrap();
        cut.put_back(data).unwrap();
        assert_eq!(fs::read(&segment).unwrap(), b"wholeother", "another journal is left as it is");
    }
}
