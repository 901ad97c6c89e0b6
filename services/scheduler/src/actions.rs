//! What a fired step does: the commands of its action, and the one that completes it with what came of it.

use jiff::Timestamp;
use rondo_domain::notice::{NoticeBrief, NoticeCommand, TaskBrief};
use rondo_domain::participation::{ParticipationCommand, SubmissionState, TableState};
use rondo_domain::release::{ReleaseCommand, ReleaseState};
use rondo_domain::round::{RoundCommand, RoundState};
use rondo_domain::run::{Occurrence, Outcome, RunCommand, Stage};
use rondo_domain::workflow::{Action, Definition, Guarded, Needed, Step, needed, recipients, unmet};
use rondo_domain::world::World;
use rondo_domain::{Command, CommandId, Country, NoticeId, PersonId, ReleaseId, Role, RoundId, Wish};

use crate::interpreter::{command, wish};
use crate::invitations::Invitations;
use crate::knowledge::RunKey;
use crate::{asking, late};

pub(crate) type Commands = Vec<Option<Command>>;

/// A mail to be raised: its text, and to the holders of which roles.
pub(crate) struct Mailing<'a> {
    pub(crate) text: &'a str,
    pub(crate) to: &'a [Role],
    /// To whom as a copy.
    pub(crate) copy: &'a [Role],
    /// The task it tells of: whose, and in a sentence.
    pub(crate) task: Option<(&'a Occurrence, &'a str)>,
    /// The instant at which they hold them.
    pub(crate) now: Timestamp,
}

/// The commands of a fired occurrence; none while it has to wait for people.
pub(crate) fn act(
    world: &World,
    definition: &Definition,
    key: &RunKey,
    occurrence: &Occurrence,
    now: Timestamp,
) -> Commands {
    let Some(step) = definition.step(&occurrence.step) else {
        let reason = "the step is not in the pinned definition".to_owned();
        return vec![complete(key, occurrence, Outcome::Skipped { reason })];
    };
    if let Some(reason) = prevented(world, step, key, occurrence, now) {
        return vec![complete(key, occurrence, Outcome::Skipped { reason })];
    }
    let run = world.run(&key.0, key.1.as_ref());
    if let Some((_, due)) = run.and_then(|run| run.in_place_of(occurrence)) {
        let day = due.local.strftime("%a %-d %b %Y %H:%M");
        let reason = format!("the deadline was moved, and it comes again on {day}");
        return vec![complete(key, occurrence, Outcome::Skipped { reason })];
    }
    match needed(world, definition, step, (&key.0, key.1.as_ref()), occurrence) {
        Needed::Met => {}
        Needed::Failed(reason) => return vec![complete(key, occurrence, Outcome::Skipped { reason })],
        Needed::Waits(id) => {
            let over = asking::over(world, step, key, occurrence, now, &format!("the step {id} was still open"));
            return over.map(|outcome| complete(key, occurrence, outcome)).into_iter().collect();
        }
    }
    if let Some(instead) = late::instead(world, step, key, occurrence, now) {
        return instead;
    }
    let (mut commands, outcome) = match &step.action {
        Action::WaitForPerson(asked) => return asking::ask(world, step, key, occurrence, (asked, None), now),
        Action::Approve { asked, by } => return asking::ask(world, step, key, occurrence, (asked, Some(*by)), now),
        Action::Escalate { task_of, text, to } => {
            match asking::escalate(world, step, key, occurrence, (task_of, text.as_str(), to.as_slice()), now) {
                Some(done) => done,
                None => return Vec::new(),
            }
        }
        Action::Mail { text, to, copy } => {
            raise(world, step, key, occurrence, &Mailing { text, to, copy, task: None, now })
        }
        Action::Validate => validate(world, key),
        Action::Publish => match publish(world, step, key, occurrence, now) {
            Some(done) => done,
            None => return Vec::new(),
        },
        Action::Ask => (vec![ask(key, occurrence)], ran("the failed rules were put to the country")),
        Action::PrepareRelease => match prepare_release(world, step, key, occurrence, now) {
            Some(done) => done,
            None => return Vec::new(),
        },
        Action::Launch => of_round(world, key, occurrence, RoundCommand::Launch),
        Action::BeginClosing => of_round(world, key, occurrence, RoundCommand::BeginClosing),
        Action::Close => of_round(world, key, occurrence, RoundCommand::Close),
        Action::Finalise => of_round(world, key, occurrence, RoundCommand::Finalise),
    };
    commands.push(complete(key, occurrence, outcome));
    commands
}

/// When a fired occurrence that waits has to be looked at again although nothing has happened: at its limit, or when the
/// release that it waits for is due.
pub(crate) fn next_turn(
    world: &World,
    definition: &Definition,
    key: &RunKey,
    occurrence: &Occurrence,
    now: Timestamp,
) -> Option<Timestamp> {
    let step = definition.step(&occurrence.step)?;
    let release = release_id(&key.0).filter(|_| step.action == Action::Publish);
    let due = release.and_then(|id| world.release(&id)?.not_before);
    let turns = [asking::limit(world, step, key, occurrence), due];
    turns.into_iter().flatten().filter(|turn| *turn > now).min()
}

fn ran(what: &str) -> Outcome {
    Outcome::Ran { what: what.to_owned() }
}

/// The command that completes an occurrence.
pub(crate) fn complete(key: &RunKey, occurrence: &Occurrence, outcome: Outcome) -> Option<Command> {
    let done = RunCommand::Complete { occurrence: occurrence.clone(), outcome };
    command(&["complete", occurrence.step.as_str(), &occurrence.of], wish(key, done))
}

/// Whether a step moves the round itself on, so that what else is due is judged after it.
pub(crate) fn moves_round(step: &Step) -> bool {
    matches!(step.action, Action::Launch | Action::BeginClosing | Action::Close | Action::Finalise)
}

/// A step of the round itself; one that a person has taken already is carried out. Its id names the occurrence, so that two
/// steps that wish the same are two commands.
fn of_round(world: &World, key: &RunKey, occurrence: &Occurrence, wished: RoundCommand) -> (Commands, Outcome) {
    use RoundState as S;
    let state = world.round(&key.0).map_or(S::Unplanned, |round| round.state);
    let (what, taken) = match wished {
        RoundCommand::Launch => {
            ("the round was launched", !matches!(state, S::Unplanned | S::Planned | S::Configured | S::Cancelled))
        }
        RoundCommand::BeginClosing => (
            "late answers are late from now on",
            matches!(state, S::Closing | S::Closed | S::Finalising | S::Published),
        ),
        RoundCommand::Close => {
            ("the round takes no more submissions", matches!(state, S::Closed | S::Finalising | S::Published))
        }
        _ => ("confirmation and release began", matches!(state, S::Finalising | S::Published)),
    };
    if taken {
        // By a person, or by us before an end of ours: what is said of it is the same.
        return (Vec::new(), ran(what));
    }
    let cause = ["step", occurrence.step.as_str(), &occurrence.of];
    (vec![command(&cause, Wish::Round { round: key.0.clone(), command: wished })], ran(what))
}

pub(crate) fn of_country(key: &RunKey, cause: &[&str], wished: ParticipationCommand) -> Option<Command> {
    let country = key.1.clone()?;
    command(cause, Wish::Participation { round: key.0.clone(), country, command: wished })
}

/// Why a fired step is not carried out, if it is not: a guard, or that it comes too late.
fn prevented(world: &World, step: &Step, key: &RunKey, occurrence: &Occurrence, now: Timestamp) -> Option<String> {
    let (due, stage) = world.run(&key.0, key.1.as_ref())?.occurrence(occurrence)?;
    if let (Stage::Fired { at }, Some(limit)) = (stage, step.time_limit_hours) {
        let late = at.duration_since(due.at).as_hours();
        if late >= i64::from(limit) {
            return Some(format!("it came {late} hours late, and its limit is {limit}"));
        }
    }
    let round = world.round(&key.0)?;
    if round.state == RoundState::Cancelled {
        return Some("the round was cancelled".to_owned());
    }
    let participation = key.1.as_ref().and_then(|country| world.participation(&key.0, country));
    let recipients = recipients(world, step, (&key.0, key.1.as_ref()), now);
    let guarded = Guarded { round, participation, recipients: recipients.as_deref() };
    unmet(step.guards.iter().map(String::as_str), guarded)
}

/// The notices of a mail to everybody who holds one of its roles and can be reached.
pub(crate) fn raise(
    world: &World,
    step: &Step,
    key: &RunKey,
    occurrence: &Occurrence,
    mailing: &Mailing<'_>,
) -> (Commands, Outcome) {
    let Mailing { text, to, copy, task, now } = *mailing;
    let country = key.1.as_ref();
    let part = country.and_then(|country| world.participation(&key.0, country));
    let due = world.run(&key.0, country).and_then(|run| run.occurrence(occurrence)).map(|(due, _)| due.at);
    let mut commands = Vec::new();
    let mut people: Vec<&PersonId> = Vec::new();
    let own = |person: &PersonId| notice_id(key, occurrence, task.map(|(of, _)| of), person);
    let invitations = Invitations::of(world, key, text, own);
    for (role, is_copy) in to.iter().map(|role| (role, false)).chain(copy.iter().map(|role| (role, true))) {
        // A copy tells of a mail: without one there is nothing to tell.
        if is_copy && people.is_empty() {
            break;
        }
        for person in world.network().holders(*role, country, now) {
            // Another has their place in this role, or nobody is reached at their address.
            let is_none = part.is_some_and(|part| part.bounced.contains_key(person) || part.is_replaced(person, *role));
            if people.contains(&person) || invitations.has(person) || is_none {
                continue;
            }
            people.push(person);
            let Some(notice) = own(person) else { continue };
            let brief = NoticeBrief {
                kind: text.to_owned(),
                country: country.cloned(),
                person: person.clone(),
                role: *role,
                step: step.id.clone(),
                due_at: due.unwrap_or(Timestamp::UNIX_EPOCH),
                reason: step.why.clone(),
                task: task.map(|(of, what)| TaskBrief { occurrence: of.clone(), what: what.to_owned() }),
                guards: step.guards.clone(),
            };
            let wished = Wish::Notice { round: key.0.clone(), notice, command: NoticeCommand::Raise { brief } };
            commands.push(command(&["raise"], wished));
        }
    }
    if people.is_empty() {
        let roles = to.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let reason = if invitations.any() {
            format!("whoever holds the role {roles} was invited before")
        } else {
            format!("nobody who can be reached holds the role {roles}")
        };
        return (Vec::new(), Outcome::Skipped { reason });
    }
    let what =
        format!("{text} was raised for {} {}", people.len(), if people.len() == 1 { "person" } else { "people" });
    (commands, Outcome::Ran { what })
}

fn notice_id(key: &RunKey, occurrence: &Occurrence, task: Option<&Occurrence>, person: &PersonId) -> Option<NoticeId> {
    let country = key.1.as_ref().map_or_else(|| "round".to_owned(), |country| country.as_str().to_ascii_lowercase());
    let mut parts = vec![occurrence.step.as_str(), &occurrence.of, person.as_str()];
    // One step may tell of several tasks of another.
    parts.extend(task.filter(|task| task.step != occurrence.step).map(|task| task.of.as_str()));
    let hash = CommandId::of(&parts).to_string();
    let step: String = occurrence.step.as_str().chars().take(60).collect();
    format!("{country}-{step}-{}", &hash[..8]).parse().ok()
}

fn validate(world: &World, key: &RunKey) -> (Commands, Outcome) {
    let part = key.1.as_ref().and_then(|country| world.participation(&key.0, country));
    let waiting =
        part.into_iter().flat_map(|part| &part.submissions).filter(|(_, s)| s.state == SubmissionState::Received);
    let mut waiting: Vec<_> = waiting.collect();
    // Who came first is checked first.
    waiting.sort_by_key(|(_, submission)| submission.position);
    let commands: Commands = waiting
        .into_iter()
        .map(|(id, _)| {
            let wished = ParticipationCommand::RequestCheck { submission: id.clone() };
            of_country(key, &["request-check", id.as_str()], wished)
        })
        .collect();
    (commands, ran("the check was asked for"))
}

fn ask(key: &RunKey, occurrence: &Occurrence) -> Option<Command> {
    let cause = ["ask", occurrence.step.as_str(), &occurrence.of];
    of_country(key, &cause, ParticipationCommand::AskFindings)
}

/// The first release of a round.
pub(crate) fn release_id(round: &RoundId) -> Option<ReleaseId> {
    format!("{round}.1").parse().ok()
}

fn prepare_release(
    world: &World,
    step: &Step,
    key: &RunKey,
    occurrence: &Occurrence,
    now: Timestamp,
) -> Option<(Commands, Outcome)> {
    let round = world.round(&key.0);
    let time = round.and_then(|round| round.milestones.iter().find(|(id, _)| id.as_str() == "release"));
    let (Some(round), Some((_, moment)), Some(release)) = (round, time, release_id(&key.0)) else {
        return Some((Vec::new(), Outcome::Skipped { reason: "the round has no release date".to_owned() }));
    };
    let mut parts = round.participants.keys().filter_map(|country| world.participation(&key.0, country));
    let confirmed = |state| matches!(state, TableState::Confirmed | TableState::Published);
    if step.time_limit_hours.is_some() && !parts.any(|part| part.tables.values().any(|table| confirmed(table.state))) {
        let over = asking::over(world, step, key, occurrence, now, "no country had confirmed a table");
        return over.map(|outcome| (Vec::new(), outcome));
    }
    let countries: Vec<Country> = round.participants.keys().cloned().collect();
    let wished = ReleaseCommand::Prepare { round: key.0.clone(), countries, not_before: moment.at };
    let what = format!("the release {release} was put together");
    let cause = ["prepare", occurrence.step.as_str(), &occurrence.of];
    Some((vec![command(&cause, Wish::Release { release, command: wished })], Outcome::Ran { what }))
}

fn publish(
    world: &World,
    step: &Step,
    key: &RunKey,
    occurrence: &Occurrence,
    now: Timestamp,
) -> Option<(Commands, Outcome)> {
    let release = release_id(&key.0)?;
    let state = world.release(&release).map_or(ReleaseState::Unprepared, |release| release.state);
    match state {
        ReleaseState::Cleared if is_due(world, &release, now) && waits_for(world, key, &release).is_none() => {
            let countries = world.release(&release).into_iter().flat_map(|release| &release.contents);
            let countries: Vec<Country> = countries.map(|tables| tables.country.clone()).collect();
            let wished = ReleaseCommand::Begin { round: key.0.clone(), countries };
            let cause = ["begin", occurrence.step.as_str(), &occurrence.of];
            let begin = command(&cause, Wish::Release { release, command: wished });
            Some((vec![begin], ran(HANDED_OVER)))
        }
        // Handed over before an end of ours: what is said of it is the same.
        ReleaseState::Begun | ReleaseState::Published => Some((Vec::new(), ran(HANDED_OVER))),
        // Approval and clearance are people's, and so is preparing it again after a change; the step waits for them as
        // long as its limit allows.
        _ => {
            let waits = waits_for(world, key, &release).map(|why| format!(" ({why})")).unwrap_or_default();
            let what = format!("the release was still {}{waits}", state.as_str());
            asking::over(world, step, key, occurrence, now, &what).map(|outcome| (Vec::new(), outcome))
        }
    }
}

fn is_due(world: &World, release: &ReleaseId, now: Timestamp) -> bool {
    world.release(release).and_then(|release| release.not_before).is_none_or(|time| now >= time)
}

const HANDED_OVER: &str = "the release was handed to the publisher";

/// What a release waits for besides people's consent, if it waits.
fn waits_for(world: &World, key: &RunKey, release: &ReleaseId) -> Option<String> {
    let release = world.release(release)?;
    release.contents.iter().find_map(|tables| {
        let part = world.participation(&key.0, &tables.country)?;
        release.unready(tables, part).map(|why| why.in_words(&tables.country))
    })
}
