//! Key files: 32 secret bytes in hexadecimal, readable by their owner alone.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rondo_eventlog::merkle::Signer;
use rondo_runtime::chance::Chance;

use rondo_runtime::durable::{FileError, failed, sync_folder};

/// Why a key cannot be used or made.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Its file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// That of a log is not there.
    #[error(
        "the signing key {0} is missing. It is kept apart from backups: put the newest folder `keys` back, with `log.key` and `signed.json`. Nothing is signed without it; if it is lost, go on under a new key: rondo audit continue --reason WHY"
    )]
    Missing(PathBuf),
    /// It is unusable.
    #[error(
        "the signing key {0} is malformed; restore it from where it is kept safe. If that of a log is lost, go on under a new key: rondo audit continue --reason WHY"
    )]
    Bad(PathBuf),
    /// No random bytes.
    #[error(transparent)]
    Chance(#[from] rondo_runtime::chance::ChanceError),
}

/// The file of the key that signs the log of a data directory.
pub(crate) fn path(data: &Path) -> PathBuf {
    data.join("keys").join("log.key")
}

/// Makes a new signing key in a file: 32 secret bytes in hexadecimal, readable by its owner alone.
///
/// # Errors
/// When there is one already, or the file cannot be written.
pub fn create_key(path: &Path, chance: &dyn Chance) -> Result<(), KeyError> {
    let mut secret = [0; 32];
    chance.fill(&mut secret)?;
    write_key(path, &secret)
}

/// Copies a key into a new file, readable by its owner alone.
pub(crate) fn copy_key(from: &Path, to: &Path, origin: &str) -> Result<(), KeyError> {
    read_key(from, origin)?;
    write_key(to, &read_secret(from)?)
}

/// A key has its name once it is whole and on disk, and never takes the name of another.
fn write_key(path: &Path, secret: &[u8; 32]) -> Result<(), KeyError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.unfinished"));
    match fs::remove_file(&beside) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(failed("remove", &beside)(e).into()),
        _ => {}
    }
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(&beside).map_err(failed("create", &beside))?;
    writeln!(file, "{}", hex::encode(secret)).and_then(|()| file.sync_all()).map_err(failed("write", &beside))?;
    fs::hard_link(&beside, path).map_err(failed("create", path))?;
    fs::remove_file(&beside).map_err(failed("remove", &beside))?;
    Ok(sync_folder(path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new(".")))?)
}

/// Reads a signing key, under the log's name.
///
/// # Errors
/// When it is missing or malformed.
pub fn read_key(path: &Path, origin: &str) -> Result<Signer, KeyError> {
    let secret = read_secret(path)?;
    Signer::new(origin, &secret).map_err(|_| KeyError::Bad(path.to_owned()))
}

/// Reads the key that signs the log of a data directory.
///
/// # Errors
/// As [`read_key`].
pub(crate) fn of_log(data: &Path, origin: &str) -> Result<Signer, KeyError> {
    let path = path(data);
    match read_key(&path, origin) {
        Err(KeyError::File(error)) if error.is_missing() => Err(KeyError::Missing(path)),
        read => read,
    }
}

/// The longest file that is read as a key, in bytes.
const MAX_KEY: u64 = 1_024;

fn read_secret(path: &Path) -> Result<[u8; 32], KeyError> {
    let mut text = String::new();
    fs::File::open(path).and_then(|file| file.take(MAX_KEY).read_to_string(&mut text)).map_err(failed("read", path))?;
    let mut secret = [0; 32];
    hex::decode_to_slice(text.trim_end(), &mut secret).map_err(|_| KeyError::Bad(path.to_owned()))?;
    Ok(secret)
}
