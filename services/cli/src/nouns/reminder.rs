//! `rondo reminder`.

use rondo_domain::Wish;
use rondo_domain::notice::{NoticeCommand, NoticeState};
use serde_json::json;

use super::remark;
use crate::args::ReminderVerb;
use crate::desk::Desk;
use crate::failure::Failure;
use crate::output::{Form, Listing, line};

pub(crate) async fn run(verb: &ReminderVerb, desk: &Desk, form: Form, served: bool) -> Result<(), Failure> {
    match verb {
        ReminderVerb::List { round } => {
            let prefix = round.as_ref().map_or_else(|| "notice/".to_owned(), |round| format!("notice/{round}/"));
            if let Some(round) = round {
                desk.round(round).await?;
            }
            let world = desk.world(&[&prefix, "round/"]).await?;
            let mut entries = Vec::new();
            for (id, _) in world.rounds() {
                for (notice_id, notice) in world.notices(&id) {
                    let Some(brief) = &notice.brief else { continue };
                    let outcome = match &notice.state {
                        NoticeState::Suppressed { reason } => Some(reason.clone()),
                        NoticeState::Refused { refusal } => Some(refusal.class.clone()),
                        NoticeState::Bounced { reason, .. } => Some(reason.clone()),
                        _ => None,
                    };
                    entries.push(json!({
                        "id": notice_id, "round": id, "kind": brief.kind, "country": brief.country,
                        "person": brief.person, "role": brief.role, "language": "en", "due_at": brief.due_at,
                        "state": notice.state.as_str(), "sent_at": notice.sent_at, "attempts": notice.attempts,
                        "message_id": notice.message_id, "reason": brief.reason, "outcome": outcome,
                    }));
                }
            }
            entries.sort_by_key(|entry| entry["due_at"].as_str().map(str::to_owned));
            let columns = &[
                ("/due_at", "Due"),
                ("/country", "Country"),
                ("/kind", "Kind"),
                ("/person", "Person"),
                ("/state", "State"),
                ("/outcome", "Outcome"),
                ("/reason", "Why"),
            ];
            Listing { name: "reminders", columns, entries, empty: "No mail was due yet." }.print(form)
        }
        ReminderVerb::SendNow { round, notice, reason } => {
            let command = NoticeCommand::SendAgain { reason: reason.clone() };
            let wish = Wish::Notice { round: round.clone(), notice: notice.clone(), command };
            desk.submit(&["send-again"], wish).await?;
            remark(served);
            line(&format!("The notice {notice} is released to be sent."))
        }
    }
}
