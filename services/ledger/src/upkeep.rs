//! The upkeep of the log: how long records wait for their signature and for witnesses, and what the disk has left.

use std::fs;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use rondo_eventlog::{Fault, Ledger};
use rondo_runtime::alarm::AlarmCode;
use rondo_runtime::clock::Stopwatch;
use rondo_runtime::lifecycle::{Stop, with_sources};
use rondo_runtime::progress::{Idle, Progress, Upkeep};

use crate::handle::LedgerHandle;

/// The name under which the ledger says how it is.
pub const ROLE: &str = rondo_domain::Service::Ledger.name();
/// The file of the newest checkpoint that enough witnesses cosigned, in the data directory.
pub const COSIGNED: &str = "cosigned";

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(5);
/// Records that wait longer for their signature, which takes a second, are an alarm.
const UNSIGNED: Duration = Duration::from_secs(60);
/// A try to record that takes longer is one that came to nothing.
const PROBE: Duration = Duration::from_secs(5);
/// With less than this the disk is nearly full, in bytes: it is left for looking and for moving away.
const LOW: u64 = 1 << 30;

/// Looks after the log until asked to stop, and says on the handle's board how it is. With `witnessed`, a log that was not
/// cosigned for so long is an alarm.
///
/// # Errors
/// The ledger's fault.
pub async fn run(handle: LedgerHandle, witnessed: Option<Duration>, mut stop: Stop) -> Result<(), Fault> {
    let board = handle.board().clone();
    let began = Stopwatch::start();
    let mut last_signed = Stopwatch::start();
    loop {
        let head = handle.head().await?;
        let contradicted = handle.log.contradicted.is();
        let tried = tokio::time::timeout(PROBE, handle.probe()).await;
        let says = match tried {
            // That has an alarm of its own, and no start anew would mend it.
            Ok(Ok(_) | Err(Fault::Contradicted(_))) => None,
            // What waits for the broker is held up by no disk.
            Err(_) if handle.log.point.waits() => None,
            Ok(Err(fault)) => Some(format!("Nothing can be recorded: {}.", with_sources(&fault))),
            Err(_) => {
                Some(format!("Nothing came of a try to record within {} seconds. Look at the disk.", PROBE.as_secs()))
            }
        };
        board.alarm(ROLE, AlarmCode::WritePath, says.as_deref());
        let upkeep = look(&handle.data, handle.log.signed());
        if upkeep.signed_records >= head.size || contradicted {
            last_signed = Stopwatch::start();
        }
        let late = last_signed.elapsed() > UNSIGNED;
        let says = "Records have been waiting for their signature for more than a minute. Look into the ledger's log.";
        board.alarm(ROLE, AlarmCode::CheckpointLate, late.then_some(says));
        // What the disk has left is not known where it does not say.
        let low = upkeep.disk_free < LOW;
        let says =
            "The disk of the data directory has less than 1 GiB left. Make room: the ledger stops when it is full.";
        board.alarm(ROLE, AlarmCode::DiskLow, low.then_some(says));
        if let Some(most) = witnessed {
            let cosigned = age(&handle.data.join(COSIGNED));
            let late = !contradicted && began.elapsed() > most && cosigned.is_none_or(|age| age > most);
            let says =
                "The witnesses did not cosign the log in time: too few did. See `rondo audit witness`, and ask them.";
            board.alarm(ROLE, AlarmCode::WitnessLate, late.then_some(says));
        }
        tell_clock(&handle)?;
        board.upkeep(ROLE, upkeep);
        board.idle(ROLE, Idle { position: head.size, next: None });
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.wait() => return Ok(()),
        }
    }
}

/// Raises an alarm while the clock is doubted, whoever asks for what; and while time stands still, since steps and mail wait.
fn tell_clock(handle: &LedgerHandle) -> Result<(), Fault> {
    let doubt = handle.doubt()?;
    let stands = handle.time.stands();
    let raises = doubt.map(|doubt| doubt.code()).or_else(|| stands.is_some().then_some(AlarmCode::ClockBehind));
    let says = doubt.map(|doubt| doubt.sentence()).or(stands);
    for code in [AlarmCode::ClockAhead, AlarmCode::ClockBehind, AlarmCode::ClockSet] {
        let raised = raises == Some(code);
        handle.board().alarm(ROLE, code, says.as_deref().filter(|_| raised));
    }
    Ok(())
}

fn look(data: &Path, signed_records: u64) -> Upkeep {
    let (disk_free, disk_size) = rustix::fs::statvfs(data).map_or((0, 0), |found| {
        (found.f_bavail.saturating_mul(found.f_frsize), found.f_blocks.saturating_mul(found.f_frsize))
    });
    Upkeep {
        signed_records,
        signed_at: written(&data.join("checkpoint")),
        witnessed_at: written(&data.join(COSIGNED)),
        disk_free,
        disk_size,
    }
}

fn written(path: &Path) -> Option<Timestamp> {
    Timestamp::try_from(fs::metadata(path).ok()?.modified().ok()?).ok()
}

/// How long ago a file was written; nothing if it is not there, or from the future.
fn age(path: &Path) -> Option<Duration> {
    fs::metadata(path).ok()?.modified().ok()?.elapsed().ok()
}
