//! The log as others' tools read it (C2SP tlog-tiles): checkpoint, key and tiles of hashes. Entries hold figures before their
//! release, and are given out by `rondo audit export` alone.

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use rondo_eventlog::merkle::Tile;
use rondo_eventlog::wire;

use crate::problem::Problem;
use crate::router::Shared;

const TEXT: (header::HeaderName, &str) = (header::CONTENT_TYPE, "text/plain; charset=utf-8");

/// The newest signed checkpoint; not to be kept by caches, since a newer one is signed a second later.
pub(crate) async fn checkpoint(State(shared): State<Shared>) -> Result<Response, Problem> {
    let note = shared.ledger.checkpoint().await?;
    Ok(([TEXT, (header::CACHE_CONTROL, "no-cache")], note).into_response())
}

/// The public key, in vkey form.
pub(crate) async fn key(State(shared): State<Shared>) -> Result<Response, Problem> {
    Ok(([TEXT], shared.ledger.key().await?).into_response())
}

/// A tile of hashes; it never changes.
pub(crate) async fn tile(State(shared): State<Shared>, Path(path): Path<String>) -> Result<Response, Problem> {
    let unknown = || Problem::not_found("There is no such tile; the checkpoint says how large the log is.");
    let tile = Tile::from_path(&format!("tile/{path}")).ok_or_else(unknown)?;
    if tile.level.is_none() {
        return Err(Problem::not_found(
            "Entries hold figures before they are released, and are not served. `rondo audit export` writes them.",
        ));
    }
    let hashes = shared.ledger.tile(tile).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((headers, wire::to_bytes(&hashes)).into_response())
}
