//! `rondo doctor`: what is wrong with an installation, in words, and what can be rebuilt.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rondo_eventlog::record::Time;
use rondo_ledger::inspect;
use rondo_ledger::time::{self, Doubt};
use rondo_runtime::clock::{Clock, SystemClock};
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

/// What is missing and follows from the journal.
fn rebuilt(data: &Path) -> Vec<String> {
    let missing = |(folder, what): &(&str, &str)| {
        let is_missing = data.join("log.json").exists() && !data.join(folder).exists();
        is_missing.then(|| format!("{what} missing; it is made anew from the journal at the next start"))
    };
    [("index", "the store of indexes is"), ("tree", "the folder of the tree's hashes is")]
        .iter()
        .filter_map(missing)
        .collect()
}

/// What lies among the journal's segments and is never read.
fn strangers(data: &Path) -> Vec<String> {
    // A folder that cannot be listed has been told of by the reading of the journal.
    let found = rondo_ledger::journal::strangers(&data.join("journal")).unwrap_or_default();
    let told = |path: &PathBuf| {
        format!(
            "{} is no segment of the journal and is never read; take it away, or give it its name back",
            path.display()
        )
    };
    found.iter().map(told).collect()
}

fn about_unfinished(found: &inspect::Unfinished, records: Option<u64>, good: &mut Vec<String>, bad: &mut Vec<String>) {
    if records.is_some_and(|records| records < found.signed) {
        bad.push(format!("{} records were signed, and the journal has fewer: it is an older copy, and nothing is signed on it. Restore the newest journal", found.signed));
    }
    if let Some(signed) = found.contradicted {
        bad.push(format!("somebody holds a checkpoint of {signed} records by this log's key that the log does not extend (`contradiction`); nothing is signed on it. Restore the newest journal; if nobody has it, `rondo audit continue` goes on under a new key"));
    }
    if found.went_down {
        good.push("the machine went down while the ledger was at work; the next start makes the store anew".to_owned());
    }
    if found.continuing {
        bad.push("going on after a loss was begun and not finished; run `rondo audit continue` once more".to_owned());
    }
    if found.key_change {
        bad.push(
            "a change of the signing key was begun and not finished; run `rondo audit key rotate` once more".to_owned(),
        );
    }
}

fn about_index(index: &inspect::Index, good: &mut Vec<String>, bad: &mut Vec<String>) {
    match index {
        inspect::Index::Absent => {}
        inspect::Index::AtWork => {
            good.push("the store of indexes is at work; its pages are read when no server runs".to_owned());
        }
        inspect::Index::Failed(told) => {
            good.push(format!("the store of indexes failed ({told}); the next start makes it anew from the journal"));
        }
        inspect::Index::Whole { packs, places } => {
            good.push(format!("every page of the store of indexes can be read: {packs} packs, {places} places"));
        }
        inspect::Index::Damaged(fault) => bad.push(format!(
            "the store of indexes is damaged: {}; delete the folder `index` while nothing runs, it is rebuilt from the journal",
            rondo_runtime::lifecycle::with_sources(fault)
        )),
    }
}

/// The register of people, and who holds a role and is not in it. Where there is no register it is elsewhere, with the reminder.
fn about_people(config: &Config) -> (Option<String>, Option<String>) {
    let path = config.in_data(&config.mail.people);
    let people = match People::read(&path) {
        Ok(people) => people,
        Err(error) => return (None, Some(rondo_runtime::lifecycle::with_sources(&error))),
    };
    let well = Some(format!("the register of people has {} entries", people.person.len()));
    let (true, Ok(network)) = (path.exists(), inspect::network(&config.ledger.data)) else { return (well, None) };
    let now = SystemClock.now();
    let missing: Vec<String> = network
        .grants
        .iter()
        .filter(|(person, grants)| {
            grants.iter().any(|grant| grant.holds_at(now)) && !people.person.contains_key(*person)
        })
        .map(|(person, _)| person.to_string())
        .collect();
    let wrong = (!missing.is_empty()).then(|| {
        let who = missing.join(", ");
        format!("no mail reaches who holds a role and is not in the register of people: {who}. See `rondo person add`")
    });
    (well, wrong)
}

fn troubles(count: usize) -> String {
    if count == 1 { "one trouble; see above".to_owned() } else { format!("{count} troubles; see above") }
}

/// What there is to say of the clock, by the last record.
fn of_clock(data: &Path, last: Option<Time>, (good, bad): (&mut Vec<String>, &mut Vec<String>)) {
    match time::look(crate::demo::clock_of(data), data, last) {
        Ok((Some(Doubt::Behind { .. }), told)) => bad.extend(told),
        // That a log was not at work for days is no trouble of it.
        Ok((_, told)) => good.extend(told),
        Err(error) => bad.push(rondo_runtime::lifecycle::with_sources(&error)),
    }
}

/// Looks at a data directory without changing it.
pub(crate) fn run(config: &Config, form: Form) -> Result<(), Failure> {
    let data = &config.ledger.data;
    let mut good = Vec::new();
    let mut bad = Vec::new();
    let mut records = None;
    match inspect::inspect(data, None, &[]) {
        Ok(found) => {
            // Behind damage nobody knows how many there are.
            records = found.damage.is_none().then_some(found.records);
            match &found.damage {
                None => good.push(format!("the journal holds {} whole records", found.records)),
                Some(damage) => bad.push(damage.to_string()),
            }
            of_clock(data, found.latest, (&mut good, &mut bad));
            good.extend(found.losses.iter().map(|loss| format!("the log says: {loss}")));
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
    bad.extend(strangers(data));
    match inspect::keys(data) {
        Ok(()) => good.push("the signing key fits the public key".to_owned()),
        Err(error) => bad.push(rondo_runtime::lifecycle::with_sources(&error)),
    }
    match inspect::unfinished(data) {
        Ok(found) => about_unfinished(&found, records, &mut good, &mut bad),
        Err(error) => bad.push(rondo_runtime::lifecycle::with_sources(&error)),
    }
    match inspect::files(data) {
        Ok(files) if files.missing.is_empty() && files.damaged.is_empty() => {
            good.push(format!("all {} files that records speak of are stored whole", files.named));
        }
        Ok(files) => bad.extend(about_files(&files)),
        Err(error) => bad.push(rondo_runtime::lifecycle::with_sources(&error)),
    }
    match inspect::index(data) {
        Ok(index) => about_index(&index, &mut good, &mut bad),
        Err(error) => bad.push(rondo_runtime::lifecycle::with_sources(&error)),
    }
    good.extend(rebuilt(data));
    let (well, wrong) = about_people(config);
    good.extend(well);
    bad.extend(wrong);
    // Damage of the journal is met by whoever reads it.
    let mut told = BTreeSet::new();
    bad.retain(|trouble| told.insert(trouble.clone()));
    let mut told: String = good.iter().map(|line| format!("ok: {line}\n")).collect();
    told.extend(bad.iter().map(|line| format!("TROUBLE: {line}\n")));
    document(form, json!({"ok": good, "trouble": bad}), &told)?;
    if bad.is_empty() { Ok(()) } else { Err(Failure::failed(troubles(bad.len()))) }
}
