//! Connecting to the broker, with a name, an inbox prefix of one's own, and reconnection without end.

use std::time::Duration;

use async_nats::{Client, ConnectOptions};

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
    pub password: String,
}

/// The broker cannot be reached.
#[derive(Debug, thiserror::Error)]
#[error(
    "the broker {url} cannot be reached as `{client}`. Nothing was lost: start nats-server there, mend the user and password, or name another with --nats"
)]
pub struct ConnectError {
    url: String,
    client: String,
    source: async_nats::ConnectError,
}

/// An address as it may be shown: without a user and password written into it.
fn shown(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{}", rest.rsplit_once('@').map_or(rest, |(_, host)| host)),
        None => url.to_owned(),
    }
}

/// Connects a client.
///
/// # Errors
/// When the broker cannot be reached the first time; later it is waited for.
pub async fn connect(url: &str, client: &str, credentials: Option<Credentials>) -> Result<Client, ConnectError> {
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
        .event_callback(|event| async move { tracing::debug!("the bus: {event}") });
    if let Some(credentials) = credentials {
        options = options.user_and_password(credentials.user, credentials.password);
    }
    let failed = |source| ConnectError { url: shown(url), client: client.to_owned(), source };
    options.connect(url).await.map_err(failed)
}
