//! The folder `keys` of a directory that holds no log yet. A key that may have signed something is never deleted or replaced:
//! whoever puts `keys` back first and starts, by mistake, before the journal is restored loses nothing by it.

use std::fs;
use std::path::Path;

use rondo_eventlog::merkle::Signer;
use rondo_runtime::chance::Chance;
use rondo_runtime::durable::replaced_by;

use crate::directory::{OpenError, io};
use crate::key;
use crate::memory::{Memory, MemoryError};

/// What in the folder shows that its keys are, or may be, those of a log; nothing where a new log may have them. The memory
/// of signing is written before the key is made, so that a making which was cut off leaves no key without one.
pub(crate) fn used(data: &Path, origin: &str) -> Result<Option<String>, OpenError> {
    let folder = data.join("keys");
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(public_alone(data)),
        Err(e) => return Err(io("list", &folder)(e)),
    };
    for entry in entries {
        let name = entry.map_err(io("list", &folder))?.file_name().to_string_lossy().into_owned();
        match replaced_by(&name).unwrap_or(&name) {
            // What never got its name, and what is looked into below.
            ".log.key.unfinished" | "log.key" | "signed.json" => {}
            retired if retired.starts_with("retired-") => return Ok(Some(format!("a retired key (keys/{retired})"))),
            "next.key" => return Ok(Some("the key of a change that was begun (keys/next.key)".to_owned())),
            other => return Ok(Some(format!("keys/{other}, which no new log has"))),
        }
    }
    let signed = match Memory::read(data) {
        Ok(memory) => memory.frontier.size(),
        Err(MemoryError::Missing(_)) if key::path(data).exists() => {
            return Ok(Some("a signing key (keys/log.key) without the memory of what it signed".to_owned()));
        }
        Err(MemoryError::Missing(_)) => 0,
        Err(MemoryError::Bad(_)) => {
            return Ok(Some("a memory of signing (keys/signed.json) that cannot be read".to_owned()));
        }
        Err(error) => return Err(error.into()),
    };
    if signed > 0 {
        return Ok(Some(format!("the keys of a log of which {signed} records were signed")));
    }
    if key::path(data).exists() && key::read_key(&key::path(data), origin).is_err() {
        return Ok(Some("a signing key (keys/log.key) that cannot be read".to_owned()));
    }
    Ok(public_alone(data))
}

fn public_alone(data: &Path) -> Option<String> {
    let alone = data.join("log.vkey").exists() && !key::path(data).exists();
    alone.then(|| "the public key of a log (log.vkey) without the key itself".to_owned())
}

/// The key of a new log and its memory, which has signed nothing: made, or what a making that was cut off had made already.
pub(crate) fn make(data: &Path, origin: &str, chance: &dyn Chance) -> Result<Signer, OpenError> {
    let path = key::path(data);
    if !path.exists() {
        Memory::default().write(data)?;
        key::create_key(&path, chance)?;
    }
    Ok(key::read_key(&path, origin)?)
}
