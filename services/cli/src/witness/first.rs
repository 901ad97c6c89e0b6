//! Witnesses are asked before a start signs anything, and before the first record of a command beside the log.

use std::sync::OnceLock;

use rondo_eventlog::merkle::Cosigner;
use rondo_eventlog::{CommitPoint, Fault, Ledger};
use rondo_ledger::contradicted;
use rondo_ledger::{LedgerHandle, OpenError};
use rondo_runtime::alarm::AlarmCode;

use super::{Witnesses, refused, speaker, unknown};
use crate::{held, receipts};

/// What is said where nobody can be asked.
const NO_CHECKPOINT: &str = "this log has no `checkpoint`, so that its witnesses cannot be asked whether it is the newest, and nothing is signed. Put the checkpoint of the backup, or one that was kept elsewhere, into the data directory as `checkpoint`";

impl Witnesses {
    /// Asks about the checkpoint as it was left, before this start signs anything. A witness that is away stops nothing, but
    /// after a restore as many have to answer as the policy asks: without them nobody knows how old the copy is. One whose word
    /// against this log was kept has to answer as well, and to agree.
    ///
    /// # Errors
    /// When one says that this is an older copy or another history; when one has to answer and does not, or there is no checkpoint
    /// to ask about; and when the log cannot be held against what one says.
    pub(crate) async fn before_signing(&self, ledger: &LedgerHandle) -> Result<(), Fault> {
        let restored = held::is_unproven(&self.data);
        let awaited = !self.awaited()?.is_empty();
        if let Err(Fault::NotFound(_)) = ledger.checkpoint().await {
            // A log that never signed anything is known to no witness.
            let asks = restored || awaited;
            return if asks { Err(Fault::NotNow(NO_CHECKPOINT.to_owned())) } else { ledger.may_be_signed() };
        }
        let renewed = match receipts::checkpoint(ledger, 0).await {
            Ok(signed) => self.renewed(ledger, signed).await,
            Err(failure) => Err(failure),
        };
        let why = match renewed {
            Ok(renewed) => {
                if let Some(why) = renewed.contradiction() {
                    return Err(Fault::Contradicted(refused(&why)));
                }
                if let Some(why) = renewed.unweighed() {
                    return Err(Fault::Corrupt(unknown(&why)));
                }
                let enough = renewed.size.is_some();
                if enough && !awaited {
                    return ledger.may_be_signed();
                }
                let whys = renewed
                    .asked
                    .iter()
                    .filter_map(|asked| Some(format!("{}: {}", asked.name, asked.outcome.as_ref().err()?.sentence())));
                let whys = whys.collect::<Vec<_>>().join("; ");
                self.is_agreed(ledger, awaited, &whys)?;
                if enough {
                    return Ok(());
                }
                whys
            }
            Err(failure) => {
                self.is_agreed(ledger, awaited, &failure.sentence)?;
                failure.sentence
            }
        };
        if restored {
            return Err(Fault::NotNow(format!(
                "this log was restored, and too few of its witnesses say that it is the newest ({why}); nothing is signed before they do. Start it again once they cosign it; the run book says what else can be done, under \"Witnesses\""
            )));
        }
        tracing::warn!(
            code = AlarmCode::WitnessLate.as_str(),
            "too few witnesses answered before this start signs: {why}"
        );
        Ok(())
    }

    /// The witnesses whose word against this log was kept.
    fn awaited(&self) -> Result<Vec<contradicted::Word>, Fault> {
        contradicted::awaited(&self.data).map_err(unread)
    }

    /// Requires that every witness whose word was kept has agreed by now, and lets the log be signed then.
    fn is_agreed(&self, ledger: &LedgerHandle, awaited: bool, why: &str) -> Result<(), Fault> {
        if !awaited {
            return ledger.may_be_signed();
        }
        let left = self.awaited()?;
        if left.is_empty() {
            ledger.was_asked();
            return ledger.may_be_signed();
        }
        let told = contradicted::told(&left);
        let is_named = |(name, cosigner, _): (&str, &Cosigner, &str)| {
            let by = speaker(name, cosigner);
            left.iter().any(|word| word.by.is(&by))
        };
        // One that is not in the policy answers nobody, however often it is started.
        if self.policy.to_be_asked().any(is_named) {
            Err(Fault::NotNow(format!("{told} ({why})")))
        } else {
            Err(Fault::Contradicted(format!("{told} (the policy does not name it any more)")))
        }
    }
}

/// Asks the witnesses once, before the first record and the first signature of a process that may end without either: a command
/// beside the log. One that only reads asks nobody.
pub(crate) struct AskedFirst {
    witnesses: Witnesses,
    ledger: LedgerHandle,
    /// Where the asking is done: who waits for it are threads of the ledger's.
    runtime: tokio::runtime::Handle,
    outcome: OnceLock<Result<(), Fault>>,
}

impl AskedFirst {
    /// Has them asked about an open log, from within the runtime that is to do it.
    pub(crate) fn new(witnesses: Witnesses, ledger: LedgerHandle) -> Self {
        Self { witnesses, ledger, runtime: tokio::runtime::Handle::current(), outcome: OnceLock::new() }
    }
}

impl CommitPoint for AskedFirst {
    fn admit(&self) -> Result<(), Fault> {
        let asked = || self.runtime.block_on(self.witnesses.before_signing(&self.ledger));
        self.outcome.get_or_init(asked).as_ref().copied().map_err(Fault::again)
    }
}

/// Asks the witnesses before this start signs anything, if there are any to ask.
///
/// # Errors
/// As [`Witnesses::before_signing`]; and where nobody is asked, when something stands against the log's being signed.
pub(crate) async fn before_signing(witnesses: Option<&Witnesses>, ledger: &LedgerHandle) -> Result<(), Fault> {
    match witnesses {
        Some(witnesses) => witnesses.before_signing(ledger).await,
        None => ledger.may_be_signed(),
    }
}

fn unread(error: OpenError) -> Fault {
    Fault::storage("what was said against this log cannot be read", error)
}
