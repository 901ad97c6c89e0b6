//! Witnesses (C2SP tlog-witness): asked to cosign the newest checkpoint, each with the proof that it extends what it saw last.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Client, Response, StatusCode};
use rondo_eventlog::merkle::{Cosigner, Policy};
use rondo_eventlog::{Fault, Head, Ledger};
use rondo_ledger::upkeep::COSIGNED;
use rondo_runtime::config::Config;
use rondo_runtime::lifecycle::Lifecycle;

use crate::failure::Failure;
use crate::receipts;

/// How long one witness may take.
const TIMEOUT: Duration = Duration::from_secs(15);
/// The largest answer taken of a witness, in bytes.
const MAX_ANSWER: usize = 16 * 1024;

/// After how long without cosignatures an operator is told; nothing where no witness is asked.
pub(crate) fn late(config: &Config) -> Option<Duration> {
    config.witness.policy.as_ref()?;
    Some(Duration::from_secs(config.witness.every_seconds.max(1)).saturating_mul(3))
}

/// What came of asking one witness.
pub(crate) struct Asked {
    pub(crate) name: String,
    /// Its signature line, or why there is none.
    pub(crate) outcome: Result<String, String>,
}

/// Reads a policy (C2SP tlog-policy).
pub(crate) fn read_policy(path: &Path) -> Result<Policy, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| Failure::usage(format!("cannot read the policy {}: {e}", path.display())))?;
    Policy::read(&text).map_err(|e| Failure::usage(format!("{}: {e}", path.display())))
}

/// Asks the witnesses, and keeps the checkpoint with their cosignatures in the data directory, if they are as many as the
/// policy asks; says then how many records it signs.
pub(crate) async fn renew(
    ledger: &dyn Ledger,
    policy: &Policy,
    data: &Path,
) -> Result<(Vec<Asked>, Option<u64>), Failure> {
    let (note, asked) = ask(ledger, policy).await?;
    let judged = policy.judge(&note, jiff::Timestamp::MIN).map_err(|e| Failure::of(&e))?;
    if !judged.quorum || judged.witnesses.is_empty() {
        return Ok((asked, None));
    }
    keep(&data.join(COSIGNED), &note)?;
    Ok((asked, Some(judged.checkpoint.head.size)))
}

/// Asks the witnesses that the configuration names, now and then, until asked to stop.
pub(crate) fn start(lifecycle: &mut Lifecycle, config: &Config, ledger: Arc<dyn Ledger>) -> Result<(), Failure> {
    let Some(path) = &config.witness.policy else { return Ok(()) };
    let policy = read_policy(&config.in_data(path))?;
    let every = Duration::from_secs(config.witness.every_seconds.max(1));
    let (data, mut stop) = (config.ledger.data.clone(), lifecycle.stop());
    lifecycle.spawn("witness", async move {
        while !stop.is_asked() {
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                () = stop.wait() => break,
            }
            tell(renew(&*ledger, &policy, &data).await);
        }
        Ok::<(), Fault>(())
    });
    Ok(())
}

/// A witness that is away is asked again; that is said, and stops nothing.
fn tell(outcome: Result<(Vec<Asked>, Option<u64>), Failure>) {
    match outcome {
        Ok((_, Some(size))) => tracing::info!(size, "the log is witnessed"),
        Ok((asked, None)) => {
            for Asked { name, outcome } in asked {
                let why = outcome.err().unwrap_or_else(|| "cosigned".to_owned());
                tracing::warn!("not as many witnesses cosigned as the policy asks; {name}: {why}");
            }
        }
        Err(failure) => tracing::warn!("the witnesses could not be asked: {}", failure.sentence),
    }
}

/// Asks every witness of a policy that has an address, and gives the checkpoint with their cosignatures.
async fn ask(ledger: &dyn Ledger, policy: &Policy) -> Result<(String, Vec<Asked>), Failure> {
    let head = ledger.head().await?;
    let (note, checkpoint) = receipts::checkpoint(ledger, head.size).await?;
    let client = Client::builder().timeout(TIMEOUT).no_proxy().build().map_err(|e| Failure::of(&e))?;
    let mut cosigned = note.clone();
    let mut asked = Vec::new();
    for (name, cosigner, url) in policy.to_be_asked() {
        let outcome = one(ledger, &client, (url, cosigner), (&note, &checkpoint.head)).await?;
        if let Ok(line) = &outcome {
            cosigned.push_str(line);
        }
        asked.push(Asked { name: name.to_owned(), outcome });
    }
    Ok((cosigned, asked))
}

/// Asks one witness: from the beginning, and once more from where it says that it stands.
async fn one(
    ledger: &dyn Ledger,
    client: &Client,
    (url, cosigner): (&str, &Cosigner),
    (note, head): (&str, &Head),
) -> Result<Result<String, String>, Failure> {
    let (mut old, size) = (0, head.size);
    for _ in 0..2 {
        let proof = receipts::consistency_up_to(ledger, old, head).await?;
        let lines: String = proof.iter().map(|hash| format!("{}\n", STANDARD.encode(hash))).collect();
        let body = format!("old {old}\n{lines}\n{note}");
        let address = format!("{}/add-checkpoint", url.trim_end_matches('/'));
        let answer = match client.post(address).body(body).send().await {
            Ok(answer) => answer,
            Err(error) => return Ok(Err(format!("it does not answer: {error}"))),
        };
        let status = answer.status();
        let text = match text_of(answer).await {
            Ok(text) => text,
            Err(why) => return Ok(Err(why)),
        };
        match status {
            StatusCode::OK => return Ok(line_of(cosigner, note, &text)),
            StatusCode::CONFLICT => match text.trim_end().parse::<u64>() {
                Ok(seen) if seen != old && seen <= size => old = seen,
                Ok(seen) if seen > size => {
                    return Ok(Err(format!(
                        "it has seen {seen} records, and this log has {size}: this is an older copy"
                    )));
                }
                _ => return Ok(Err("it has cosigned another history of this log".to_owned())),
            },
            StatusCode::UNPROCESSABLE_ENTITY => {
                return Ok(Err("this log does not extend what it has cosigned".to_owned()));
            }
            StatusCode::NOT_FOUND => return Ok(Err("it does not know this log".to_owned())),
            StatusCode::FORBIDDEN => return Ok(Err("it does not trust the key of this log".to_owned())),
            other => return Ok(Err(format!("it answered {other}"))),
        }
    }
    Ok(Err("it moves on while it is asked".to_owned()))
}

/// The text of an answer, of which no more is taken than one has.
async fn text_of(mut answer: Response) -> Result<String, String> {
    let mut bytes = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(|_| "its answer broke off".to_owned())? {
        bytes.extend_from_slice(&part);
        if bytes.len() > MAX_ANSWER {
            return Err(format!("its answer has more than {MAX_ANSWER} bytes"));
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The line of the answer that is this witness's cosignature of the note; others in it are not believed.
fn line_of(cosigner: &Cosigner, note: &str, answer: &str) -> Result<String, String> {
    for line in answer.lines() {
        let line = format!("{line}\n");
        if matches!(cosigner.cosigned(&format!("{note}{line}")), Ok(Some(_))) {
            return Ok(line);
        }
    }
    Err("its answer holds no cosignature by its key".to_owned())
}

/// Keeps a cosigned checkpoint, all or nothing.
fn keep(path: &Path, note: &str) -> Result<(), Failure> {
    let beside = path.with_extension("new");
    let failed = |e: std::io::Error| Failure::failed(format!("cannot write {}: {e}", path.display()));
    std::fs::write(&beside, note).map_err(failed)?;
    std::fs::rename(&beside, path).map_err(failed)
}
