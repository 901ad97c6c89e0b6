//! The store: events, stream heads, remembered answers and the figure index in sled, all rebuilt from the journal at need.
//!
//! Three trees. `records`: packs of 32 records, pressed, under the pack's number and part, for who reads the log in its
//! order. `streams`: for each stream, chunks of places (where in the journal the record stands, and its command), found by
//! the stream's name, for who reads one stream; since figures' streams are named by country, indicator, year and source,
//! this is the figure index too. `meta`: how far the packs reach, where in the journal that is, and the tree's frontier
//! there; and the end beyond which nothing is in the store, so that a journal that is shorter is known.

pub(crate) mod indexer;
mod meta;
pub mod packs;
mod places;
mod recent;

pub use places::Place;

use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem, StorageFull};
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use bytes::Bytes;
use jiff::SignedDuration;
use rondo_domain::StreamId;
use rondo_eventlog::Fault;

pub use meta::Reached;
use recent::Recent;

use crate::directory::{self, OpenError};
use crate::journal::Location;
use crate::mark::IndexFault;

/// Memory sled may use for its cache, in bytes.
const CACHE: u64 = 48 * 1024 * 1024;

/// How long a lock held by a process that is just ending is waited for.
const LOCK_TRIES: u32 = 20;

/// A record on its way into the store.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its stream.
    pub stream: StreamId,
    /// Its bytes.
    pub bytes: Bytes,
}

/// The store.
#[derive(Debug)]
pub struct Store {
    db: sled::Db,
    records: sled::Tree,
    streams: sled::Tree,
    meta: sled::Tree,
    recent: RwLock<Recent>,
    failed: IndexFault,
}

/// Runs what opens, reads or writes sled, which panics where what it reads back makes no sense: that is damage like any other.
fn guarded<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    std::panic::catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(Fault::Corrupt("the store of indexes cannot be read".to_owned())))
}

fn fault(error: sled::Error) -> Fault {
    Fault::storage(
        "the store of indexes failed; stop, and delete its folder `index`: it is rebuilt from the journal",
        error,
    )
}

/// Whether another process has the store: sled says so in words alone. That is not damage.
fn is_held(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(error) if error.to_string().contains("could not acquire lock"))
}

impl Store {
    /// Opens the store in a folder, waiting a moment for a lock that is just being released.
    ///
    /// # Errors
    /// When another process has it, or sled cannot open it.
    pub fn open(folder: &Path, pause: impl Fn(SignedDuration)) -> Result<Self, OpenError> {
        let mut tries = 0;
        let db = loop {
            let config = sled::Config::new()
                .path(folder)
                .cache_capacity(CACHE)
                .flush_every_ms(None)
                .mode(sled::Mode::HighThroughput);
            match guarded(|| Ok(config.open()))? {
                Err(error) if is_held(&error) => {
                    if tries == LOCK_TRIES {
                        let path = folder.parent().unwrap_or(folder).to_owned();
                        return Err(OpenError::Held { path, holder: None });
                    }
                    tries += 1;
                    pause(SignedDuration::from_millis(50));
                }
                // What this process may not do says nothing of what is in the files.
                Err(sled::Error::Io(error))
                    if matches!(error.kind(), PermissionDenied | StorageFull | ReadOnlyFilesystem) =>
                {
                    return Err(directory::io("open", folder)(error));
                }
                opened => break opened.map_err(fault)?,
            }
        };
        let opened = guarded(|| {
            Ok(Self {
                records: db.open_tree("records").map_err(fault)?,
                streams: db.open_tree("streams").map_err(fault)?,
                meta: db.open_tree("meta").map_err(fault)?,
                recent: RwLock::default(),
                failed: IndexFault::beside(folder),
                db,
            })
        });
        Ok(opened?)
    }

    /// Does something with sled. What fails is noted on disk, so that the next start makes the store anew.
    fn held<T>(&self, work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
        guarded(work).inspect_err(|fault| self.distrust(fault))
    }

    /// Notes that what the store holds is not what the journal says.
    pub(crate) fn distrust(&self, fault: &Fault) {
        self.failed.note(fault);
    }

    /// Reads every page: how many packs and places there are, where all of them can be read and none is missing that the store
    /// says it has. A page that cannot be read may come back as it was before, so that counting is a part of it.
    ///
    /// # Errors
    /// The first thing that cannot be read, or is missing.
    pub(crate) fn read_all(&self) -> Result<(u64, u64), Fault> {
        guarded(|| {
            let reached = meta::read(&self.meta)?.map_or(0, |reached| reached.at.position);
            let (packs, places) = (packs::read_all(&self.records)?, places::read_all(&self.streams, reached)?);
            if packs < reached / packs::PACK || places < reached {
                return Err(Fault::Corrupt(format!(
                    "it says that it reaches to record {reached}, and holds {packs} packs and {places} places of the records before"
                )));
            }
            Ok((packs, places))
        })
    }

    /// How far the packs reach, if anything was stored.
    ///
    /// # Errors
    /// When sled fails, or what it holds is not readable.
    pub fn reached(&self) -> Result<Option<Reached>, Fault> {
        self.held(|| meta::read(&self.meta))
    }

    /// Records how far the packs reach.
    ///
    /// # Errors
    /// When sled fails.
    pub fn set_reached(&self, reached: &Reached) -> Result<(), Fault> {
        self.held(|| meta::write(&self.meta, reached))
    }

    /// How many records the store was told of: nothing of any later one is in it.
    ///
    /// # Errors
    /// When sled fails.
    pub fn end(&self) -> Result<u64, Fault> {
        self.held(|| meta::read_end(&self.meta))
    }

    /// Records the end, before anything of the records below it is stored.
    ///
    /// # Errors
    /// When sled fails.
    pub fn set_end(&self, end: u64) -> Result<(), Fault> {
        self.held(|| meta::write_end(&self.meta, end))
    }

    /// Stores a whole pack of records.
    ///
    /// # Errors
    /// When sled fails.
    pub fn put_pack(&self, number: u64, records: &[Bytes]) -> Result<(), Fault> {
        self.held(|| packs::put(&self.records, number, records))
    }

    /// A whole pack, if it is stored.
    ///
    /// # Errors
    /// When sled fails.
    pub fn pack(&self, number: u64) -> Result<Option<Vec<Bytes>>, Fault> {
        self.held(|| packs::get(&self.records, number))
    }

    /// Notes the places of a group's entries in memory, and says whether it is time to bring them into sled. Noting them
    /// again changes nothing.
    pub fn note(&self, group: Location, entries: &[Entry]) -> bool {
        let mut recent = self.recent.write().unwrap_or_else(PoisonError::into_inner);
        recent.note(group, entries);
        recent.is_full()
    }

    /// Brings every noted place into sled. One thread alone notes and settles.
    ///
    /// # Errors
    /// When sled fails.
    pub fn settle(&self) -> Result<(), Fault> {
        let all = self.recent().all();
        self.held(|| places::store(&self.streams, &all))?;
        self.recent.write().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(())
    }

    fn recent(&self) -> RwLockReadGuard<'_, Recent> {
        self.recent.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The places of one stream, in order.
    ///
    /// # Errors
    /// When sled fails.
    pub fn places(&self, stream: &StreamId) -> Result<Vec<Place>, Fault> {
        // Memory is looked at first: what is settled meanwhile is found in sled, and not lost between the two.
        let (recent, end) = {
            let recent = self.recent();
            (recent.of(stream), recent.end())
        };
        let newer = match recent.is_empty() {
            true => Vec::new(),
            false => self.held(|| places::newer(&self.streams, stream, &recent))?,
        };
        let before = newer.first().map(|place| place.at.position).or(end).unwrap_or(u64::MAX);
        let mut all = self.held(|| places::of(&self.streams, stream))?;
        all.retain(|place| place.at.position < before);
        all.extend(newer);
        Ok(all)
    }

    /// Places of every stream whose name begins so, by stream and version, after one already seen.
    ///
    /// # Errors
    /// When sled fails.
    pub fn places_below(&self, prefix: &str, after: Option<(&str, u64)>, limit: usize) -> Result<Vec<Place>, Fault> {
        let from = after.map_or("", |(stream, _)| stream);
        let (recent, end) = {
            let recent = self.recent();
            (recent.below(prefix, from, limit), recent.end())
        };
        // Memory, then what of it is not in sled, then sled: what is settled meanwhile stands in both, never in neither.
        let mut all = Vec::new();
        for (stream, noted) in recent {
            let newer = self.held(|| places::newer(&self.streams, &stream, &noted))?;
            let seen = |place: &Place| after.is_some_and(|(s, v)| s == place.stream.as_str() && place.version <= v);
            all.extend(newer.into_iter().filter(|place| !seen(place)));
        }
        all.extend(self.held(|| places::below(&self.streams, prefix, after, limit, end))?);
        all.retain(|place| end.is_none_or(|end| place.at.position < end));
        all.sort_by(|a, b| (&a.stream, a.version).cmp(&(&b.stream, b.version)));
        all.dedup_by(|a, b| a.at.position == b.at.position);
        all.truncate(limit);
        Ok(all)
    }

    /// Brings everything to the device, so that the next opening is quick.
    ///
    /// # Errors
    /// When sled or the file system fails.
    pub fn checkpoint(&self, folder: &Path) -> Result<(), Fault> {
        self.held(|| self.db.flush().map_err(fault))?;
        // sled's flush ends in sync_file_range, which does not make a file durable.
        let path = folder.join("db");
        std::fs::OpenOptions::new()
            .write(true)
            .open(&path)
            .and_then(|file| file.sync_data())
            .map_err(|e| Fault::storage(format!("cannot sync {}", path.display()), e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(position: u64) -> Location {
        Location { segment: 0, offset: 32 + position * 100, position }
    }

    fn entries(count: u64) -> Vec<Entry> {
        (0..count)
            .map(|n| Entry {
                stream: format!("round/r{}", n % 3).parse().unwrap(),
                bytes: Bytes::from(format!("record {n}")),
            })
            .collect()
    }

    #[test]
    fn places_are_noted_once_and_found_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), |_| ()).unwrap();
        let all = entries(200);
        store.note(at(0), &all[..60]);
        store.settle().unwrap();
        // As after a crash: what sled has already is noted again.
        store.note(at(40), &all[40..120]);
        store.note(at(90), &all[90..]);
        let found = store.places(&"round/r1".parse().unwrap()).unwrap();
        let expected: Vec<u64> = (0..200).filter(|n| n % 3 == 1).collect();
        assert_eq!(found.iter().map(|place| place.at.position).collect::<Vec<_>>(), expected);
        let mut seen = Vec::new();
        let mut after: Option<(String, u64)> = None;
        loop {
            let more = store.places_below("round/", after.as_ref().map(|(s, v)| (s.as_str(), *v)), 7).unwrap();
            let Some(last) = more.last() else { break };
            after = Some((last.stream.to_string(), last.version));
            seen.extend(more.iter().map(|place| place.at.position));
        }
        assert_eq!(seen.len(), 200);
    }

    #[test]
    fn a_store_of_another_form_is_damage_and_so_rebuilt() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), |_| ()).unwrap();
        assert_eq!(store.reached().unwrap(), None);
        store.set_reached(&Reached::new(at(0), Default::default())).unwrap();
        assert!(store.reached().unwrap().is_some());
        let older = store.meta.get("reached").unwrap().unwrap();
        let older = String::from_utf8(older.to_vec()).unwrap().replace("\"format\":3", "\"format\":2");
        store.meta.insert("reached", older.as_bytes()).unwrap();
        assert!(matches!(store.reached(), Err(Fault::Corrupt(_))));
    }

    #[test]
    fn a_pack_of_the_largest_records_comes_back_whole() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), |_| ()).unwrap();
        let records: Vec<Bytes> = (0..32u8)
            .map(|n| (0..60 * 1024u32).map(|at| at.wrapping_mul(0x9E37_79B9).to_le_bytes()[3] ^ n).collect())
            .collect();
        store.put_pack(3, &records).unwrap();
        assert_eq!(store.pack(3).unwrap().unwrap(), records);
        assert_eq!(store.pack(2).unwrap(), None);
        // One that holds fewer would be asked for without end.
        store.put_pack(4, &records[..31]).unwrap();
        assert!(matches!(store.pack(4), Err(Fault::Corrupt(_))));
    }
}
