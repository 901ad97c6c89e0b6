//! Small files that are replaced all or nothing, and are on disk when that returns.
//!
//! What takes a file's place lies beside it until it is whole, under a name that no other replacing has: `NAME.PROCESS-NUMBER.new`. Its
//! writer holds it locked (flock(2)), since process numbers come again, in another container at the same time; so what was left by one that
//! was killed is known by nobody's holding it, and a start takes it away.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{FlockOperation, flock};

use crate::lifecycle::with_sources;

/// A file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} {path}")]
pub struct FileError {
    what: &'static str,
    path: PathBuf,
    source: std::io::Error,
}

impl FileError {
    /// Whether the file is not there.
    pub fn is_missing(&self) -> bool {
        self.source.kind() == std::io::ErrorKind::NotFound
    }
}

/// Says what was tried on which file.
pub fn failed(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> FileError {
    let path = path.to_owned();
    move |source| FileError { what, path, source }
}

/// Replaces a file by these bytes, all or nothing, and waits until they are on disk.
///
/// # Errors
/// When it cannot be written; what stood there then still stands there.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    replace_for(path, bytes, 0o666)
}

/// The same with a file that its owner alone may read.
///
/// # Errors
/// As [`replace`].
pub fn replace_private(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    replace_for(path, bytes, 0o600)
}

fn replace_for(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let replacement = Replacement::begin(path, mode)?;
    let mut file = replacement.file();
    file.write_all(bytes).map_err(failed("write", path))?;
    replacement.finish()
}

/// How many names are tried for one replacing: some may be left from a process that had the same number.
const TRIES: usize = 10_000;

/// A file that will take another's place once it is whole. Let go of before that, nothing of it stays.
#[derive(Debug)]
pub struct Replacement {
    path: PathBuf,
    beside: PathBuf,
    file: File,
    /// Whether it has the place.
    is_put: bool,
}

impl Replacement {
    /// Begins to replace the file at this path by one with this mode, in the folder where it stands.
    ///
    /// # Errors
    /// When nothing can be written there.
    pub fn begin(path: &Path, mode: u32) -> Result<Self, FileError> {
        let mut options = OpenOptions::new();
        options.create_new(true).write(true).mode(mode);
        for beside in std::iter::repeat_with(|| name_of_its_own(path)).take(TRIES) {
            let file = match options.open(&beside) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => continue,
                opened => opened.map_err(failed("create a file beside", path))?,
            };
            if is_held(&file, &beside).map_err(failed("lock a file beside", path))? {
                return Ok(Self { path: path.to_owned(), beside, file, is_put: false });
            }
        }
        Err(failed("create a file beside", path)(io::ErrorKind::AlreadyExists.into()))
    }

    /// The file, to be written.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Puts it in its place, and waits until that is on disk.
    ///
    /// # Errors
    /// When it cannot; before it has its place, what stood there still stands there.
    pub fn finish(self) -> Result<(), FileError> {
        self.file.sync_all().map_err(failed("write", &self.path))?;
        let folder = holding(&self.path).to_owned();
        self.put()?;
        sync_folder(&folder)
    }

    /// Puts it in its place, where a power cut may damage it.
    ///
    /// # Errors
    /// When it cannot; what stood there still stands there.
    pub fn put(mut self) -> Result<(), FileError> {
        fs::rename(&self.beside, &self.path).map_err(failed("replace", &self.path))?;
        self.is_put = true;
        Ok(())
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if !self.is_put {
            // What cannot be taken away now is at the next start.
            let _ = fs::remove_file(&self.beside);
        }
    }
}

/// A name beside a file that nothing in this process has had.
fn name_of_its_own(path: &Path) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}-{}.new", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    path.with_file_name(name)
}

/// The name of the file whose place something of this name is to take, if it is such a thing.
pub fn replaced_by(name: &str) -> Option<&str> {
    let (replaced, own) = name.strip_suffix(".new")?.rsplit_once('.')?;
    let (process, number) = own.split_once('-')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(process) && is_number(number) && !replaced.is_empty()).then_some(replaced)
}

/// Whether a file is held from now on, and is still the one at this path.
fn is_held(file: &File, path: &Path) -> io::Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Err(rustix::io::Errno::WOULDBLOCK) => return Ok(false),
        locked => locked?,
    }
    let ours = file.metadata()?;
    match fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        there => there.map(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino())),
    }
}

/// Takes away what replacings that were cut off left in a folder, and nothing that somebody still writes. What stands in the way of
/// that is said and left: it is in nobody's way.
pub fn clear_unfinished(folder: &Path) {
    let cleared = match fs::read_dir(folder) {
        Ok(mut entries) => entries.try_for_each(|entry| clear_if_left(&entry?.path())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e),
    };
    if let Err(error) = cleared {
        let told = with_sources(&error);
        tracing::warn!("what was left of files that were being replaced in {} stays there: {told}", folder.display());
    }
}

fn clear_if_left(path: &Path) -> io::Result<()> {
    let is_one = path.file_name().and_then(|name| name.to_str()).and_then(replaced_by).is_some();
    if !is_one || !fs::symlink_metadata(path).is_ok_and(|found| found.is_file()) {
        return Ok(());
    }
    let file = match File::open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    if !is_held(&file, path)? {
        return Ok(());
    }
    match fs::remove_file(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Makes a folder and those above it that are not there, and waits until the name of each of them is on disk. One that is there
/// already is left as it is.
///
/// # Errors
/// When one cannot be made, or the folder that it stands in cannot be synced.
pub fn create_folders(path: &Path) -> Result<(), FileError> {
    let missing: Vec<&Path> = path.ancestors().take_while(|at| *at != Path::new("") && !at.exists()).collect();
    fs::create_dir_all(path).map_err(failed("create", path))?;
    // From above: a name counts once the folder that it stands in has its own.
    let synced = missing.iter().rev().try_for_each(|made| sync_folder(holding(made)));
    if synced.is_err() {
        // Left there, it would be taken for one whose name is on disk. One that somebody has put something into stays.
        missing.iter().for_each(|made| drop(fs::remove_dir(made)));
    }
    synced
}

/// The folder that a path stands in.
fn holding(path: &Path) -> &Path {
    path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."))
}

/// Waits until the names in a folder are on disk.
///
/// # Errors
/// When the folder cannot be opened or synced.
pub fn sync_folder(folder: &Path) -> Result<(), FileError> {
    File::open(folder).and_then(|dir| dir.sync_all()).map_err(failed("sync", folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn many_replace_a_file_at_once_and_each_does_it_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kept.json");
        let together = std::sync::Barrier::new(8);
        std::thread::scope(|scope| {
            let writers: Vec<_> = (0..8_u8)
                .map(|n| {
                    let (path, together) = (&path, &together);
                    scope.spawn(move || {
                        together.wait();
                        (0..25).try_for_each(|_| replace(path, &[n; 10_000]))
                    })
                })
                .collect();
            writers.into_iter().for_each(|writer| writer.join().unwrap().unwrap());
        });
        let bytes = fs::read(&path).unwrap();
        assert!(bytes.len() == 10_000 && bytes.iter().all(|byte| *byte == bytes[0]), "it is whole, and one's alone");
        assert_eq!(names(folder.path()), ["kept.json"]);
    }

    #[test]
    fn what_a_killed_process_left_is_taken_away_and_what_is_being_written_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kept.json");
        replace_private(&path, b"first").unwrap();
        let begun = Replacement::begin(&path, 0o600).unwrap();
        for left in ["kept.json.7-0.new", "another.1-22.new", "new.new", "kept.new", "kept.json.x-1.new", ".1-1.new"] {
            fs::write(folder.path().join(left), "left").unwrap();
        }
        fs::create_dir(folder.path().join("folder.1-1.new")).unwrap();
        clear_unfinished(folder.path());
        let own = begun.beside.file_name().unwrap().to_string_lossy().into_owned();
        let mut expected =
            vec![".1-1.new", "folder.1-1.new", "kept.json", &own, "kept.json.x-1.new", "kept.new", "new.new"];
        expected.sort_unstable();
        assert_eq!(names(folder.path()), expected);
        assert_eq!(replaced_by(&own), Some("kept.json"));
        begun.file().write_all(b"second").unwrap();
        begun.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        // What is let go of leaves nothing.
        drop(Replacement::begin(&path, 0o600).unwrap());
        assert_eq!(names(folder.path()).len(), expected.len() - 1);
        clear_unfinished(&folder.path().join("nowhere"));
    }
}
