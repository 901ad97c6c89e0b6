//! Changing the key that signs: the log records who hands over to which key while the old one still signs, then the new one
//! takes its place. The old key's signatures stay good, since the log itself names it.

use std::fs::{self, File};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use rondo_domain::event::Event;
use rondo_domain::network::NetworkEvent;
use rondo_eventlog::codec;
use rondo_eventlog::merkle::{Checkpoint, NoteError, Signer, Verifier};
use rondo_runtime::chance::Chance;

use crate::directory::{self, DataDirectory, OpenError, io};
use crate::journal::{AtDamage, Span, fold};
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

/// One key handing over to the next, as a record of the log says it; both in vkey form.
#[derive(Debug, Clone, PartialEq, Eq)]
struct HandingOver {
    was: String,
    is: String,
}

impl HandingOver {
    fn in_bytes(bytes: &Bytes) -> Option<Self> {
        (begins_with(bytes, "KeyRotated") || begins_with(bytes, "LogContinued")).then_some(())?;
        match codec::decode(bytes).ok()?.event {
            Event::Network(NetworkEvent::KeyRotated { was, is, .. } | NetworkEvent::LogContinued { was, is, .. }) => {
                Some(Self { was, is })
            }
            _ => None,
        }
    }

    /// The last one in the journal. At damage reading ends: whoever reads the journal itself tells of that.
    fn last(data: &Path) -> Result<Option<Self>, OpenError> {
        let mut last = None;
        fold::<OpenError>(&data.join("journal"), Span::whole(AtDamage::Ends), |record| {
            last = Self::in_bytes(record.bytes).or(last.take());
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(last)
    }
}

/// Every key that the log handed over from or to, as its records say it.
pub(crate) fn keys(data: &Path) -> Result<Vec<Verifier>, OpenError> {
    let mut named: Vec<String> = Vec::new();
    fold::<OpenError>(&data.join("journal"), Span::whole(AtDamage::Ends), |record| {
        if let Some(HandingOver { was, is }) = HandingOver::in_bytes(record.bytes) {
            named.extend([was, is]);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    named.dedup();
    let bad = |e: NoteError| OpenError::BadNote { path: data.join("journal"), source: e.into() };
    named.iter().map(|vkey| Verifier::from_vkey(vkey).map_err(bad)).collect()
}

/// Whether stored bytes may be a record of an event of this name: it stands at their beginning.
pub(crate) fn begins_with(bytes: &[u8], event: &str) -> bool {
    let name = format!("\"name\":\"{event}\"");
    bytes[..bytes.len().min(200)].windows(name.len()).any(|window| window == name.as_bytes())
}

/// Whether a change was cut off after the new key had taken its place, before the public one was written. Only the log shows it:
/// newer keys beside an older copy of the log look the same, and change nothing there.
pub(crate) fn is_cut_off(data: &Path) -> Result<bool, OpenError> {
    let signer = key::read_key(&key::path(data), &directory::origin_of(data)?)?.verifier().vkey();
    let public = fs::read_to_string(data.join("log.vkey")).unwrap_or_default();
    let public = public.trim_end();
    Ok(public != signer && HandingOver::last(data)?.is_some_and(|last| last.was == public && last.is == signer))
}

/// Finishes a change that was cut off so, and says whether there was one.
pub(crate) fn mend(data: &Path, signer: &Signer) -> Result<bool, OpenError> {
    let cut_off = is_cut_off(data)?;
    if cut_off {
        directory::write_vkey(data, signer)?;
    }
    Ok(cut_off)
}

/// Whether the log has handed over to another key than this one, which then signs nothing more.
pub(crate) fn is_handed_over(data: &Path, signer: &Signer) -> Result<bool, OpenError> {
    let key = signer.verifier().vkey();
    // Of a change that is recorded and not finished, the old key signs the record.
    let signs = |last: HandingOver| last.is == key || (last.was == key && next(data).exists());
    Ok(HandingOver::last(data)?.is_some_and(|last| !signs(last)))
}

/// The key that the log was signed with: the one to which it handed over last. Before it ever did, the one at hand that signed its
/// checkpoint, since the public one beside it may be of another day; and failing that the public one.
pub(crate) fn signed_with(data: &Path, public: &Verifier) -> Result<Verifier, OpenError> {
    if let Some(last) = HandingOver::last(data)? {
        let bad = |e: NoteError| OpenError::BadNote { path: data.join("journal"), source: e.into() };
        return Verifier::from_vkey(&last.is).map_err(bad);
    }
    let note = fs::read_to_string(data.join("checkpoint")).unwrap_or_default();
    let signed = |key: &Verifier| Checkpoint::open(&note, key).is_ok();
    if signed(public) {
        return Ok(public.clone());
    }
    let entries = fs::read_dir(data.join("keys")).into_iter().flatten().flatten();
    // A key that cannot be read signed nothing that could be shown.
    let mut at_hand = entries.filter_map(|entry| Some(key::read_key(&entry.path(), public.name()).ok()?.verifier()));
    Ok(at_hand.find(signed).unwrap_or_else(|| public.clone()))
}
