//! `rondo reminder`.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use rondo_domain::notice::{Notice, NoticeCommand, NoticeStanding, NoticeState};
use rondo_domain::round::{MailScope, Round, RoundCommand};
use rondo_domain::{Country, NoticeId, RoundId, StreamId, Wish};
use rondo_reminder::{Preview, ReturnPath, previews};
use rondo_runtime::config::{Config, MailSection};
use rondo_runtime::people::People;
use serde_json::{Value, json};

use super::remark;
use crate::args::{ReminderVerb, Scope, Sendable};
use crate::desk::Desk;
use crate::failure::Failure;
use crate::output::{Form, Listing, hint, line, said};
use crate::reach::announcement;
use crate::register;

pub(crate) async fn run(
    verb: &ReminderVerb,
    desk: &Desk,
    config: &Config,
    form: Form,
    served: bool,
) -> Result<(), Failure> {
    match verb {
        ReminderVerb::List { round } => list(round.as_ref(), desk, config, form).await,
        ReminderVerb::Unclear => unclear(desk, config, form).await,
        ReminderVerb::Preview { round, country, kind, language, out } => {
            let (kind, language) = (kind.as_deref(), language.as_deref());
            preview(round, country.as_ref(), (kind, language), desk, config, (out.as_deref(), form)).await
        }
        ReminderVerb::Pause { round, scope, reason } => {
            let (scope, reason) = (meant(scope), reason.clone());
            is_there(round, &scope, desk).await?;
            let told = format!("{scope} of {round} waits until it is resumed.");
            desk.round_command(round, RoundCommand::PauseMail { scope, reason }).await?;
            remark(served);
            said(form, &capital(&told))
        }
        ReminderVerb::Resume { round, scope, reason } => {
            let told = resume(round, meant(scope), reason, desk).await?;
            remark(served);
            said(form, &capital(&told))
        }
        ReminderVerb::Drop { round, notice, reason } => {
            let command = NoticeCommand::Suppress { reason: reason.clone() };
            of_notice(round, notice, command, &["drop"], desk).await?;
            said(form, &format!("The mail {notice} is settled: it is not sent (again)."))
        }
        ReminderVerb::Answered { round, notice } => {
            of_notice(round, notice, NoticeCommand::RecordAnswer, &["answered"], desk).await?;
            said(form, &format!("The mail {notice} counts as answered."))
        }
        ReminderVerb::SendNow { round, notices, all, scope, reason } => {
            let notices = match all {
                Some(which) => standing_so(round, *which, &meant(scope), desk).await?,
                None => notices.clone(),
            };
            for notice in &notices {
                let command = NoticeCommand::SendAgain { reason: reason.clone() };
                of_notice(round, notice, command, &["send-again", notice.as_str()], desk).await?;
            }
            if !notices.is_empty() {
                remark(served);
            }
            match notices.as_slice() {
                [] => desk.said(form, "There is no such mail; nothing is sent."),
                [one] => {
                    desk.said(form, &format!("The mail {one} is released to be sent, as far as it is still true."))
                }
                many => desk.said(
                    form,
                    &format!("{} mails are released to be sent, as far as they are still true.", many.len()),
                ),
            }
        }
    }
}

/// Lets paused mail go again; what is said of it.
async fn resume(round: &RoundId, scope: MailScope, reason: &str, desk: &Desk) -> Result<String, Failure> {
    let standing = desk.round(round).await?;
    if !standing.mail_paused.contains_key(&scope) {
        let paused: Vec<String> = standing.mail_paused.keys().map(ToString::to_string).collect();
        let paused = if paused.is_empty() { "nothing is".to_owned() } else { paused.join(", ") };
        return Err(Failure::not_found(format!("{scope} of {round} is not paused; {paused}")));
    }
    let told = format!("{scope} of {round} leaves again, as far as it is still true.");
    desk.round_command(round, RoundCommand::ResumeMail { scope, reason: reason.to_owned() }).await?;
    Ok(told)
}

/// Submits a command about one mail.
async fn of_notice(
    round: &RoundId,
    notice: &NoticeId,
    command: NoticeCommand,
    act: &[&str],
    desk: &Desk,
) -> Result<(), Failure> {
    let wish = Wish::Notice { round: round.clone(), notice: notice.clone(), command };
    desk.submit(act, wish).await.map(drop)
}

/// The mails of a round that stand so, and are within a scope.
async fn standing_so(
    round: &RoundId,
    which: Sendable,
    scope: &MailScope,
    desk: &Desk,
) -> Result<Vec<NoticeId>, Failure> {
    use NoticeState as S;
    is_there(round, scope, desk).await?;
    let world = desk.world(&[&format!("notice/{round}/")]).await?;
    let fits = |notice: &&Notice| {
        let Some(brief) = &notice.brief else { return false };
        let stands = match which {
            Sendable::Unknown => notice.state == S::Unknown,
            Sendable::Refused => matches!(notice.state, S::Refused { .. }),
            Sendable::Suppressed => matches!(notice.state, S::Suppressed { .. }),
            Sendable::Bounced => matches!(notice.state, S::Bounced { .. }),
            Sendable::Undelivered => matches!(notice.state, S::Undelivered { .. }),
            Sendable::Waiting => notice.state.standing() == NoticeStanding::Waits,
        };
        stands
            && match scope {
                MailScope::Country(country) => brief.country.as_ref() == Some(country),
                MailScope::Kind(kind) => brief.kind == *kind,
                MailScope::Person(person) => brief.person == *person,
                MailScope::All => true,
            }
    };
    let all = world.notices(round).into_iter();
    Ok(all.filter(|(_, notice)| fits(notice)).map(|(id, _)| id).collect())
}

fn meant(scope: &Scope) -> MailScope {
    match scope {
        Scope { country: Some(country), .. } => MailScope::Country(country.clone()),
        Scope { kind: Some(kind), .. } => MailScope::Kind(kind.clone()),
        Scope { to: Some(person), .. } => MailScope::Person(person.clone()),
        _ => MailScope::All,
    }
}

/// That there is such mail: a word that is mistyped would pause nothing.
async fn is_there(id: &RoundId, scope: &MailScope, desk: &Desk) -> Result<(), Failure> {
    let round = desk.round(id).await?;
    match scope {
        MailScope::Country(country) if !round.participants.contains_key(country) => {
            Err(Failure::not_found(format!("{country} does not take part in {id}")))
        }
        MailScope::Kind(kind) => {
            let (_, ready) = desk.definition(&round).await?;
            let kinds: BTreeSet<&str> = ready.definition.steps.iter().filter_map(|step| step.action.mail()).collect();
            if kinds.contains(kind.as_str()) {
                return Ok(());
            }
            let kinds = kinds.into_iter().collect::<Vec<_>>().join(", ");
            Err(Failure::not_found(format!("{id} has no mail of the kind `{kind}`; it has {kinds}")))
        }
        MailScope::Person(person) if !desk.world(&["network"]).await?.network().grants.contains_key(person) => Err(
            Failure::not_found(format!("nobody who holds a role is called {person}; `rondo person list` shows them")),
        ),
        _ => Ok(()),
    }
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

async fn list(only: Option<&RoundId>, desk: &Desk, config: &Config, form: Form) -> Result<(), Failure> {
    let prefix = only.map_or_else(|| "notice/".to_owned(), |round| format!("notice/{round}/"));
    if let Some(round) = only {
        desk.round(round).await?;
    }
    // The register may be elsewhere; then it is not known in which language each mail is.
    let people = People::read(&config.in_data(&config.mail.people)).map_err(|e| Failure::of(&e))?;
    let world = desk.world(&[&prefix, "round/"]).await?;
    let mut entries = Vec::new();
    for (id, round) in world.rounds() {
        for (notice_id, notice) in world.notices(&id) {
            let Some(brief) = &notice.brief else { continue };
            entries.push(json!({
                "id": notice_id, "round": id, "kind": brief.kind, "country": brief.country,
                "person": brief.person, "role": brief.role,
                "language": people.person.get(&brief.person).map(|person| &person.language),
                "due_at": brief.due_at, "state": notice.state.as_str(), "sent_at": notice.sent_at,
                "attempts": notice.attempts, "message_id": notice.message_id, "reason": brief.reason,
                "outcome": outcome(round, notice),
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

/// What lies in the inbox and waits for a person, and why.
async fn unclear(desk: &Desk, config: &Config, form: Form) -> Result<(), Failure> {
    let people = People::read(&register::beside_mails(config, "reminder unclear")?).map_err(|e| Failure::of(&e))?;
    let world = desk.world(&["network", "notice/", "round/"]).await?;
    let paths = ReturnPath::existing(config)?;
    let inbox = config.in_data(&config.mail.inbox);
    let found = rondo_reminder::unclear(&inbox, (&world, &people), paths.as_ref())?;
    let entries: Vec<Value> = found.iter().map(|one| json!({"file": one.path, "reason": one.reason})).collect();
    let waits = !entries.is_empty();
    let columns = &[("/file", "File"), ("/reason", "Why")];
    Listing { name: "unclear", columns, entries, empty: "Every inbound mail was understood." }.print(form)?;
    if waits {
        hint(
            "Read them, do what they ask, and move them into the folder `done` beside; moved back into the inbox they are read again.",
        );
    }
    Ok(())
}

/// What became of a notice or what holds it, in words.
fn outcome(round: &Round, notice: &Notice) -> Option<String> {
    let held = || {
        let (scope, reason) = round.holds_mail(notice.brief.as_ref()?).filter(|_| !notice.at_once)?;
        Some(format!("{scope} is paused: {reason}"))
    };
    let told = match &notice.state {
        NoticeState::Suppressed { reason } => Some(reason.clone()),
        NoticeState::Refused { refusal } => Some(refusal.told()),
        NoticeState::Bounced { reason } | NoticeState::Undelivered { reason, .. } => Some(reason.clone()),
        NoticeState::Postponed { until, reason, .. } => held().or_else(|| Some(format!("until {until}: {reason}"))),
        NoticeState::Deferred { until } => held().or_else(|| {
            let refusal = notice.refusal.as_ref()?;
            Some(format!("tried again at {until}: {}", refusal.told()))
        }),
        NoticeState::Due => held(),
        _ => None,
    };
    let all: Vec<String> = told.into_iter().chain(notice.remarks()).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

async fn preview(
    round: &RoundId,
    country: Option<&Country>,
    which: (Option<&str>, Option<&str>),
    desk: &Desk,
    config: &Config,
    (out, form): (Option<&Path>, Form),
) -> Result<(), Failure> {
    let standing = desk.round(round).await?;
    let pin = standing.pin.as_ref().ok_or_else(|| Failure::not_found("the round has no definition yet"))?;
    let taking_part = || standing.participants.keys().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let country = match country {
        Some(country) if standing.participants.contains_key(country) => country,
        Some(country) => {
            if standing.participants.is_empty() {
                let told = "the round has no countries yet: the scheduler configures it in a moment, or `rondo up` does once it runs";
                return Err(Failure::try_later(told));
            }
            return Err(Failure::not_found(format!("{country} does not take part; {} do", taking_part())));
        }
        None => standing.participants.keys().next().ok_or_else(|| Failure::not_found("no country takes part yet"))?,
    };
    let prefixes = [format!("participation/{round}/"), format!("run/{round}"), format!("notice/{round}/")];
    let stream = StreamId::round(round);
    let prefixes: Vec<&str> = prefixes.iter().map(String::as_str).chain([stream.as_str()]).collect();
    let world = desk.world(&prefixes).await?;
    let ledger = Arc::clone(&desk.ledger);
    let now = desk.now();
    let mut mail = config.mail.clone();
    if mail.base_url == MailSection::default().base_url
        && let Some(announced) = announcement(&config.ledger.data)?
    {
        // As a server that nobody configured an address for has it.
        mail.base_url = announced.url;
    }
    let reader = (&desk.person, &mail, now);
    let all = previews(&*ledger, (&world, round, &pin.bundle), country, which, reader)
        .await
        .map_err(|e| Failure::usage(e.to_string()))?;
    if let Some(folder) = out {
        written(&all, folder)?;
        if matches!(form, Form::Table) {
            return Ok(());
        }
    }
    if matches!(form, Form::Table) {
        return all.iter().try_for_each(told);
    }
    let entries: Vec<Value> = all
        .iter()
        .map(|one| {
            json!({
                "kind": one.kind, "language": one.language, "translated": one.is_translated, "copy": one.copy,
                "subject": one.draft.subject, "text": one.draft.plain, "html": one.draft.html, "entry": one.draft.entry,
            })
        })
        .collect();
    let columns = &[
        ("/kind", "Kind"),
        ("/language", "Language"),
        ("/translated", "Translated"),
        ("/copy", "Copy for"),
        ("/subject", "Subject"),
    ];
    Listing { name: "previews", columns, entries, empty: "No step of this workflow sends mail." }.print(form)
}

fn told(one: &Preview) -> Result<(), Failure> {
    let state = if one.is_translated { "" } else { ", not translated" };
    let copy = one.copy.map(|role| format!(", as the copy for a {role}")).unwrap_or_default();
    line(&format!(
        "==== {} in {}{state}{copy}\nSubject: {}\n\n{}",
        one.kind, one.named, one.draft.subject, one.draft.plain
    ))
}

/// Writes previews as pages and calendar entries.
fn written(all: &[Preview], folder: &Path) -> Result<(), Failure> {
    let failed = |e: std::io::Error| Failure::failed(format!("cannot write into {}: {e}", folder.display()));
    std::fs::create_dir_all(folder).map_err(failed)?;
    for one in all {
        let copy = one.copy.map_or("", |_| ".copy");
        let stem = format!("{}.{}{copy}", one.kind, one.language);
        let (kind, text) = match &one.draft.html {
            Some(html) => ("html", html),
            None => ("txt", &one.draft.plain),
        };
        std::fs::write(folder.join(format!("{stem}.{kind}")), text).map_err(failed)?;
        if let Some(entry) = &one.draft.entry {
            std::fs::write(folder.join(format!("{stem}.ics")), entry).map_err(failed)?;
        }
    }
    hint(&format!("{} mails are in {}.", all.len(), folder.display()));
    Ok(())
}
