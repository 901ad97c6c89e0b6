//! The mark of a store at work. A machine that goes down loses what was never synced, in any order; sled and the hashes of
//! the tree are not synced while the ledger works, and would be trusted. So the mark says on disk, before the first of it is
//! written, which start of the machine it belongs to: found under another one, both are made anew from the journal. After the
//! end of a process alone, the machine's memory still holds all of it, and it is trusted.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rondo_eventlog::Fault;

use crate::directory::{OpenError, io};

/// Names this start of the machine (proc_sys_kernel(5)).
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// The name of the mark.
const AT_WORK: &str = "at-work";

/// The mark of a data directory.
#[derive(Debug)]
pub(crate) struct Mark {
    data: PathBuf,
}

impl Mark {
    /// Sets the mark. What the machine may have left torn has to be gone by then: from now on it would be trusted.
    pub(crate) fn set(data: &Path) -> Result<Self, OpenError> {
        let path = data.join(AT_WORK);
        let boot = fs::read_to_string(BOOT).unwrap_or_default();
        let mut file = File::create(&path).map_err(io("create", &path))?;
        file.write_all(boot.as_bytes()).and_then(|()| file.sync_all()).map_err(io("write", &path))?;
        sync(data)?;
        Ok(Self { data: data.to_owned() })
    }

    /// Takes the mark away, once all that it stands for is on the device.
    pub(crate) fn clear(self) -> Result<(), OpenError> {
        let path = self.data.join(AT_WORK);
        fs::remove_file(&path).map_err(io("remove", &path))?;
        sync(&self.data)
    }
}

/// Whether the machine went down under the mark that is there.
pub(crate) fn went_down(data: &Path) -> Result<bool, OpenError> {
    let path = data.join(AT_WORK);
    // A machine that cannot name its starts is taken to have gone down.
    let boot = fs::read(BOOT).unwrap_or_default();
    match fs::read(&path) {
        Ok(before) => Ok(boot.is_empty() || before != boot),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(io("read", &path)(e)),
    }
}

/// The note that the store of indexes failed while it was used, beside its folder: the next start makes it anew.
#[derive(Debug)]
pub(crate) struct IndexFault {
    path: PathBuf,
    told: AtomicBool,
}

impl IndexFault {
    /// The note about a store's folder.
    pub(crate) fn beside(index: &Path) -> Self {
        Self { path: index.with_file_name("index-failed"), told: AtomicBool::new(false) }
    }

    /// Writes down what failed, the first time.
    pub(crate) fn note(&self, fault: &Fault) {
        if self.told.swap(true, Ordering::AcqRel) {
            return;
        }
        let told = rondo_runtime::lifecycle::with_sources(fault);
        let written = File::create(&self.path).and_then(|mut file| {
            file.write_all(told.as_bytes())?;
            file.sync_all()
        });
        // A disk that is full has no room for it. To empty the mark takes none, and one that names no start of the machine is
        // trusted as little.
        let emptied = |error: std::io::Error| {
            tracing::warn!("{} cannot be written: {error}; the mark `at-work` says it instead", self.path.display());
            let mark = fs::OpenOptions::new().write(true).open(self.path.with_file_name(AT_WORK))?;
            mark.set_len(0).and_then(|()| mark.sync_all())
        };
        if let Err(error) = written.or_else(emptied) {
            tracing::error!(
                "it cannot be noted that the store of indexes failed, so that the next start may trust it: {error}; delete the folder `index` before it"
            );
        }
    }

    /// What failed, if anything did.
    pub(crate) fn found(&self) -> Result<Option<String>, OpenError> {
        match fs::read_to_string(&self.path) {
            Ok(told) => Ok(Some(told)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(io("read", &self.path)(e)),
        }
    }

    /// Takes the note away, once the store is made anew.
    pub(crate) fn clear(&self) -> Result<(), OpenError> {
        match fs::remove_file(&self.path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(io("remove", &self.path)(e)),
            _ => Ok(()),
        }
    }
}

fn sync(folder: &Path) -> Result<(), OpenError> {
    File::open(folder).and_then(|dir| dir.sync_all()).map_err(io("sync", folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_failed_on_a_full_disk_is_made_anew_although_that_cannot_be_written_down() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        let _mark = Mark::set(data).unwrap();
        assert!(!went_down(data).unwrap());
        let failed = IndexFault::beside(&data.join("index"));
        // Nothing can be written under that name.
        fs::create_dir(data.join("index-failed")).unwrap();
        failed.note(&Fault::Corrupt("a page cannot be written".to_owned()));
        assert!(went_down(data).unwrap(), "the next start does not trust it");
    }
}
