//! Connecting to the broker, with a name, an inbox prefix of one's own, and reconnection without end; and hearing when the broker
//! denies something.

use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event, ServerError};
use rondo_runtime::secret::{Address, Secret};
use rondo_runtime::telemetry::ALWAYS;
use tokio::sync::watch;

use crate::subject::prefix;

/// How long the first connection may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long an answer is waited for. One that was lost with the ledger never comes, and asking again is safe.
const ANSWER: Duration = Duration::from_secs(2);
/// The longest pause between two attempts to reconnect.
const CEILING: Duration = Duration::from_secs(2);

/// A user name and its password.
#[derive(Clone)]
pub struct Credentials {
    /// The user name.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// The broker cannot be reached.
#[derive(Debug, thiserror::Error)]
#[error(
    "the broker {url} cannot be reached as `{client}`. Nothing was lost: start nats-server there, mend the user and password, or name another with --nats"
)]
pub struct ConnectError {
    url: Address,
    client: String,
    source: async_nats::ConnectError,
}

/// The broker denies what a client needs.
#[derive(Debug, thiserror::Error)]
#[error(
    "the broker denies `{client}` what it needs ({what}). Give that user what deploy/nats.conf gives it, and start this role again"
)]
pub struct DeniedError {
    client: String,
    what: String,
}

/// Hears when the broker denies a client something.
#[derive(Debug)]
pub struct Denied {
    client: String,
    told: watch::Receiver<Option<String>>,
}

impl Denied {
    /// Returns once the broker has denied something.
    pub async fn happens(mut self) -> DeniedError {
        if let Ok(told) = self.told.wait_for(Option::is_some).await {
            let what = told.clone().unwrap_or_default();
            return DeniedError { client: self.client, what };
        }
        // A connection that is gone denies nothing more.
        std::future::pending().await
    }
}

/// Connects a client.
///
/// # Errors
/// When the broker cannot be reached the first time; later it is waited for.
pub async fn connect(url: &Address, client: &str, credentials: Option<Credentials>) -> Result<Client, ConnectError> {
    Ok(join(url, client, credentials).await?.0)
}

/// Connects a client that does not go on where the broker denies it something.
///
/// # Errors
/// As [`connect`].
pub async fn join(
    url: &Address,
    client: &str,
    credentials: Option<Credentials>,
) -> Result<(Client, Denied), ConnectError> {
    let (tell, told) = watch::channel(None);
    let denied = Denied { client: client.to_owned(), told };
    let mut options = ConnectOptions::new()
        .name(format!("rondo {client}"))
        .custom_inbox_prefix(prefix(client))
        .connection_timeout(TIMEOUT)
        .request_timeout(Some(ANSWER))
        .subscription_capacity(8_192)
        .client_capacity(8_192)
        .reconnect_delay_callback(|attempt| {
            let doubled = Duration::from_millis(20).saturating_mul(1 << attempt.min(10));
            doubled.min(CEILING)
        })
        .event_callback(move |event| {
            if let Event::ServerError(ServerError::Other(what)) = &event
                && what.to_lowercase().contains("permissions violation")
            {
                tell.send_replace(Some(what.clone()));
            }
            match event {
                Event::Disconnected => tracing::warn!("the broker is gone; it is waited for"),
                Event::Connected => tracing::info!(target: ALWAYS, "the broker is there"),
                other => tracing::debug!("the bus: {other}"),
            }
            std::future::ready(())
        });
    // What is written into the address is handed over apart from it, so that the library cannot log it.
    let written = || url.written();
    options = match credentials.map(|given| (Some(given.user), given.password)).or_else(written) {
        Some((Some(user), password)) => options.user_and_password(user, password.reveal().to_owned()),
        Some((None, token)) => options.token(token.reveal().to_owned()),
        None => options,
    };
    let failed = |source| ConnectError { url: url.clone(), client: client.to_owned(), source };
    Ok((options.connect(url.bare()).await.map_err(failed)?, denied))
}
