//! A patient port: waits out the faults that pass, so that a service goes on by itself once the ledger is back.
//!
//! A command asked again has one effect, so that waiting is safe for the log. It is not for what was decided: a command that cannot
//! be undone, and that the ledger does not take for now, is handed back, so that its sender decides anew on what is true then.
//! Once the service is asked to stop, a fault is handed on instead of being waited out.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rondo_domain::{Command, FileHash};
use rondo_eventlog::files::FilePart;
use rondo_eventlog::merkle::{Hash, Tile};
use rondo_eventlog::{Accepted, Fault, Head, Ledger, Record, SubmitError};

use crate::backoff::Backoff;
use crate::lifecycle::Stop;
use crate::telemetry::ALWAYS;

/// The pauses between two tries, from and to.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(2));

/// A port that is asked again when the ledger cannot be reached.
pub struct Patient {
    ledger: Arc<dyn Ledger>,
    stop: Stop,
}

impl Patient {
    /// Waits for this ledger until asked to stop.
    pub fn new(ledger: Arc<dyn Ledger>, stop: Stop) -> Self {
        Self { ledger, stop }
    }
}

/// Runs a reader of the log whose port is patient. One that is asked to stop while the ledger is away ends well: it does the
/// same work again when it is started.
///
/// # Errors
/// The fault that ended it otherwise.
pub async fn until_stopped(run: impl Future<Output = Result<(), Fault>>, stop: Stop) -> Result<(), Fault> {
    match run.await {
        Err(fault) if stop.is_asked() && fault.is_passing() => Ok(()),
        ended => ended,
    }
}

/// How long whoever was handed a command back waits before deciding anew.
const ANEW: Duration = Duration::from_secs(2);

/// What a turn of a service came to: nothing where a command was handed back to it, after the while that it then waits.
///
/// # Errors
/// Any other fault.
pub async fn taken_up_anew<T>(turn: Result<T, Fault>, stop: &mut Stop) -> Result<Option<T>, Fault> {
    match turn {
        Err(fault @ Fault::NotNow(_)) if !stop.is_asked() => {
            // Whoever refuses it raises an alarm.
            tracing::debug!("what cannot be undone waits: {fault}");
            tokio::select! {
                () = tokio::time::sleep(ANEW) => {}
                () = stop.wait() => {}
            }
            Ok(None)
        }
        turn => turn.map(Some),
    }
}

/// One question's waiting.
struct Patience {
    stop: Stop,
    backoff: Backoff,
    failed: u32,
}

impl Patience {
    /// Waits a while after a fault that passes, and says whether to ask again.
    async fn endures(&mut self, error: &(impl std::fmt::Display + Sync)) -> bool {
        if self.stop.is_asked() {
            return false;
        }
        self.failed += 1;
        if self.failed == 1 {
            tracing::warn!("the ledger is waited for: {error}");
        }
        tokio::select! {
            () = tokio::time::sleep(self.backoff.wait()) => true,
            () = self.stop.wait() => false,
        }
    }
}

/// Asks until there is an answer, or a fault that does not pass.
macro_rules! patiently {
    ($self:ident, $asked:expr) => {
        patiently!($self, $asked, |_: &_| false)
    };
    ($self:ident, $asked:expr, $is_handed_back:expr) => {{
        let backoff = Backoff::new(PAUSES.0, PAUSES.1);
        let mut patience = Patience { stop: $self.stop.clone(), backoff, failed: 0 };
        loop {
            match $asked.await {
                Err(error) if error.is_passing() && !$is_handed_back(&error) && patience.endures(&error).await => {}
                done => {
                    if patience.failed > 0 && done.is_ok() {
                        tracing::info!(target: ALWAYS, "the ledger answers again, after {} tries", patience.failed);
                    }
                    break done;
                }
            }
        }
    }};
}

#[async_trait]
impl Ledger for Patient {
    async fn submit(&self, command: Command) -> Result<Accepted, SubmitError> {
        let is_handed_back = |error: &SubmitError| {
            matches!(error, SubmitError::Fault(Fault::NotNow(_))) && command.wish.cannot_be_undone()
        };
        patiently!(self, self.ledger.submit(command.clone()), is_handed_back)
    }

    async fn read(&self, from: u64, limit: usize) -> Result<Vec<Record>, Fault> {
        // Whoever is still far behind does not read to the end first.
        if self.stop.is_asked() {
            return Err(Fault::Stopped);
        }
        patiently!(self, self.ledger.read(from, limit))
    }

    async fn read_streams(&self, prefix: &str, after: Option<(&str, u64)>, limit: usize) -> Result<Vec<Record>, Fault> {
        patiently!(self, self.ledger.read_streams(prefix, after, limit))
    }

    async fn head(&self) -> Result<Head, Fault> {
        patiently!(self, self.ledger.head())
    }

    async fn probe(&self) -> Result<Head, Fault> {
        // Whoever asks wants to know how it stands now.
        self.ledger.probe().await
    }

    async fn wait(&self, size: u64) -> Result<Head, Fault> {
        patiently!(self, self.ledger.wait(size))
    }

    async fn checkpoint(&self) -> Result<String, Fault> {
        patiently!(self, self.ledger.checkpoint())
    }

    async fn key(&self) -> Result<String, Fault> {
        patiently!(self, self.ledger.key())
    }

    async fn tile(&self, tile: Tile) -> Result<Vec<Hash>, Fault> {
        patiently!(self, self.ledger.tile(tile))
    }

    async fn store_part(&self, part: FilePart) -> Result<(), Fault> {
        patiently!(self, self.ledger.store_part(part.clone()))
    }

    async fn fetch_part(&self, hash: &FileHash, offset: u64) -> Result<FilePart, Fault> {
        patiently!(self, self.ledger.fetch_part(hash, offset))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use rondo_testkit::between::{OnTheWay, between};

    use super::*;
    use crate::clock::SystemClock;
    use crate::lifecycle::Lifecycle;
    use crate::memory::MemoryLedger;

    #[tokio::test]
    async fn whoever_is_asked_to_stop_reads_no_further() {
        let lifecycle = Lifecycle::default();
        let ledger = Arc::new(MemoryLedger::new(Arc::new(SystemClock)));
        let patient = Patient::new(ledger, lifecycle.stop());
        assert!(patient.read(0, 1).await.unwrap().is_empty());
        lifecycle.ask();
        assert!(matches!(patient.read(0, 1).await, Err(Fault::Stopped)));
    }

    /// Takes nothing at first, and counts how often it was asked.
    struct NotNow(AtomicU32);

    #[async_trait]
    impl OnTheWay for NotNow {
        async fn submit(&self, ledger: &dyn Ledger, command: Command) -> Result<Accepted, SubmitError> {
            match self.0.fetch_add(1, Ordering::SeqCst) {
                0 => Err(Fault::NotNow("nobody vouches for the clock".to_owned()).into()),
                _ => ledger.submit(command).await,
            }
        }
    }

    #[tokio::test]
    async fn what_cannot_be_undone_is_handed_back_and_what_can_is_waited_for() {
        use rondo_domain::Wish;
        use rondo_domain::notice::NoticeCommand;
        let (attempt, message_id) = (1, "<n.r@example.org>".to_owned());
        for (command, is_handed_back) in [
            (NoticeCommand::Attempt { attempt, message_id, address_token: None }, true),
            (NoticeCommand::Suppress { reason: "it is not true".to_owned() }, false),
        ] {
            let ledger: Arc<dyn Ledger> = Arc::new(MemoryLedger::new(Arc::new(SystemClock)));
            // One that is let go of may count as asked to stop.
            let lifecycle = Lifecycle::default();
            let patient = Patient::new(between(&ledger, NotNow(0.into())), lifecycle.stop());
            let (round, notice) = ("a-round".parse().unwrap(), "a-notice".parse().unwrap());
            let wish = Wish::Notice { round, notice, command };
            let answer = patient.submit(Command::of_service("reminder", &["test"], wish).unwrap()).await;
            let handed_back = matches!(&answer, Err(SubmitError::Fault(Fault::NotNow(_))));
            // The one that is waited for comes to its end, which is a refusal here.
            let refused = matches!(&answer, Err(SubmitError::Rejected(_)));
            assert_eq!((handed_back, refused), (is_handed_back, !is_handed_back), "{answer:?}");
        }
    }
}
