//! The gateway reads every event, and the figures that a page asks for.
//! It sends the commands that people give through it, in their name.
//! It knows the state of every round, as far as its projection has come.
//! It must never listen beyond this machine while it has no sign-in, nor change anything on a GET.

mod access;
mod health;
mod log;
mod pages;
mod port;
mod problem;
mod projection;
mod router;

use std::net::SocketAddr;
use std::sync::Arc;

use rondo_eventlog::Ledger;
use rondo_runtime::clock::Clock;
use rondo_runtime::lifecycle::Stop;
use rondo_runtime::patient::{Patient, until_stopped};
use rondo_runtime::progress::Roles;
use tokio::net::TcpListener;

/// The name under which the gateway acts.
pub const ROLE: &str = rondo_domain::Service::Gateway.name();

/// Why the gateway cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// Not an address.
    #[error("`{0}` is not an address to listen on; write for example 127.0.0.1:8080")]
    BadAddress(String),
    /// Beyond this machine.
    #[error(
        "{0} is reachable from other machines, and there is no sign-in yet: only 127.0.0.1 and [::1] are taken. Put a proxy with sign-in in front"
    )]
    BeyondLoopback(SocketAddr),
    /// In use, or not permitted.
    #[error(
        "cannot listen on {address}: {source}. Choose another with --listen, or stop the program that uses it; 127.0.0.1:0 takes a free one"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// Serving ended.
    #[error("serving pages failed")]
    Serve(#[source] std::io::Error),
    /// Metrics cannot be kept.
    #[error("metrics cannot be kept: {0}")]
    Metrics(String),
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] rondo_eventlog::Fault),
}

/// What the gateway is handed.
pub struct Parts {
    /// The log.
    pub ledger: Arc<dyn Ledger>,
    /// What the roles say of themselves, in this process or elsewhere.
    pub roles: Arc<dyn Roles>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// What stands under every page, from the configuration; nothing when empty.
    pub notice: String,
    /// Whoever shows this may give commands: it is written to a file that only the data directory's owner can read.
    pub token: String,
}

/// An address that is being listened on.
pub struct Bound {
    listener: TcpListener,
    /// The address.
    pub address: SocketAddr,
}

/// The address, if it is one that may be listened on.
///
/// # Errors
/// When it is none, or is reachable from other machines.
pub fn permitted(address: &str) -> Result<SocketAddr, GatewayError> {
    let wanted: SocketAddr = address.parse().map_err(|_| GatewayError::BadAddress(address.to_owned()))?;
    if wanted.ip().is_loopback() { Ok(wanted) } else { Err(GatewayError::BeyondLoopback(wanted)) }
}

/// Starts to listen.
///
/// # Errors
/// When the address is none, is reachable from other machines, or is in use.
pub async fn bind(address: &str) -> Result<Bound, GatewayError> {
    let wanted = permitted(address)?;
    let failed = |source| GatewayError::Listen { address: wanted, source };
    let listener = TcpListener::bind(wanted).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok(Bound { listener, address })
}

/// Serves until asked to stop.
///
/// # Errors
/// When serving fails.
pub async fn run(bound: Bound, parts: Parts, stop: Stop) -> Result<(), GatewayError> {
    // Pages show what was read last while the ledger is away; commands are answered at once that it is.
    let patient = Arc::new(Patient::new(Arc::clone(&parts.ledger), stop.clone()));
    let (projection, follow) = projection::start(patient, stop.clone());
    let router = router::router(parts, projection, stop.clone())?;
    let mut asked = stop.clone();
    let serving = axum::serve(bound.listener, router).with_graceful_shutdown(async move { asked.wait().await });
    tokio::select! {
        served = async { serving.await } => served.map_err(GatewayError::Serve),
        followed = until_stopped(follow, stop) => Ok(followed?),
    }
}
