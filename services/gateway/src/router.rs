//! Every address the gateway answers.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::{get, post};
use axum::{Router, middleware};
use futures::{Stream, StreamExt, stream};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use rondo_eventlog::Ledger;
use rondo_eventlog::files::PART;
use rondo_runtime::clock::{Clock, Stopwatch};
use rondo_runtime::lifecycle::Stop;
use rondo_runtime::progress::Roles;
use tower_http::compression::CompressionLayer;

use crate::projection::Projection;
use crate::{GatewayError, Parts, access, health, log, pages, port};

/// How often a page is told that something has changed, at the most.
const PULSE: Duration = Duration::from_millis(500);

/// What every handler shares.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) projection: Projection,
    pub(crate) token: Arc<str>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) notice: Arc<str>,
    pub(crate) roles: Arc<dyn Roles>,
    /// Since when this gateway runs.
    pub(crate) began: Stopwatch,
    pub(crate) metrics: PrometheusHandle,
    /// Numbers of this process.
    pub(crate) process: metrics_process::Collector,
    stop: Stop,
}

pub(crate) fn router(parts: Parts, projection: Projection, stop: Stop) -> Result<Router, GatewayError> {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    // In a test process another gateway may have set one; its own numbers are then shown by that one.
    let _ = metrics::set_global_recorder(recorder);
    let shared = Shared {
        ledger: parts.ledger,
        projection,
        token: parts.token.into(),
        clock: parts.clock,
        notice: parts.notice.into(),
        roles: parts.roles,
        began: Stopwatch::start(),
        metrics,
        process: metrics_process::Collector::default(),
        stop,
    };
    let port = Router::new()
        .route("/port/submit", post(port::submit))
        .route("/port/read", get(port::read))
        .route("/port/streams", get(port::read_streams))
        .route("/port/head", get(port::head))
        .route("/port/wait", get(port::wait))
        .route("/port/checkpoint", get(port::checkpoint))
        .route("/port/key", get(port::key))
        .route("/port/tile/{*path}", get(port::tile))
        .route("/port/files/{hash}", get(port::fetch_part).put(port::store_part))
        .layer(DefaultBodyLimit::max(PART + 1024 * 1024))
        .layer(middleware::from_fn_with_state(shared.clone(), access::operator));
    Ok(Router::new()
        .route("/", get(pages::rounds))
        .route("/rounds/{round}", get(pages::round))
        .route("/rounds/{round}/mail", get(pages::mail))
        .route("/rounds/{round}/{country}", get(pages::country))
        .route("/rounds/{round}/{country}/tables/{number}", get(pages::table))
        .route("/figures/{*key}", get(pages::figure))
        .route("/api/figures/{*key}", get(pages::figure_json))
        .route("/log/checkpoint", get(log::checkpoint))
        .route("/log/log.vkey", get(log::key))
        .route("/log/tile/{*path}", get(log::tile))
        .route("/health", get(health::health))
        .route("/metrics", get(health::numbers))
        .route("/changes", get(changes))
        .route("/assets/style.css", get(style))
        .route("/assets/live.js", get(script))
        .fallback(pages::nothing_here)
        .layer(CompressionLayer::new())
        .merge(port)
        .layer(middleware::from_fn(access::local_host))
        .with_state(shared))
}

/// Tells a page that something has changed; the page then asks for what it shows.
async fn changes(State(shared): State<Shared>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let start = (shared.projection.position(), shared.stop);
    let pulses = stream::unfold(start, |(mut position, mut stop)| async move {
        tokio::select! {
            changed = position.changed() => changed.ok()?,
            () = stop.wait() => return None,
        }
        let size = *position.borrow_and_update();
        tokio::time::sleep(PULSE).await;
        Some((size, (position, stop)))
    });
    let events = pulses.map(|size| Ok(Event::default().event("grown").data(size.to_string())));
    Sse::new(events).keep_alive(KeepAlive::default())
}

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../assets/style.css"))
}

async fn script() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("../assets/live.js"))
}
