//! Witnesses (C2SP tlog-witness): asked to cosign the newest checkpoint, each with the proof that it extends what it saw last.
//! One that says that this log is an older copy or another history is believed: nothing more is signed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Client, Response, StatusCode};
use rondo_eventlog::merkle::checkpoint::decimal;
use rondo_eventlog::merkle::{Checkpoint, Cosigner, Policy};
use rondo_eventlog::{Fault, Head, Ledger};
use rondo_ledger::contradicted::{self, Speaker};
use rondo_ledger::upkeep::COSIGNED;
use rondo_ledger::{LedgerHandle, upkeep};
use rondo_runtime::alarm::AlarmCode;
use rondo_runtime::config::Config;
use rondo_runtime::durable;
use rondo_runtime::lifecycle::{Lifecycle, with_sources};
use rondo_runtime::progress::Progress as _;

use crate::failure::Failure;
use crate::{https, receipts};

mod first;
mod weighed;

pub(crate) use first::{AskedFirst, before_signing};

/// How long one witness may take.
const TIMEOUT: Duration = Duration::from_secs(15);
/// The largest answer taken of a witness, in bytes.
const MAX_ANSWER: usize = 16 * 1024;

/// What is said where somebody else asked it meanwhile.
const OVERTAKEN: &str = "it was asked about a newer checkpoint meanwhile; ask it again";

/// After how long without cosignatures an operator is told; nothing where no witness is asked.
pub(crate) fn late(config: &Config) -> Option<Duration> {
    config.witness.policy.as_ref()?;
    Some(Duration::from_secs(config.witness.every_seconds.max(1)).saturating_mul(3))
}

/// What came of asking one witness.
pub(crate) struct Asked {
    pub(crate) name: String,
    /// Its signature line, or why there is none.
    pub(crate) outcome: Result<String, NotCosigned>,
}

/// Why a witness did not cosign.
pub(crate) enum NotCosigned {
    /// It could not be asked, or what it answered is of no use.
    Away(String),
    /// It holds what the log itself says is lost, and answers nothing more.
    HoldsLost(String),
    /// It says something against this log, and whether that is so cannot be found out.
    Unweighed(String),
    /// It has seen a newer checkpoint of this log than the one it was asked about.
    Overtaken,
    /// It cosigned what this log does not extend.
    Contradicts {
        /// How many records it says that it has seen.
        seen: u64,
        why: String,
    },
}

impl NotCosigned {
    /// In words.
    pub(crate) fn sentence(&self) -> &str {
        match self {
            Self::Away(why) | Self::HoldsLost(why) | Self::Unweighed(why) | Self::Contradicts { why, .. } => why,
            Self::Overtaken => OVERTAKEN,
        }
    }
}

/// What came of asking all of them.
pub(crate) struct Renewed {
    pub(crate) asked: Vec<Asked>,
    /// How many records are cosigned by as many as the policy asks; that checkpoint was kept.
    pub(crate) size: Option<u64>,
}

impl Renewed {
    /// The first that says that this log is an older copy or another history.
    pub(crate) fn contradiction(&self) -> Option<String> {
        self.asked.iter().find_map(|asked| match &asked.outcome {
            Err(NotCosigned::Contradicts { why, .. }) => Some(format!("the witness {} says: {why}", asked.name)),
            _ => None,
        })
    }

    /// The first that says something against this log of which nobody knows whether it is so.
    pub(crate) fn unweighed(&self) -> Option<String> {
        self.asked.iter().find_map(|asked| match &asked.outcome {
            Err(NotCosigned::Unweighed(why)) => Some(format!("the witness {}: {why}", asked.name)),
            _ => None,
        })
    }

    /// Whether one of them was asked about a newer checkpoint by somebody else meanwhile.
    fn is_overtaken(&self) -> bool {
        self.asked.iter().any(|asked| matches!(asked.outcome, Err(NotCosigned::Overtaken)))
    }
}

/// Whether the last that was asked says something that ends the signing.
fn closes(asked: &[Asked]) -> bool {
    let last = asked.last().map(|asked| &asked.outcome);
    matches!(last, Some(Err(NotCosigned::Contradicts { .. } | NotCosigned::Unweighed(_))))
}

/// Reads a policy (C2SP tlog-policy).
pub(crate) fn read_policy(path: &Path) -> Result<Policy, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| Failure::usage(format!("cannot read the policy {}: {e}", path.display())))?;
    Policy::read(&text).map_err(|e| Failure::usage(format!("{}: {e}", path.display())))
}

/// The witnesses of a log.
pub(crate) struct Witnesses {
    policy: Policy,
    client: Client,
    data: PathBuf,
    every: Duration,
}

impl Witnesses {
    /// Those of a policy.
    pub(crate) fn new(policy: Policy, config: &Config) -> Result<Self, Failure> {
        let ca_file = config.witness.ca_file.as_ref().map(|path| config.in_data(path));
        let client = https::client(TIMEOUT, ca_file.as_deref())?;
        let every = Duration::from_secs(config.witness.every_seconds.max(1));
        Ok(Self { policy, client, data: config.ledger.data.clone(), every })
    }

    /// Those that the configuration names; nobody is asked where it names none.
    pub(crate) fn from_config(config: &Config) -> Result<Option<Self>, Failure> {
        let Some(path) = &config.witness.policy else { return Ok(None) };
        let policy = read_policy(&config.in_data(path))?;
        if policy.to_be_asked().next().is_none() {
            return Ok(None);
        }
        Self::new(policy, config).map(Some)
    }

    /// Asks the witnesses about the newest checkpoint, and keeps it with their cosignatures in the data directory, if they
    /// are as many as the policy asks. Where somebody else asked about a newer one meanwhile, they are asked about that.
    pub(crate) async fn renew(&self, ledger: &dyn Ledger) -> Result<Renewed, Failure> {
        let mut again = 2;
        loop {
            let head = ledger.head().await?;
            let signed = receipts::checkpoint(ledger, head.size).await?;
            let renewed = self.renewed(ledger, signed).await?;
            if again == 0 || !renewed.is_overtaken() || renewed.contradiction().is_some() {
                return Ok(renewed);
            }
            again -= 1;
        }
    }

    /// Asks them now and then, until asked to stop. Once one contradicts, nothing is signed or taken any more.
    pub(crate) fn start(self, lifecycle: &mut Lifecycle, ledger: LedgerHandle) {
        let mut stop = lifecycle.stop();
        lifecycle.spawn("witness", async move {
            let mut enough = true;
            loop {
                let renewed = tokio::select! {
                    renewed = self.renew(&ledger) => renewed,
                    () = stop.wait() => return Ok::<(), Fault>(()),
                };
                if let Some(why) = renewed.as_ref().ok().and_then(Renewed::unweighed) {
                    // The journal cannot be read: nothing is signed of it, and the end says why.
                    let told = unknown(&why);
                    ledger.sign_no_more(&told);
                    return Err(Fault::Corrupt(told));
                }
                if let Some(why) = renewed.as_ref().ok().and_then(Renewed::contradiction) {
                    let told = refused(&why);
                    ledger.sign_no_more(&told);
                    ledger.board().alarm(upkeep::ROLE, AlarmCode::Fork, Some(&told));
                    stop.wait().await;
                    return Ok(());
                }
                enough = tell(renewed, enough);
                tokio::select! {
                    () = tokio::time::sleep(self.every) => {}
                    () = stop.wait() => return Ok(()),
                }
            }
        });
    }

    async fn renewed(&self, ledger: &dyn Ledger, (note, checkpoint): (String, Checkpoint)) -> Result<Renewed, Failure> {
        let mut cosigned = note.clone();
        let mut asked = Vec::new();
        for (name, cosigner, url) in self.policy.to_be_asked() {
            let by = speaker(name, cosigner);
            let outcome = match self.one(ledger, (url, cosigner), (&note, &checkpoint.head)).await? {
                Err(NotCosigned::Contradicts { seen, why }) => {
                    Err(self.weighed(ledger, (&by, url), &checkpoint, (seen, why)).await)
                }
                outcome => outcome,
            };
            if matches!(outcome, Ok(_) | Err(NotCosigned::HoldsLost(_))) {
                contradicted::withdraw(&self.data, &by)?;
            }
            if let Ok(line) = &outcome {
                cosigned.push_str(line);
            }
            asked.push(Asked { name: name.to_owned(), outcome });
            // What others say changes nothing of it, and they may be slow to say it.
            if closes(&asked) {
                return Ok(Renewed { asked, size: None });
            }
        }
        let judged = self.policy.judge(&cosigned, jiff::Timestamp::MIN).map_err(|e| Failure::of(&e))?;
        let enough = judged.quorum && !judged.witnesses.is_empty();
        let mut renewed = Renewed { asked, size: None };
        if enough && renewed.contradiction().is_none() {
            durable::replace(&self.data.join(COSIGNED), cosigned.as_bytes()).map_err(|e| Failure::of(&e))?;
            renewed.size = Some(judged.checkpoint.head.size);
        }
        Ok(renewed)
    }

    /// Asks one witness: from the beginning, and once more from where it says that it stands.
    async fn one(
        &self,
        ledger: &dyn Ledger,
        (url, cosigner): (&str, &Cosigner),
        (note, head): (&str, &Head),
    ) -> Result<Result<String, NotCosigned>, Failure> {
        let away = |why: &str| Ok(Err(NotCosigned::Away(why.to_owned())));
        let contradicts = |seen: u64, why: String| Ok(Err(NotCosigned::Contradicts { seen, why }));
        let (mut old, size) = (0, head.size);
        for _ in 0..2 {
            let proof = receipts::consistency_up_to(ledger, old, head).await?;
            let lines: String = proof.iter().map(|hash| format!("{}\n", STANDARD.encode(hash))).collect();
            let body = format!("old {old}\n{lines}\n{note}");
            let address = format!("{}/add-checkpoint", url.trim_end_matches('/'));
            let answer = match self.client.post(address).body(body).send().await {
                Ok(answer) => answer,
                Err(error) => {
                    let why = with_sources(&error.without_url());
                    return away(&format!("it does not answer: {why}"));
                }
            };
            let status = answer.status();
            let text = match text_of(answer).await {
                Ok(text) => text,
                Err(why) => return away(&why),
            };
            match status {
                StatusCode::OK => return Ok(line_of(cosigner, note, &text).map_err(NotCosigned::Away)),
                StatusCode::CONFLICT => match text.strip_suffix('\n').and_then(decimal) {
                    Some(seen) if seen != old && seen <= size => old = seen,
                    Some(seen) if seen > size => {
                        let why =
                            format!("it has cosigned {seen} records, and this log has {size}: this is an older copy");
                        return contradicts(seen, why);
                    }
                    Some(seen) => return contradicts(seen, "it has cosigned another history of this log".to_owned()),
                    None => return away("it does not say how far it has seen this log"),
                },
                StatusCode::UNPROCESSABLE_ENTITY => {
                    return contradicts(old, "this log does not extend what it has cosigned".to_owned());
                }
                StatusCode::NOT_FOUND => return away("it does not know this log"),
                StatusCode::FORBIDDEN => return away("it does not trust the key of this log"),
                other if other.is_redirection() => {
                    return away(&format!("it answered {other}, and nobody is asked in its place"));
                }
                other => return away(&format!("it answered {other}")),
            }
        }
        away(OVERTAKEN)
    }
}

/// A witness of the policy, as its word is kept.
fn speaker(name: &str, cosigner: &Cosigner) -> Speaker {
    Speaker::Witness { name: name.to_owned(), key: hex::encode(cosigner.public()) }
}

/// What is said where nobody knows whether one does.
fn unknown(why: &str) -> String {
    format!("{why}. Nothing was kept against this log, and nothing is signed before it can be read")
}

/// What is said where a witness contradicts.
fn refused(why: &str) -> String {
    format!(
        "{why}. Nothing is signed or taken any more, so that this log does not contradict what others hold of it: restore the newest journal; the run book says how, under \"Witnesses\""
    )
}

/// Says what came of asking, where that changed; returns whether as many cosigned as the policy asks.
fn tell(renewed: Result<Renewed, Failure>, before: bool) -> bool {
    let why = match renewed {
        Ok(Renewed { size: Some(size), .. }) => {
            if before {
                tracing::debug!(size, "the log is witnessed");
            } else {
                tracing::info!(size, "the log is witnessed again");
            }
            return true;
        }
        Ok(Renewed { asked, .. }) => {
            let whys = asked.iter().map(|Asked { name, outcome }| {
                format!("{name}: {}", outcome.as_ref().map_or_else(NotCosigned::sentence, |_| "cosigned"))
            });
            format!("not as many cosigned as the policy asks ({})", whys.collect::<Vec<_>>().join("; "))
        }
        Err(failure) => failure.sentence,
    };
    tracing::warn!(code = AlarmCode::WitnessLate.as_str(), "the log is not witnessed: {why}");
    false
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
    String::from_utf8(bytes).map_err(|_| "its answer is not text".to_owned())
}

/// The line of the answer that is this witness's cosignature of the note; others in it are not believed.
fn line_of(cosigner: &Cosigner, note: &str, answer: &str) -> Result<String, String> {
    for line in answer.split_inclusive('\n') {
        if matches!(cosigner.cosigned(&format!("{note}{line}")), Ok(Some(_))) {
            return Ok(line.to_owned());
        }
    }
    Err("its answer holds no cosignature by its key".to_owned())
}
