//! The mail log of a round: to which role, what kind, why, and what became of it.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Html;
use jiff::Timestamp;
use rondo_domain::notice::{Notice, NoticeStanding, NoticeState};
use rondo_domain::round::Round;
use rondo_domain::run::{Outcome, Stage};
use rondo_domain::world::World;
use rondo_domain::{Country, NoticeId, RoundId};

use super::{page, words};
use crate::problem::Problem;
use crate::projection::Texts;
use crate::router::Shared;

#[derive(Template)]
#[template(path = "mail.html")]
struct MailPage {
    title: String,
    round: String,
    summary: String,
    lines: Vec<Line>,
    unsent: Vec<Unsent>,
    live: bool,
    notice: Arc<str>,
}

/// A mail that was not raised, and why.
struct Unsent {
    due: String,
    country: String,
    kind: String,
    reason: String,
}

/// A mail and what became of it.
pub(super) struct Line {
    pub(super) due: String,
    country: String,
    pub(super) kind: String,
    pub(super) role: &'static str,
    pub(super) person: String,
    pub(super) state: &'static str,
    pub(super) outcome: String,
    pub(super) why: String,
}

/// The mail log of a round, newest first.
pub(crate) async fn mail(State(shared): State<Shared>, Path(round): Path<String>) -> Result<Html<String>, Problem> {
    let unknown = || Problem::not_found("There is no such round.");
    let round: RoundId = round.parse().map_err(|_| unknown())?;
    let pin = shared.projection.with(|world| world.round(&round).and_then(|found| found.pin.clone()));
    let texts = shared.projection.texts(pin.as_ref().map(|pin| &pin.bundle));
    let view = shared.projection.with(|world| {
        let standing = world.round(&round)?;
        let mut notices = world.notices(&round);
        notices.sort_by_key(|(id, notice)| {
            let brief = notice.brief.as_ref();
            let country = brief.and_then(|brief| brief.country.as_ref()).map(|country| words::country(&texts, country));
            (std::cmp::Reverse(brief.map(|brief| brief.due_at)), country, id.clone())
        });
        let summary = summary(&notices);
        let lines = notices.iter().filter_map(|(_, notice)| line(standing, notice, &texts)).collect();
        Some(MailPage {
            title: format!("Mail · {}", standing.title),
            round: round.to_string(),
            summary,
            lines,
            unsent: unsent(world, &round, &texts),
            live: true,
            notice: Arc::clone(&shared.notice),
        })
    });
    page(&view.ok_or_else(unknown)?)
}

/// The mails about one country, newest first, at the most so many.
pub(super) fn about(world: &World, id: &RoundId, country: &Country, texts: &Texts, most: usize) -> Vec<Line> {
    let Some(standing) = world.round(id) else { return Vec::new() };
    let of = |notice: &&Notice| notice.brief.as_ref().is_some_and(|brief| brief.country.as_ref() == Some(country));
    let mut notices: Vec<&Notice> = world.notices(id).into_iter().map(|(_, notice)| notice).filter(of).collect();
    notices.sort_by_key(|notice| std::cmp::Reverse(notice.brief.as_ref().map(|brief| brief.due_at)));
    notices.into_iter().take(most).filter_map(|notice| line(standing, notice, texts)).collect()
}

fn line(standing: &Round, notice: &Notice, texts: &Texts) -> Option<Line> {
    let brief = notice.brief.as_ref()?;
    let whose = brief.country.as_ref().filter(|_| brief.role.is_of_country());
    let local = |at: Timestamp| words::local(texts, whose, at);
    let outcome = match &notice.state {
        NoticeState::Suppressed { reason } => reason.clone(),
        NoticeState::Refused { refusal } => refusal.told(),
        NoticeState::Deferred { until } => {
            let why = notice.refusal.as_ref().map(|refusal| format!(": {}", refusal.told())).unwrap_or_default();
            format!("tried again at {}{why}", local(*until))
        }
        NoticeState::Sent | NoticeState::Delivered | NoticeState::Answered => {
            notice.sent_at.map(local).unwrap_or_default()
        }
        NoticeState::Postponed { until, reason, .. } => format!("until {}: {reason}", local(*until)),
        NoticeState::Due => held(standing, notice).unwrap_or_default(),
        NoticeState::Unknown => "held for a person".to_owned(),
        NoticeState::Bounced { reason } | NoticeState::Undelivered { reason, .. } => reason.clone(),
        _ => String::new(),
    };
    let told: Vec<String> = [outcome].into_iter().filter(|told| !told.is_empty()).chain(notice.remarks()).collect();
    Some(Line {
        due: local(brief.due_at),
        country: brief.country.as_ref().map(|c| words::country(texts, c)).unwrap_or_default(),
        kind: match texts.definition.as_ref().and_then(|definition| definition.copied(&brief.step, brief.role)) {
            Some(_) => format!("{}, a copy", brief.kind),
            None => brief.kind.clone(),
        },
        role: brief.role.as_str(),
        person: brief.person.to_string(),
        state: notice.state.as_str(),
        outcome: told.join("; "),
        why: brief.reason.clone(),
    })
}

/// Why a due mail waits, if it is paused.
fn held(round: &Round, notice: &Notice) -> Option<String> {
    let (scope, reason) = round.holds_mail(notice.brief.as_ref()?)?;
    Some(format!("{scope} is paused: {reason}"))
}

/// How many mails left, wait, were not sent, and did not arrive.
fn summary(notices: &[(NoticeId, &Notice)]) -> String {
    use NoticeStanding as S;
    let count = |meant: &[S]| notices.iter().filter(|(_, notice)| meant.contains(&notice.state.standing())).count();
    let (left, waiting) = (count(&[S::Left]), count(&[S::Waits, S::BeingSent]));
    let (without, astray) = (count(&[S::Suppressed]), count(&[S::Astray]));
    let mails = words::count(left, "mail was sent", "mails were sent");
    let waits = if waiting == 1 { "waits" } else { "wait" };
    let were = if without == 1 { "was" } else { "were" };
    format!("{mails}, {waiting} {waits} to be sent, {without} {were} not needed any more, {astray} did not arrive")
}

/// Mails that their steps did not raise, newest first: what was already done needs no reminder.
fn unsent(world: &World, id: &RoundId, texts: &Texts) -> Vec<Unsent> {
    let mut found = Vec::new();
    for (_, country, run) in world.runs().into_iter().filter(|(round, ..)| round == id) {
        for (occurrence, due, stage) in run.occurrences() {
            let Stage::Completed { outcome: Outcome::Skipped { reason } } = stage else { continue };
            let step = texts.definition.as_ref().and_then(|definition| definition.step(&occurrence.step));
            let Some(text) = step.and_then(|step| step.action.mail()) else { continue };
            let country = country.as_ref().map(|country| words::country(texts, country)).unwrap_or_default();
            found.push((
                due.at,
                Unsent { due: words::moment(due), country, kind: text.to_owned(), reason: reason.clone() },
            ));
        }
    }
    found.sort_by_key(|(at, line)| (std::cmp::Reverse(*at), line.country.clone()));
    found.into_iter().map(|(_, line)| line).collect()
}
