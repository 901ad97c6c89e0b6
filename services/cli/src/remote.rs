//! The port over HTTP: how the command line reaches a server that runs already.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use rondo_domain::{Command, FileHash};
use rondo_eventlog::files::FilePart;
use rondo_eventlog::merkle::{Hash, Tile};
use rondo_eventlog::wire::{self, Failure};
use rondo_eventlog::{Accepted, Fault, Head, Ledger, Record, SubmitError};
use rondo_runtime::backoff::Backoff;
use rondo_runtime::secret::{Address, Secret};

use crate::failure::Failure as Failed;
use crate::https;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(15);
/// How often a command is sent whose answer is lost, and the pauses between, from and to.
const TRIES: u32 = 5;
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(2));
/// How long the answer to a wait may take, which takes up to 20 seconds by itself.
const WAIT: Duration = Duration::from_secs(60);

/// Who answers at an address where a server announced itself.
pub(crate) enum Greeted {
    /// The server, which reaches its log.
    Head,
    /// The server, which does not reach its log, and why.
    Fault(Fault),
    /// Another program, or a server with another token: the one that is looked for is not there any more.
    Stranger(Fault),
}

/// A server's port.
pub(crate) struct Remote {
    client: Client,
    url: String,
    token: Option<Secret>,
}

impl Remote {
    pub(crate) fn new(url: &Address, token: Option<Secret>, ca_file: Option<&Path>) -> Result<Self, Failed> {
        let bare = url.bare();
        if !bare.starts_with("http://") && !bare.starts_with("https://") {
            let told = format!("`{url}` is not a server's address; write http://127.0.0.1:8080");
            return Err(Fault::Refused(told).into());
        }
        // Whoever answers may not send the token on to somebody else: no redirect is followed.
        let client = https::client(TIMEOUT, ca_file)?;
        Ok(Self { client, url: bare.trim_end_matches('/').to_owned(), token })
    }

    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.token {
            Some(token) => request.bearer_auth(token.reveal()),
            None => request,
        }
    }

    /// What the server's clock shows, which a demonstration moves; nothing where it does not say.
    pub(crate) async fn now(&self) -> Option<Timestamp> {
        #[derive(serde::Deserialize)]
        struct Health {
            now: Timestamp,
        }
        let asked = self.authorized(self.client.get(format!("{}/health", self.url)));
        // One with an alarm says so by its status, and what time it is all the same.
        asked.send().await.ok()?.json::<Health>().await.ok().map(|health| health.now)
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.authorized(self.client.get(format!("{}/port/{path}", self.url)))
    }

    /// Asks who is there.
    ///
    /// # Errors
    /// When nobody answers.
    pub(crate) async fn greet(&self) -> Result<Greeted, Fault> {
        let response = self.get("head").send().await.map_err(|e| unreachable(&self.url, e))?;
        let status = response.status();
        let body = response.bytes().await.map_err(|e| unreachable(&self.url, e))?;
        if let Ok(failure) = serde_json::from_slice::<Failure>(&body) {
            return Ok(Greeted::Fault(failure.into()));
        }
        if status.is_success() && serde_json::from_slice::<Head>(&body).is_ok() {
            return Ok(Greeted::Head);
        }
        // A server of ours that breaks says no word of ours either.
        if status.is_server_error() {
            return Ok(Greeted::Fault(Fault::NotNow(self.not_understood(status).to_string())));
        }
        Ok(Greeted::Stranger(self.not_understood(status)))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Result<Response, Failure>, Fault> {
        let response = request.send().await.map_err(|e| unreachable(&self.url, e))?;
        if response.status().is_success() {
            return Ok(Ok(response));
        }
        let status = response.status();
        let body = response.bytes().await.map_err(|e| unreachable(&self.url, e))?;
        serde_json::from_slice(&body).map(Err).map_err(|_| self.not_understood(status))
    }

    fn not_understood(&self, status: StatusCode) -> Fault {
        let what = if status == StatusCode::UNAUTHORIZED {
            "its token is needed: name its data directory with --data, or a file that holds it with --token-file"
        } else {
            "the answer is not understood"
        };
        Fault::Protocol(format!("{} answered {status}: {what}", self.url))
    }

    /// One try. The same command may be sent again: the ledger knows its id.
    async fn submit_once(&self, command: &Command) -> Result<Accepted, SubmitError> {
        let request = self.authorized(self.client.post(format!("{}/port/submit", self.url))).json(command);
        let response = self.send(request).await?.map_err(SubmitError::from)?;
        let bytes = response.bytes().await.map_err(|e| unreachable(&self.url, e))?;
        let accepted = serde_json::from_slice(&bytes);
        Ok(accepted.map_err(|e| Fault::Protocol(format!("the answer of {} is not understood: {e}", self.url)))?)
    }

    async fn bytes(&self, request: RequestBuilder) -> Result<Bytes, Fault> {
        let response = self.send(request).await?.map_err(Fault::from)?;
        response.bytes().await.map_err(|e| unreachable(&self.url, e))
    }

    async fn json<T: serde::de::DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Fault> {
        let bytes = self.bytes(request).await?;
        serde_json::from_slice(&bytes)
            .map_err(|e| Fault::Protocol(format!("the answer of {} is not understood: {e}", self.url)))
    }
}

fn unreachable(url: &str, error: reqwest::Error) -> Fault {
    Fault::Unreachable { what: format!("no server answers at {url}"), source: Some(error.into()) }
}

/// Whether nobody was there who could have taken the request.
fn was_never_sent(fault: &Fault) -> bool {
    let Fault::Unreachable { source: Some(source), .. } = fault else { return false };
    source.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_connect)
}

fn never_sent(what: &str) -> String {
    format!("{what}; nothing was recorded by this request")
}

#[async_trait]
impl Ledger for Remote {
    async fn submit(&self, command: Command) -> Result<Accepted, SubmitError> {
        let mut backoff = Backoff::new(PAUSES.0, PAUSES.1);
        let mut unknown = false;
        for tried in 1.. {
            match self.submit_once(&command).await {
                Err(SubmitError::Fault(fault)) if fault.is_passing() && (unknown || fault.is_unknown()) => {
                    unknown |= fault.is_unknown() && !was_never_sent(&fault);
                    if tried < TRIES {
                        tokio::time::sleep(backoff.wait()).await;
                        continue;
                    }
                    let what = match fault {
                        Fault::Unreachable { what, .. } => format!("{what}, in {TRIES} tries"),
                        other => other.to_string(),
                    };
                    let fault = if unknown { Fault::unreachable(what) } else { Fault::NotNow(never_sent(&what)) };
                    return Err(fault.into());
                }
                answered => return answered,
            }
        }
        Err(Fault::Stopped.into())
    }

    async fn read(&self, from: u64, limit: usize) -> Result<Vec<Record>, Fault> {
        let request = self.get("read").query(&[("from", from), ("limit", limit as u64)]);
        wire::from_lines(&self.bytes(request).await?)
    }

    async fn read_streams(&self, prefix: &str, after: Option<(&str, u64)>, limit: usize) -> Result<Vec<Record>, Fault> {
        let mut request = self.get("streams").query(&[("prefix", prefix)]).query(&[("limit", limit)]);
        if let Some((stream, version)) = after {
            request = request.query(&[("after", stream)]).query(&[("version", version)]);
        }
        wire::from_lines(&self.bytes(request).await?)
    }

    async fn head(&self) -> Result<Head, Fault> {
        self.json(self.get("head")).await
    }

    async fn wait(&self, size: u64) -> Result<Head, Fault> {
        self.json(self.get("wait").timeout(WAIT).query(&[("size", size)])).await
    }

    async fn checkpoint(&self) -> Result<String, Fault> {
        let bytes = self.bytes(self.get("checkpoint")).await?;
        String::from_utf8(bytes.to_vec()).map_err(|_| Fault::Protocol("the checkpoint is not text".to_owned()))
    }

    async fn key(&self) -> Result<String, Fault> {
        let bytes = self.bytes(self.get("key")).await?;
        String::from_utf8(bytes.to_vec()).map_err(|_| Fault::Protocol("the key is not text".to_owned()))
    }

    async fn tile(&self, tile: Tile) -> Result<Vec<Hash>, Fault> {
        wire::from_bytes(&self.bytes(self.get(&tile.path())).await?, &tile)
    }

    async fn store_part(&self, part: FilePart) -> Result<(), Fault> {
        let request = self
            .client
            .put(format!("{}/port/files/{}", self.url, part.hash))
            .query(&[("offset", part.offset), ("total", part.total)])
            .body(part.bytes);
        self.send(self.authorized(request)).await?.map_err(Fault::from).map(|_| ())
    }

    async fn fetch_part(&self, hash: &FileHash, offset: u64) -> Result<FilePart, Fault> {
        let request = self.get(&format!("files/{hash}")).query(&[("offset", offset)]);
        let response = self.send(request).await?.map_err(Fault::from)?;
        let total = response.headers().get("x-total").and_then(|total| total.to_str().ok()?.parse().ok());
        let total = total.ok_or_else(|| Fault::Protocol("a part of a file came without the file's size".to_owned()))?;
        let bytes = response.bytes().await.map_err(|e| unreachable(&self.url, e))?;
        Ok(FilePart { hash: hash.clone(), total, offset, bytes })
    }
}
