//! Access: only from this machine by name, and commands only with the operator's token.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::problem::Problem;
use crate::router::Shared;

/// Refuses requests that name another host: a page elsewhere could otherwise reach this one through a name of its own.
pub(crate) async fn local_host(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(
        host,
        |(name, port)| {
            if port.bytes().all(|b| b.is_ascii_digit()) { name } else { host }
        },
    );
    if ["127.0.0.1", "localhost", "[::1]"].contains(&name) {
        let mut response = next.run(request).await;
        let headers = response.headers_mut();
        let fixed = [
            (
                header::CONTENT_SECURITY_POLICY,
                "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
            ),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "same-origin"),
        ];
        for (name, value) in fixed {
            headers.insert(name, header::HeaderValue::from_static(value));
        }
        response
    } else {
        Problem::forbidden("this address is answered for 127.0.0.1 and localhost alone").into_response()
    }
}

/// Lets a request pass that shows the operator's token.
pub(crate) async fn operator(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    if shows_token(request.headers(), &shared.token) {
        next.run(request).await
    } else {
        Problem::unauthorized("this needs the token in server.json of the data directory").into_response()
    }
}

fn shows_token(headers: &HeaderMap, token: &str) -> bool {
    let shown = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|v| v.strip_prefix("Bearer "));
    // Every byte is looked at, so that the time taken says nothing about the token.
    shown.is_some_and(|shown| {
        shown.len() == token.len() && shown.bytes().zip(token.bytes()).fold(0, |diff, (a, b)| diff | (a ^ b)) == 0
    })
}
