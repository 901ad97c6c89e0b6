//! The log that the threads of the ledger share: where it ends, how far it is indexed and signed, and what is read of it.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use bytes::Bytes;
use rondo_domain::StreamId;
use rondo_eventlog::codec::CodecError;
use rondo_eventlog::ledger::MAX_READ_BYTES;
use rondo_eventlog::merkle::leaf_hash;
use rondo_eventlog::record::Time;
use rondo_eventlog::{Fault, Head, Record, codec};
use tokio::sync::watch;

use crate::admission::Point;
use crate::backlog::Backlog;
use crate::journal::{JournalError, PointReader};
use crate::notary::TREE;
use crate::past::Past;
use crate::reading::Collected;
use crate::store::packs::PACK;
use crate::store::{Place, Store};
use crate::tree::Leaves;

/// What the threads of the ledger share.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) store: Store,
    journal: PointReader,
    leaves: Leaves,
    pub(crate) backlog: Backlog,
    /// Records that are on disk and in no pack of the store yet: the first one's position, and the records.
    tail: RwLock<(u64, VecDeque<Bytes>)>,
    head: watch::Sender<Head>,
    pub(crate) past: Past,
    /// Asked before a group is appended and before anything is signed.
    pub(crate) point: Point,
    pub(crate) indexed: watch::Sender<u64>,
    /// How many records the shown checkpoint signs.
    pub(crate) signed: watch::Sender<u64>,
    failed: watch::Sender<Option<String>>,
    /// Whether the reason is damage, which no other start mends.
    damaged: AtomicBool,
    /// The first thread that ended, if it ended before it was asked to.
    early: watch::Sender<Option<&'static str>>,
    /// Whether the threads were asked to end.
    ending: AtomicBool,
    /// Whether the store was brought to the device at the end.
    brought: AtomicBool,
    pub(crate) contradicted: crate::contradicted::Contradicted,
}

impl Log {
    /// What is shared about the log of a data directory.
    pub(crate) fn new(data: &Path, store: Store, packed: u64, tail: VecDeque<Bytes>, head: Head) -> Self {
        Self {
            store,
            journal: PointReader::new(&data.join("journal")),
            leaves: Leaves::new(&data.join(TREE)),
            backlog: Backlog::default(),
            tail: RwLock::new((packed, tail)),
            head: watch::Sender::new(head),
            past: Past::default(),
            point: Point::default(),
            indexed: watch::Sender::new(head.size),
            signed: watch::Sender::new(0),
            failed: watch::Sender::new(None),
            damaged: AtomicBool::new(false),
            early: watch::Sender::new(None),
            ending: AtomicBool::new(false),
            brought: AtomicBool::new(false),
            contradicted: Default::default(),
        }
    }

    pub(crate) fn grown(&self, records: &[Bytes], head: Head) {
        self.tail.write().unwrap_or_else(PoisonError::into_inner).1.extend(records.iter().cloned());
        self.past.add(head);
        self.head.send_replace(head);
    }

    pub(crate) fn indexed_to(&self, end: u64, packed: u64) {
        let mut tail = self.tail.write().unwrap_or_else(PoisonError::into_inner);
        while tail.0 < packed && tail.1.pop_front().is_some() {
            tail.0 += 1;
        }
        drop(tail);
        self.indexed.send_replace(end);
    }

    pub(crate) fn signed_to(&self, size: u64) {
        self.signed.send_replace(size);
    }

    /// How many records the shown checkpoint signs.
    pub(crate) fn signed(&self) -> u64 {
        *self.signed.borrow()
    }

    pub(crate) fn indexed(&self) -> u64 {
        *self.indexed.borrow()
    }

    pub(crate) fn head(&self) -> Head {
        *self.head.borrow()
    }

    pub(crate) fn heads(&self) -> watch::Receiver<Head> {
        self.head.subscribe()
    }

    /// Says that the store is on the device, and that nothing more is written to it.
    pub(crate) fn set_brought(&self) {
        self.brought.store(true, Ordering::Release);
    }

    pub(crate) fn is_brought(&self) -> bool {
        self.brought.load(Ordering::Acquire)
    }

    /// Says why the log takes nothing any more. The first reason is kept, and is the last word of the process: others follow from it.
    pub(crate) fn fail(&self, why: &str) {
        self.fails(why, false);
    }

    /// The same of damage, which no other start mends.
    pub(crate) fn fail_for_good(&self, why: &str) {
        self.fails(why, true);
    }

    fn fails(&self, why: &str, for_good: bool) {
        let is_first = self.failed.send_if_modified(|failed| {
            let is_first = failed.is_none();
            if is_first {
                self.damaged.store(for_good, Ordering::Release);
            }
            failed.get_or_insert_with(|| why.to_owned());
            is_first
        });
        if !is_first {
            tracing::warn!("after the ledger had failed: {why}");
        }
    }

    pub(crate) fn failure(&self) -> Option<String> {
        self.failed.borrow().clone()
    }

    /// Whether the log failed of damage.
    pub(crate) fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Acquire)
    }

    /// Says that the threads are asked to end.
    pub(crate) fn set_ending(&self) {
        self.ending.store(true, Ordering::Release);
    }

    /// Notes that a thread has ended.
    pub(crate) fn ended(&self, name: &'static str) {
        if !self.ending.load(Ordering::Acquire) {
            self.early.send_if_modified(|early| early.replace(early.unwrap_or(name)).is_none());
        }
    }

    /// The first thread that ended without having been asked to.
    pub(crate) fn early(&self) -> Option<&'static str> {
        *self.early.borrow()
    }

    /// Returns once a thread has ended without having been asked to.
    pub(crate) async fn ends_early(&self) {
        // The sender is this very log's, so that it does not go away meanwhile.
        let _ = self.early.subscribe().wait_for(Option::is_some).await;
    }

    pub(crate) fn failures(&self) -> watch::Receiver<Option<String>> {
        self.failed.subscribe()
    }

    /// The record of a place. It has to say itself that it is that one, and to hash to what was signed.
    pub(crate) fn record(&self, place: &Place) -> Result<Record, Fault> {
        let position = place.at.position;
        let unfit = || {
            format!(
                "record {position} is not version {} of {}: the index does not fit the journal; delete the folder `index`, it is rebuilt",
                place.version, place.stream
            )
        };
        let bytes = self.journal.read(place.at).map_err(|e| match e {
            JournalError::Damaged { .. } => self.index_failed(Fault::storage(unfit(), e)),
            other => Fault::storage(format!("record {position} cannot be read"), other),
        })?;
        let record = codec::decode(&bytes).map_err(|e| match e {
            CodecError::UnknownSchema { .. } => Fault::storage(format!("record {position} cannot be read"), e),
            other => self.index_failed(Fault::storage(unfit(), other)),
        })?;
        if record.position != position || record.version != place.version || record.stream != place.stream {
            return Err(self.index_failed(Fault::Corrupt(unfit())));
        }
        self.is_signed(position, &bytes)?;
        Ok(record)
    }

    /// The places of one stream, in order.
    pub(crate) fn places(&self, stream: &StreamId) -> Result<Vec<Place>, Fault> {
        self.store.places(stream).map_err(|fault| self.index_failed(fault))
    }

    /// Ends the ledger because of what was met in the store of indexes: the next start makes it anew, and from there on it is
    /// right again. A ledger that went on would meet it with every command.
    pub(crate) fn index_failed(&self, fault: Fault) -> Fault {
        self.store.distrust(&fault);
        let told = rondo_runtime::lifecycle::with_sources(&fault);
        self.fail(&format!("the store of indexes failed, and the next start makes it anew: {told}"));
        fault
    }

    /// Ends the ledger where packs do not hold what was signed: records from a position on.
    fn are_signed(&self, from: u64, records: &[Bytes]) -> Result<(), Fault> {
        let signed = self.signed.borrow().saturating_sub(from).min(records.len() as u64);
        if signed == 0 {
            return Ok(());
        }
        let hashes = self.leaves.hashes(from, signed);
        let hashes = hashes.map_err(|e| Fault::storage(format!("cannot read the hashes from record {from} on"), e))?;
        let differs = hashes.iter().zip(records).position(|(hash, bytes)| *hash != leaf_hash(bytes));
        match differs {
            None => Ok(()),
            Some(at) => Err(self.index_failed(Fault::Corrupt(format!(
                "record {} in the store of indexes does not hash to what was signed",
                from + at as u64
            )))),
        }
    }

    /// Refuses bytes that were changed on the disk after they were signed.
    fn is_signed(&self, position: u64, bytes: &[u8]) -> Result<(), Fault> {
        if position >= *self.signed.borrow() {
            return Ok(());
        }
        let signed = self.leaves.hash(position);
        let signed = signed.map_err(|e| Fault::storage(format!("cannot read the hash of record {position}"), e))?;
        if signed == leaf_hash(bytes) {
            return Ok(());
        }
        Err(Fault::Corrupt(format!(
            "record {position} does not hash to what was signed: the journal or `tree` was changed on the disk. Nothing is answered from it; run `rondo audit verify` with the server stopped, it tells which"
        )))
    }

    /// Records of every stream whose name begins so, by stream and version, after one already seen.
    pub(crate) fn below(&self, prefix: &str, after: Option<(&str, u64)>, limit: usize) -> Result<Vec<Record>, Fault> {
        let places = self.store.places_below(prefix, after, limit);
        let mut records = Vec::new();
        let mut bytes = 0;
        for place in places.map_err(|fault| self.index_failed(fault))? {
            let record = self.record(&place)?;
            bytes += record.bytes.len();
            records.push(record);
            if bytes > MAX_READ_BYTES {
                break;
            }
        }
        Ok(records)
    }

    /// When the last record was recorded; nothing in an empty log.
    pub(crate) fn latest(&self) -> Result<Option<Time>, Fault> {
        let last = self.head().size.checked_sub(1).map(|last| self.range(last, 1)).transpose()?;
        last.iter().flatten().next().map(|bytes| Ok(decoded(bytes)?.time())).transpose()
    }

    /// What of a read is in memory: nothing, if its first record is in a pack of the store.
    pub(crate) fn newest(&self, read: &mut Collected) -> bool {
        let tail = self.tail.read().unwrap_or_else(PoisonError::into_inner);
        let Some(from) = read.position().checked_sub(tail.0) else { return false };
        tail.1.iter().skip(from as usize).take_while(|record| read.take((*record).clone())).for_each(drop);
        true
    }

    /// Up to `limit` records' bytes from a position on. Those that come from packs are held against what was signed.
    pub(crate) fn range(&self, from: u64, limit: usize) -> Result<Vec<Bytes>, Fault> {
        let mut read = Collected::new(from, limit);
        while !self.newest(&mut read) {
            let (number, at) = (read.position() / PACK, read.position());
            let missing = || Fault::Corrupt(format!("pack {number} of the store is missing"));
            let pack = self.store.pack(number).and_then(|pack| pack.ok_or_else(missing));
            let pack = pack.map_err(|fault| self.index_failed(fault))?;
            let kept = read.found.len();
            let more = pack.into_iter().skip((at % PACK) as usize).all(|record| read.take(record));
            self.are_signed(at, &read.found[kept..])?;
            if !more {
                break;
            }
        }
        Ok(read.found)
    }
}

pub(crate) fn decoded(bytes: &Bytes) -> Result<Record, Fault> {
    codec::decode(bytes).map_err(|e| Fault::storage("a stored record cannot be read", e))
}
