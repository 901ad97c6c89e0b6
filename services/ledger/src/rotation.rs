//! Changing the key that signs: the log records who hands over to which key while the old one still signs, then the new one
//! takes its place. The old key's signatures stay good, since the log itself names it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rondo_eventlog::merkle::Signer;
use rondo_runtime::chance::Chance;

use crate::directory::{self, OpenError, io};
use crate::notary;

/// A change of the key that was begun. Nothing signs with the new key before it is finished.
#[derive(Debug)]
pub struct Rotation {
    data: PathBuf,
    origin: String,
    /// The key that signs now, in vkey form.
    pub was: String,
    /// The key that shall, in vkey form.
    pub is: String,
}

pub(crate) fn next(data: &Path) -> PathBuf {
    data.join("keys").join("next.key")
}

fn retired(data: &Path, key: &Signer) -> PathBuf {
    let vkey = key.verifier().vkey();
    let id = vkey.split('+').nth(1).unwrap_or_default().to_owned();
    data.join("keys").join(format!("retired-{id}.key"))
}

/// Makes the new key of a log, or takes the one in a file; one that was begun earlier is gone on with.
///
/// # Errors
/// When there is no log, or a key cannot be read or written.
pub fn begin(data: &Path, from: Option<&Path>, chance: &dyn Chance) -> Result<Rotation, OpenError> {
    let origin = directory::origin_of(data)?;
    let path = next(data);
    if !path.exists() {
        match from {
            None => notary::create_key(&path, chance)?,
            Some(from) => {
                notary::read_key(from, &origin)?;
                fs::copy(from, &path).map_err(io("create", &path))?;
                File::open(&path).and_then(|file| file.sync_all()).map_err(io("sync", &path))?;
            }
        }
    }
    let vkey = |path: &Path| Ok::<_, OpenError>(notary::read_key(path, &origin)?.verifier().vkey());
    let (was, is) = (vkey(&data.join("keys").join("log.key"))?, vkey(&path)?);
    Ok(Rotation { data: data.to_owned(), origin, was, is })
}

impl Rotation {
    /// Lets go of the new key, where nothing was recorded of it.
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
    /// When a file cannot be renamed or written; the same again finishes it.
    pub fn finish(self) -> Result<PathBuf, OpenError> {
        let current = self.data.join("keys").join("log.key");
        let old = notary::read_key(&current, &self.origin)?;
        let kept = retired(&self.data, &old);
        if !kept.exists() {
            fs::hard_link(&current, &kept).map_err(io("keep the old key as", &kept))?;
        }
        fs::rename(next(&self.data), &current).map_err(io("replace", &current))?;
        let folder = self.data.join("keys");
        File::open(&folder).and_then(|folder| folder.sync_all()).map_err(io("sync", &folder))?;
        directory::write_vkey(&self.data, &notary::read_key(&current, &self.origin)?)?;
        Ok(kept)
    }
}

/// Writes the public key of a change that was cut off after the new key had taken its place, and says whether it did.
pub(crate) fn mend(data: &Path, signer: &Signer) -> Result<bool, OpenError> {
    let path = data.join("log.vkey");
    let public = fs::read_to_string(&path).map_err(io("read", &path))?;
    if public.trim_end() == signer.verifier().vkey() {
        return Ok(false);
    }
    let folder = data.join("keys");
    for entry in fs::read_dir(&folder).map_err(io("list", &folder))? {
        let key = entry.map_err(io("list", &folder))?.path();
        let is_retired = key.file_name().is_some_and(|name| name.to_string_lossy().starts_with("retired-"));
        if is_retired && notary::read_key(&key, signer.name())?.verifier().vkey() == public.trim_end() {
            directory::write_vkey(data, signer)?;
            return Ok(true);
        }
    }
    Ok(false)
}
