//! A patient reader: waits out the faults that pass, as a person would who tries again.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rondo_domain::{Command, FileHash};
use rondo_eventlog::files::FilePart;
use rondo_eventlog::{Accepted, Fault, Head, Ledger, Record, SubmitError};

/// How often it tries again.
const TRIES: u32 = 600;
/// How long it waits between.
const PAUSE: Duration = Duration::from_millis(100);

/// A ledger that is asked again when it cannot be reached. A command asked again has one effect.
pub(crate) struct Patient(pub(crate) Arc<dyn Ledger>);

macro_rules! patiently {
    ($call:expr) => {{
        let mut tries = 0;
        loop {
            match $call.await {
                Err(fault) if fault.is_passing() && tries < TRIES => {
                    tries += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                done => break done,
            }
        }
    }};
}

#[async_trait]
impl Ledger for Patient {
    async fn submit(&self, command: Command) -> Result<Accepted, SubmitError> {
        let mut tries = 0;
        loop {
            match self.0.submit(command.clone()).await {
                Err(SubmitError::Fault(fault)) if fault.is_passing() && tries < TRIES => {
                    tries += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                done => return done,
            }
        }
    }

    async fn read(&self, from: u64, limit: usize) -> Result<Vec<Record>, Fault> {
        patiently!(self.0.read(from, limit))
    }

    async fn read_streams(&self, prefix: &str, after: Option<(&str, u64)>, limit: usize) -> Result<Vec<Record>, Fault> {
        patiently!(self.0.read_streams(prefix, after, limit))
    }

    async fn head(&self) -> Result<Head, Fault> {
        patiently!(self.0.head())
    }

    async fn wait(&self, size: u64) -> Result<Head, Fault> {
        patiently!(self.0.wait(size))
    }

    async fn checkpoint(&self) -> Result<String, Fault> {
        patiently!(self.0.checkpoint())
    }

    async fn store_part(&self, part: FilePart) -> Result<(), Fault> {
        patiently!(self.0.store_part(part.clone()))
    }

    async fn fetch_part(&self, hash: &FileHash, offset: u64) -> Result<FilePart, Fault> {
        patiently!(self.0.fetch_part(hash, offset))
    }
}
