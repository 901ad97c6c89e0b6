//! The port over HTTP, for the command line on this machine; behind the operator's token.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::IntoResponse;
use rondo_domain::{Actor, Command, FileHash};
use rondo_eventlog::files::FilePart;
use rondo_eventlog::merkle::Tile;
use rondo_eventlog::wire::Failure;
use rondo_eventlog::{Accepted, Head, wire};
use serde::Deserialize;

use crate::problem::PortFailure;
use crate::router::Shared;

/// Where to read from, and how much.
#[derive(Debug, Deserialize)]
pub(crate) struct ReadQuery {
    from: u64,
    limit: usize,
}

/// Which streams to read, and what was read of them already.
#[derive(Debug, Deserialize)]
pub(crate) struct StreamsQuery {
    prefix: String,
    after: Option<String>,
    version: Option<u64>,
    limit: usize,
}

/// What to wait beyond.
#[derive(Debug, Deserialize)]
pub(crate) struct WaitQuery {
    size: u64,
}

/// Where a part of a file stands.
#[derive(Debug, Deserialize)]
pub(crate) struct PartQuery {
    offset: u64,
    total: Option<u64>,
}

pub(crate) async fn submit(
    State(shared): State<Shared>,
    Json(command): Json<Command>,
) -> Result<Json<Accepted>, PortFailure> {
    if Actor::is_service(&command.actor) && command.actor.as_str() != Actor::OPERATOR {
        let what = format!("nobody may act as the service `{}` through the gateway", command.actor);
        return Err(PortFailure(Failure::Refused { what }));
    }
    Ok(Json(shared.ledger.submit(command).await?))
}

pub(crate) async fn read(
    State(shared): State<Shared>,
    Query(query): Query<ReadQuery>,
) -> Result<impl IntoResponse, PortFailure> {
    let records = shared.ledger.read(query.from, query.limit).await?;
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], wire::to_lines(&records)))
}

pub(crate) async fn read_streams(
    State(shared): State<Shared>,
    Query(query): Query<StreamsQuery>,
) -> Result<impl IntoResponse, PortFailure> {
    let after = query.after.as_deref().zip(query.version);
    let records = shared.ledger.read_streams(&query.prefix, after, query.limit).await?;
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], wire::to_lines(&records)))
}

pub(crate) async fn head(State(shared): State<Shared>) -> Result<Json<Head>, PortFailure> {
    Ok(Json(shared.ledger.head().await?))
}

pub(crate) async fn wait(
    State(shared): State<Shared>,
    Query(query): Query<WaitQuery>,
) -> Result<Json<Head>, PortFailure> {
    Ok(Json(shared.ledger.wait(query.size).await?))
}

pub(crate) async fn checkpoint(State(shared): State<Shared>) -> Result<String, PortFailure> {
    Ok(shared.ledger.checkpoint().await?)
}

pub(crate) async fn key(State(shared): State<Shared>) -> Result<String, PortFailure> {
    Ok(shared.ledger.key().await?)
}

pub(crate) async fn tile(State(shared): State<Shared>, Path(path): Path<String>) -> Result<Bytes, PortFailure> {
    let unknown = || PortFailure(Failure::Refused { what: "this is not the path of a tile".to_owned() });
    let tile = Tile::from_path(&format!("tile/{path}")).ok_or_else(unknown)?;
    Ok(wire::to_bytes(&shared.ledger.tile(tile).await?))
}

pub(crate) async fn store_part(
    State(shared): State<Shared>,
    Path(hash): Path<FileHash>,
    Query(query): Query<PartQuery>,
    bytes: Bytes,
) -> Result<(), PortFailure> {
    let part = FilePart { hash, total: query.total.unwrap_or_default(), offset: query.offset, bytes };
    Ok(shared.ledger.store_part(part).await?)
}

pub(crate) async fn fetch_part(
    State(shared): State<Shared>,
    Path(hash): Path<FileHash>,
    Query(query): Query<PartQuery>,
) -> Result<impl IntoResponse, PortFailure> {
    let part = shared.ledger.fetch_part(&hash, query.offset).await?;
    Ok(([("x-total", part.total.to_string())], part.bytes))
}
