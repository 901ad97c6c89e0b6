//! Acting: each act of the cast as the commands that a person at the command line would give.

use std::sync::Arc;

use jiff::tz::TimeZone;
use rondo_domain::network::{Grant, NetworkCommand};
use rondo_domain::notice::{NoticeCommand, NoticeStanding, NoticeState};
use rondo_domain::participation::{Channel, ParticipationCommand, TableState};
use rondo_domain::release::ReleaseCommand;
use rondo_domain::round::{Participant, RoundCommand};
use rondo_domain::run::TaskName;
use rondo_domain::table::TableNo;
use rondo_domain::{Country, PersonId, ReleaseId, RoundId, Wish};
use rondo_eventlog::Ledger;

use super::cast::{Act, Cast, PersonEntry, What};
use super::round;
use crate::again::Given;
use crate::builtin;
use crate::desk::{Desk, How, QueryAct};
use crate::failure::Failure;

/// Registers institutions and roles as the operator does when a log is new.
pub(super) async fn set_up(cast: &Cast, ledger: &Arc<dyn Ledger>) -> Result<(), Failure> {
    let desk = desk(ledger, &"operator".parse()?, "set-up");
    for entry in &cast.institutions {
        let command = NetworkCommand::RegisterInstitution {
            institution: entry.id.clone(),
            country: entry.country.clone(),
            name: entry.name.clone(),
            place: entry.place.clone(),
        };
        desk.submit(&["institution", entry.id.as_str()], Wish::Network { command }).await?;
    }
    for entry in cast.people.iter().filter(|entry| !entry.later) {
        let command = NetworkCommand::GrantRole { person: entry.id.clone(), grant: grant(entry) };
        desk.submit(&["grant", entry.id.as_str()], Wish::Network { command }).await?;
    }
    Ok(())
}

fn desk(ledger: &Arc<dyn Ledger>, person: &PersonId, occasion: &str) -> Desk {
    Desk {
        ledger: Arc::clone(ledger),
        person: person.clone(),
        role: None,
        occasion: format!("demonstration {occasion}"),
        clock: None,
        given: Given::default(),
    }
}

fn grant(entry: &PersonEntry) -> Grant {
    Grant { institution: entry.institution.clone(), ..Grant::of(entry.role, entry.country.clone()) }
}

fn entry<'c>(cast: &'c Cast, person: &PersonId) -> Result<&'c PersonEntry, Failure> {
    let missing = || Failure::not_found(format!("the cast has no person `{person}`"));
    cast.people.iter().find(|entry| entry.id == *person).ok_or_else(missing)
}

/// Plays one act; played again, it has no further effect.
pub(super) async fn play(cast: &Cast, ledger: &Arc<dyn Ledger>, index: usize, act: &Act) -> Result<(), Failure> {
    let desk = desk(ledger, &act.by, &format!("act {index}"));
    let round = &cast.round;
    match (&act.what, &act.country) {
        (What::LoadHistory(file), _) => {
            desk.load_published(Cast::file(file)?.as_bytes(), &cast.provenance).await?;
        }
        (What::Plan, _) => {
            desk.plan(&builtin::bundle(&cast.workflow)?, cast.year).await?;
        }
        (What::Approve, _) => release(&desk, round, ReleaseCommand::Approve).await?,
        (What::Clear, _) => release(&desk, round, ReleaseCommand::Clear).await?,
        (What::Grant(person), _) => {
            let command = NetworkCommand::GrantRole { person: person.clone(), grant: grant(entry(cast, person)?) };
            desk.submit(&["grant"], Wish::Network { command }).await?;
        }
        (What::Delegate { to, until, reason }, country) => {
            let from = entry(cast, &act.by)?;
            let until = until.tomorrow().and_then(|day| day.to_zoned(TimeZone::UTC)).map_err(|e| Failure::of(&e))?;
            let command = NetworkCommand::Delegate {
                person: act.by.clone(),
                to: to.clone(),
                role: from.role,
                country: country.clone(),
                from: None,
                until: until.timestamp(),
                reason: reason.clone(),
            };
            desk.submit(&["delegate"], Wish::Network { command }).await?;
        }
        (what, country) if round::play(cast, &desk, what, country.as_ref()).await? => {}
        (What::EndRole { person, reason }, _) => {
            let grant = grant(entry(cast, person)?);
            let command = NetworkCommand::EndRole { person: person.clone(), grant, reason: reason.clone() };
            desk.submit(&["end-role"], Wish::Network { command }).await?;
        }
        (What::Task { step, answer, text }, country) => {
            let task = TaskName { round: round.clone(), country: country.clone(), step: step.clone(), of: None };
            desk.answer_task(&task, *answer, text).await?;
        }
        (what, Some(country)) => in_country(&desk, round, country, what).await?,
        (what, None) => return Err(Failure::usage(format!("this act needs a country: {what:?}"))),
    }
    Ok(())
}

async fn release(desk: &Desk, round: &RoundId, command: ReleaseCommand) -> Result<(), Failure> {
    let release: ReleaseId = format!("{round}.1").parse()?;
    desk.submit(&["release"], Wish::Release { release, command }).await.map(|_| ())
}

async fn in_country(desk: &Desk, round: &RoundId, country: &Country, what: &What) -> Result<(), Failure> {
    let command = match what {
        What::Acknowledge => ParticipationCommand::Acknowledge,
        What::Send { file, reason } => {
            let bytes = Cast::file(file)?.as_bytes();
            let how = How { channel: Channel::Upload, reason: reason.clone(), source: None };
            desk.send(round, country, file, bytes, how).await?;
            return Ok(());
        }
        What::Declare { tables, declaration, text } => {
            let tables = if tables.is_empty() {
                let part = desk.participation(round, country).await?;
                let open = part.tables.iter().filter(|(_, table)| table.state == TableState::Expected);
                let open: Vec<TableNo> = open.map(|(no, _)| *no).collect();
                if open.is_empty() {
                    // Played again, after all that was open was declared.
                    return Ok(());
                }
                open
            } else {
                tables.clone()
            };
            ParticipationCommand::Declare { tables, declaration: *declaration, text: text.clone() }
        }
        What::Answer { answer, text } => {
            let act = QueryAct::Answer(*answer, text.clone());
            return desk.queries(round, country, None, &act).await.map(|_| ());
        }
        What::AcceptAnswers => return desk.queries(round, country, None, &QueryAct::Accept).await.map(|_| ()),
        What::Allow(reason) => {
            return desk.queries(round, country, None, &QueryAct::Allow(reason.clone())).await.map(|_| ());
        }
        What::Accept => ParticipationCommand::Accept { tables: Vec::new() },
        What::Confirm => ParticipationCommand::Confirm,
        What::Close(reason) => ParticipationCommand::Close { reason: reason.clone() },
        What::ReplaceContact { was, is, reason } => {
            ParticipationCommand::ReplaceContact { was: was.clone(), is: is.clone(), reason: reason.clone() }
        }
        What::Admit { .. } | What::Extend { .. } => return deadline(desk, round, country, what).await,
        What::RecordBounce { person, reason } => return bounce(desk, round, person, reason).await,
        other => return Err(Failure::usage(format!("this act is not a country's: {other:?}"))),
    };
    desk.country_command(round, country, command).await.map(|_| ())
}

async fn deadline(desk: &Desk, round: &RoundId, country: &Country, what: &What) -> Result<(), Failure> {
    let standing = desk.round(round).await?;
    let (_, ready) = desk.definition(&standing).await?;
    let command = match what {
        What::Admit { deadline, tables, reason } => {
            let deadline = ready.set_deadline(country, *deadline, None).map_err(|e| Failure::usage(e.to_string()))?;
            let participant = Participant { country: country.clone(), deadline, tables: tables.clone() };
            RoundCommand::Admit { participant, reason: reason.clone() }
        }
        What::Extend { until, reason } => {
            let until = ready.set_deadline(country, *until, None).map_err(|e| Failure::usage(e.to_string()))?;
            RoundCommand::Extend { country: country.clone(), until, reason: reason.clone() }
        }
        _ => return Ok(()),
    };
    desk.round_command(round, command).await.map(|_| ())
}

/// Records that the newest mail to a person came back.
async fn bounce(desk: &Desk, round: &RoundId, person: &PersonId, reason: &str) -> Result<(), Failure> {
    let world = desk.world(&[&format!("notice/{round}/")]).await?;
    let mut sent = world.notices(round);
    sent.retain(|(_, notice)| {
        let theirs = notice.brief.as_ref().is_some_and(|brief| brief.person == *person);
        theirs
            && (notice.state.standing() == NoticeStanding::Left || matches!(notice.state, NoticeState::Bounced { .. }))
    });
    let newest = sent.into_iter().max_by_key(|(_, notice)| notice.sent_at);
    let (notice, _) = newest.ok_or_else(|| Failure::not_found(format!("no mail to {person} was sent")))?;
    let command = NoticeCommand::RecordBounce { hard: true, reason: reason.to_owned() };
    let wish = Wish::Notice { round: round.clone(), notice, command };
    desk.submit(&["bounce"], wish).await.map(|_| ())
}
