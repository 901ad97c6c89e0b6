//! Changing the key that signs: the log records who hands over to which key while the old one still signs, then the new one
//! takes its place. The old key's signatures stay good, since the log itself names it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rondo_eventlog::merkle::Signer;
use rondo_runtime::chance::Chance;

use crate::directory::{self, DataDirectory, OpenError, io};
use crate::key;

/// A change of the key that was begun. Nothing signs with the new key before it is finished.
#[derive(Debug)]
pub struct Rotation {
    data: PathBuf,
    origin: String,
    /// The key that signs now, in vkey form.
    pub was: String,
    /// The key that shall, in vkey form.
    pub is: String,
    /// Whether the log has recorded the handing over already.
    pub is_recorded: bool,
}

pub(crate) fn next(data: &Path) -> PathBuf {
    data.join("keys").join("next.key")
}

fn retired(data: &Path, key: &Signer) -> PathBuf {
    let vkey = key.verifier().vkey();
    let id = vkey.split('+').nth(1).unwrap_or_default().to_owned();
    data.join("keys").join(format!("retired-{id}.key"))
}

/// Begins a change: goes on with one that the log has recorded already (`recorded` is the key that it names last), or makes
/// the new key, or takes the one in a file. A new key that no record names is let go of.
///
/// # Errors
/// When there is no log, or a key cannot be read or written.
pub fn begin(
    data: &Path,
    from: Option<&Path>,
    recorded: Option<&str>,
    chance: &dyn Chance,
) -> Result<Rotation, OpenError> {
    let origin = directory::origin_of(data)?;
    let path = next(data);
    let vkey = |path: &Path| Ok::<_, OpenError>(key::read_key(path, &origin)?.verifier().vkey());
    let was = vkey(&data.join("keys").join("log.key"))?;
    if recorded.is_some() && vkey(&path).ok().as_deref() == recorded {
        let is = recorded.unwrap_or_default().to_owned();
        return Ok(Rotation { data: data.to_owned(), origin, was, is, is_recorded: true });
    }
    let beside = path.with_extension("making");
    for leftover in [&path, &beside] {
        match fs::remove_file(leftover) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(io("remove", leftover)(e)),
            _ => {}
        }
    }
    match from {
        None => key::create_key(&beside, chance)?,
        Some(from) => key::copy_key(from, &beside, &origin)?,
    }
    fs::rename(&beside, &path).map_err(io("name", &path))?;
    let is = vkey(&path)?;
    Ok(Rotation { data: data.to_owned(), origin, was, is, is_recorded: false })
}

impl Rotation {
    /// Lets go of the new key, where the log refused to record it.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn abandon(self) -> Result<(), OpenError> {
        let path = next(&self.data);
        fs::remove_file(&path).map_err(io("remove", &path))
    }

    /// Puts the new key in the old one's place, once the handing over is recorded and signed. The old key is kept beside it.
    ///
    /// # Errors
    /// When another process has the log, or a file cannot be renamed or written; the same again finishes it.
    pub fn finish(self) -> Result<PathBuf, OpenError> {
        // Whoever signs has read the key: nobody may do so while it changes.
        let _held = DataDirectory::open(&self.data)?;
        let current = self.data.join("keys").join("log.key");
        let old = key::read_key(&current, &self.origin)?;
        let kept = retired(&self.data, &old);
        if !kept.exists() {
            fs::hard_link(&current, &kept).map_err(io("keep the old key as", &kept))?;
        }
        fs::rename(next(&self.data), &current).map_err(io("replace", &current))?;
        let folder = self.data.join("keys");
        File::open(&folder).and_then(|folder| folder.sync_all()).map_err(io("sync", &folder))?;
        directory::write_vkey(&self.data, &key::read_key(&current, &self.origin)?)?;
        Ok(kept)
    }
}

/// Whether a change was cut off after the new key had taken its place, before the public one was written.
pub(crate) fn is_cut_off(data: &Path) -> Result<bool, OpenError> {
    let signer = key::read_key(&data.join("keys").join("log.key"), &directory::origin_of(data)?)?;
    let public = fs::read_to_string(data.join("log.vkey")).unwrap_or_default();
    if public.trim_end() == signer.verifier().vkey() {
        return Ok(false);
    }
    let folder = data.join("keys");
    for entry in fs::read_dir(&folder).map_err(io("list", &folder))? {
        let path = entry.map_err(io("list", &folder))?.path();
        let is_retired = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("retired-"));
        if is_retired && key::read_key(&path, signer.name())?.verifier().vkey() == public.trim_end() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Finishes a change that was cut off so, and says whether there was one.
pub(crate) fn mend(data: &Path, signer: &Signer) -> Result<bool, OpenError> {
    let cut_off = is_cut_off(data)?;
    if cut_off {
        directory::write_vkey(data, signer)?;
    }
    Ok(cut_off)
}
