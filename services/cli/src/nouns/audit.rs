//! `rondo audit`: four separate answers, never one word for all.

use std::path::Path;

use rondo_ledger::inspect;
use serde_json::json;

use crate::failure::Failure;
use crate::output::{Form, document};

/// Hashes every record of a data directory again.
pub(crate) fn verify_directory(data: &Path, form: Form) -> Result<(), Failure> {
    let found = inspect::inspect(data, None, None)?;
    let signed = found.checkpoint.as_ref().map(|checkpoint| checkpoint.head.size).ok();
    let signature = match &found.checkpoint {
        Ok(checkpoint) => format!("good: signed by {} at {} records", checkpoint.origin, checkpoint.head.size),
        Err(error) => format!("BAD: {error}"),
    };
    let bytes = match (&found.damage, found.misplaced, found.hashes_to_root()) {
        (Some(damage), ..) => format!("BAD: {damage}"),
        (None, Some(position), _) => format!("BAD: record {position} says that it stands elsewhere"),
        (None, None, true) => match signed {
            Some(size) if size < found.records => {
                format!(
                    "good: all {size} signed records hash to the signed root; {} newer ones are whole, not yet signed",
                    found.records - size
                )
            }
            _ => format!("good: all {} records hash to the signed root", found.records),
        },
        (None, None, false) if signed.is_none() => {
            format!("not comparable: {} records are whole, and no accepted checkpoint says their root", found.records)
        }
        (None, None, false) => "BAD: the records do not hash to the signed root".to_owned(),
    };
    let extends = "not asked: no checkpoint saved elsewhere was given";
    let witnessed = "not witnessed: no witness is set up";
    let told = format!(
        "Log {}\n1. signature:  {signature}\n2. bytes:      {bytes}\n3. extends:    {extends}\n4. witnessed:  {witnessed}\n\
         A history that was rewritten and signed again passes 1 and 2; only a checkpoint, receipt or witness kept elsewhere shows it.",
        found.origin
    );
    let good = found.checkpoint.is_ok() && found.hashes_to_root();
    let value = json!({
        "origin": found.origin, "vkey": found.vkey, "records": found.records, "signed_records": signed,
        "root": hex::encode(found.head.root), "signature": found.checkpoint.is_ok(), "bytes": found.hashes_to_root(),
        "extends_saved_checkpoint": null, "witnessed": false,
        "damage": found.damage.as_ref().map(ToString::to_string), "first_bad_record": found.misplaced,
        "limits": "a rewritten and re-signed history verifies on its own; only a saved checkpoint, a receipt or a witness catches it",
    });
    document(form, value, &told)?;
    if good { Ok(()) } else { Err(Failure::findings("the log does not verify; see the answers above")) }
}
