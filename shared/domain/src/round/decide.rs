//! What may happen to a round, and who may wish it.

use serde::{Deserialize, Serialize};

use super::{MailScope, MigrationEffect, Participant, Pin, Round, RoundEvent, RoundPlan, RoundState, migration};
use crate::calendar::{CalendarChange, DateMove, DayChange, MAX_CHANGES, Moment};
use crate::command::Context;
use crate::reason::text_is_well_formed;
use crate::{Actor, Country, Rejection, ReleaseId, Role, WorkflowId, Year};

/// The most countries a round may have; the world has fewer.
pub const MAX_PARTICIPANTS: usize = 300;

/// What can be wished of a round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoundCommand {
    /// Choose workflow and year.
    Plan {
        /// The definition.
        pin: Pin,
        /// The collection year.
        year: Year,
        /// The round's title.
        title: String,
    },
    /// Freeze dates, countries and tables.
    Configure {
        /// What to freeze.
        plan: RoundPlan,
    },
    /// Begin.
    Launch,
    /// Take in a country.
    Admit {
        /// Its part.
        participant: Participant,
        /// Why.
        reason: String,
    },
    /// Move a country's deadline.
    Extend {
        /// Whose.
        country: Country,
        /// Until when.
        until: Moment,
        /// Why.
        reason: String,
    },
    /// Hold every step.
    Pause {
        /// Why.
        reason: String,
    },
    /// Let steps fire again.
    Resume {
        /// Why.
        reason: String,
    },
    /// Let mail of some kind leave no more.
    PauseMail {
        /// Which.
        scope: MailScope,
        /// Why.
        reason: String,
    },
    /// Let it leave again.
    ResumeMail {
        /// Which.
        scope: MailScope,
        /// Why.
        reason: String,
    },
    /// Record that days, a week or a zone are not as the pinned calendars have them.
    ChangeCalendar {
        /// What.
        changes: Vec<CalendarChange>,
        /// The dates that this moves, and those that stay although it would.
        moves: Vec<DateMove>,
        /// Why, and by whose word.
        reason: String,
    },
    /// Propose that the round goes on by another version of its workflow.
    ProposeMigration {
        /// The version.
        is: Pin,
        /// What that does.
        effects: Vec<MigrationEffect>,
        /// Why.
        reason: String,
    },
    /// Let the proposed version hold; by somebody else than who proposed it.
    ApproveMigration,
    /// Take the proposal back, or do not approve it.
    RejectMigration {
        /// Why.
        reason: String,
    },
    /// Write down what was learned, for the next round of a workflow.
    Learn {
        /// Of which workflow.
        workflow: WorkflowId,
        /// In a sentence.
        lesson: String,
    },
    /// The general deadline has passed.
    BeginClosing,
    /// Take no more submissions.
    Close,
    /// Take submissions again.
    Reopen {
        /// Why.
        reason: String,
    },
    /// Begin confirmation and release.
    Finalise,
    /// The release is out.
    MarkPublished {
        /// The release.
        release: ReleaseId,
    },
    /// Call the round off.
    Cancel {
        /// Why.
        reason: String,
    },
}

pub(super) const COORDINATORS: &[Role] = &[Role::CollectionManager, Role::RegionalCoordinator];
const ENGINE: &[Role] = &[Role::CollectionManager, Role::RegionalCoordinator, Role::Service];

/// Decides a command on a round.
///
/// # Errors
/// The rejection.
pub fn decide(state: &Round, command: &RoundCommand, context: &Context<'_>) -> Result<Vec<RoundEvent>, Rejection> {
    use RoundCommand as C;
    use RoundState as S;
    let event = match command {
        C::Plan { pin, year, title } => {
            context.require_role(COORDINATORS, "plan a round")?;
            possible(state, &[S::Unplanned], "be planned")?;
            require_text(title, "title")?;
            RoundEvent::RoundPlanned { pin: pin.clone(), year: *year, title: title.clone() }
        }
        C::Configure { plan } => {
            context.require_role(ENGINE, "configure a round")?;
            possible(state, &[S::Planned], "be configured")?;
            return configured(state, plan);
        }
        C::Launch | C::BeginClosing | C::Close | C::Finalise => advanced(state, command, context)?,
        C::Admit { participant, reason } => {
            context.require_role(COORDINATORS, "admit a country")?;
            possible(state, &[S::Configured, S::Collecting, S::Closing], "admit a country")?;
            require_reason(reason)?;
            if state.participants.contains_key(&participant.country) {
                return Ok(Vec::new());
            }
            RoundEvent::CountryAdmitted { participant: participant.clone(), reason: reason.clone() }
        }
        C::Extend { country, until, reason } => {
            context.require_role(COORDINATORS, "extend a deadline")?;
            possible(state, &[S::Configured, S::Collecting, S::Closing], "extend a deadline")?;
            require_reason(reason)?;
            extended(state, country, until, reason, context.now)?
        }
        C::Pause { reason } | C::Resume { reason } => {
            let pause = matches!(command, C::Pause { .. });
            may_pause(pause, context, if pause { "pause a round" } else { "let a paused round go on" })?;
            if state.state == S::Unplanned {
                return Err(not_possible(state, "be paused or resumed"));
            }
            require_reason(reason)?;
            if pause == state.paused {
                return Ok(Vec::new());
            }
            let reason = reason.clone();
            if pause { RoundEvent::RoundPaused { reason } } else { RoundEvent::RoundResumed { reason } }
        }
        C::PauseMail { scope, reason } => return mail(state, scope, reason, true, context),
        C::ResumeMail { scope, reason } => return mail(state, scope, reason, false, context),
        C::ChangeCalendar { changes, moves, reason } => calendar_changed(state, changes, moves, reason, context)?,
        C::ProposeMigration { .. } | C::ApproveMigration | C::RejectMigration { .. } => {
            return migration::decide(state, command, context);
        }
        C::Learn { workflow, lesson } => learned(state, workflow, lesson, context)?,
        C::Reopen { reason } => {
            context.require_role(COORDINATORS, "reopen a round")?;
            possible(state, &[S::Closing, S::Closed, S::Finalising], "be reopened")?;
            require_reason(reason)?;
            RoundEvent::RoundReopened { reason: reason.clone() }
        }
        C::MarkPublished { release } => {
            context.require_role(&[Role::Service], "mark a round published")?;
            possible(state, &[S::Finalising, S::Published], "be published")?;
            RoundEvent::RoundPublished { release: release.clone() }
        }
        C::Cancel { reason } => cancelled(state, reason, context)?,
    };
    Ok(vec![event])
}

fn cancelled(state: &Round, reason: &str, context: &Context<'_>) -> Result<RoundEvent, Rejection> {
    context.require_role(COORDINATORS, "cancel a round")?;
    require_reason(reason)?;
    if matches!(state.state, RoundState::Unplanned | RoundState::Published | RoundState::Cancelled) {
        return Err(not_possible(state, "be cancelled"));
    }
    Ok(RoundEvent::RoundCancelled { reason: reason.to_owned() })
}

fn learned(state: &Round, workflow: &WorkflowId, lesson: &str, context: &Context<'_>) -> Result<RoundEvent, Rejection> {
    use RoundState as S;
    context.require_role(LEARNERS, "write down a lesson")?;
    possible(state, &[S::Collecting, S::Closing, S::Closed, S::Finalising, S::Published], "teach a lesson")?;
    require_text(lesson, "lesson")?;
    if lesson.chars().count() > MAX_LESSON || state.lessons.len() >= MAX_LESSONS {
        return Err(Rejection::OutOfBounds { what: "lessons or their length".to_owned(), limit: MAX_LESSON });
    }
    Ok(RoundEvent::LessonLearned { workflow: workflow.clone(), lesson: lesson.to_owned() })
}

/// A log that is started again may be held as a whole by its operator; to let it go on is the coordinators' decision.
fn may_pause(pause: bool, context: &Context<'_>, act: &str) -> Result<(), Rejection> {
    let holds = pause && context.actor.role == Role::Administrator && Actor::is_service(&context.actor.id);
    if holds { Ok(()) } else { context.require_role(COORDINATORS, act) }
}

/// Mail of some kind is paused or resumed.
fn mail(
    state: &Round,
    scope: &MailScope,
    reason: &str,
    pause: bool,
    context: &Context<'_>,
) -> Result<Vec<RoundEvent>, Rejection> {
    may_pause(pause, context, if pause { "pause mail" } else { "let paused mail leave" })?;
    if state.state == RoundState::Unplanned {
        return Err(not_possible(state, "have its mail paused or resumed"));
    }
    require_reason(reason)?;
    if pause == state.mail_paused.contains_key(scope) {
        return Ok(Vec::new());
    }
    let (scope, reason) = (scope.clone(), reason.to_owned());
    Ok(vec![if pause { RoundEvent::MailPaused { scope, reason } } else { RoundEvent::MailResumed { scope, reason } }])
}

/// The longest lesson, in characters, and the most of a round.
const MAX_LESSON: usize = 300;
const MAX_LESSONS: usize = 100;

/// Whoever takes part in the work of a round may say what was learned in it.
const LEARNERS: &[Role] = &[
    Role::CollectionManager,
    Role::RegionalCoordinator,
    Role::Validator,
    Role::Publisher,
    Role::FocalPoint,
    Role::NationalCoordinator,
];

/// The most dates that one change of a calendar names, so that they fit one record.
const MAX_MOVES: usize = 50;

fn calendar_changed(
    state: &Round,
    changes: &[CalendarChange],
    moves: &[DateMove],
    reason: &str,
    context: &Context<'_>,
) -> Result<RoundEvent, Rejection> {
    use RoundState as S;
    context.require_role(COORDINATORS, "change a calendar")?;
    possible(
        state,
        &[S::Configured, S::Collecting, S::Closing, S::Closed, S::Finalising],
        "have its calendar changed",
    )?;
    require_reason(reason)?;
    if changes.is_empty() {
        return Err(Rejection::Malformed { what: "no change of a calendar is named".to_owned() });
    }
    let before = state.calendar_changes.len();
    for (what, count, limit) in
        [("changes of a calendar", before + changes.len(), 10 * MAX_CHANGES), ("dates", moves.len(), MAX_MOVES)]
    {
        if count > limit {
            return Err(Rejection::OutOfBounds { what: format!("{count} {what}"), limit });
        }
    }
    for change in changes {
        change.change.is_possible().map_err(|e| Rejection::Malformed { what: e.to_string() })?;
        if let DayChange::DayOff { title, .. } | DayChange::Worked { title, .. } = &change.change {
            require_text(title, "name of the day")?;
        }
        if let DayChange::Week { rest, .. } = &change.change {
            let days: std::collections::BTreeSet<_> = rest.iter().map(|day| day.0.to_monday_zero_offset()).collect();
            if days.len() > 6 || days.len() < rest.len() {
                return Err(Rejection::Malformed {
                    what: "a week has a day of work, and each day of rest is named once".to_owned(),
                });
            }
        }
    }
    Ok(RoundEvent::CalendarChanged { changes: changes.to_vec(), moves: moves.to_vec(), reason: reason.to_owned() })
}

/// The steps that lead a round on, which the engine takes, or a coordinator by hand.
fn advanced(state: &Round, command: &RoundCommand, context: &Context<'_>) -> Result<RoundEvent, Rejection> {
    use RoundState as S;
    let (from, act, event): (&[S], _, _) = match command {
        RoundCommand::Launch => (&[S::Configured], "be launched", RoundEvent::RoundLaunched {}),
        RoundCommand::BeginClosing => (&[S::Collecting], "begin closing", RoundEvent::RoundClosing {}),
        RoundCommand::Close => (&[S::Collecting, S::Closing], "be closed", RoundEvent::RoundClosed {}),
        _ => (&[S::Closed], "be finalised", RoundEvent::RoundFinalising {}),
    };
    context.require_role(ENGINE, "lead a round on")?;
    possible(state, from, act)?;
    Ok(event)
}

/// How many countries one record takes.
const COUNTRIES_A_RECORD: usize = 80;

fn configured(state: &Round, plan: &RoundPlan) -> Result<Vec<RoundEvent>, Rejection> {
    let pin = state.pin.clone().ok_or_else(|| not_possible(state, "be configured"))?;
    if plan.participants.is_empty() {
        return Err(Rejection::Malformed { what: "a round needs at least one country".to_owned() });
    }
    if plan.participants.len() > MAX_PARTICIPANTS {
        return Err(Rejection::OutOfBounds {
            what: format!("{} countries", plan.participants.len()),
            limit: MAX_PARTICIPANTS,
        });
    }
    let (first, rest) = plan.participants.split_at(plan.participants.len().min(COUNTRIES_A_RECORD));
    let plan = RoundPlan { participants: first.to_vec(), ..plan.clone() };
    let mut events = vec![RoundEvent::RoundConfigured { pin, plan }];
    let more = rest.chunks(COUNTRIES_A_RECORD);
    events.extend(more.map(|some| RoundEvent::CountriesConfigured { participants: some.to_vec() }));
    Ok(events)
}

fn extended(
    state: &Round,
    country: &Country,
    until: &Moment,
    reason: &str,
    now: jiff::Timestamp,
) -> Result<RoundEvent, Rejection> {
    let participant = state
        .participants
        .get(country)
        .ok_or_else(|| Rejection::UnknownParticipation { round: state.title.clone(), country: country.to_string() })?;
    if until.at <= participant.deadline.at {
        return Err(Rejection::Malformed {
            what: format!("the deadline of {country} is {} already; an extension is later", participant.deadline.local),
        });
    }
    if until.at <= now {
        return Err(Rejection::Malformed {
            what: format!("{} is past: {country} would have no more time than it had", until.local),
        });
    }
    let close = state.milestones.iter().find(|(id, _)| id.as_str() == "close").map(|(_, close)| close);
    if let Some(close) = close.filter(|close| until.at > close.at) {
        return Err(Rejection::Malformed {
            what: format!("{} lies behind the close of the round on {}", until.local, close.local),
        });
    }
    Ok(RoundEvent::DeadlineExtended {
        country: country.clone(),
        was: participant.deadline.clone(),
        is: until.clone(),
        reason: reason.to_owned(),
    })
}

pub(super) fn possible(state: &Round, states: &[RoundState], act: &str) -> Result<(), Rejection> {
    if states.contains(&state.state) { Ok(()) } else { Err(not_possible(state, act)) }
}

pub(super) fn not_possible(state: &Round, act: &str) -> Rejection {
    Rejection::NotPossible { what: "the round".to_owned(), state: state.state.as_str().to_owned(), act: act.to_owned() }
}

pub(super) fn require_reason(text: &str) -> Result<(), Rejection> {
    if text_is_well_formed(text) { Ok(()) } else { Err(Rejection::ReasonRequired { figures: Vec::new() }) }
}

fn require_text(text: &str, what: &str) -> Result<(), Rejection> {
    if text_is_well_formed(text) {
        Ok(())
    } else {
        Err(Rejection::Malformed { what: format!("the {what} is empty or malformed") })
    }
}
