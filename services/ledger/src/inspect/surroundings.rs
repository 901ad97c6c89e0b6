//! What stands around the journal: the signing key and its public half, and the received files that records speak of.

use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use rondo_domain::FileHash;
use rondo_eventlog::codec;
use rondo_eventlog::merkle::Verifier;

use crate::directory::OpenError;
use crate::journal::{AtDamage, Span, fold};
use crate::{acknowledged, contradicted, key, mark, memory, rotation};

/// Whether the signing key is there and fits the public key that was given to others.
///
/// # Errors
/// When a key is missing or malformed, or they do not fit.
pub fn keys(data: &Path) -> Result<(), OpenError> {
    let origin = crate::directory::origin_of(data)?;
    let signer = key::of_log(data, &origin)?;
    let path = data.join("log.vkey");
    let public =
        fs::read_to_string(&path).map_err(|source| OpenError::Io { what: "read", path: path.clone(), source })?;
    if let Err(error) = Verifier::from_vkey(public.trim_end()) {
        return Err(OpenError::BadNote { path, source: error.into() });
    }
    if public.trim_end() == signer.verifier().vkey() || rotation::is_cut_off(data)? {
        Ok(())
    } else {
        let what = "it is not the public half of keys/log.key, and no record hands over from the one to the other; restore the newest journal, or the key that this log was signed with";
        Err(OpenError::BadNote { path, source: what.into() })
    }
}

/// What the next start, or a command given once more, finishes.
#[derive(Debug)]
pub struct Unfinished {
    /// The machine went down while the ledger was at work: what was not synced is made anew from the journal.
    pub went_down: bool,
    /// Going on after a loss was begun.
    pub continuing: bool,
    /// A change of the signing key was begun.
    pub key_change: bool,
    /// How many records the checkpoint signs that is kept as `contradiction` and that the log does not extend. With it nothing is signed.
    pub contradicted: Option<u64>,
    /// What was said against the log and kept without proof. With it nothing is signed.
    pub disputed: Vec<contradicted::Word>,
    /// How many records were signed, by the memory of signing beside the key and by the checkpoint.
    pub signed: u64,
}

/// Looks for what was begun and not finished.
///
/// # Errors
/// When the directory cannot be read.
pub fn unfinished(data: &Path) -> Result<Unfinished, OpenError> {
    Ok(Unfinished {
        contradicted: contradicted::by_public_key(data)?.map(|head| head.size),
        disputed: contradicted::words(data)?,
        went_down: mark::went_down(data)?,
        continuing: memory::continuing(data).exists(),
        key_change: !memory::continuing(data).exists()
            && (rotation::next(data).exists() || rotation::is_cut_off(data)?),
        signed: memory::signed_size(data)?,
    })
}

/// The received files and definitions of a data directory.
#[derive(Debug, Default)]
pub struct Files {
    /// How many records speak of.
    pub named: usize,
    /// Named by a record, and not stored.
    pub missing: Vec<FileHash>,
    /// Stored under a name that is not the hash of what they hold.
    pub damaged: Vec<String>,
}

/// Reads every record and every stored file.
///
/// # Errors
/// When the journal or the folder of files cannot be read.
pub fn files(data: &Path) -> Result<Files, OpenError> {
    let mut named = BTreeSet::new();
    let acknowledged = acknowledged::at_least(data)?;
    // An end that was never acknowledged speaks of nothing.
    let all = Span::whole(AtDamage::FailsBefore(acknowledged));
    fold::<OpenError>(&data.join("journal"), all, |record| {
        // A record that cannot be read is told by the reading of the journal itself.
        if let Ok(record) = codec::decode(record.bytes) {
            named.extend(record.event.files().into_iter().cloned());
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let mut files = Files { named: named.len(), ..Files::default() };
    let folder = data.join("files");
    for hash in &named {
        let path = folder.join(&hash.as_str()[..2]).join(hash.as_str());
        match fs::read(&path) {
            Ok(bytes) if FileHash::of(&bytes) == *hash => {}
            Ok(_) => files.damaged.push(path.display().to_string()),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => files.missing.push(hash.clone()),
            Err(source) => return Err(OpenError::Io { what: "read", path, source }),
        }
    }
    Ok(files)
}
