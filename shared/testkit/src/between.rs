//! A ledger with something between it and its user: how tests lose, repeat or refuse commands on their way.

use std::sync::Arc;

use async_trait::async_trait;
use rondo_domain::{Command, FileHash};
use rondo_eventlog::files::FilePart;
use rondo_eventlog::merkle::{Hash, Tile};
use rondo_eventlog::{Accepted, Fault, Head, History, Ledger, Record, SubmitError};

/// What stands between a ledger and its user.
#[async_trait]
pub trait OnTheWay: Send + Sync {
    /// Answers a command that was meant for the ledger, which it may be handed or not.
    ///
    /// # Errors
    /// Those of the ledger, or ones of its own making.
    async fn submit(&self, ledger: &dyn Ledger, command: Command) -> Result<Accepted, SubmitError>;

    /// Answers whoever reads records in their order.
    ///
    /// # Errors
    /// Those of the ledger.
    async fn read(&self, ledger: &dyn Ledger, from: u64, limit: usize) -> Result<Vec<Record>, Fault> {
        ledger.read(from, limit).await
    }

    /// Answers whoever fetches a part of a file.
    ///
    /// # Errors
    /// Those of the ledger, or ones of its own making.
    async fn fetch_part(&self, ledger: &dyn Ledger, hash: &FileHash, offset: u64) -> Result<FilePart, Fault> {
        ledger.fetch_part(hash, offset).await
    }

    /// Answers whoever asks for a checkpoint: with the ledger's own, where it signs any.
    ///
    /// # Errors
    /// Those of the ledger.
    async fn checkpoint(&self, ledger: &dyn Ledger) -> Result<String, Fault> {
        ledger.checkpoint().await
    }
}

#[async_trait]
impl<W: OnTheWay> OnTheWay for Arc<W> {
    async fn submit(&self, ledger: &dyn Ledger, command: Command) -> Result<Accepted, SubmitError> {
        self.as_ref().submit(ledger, command).await
    }

    async fn read(&self, ledger: &dyn Ledger, from: u64, limit: usize) -> Result<Vec<Record>, Fault> {
        self.as_ref().read(ledger, from, limit).await
    }

    async fn fetch_part(&self, ledger: &dyn Ledger, hash: &FileHash, offset: u64) -> Result<FilePart, Fault> {
        self.as_ref().fetch_part(ledger, hash, offset).await
    }

    async fn checkpoint(&self, ledger: &dyn Ledger) -> Result<String, Fault> {
        self.as_ref().checkpoint(ledger).await
    }
}

/// A ledger, by whichever port it is held.
trait Port: Send + Sync {
    fn ledger(&self) -> &dyn Ledger;
}

impl Port for Arc<dyn Ledger> {
    fn ledger(&self) -> &dyn Ledger {
        &**self
    }
}

impl Port for Arc<dyn History> {
    fn ledger(&self) -> &dyn Ledger {
        &**self
    }
}

/// The ledger and what stands before it.
struct Between<P, W> {
    port: P,
    way: W,
}

/// This ledger, whose commands and readers may meet something on their way.
pub fn between<W: OnTheWay + 'static>(ledger: &Arc<dyn Ledger>, way: W) -> Arc<dyn Ledger> {
    Arc::new(Between { port: Arc::clone(ledger), way })
}

/// The same of a ledger that knows what it was, as the bus asks it.
pub fn between_history<W: OnTheWay + 'static>(ledger: &Arc<dyn History>, way: W) -> Arc<dyn History> {
    Arc::new(Between { port: Arc::clone(ledger), way })
}

#[async_trait]
impl<W: OnTheWay> History for Between<Arc<dyn History>, W> {
    async fn root_at(&self, size: u64) -> Result<Option<Hash>, Fault> {
        self.port.root_at(size).await
    }

    async fn is_denied(&self, by: &str, known: Head, why: &str) -> Result<bool, Fault> {
        self.port.is_denied(by, known, why).await
    }
}

#[async_trait]
impl<P: Port, W: OnTheWay> Ledger for Between<P, W> {
    async fn submit(&self, command: Command) -> Result<Accepted, SubmitError> {
        self.way.submit(self.port.ledger(), command).await
    }

    async fn read(&self, from: u64, limit: usize) -> Result<Vec<Record>, Fault> {
        self.way.read(self.port.ledger(), from, limit).await
    }

    async fn read_streams(&self, prefix: &str, after: Option<(&str, u64)>, limit: usize) -> Result<Vec<Record>, Fault> {
        self.port.ledger().read_streams(prefix, after, limit).await
    }

    async fn head(&self) -> Result<Head, Fault> {
        self.port.ledger().head().await
    }

    async fn wait(&self, size: u64) -> Result<Head, Fault> {
        self.port.ledger().wait(size).await
    }

    async fn checkpoint(&self) -> Result<String, Fault> {
        self.way.checkpoint(self.port.ledger()).await
    }

    async fn key(&self) -> Result<String, Fault> {
        self.port.ledger().key().await
    }

    async fn tile(&self, tile: Tile) -> Result<Vec<Hash>, Fault> {
        self.port.ledger().tile(tile).await
    }

    async fn store_part(&self, part: FilePart) -> Result<(), Fault> {
        self.port.ledger().store_part(part).await
    }

    async fn fetch_part(&self, hash: &FileHash, offset: u64) -> Result<FilePart, Fault> {
        self.way.fetch_part(self.port.ledger(), hash, offset).await
    }
}
