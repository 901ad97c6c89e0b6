//! The ledger's handle: the port, in process. Reads are served from the store, and from memory for what is newest.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rondo_domain::{Command, FileHash, StreamId};
use rondo_eventlog::files::FilePart;
use rondo_eventlog::ledger::MAX_READ;
use rondo_eventlog::merkle::{Hash, Tile};
use rondo_eventlog::{Accepted, Fault, Head, Ledger, Record, Sealed, SubmitError};
use rondo_runtime::progress::Board;
use tokio::sync::{mpsc, oneshot};

use crate::evidence::Evidence;
use crate::log::{Log, decoded};
use crate::notary::TREE;
use crate::reading::{Collected, beside, read_text};
use crate::sequencer::Request;
use crate::time::{Doubt, LogTime};
use crate::tree::TreeReader;

/// How long a reader that waits is kept waiting at most.
const WAIT: Duration = Duration::from_secs(20);

/// The ledger in process. Clones share it.
#[derive(Clone)]
pub struct LedgerHandle {
    pub(crate) log: Arc<Log>,
    pub(crate) requests: mpsc::Sender<Request>,
    pub(crate) evidence: Arc<Evidence>,
    pub(crate) data: Arc<Path>,
    pub(crate) time: Arc<LogTime>,
    /// Whether the signing key is not there, so that nothing can be recorded.
    pub(crate) reads_only: bool,
    pub(crate) board: Board,
}

impl LedgerHandle {
    /// Where the ledger says how it is; whoever runs it beside other roles lets them say it there as well.
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// Why the clock is doubted now, if it is.
    ///
    /// # Errors
    /// When what was said of it cannot be read.
    pub fn doubt(&self) -> Result<Option<Doubt>, Fault> {
        self.time.doubt()
    }

    /// Returns when the ledger has failed, with the reason.
    pub async fn failed(&self) -> String {
        let mut failures = self.log.failures();
        match failures.wait_for(Option::is_some).await {
            Ok(why) => why.clone().unwrap_or_default(),
            Err(_) => "the ledger is gone".to_owned(),
        }
    }

    /// Records that another key signs from now on: for who holds the log, has the new key at hand and ends the ledger then.
    ///
    /// # Errors
    /// The rejection, or the ledger's fault.
    pub async fn hand_over(&self, command: Command) -> Result<Accepted, SubmitError> {
        self.sent(sealed(command)?).await
    }

    /// Sends a command to be decided.
    async fn sent(&self, command: Box<Sealed>) -> Result<Accepted, SubmitError> {
        self.may_write()?;
        let (reply, answer) = oneshot::channel();
        let told = crate::telling::of(&command);
        self.requests.send(Request::Submit(command, reply)).await.map_err(|_| Fault::Stopped)?;
        let ended = |_| Fault::unreachable("the ledger ended before it answered");
        crate::telling::recorded(told, answer.await.map_err(ended)?)
    }

    /// How the streams stand that commands are decided on, as far as they are in memory, in digests
    /// ([`rondo_eventlog::Standing::digest`]): for tests, which hold it against what the journal says.
    ///
    /// # Errors
    /// When the ledger has stopped.
    #[doc(hidden)]
    pub async fn standings(&self) -> Result<Vec<(StreamId, [u8; 32])>, Fault> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(Request::Look(reply)).await.map_err(|_| Fault::Stopped)?;
        answer.await.map_err(|_| Fault::Stopped)
    }

    /// Returns once everything recorded so far is in the store's indexes.
    async fn settled(&self) -> Result<(), Fault> {
        let size = self.log.head().size;
        let mut indexed = self.log.indexed.subscribe();
        let mut failures = self.log.failures();
        tokio::select! {
            reached = indexed.wait_for(|indexed| *indexed >= size) => reached.map(|_| ()).map_err(|_| Fault::Stopped),
            _ = failures.wait_for(Option::is_some) => Err(Fault::Stopped),
        }
    }
}

fn sealed(command: Command) -> Result<Box<Sealed>, Fault> {
    Sealed::new(command).map(Box::new).map_err(|e| Fault::storage("a wish cannot be written as JSON", e))
}

#[async_trait]
impl Ledger for LedgerHandle {
    async fn submit(&self, command: Command) -> Result<Accepted, SubmitError> {
        if let Some(beside) = crate::loss::done_beside(&command.wish) {
            return Err(Fault::Refused(beside.to_owned()).into());
        }
        // Boxed at once: what waits for the answer then holds no room for a whole command.
        let mut command = sealed(command)?;
        command.object(crate::wished::objection(self, &command).await?);
        self.sent(command).await
    }

    async fn read(&self, from: u64, limit: usize) -> Result<Vec<Record>, Fault> {
        let mut newest = Collected::new(from, limit.min(MAX_READ));
        if self.log.newest(&mut newest) {
            return newest.found.iter().map(decoded).collect();
        }
        let log = Arc::clone(&self.log);
        beside(move || log.range(from, limit.min(MAX_READ))?.iter().map(decoded).collect()).await
    }

    async fn read_streams(&self, prefix: &str, after: Option<(&str, u64)>, limit: usize) -> Result<Vec<Record>, Fault> {
        self.settled().await?;
        let (log, prefix) = (Arc::clone(&self.log), prefix.to_owned());
        let after = after.map(|(stream, version)| (stream.to_owned(), version));
        beside(move || {
            let after = after.as_ref().map(|(stream, version)| (stream.as_str(), *version));
            log.below(&prefix, after, limit.min(MAX_READ))
        })
        .await
    }

    async fn head(&self) -> Result<Head, Fault> {
        Ok(self.log.head())
    }

    async fn probe(&self) -> Result<Head, Fault> {
        if let Some(why) = self.log.failure() {
            return Err(Fault::storage("the ledger has failed and ends", why));
        }
        self.log.contradicted.is_not()?;
        let (reply, answer) = oneshot::channel();
        self.requests.send(Request::Try(reply)).await.map_err(|_| Fault::Stopped)?;
        match answer.await {
            Ok(Ok(_)) => Ok(self.log.head()),
            Ok(Err(SubmitError::Fault(fault))) => Err(fault),
            Ok(Err(SubmitError::Rejected(_))) | Err(_) => Err(Fault::Stopped),
        }
    }

    async fn wait(&self, size: u64) -> Result<Head, Fault> {
        let mut heads = self.log.heads();
        match tokio::time::timeout(WAIT, heads.wait_for(|head| head.size > size)).await {
            Ok(Ok(head)) => Ok(*head),
            Ok(Err(_)) => Err(Fault::Stopped),
            Err(_) => Ok(self.log.head()),
        }
    }

    async fn checkpoint(&self) -> Result<String, Fault> {
        read_text(&self.data.join("checkpoint")).await
    }

    async fn key(&self) -> Result<String, Fault> {
        read_text(&self.data.join("log.vkey")).await
    }

    async fn tile(&self, tile: Tile) -> Result<Vec<Hash>, Fault> {
        let signed = *self.log.signed.borrow();
        if tile.level.is_none() || tile.end().is_none_or(|end| end > signed) {
            return Err(Fault::NotFound(format!("the tile {} of the {signed} signed records", tile.path())));
        }
        let tree = TreeReader::new(&self.data.join(TREE));
        beside(move || tree.tile(&tile).map_err(|e| Fault::storage("cannot read the hashes of the tree", e))).await
    }

    async fn store_part(&self, part: FilePart) -> Result<(), Fault> {
        self.may_write()?;
        let evidence = Arc::clone(&self.evidence);
        let log = Arc::clone(&self.log);
        beside(move || {
            evidence.store(&part).inspect_err(|fault| {
                if evidence.is_broken() {
                    log.fail(&rondo_runtime::lifecycle::with_sources(fault));
                }
            })
        })
        .await
    }

    async fn fetch_part(&self, hash: &FileHash, offset: u64) -> Result<FilePart, Fault> {
        let (evidence, hash) = (Arc::clone(&self.evidence), hash.clone());
        beside(move || evidence.fetch(&hash, offset)).await
    }
}
