//! `rondo doctor`: what is wrong with an installation, in words, and what can be rebuilt.

use rondo_ledger::inspect;
use rondo_runtime::config::Config;
use rondo_runtime::people::People;
use serde_json::json;

use crate::failure::Failure;
use crate::output::{Form, document};

fn about_files(files: &inspect::Files) -> Vec<String> {
    let restore = "restore it into the folder `files` from a backup; the records that name it stay true";
    let missing = files.missing.iter().map(|hash| format!("the file {hash} is missing; {restore}"));
    let damaged = files.damaged.iter().map(|path| format!("{path} no longer has the hash that is its name; {restore}"));
    missing.chain(damaged).collect()
}

/// Looks at a data directory without changing it.
pub(crate) fn run(config: &Config, form: Form) -> Result<(), Failure> {
    let data = &config.ledger.data;
    let mut good = Vec::new();
    let mut bad = Vec::new();
    match inspect::inspect(data, None, &[]) {
        Ok(found) => {
            match &found.damage {
                None => good.push(format!("the journal holds {} whole records", found.records)),
                Some(damage) => bad.push(damage.to_string()),
            }
            if found.torn > 0 {
                let cut = "were never acknowledged and are cut off at the next start";
                good.push(format!("{} bytes at the end of the journal {cut}", found.torn));
            }
            match &found.checkpoint {
                Ok(checkpoint) => good.push(format!("a checkpoint is signed at {} records", checkpoint.head.size)),
                Err(error) => bad.push(format!("the checkpoint is not accepted: {error}")),
            }
            if found.damage.is_none() && found.checkpoint.is_ok() && !found.hashes_to_root() {
                bad.push("the records do not hash to the signed root: the journal was altered or replaced".to_owned());
            }
        }
        Err(error) => bad.push(rondo_runtime::lifecycle::with_sources(&error)),
    }
    match inspect::keys(data) {
        Ok(()) => good.push("the signing key fits the public key".to_owned()),
        Err(error) => bad.push(rondo_runtime::lifecycle::with_sources(&error)),
    }
    match inspect::unfinished(data) {
        Ok(found) => {
            if found.went_down {
                good.push(
                    "the machine went down while the ledger was at work; the next start makes the store anew"
                        .to_owned(),
                );
            }
            if found.key_change {
                bad.push(
                    "a change of the signing key was begun and not finished; run `rondo audit key rotate` once more"
                        .to_owned(),
                );
            }
        }
        Err(error) => bad.push(rondo_runtime::lifecycle::with_sources(&error)),
    }
    match inspect::files(data) {
        Ok(files) if files.missing.is_empty() && files.damaged.is_empty() => {
            good.push(format!("all {} files that records speak of are stored whole", files.named));
        }
        Ok(files) => bad.extend(about_files(&files)),
        Err(error) => bad.push(rondo_runtime::lifecycle::with_sources(&error)),
    }
    if data.join("log.json").exists() && !data.join("index").exists() {
        good.push("the store of indexes is missing; it is rebuilt from the journal at the next start".to_owned());
    }
    if data.join("log.json").exists() && !data.join("tree").exists() {
        good.push(
            "the hashes of the tree are missing; they are written anew from the journal at the next start".to_owned(),
        );
    }
    match People::read(&config.in_data(&config.mail.people)) {
        Ok(people) => good.push(format!("the register of people has {} entries", people.person.len())),
        Err(error) => bad.push(rondo_runtime::lifecycle::with_sources(&error)),
    }
    let mut told: String = good.iter().map(|line| format!("ok: {line}\n")).collect();
    told.extend(bad.iter().map(|line| format!("TROUBLE: {line}\n")));
    document(form, json!({"ok": good, "trouble": bad}), &told)?;
    if bad.is_empty() { Ok(()) } else { Err(Failure::failed(format!("{} troubles; see above", bad.len()))) }
}
