//! `rondo backup` and `rondo restore`.

use std::path::Path;

use rondo_ledger::backup::{self, BackupError, Copied};
use serde_json::json;

use crate::failure::Failure;
use crate::output::{Form, document, hint};

pub(crate) fn backup(data: &Path, out: &Path, form: Form) -> Result<(), Failure> {
    tell(&backup::backup(data, out).map_err(failed)?, "are backed up to", out, form)?;
    hint(
        "The signing key, the memory of what was signed and the register of people are not in it: keep `keys` and `people.toml` apart.",
    );
    Ok(())
}

pub(crate) fn restore(from: &Path, data: &Path, form: Form) -> Result<(), Failure> {
    crate::place::may_hold_a_log(data)?;
    let restored = backup::restore(from, data).map_err(failed)?;
    tell(&restored, "are restored to", data, form)?;
    hint(
        "It starts paused: `rondo up`, then `rondo round held ROUND` shows what would happen and how it is let go or dropped.",
    );
    hint(
        "Next: put the newest `keys` and `people.toml` back into it. If more was signed than this backup holds, nothing is signed on: restore the newest journal. If the log had grown after this backup and after that copy of `keys`, say so before it starts: rondo audit continue --reason WHY --although-nothing-shows-it",
    );
    Ok(())
}

fn failed(error: BackupError) -> Failure {
    match error {
        BackupError::NotEmpty(_) => Failure::conflict(error.to_string()),
        BackupError::Strange { .. } | BackupError::NoArchive(_) | BackupError::Inside(_) => {
            Failure::usage(error.to_string())
        }
        BackupError::Absent(_) => Failure::not_found(error.to_string()),
        BackupError::Unverified { .. } => Failure::findings(error.to_string()),
        BackupError::Open(error) => error.into(),
    }
}

fn tell(copied: &Copied, what: &str, place: &Path, form: Form) -> Result<(), Failure> {
    let size = copied.head.size;
    let told = format!(
        "{size} records of {} and {} files {what} {}, and verify.",
        copied.origin,
        copied.files,
        place.display()
    );
    let value = json!({
        "origin": copied.origin, "records": size, "root": hex::encode(copied.head.root), "files": copied.files,
        "bytes": copied.bytes, "place": place, "missing": copied.missing,
    });
    document(form, value, &told)?;
    if copied.missing.is_empty() {
        return Ok(());
    }
    Err(Failure::findings(format!(
        "the log is whole, but {} received files that records speak of are missing or damaged: {}. Restore them into `files` from an older backup",
        copied.missing.len(),
        copied.missing.join(", ")
    )))
}
