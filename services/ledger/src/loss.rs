//! Going on after a loss. Where the newest records are lost, or the key that signed, or the memory of what it signed, the old key
//! could contradict itself: so nothing more is signed with it. A new key takes its place, and the first record that it signs says
//! which records are lost and why; nobody can go on unseen. What was set aside for it is kept in `keys`.

mod record;

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rondo_domain::Wish;
use rondo_domain::network::{Heard, NetworkCommand};
use rondo_eventlog::Head;
use rondo_eventlog::merkle::{Checkpoint, Frontier, Verifier};
use rondo_runtime::chance::Chance;
use serde::{Deserialize, Serialize};

use crate::contradicted;
use crate::damage::{self, Cut, Damage};
use crate::directory::{self, DataDirectory, OpenError, io};
use crate::journal::{AtDamage, Location, Span, hash, root_at};
use crate::key;
use crate::mark::{self, IndexFault};
use crate::memory::{Memory, MemoryError, continuing as plan};
use crate::rotation;
use crate::store::Store;
use rondo_runtime::durable::{replace, sync_folder};

pub use record::Loss;

/// A going on that was begun. Nothing is signed before it is finished.
#[derive(Debug)]
pub struct Continuation {
    data: PathBuf,
    origin: String,
    plan: Plan,
    /// The reason with which the loss is recorded already, so that only the keys have still to change places.
    pub recorded: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Plan {
    was: String,
    is: String,
    kept: u64,
    signed: Option<u64>,
    root: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    acknowledged: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    heard: Vec<Heard>,
    /// What is cut off the journal first, if anything is damaged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cut: Option<Cut>,
}

impl Plan {
    /// The one that was begun in a data directory, if any was.
    fn read(data: &Path) -> Result<Option<Self>, OpenError> {
        match fs::read(plan(data)) {
            Ok(bytes) => {
                let bad = |e: serde_json::Error| OpenError::BadNote { path: plan(data), source: e.into() };
                serde_json::from_slice(&bytes).map(Some).map_err(bad)
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(io("read", &plan(data))(e)),
        }
    }
}

/// The journal as it is, every byte of it read.
struct Found {
    frontier: Frontier,
    last: Option<Location>,
    /// The root at the size that was asked for, if the journal reaches it.
    root: Option<[u8; 32]>,
}

fn read(
    data: &Path,
    asked: u64,
    damage: AtDamage,
    mut each: impl FnMut(u64, &bytes::Bytes),
) -> Result<Found, OpenError> {
    let mut found = Found { frontier: Frontier::default(), last: None, root: None };
    let Found { frontier, root, .. } = &mut found;
    let end = hash::<OpenError>(&data.join("journal"), Span::whole(damage), frontier, |record, _, frontier| {
        each(record.position, record.bytes);
        if frontier.size() == asked {
            *root = Some(frontier.root());
        }
        Ok(ControlFlow::Continue(()))
    })?;
    if end.end.is_none() {
        return Err(OpenError::JournalMissing(data.to_owned()));
    }
    found.last = end.last;
    Ok(found)
}

/// The journal as it is, and the loss that the record at a position tells of.
fn stands_at(data: &Path, at: u64) -> Result<(Found, Option<Loss>), OpenError> {
    let mut recorded = None;
    let found = read(data, 0, AtDamage::Fails, |position, bytes| {
        if position == at {
            recorded = Loss::in_bytes(bytes);
        }
    })?;
    Ok((found, recorded))
}

/// Begins to go on, or takes up what was begun: makes a new key, or takes the one in a file, and writes down what will be recorded.
/// `although` goes on where nothing in the directory shows a loss: after a backup that is older than the log was. What is damaged in
/// the last file of the journal is cut off and kept, once it is written down that it will be.
///
/// # Errors
/// When there is no log, an earlier file of its journal is damaged, its records are not those that its checkpoint signs, nothing is lost, another
/// process has the directory, or a file cannot be read or written.
pub fn begin(data: &Path, from: Option<&Path>, although: bool, chance: &dyn Chance) -> Result<Continuation, OpenError> {
    let held = DataDirectory::open(data)?;
    let origin = held.origin();
    let of = |plan: Plan| Continuation { data: data.to_owned(), origin: origin.to_owned(), plan, recorded: None };
    if let Some(begun) = Plan::read(data)? {
        let mut continuation = of(begun);
        if let Some(cut) = &continuation.plan.cut {
            cut.make(data)?;
        }
        if continuation.fits()? {
            continuation.clears()?;
            return Ok(continuation);
        }
        // Another journal was put in the place of the one that it was begun on, and nothing of it is recorded there.
        continuation.abandon()?;
    }
    let continuation = of(planned(data, origin, from, although, chance)?);
    if let Some(cut) = &continuation.plan.cut {
        cut.make(data)?;
    }
    continuation.clears()?;
    Ok(continuation)
}

/// Judges what is lost, makes the new key, and writes down what will be done. Until that is on disk nothing else is changed.
fn planned(
    data: &Path,
    origin: &str,
    from: Option<&Path>,
    although: bool,
    chance: &dyn Chance,
) -> Result<Plan, OpenError> {
    let path = data.join("log.vkey");
    let public = fs::read_to_string(&path).map_err(io("read", &path))?;
    let bad = |e: rondo_eventlog::merkle::NoteError| OpenError::BadNote { path: path.clone(), source: e.into() };
    let public = Verifier::from_vkey(public.trim_end()).map_err(bad)?;
    let was = rotation::signed_with(data, &public)?;
    let damage = damage::look(data)?;
    let lost = lost(data, origin, (&public, &was), damage.as_ref())?;
    if !lost.shown && !although {
        return Err(OpenError::NothingLost(data.to_owned()));
    }
    fs::create_dir_all(data.join("keys")).map_err(io("create", &data.join("keys")))?;
    let free = |n: &u32| !data.join("keys").join(format!("begun-at-{}-{n}.key", lost.kept)).exists();
    let n = (0..u32::MAX).find(free).unwrap_or_default();
    set_aside(data, &rotation::next(data), &format!("begun-at-{}-{n}.key", lost.kept))?;
    match from {
        None => key::create_key(&rotation::next(data), chance)?,
        Some(from) => key::copy_key(from, &rotation::next(data), origin)?,
    }
    let is = key::read_key(&rotation::next(data), origin)?.verifier().vkey();
    let signed = lost.signed.map(|head| head.size);
    let root = lost.signed.map(|head| hex::encode(head.root));
    let cut = damage.map(|damage| damage.keep(data)).transpose()?;
    let Lost { kept, acknowledged, heard, .. } = lost;
    let begun = Plan { was: was.vkey(), is, kept, signed, root, acknowledged, heard, cut };
    let bytes = serde_json::to_vec(&begun).map_err(|e| io("write", &plan(data))(e.into()))?;
    replace(&plan(data), &bytes)?;
    Ok(begun)
}

struct Lost {
    kept: u64,
    /// What had been signed, as far as that is known.
    signed: Option<Head>,
    /// How many had been answered for, where they are more.
    acknowledged: Option<u64>,
    /// Who was shown how many, by their word alone.
    heard: Vec<Heard>,
    /// Whether anything in the directory shows that something is lost.
    shown: bool,
}

/// What is lost of a log whose journal ends before its damage, if there is any: bytes that have to go are lost, whoever knew of them.
fn lost(
    data: &Path,
    origin: &str,
    (public, was): (&Verifier, &Verifier),
    damage: Option<&Damage>,
) -> Result<Lost, OpenError> {
    let memory = match Memory::read(data) {
        Ok(memory) => Some(Head { size: memory.frontier.size(), root: memory.frontier.root() }),
        Err(MemoryError::Missing(_) | MemoryError::Bad(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let path = data.join("checkpoint");
    let note = match fs::read(&path) {
        Ok(note) => String::from_utf8_lossy(&note).into_owned(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(e) => return Err(io("read", &path)(e)),
    };
    // While a change of the key is not finished they are two.
    let keys = [public, was];
    let checkpoint = keys.iter().find_map(|key| Some(Checkpoint::open(&note, key).ok()?.head));
    let remembered = memory.map_or(0, |head| head.size);
    let mut found = read(data, remembered, damage.map_or(AtDamage::Fails, |_| AtDamage::Ends), |_, _| ())?;
    if damage.is_some_and(|damage| damage.position != found.frontier.size()) {
        // Something else stands in the way than what was found: it is told of.
        found = read(data, remembered, AtDamage::Fails, |_, _| ())?;
    }
    let kept = found.frontier.size();
    let stands = |head: &Head| {
        Ok::<_, OpenError>(head.size > kept || root_at(&data.join("journal"), head.size)? != Some(head.root))
    };
    // What is gone on with has to be what was signed, as far as it reaches.
    if let Some(head) = checkpoint.filter(|head| head.size <= kept && head.size > 0)
        && stands(&head)?
    {
        return Err(crate::scrub::ScrubError::Altered(head.size).into());
    }
    // One that cannot be read is somebody's word all the same.
    let (elsewhere, told) = match contradicted::kept(data, public) {
        Ok(Some(head)) if stands(&head)? => (Some(head), true),
        Ok(_) => (None, false),
        Err(OpenError::Contradiction { .. }) => (None, true),
        Err(error) => return Err(error),
    };
    let heard = contradicted::stand(data, stands)?;
    let told = told || heard.is_some();
    let signed = memory.into_iter().chain(checkpoint).chain(elsewhere).max_by_key(|head| head.size);
    let fits = |head: &Head| head.size == 0 || found.root == Some(head.root);
    let signs = |vkey: String| keys.iter().any(|key| key.vkey() == vkey);
    let keyed = key::read_key(&key::path(data), origin).is_ok_and(|key| signs(key.verifier().vkey()));
    let remembered = memory.is_some_and(|head| fits(&head) && checkpoint.is_none_or(|shown| shown.size <= head.size));
    let acknowledged = Some(crate::acknowledged::size(data)?.max(indexed(data)?)).filter(|size| *size > kept);
    let longer = signed.filter(|head| head.size > kept);
    let shown = damage.is_some() || told || !keyed || !remembered || acknowledged.is_some() || longer.is_some();
    let acknowledged = acknowledged.filter(|size| longer.is_none_or(|head| head.size < *size));
    Ok(Lost { kept, signed: longer.or(elsewhere), acknowledged, heard: heard.unwrap_or_default(), shown })
}

/// How many records the store of indexes has, where it can be believed: what stands in it was acknowledged.
fn indexed(data: &Path) -> Result<u64, OpenError> {
    let index = data.join("index");
    if !index.exists() || mark::went_down(data)? || IndexFault::beside(&index).found()?.is_some() {
        return Ok(0);
    }
    let store = Store::open(&index, |pause| std::thread::sleep(pause.unsigned_abs()));
    match store.and_then(|store| Ok(store.end()?)) {
        Ok(end) => Ok(end),
        // A damaged one says nothing.
        Err(OpenError::Store(_)) => Ok(0),
        Err(error) => Err(error),
    }
}

/// Keeps a file of `keys`, or beside it, under another name in `keys`.
fn set_aside(data: &Path, path: &Path, name: &str) -> Result<(), OpenError> {
    let kept = data.join("keys").join(name);
    if kept.exists() {
        // Cut off after this: what has the name by now is of the new key.
        return Ok(());
    }
    match fs::rename(path, &kept) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(io("keep", path)(e)),
        _ => Ok(()),
    }
}

impl Continuation {
    /// The key that signs from now on, in vkey form.
    pub fn key(&self) -> &str {
        &self.plan.is
    }

    /// What was damaged and cut off the journal, if anything was: the first record of it, and the file that keeps it.
    pub fn cut_off(&self) -> Option<(u64, PathBuf)> {
        self.plan.cut.as_ref().map(|cut| (self.plan.kept, cut.path(&self.data)))
    }

    /// What will be recorded, for a reason.
    pub fn loss(&self, reason: &str) -> Loss {
        let Plan { was, is, kept, signed, root, acknowledged, heard, .. } = self.plan.clone();
        Loss { kept, signed, root, acknowledged, heard, was, is, reason: reason.to_owned() }
    }

    /// What is wished of the log.
    pub fn wish(&self, reason: &str) -> NetworkCommand {
        let Loss { kept, signed, root, acknowledged, heard, was, is, reason } = self.loss(reason);
        NetworkCommand::ContinueLog { was, is, kept, signed, root, acknowledged, heard, reason }
    }

    pub(crate) fn verifier(&self) -> Result<Verifier, OpenError> {
        let bad =
            |e: rondo_eventlog::merkle::NoteError| OpenError::BadNote { path: plan(&self.data), source: e.into() };
        Verifier::from_vkey(&self.plan.is).map_err(bad)
    }

    /// Takes away what follows from the journal and may be ahead of the one that is there. With the plan on disk no start passes
    /// over the loss meanwhile.
    fn clears(&self) -> Result<(), OpenError> {
        crate::open::distrust(&self.data)?;
        crate::acknowledged::lay_aside(&self.data)
    }

    /// Whether the journal is the one that it was begun on: it ends there, or the loss is recorded there.
    fn fits(&mut self) -> Result<bool, OpenError> {
        let (end, recorded) = stands_at(&self.data, self.plan.kept)?;
        self.recorded = recorded.filter(|loss| loss.is == self.plan.is).map(|loss| loss.reason);
        Ok(end.frontier.size() == self.plan.kept || self.recorded.is_some())
    }

    /// Lets go of it, where the log refused to record it.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn abandon(self) -> Result<(), OpenError> {
        if let Some(cut) = &self.plan.cut {
            cut.put_back(&self.data)?;
        }
        crate::acknowledged::put_back(&self.data)?;
        for path in [plan(&self.data), rotation::next(&self.data)] {
            match fs::remove_file(&path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(io("remove", &path)(e)),
                _ => {}
            }
        }
        // Last: as long as the plan is there, it speaks of what was kept.
        self.plan.cut.as_ref().map_or(Ok(()), |cut| cut.forget(&self.data))
    }

    /// Puts the new key in the old one's place, once the loss is recorded. The same again finishes what was cut off.
    ///
    /// # Errors
    /// When the loss is not recorded, another process has the log, or a file cannot be renamed or written.
    pub fn finish(self) -> Result<(), OpenError> {
        let Self { data, origin, plan: Plan { is, kept, .. }, .. } = self;
        let _held = DataDirectory::open(&data)?;
        let (found, recorded) = stands_at(&data, kept)?;
        if recorded.is_none_or(|loss| loss.is != is) {
            return Err(MemoryError::Continuing(plan(&data)).into());
        }
        let keys = data.join("keys");
        if rotation::next(&data).exists() {
            // Another loss at the same place goes on under another key: what the one before left keeps its name.
            let by = is.split('+').nth(1).unwrap_or_default().to_owned();
            let name = |what: &str| format!("before-{kept}-{by}-{what}");
            set_aside(&data, &keys.join("signed.json"), &name("signed.json"))?;
            set_aside(&data, &data.join("checkpoint"), &name("checkpoint"))?;
            set_aside(&data, &data.join("cosigned"), &name("cosigned"))?;
            set_aside(&data, &contradicted::path(&data), &name(contradicted::NAME))?;
            set_aside(&data, &contradicted::path_of_words(&data), &name(contradicted::WORDS))?;
            set_aside(&data, &key::path(&data), &name("log.key"))?;
            // It signs nothing that does not begin with the record of the loss.
            Memory { frontier: found.frontier, at: found.last }.write(&data)?;
            let next = rotation::next(&data);
            fs::rename(&next, key::path(&data)).map_err(io("name", &next))?;
            sync_folder(&keys)?;
        }
        crate::acknowledged::forget(&data)?;
        directory::write_vkey(&data, &key::read_key(&key::path(&data), &origin)?)?;
        let plan = plan(&data);
        fs::remove_file(&plan).map_err(io("remove", &plan))?;
        Ok(sync_folder(&keys)?)
    }
}

/// What is never sent, but done beside the log with no server running, and how.
pub(crate) fn done_beside(wish: &Wish) -> Option<&'static str> {
    match wish {
        Wish::Network { command: NetworkCommand::RotateKey { .. } } => {
            Some("the key is changed beside the log, with no server running: rondo audit key rotate")
        }
        Wish::Network { command: NetworkCommand::ContinueLog { .. } } => {
            Some("a loss is recorded beside the log, with no server running: rondo audit continue")
        }
        _ => None,
    }
}
