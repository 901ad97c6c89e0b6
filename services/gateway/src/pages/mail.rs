//! The mail log of a round: to which role, what kind, why, and what became of it.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Html;
use rondo_domain::RoundId;
use rondo_domain::notice::NoticeState;

use super::{page, words};
use crate::problem::Problem;
use crate::router::Shared;

#[derive(Template)]
#[template(path = "mail.html")]
struct MailPage {
    title: String,
    round: String,
    summary: String,
    lines: Vec<Line>,
    live: bool,
}

struct Line {
    due: String,
    country: String,
    kind: String,
    role: &'static str,
    person: String,
    state: &'static str,
    outcome: String,
    why: String,
}

/// The mail log of a round, newest first.
pub(crate) async fn mail(State(shared): State<Shared>, Path(round): Path<String>) -> Result<Html<String>, Problem> {
    let unknown = || Problem::not_found("There is no such round.");
    let round: RoundId = round.parse().map_err(|_| unknown())?;
    let view = shared.projection.with(|world| {
        let standing = world.round(&round)?;
        let mut notices = world.notices(&round);
        notices.sort_by_key(|(id, notice)| {
            (std::cmp::Reverse(notice.brief.as_ref().map(|brief| brief.due_at)), id.clone())
        });
        let sent = notices.iter().filter(|(_, notice)| notice.state == NoticeState::Sent).count();
        let lines: Vec<Line> = notices
            .iter()
            .filter_map(|(_, notice)| {
                let brief = notice.brief.as_ref()?;
                let outcome = match &notice.state {
                    NoticeState::Suppressed { reason } => reason.clone(),
                    NoticeState::Refused { refusal } => refusal.class.clone(),
                    NoticeState::Deferred { until } => format!("tried again at {}", words::instant(*until)),
                    NoticeState::Sent => notice.sent_at.map(words::instant).unwrap_or_default(),
                    NoticeState::Unknown => "held for a person".to_owned(),
                    _ => String::new(),
                };
                Some(Line {
                    due: words::instant(brief.due_at),
                    country: brief.country.as_ref().map(ToString::to_string).unwrap_or_default(),
                    kind: brief.kind.clone(),
                    role: brief.role.as_str(),
                    person: brief.person.to_string(),
                    state: notice.state.as_str(),
                    outcome,
                    why: brief.reason.clone(),
                })
            })
            .collect();
        Some(MailPage {
            title: format!("Mail · {}", standing.title),
            round: round.to_string(),
            summary: format!("{}, {} sent", words::count(lines.len(), "notice", "notices"), sent),
            lines,
            live: true,
        })
    });
    page(&view.ok_or_else(unknown)?)
}
