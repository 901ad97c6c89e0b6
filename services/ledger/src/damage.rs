//! Damage in the journal's last file, where its loss is to be recorded: the log ends before it. The bytes from there on are kept in
//! `keys` first: they are evidence, and put back where the loss is not recorded after all.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::acknowledged;
use crate::directory::{OpenError, io};
use crate::durable::{replace_private, sync_folder};
use crate::journal::{self, JournalError, SEGMENT_HEADER};
use crate::notary::NotaryError;

/// What was cut off the journal.
#[derive(Debug)]
pub(crate) struct Cut {
    segment: PathBuf,
    offset: u64,
    /// The file that keeps it.
    pub(crate) kept: PathBuf,
}

/// Ends the journal before what is damaged in its last file and was acknowledged. On disk, as is the copy, once this returns.
/// A journal that only ends too early is left as it is.
///
/// # Errors
/// When it is damaged elsewhere, where whole files would have to go; and when a file cannot be read or written.
pub(crate) fn cut(data: &Path) -> Result<Option<Cut>, OpenError> {
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
    let file = OpenOptions::new().read(true).write(true).open(path).map_err(io("open", path))?;
    let mut bytes = vec![0; (length - offset) as usize];
    file.read_exact_at(&mut bytes, *offset).map_err(io("read", path))?;
    fs::create_dir_all(data.join("keys")).map_err(io("create", &data.join("keys")))?;
    let kept = keeps(data, *position, &bytes)?;
    file.set_len(*offset).and_then(|()| file.sync_all()).map_err(io("cut", path))?;
    Ok(Some(Cut { segment: path.clone(), offset: *offset, kept }))
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
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                replace_private(&kept, bytes)?;
                return Ok(kept);
            }
            Err(e) => return Err(io("read", &kept)(e)),
        }
    }
}

impl Cut {
    /// Puts it back, where the journal still ends there.
    pub(crate) fn put_back(&self) -> Result<(), OpenError> {
        let Self { segment, offset, kept } = self;
        let file = OpenOptions::new().write(true).open(segment).map_err(io("open", segment))?;
        if file.metadata().map_err(io("read", segment))?.size() != *offset {
            return Ok(());
        }
        let bytes = fs::read(kept).map_err(io("read", kept))?;
        file.write_all_at(&bytes, *offset).and_then(|()| file.sync_all()).map_err(io("write to", segment))?;
        fs::remove_file(kept).map_err(io("remove", kept))?;
        Ok(sync_folder(kept.parent().unwrap_or(Path::new(".")))?)
    }
}
