//! Evidence: received files and workflow bundles, kept by their hash, on disk before they are answered for.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use lru::LruCache;
use rondo_domain::FileHash;
use rondo_eventlog::Fault;
use rondo_eventlog::files::{FilePart, MAX_FILE, PART};

/// The folder of received files.
#[derive(Debug)]
pub(crate) struct Evidence {
    folder: PathBuf,
    /// Parts of one file must not be written by two at once.
    writing: Mutex<()>,
    /// Files found lately; what is stored is never removed.
    found: Mutex<LruCache<FileHash, ()>>,
}

/// Files remembered as found.
const FOUND: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1_023);

fn failed(what: &str, path: &Path) -> impl FnOnce(std::io::Error) -> Fault {
    let what = format!("{what} {}", path.display());
    move |e| Fault::storage(what, e)
}

impl Evidence {
    /// Opens the folder, which exists.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, writing: Mutex::new(()), found: Mutex::new(LruCache::new(FOUND)) }
    }

    fn path(&self, hash: &FileHash) -> PathBuf {
        self.folder.join(&hash.as_str()[..2]).join(hash.as_str())
    }

    /// Whether a file is stored whole, and its name is on disk.
    ///
    /// # Errors
    /// When that cannot be told.
    pub(crate) fn has(&self, hash: &FileHash) -> Result<bool, Fault> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if found.get(hash).is_some() {
            return Ok(true);
        }
        // A file that is just being finished has its name before the folder is synced.
        let _one = self.writing.lock().map_err(|_| Fault::Stopped)?;
        let path = self.path(hash);
        let exists = path.try_exists().map_err(failed("cannot look for", &path))?;
        if exists {
            found.put(hash.clone(), ());
        }
        Ok(exists)
    }

    /// Stores a part. A part stored again changes nothing; a part that leaves a gap is refused.
    pub(crate) fn store(&self, part: &FilePart) -> Result<(), Fault> {
        let _one = self.writing.lock().map_err(|_| Fault::Stopped)?;
        if part.total == 0 || part.total > MAX_FILE || part.bytes.len() > PART {
            return Err(Fault::Refused(format!("a file has between 1 and {MAX_FILE} bytes, in parts of {PART}")));
        }
        let path = self.path(&part.hash);
        if path.exists() {
            return Ok(());
        }
        let folder = self.folder.join(&part.hash.as_str()[..2]);
        fs::create_dir_all(&folder).map_err(failed("cannot create", &folder))?;
        let beside = path.with_extension("incoming");
        let mut options = OpenOptions::new();
        let mut file = options
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&beside)
            .map_err(failed("cannot open", &beside))?;
        let length = file.metadata().map_err(failed("cannot read", &beside))?.len();
        let end = part.offset.saturating_add(part.bytes.len() as u64);
        if part.offset > length || end > part.total {
            return Err(Fault::Refused(format!(
                "a part at byte {} does not follow the {length} bytes stored",
                part.offset
            )));
        }
        file.seek(SeekFrom::Start(part.offset))
            .and_then(|_| file.write_all(&part.bytes))
            .map_err(failed("cannot write to", &beside))?;
        if end == part.total { self.finish(part, &file, &beside, &path) } else { Ok(()) }
    }

    fn finish(&self, part: &FilePart, mut file: &File, beside: &Path, path: &Path) -> Result<(), Fault> {
        file.set_len(part.total).map_err(failed("cannot cut", beside))?;
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0))
            .and_then(|_| file.read_to_end(&mut bytes))
            .map_err(failed("cannot read", beside))?;
        if FileHash::of(&bytes) != part.hash {
            fs::remove_file(beside).map_err(failed("cannot remove", beside))?;
            return Err(Fault::Refused(format!(
                "the parts sent do not make the file {}; nothing was stored",
                part.hash
            )));
        }
        file.sync_all().map_err(failed("cannot sync", beside))?;
        fs::rename(beside, path).map_err(failed("cannot name", path))?;
        for folder in [path.parent(), Some(self.folder.as_path())].into_iter().flatten() {
            File::open(folder).and_then(|dir| dir.sync_all()).map_err(failed("cannot sync", folder))?;
        }
        Ok(())
    }

    /// A part of a stored file.
    pub(crate) fn fetch(&self, hash: &FileHash, offset: u64) -> Result<FilePart, Fault> {
        let path = self.path(hash);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(Fault::NotFound(format!("the file {hash}")));
            }
            Err(e) => return Err(failed("cannot open", &path)(e)),
        };
        let total = file.metadata().map_err(failed("cannot read", &path))?.len();
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(offset))
            .and_then(|_| file.take(PART as u64).read_to_end(&mut bytes))
            .map_err(failed("cannot read", &path))?;
        Ok(FilePart { hash: hash.clone(), total, offset, bytes: Bytes::from(bytes) })
    }
}
