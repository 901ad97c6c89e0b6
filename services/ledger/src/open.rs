//! Opening a data directory: lock it, recover the log, start the threads; and ending it, so that all that was answered for is signed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rondo_eventlog::merkle::{Checkpoint, NoteError, Verifier};
use rondo_eventlog::{Fault, Head};
use rondo_runtime::chance::Chance;
use rondo_runtime::clock::Clock;
use rondo_runtime::durable::clear_unfinished;
use rondo_runtime::lifecycle::{Stop, with_sources};
use rondo_runtime::progress::Board;

use crate::acknowledged::Acknowledged;
use crate::directory::{self, DataDirectory, OpenError, io};
use crate::evidence::Evidence;
use crate::handle::LedgerHandle;
use crate::journal::{self, JournalWriter};
use crate::key;
use crate::log::Log;
use crate::loss::Continuation;
use crate::mark::{self, IndexFault, Mark};
use crate::memory::{self, MemoryError};
use crate::notary::{self, Notary, NotaryError, TREE};
use crate::sequencer::Request;
use crate::threads::{Begin, Threads};
use crate::time::LogTime;
use crate::{backup, contradicted, recover, rotation, scrub, tree};

/// Where a ledger lives, and what it is handed.
pub struct LedgerConfig {
    /// The data directory.
    pub data: PathBuf,
    /// The log's name, used when it is created.
    pub origin: String,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub chance: Arc<dyn Chance>,
}

/// An open ledger.
pub struct Opened {
    /// The port.
    pub handle: LedgerHandle,
    /// What was done while opening, in sentences.
    pub notes: Vec<String>,
    /// Absent where the log is only read.
    notary: Option<Notary>,
    threads: Threads,
    /// Where the journal is, and the head found, if a part of it was trusted and not read.
    unread: Option<(PathBuf, Head)>,
    mark: Mark,
    _directory: DataDirectory,
}

impl Opened {
    /// The log's name.
    pub fn origin(&self) -> &str {
        self._directory.origin()
    }

    /// Reads what the start trusted now, before anything is asked of the ledger, instead of in the background.
    ///
    /// # Errors
    /// When acknowledged bytes are damaged or altered.
    pub fn scrub(&mut self) -> Result<(), OpenError> {
        match self.unread.take() {
            Some((folder, head)) => Ok(scrub::whole(&folder, head)?),
            None => Ok(()),
        }
    }

    /// The same without signing, where a start is given up before it is known whether the log may be signed.
    pub fn without_signing(self) -> Self {
        Self { notary: None, ..self }
    }

    /// Keeps signing until asked to stop, then ends the threads and brings the store to the device.
    ///
    /// # Errors
    /// When no checkpoint can be signed, or the ledger failed.
    pub async fn run(self, stop: Stop) -> Result<(), OpenError> {
        let Self { handle, notary, mut threads, unread, mark, _directory, .. } = self;
        let log = Arc::clone(&handle.log);
        if let Some((folder, head)) = unread {
            let stop = stop.clone();
            let scrub = move |log: &Log| scrub::run(log, &folder, head, &stop);
            threads.scrub(&log, scrub).map_err(io("start a thread for", Path::new("the scrub")))?;
        }
        let signed = signs(&log, notary, stop).await;
        log.set_ending();
        // A failed ledger takes nothing any more; one that is asked to stop finishes what it has.
        let _ = handle.requests.send(Request::Stop).await;
        let data = Arc::clone(&handle.data);
        let ending = Arc::clone(&log);
        let ended = tokio::task::spawn_blocking(move || ends(&ending, threads, signed, &data, mark)).await;
        log.point.let_go();
        ended.map_err(|panic| OpenError::Store(Fault::storage("the end of the ledger panicked", panic)))?
    }
}

/// Signs until the ledger is asked to stop or has failed. Returns who signs what is recorded until the end.
async fn signs(log: &Log, notary: Option<Notary>, mut stop: Stop) -> Result<Option<Notary>, OpenError> {
    let mut failures = log.failures();
    let asked = stop.clone();
    let signing = async {
        let signed = match notary {
            Some(notary) => Some(notary.run(asked).await?),
            None => None,
        };
        stop.wait().await;
        Ok(signed)
    };
    tokio::select! {
        signed = signing => signed,
        _ = failures.wait_for(Option::is_some) => Ok(None),
        () = log.ends_early() => Ok(None),
    }
}

/// Ends the threads, signs once all that was answered for is on disk, and then brings the store to the device.
fn ends(
    log: &Log,
    threads: Threads,
    signed: Result<Option<Notary>, OpenError>,
    data: &Path,
    mark: Mark,
) -> Result<(), OpenError> {
    let indexing = threads.answered(log);
    let signed = signed.and_then(|notary| match notary {
        // Another may have the log by now, and sign another history of it.
        Some(mut notary) if log.failure().is_none() && notary.has_unsigned(log.head()) => match log.point.admit() {
            Ok(()) => Ok(notary.sign(log.head())?),
            Err(why) => {
                let why = with_sources(&why);
                tracing::warn!("the newest records are left unsigned for another start to sign: {why}");
                Ok(())
            }
        },
        _ => Ok(()),
    });
    indexing.ended();
    if let Some(why) = log.failure() {
        return Err(if log.is_damaged() { OpenError::Damaged(why) } else { OpenError::Failed(why) });
    }
    signed?;
    if log.is_brought() {
        let tree = data.join(TREE);
        tree::sync(&tree).map_err(io("sync", &tree))?;
        mark.clear()?;
    }
    Ok(())
}

/// Opens the ledger of a data directory, which is made if there is nothing in its place.
///
/// # Errors
/// When the directory, the journal or the store cannot be used; nothing is changed then, but an unacknowledged end cut off.
pub fn open(config: &LedgerConfig) -> Result<Opened, OpenError> {
    open_with(config, Options::default())
}

/// What is chosen otherwise by tests alone.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Bytes after which a segment of the journal is closed.
    pub segment: u64,
    /// Called by the indexer for each group, with how many records it has then brought into the store.
    pub indexed: fn(u64),
}

impl Default for Options {
    fn default() -> Self {
        Self { segment: journal::SEGMENT_SIZE, indexed: |_| () }
    }
}

/// Opens it with such choices.
///
/// # Errors
/// As [`open`].
pub fn open_with(config: &LedgerConfig, options: Options) -> Result<Opened, OpenError> {
    let directory = DataDirectory::open_or_create(&config.data, &config.origin, &*config.chance)?;
    open_as(config, directory, options, How::Signs)
}

/// Opens a copy of a log that came without its signing key, to be read alone: what is sent is refused.
///
/// # Errors
/// As [`open`]; and when there is no log, or its checkpoint is not signed by the public key beside it.
pub fn open_to_read(config: &LedgerConfig) -> Result<Opened, OpenError> {
    open_as(config, DataDirectory::open(&config.data)?, Options::default(), How::Reads)
}

/// Opens a log of which something is lost, so that the loss can be recorded; nothing is signed meanwhile.
///
/// # Errors
/// As [`open`].
pub fn open_to_continue(config: &LedgerConfig, continuation: &Continuation) -> Result<Opened, OpenError> {
    open_as(
        config,
        DataDirectory::open(&config.data)?,
        Options::default(),
        How::Continues(Box::new(continuation.verifier()?)),
    )
}

/// What a log is opened for.
enum How {
    Signs,
    Reads,
    /// To record a loss, under the key that will sign.
    Continues(Box<Verifier>),
}

fn open_as(
    config: &LedgerConfig,
    mut directory: DataDirectory,
    options: Options,
    how: How,
) -> Result<Opened, OpenError> {
    let folder = config.data.join("journal");
    let held = directory.journal.take().ok_or_else(|| OpenError::JournalMissing(config.data.clone()))?;
    if matches!(how, How::Signs) && memory::is_without_keys(&config.data) {
        return Err(MemoryError::Missing(config.data.join("keys")).into());
    }
    let mut notes = Vec::new();
    backup::clear_leftovers(&config.data)?;
    clear_unfinished(&config.data);
    clear_unfinished(&config.data.join("keys"));
    if mark::went_down(&config.data)? {
        distrust(&config.data)?;
        notes.push(
            "the machine went down while the ledger was at work: the store is made anew from the journal".to_owned(),
        );
    }
    let failed = IndexFault::beside(&config.data.join("index"));
    if let Some(told) = failed.found()? {
        distrust(&config.data)?;
        notes.push(format!("the store of indexes had failed ({told}); it is made anew from the journal"));
    }
    let mark = Mark::set(&config.data)?;
    let found = recover::recover(&config.data, &mut notes)?;
    failed.clear()?;
    let head = found.head();
    let heads: Vec<Head> = found.heads().collect();
    let log = Arc::new(Log::new(&config.data, found.store, found.packed, found.unpacked, head));
    // Others know the log by the head that it had when it went down, and go on knowing it by that once it has grown.
    heads.into_iter().chain([head]).for_each(|head| log.past.add(head));
    let reads_only = matches!(how, How::Reads);
    let (key, notary) = match how {
        How::Reads => (reading(&log, &config.data)?, None),
        How::Continues(key) => (*key, None),
        How::Signs => {
            let (key, notary) = signing(&log, &config.data, directory.origin(), &mut notes)?;
            (key, Some(notary))
        }
    };
    let journal = JournalWriter::resume(&folder, held, &found.tail)?.in_segments_of(options.segment);
    let acknowledged = Acknowledged::begin(&config.data, head.size)?;
    let evidence = Arc::new(Evidence::new(config.data.join("files")));
    let time = Arc::new(LogTime::new(Arc::clone(&config.clock), &config.data, log.latest()?));
    notes.extend(time.remarks()?);
    let begin = Begin {
        frontier: found.frontier,
        journal,
        acknowledged,
        packer: found.packer,
        indexed: options.indexed,
        evidence: Arc::clone(&evidence),
        key,
        time: Arc::clone(&time),
    };
    let (requests, threads) = Threads::start(&log, config, begin)?;
    let data = Arc::from(config.data.as_path());
    let handle = LedgerHandle { log, requests, evidence, data, time, reads_only, board: Board::default() };
    let unread = (found.began > 0).then_some((folder, head));
    Ok(Opened { handle, notes, notary, threads, unread, mark, _directory: directory })
}

/// The key that signs, and who signs with it.
fn signing(
    log: &Arc<Log>,
    data: &Path,
    origin: &str,
    notes: &mut Vec<String>,
) -> Result<(Verifier, Notary), OpenError> {
    let begun = memory::continuing(data);
    if begun.exists() {
        return Err(MemoryError::Continuing(begun).into());
    }
    let signer = key::of_log(data, origin)?;
    // Before anything beside the log is written: keys that are newer than it say nothing of it.
    notary::extends(log, data)?;
    if data.join("log.vkey").exists() {
        if rotation::mend(data, &signer)? {
            notes.push("a change of the signing key was finished".to_owned());
        }
        crate::inspect::keys(data)?;
    } else if rotation::is_handed_over(data, &signer)? {
        let what = "the log has handed over to another key; restore the newest folder `keys`";
        return Err(OpenError::BadNote { path: key::path(data), source: what.into() });
    } else {
        directory::write_vkey(data, &signer)?;
        notes.push("the public key was missing and was written anew from the signing key".to_owned());
    }
    let key = signer.verifier();
    contradicted::at_start(data, &key, log.head().size, notes)?;
    log.contradicted.waits_for(&contradicted::words_at_start(data, log.head().size, notes)?);
    Ok((key, Notary::open(Arc::clone(log), data, signer)?))
}

/// The public key of a log that is only read, whose checkpoint it signed and whose records hash to that.
fn reading(log: &Arc<Log>, data: &Path) -> Result<Verifier, OpenError> {
    let read = |name: &str| {
        let path = data.join(name);
        fs::read_to_string(&path).map(|text| (path.clone(), text)).map_err(io("read", &path))
    };
    let bad = |path: PathBuf| move |e: NoteError| OpenError::BadNote { path, source: e.into() };
    let (path, vkey) = read("log.vkey")?;
    let key = Verifier::from_vkey(&vkey).map_err(bad(path))?;
    let (path, note) = read("checkpoint")?;
    let signed = Checkpoint::open(&note, &key).map_err(bad(path))?.head;
    let have = log.head().size;
    if have < signed.size {
        return Err(NotaryError::DoesNotExtend { have, signed: signed.size }.into());
    }
    notary::tree(data, signed)?;
    log.signed_to(signed.size);
    Ok(key)
}

/// Removes what follows from the journal and was not synced.
pub(crate) fn distrust(data: &Path) -> Result<(), OpenError> {
    for folder in ["index", TREE].map(|name| data.join(name)) {
        match fs::remove_dir_all(&folder) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(io("remove", &folder)(e)),
            _ => {}
        }
    }
    Ok(())
}
