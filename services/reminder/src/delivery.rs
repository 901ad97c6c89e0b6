//! Delivery: the intent is recorded, the mail is sent, the outcome is recorded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rondo_domain::notice::{About, Notice, NoticeBrief, NoticeCommand, NoticeState, Refusal};
use rondo_domain::participation::Participation;
use rondo_domain::round::RoundState;
use rondo_domain::run::Stage;
use rondo_domain::workflow::{Bundle, Guarded, OWES_TABLES, Trigger, unmet};
use rondo_domain::world::World;
use rondo_domain::{Command, FileHash, PlaceId, Wish};
use rondo_eventlog::{Fault, SubmitError, files};
use rondo_runtime::people::{People, Person};

use crate::compose::{self, ComposeError, Section};
use crate::facts::Facts;
use crate::letter::{self, Letter};
use crate::outbox::{NOT_IN_REGISTER, NoticeKey, Outbox, Work};
use crate::texts::Texts;
use crate::transport::Outcome;
use crate::{Parts, ROLE};

/// Minutes until the first repetition of a mail that was refused for now; each further one doubles.
const FIRST_PAUSE: i64 = 10;

/// The longest pause between two attempts.
const LONGEST_PAUSE: i64 = 240;

/// How long a mail waits before it looks again whether the days of its recipient are known.
const UNKNOWN_DAYS: SignedDuration = SignedDuration::from_hours(24);

/// How long a mail about tables waits for the reading of a file that has come, before it looks again.
const UNREAD: SignedDuration = SignedDuration::from_hours(1);

/// How long mail to somebody who is not in the register waits, before that is recorded once more.
const UNLISTED: SignedDuration = SignedDuration::from_hours(24);

/// The pause after so many failures in a row.
fn pause(failures: u32) -> SignedDuration {
    SignedDuration::from_mins((FIRST_PAUSE << failures.saturating_sub(1).min(10)).min(LONGEST_PAUSE))
}

/// A notice that is to be sent now.
#[derive(Clone, Copy)]
struct Ready<'a> {
    key: &'a NoticeKey,
    notice: &'a Notice,
    brief: &'a NoticeBrief,
}

/// What is to be recorded of a notice instead of sending it: the step and the command.
type Instead = (&'static str, NoticeCommand);

/// What an id of a command about a notice is born of: what is done, and the version of its stream on which that was decided; never
/// what is wished, which may be wished again when something else has happened meanwhile.
fn born(step: &str, version: u64) -> String {
    format!("{step} at {version}")
}

pub(crate) struct Delivery {
    pub(crate) parts: Parts,
    texts: BTreeMap<FileHash, Texts>,
    /// Definitions that this program cannot read.
    unreadable: BTreeSet<FileHash>,
    /// How many records were read when what is done now was decided.
    pub(crate) seen: u64,
}

/// What a piece of work came to.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// Until when nothing is to be tried, if the server was away.
    pub(crate) held: Option<Timestamp>,
    /// Notices of which something was to be recorded and was not.
    pub(crate) stuck: Vec<NoticeKey>,
}

impl Delivery {
    pub(crate) fn new(parts: Parts) -> Self {
        Self { parts, texts: BTreeMap::new(), unreadable: BTreeSet::new(), seen: 0 }
    }

    /// Does one piece of work to its recorded end.
    pub(crate) async fn carry_out(&self, outbox: &Outbox, work: &Work) -> Result<Done, Fault> {
        let (Work::Send(keys) | Work::Resolve(keys)) = work;
        let (world, mut done) = (&outbox.world, Done::default());
        let Some(texts) = keys.first().and_then(|key| self.of(world, key)) else {
            return Ok(Done { stuck: keys.clone(), ..done });
        };
        let people = self.people()?;
        let mut ready = Vec::new();
        for key in keys {
            let Some(notice) = world.notice(&key.0, &key.1) else { continue };
            let Some(brief) = &notice.brief else { continue };
            let one = Ready { key, notice, brief };
            let instead = match work {
                Work::Resolve(_) => Some(unresolved(texts, &one)),
                Work::Send(_) => self.unsent(world, texts, &one).or_else(|| self.unlisted(&people, &one)),
            };
            match instead {
                Some((step, command)) => {
                    if !self.record(key, &born(step, notice.version), command).await? {
                        done.stuck.push(key.clone());
                    }
                }
                None => ready.push(one),
            }
        }
        if !ready.is_empty() {
            self.send(world, texts, &ready, &people, outbox.outages(), &mut done).await?;
        }
        Ok(done)
    }

    fn of(&self, world: &World, key: &NoticeKey) -> Option<&Texts> {
        self.texts.get(&world.round(&key.0)?.pin.as_ref()?.bundle)
    }

    /// Why a due notice is not sent now, if it is not: it is no longer true, it comes too late, or nobody is at work.
    fn unsent(&self, world: &World, texts: &Texts, one: &Ready<'_>) -> Option<Instead> {
        let Ready { key, notice, brief } = *one;
        let suppress = |reason: String| Some(("suppress", NoticeCommand::Suppress { reason }));
        let round = world.round(&key.0)?;
        if round.state == RoundState::Cancelled {
            return suppress("the round was cancelled".to_owned());
        }
        let participation = brief.country.as_ref().and_then(|country| world.participation(&key.0, country));
        if let Some(reason) = unmet(brief.guards.iter().map(String::as_str), Guarded { round, participation }) {
            return suppress(reason);
        }
        if let Some(task) = &brief.task
            && let Some((_, Stage::Completed { .. })) =
                world.run(&key.0, brief.country.as_ref()).and_then(|run| run.occurrence(&task.occurrence))
        {
            return suppress("its task is settled".to_owned());
        }
        if let Some(reason) = moved(world, texts, one).or_else(|| told_anew(world, texts, one)) {
            return suppress(reason);
        }
        let now = self.parts.clock.now();
        let limit =
            texts.definition.step(&brief.step).and_then(|step| step.time_limit_hours).filter(|_| brief.task.is_none());
        let late = now.duration_since(brief.due_at).as_hours();
        if let Some(limit) = limit.filter(|limit| !notice.at_once && late >= i64::from(*limit)) {
            let waited = match &notice.state {
                NoticeState::Postponed { reason, .. } => format!(" ({reason})"),
                _ => String::new(),
            };
            return suppress(format!("it could not leave within {limit} hours{waited}, and would come too late"));
        }
        if notice.at_once {
            return None;
        }
        let asks_for_tables = brief.guards.iter().any(|guard| guard == OWES_TABLES);
        if asks_for_tables && participation.is_some_and(Participation::has_unread_file) {
            let (until, reason) = (now + UNREAD, "a file has come and is not read yet".to_owned());
            return Some(("postpone", NoticeCommand::Postpone { until, reason }));
        }
        let hours = texts.definition.mail_hours?;
        let home = brief.country.as_ref().filter(|_| brief.role.is_of_country()).unwrap_or(&texts.definition.home);
        let place = world.network().place(&brief.person, brief.role, brief.country.as_ref());
        let calendars = texts.calendars_in(round);
        let Some(calendar) = calendars.at(home, place) else {
            // A change of the calendar was recorded that cannot be applied; it can be mended.
            let whose = place.map_or(home.as_str(), PlaceId::as_str);
            let (until, reason) = (now + UNKNOWN_DAYS, format!("nobody knows the working days of {whose}"));
            return Some(("postpone", NoticeCommand::Postpone { until, reason }));
        };
        match calendar.closed(now, hours) {
            Ok(None) => None,
            Ok(Some(closed)) => {
                let whose = place.map_or(home.as_str(), PlaceId::as_str);
                let (until, reason) = (closed.until, format!("{} in {whose}", closed.because));
                Some(("postpone", NoticeCommand::Postpone { until, reason }))
            }
            Err(error) => {
                tracing::error!(notice = %key.1, "nobody knows when people are at work: {error}");
                suppress(format!("nobody knows when people are at work: {error}"))
            }
        }
    }

    /// The register as it is now.
    pub(crate) fn people(&self) -> Result<Arc<People>, Fault> {
        self.parts.people.people().map_err(|e| Fault::storage("the register of people", e))
    }

    /// That a notice waits, if nobody knows its recipient's address. It leaves as soon as the register has them.
    fn unlisted(&self, people: &People, one: &Ready<'_>) -> Option<Instead> {
        let (until, reason) = (self.parts.clock.now() + UNLISTED, NOT_IN_REGISTER.to_owned());
        let is_listed = people.person.contains_key(&one.brief.person);
        (!is_listed).then_some(("postpone", NoticeCommand::Postpone { until, reason }))
    }

    /// The mail that brings these notices to their one recipient.
    fn letter(
        &self,
        world: &World,
        texts: &Texts,
        (ready, message_id): (&[Ready<'_>], &str),
        person: &Person,
    ) -> Result<Letter, ComposeError> {
        let (now, mail) = (self.parts.clock.now(), &self.parts.mail);
        let sections: Vec<Section> = ready
            .iter()
            .map(|one| Section {
                kind: one.brief.kind.clone(),
                facts: Facts::of(world, &one.key.0, one.brief, person, (texts, mail), now),
            })
            .collect();
        let draft = compose::draft(texts, &sections, &person.language, letter::domain(mail))?;
        let place = ready[0].brief.country.as_ref().map(rondo_domain::Country::as_str);
        let id = message_id.to_owned();
        letter::letter(
            &draft,
            person,
            (ready[0].key, place, id),
            (mail, self.parts.signer.as_ref(), self.parts.returns.as_ref()),
            now,
        )
    }

    /// The Message-ID of a mail that brings these: the one under which it may have arrived already, or that of its first notice.
    fn message_id(&self, ready: &[Ready<'_>]) -> String {
        let before = ready.iter().find_map(|one| one.notice.message_id.clone());
        before.unwrap_or_else(|| letter::message_id(ready[0].key, &self.parts.mail))
    }

    async fn send(
        &self,
        world: &World,
        texts: &Texts,
        ready: &[Ready<'_>],
        people: &People,
        outages: u32,
        done: &mut Done,
    ) -> Result<(), Fault> {
        // Whoever is not in the register was held before.
        let Some(person) = people.person.get(&ready[0].brief.person) else { return Ok(()) };
        let message_id = self.message_id(ready);
        let mut begun = Vec::new();
        for one in ready {
            let attempt = one.notice.attempts + 1;
            let command = NoticeCommand::Attempt { attempt, message_id: message_id.clone() };
            if self.record(one.key, &born("attempt", one.notice.version), command).await? {
                begun.push(*one);
            } else {
                done.stuck.push(one.key.clone());
            }
        }
        // What was taken out of the mail until now has no place in it.
        let Some(lead) = begun.first() else { return Ok(()) };
        let outcome = match self.letter(world, texts, (&begun, &message_id), person) {
            Err(error) => {
                let why = rondo_runtime::lifecycle::with_sources(&error);
                tracing::error!(notice = %lead.key.1, "the mail cannot be written: {why}");
                Outcome::Refused(Refusal::new(About::Mail, 0, "the text cannot be written as a mail"))
            }
            Ok(letter) => self.parts.transport.send(&letter).await,
        };
        for one in &begun {
            let (command, until) = self.outcome(texts, one, &outcome, outages);
            done.held = done.held.max(until);
            // The attempt is one event more.
            if !self.record(one.key, &born("outcome", one.notice.version + 1), command).await? {
                done.stuck.push(one.key.clone());
            }
        }
        Ok(())
    }

    /// What is recorded of an outcome, and until when nothing is tried if the server is away.
    fn outcome(
        &self,
        texts: &Texts,
        one: &Ready<'_>,
        outcome: &Outcome,
        outages: u32,
    ) -> (NoticeCommand, Option<Timestamp>) {
        let (attempt, notice) = (one.notice.attempts + 1, one.notice);
        let retries = texts.definition.step(&one.brief.step).map_or(texts.definition.retries, |step| step.retries);
        let now = self.parts.clock.now();
        let command = match outcome.clone() {
            Outcome::Accepted => NoticeCommand::ConfirmSent { attempt },
            Outcome::RefusedForNow(refusal) if notice.refusals < retries => {
                NoticeCommand::Defer { attempt, refusal, until: now + pause(notice.refusals + 1) }
            }
            // Nothing was offered yet: the mail waits as long as the server is away, and says so.
            Outcome::Unavailable(refusal) => {
                tracing::error!(notice = %one.key.1, code = refusal.code, "mail cannot leave: {}", refusal.class);
                let until = now + pause(outages + 1);
                return (NoticeCommand::Defer { attempt, refusal, until }, Some(until));
            }
            Outcome::RefusedForNow(refusal) | Outcome::Refused(refusal) => NoticeCommand::Refuse { attempt, refusal },
            Outcome::Unknown(reason) => NoticeCommand::MarkUnknown { attempt, reason, resend: false },
        };
        (command, None)
    }

    /// Reads the definitions of rounds that are not read yet.
    pub(crate) async fn read_on(&mut self, outbox: &mut Outbox) -> Result<(), Fault> {
        for hash in outbox.unread() {
            if self.unreadable.contains(&hash) {
                continue;
            }
            if !self.texts.contains_key(&hash) {
                match load(&*self.parts.ledger, &hash).await {
                    Ok(texts) => self.texts.insert(hash.clone(), texts),
                    Err(fault) if fault.is_passing() => return Err(fault),
                    Err(fault) => {
                        // The mail of its rounds waits; that of others does not wait with it.
                        let why = rondo_runtime::lifecycle::with_sources(&fault);
                        tracing::error!(%hash, "the mail of a round waits, because its workflow cannot be read: {why}");
                        self.unreadable.insert(hash);
                        continue;
                    }
                };
            }
            let minutes = self.texts.get(&hash).map_or(0, |texts| texts.definition.gather_minutes);
            outbox.gather(hash, minutes);
        }
        Ok(())
    }

    /// Records what an inbound mail says of a notice, and says whether the log took it; what is known already is taken.
    pub(crate) async fn note(&self, key: &NoticeKey, cause: &str, command: NoticeCommand) -> Result<bool, Fault> {
        let wish = Wish::Notice { round: key.0.clone(), notice: key.1.clone(), command };
        let command = Command::of_service(ROLE, &[cause], wish).map_err(|e| Fault::Protocol(e.to_string()))?;
        match self.parts.ledger.submit(command).await {
            Ok(_) => Ok(true),
            Err(SubmitError::Rejected(rejection)) => {
                tracing::warn!(notice = %key.1, code = rejection.code(), "what came in is not recorded: {rejection}");
                Ok(false)
            }
            Err(SubmitError::Fault(fault)) => Err(fault),
        }
    }

    /// Records something about a notice, and says whether it was: a refusal, and the answer to what was recorded before this was
    /// decided, change nothing, so that doing the same again would do nothing again.
    pub(crate) async fn record(&self, key: &NoticeKey, cause: &str, command: NoticeCommand) -> Result<bool, Fault> {
        let wish = Wish::Notice { round: key.0.clone(), notice: key.1.clone(), command };
        let command = Command::of_service(ROLE, &[cause], wish).map_err(|e| Fault::Protocol(e.to_string()))?;
        match self.parts.ledger.submit(command).await {
            Ok(accepted) if accepted.is_progress(self.seen) => Ok(true),
            // It was known already.
            Ok(accepted) if accepted.count == 0 => Ok(false),
            Ok(_) => {
                tracing::error!(notice = %key.1, "the command `{cause}` was answered as one of before, and changed nothing");
                Ok(false)
            }
            Err(SubmitError::Rejected(rejection)) => {
                tracing::warn!(notice = %key.1, code = rejection.code(), "not recorded: {rejection}");
                Ok(false)
            }
            Err(SubmitError::Fault(fault)) => Err(fault),
        }
    }
}

/// That the deadline was moved since a mail was raised, and that its step comes again, if so: what it says is not true any more.
fn moved(world: &World, texts: &Texts, one: &Ready<'_>) -> Option<String> {
    let Trigger::Milestone { milestone, .. } = &texts.definition.step(&one.brief.step)?.trigger else { return None };
    let run = world.run(&one.key.0, one.brief.country.as_ref())?;
    let (newest, due, _) = run.newest(&one.brief.step, milestone.as_str())?;
    let day = due.local.strftime("%a %-d %b %Y %H:%M");
    (newest.times() > 0 && due.at > one.brief.due_at)
        .then(|| format!("the deadline was moved, and it comes again on {day}"))
}

/// That the deadline was moved once more since a mail told of it, if so: the newer one tells what holds.
fn told_anew(world: &World, texts: &Texts, one: &Ready<'_>) -> Option<String> {
    let Trigger::Event { event, .. } = &texts.definition.step(&one.brief.step)?.trigger else { return None };
    let run = world.run(&one.key.0, one.brief.country.as_ref()).filter(|_| event == "deadline-extended")?;
    let newer = run.of_step(&one.brief.step).any(|(_, due, _)| due.at > one.brief.due_at);
    newer.then(|| "the deadline was moved once more, and a newer mail tells of it".to_owned())
}

/// What is recorded of an attempt that was cut off: the workflow says whether it is held for a person or sent once more.
fn unresolved(texts: &Texts, one: &Ready<'_>) -> Instead {
    let (attempt, resend) = (one.notice.attempts, texts.definition.resend_after_crash);
    let reason = "the program ended while it was being sent".to_owned();
    ("outcome", NoticeCommand::MarkUnknown { attempt, reason, resend })
}

/// The texts of the definition of this hash.
///
/// # Errors
/// When it is not stored, or cannot be read.
pub(crate) async fn load(ledger: &dyn rondo_eventlog::Ledger, hash: &FileHash) -> Result<Texts, Fault> {
    let bytes = files::fetch(ledger, hash).await?;
    let bundle = Bundle::from_bytes(&bytes).map_err(|e| Fault::storage(format!("the workflow {hash}"), e))?;
    Texts::read(bundle).map_err(|e| Fault::storage(format!("the workflow {hash}"), e))
}
