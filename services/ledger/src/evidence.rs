//! Evidence: received files and workflow bundles, kept by their hash, on disk before they are answered for.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use lru::LruCache;
use rondo_domain::FileHash;
use rondo_eventlog::Fault;
use rondo_eventlog::files::{FilePart, MAX_FILE, PART};
use rondo_runtime::clock::Stopwatch;

/// The folder of received files.
#[derive(Debug)]
pub(crate) struct Evidence {
    folder: PathBuf,
    /// Parts of one file must not be written by two at once.
    writing: Mutex<Arriving>,
    /// Files found lately; what is stored is never removed.
    found: Mutex<LruCache<FileHash, ()>>,
    /// Whether what a failed sync left could not be taken away: nothing is believed of the folder any more.
    broken: AtomicBool,
}

/// Files of which some parts have come, and how long ago the last one did; nothing before they were looked for.
type Arriving = Option<BTreeMap<FileHash, Stopwatch>>;

/// Files that may arrive at once.
const AT_ONCE: usize = 64;
/// After so long without another part an upload is given up.
const ABANDONED: Duration = Duration::from_secs(60 * 60);
/// What the name of a file ends in that is still arriving.
const INCOMING: &str = "incoming";

/// Files remembered as found.
const FOUND: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1_023);

fn failed(what: &str, path: &Path) -> impl FnOnce(std::io::Error) -> Fault {
    let what = format!("{what} {}", path.display());
    move |e| Fault::storage(what, e)
}

/// Removes a file that may be there.
fn removed(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

impl Evidence {
    /// Opens the folder, which exists.
    pub(crate) fn new(folder: PathBuf) -> Self {
        let found = Mutex::new(LruCache::new(FOUND));
        Self { folder, writing: Mutex::new(None), found, broken: AtomicBool::new(false) }
    }

    /// Whether the ledger has to end: see [`Self::store`].
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Acquire)
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
            // Whoever gave it its name may have ended before that was on disk.
            self.sync_name(&path)?;
            found.put(hash.clone(), ());
        }
        Ok(exists)
    }

    /// Stores a part. A part stored again changes nothing; a part that leaves a gap is refused. After a failed sync nothing of
    /// the file is kept, and it is sent again from its beginning: memory would show bytes that the disk does not have. If even
    /// that fails, the folder is broken.
    pub(crate) fn store(&self, part: &FilePart) -> Result<(), Fault> {
        let mut arriving = self.writing.lock().map_err(|_| Fault::Stopped)?;
        if self.is_broken() {
            return Err(Fault::Stopped);
        }
        if part.total == 0 || part.total > MAX_FILE || part.bytes.len() > PART {
            return Err(Fault::Refused(format!("a file has between 1 and {MAX_FILE} bytes, in parts of {PART}")));
        }
        let path = self.path(&part.hash);
        if path.exists() {
            return self.sync_name(&path);
        }
        self.admit(arriving.get_or_insert_with(|| self.left_over()), part)?;
        let folder = self.folder.join(&part.hash.as_str()[..2]);
        fs::create_dir_all(&folder).map_err(failed("cannot create", &folder))?;
        let beside = path.with_extension(INCOMING);
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
        if end < part.total {
            return Ok(());
        }
        if let Some(arriving) = arriving.as_mut() {
            arriving.remove(&part.hash);
        }
        self.finish(part, &file, &beside, &path).inspect_err(|_| self.take_away(&[&beside, &path]))
    }

    /// Uploads that an earlier run of the program began: they may still go on.
    fn left_over(&self) -> BTreeMap<FileHash, Stopwatch> {
        let folders = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let files = folders.filter_map(|folder| fs::read_dir(folder.path()).ok()).flatten().flatten();
        let paths = files.map(|file| file.path()).filter(|path| path.extension().is_some_and(|end| end == INCOMING));
        let hash = |path: PathBuf| path.file_stem()?.to_str()?.parse().ok();
        paths.filter_map(hash).map(|hash| (hash, Stopwatch::start())).collect()
    }

    /// Lets a part in: one of a file that is arriving, or of another one, if there is room for that. Abandoned ones make room.
    fn admit(&self, arriving: &mut BTreeMap<FileHash, Stopwatch>, part: &FilePart) -> Result<(), Fault> {
        if !arriving.contains_key(&part.hash) {
            let gone = arriving.extract_if(.., |_, since| since.elapsed() > ABANDONED);
            for (hash, _) in gone {
                let beside = self.path(&hash).with_extension(INCOMING);
                removed(&beside).map_err(failed("cannot remove", &beside))?;
            }
            if arriving.len() >= AT_ONCE {
                return Err(Fault::NotNow(format!(
                    "{AT_ONCE} files are arriving already; nothing of this one was stored. Send it again in a while"
                )));
            }
        }
        arriving.insert(part.hash.clone(), Stopwatch::start());
        Ok(())
    }

    /// Removes what a failed sync left; what cannot be removed breaks the folder.
    fn take_away(&self, paths: &[&Path]) {
        for path in paths {
            if let Err(error) = removed(path) {
                tracing::error!("cannot remove {} after it could not be stored: {error}", path.display());
                self.broken.store(true, Ordering::Release);
            }
        }
    }

    /// Waits until the name of a stored file is on disk.
    fn sync_name(&self, path: &Path) -> Result<(), Fault> {
        for folder in [path.parent(), Some(self.folder.as_path())].into_iter().flatten() {
            File::open(folder).and_then(|dir| dir.sync_all()).map_err(failed("cannot sync", folder))?;
        }
        Ok(())
    }

    fn finish(&self, part: &FilePart, mut file: &File, beside: &Path, path: &Path) -> Result<(), Fault> {
        file.set_len(part.total).map_err(failed("cannot cut", beside))?;
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0))
            .and_then(|_| file.read_to_end(&mut bytes))
            .map_err(failed("cannot read", beside))?;
        if FileHash::of(&bytes) != part.hash {
            return Err(Fault::Refused(format!(
                "the parts sent do not make the file {}; nothing was stored",
                part.hash
            )));
        }
        file.sync_all().map_err(failed("cannot sync", beside))?;
        fs::rename(beside, path).map_err(failed("cannot name", path))?;
        self.sync_name(path)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn part(bytes: &[u8], offset: usize, end: usize) -> FilePart {
        let total = bytes.len() as u64;
        let slice = Bytes::copy_from_slice(&bytes[offset..end]);
        FilePart { hash: FileHash::of(bytes), total, offset: offset as u64, bytes: slice }
    }

    #[test]
    fn uploads_are_bounded_and_those_that_were_abandoned_make_room() {
        let folder = tempfile::tempdir().unwrap();
        let evidence = Evidence::new(folder.path().to_owned());
        let files: Vec<Vec<u8>> = (0..=AT_ONCE).map(|n| format!("the file {n}").into_bytes()).collect();
        for file in &files[..AT_ONCE] {
            evidence.store(&part(file, 0, 3)).unwrap();
        }
        let last = &files[AT_ONCE];
        assert!(matches!(evidence.store(&part(last, 0, 3)), Err(Fault::NotNow(_))), "it is refused for now");
        evidence.store(&part(&files[0], 3, files[0].len())).unwrap();
        evidence.store(&part(last, 0, last.len())).expect("one was finished, and so there is room");
        assert!(evidence.has(&FileHash::of(last)).unwrap() && evidence.has(&FileHash::of(&files[0])).unwrap());
        // Begun by a program that ended since: the upload goes on, and counts.
        let evidence = Evidence::new(folder.path().to_owned());
        evidence.store(&part(&files[1], 3, files[1].len())).unwrap();
        assert_eq!(evidence.left_over().len(), AT_ONCE - 2);
    }

    #[test]
    fn parts_that_do_not_make_the_file_leave_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let evidence = Evidence::new(folder.path().to_owned());
        let file = b"what was meant to be sent";
        evidence.store(&part(file, 0, 10)).unwrap();
        let mut other = part(file, 10, file.len());
        other.bytes = Bytes::from(vec![b'x'; file.len() - 10]);
        assert!(matches!(evidence.store(&other), Err(Fault::Refused(_))));
        assert!(evidence.left_over().is_empty() && !evidence.has(&FileHash::of(file)).unwrap());
    }
}
