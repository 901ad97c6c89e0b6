//! `rondo doctor`: what is wrong with an installation, in words, and what can be rebuilt.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rondo_domain::PersonId;
use rondo_eventlog::record::Time;
use rondo_ledger::contradicted::{Speaker, Word};
use rondo_ledger::time::{self, Doubt};
use rondo_ledger::{OpenError, inspect};
use rondo_runtime::clock::{Clock, SystemClock};
use rondo_runtime::config::Config;
use rondo_runtime::lifecycle::with_sources;
use rondo_runtime::people::People;
use serde_json::json;

use crate::failure::Failure;
use crate::output::{Form, document};

/// What is found, by what it asks of whoever reads it.
#[derive(Default)]
struct Findings {
    /// Nothing: it is as it should be, or mends itself.
    good: Vec<String>,
    /// To look whether it is meant so: nothing here can tell.
    look: Vec<String>,
    /// To mend it.
    bad: Vec<String>,
}

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

/// What was said against the log and kept without proof. Roles that know of records which are not here are one trouble.
fn about_words(words: &[Word]) -> Vec<String> {
    let mut told = Vec::new();
    let mut roles: Vec<&str> = Vec::new();
    let mut most = 0;
    for Word { by, size, says, .. } in words {
        match by {
            Speaker::Role(role) => {
                roles.push(role);
                most = most.max(*size);
            }
            Speaker::Witness { .. } => told.push(format!("{by} said something against this log that was kept without proof (`disputed`), and nothing is signed on it: {says}")),
        }
    }
    if !roles.is_empty() {
        told.push(format!("records of this log were shown that are not here, up to {most} of them, to: {} (kept as `disputed`). Nothing is signed on it. Restore the newest journal; if nobody has it, or that was wrong, `rondo audit continue` goes on under a new key", roles.join(", ")));
    }
    told
}

fn about_unfinished(found: &inspect::Unfinished, records: Option<u64>, Findings { good, bad, .. }: &mut Findings) {
    if records.is_some_and(|records| records < found.signed) {
        bad.push(format!("{} records were signed, and the journal has fewer: it is an older copy, and nothing is signed on it. Restore the newest journal", found.signed));
    }
    if let Some(signed) = found.contradicted {
        bad.push(format!("somebody holds a checkpoint of {signed} records by this log's key that the log does not extend (`contradiction`); nothing is signed on it. Restore the newest journal; if nobody has it, `rondo audit continue` goes on under a new key"));
    }
    bad.extend(about_words(&found.disputed));
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

fn about_index(index: &inspect::Index, Findings { good, look, bad }: &mut Findings) {
    match index {
        inspect::Index::Absent => {}
        inspect::Index::AtWork => {
            good.push("the store of indexes is at work; its pages are read when no server runs".to_owned());
        }
        inspect::Index::Failed(told) => {
            look.push(format!("the store of indexes failed ({told}); the next start makes it anew from the journal. See whether the disk is well"));
        }
        inspect::Index::Whole { packs, places } => {
            good.push(format!("every page of the store of indexes can be read: {packs} packs, {places} places"));
        }
        inspect::Index::Damaged(fault) => bad.push(format!(
            "the store of indexes is damaged: {}; delete the folder `index` while nothing runs, it is rebuilt from the journal",
            with_sources(fault)
        )),
    }
}

/// The register of people, and who holds a role and is not in it.
fn about_people(config: &Config, Findings { good, look, bad }: &mut Findings) {
    let path = config.in_data(&config.mail.people);
    let people = match People::read(&path) {
        Ok(people) => people,
        Err(error) => return bad.push(with_sources(&error)),
    };
    let now = SystemClock.now();
    // Of a log that cannot be read the reading of the journal has told.
    let network = inspect::network(&config.ledger.data).unwrap_or_default();
    let holders = network.grants.iter().filter(|(_, grants)| grants.iter().any(|grant| grant.holds_at(now)));
    let missing: Vec<&str> =
        holders.map(|(person, _)| person).filter(|id| !people.person.contains_key(id)).map(PersonId::as_str).collect();
    let who = missing.join(", ");
    match (path.exists(), missing.is_empty()) {
        (false, true) => {}
        // With six services it is elsewhere, which nothing here shows for certain.
        (false, false) => look.push(format!(
            "no register of people is here, and these hold a role: {who}. No mail reaches them unless the register is beside the reminder, as with six services: put `people.toml` back, or see `rondo person add`"
        )),
        (true, true) => good.push(format!("the register of people has {} entries", people.person.len())),
        (true, false) => bad.push(format!(
            "no mail reaches who holds a role and is not in the register of people: {who}. See `rondo person add`"
        )),
    }
}

fn troubles(count: usize) -> String {
    if count == 1 { "one trouble; see above".to_owned() } else { format!("{count} troubles; see above") }
}

/// What there is to say of the clock, by the last record.
fn of_clock(data: &Path, last: Option<Time>, Findings { look, bad, .. }: &mut Findings) {
    match time::look(crate::demo::clock_of(data), data, last) {
        Ok((Some(Doubt::Behind { .. }), told)) => bad.extend(told),
        // That a log was not at work for days is no trouble of it; whether the clock is right, a person knows.
        Ok((Some(_), told)) => look.extend(told),
        // That time stands still nobody has to mend, and while it does steps and mail wait.
        Ok((None, told)) => look.extend(told),
        Err(error) => bad.push(with_sources(&error)),
    }
}

/// What the journal holds and what is signed of it; gives how many records there are, where that is known.
fn of_journal(data: &Path, findings: &mut Findings) -> Option<u64> {
    let found = match inspect::inspect(data, None, &[]) {
        Ok(found) => found,
        Err(error) => {
            findings.bad.push(with_sources(&error));
            return None;
        }
    };
    match &found.damage {
        None => findings.good.push(format!("the journal holds {} whole records", found.records)),
        Some(damage) => findings.bad.push(damage.to_string()),
    }
    of_clock(data, found.latest, findings);
    findings.good.extend(found.losses.iter().map(|loss| format!("the log says: {loss}")));
    if found.torn > 0 {
        let cut = "were never acknowledged and are cut off at the next start";
        findings.good.push(format!("{} bytes at the end of the journal {cut}", found.torn));
    }
    match &found.checkpoint {
        Ok(checkpoint) => findings.good.push(format!("a checkpoint is signed at {} records", checkpoint.head.size)),
        Err(error) => findings.bad.push(format!("the checkpoint is not accepted: {error}")),
    }
    if found.damage.is_none() && found.checkpoint.is_ok() && !found.hashes_to_root() {
        let told = "the records do not hash to the signed root: the journal was altered or replaced";
        findings.bad.push(told.to_owned());
    }
    // Behind damage nobody knows how many there are.
    found.damage.is_none().then_some(found.records)
}

/// What is wrong with a data directory that has a log.
fn of_log(data: &Path, findings: &mut Findings) {
    let records = of_journal(data, findings);
    findings.bad.extend(strangers(data));
    match inspect::keys(data) {
        Ok(()) => findings.good.push("the signing key fits the public key".to_owned()),
        Err(error) => findings.bad.push(with_sources(&error)),
    }
    match inspect::unfinished(data) {
        Ok(found) => about_unfinished(&found, records, findings),
        Err(error) => findings.bad.push(with_sources(&error)),
    }
    match inspect::files(data) {
        Ok(files) if files.missing.is_empty() && files.damaged.is_empty() => {
            findings.good.push(format!("all {} files that records speak of are stored whole", files.named));
        }
        Ok(files) => findings.bad.extend(about_files(&files)),
        Err(error) => findings.bad.push(with_sources(&error)),
    }
    match inspect::index(data) {
        Ok(index) => about_index(&index, findings),
        Err(error) => findings.bad.push(with_sources(&error)),
    }
    findings.good.extend(rebuilt(data));
}

/// Looks at a data directory without changing it.
pub(crate) fn run(config: &Config, form: Form) -> Result<(), Failure> {
    let data = &config.ledger.data;
    let mut findings = Findings::default();
    match rondo_ledger::has_note(data) {
        Err(error @ OpenError::NoLog(_)) => findings.bad.push(Failure::from(error).sentence),
        // What else is wrong with the note is met where it is read.
        _ => of_log(data, &mut findings),
    }
    about_people(config, &mut findings);
    let Findings { good, look, mut bad } = findings;
    // Damage of the journal is met by whoever reads it.
    let mut told = BTreeSet::new();
    bad.retain(|trouble| told.insert(trouble.clone()));
    let mut told: String = good.iter().map(|line| format!("ok: {line}\n")).collect();
    told.extend(look.iter().map(|line| format!("look: {line}\n")));
    told.extend(bad.iter().map(|line| format!("TROUBLE: {line}\n")));
    document(form, json!({"ok": good, "look": look, "trouble": bad}), &told)?;
    if bad.is_empty() { Ok(()) } else { Err(Failure::failed(troubles(bad.len()))) }
}
