//! The pages: read-only, each from the projection, figures from the log.

mod country;
mod figure;
mod mail;
mod next;
mod round;
mod table;
mod tasks;
mod words;

pub(crate) use country::country;
pub(crate) use figure::{figure, figure_json};
pub(crate) use mail::mail;
pub(crate) use round::{round, rounds};
pub(crate) use table::table;

use askama::Template;
use axum::response::Html;

use crate::problem::Problem;

/// Fills in a page.
fn page(template: &impl Template) -> Result<Html<String>, Problem> {
    template.render().map(Html).map_err(|e| Problem::internal("the page could not be written", &e))
}

pub(crate) async fn nothing_here() -> Problem {
    Problem::not_found("There is no page here. The first page leads to every round.")
}
