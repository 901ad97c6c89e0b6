//! Small files that are replaced all or nothing, and are on disk when that returns.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

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
    let beside = path.with_extension("new");
    // What a replacing that was cut off left has the rights that it was made with.
    match fs::remove_file(&beside) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(failed("remove", &beside)(e)),
        _ => {}
    }
    let mut options = OpenOptions::new();
    let mut file = options.create_new(true).write(true).mode(mode).open(&beside).map_err(failed("create", &beside))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed("write", &beside))?;
    fs::rename(&beside, path).map_err(failed("replace", path))?;
    sync_folder(holding(path))
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
