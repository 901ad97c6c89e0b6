//! The threads of a ledger: started together, watched while they work, and ended in the order in which one hands on to the next.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{channel, sync_channel};
use std::thread::JoinHandle;

use rondo_domain::StreamId;
use rondo_eventlog::merkle::{Frontier, Verifier};
use tokio::sync::mpsc;

use crate::acknowledged::Acknowledged;
use crate::committer;
use crate::directory::{self, OpenError};
use crate::evidence::Evidence;
use crate::journal::JournalWriter;
use crate::log::Log;
use crate::open::LedgerConfig;
use crate::sequencer::{Ground, Request, Salts, Sequencer};
use crate::standing::Standings;
use crate::store::indexer::{self, Packer};
use crate::time::LogTime;

/// Commands waiting to be decided at the most; a sender beyond waits.
const WAITING: usize = 4_096;
/// Groups waiting to be written at the most.
const UNWRITTEN: usize = 64;

/// What the threads go on from.
pub(crate) struct Begin {
    pub(crate) frontier: Frontier,
    pub(crate) journal: JournalWriter,
    pub(crate) acknowledged: Acknowledged,
    pub(crate) packer: Packer,
    /// Called for each group that was indexed, with how many records are then.
    pub(crate) indexed: fn(u64),
    pub(crate) evidence: Arc<Evidence>,
    /// The public half of the key that signs.
    pub(crate) key: Verifier,
    pub(crate) time: Arc<LogTime>,
}

/// Threads at work.
pub(crate) struct Threads {
    sequencer: JoinHandle<()>,
    committer: JoinHandle<()>,
    indexer: JoinHandle<()>,
    scrub: Option<JoinHandle<()>>,
}

/// Starts a thread, whose panic is the log's failure.
fn caught(log: &Arc<Log>, name: &'static str, work: impl FnOnce(&Log) + Send + 'static) -> io::Result<JoinHandle<()>> {
    let log = Arc::clone(log);
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| work(&log))) {
            log.fail(&format!("the {name} panicked; this is a defect: {}", words(&*panic)));
        }
    })
}

/// Starts one of those through which every command goes, and which end when they are asked to.
fn link(log: &Arc<Log>, name: &'static str, work: impl FnOnce(&Log) + Send + 'static) -> io::Result<JoinHandle<()>> {
    caught(log, name, move |log| {
        work(log);
        log.ended(name);
    })
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("it left no words")
}

impl Threads {
    /// Starts the three through which every command goes.
    pub(crate) fn start(
        log: &Arc<Log>,
        config: &LedgerConfig,
        begin: Begin,
    ) -> Result<(mpsc::Sender<Request>, Self), OpenError> {
        let Begin { frontier, journal, acknowledged, packer, indexed, evidence, key, time } = begin;
        let (requests, waiting) = mpsc::channel(WAITING);
        let (to_committer, groups) = sync_channel(UNWRITTEN);
        // Not bounded by itself: the backlog is, in bytes.
        let (to_indexer, written) = channel();
        let sequencer = Sequencer {
            requests: waiting,
            committer: to_committer,
            ground: Ground {
                standings: Standings::new(Arc::clone(log)),
                time,
                salts: Salts::new(Arc::clone(&config.chance)),
                evidence,
                key,
            },
            network: StreamId::network(),
            next: frontier.size(),
            buffer: Vec::new(),
        };
        let failed = || directory::io("start a thread for", &config.data);
        let index = config.data.join("index");
        let disk = (journal, acknowledged);
        let committing = move |log: &Log| committer::run(log, disk, frontier, &groups, &to_indexer);
        let indexing = move |log: &Log| indexer::run(log, (packer, indexed), &written, &index);
        let threads = Self {
            sequencer: link(log, "sequencer", move |_| sequencer.run()).map_err(failed())?,
            committer: link(log, "committer", committing).map_err(failed())?,
            indexer: link(log, "indexer", indexing).map_err(failed())?,
            scrub: None,
        };
        Ok((requests, threads))
    }

    /// Starts the scrub beside them, which ends by itself.
    pub(crate) fn scrub(&mut self, log: &Arc<Log>, work: impl FnOnce(&Log) + Send + 'static) -> io::Result<()> {
        self.scrub = Some(caught(log, "scrub", work)?);
        Ok(())
    }

    /// Waits until nothing is answered any more, after the sequencer was told to stop: what was answered for is then on disk.
    pub(crate) fn answered(self, log: &Log) -> Indexing {
        // A panic was caught, and is the log's failure.
        let _ = self.sequencer.join();
        let _ = self.committer.join();
        if let Some(name) = log.early() {
            // One that failed, or whose neighbour did, has told why.
            log.fail(&format!("the {name} ended before it was asked to"));
        }
        Indexing(self.indexer, self.scrub)
    }
}

/// The threads that end last.
pub(crate) struct Indexing(JoinHandle<()>, Option<JoinHandle<()>>);

impl Indexing {
    /// Waits until the store is brought to the device.
    pub(crate) fn ended(self) {
        let _ = self.0.join();
        let _ = self.1.map(JoinHandle::join);
    }
}
