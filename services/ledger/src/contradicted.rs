//! What ends the signing: somebody holds a checkpoint by a key of this log that the log does not extend, or says so. What proves it is
//! kept beside the log, and so is a word without proof (`word.rs`); both are read at every start, until the log extends them or goes
//! on under another key.

mod weighed;
mod word;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rondo_eventlog::merkle::{Checkpoint, Verifier};
use rondo_eventlog::{Fault, Head};
use rondo_runtime::durable::{self, sync_folder};
use rondo_runtime::progress::Progress as _;

use crate::directory::{OpenError, io};
use crate::handle::LedgerHandle;
use crate::journal;
use crate::rotation;

pub use weighed::{Shown, Weighed, shown, weigh};
pub use word::{Speaker, Word, awaited, keep_word, told, withdraw, words};
pub(crate) use word::{WORDS, at_start as words_at_start, path as path_of_words, stand};

/// The name of the file.
pub(crate) const NAME: &str = "contradiction";

/// Where what proves it is kept, in a data directory.
pub(crate) fn path(data: &Path) -> PathBuf {
    data.join(NAME)
}

/// Keeps a checkpoint by a key of this log that this log does not extend: nothing is signed from then on, after any number of
/// starts. On disk once this returns.
///
/// # Errors
/// When it cannot be written.
pub fn keep(data: &Path, note: &str) -> Result<(), durable::FileError> {
    durable::replace(&path(data), note.as_bytes())
}

/// The head that is signed by what was kept, if anything was. Every key that the log ever handed over from or to counts: what an
/// old one signed stays good, so that what it contradicts is contradicted.
///
/// # Errors
/// When the file cannot be read, or is no checkpoint by any of the log's keys.
pub(crate) fn kept(data: &Path, key: &Verifier) -> Result<Option<Head>, OpenError> {
    let path = path(data);
    let note = match fs::read(&path) {
        Ok(note) => String::from_utf8_lossy(&note).into_owned(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(io("read", &path)(e)),
    };
    let unfit = |source| OpenError::Contradiction { path, source };
    let by_present = Checkpoint::open(&note, key);
    if by_present.is_err() {
        let opened = rotation::keys(data)?.iter().find_map(|key| Some(Checkpoint::open(&note, key).ok()?.head));
        if opened.is_some() {
            return Ok(opened);
        }
    }
    Ok(Some(by_present.map_err(unfit)?.head))
}

/// What was kept and the journal does not extend.
///
/// # Errors
/// As [`kept`]; and when the journal cannot be read.
pub(crate) fn standing(data: &Path, key: &Verifier) -> Result<Option<Head>, OpenError> {
    let Some(head) = kept(data, key)? else { return Ok(None) };
    Ok((!extends(data, &head)?).then_some(head))
}

/// Whether the journal in a data directory, as it is now, begins with the records of a head; one that is not there does not.
///
/// # Errors
/// When the journal cannot be read: then nobody knows.
pub fn extends(data: &Path, head: &Head) -> Result<bool, OpenError> {
    Ok(journal::root_at(&data.join("journal"), head.size)? == Some(head.root))
}

/// [`standing`] by the public key beside the log.
pub(crate) fn by_public_key(data: &Path) -> Result<Option<Head>, OpenError> {
    if !path(data).exists() {
        return Ok(None);
    }
    let path = data.join("log.vkey");
    let public = fs::read_to_string(&path).map_err(io("read", &path))?;
    let key = Verifier::from_vkey(public.trim_end());
    standing(data, &key.map_err(|e| OpenError::BadNote { path, source: e.into() })?)
}

/// Refuses to sign where it is so. What is extended, since the newest journal is back, is taken away.
pub(crate) fn at_start(data: &Path, key: &Verifier, have: u64, notes: &mut Vec<String>) -> Result<(), OpenError> {
    let path = path(data);
    if !path.exists() {
        return Ok(());
    }
    if let Some(head) = standing(data, key)? {
        return Err(OpenError::Contradicted { have, signed: head.size });
    }
    fs::remove_file(&path).map_err(io("remove", &path))?;
    sync_folder(data)?;
    notes.push("the log extends the checkpoint that was kept as `contradiction`, which was taken away".to_owned());
    Ok(())
}

/// Why nothing more is signed or taken, once that is so.
#[derive(Debug, Default)]
pub(crate) struct Contradicted {
    /// Asked for each group, so that it is beside the reason.
    is: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    why: String,
    /// Whether witnesses whose word was kept may still take it back, before anything is recorded or signed.
    waits: bool,
    /// Whose word was kept by this process, so that the same one, asking again and again, is written down once.
    heard: Vec<Speaker>,
}

impl Contradicted {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses where it is so.
    pub(crate) fn is_not(&self) -> Result<(), Fault> {
        if self.is() { Err(Fault::Contradicted(self.state().why.clone())) } else { Ok(()) }
    }

    /// The same at the door: while a witness is still to be asked, whoever asks it stands behind.
    pub(crate) fn is_not_for_good(&self) -> Result<(), Fault> {
        if self.is() && self.state().waits { Ok(()) } else { self.is_not() }
    }

    /// Whether it is so.
    pub(crate) fn is(&self) -> bool {
        self.is.load(Ordering::Acquire)
    }

    /// The first reason stands: what comes later follows from it. One that may be taken back gives way.
    fn set(&self, why: &str, waits: bool) {
        let mut state = self.state();
        if !self.is() || state.waits {
            (state.why, state.waits) = (why.to_owned(), waits);
        }
        self.is.store(true, Ordering::Release);
    }

    /// Whether it is the first word of this speaker in this process.
    fn is_new(&self, by: &Speaker) -> bool {
        let mut state = self.state();
        let is_new = !state.heard.contains(by);
        if is_new {
            state.heard.push(by.clone());
        }
        is_new
    }

    /// Says more of a reason, where it is the one that stands.
    fn is_told_as(&self, why: &str, told: &str) {
        let mut state = self.state();
        if state.why == why {
            told.clone_into(&mut state.why);
        }
    }

    /// Waits for witnesses whose word was kept.
    pub(crate) fn waits_for(&self, words: &[Word]) {
        if !words.is_empty() {
            self.set(&told(words), true);
        }
    }
}

impl LedgerHandle {
    /// Signs nothing more, not even at the end, and takes no command: somebody holds a checkpoint that this log does not extend.
    pub fn sign_no_more(&self, why: &str) {
        self.log.contradicted.set(why, false);
    }

    /// Requires that nothing stands against this log's being signed.
    ///
    /// # Errors
    /// What does.
    pub fn may_be_signed(&self) -> Result<(), Fault> {
        self.log.contradicted.is_not()
    }

    /// Lets the log be signed once no witness is waited for any more. Before anything was sent to be recorded: what was refused
    /// until then is not in the log, and those who decide would count on it.
    pub fn was_asked(&self) {
        let mut state = self.log.contradicted.state();
        if state.waits {
            *state = State::default();
            self.log.contradicted.is.store(false, Ordering::Release);
        }
    }

    /// Keeps the word of a role on the bus that it was shown records which are not here, and signs and takes nothing from then on.
    /// What cannot be kept ends the signing of this process all the same.
    pub(crate) fn hears(&self, role: &str, known: Head, why: &str) {
        // Before it is written down: the disk may be slow, and the log goes on meanwhile.
        self.log.contradicted.set(why, false);
        let by = Speaker::Role(role.to_owned());
        if !self.log.contradicted.is_new(&by) {
            return;
        }
        let word = Word { by, size: known.size, root: Some(hex::encode(known.root)), says: why.to_owned() };
        let told = match keep_word(&self.data, word) {
            Ok(()) => format!("{why} It is kept as `{WORDS}`, also for later starts."),
            Err(error) => {
                let error = rondo_runtime::lifecycle::with_sources(&error);
                format!("{why} That could not be kept ({error}), so that a later start would not know of it.")
            }
        };
        self.log.contradicted.is_told_as(why, &told);
        self.board.alarm(crate::upkeep::ROLE, rondo_runtime::alarm::AlarmCode::Fork, Some(&told));
    }
}
