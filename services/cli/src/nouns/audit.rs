//! `rondo audit`: four separate answers, never one word for all; and what others need to find the same.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use rondo_eventlog::Ledger;
use rondo_eventlog::merkle::{Checkpoint, Policy, Receipt, Verifier};
use rondo_ledger::inspect::{self, Inspection};
use rondo_ledger::upkeep::COSIGNED;
use rondo_runtime::clock::{Clock, SystemClock};
use rondo_runtime::config::Config;
use serde_json::json;

use crate::args::{AuditVerb, KeyVerb};
use crate::desk::Desk;
use crate::failure::Failure;
use crate::output::{Form, document, hint, line, said};
use crate::receipts;
use crate::witness::{self, Asked, NotCosigned, Witnesses};

/// What is said of every log that verifies.
const LIMITS: &str = "A history that was rewritten and signed again passes 1 and 2; only a checkpoint, receipt or witness kept elsewhere shows it.";

/// What is said where no policy was given.
const NO_POLICY: &str = "not asked: give the policy of your witnesses with --policy FILE";

/// Runs a verb that needs no ledger: files are enough.
pub(crate) fn verify(verb: &AuditVerb, config: &Config, form: Form) -> Result<(), Failure> {
    let AuditVerb::Verify { path, saved, key, policy, fresh, record } = verb else {
        return Err(Failure::usage("this verb needs the log"));
    };
    let saved = saved.as_deref().map(text).transpose()?.map(|saved| match Receipt::read(&saved) {
        // A receipt holds the checkpoint of its day.
        Ok(receipt) => receipt.checkpoint,
        Err(_) => saved,
    });
    if saved.as_deref().is_some_and(|saved| Checkpoint::claimed(saved).is_none()) {
        return Err(Failure::usage("the file given with --saved is neither a checkpoint nor a receipt"));
    }
    let key = key.as_deref().map(text).transpose()?;
    if key.as_ref().is_some_and(|keys| keys.trim().is_empty()) {
        return Err(Failure::usage("the file of the key is empty"));
    }
    let policy = policy.as_deref().map(witness::read_policy).transpose()?;
    let path = path.as_deref().unwrap_or(&config.ledger.data);
    if path.extension().is_some_and(|end| end == "tar") {
        let what = "is a backup as one file; it is verified while it is restored: rondo restore --from";
        return Err(Failure::usage(format!("{} {what} {} --data DIR", path.display(), path.display())));
    }
    if path.is_file() {
        if saved.is_some() || policy.is_some() {
            return Err(Failure::usage("--saved and --policy are about a log; a receipt is held against --key alone"));
        }
        return verify_receipt(path, record.as_deref(), key.as_deref(), form);
    }
    let cosigned = match &policy {
        None => None,
        Some(_) => {
            let kept = path.join(COSIGNED);
            Some(text(&if kept.exists() { kept } else { path.join("checkpoint") })?)
        }
    };
    // All that has to be extended is looked for in one reading of the log; what was saved comes first.
    let asked: Vec<&str> = saved.as_deref().into_iter().chain(cosigned.as_deref()).collect();
    let found = if inspect::is_export(path) {
        inspect::export(path, key.as_deref(), &asked)?
    } else {
        inspect::inspect(path, key.as_deref(), &asked)?
    };
    let witnessed = match (&policy, &cosigned) {
        (Some(policy), Some(note)) => witnesses(policy, note, found.extends(asked.len() - 1), *fresh),
        _ => Answer::none(NO_POLICY),
    };
    tell(&found, saved.is_some(), &witnessed, form)
}

/// An answer: whether it is good, where it was asked for, and in words.
struct Answer {
    good: Option<bool>,
    told: String,
}

impl Answer {
    fn none(told: &str) -> Self {
        Self { good: None, told: told.to_owned() }
    }
}

/// Whether the log is witnessed as the policy asks: enough of its witnesses cosigned a checkpoint that the log extends, not
/// longer ago than so many hours, where that is asked.
fn witnesses(policy: &Policy, note: &str, extends: Option<bool>, fresh: Option<u32>) -> Answer {
    let since = fresh.map_or(Timestamp::MIN, |hours| SystemClock.now() - SignedDuration::from_hours(i64::from(hours)));
    let (found, ever) =
        match policy.judge(note, since).and_then(|found| Ok((found, policy.judge(note, Timestamp::MIN)?))) {
            Ok(found) => found,
            Err(error) => return Answer { good: Some(false), told: format!("BAD: {error}") },
        };
    let size = found.checkpoint.head.size;
    let by: Vec<String> = found.witnesses.iter().map(|(name, at)| format!("{name} at {at}")).collect();
    let by = if by.is_empty() { "nobody".to_owned() } else { by.join(", ") };
    if !found.asks {
        if fresh.is_some() {
            let told =
                "BAD: the policy asks for no witness, and without one nobody can tell how fresh this is".to_owned();
            return Answer { good: Some(false), told };
        }
        return Answer::none(&format!("not witnessed: the policy asks for no witness (cosigned by {by})"));
    }
    let good = found.quorum && extends == Some(true);
    let told = match (found.quorum, extends) {
        (false, _) if ever.quorum => {
            format!(
                "BAD: not fresh: {size} records are cosigned by {by}, longer ago than {} hours",
                fresh.unwrap_or_default()
            )
        }
        (false, _) => format!("BAD: not as many witnesses as the policy asks cosigned {size} records: {by}"),
        (true, Some(true)) => format!("good: the first {size} records are cosigned by {by}"),
        (true, _) => format!("BAD: {by} cosigned {size} records that this log does not begin with"),
    };
    Answer { good: Some(good), told }
}

/// Hashes every record of a data directory again.
pub(crate) fn verify_directory(data: &Path, form: Form) -> Result<(), Failure> {
    tell(&inspect::inspect(data, None, &[])?, false, &Answer::none(NO_POLICY), form)
}

/// Says that the machine's clock is right.
pub(crate) fn confirm_clock(today: jiff::civil::Date, data: &Path, form: Form) -> Result<(), Failure> {
    rondo_ledger::time::confirm(data, today, SystemClock.now())?;
    said(form, &format!("The clock is right: it is {today}. What was refused is taken now when it is sent again."))
}

/// The largest text that is read: a key, a checkpoint, a receipt or a policy.
const MAX_TEXT: u64 = 1 << 20;

fn text(path: &Path) -> Result<String, Failure> {
    let failed = |e: std::io::Error| Failure::usage(format!("cannot read {}: {e}", path.display()));
    let mut text = String::new();
    File::open(path).map_err(failed)?.take(MAX_TEXT + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > MAX_TEXT {
        return Err(Failure::usage(format!(
            "{} is larger than a key, a checkpoint, a receipt or a policy is",
            path.display()
        )));
    }
    if text.contains("\r\n") {
        return Err(Failure::usage(format!(
            "{} has the line ends of Windows: a mail program or an editor changed it, and a signature is over the exact bytes. Take it out of the mail as a file, or give it its own line ends back: sed -i 's/\\r$//' {}",
            path.display(),
            path.display()
        )));
    }
    Ok(text)
}

/// Has the witnesses of a policy cosign the newest checkpoint.
async fn be_witnessed(ledger: &dyn Ledger, policy: &Path, config: &Config, form: Form) -> Result<(), Failure> {
    let policy = witness::read_policy(policy)?;
    if policy.to_be_asked().next().is_none() {
        return Err(Failure::usage("the policy names no witness with an address, so that there is nobody to ask"));
    }
    let renewed = Witnesses::new(policy, config)?.renew(ledger).await?;
    let outcome = |asked: &Asked| asked.outcome.as_ref().map_or_else(NotCosigned::sentence, |_| "cosigned").to_owned();
    let mut told: String = renewed.asked.iter().map(|asked| format!("{}: {}\n", asked.name, outcome(asked))).collect();
    if let Some(size) = renewed.size {
        let kept = config.ledger.data.join(COSIGNED);
        told.push_str(&format!("{size} records are cosigned; kept as {}.", kept.display()));
    }
    let witnesses = renewed.asked.iter().map(|asked| json!({"witness": asked.name, "says": outcome(asked)}));
    document(form, json!({"records": renewed.size, "witnesses": witnesses.collect::<Vec<_>>()}), &told)?;
    if renewed.contradiction().is_some() {
        return Err(Failure::findings("a witness holds what this log does not extend; no cosignature was kept"));
    }
    if let Some(why) = renewed.unweighed() {
        return Err(Failure::failed(why));
    }
    let few = || Failure::try_later("not as many witnesses cosigned as the policy asks; nothing was kept");
    renewed.size.map(|_| ()).ok_or_else(few)
}

/// Runs a verb that reads the log.
pub(crate) async fn run(verb: &AuditVerb, desk: &Desk, config: &Config, form: Form) -> Result<(), Failure> {
    let ledger = &*desk.ledger;
    match verb {
        AuditVerb::Verify { .. } | AuditVerb::Clock { .. } | AuditVerb::Continue { .. } => {
            Err(Failure::usage("this verb needs no log"))
        }
        AuditVerb::State => {
            let state = rondo_eventlog::state::hash(ledger).await?;
            let told =
                format!("{} streams of {} records have the state {}.", state.streams, state.records, state.sha256);
            document(form, json!(state), &told)
        }
        AuditVerb::Key(KeyVerb::List { plain }) => super::key::list(ledger, *plain, form).await,
        AuditVerb::Key(_) => Err(Failure::usage("this verb needs no log")),
        AuditVerb::Search(args) => super::search::run(args, desk, form).await,
        AuditVerb::Witness { policy } => be_witnessed(ledger, policy, config, form).await,
        AuditVerb::Checkpoint => line(ledger.checkpoint().await?.trim_end()),
        AuditVerb::Export { out } => {
            let told = |done: u64, all: u64| {
                if done.is_multiple_of(1 << 16) {
                    hint(&format!("{done} of {all} records are written"));
                }
            };
            let exported = rondo_ledger::export::export(ledger, out, told).await.map_err(|e| match e {
                rondo_ledger::export::ExportError::NotEmpty(_) => Failure::conflict(e.to_string()),
                other => Failure::of(&other),
            })?;
            let (size, root) = (exported.head.size, hex::encode(exported.head.root));
            let told = format!(
                "{size} records of {} are exported to {}, {} files.",
                exported.origin,
                out.display(),
                exported.files
            );
            let value = json!({"origin": exported.origin, "records": size, "root": root, "files": exported.files, "out": out,
                "losses": exported.losses});
            let lost: String = exported.losses.iter().map(|loss| format!("\nThe log says: {loss}")).collect();
            document(form, value, &format!("{told}{lost}"))?;
            hint(&format!("Next: rondo audit verify {}", out.display()));
            Ok(())
        }
        AuditVerb::Proof { record, since, out } => match (record, since) {
            (Some(position), _) => {
                let (receipt, record) = receipts::receipt(ledger, *position).await?;
                let path = receipts::write(out, &format!("record-{position}"), &receipt, &record)?;
                written(&[path], form)
            }
            (None, Some(since)) => {
                let (checkpoint, proof) = receipts::consistency(ledger, *since).await?;
                let hashes: Vec<String> = proof.iter().map(|hash| STANDARD.encode(hash)).collect();
                let head = checkpoint.head;
                let value = json!({
                    "origin": checkpoint.origin, "old_size": since, "size": head.size, "root": STANDARD.encode(head.root),
                    "consistency": hashes,
                });
                let told = format!("The log of {} records extends that of {since}:\n{}", head.size, hashes.join("\n"));
                document(form, value, &told)
            }
            (None, None) => Err(Failure::usage("name a record, or --since a number of records")),
        },
    }
}

/// Says where receipts were written.
pub(crate) fn written(paths: &[PathBuf], form: Form) -> Result<(), Failure> {
    let told = |path: &PathBuf| format!("Written: {}, with its record beside it.", path.display());
    said(form, &paths.iter().map(told).collect::<Vec<_>>().join("\n"))?;
    if let Some(last) = paths.last() {
        hint(&format!("Next: rondo audit verify {} --key FILE, with the log's public key (log.vkey)", last.display()));
    }
    Ok(())
}

fn verify_receipt(path: &Path, record: Option<&Path>, key: Option<&str>, form: Form) -> Result<(), Failure> {
    let receipt = Receipt::read(&text(path)?).map_err(|e| Failure::usage(format!("{}: {e}", path.display())))?;
    let beside = path.with_extension("record");
    let record = record.unwrap_or(&beside);
    let bytes = std::fs::read(record).map_err(|e| {
        Failure::usage(format!("cannot read the record {}: {e}; name it with --record", record.display()))
    })?;
    let Some(key) = key else {
        return Err(Failure::usage(
            "a receipt is held against a key that you have from elsewhere: --key FILE (log.vkey)",
        ));
    };
    // A file may name every key the log had: a receipt was signed by the one of its day.
    let is_key = |line: &&str| !line.trim().is_empty() && !line.starts_with('#');
    let verifiers = key.lines().filter(is_key).map(Verifier::from_vkey);
    let verifiers: Vec<Verifier> = verifiers.collect::<Result<_, _>>().map_err(|e| Failure::usage(e.to_string()))?;
    let fits = |verifier: &&Verifier| verifier.open(&receipt.checkpoint).is_ok();
    let verifier = verifiers.iter().find(fits).or(verifiers.last());
    let verifier = verifier.ok_or_else(|| Failure::usage("the file of the key is empty"))?;
    let checked = receipt.check(&bytes, verifier);
    let told = match &checked {
        Ok(checkpoint) => format!(
            "good: the record stands at {} of the {} records that {} signed",
            receipt.index, checkpoint.head.size, checkpoint.origin
        ),
        Err(error) => format!("BAD: {}", rondo_runtime::lifecycle::with_sources(error)),
    };
    let lost = super::key::lost_under(key, &verifier.vkey());
    let lost = lost.filter(|(kept, _)| checked.as_ref().is_ok_and(|signed| signed.head.size > *kept));
    let told = match lost {
        Some((kept, words)) => {
            let it =
                if receipt.index >= kept { "this record is one of them" } else { "this record is not one of them" };
            format!("{told}\nThe log goes on under another key and says: {words}. By its number, {it}.")
        }
        None => told,
    };
    let value = json!({
        "lost": lost.map(|(_, words)| words), "receipt": checked.is_ok(), "index": receipt.index, "origin": checked.as_ref().ok().map(|signed| &signed.origin),
        "size": checked.as_ref().ok().map(|signed| signed.head.size), "witnessed": false,
    });
    document(form, value, &told)?;
    checked.map(|_| ()).map_err(|_| Failure::findings("the receipt does not verify; see above"))
}

fn signature(found: &Inspection) -> String {
    match &found.checkpoint {
        Ok(checkpoint) => format!("good: signed by {} at {} records", checkpoint.origin, checkpoint.head.size),
        Err(error) => format!("BAD: {error}"),
    }
}

fn bytes(found: &Inspection) -> String {
    let signed = found.checkpoint.as_ref().map(|checkpoint| checkpoint.head.size).ok();
    let records = found.records;
    if let Some(position) = found.altered {
        return format!("BAD: record {position} is not what was hashed when it was written");
    }
    if let Some(damage) = &found.damage {
        return format!("BAD: {damage}");
    }
    if let Some(position) = found.misplaced {
        return format!("BAD: record {position} says that it stands elsewhere");
    }
    match signed {
        None => format!("not comparable: {records} records are whole, and no accepted checkpoint says their root"),
        Some(_) if !found.hashes_to_root() => "BAD: the records do not hash to the signed root".to_owned(),
        Some(size) if size < records => {
            let newer = records - size;
            format!(
                "good: all {size} signed records hash to the signed root; {newer} newer ones are whole, not yet signed"
            )
        }
        Some(_) => format!("good: all {records} records hash to the signed root"),
    }
}

fn extends(found: &Inspection, saved: bool) -> String {
    let told = whether_extends(found, saved);
    // A loss that the log tells of is none that it hides; it extends what was saved no more for that.
    let size = found.saved.first().and_then(|saved| saved.as_ref().ok()).map_or(0, |(saved, _)| saved.head.size);
    let lost = found.losses.iter().find(|loss| told.starts_with("BAD") && loss.kept < size);
    lost.map_or(told.clone(), |loss| format!("{told}. The log says: {loss}"))
}

fn whether_extends(found: &Inspection, saved: bool) -> String {
    match found.saved.first().filter(|_| saved) {
        None => "not asked: give a checkpoint that you saved with --saved FILE".to_owned(),
        Some(Err(error)) => format!("BAD: the checkpoint that was saved is not accepted: {error}"),
        Some(Ok((saved, Some(root)))) if *root == saved.head.root => {
            format!("good: the first {} records are those of the checkpoint that was saved", saved.head.size)
        }
        Some(Ok((saved, Some(_)))) => {
            format!("BAD: the first {} records are not those of the checkpoint that was saved", saved.head.size)
        }
        Some(Ok((saved, None))) => {
            format!(
                "BAD: the log has {} records, and the checkpoint that was saved signs {}",
                found.records, saved.head.size
            )
        }
    }
}

/// What the log says is lost of it.
fn lost(found: &Inspection) -> String {
    found.losses.iter().map(|loss| format!("   lost:       {loss} (said by record {})\n", loss.kept)).collect()
}

fn tell(found: &Inspection, saved: bool, witnessed: &Answer, form: Form) -> Result<(), Failure> {
    let extends_saved = found.extends(0).filter(|_| saved);
    let told = format!(
        "Log {}\n1. signature:  {}\n2. bytes:      {}\n3. extends:    {}\n4. witnessed:  {}\n{}{LIMITS}",
        found.origin,
        signature(found),
        bytes(found),
        extends(found, saved),
        witnessed.told,
        lost(found),
    );
    let value = json!({
        "origin": found.origin, "vkey": found.vkey, "records": found.records,
        "signed_records": found.checkpoint.as_ref().map(|checkpoint| checkpoint.head.size).ok(),
        "root": hex::encode(found.head.root), "signature": found.checkpoint.is_ok(), "bytes": found.hashes_to_root(),
        "extends_saved_checkpoint": extends_saved, "witnessed": witnessed.good,
        "damage": found.damage.as_ref().map(ToString::to_string), "first_bad_record": found.altered.or(found.misplaced),
        "losses": found.losses, "limits": LIMITS,
    });
    document(form, value, &told)?;
    let good = found.checkpoint.is_ok()
        && found.hashes_to_root()
        && extends_saved != Some(false)
        && witnessed.good != Some(false);
    if good { Ok(()) } else { Err(Failure::findings("the log does not verify; see the answers above")) }
}
