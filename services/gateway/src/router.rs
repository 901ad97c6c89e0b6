//! Every address the gateway answers.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::header;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Json};
use axum::routing::{get, post};
use axum::{Router, middleware};
use futures::{Stream, StreamExt, stream};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use rondo_domain::coming;
use rondo_domain::notice::{About, NoticeState};
use rondo_domain::round::RoundState;
use rondo_domain::world::World;
use rondo_eventlog::Ledger;
use rondo_eventlog::files::PART;
use rondo_runtime::clock::Clock;
use rondo_runtime::lifecycle::Stop;
use rondo_runtime::progress::Board;
use serde_json::json;
use tower_http::compression::CompressionLayer;

use crate::projection::Projection;
use crate::{GatewayError, Parts, access, log, pages, port};

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
    board: Board,
    metrics: PrometheusHandle,
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
        board: parts.board,
        metrics,
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
        .route("/health", get(health))
        .route("/metrics", get(numbers))
        .route("/changes", get(changes))
        .route("/assets/style.css", get(style))
        .route("/assets/live.js", get(script))
        .fallback(pages::nothing_here)
        .layer(CompressionLayer::new())
        .merge(port)
        .layer(middleware::from_fn(access::local_host))
        .with_state(shared))
}

/// What keeps steps from firing or mail from arriving, in sentences; nothing while all is well.
pub(crate) fn alarms(shared: &Shared) -> Vec<String> {
    let suspended = shared.board.suspended().into_iter().map(|(role, why)| format!("The {role} waits: {why}."));
    // Of a log that is still being read for the first time nobody knows yet what has fired or left.
    let is_read = *shared.projection.position().borrow() > 0;
    let silence = shared.projection.with(|world| coming::silence(world, shared.clock.now()).filter(|_| is_read));
    let silence = silence.map(|(count, first)| {
        let (steps, since) = if count == 1 { ("step has", "it was") } else { ("steps have", "the first was") };
        format!(
            "The scheduler is silent: {count} {steps} not fired; {since} due {} ({}). See that it runs.",
            first.local.strftime("%a %-d %b %Y %H:%M"),
            first.reckoned.zone
        )
    });
    let stuck = shared.projection.with(stuck_mail).into_iter().filter(|_| is_read);
    let told = shared.board.alarms().into_iter().map(|((role, _), why)| format!("The {role} says: {why}."));
    suspended.chain(told).chain(silence).chain(stuck).collect()
}

/// Rounds at work with mail that a person has to look at: it was refused for what it is, or nobody knows whether it arrived. What a
/// recipient's server refused is about the contact, and has a task of its own.
fn stuck_mail(world: &World) -> Vec<String> {
    let mut told = Vec::new();
    for (id, round) in world.rounds() {
        if matches!(round.state, RoundState::Published | RoundState::Cancelled) {
            continue;
        }
        let stuck = world.notices(&id).into_iter().filter(|(_, notice)| match &notice.state {
            NoticeState::Refused { refusal } => refusal.about != About::Recipient,
            state => *state == NoticeState::Unknown,
        });
        match stuck.count() {
            0 => {}
            1 => told.push(format!("A mail of {id} did not leave, or may not have: see its mail log.")),
            many => told.push(format!("{many} mails of {id} did not leave, or may not have: see its mail log.")),
        }
    }
    told
}

async fn health(State(shared): State<Shared>) -> impl IntoResponse {
    let read = *shared.projection.position().borrow();
    match shared.ledger.head().await {
        Ok(head) => Json(json!({
            "version": 1,
            "status": "ok",
            "now": shared.clock.now(),
            "records": head.size,
            "root": head.root.iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
            "pages_read": read,
            "roles": shared.board.places(),
            "alarms": alarms(&shared),
        }))
        .into_response(),
        Err(fault) => {
            let answer = json!({"version": 1, "status": "unavailable", "why": fault.to_string()});
            (axum::http::StatusCode::SERVICE_UNAVAILABLE, Json(answer)).into_response()
        }
    }
}

async fn numbers(State(shared): State<Shared>) -> impl IntoResponse {
    if let Ok(head) = shared.ledger.head().await {
        metrics::gauge!("rondo_log_records").set(head.size as f64);
    }
    metrics::gauge!("rondo_pages_read_records").set(*shared.projection.position().borrow() as f64);
    let silent = shared.projection.with(|world| coming::silence(world, shared.clock.now()));
    metrics::gauge!("rondo_overdue_steps").set(silent.map_or(0, |(count, _)| count) as f64);
    for (role, idle) in shared.board.places() {
        metrics::gauge!("rondo_role_read_records", "role" => role).set(idle.position as f64);
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], shared.metrics.render())
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
