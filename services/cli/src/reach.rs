//! Reaching a log: a server that is named or announced, or a data directory that no server holds.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use rondo_domain::Command;
use rondo_eventlog::{CommitPoint, Fault, Ledger, SubmitError};
use rondo_ledger::loss::Continuation;
use rondo_ledger::{LedgerConfig, OpenError, Opened};
use rondo_runtime::chance::SystemChance;
use rondo_runtime::config::{Config, read_secret};
use rondo_runtime::lifecycle::Lifecycle;
use rondo_runtime::secret::{Address, Secret};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::failure::Failure;
use crate::place;
use crate::remote::{Greeted, Remote};
use crate::witness::{AskedFirst, Witnesses};

/// What a running server leaves in its data directory, readable by the directory's owner alone.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Announcement {
    pub(crate) url: String,
    #[serde(serialize_with = "revealed")]
    pub(crate) token: Secret,
}

fn revealed<S: serde::Serializer>(token: &Secret, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(token.reveal())
}

/// The file of the announcement.
pub(crate) const ANNOUNCEMENT: &str = "server.json";

/// A log that was reached.
pub(crate) struct Reached {
    pub(crate) ledger: Arc<dyn Ledger>,
    /// Whether a server runs that acts on what is sent.
    pub(crate) served: bool,
    /// What the clock of the server shows, where there is one.
    pub(crate) now: Option<Timestamp>,
    held: Option<Own>,
}

/// A log that this process holds itself.
struct Own {
    lifecycle: Lifecycle,
    opened: Opened,
    /// Whether a signal asked for the end.
    asked: Arc<watch::Sender<bool>>,
    /// How many records were found.
    found: u64,
}

impl Own {
    async fn new(opened: Opened, asked: Arc<watch::Sender<bool>>) -> Result<Self, Failure> {
        let found = opened.handle.head().await?.size;
        Ok(Self { lifecycle: Lifecycle::default(), opened, asked, found })
    }
}

/// Who is asked before the first thing that is recorded or signed, as long as this process is not asked to end.
struct UnlessAsked {
    first: Arc<AskedFirst>,
    admitted: AtomicBool,
    asked: Arc<watch::Sender<bool>>,
    /// Where both are waited for: who waits here are threads of the ledger's.
    runtime: tokio::runtime::Handle,
}

impl CommitPoint for UnlessAsked {
    fn admit(&self) -> Result<(), Fault> {
        // Once something may be recorded, the end signs it.
        if self.admitted.load(Ordering::Acquire) {
            return Ok(());
        }
        let (first, mut asked) = (Arc::clone(&self.first), self.asked.subscribe());
        let answer = self.runtime.spawn_blocking(move || first.admit());
        let answered = self.runtime.block_on(async {
            tokio::select! {
                answer = answer => answer.map_err(|e| Fault::storage("asking the witnesses panicked", e))?,
                _ = asked.wait_for(|asked| *asked) => Err(Fault::Stopped),
            }
        });
        self.admitted.store(answered.is_ok(), Ordering::Release);
        answered
    }
}

impl Reached {
    /// Reaches the log that the arguments mean.
    pub(crate) async fn new(
        config: &Config,
        server: Option<&Address>,
        token_file: Option<&Path>,
    ) -> Result<Self, Failure> {
        let data = &config.ledger.data;
        let ca_file = config.gateway.ca_file.as_ref().map(|path| config.in_data(path));
        let announced = announcement(data)?;
        if let Some(url) = server {
            // The announced token is for whoever announced it, and for nobody else who is named.
            let announced = announced.filter(|announced| is_same_place(url, &announced.url));
            let token = match token_file {
                Some(path) => Some(token_of(path, url)?),
                None => announced.map(|announced| announced.token),
            };
            let ledger = Arc::new(Remote::new(url, token, ca_file.as_deref())?);
            ledger.head().await?;
            return Ok(Self::served_by(ledger).await);
        }
        if let Some(announced) = announced {
            let ledger =
                Arc::new(Remote::new(&Address::new(announced.url), Some(announced.token), ca_file.as_deref())?);
            match ledger.greet().await {
                Ok(Greeted::Head) => return Ok(Self::served_by(ledger).await),
                // Whoever answers for the log says how it is with it. Nobody goes past them.
                Ok(Greeted::Fault(fault)) => return Err(fault.into()),
                // Nobody, or somebody else by now: where the log is here, its lock says whether a server has it.
                Ok(Greeted::Stranger(fault)) | Err(fault) => {
                    if rondo_ledger::has_note(data).is_err() {
                        return Err(nobody_announced(data, fault));
                    }
                }
            }
        }
        match rondo_ledger::has_note(data) {
            Err(OpenError::NoLog(_)) if place::is_of_a_gateway(data) => return Err(place::gateway_is_stopped(data)),
            found => found?,
        }
        let parts = parts(config);
        let mut opened = if rondo_ledger::is_without_keys(data) {
            crate::output::hint("This copy of the log has no signing key: it is only read.");
            rondo_ledger::open_to_read(&parts)?
        } else {
            rondo_ledger::open(&parts)?
        };
        for note in &opened.notes {
            crate::output::hint(note);
        }
        // A server reads this in the background; a command that is gone in a moment has to do it first.
        opened.scrub()?;
        // Even one command is signed, and what is here may be an older copy. A server asks at each start.
        let asked = Arc::new(watch::Sender::new(false));
        if let Some(witnesses) = Witnesses::from_config(config)? {
            let first = Arc::new(AskedFirst::new(witnesses, opened.handle.clone()));
            let (admitted, asked, runtime) =
                (AtomicBool::new(false), Arc::clone(&asked), tokio::runtime::Handle::current());
            opened.handle.commits_at(Arc::new(UnlessAsked { first, admitted, asked, runtime }));
        }
        Self::holding(opened, asked).await
    }

    /// Reaches a log of which something is lost, to record that.
    pub(crate) async fn to_continue(config: &Config, continuation: &Continuation) -> Result<Self, Failure> {
        let opened = rondo_ledger::open_to_continue(&parts(config), continuation)?;
        for note in &opened.notes {
            crate::output::hint(note);
        }
        Self::holding(opened, Arc::new(watch::Sender::new(false))).await
    }

    async fn holding(opened: Opened, asked: Arc<watch::Sender<bool>>) -> Result<Self, Failure> {
        let ledger = Arc::new(opened.handle.clone());
        Ok(Self { ledger, served: false, now: None, held: Some(Own::new(opened, asked).await?) })
    }

    async fn served_by(server: Arc<Remote>) -> Self {
        let now = server.now().await;
        Self { ledger: server, served: true, now, held: None }
    }

    /// Does what was reached for; nothing, if a signal to stop comes first to whoever holds the log: what was not sent by then is
    /// not recorded, and [`Self::close`] says whether anything was. Beside a server a signal ends the process by itself.
    pub(crate) async fn unless_asked<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let Some(held) = &mut self.held else { return Some(work.await) };
        let done = held.lifecycle.unless_asked(work).await;
        if done.is_none() {
            held.asked.send_replace(true);
        }
        done
    }

    /// Records that another key signs, on a log that this process holds. Nothing, if a signal comes first: whether it is recorded
    /// then, [`Self::close`] says.
    pub(crate) async fn hand_over(&mut self, command: Command) -> Option<Result<(), SubmitError>> {
        let Some(held) = &self.held else { return Some(Err(Fault::NotNow("a server has the log".to_owned()).into())) };
        let handle = held.opened.handle.clone();
        let done = self.unless_asked(async move { handle.hand_over(command).await }).await;
        done.map(|recorded| recorded.map(|_| ()))
    }

    /// Lets go of the log; a data directory is brought to rest. Returns how many records were made while this process held it.
    pub(crate) async fn close(self) -> Result<u64, Failure> {
        drop(self.ledger);
        let Some(Own { mut lifecycle, opened, asked: _asked, found }) = self.held else { return Ok(0) };
        let (stop, handle) = (lifecycle.stop(), opened.handle.clone());
        lifecycle.spawn("ledger", opened.run(stop));
        lifecycle.run(std::future::ready(())).await.map_err(Failure::from)?;
        Ok(handle.head().await?.size.saturating_sub(found))
    }
}

/// The token in a file: alone, or as the server at this address announced itself.
fn token_of(path: &Path, url: &Address) -> Result<Secret, Failure> {
    // A server takes its announcement away when it ends, and whoever names that file has misused nothing.
    let is_gone = path.try_exists().is_ok_and(|there| !there);
    if is_gone && path.file_name().is_some_and(|name| name == ANNOUNCEMENT) {
        return Err(Failure::unreachable(format!(
            "the server is stopped: {} is not there, and a server leaves it while it runs. Nothing was recorded. Start the server at {url}, with six services the gateway (systemctl start rondo@gateway), and give the command again",
            path.display()
        )));
    }
    let told = read_secret(path)?;
    match serde_json::from_str::<Announcement>(told.reveal()) {
        Err(_) => Ok(told),
        Ok(announced) if is_same_place(url, &announced.url) => Ok(announced.token),
        Ok(announced) => Err(Failure::usage(format!(
            "{} holds the token for {}, and not for {url}; name that address with --server, or another file",
            path.display(),
            announced.url
        ))),
    }
}

/// Why a log cannot be reached that is elsewhere, by the server that a directory announces.
fn nobody_announced(data: &Path, fault: Fault) -> Failure {
    Failure::unreachable(format!(
        "{}. That server is named by {}, and the log is not in this directory: see that the server runs, with six services the gateway",
        Failure::from(fault).sentence,
        data.join(ANNOUNCEMENT).display()
    ))
}

fn parts(config: &Config) -> LedgerConfig {
    LedgerConfig {
        data: config.ledger.data.clone(),
        origin: config.ledger.origin.clone(),
        clock: crate::demo::clock_of(&config.ledger.data),
        chance: Arc::new(SystemChance),
    }
}

/// Whether an address means the place that was announced: the same scheme, host and port.
fn is_same_place(named: &Address, announced: &str) -> bool {
    let place = |address: &str| reqwest::Url::parse(address).ok().map(|url| url.origin());
    place(&named.bare()).is_some_and(|named| Some(named) == place(announced))
}

/// What a server left in a data directory, if one did.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn announcement(data: &Path) -> Result<Option<Announcement>, Failure> {
    match std::fs::read(data.join(ANNOUNCEMENT)) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Failure::failed(format!("cannot read {}: {e}", data.join(ANNOUNCEMENT).display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_stopped_where_its_announcement_is_gone_and_not_where_it_cannot_be_looked_for() {
        let folder = tempfile::tempdir().unwrap();
        let no_folder = folder.path().join("no-folder");
        std::fs::write(&no_folder, "").unwrap();
        let told = |path: &Path| token_of(path, &Address::new("http://127.0.0.1:1")).unwrap_err().sentence;
        assert!(told(&folder.path().join(ANNOUNCEMENT)).starts_with("the server is stopped"));
        for other in [no_folder.join(ANNOUNCEMENT), folder.path().join("token")] {
            assert!(told(&other).starts_with("cannot read"), "{}", told(&other));
        }
    }

    #[test]
    fn the_token_goes_to_the_announced_place_alone() {
        let announced = "http://127.0.0.1:8080";
        for same in ["http://127.0.0.1:8080", "http://127.0.0.1:8080/", "http://a:b@127.0.0.1:8080"] {
            assert!(is_same_place(&Address::new(same), announced), "{same}");
        }
        for other in [
            "http://127.0.0.1:8081",
            "https://127.0.0.1:8080",
            "http://localhost:8080",
            "http://127.0.0.1:8080@evil.example",
            "x",
        ] {
            assert!(!is_same_place(&Address::new(other), announced), "{other}");
        }
    }
}
