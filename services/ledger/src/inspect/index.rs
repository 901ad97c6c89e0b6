//! The store of indexes, page by page: of a copy of its folder, since opening one writes to it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rondo_eventlog::Fault;

use crate::directory::{OpenError, io};
use crate::mark::IndexFault;
use crate::store::Store;

/// What the store of indexes is like.
#[derive(Debug)]
pub enum Index {
    /// There is none; the next start makes it.
    Absent,
    /// It failed while it was used; the next start makes it anew.
    Failed(String),
    /// A process is at work in the directory: what a copy of it holds says nothing.
    AtWork,
    /// Every page can be read.
    Whole {
        /// Packs of records.
        packs: u64,
        /// Places of records.
        places: u64,
    },
    /// Something in it cannot be read.
    Damaged(Fault),
}

/// A folder of this process alone, gone when this is dropped.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left of a copy is in nobody's way.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Reads every page of the store, if nobody is at work in it.
///
/// # Errors
/// When the folder cannot be read, or there is no room for a copy of it in the folder for temporary files.
pub fn index(data: &Path) -> Result<Index, OpenError> {
    let folder = data.join("index");
    if let Some(told) = IndexFault::beside(&folder).found()? {
        return Ok(Index::Failed(told));
    }
    if !folder.exists() {
        return Ok(Index::Absent);
    }
    let Some(_held) = held(data)? else { return Ok(Index::AtWork) };
    let scratch = Scratch(std::env::temp_dir().join(format!("rondo-doctor-{}", std::process::id())));
    copy(&folder, &scratch.0.join("index"))?;
    let open = || Store::open(&scratch.0.join("index"), |pause| std::thread::sleep(pause.unsigned_abs()));
    match open().and_then(|store| Ok(store.read_all()?)) {
        Ok((packs, places)) => Ok(Index::Whole { packs, places }),
        Err(OpenError::Store(fault)) => Ok(Index::Damaged(fault)),
        Err(other) => Err(other),
    }
}

/// The lock of the directory, while nobody else has it.
fn held(data: &Path) -> Result<Option<Option<File>>, OpenError> {
    let path = data.join("lock");
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Some(None)),
        Err(e) => return Err(io("open", &path)(e)),
    };
    let taken = rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_ok();
    Ok(taken.then_some(Some(file)))
}

fn copy(from: &Path, to: &Path) -> Result<(), OpenError> {
    fs::create_dir_all(to).map_err(io("create", to))?;
    for entry in fs::read_dir(from).map_err(io("list", from))? {
        let path = entry.map_err(io("list", from))?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy(&path, &target)?;
        } else {
            fs::copy(&path, &target).map_err(io("copy to the folder for temporary files", &path))?;
        }
    }
    Ok(())
}
