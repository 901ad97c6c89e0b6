//! Problems: what went wrong with a request, for people as a page and for programs as JSON.

use askama::Template;
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use rondo_eventlog::wire::Failure;
use rondo_eventlog::{Fault, SubmitError};

/// What went wrong.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    sentence: String,
}

#[derive(Template)]
#[template(path = "problem.html")]
struct Page<'a> {
    title: &'a str,
    sentence: &'a str,
    live: bool,
    notice: &'a str,
}

impl Problem {
    pub(crate) fn not_found(what: &str) -> Self {
        Self { status: StatusCode::NOT_FOUND, sentence: what.to_owned() }
    }

    pub(crate) fn bad_request(what: &str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, sentence: what.to_owned() }
    }

    pub(crate) fn forbidden(what: &str) -> Self {
        Self { status: StatusCode::FORBIDDEN, sentence: what.to_owned() }
    }

    pub(crate) fn unauthorized(what: &str) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, sentence: what.to_owned() }
    }

    pub(crate) fn internal(what: &str, error: &dyn std::error::Error) -> Self {
        tracing::error!("{what}: {}", rondo_runtime::lifecycle::with_sources(error));
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            sentence: format!("{what}. Nothing was changed; try again, or look into the log"),
        }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::NotFound(what) => Self::not_found(&format!("There is no such thing here: {what}.")),
            fault => Self::internal("the log could not be read", &fault),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("Problem");
        let page = Page { title, sentence: &self.sentence, live: false, notice: "" };
        match page.render() {
            Ok(html) => (self.status, Html(html)).into_response(),
            Err(_) => (self.status, self.sentence).into_response(),
        }
    }
}

/// A failure of the port, for a program.
pub(crate) struct PortFailure(pub(crate) Failure);

impl From<Fault> for PortFailure {
    fn from(fault: Fault) -> Self {
        Self(Failure::from(&fault))
    }
}

impl From<SubmitError> for PortFailure {
    fn from(error: SubmitError) -> Self {
        Self(Failure::from(&error))
    }
}

impl IntoResponse for PortFailure {
    fn into_response(self) -> Response {
        let status = match &self.0 {
            Failure::Rejected { .. } => StatusCode::CONFLICT,
            Failure::NotFound { .. } => StatusCode::NOT_FOUND,
            Failure::Refused { .. } => StatusCode::BAD_REQUEST,
            Failure::Unreachable { .. } => StatusCode::GATEWAY_TIMEOUT,
            Failure::Stopped
            | Failure::NotNow { .. }
            | Failure::DoesNotExtend { .. }
            | Failure::Contradicted { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Failure::Broken { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, [(header::CACHE_CONTROL, "no-store")], Json(self.0)).into_response()
    }
}
