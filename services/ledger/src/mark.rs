//! The mark of a store at work. A machine that goes down loses what was never synced, in any order; sled and the hashes of
//! the tree are not synced while the ledger works, and would be trusted. So the mark says on disk, before the first of it is
//! written, which start of the machine it belongs to: found under another one, both are made anew from the journal. After the
//! end of a process alone, the machine's memory still holds all of it, and it is trusted.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::directory::{OpenError, io};

/// Names this start of the machine (proc_sys_kernel(5)).
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// The mark of a data directory.
#[derive(Debug)]
pub(crate) struct Mark {
    data: PathBuf,
}

impl Mark {
    /// Sets the mark. What the machine may have left torn has to be gone by then: from now on it would be trusted.
    pub(crate) fn set(data: &Path) -> Result<Self, OpenError> {
        let path = data.join("at-work");
        let boot = fs::read_to_string(BOOT).unwrap_or_default();
        let mut file = File::create(&path).map_err(io("create", &path))?;
        file.write_all(boot.as_bytes()).and_then(|()| file.sync_all()).map_err(io("write", &path))?;
        sync(data)?;
        Ok(Self { data: data.to_owned() })
    }

    /// Takes the mark away, once all that it stands for is on the device.
    pub(crate) fn clear(self) -> Result<(), OpenError> {
        let path = self.data.join("at-work");
        fs::remove_file(&path).map_err(io("remove", &path))?;
        sync(&self.data)
    }
}

/// Whether the machine went down under the mark that is there.
pub(crate) fn went_down(data: &Path) -> Result<bool, OpenError> {
    let path = data.join("at-work");
    // A machine that cannot name its starts is taken to have gone down.
    let boot = fs::read(BOOT).unwrap_or_default();
    match fs::read(&path) {
        Ok(before) => Ok(boot.is_empty() || before != boot),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(io("read", &path)(e)),
    }
}

fn sync(folder: &Path) -> Result<(), OpenError> {
    File::open(folder).and_then(|dir| dir.sync_all()).map_err(io("sync", folder))
}
