//! Delivery: the intent is recorded, the mail is sent, the outcome is recorded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rondo_domain::notice::{About, CUT_OFF, Hindrance, Notice, NoticeBrief, NoticeCommand, Refusal};
use rondo_domain::world::World;
use rondo_domain::{Command, FileHash, PersonId, Wish};
use rondo_eventlog::{Fault, SubmitError};
use rondo_runtime::people::{People, Person};

use crate::addressee;
use crate::compose::{self, ComposeError, Section};
use crate::facts::Facts;
use crate::letter::{self, Letter};
use crate::outbox::{Halt, NoticeKey, Outbox, Work};
use crate::texts::{self, Texts};
use crate::transport::Outcome;
use crate::unsent;
use crate::{Parts, ROLE};

/// Minutes until the first repetition of a mail that was refused for now; each further one doubles.
const FIRST_PAUSE: i64 = 10;

/// The longest pause between two attempts of a mail, in minutes.
const LONGEST_PAUSE: i64 = 12 * 60;

/// The longest pause, in minutes, after which a mail server that was away is asked again.
const LONGEST_HOLD: i64 = 60;

/// For how long it holds what was found of a mail before it leaves: the ledger may be waited for until it takes the attempt.
const HOLDS: SignedDuration = SignedDuration::from_mins(2);

/// What is recorded of a mail that the ledger did not let go in time.
const OVERTAKEN: &str = "it was about to leave, and the log could not record that in time";

/// The pause after so many failures in a row.
fn pause(failures: u32, longest: i64) -> SignedDuration {
    SignedDuration::from_mins((FIRST_PAUSE << failures.saturating_sub(1).min(10)).min(longest))
}

/// A notice that is to be sent now.
#[derive(Clone, Copy)]
pub(crate) struct Ready<'a> {
    pub(crate) key: &'a NoticeKey,
    pub(crate) notice: &'a Notice,
    pub(crate) brief: &'a NoticeBrief,
    /// For how long it was held up by what only people mend, which does not count towards its time limit.
    pub(crate) held_up: SignedDuration,
}

/// What is to be recorded of a notice instead of sending it: the step and the command.
pub(crate) type Instead = (&'static str, NoticeCommand);

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
    /// Until when nothing is to be tried, and why, if the server was away or left nobody knowing.
    pub(crate) held: Option<Halt>,
    /// Whether the server answered.
    pub(crate) answered: bool,
    /// Notices of which something was to be recorded and was not.
    pub(crate) stuck: Vec<NoticeKey>,
}

impl Delivery {
    pub(crate) fn new(parts: Parts) -> Self {
        Self { parts, texts: BTreeMap::new(), unreadable: BTreeSet::new(), seen: 0 }
    }

    /// Does one piece of work to its recorded end.
    pub(crate) async fn carry_out(&self, outbox: &Outbox, work: &Work) -> Result<Done, Fault> {
        let (world, mut done) = (&outbox.world, Done::default());
        let keys = match work {
            Work::Probe => return Ok(self.probe(outbox.outages()).await),
            Work::Send(keys) | Work::Resolve(keys) => keys,
        };
        let Some(texts) = keys.first().and_then(|key| self.of(world, key)) else {
            return Ok(Done { stuck: keys.clone(), ..done });
        };
        let people = self.people()?;
        let keys = match work {
            Work::Send(keys) => outbox.with_those_who_share(keys, &people, self.parts.clock.now()),
            _ => keys.clone(),
        };
        let mut ready = Vec::new();
        for key in &keys {
            let Some(notice) = world.notice(&key.0, &key.1) else { continue };
            let Some(brief) = &notice.brief else { continue };
            let held_up = outbox.held_up.until(key, self.parts.clock.now());
            let one = Ready { key, notice, brief, held_up };
            let instead = match work {
                Work::Send(_) => unsent::instead(world, texts, &people, &one, self.parts.clock.now()),
                _ => Some(unresolved(texts, &one)),
            };
            match instead {
                Some((step, command)) => {
                    if !self.record(key, &born(step, notice.version), command).await? {
                        done.stuck.push(key.clone());
                    }
                }
                None => match addressee::told_before(world, &people, key, notice) {
                    Some(message_id) => self.went_with(&one, message_id, &people, &mut done).await?,
                    None => ready.push(one),
                },
            }
        }
        if !ready.is_empty() {
            self.send(world, texts, &ready, &people, outbox.outages(), &mut done).await?;
        }
        Ok(done)
    }

    /// Tries with a mail to ourselves whether the server says again what becomes of mails, so that none of a round's is lost to it.
    async fn probe(&self, outages: u32) -> Done {
        let (mail, now) = (&self.parts.mail, self.parts.clock.now());
        let to = mail.from.parse::<lettre::message::Mailbox>().map(|from| from.email);
        let letter =
            to.map_err(ComposeError::from).and_then(|to| letter::test(mail, self.parts.signer.as_ref(), to, now));
        let outcome = match letter {
            Ok(letter) => self.parts.transport.send(&letter).await,
            Err(error) => {
                tracing::error!("the way of mail cannot be tried: {}", rondo_runtime::lifecycle::with_sources(&error));
                Outcome::Accepted
            }
        };
        let until = now + pause(outages + 1, LONGEST_HOLD);
        let refusal = match outcome {
            Outcome::Accepted | Outcome::Refused(_) | Outcome::RefusedForNow(_) => {
                return Done { answered: true, ..Done::default() };
            }
            Outcome::Unavailable(refusal) => refusal,
            Outcome::Unknown(_) => Refusal::of(Hindrance::Doubt, 0, ""),
        };
        Done { held: Some(Halt { until, refusal }), ..Done::default() }
    }

    /// Records that a mail which said the same and went to the same address has brought this notice too.
    async fn went_with(
        &self,
        one: &Ready<'_>,
        message_id: String,
        people: &People,
        done: &mut Done,
    ) -> Result<(), Fault> {
        let (attempt, version) = (one.notice.attempts + 1, one.notice.version);
        let begun = self.attempt(one, message_id, people);
        let is_told = self.record(one.key, &born("attempt", version), begun).await?
            && self.record(one.key, &born("outcome", version + 1), NoticeCommand::ConfirmSent { attempt }).await?;
        if !is_told {
            done.stuck.push(one.key.clone());
        }
        Ok(())
    }

    /// That a mail to its recipient's address of now is begun.
    fn attempt(&self, one: &Ready<'_>, message_id: String, people: &People) -> NoticeCommand {
        let address = people.person.get(&one.brief.person).map(|person| person.email.as_str());
        let paths = self.parts.returns.as_ref();
        let address_token = address.and_then(|address| paths?.address_token(one.key, address));
        NoticeCommand::Attempt { attempt: one.notice.attempts + 1, message_id, address_token }
    }

    fn of(&self, world: &World, key: &NoticeKey) -> Option<&Texts> {
        self.texts.get(&world.round(&key.0)?.pin.as_ref()?.bundle)
    }

    /// The register as it is now.
    pub(crate) fn people(&self) -> Result<Arc<People>, Fault> {
        self.parts.people.people().map_err(|e| Fault::storage("the register of people", e))
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
        let sections = ready.iter().map(|one| {
            let facts = Facts::of(world, &one.key.0, one.brief, person, (texts, mail), now);
            (one.brief, facts.to.is_some(), Section { kind: one.brief.kind.clone(), facts })
        });
        let sections = addressee::once(sections.collect());
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
        if ready.iter().any(|one| !people.person.contains_key(&one.brief.person)) {
            return Ok(());
        }
        let (message_id, decided) = (self.message_id(ready), self.parts.clock.now());
        let mut begun = Vec::new();
        let mut handed_back = None;
        for one in ready {
            let command = self.attempt(one, message_id.clone(), people);
            match self.record(one.key, &born("attempt", one.notice.version), command).await {
                Ok(true) => begun.push(*one),
                Ok(false) => done.stuck.push(one.key.clone()),
                Err(fault) => {
                    handed_back = Some(fault);
                    break;
                }
            }
        }
        if handed_back.is_some() || self.parts.clock.now().duration_since(decided).abs() > HOLDS {
            return self.put_off(&begun, handed_back, done).await;
        }
        // What was taken out of the mail until now has no place in it.
        let Some(lead) = begun.first() else { return Ok(()) };
        let to: Vec<&PersonId> = begun.iter().map(|one| &one.brief.person).collect();
        let Some(person) = addressee::together(people, &to) else { return Ok(()) };
        let outcome = match self.letter(world, texts, (&begun, &message_id), &person) {
            Err(error) => {
                let why = rondo_runtime::lifecycle::with_sources(&error);
                tracing::error!(notice = %lead.key.1, "the mail cannot be written: {why}");
                Outcome::Refused(Refusal::new(About::Mail, 0, "the text cannot be written as a mail"))
            }
            Ok(letter) => self.parts.transport.send(&letter).await,
        };
        let until = self.parts.clock.now() + pause(outages + 1, LONGEST_HOLD);
        match &outcome {
            Outcome::Unavailable(refusal) => done.held = Some(Halt { until, refusal: refusal.clone() }),
            Outcome::Unknown(_) => done.held = Some(Halt { until, refusal: Refusal::of(Hindrance::Doubt, 0, "") }),
            _ => done.answered = true,
        }
        for one in &begun {
            let command = self.outcome(texts, one, &outcome, until);
            // The attempt is one event more.
            if !self.record(one.key, &born("outcome", one.notice.version + 1), command).await? {
                done.stuck.push(one.key.clone());
            }
        }
        Ok(())
    }

    /// Records that nothing was sent of what was begun, so that it is decided anew from what is true now.
    async fn put_off(&self, begun: &[Ready<'_>], fault: Option<Fault>, done: &mut Done) -> Result<(), Fault> {
        if let Some(fault @ (Fault::Stopped | Fault::Unreachable { .. })) = fault {
            return Err(fault);
        }
        for one in begun {
            let (attempt, until) = (one.notice.attempts + 1, self.parts.clock.now());
            let command = NoticeCommand::Defer { attempt, refusal: Refusal::new(About::Server, 0, OVERTAKEN), until };
            if !self.record(one.key, &born("outcome", one.notice.version + 1), command).await? {
                done.stuck.push(one.key.clone());
            }
        }
        fault.map_or(Ok(()), Err)
    }

    /// What is recorded of an outcome; a server that is away is asked again at that instant.
    fn outcome(&self, texts: &Texts, one: &Ready<'_>, outcome: &Outcome, held_until: Timestamp) -> NoticeCommand {
        let (attempt, notice) = (one.notice.attempts + 1, one.notice);
        let retries = texts.definition.step(&one.brief.step).map_or(texts.definition.retries, |step| step.retries);
        let until = self.parts.clock.now() + pause(notice.refusals + 1, LONGEST_PAUSE);
        let goes_on = notice.refusals < retries || until <= unsent::of_use_until(texts, one);
        match outcome.clone() {
            Outcome::Accepted => {
                tracing::info!(round = %one.key.0, notice = %one.key.1, kind = %one.brief.kind, "a mail was sent");
                NoticeCommand::ConfirmSent { attempt }
            }
            Outcome::RefusedForNow(refusal) if goes_on => {
                tracing::info!(notice = %one.key.1, code = refusal.code, "a mail is tried again: {}", refusal.told());
                NoticeCommand::Defer { attempt, refusal, until }
            }
            // Nothing was offered yet: the mail waits as long as the server is away, and says so.
            Outcome::Unavailable(refusal) => {
                // The alarm says it once for all mail.
                tracing::info!(notice = %one.key.1, code = refusal.code, "mail cannot leave: {}", refusal.told());
                NoticeCommand::Defer { attempt, refusal, until: held_until }
            }
            Outcome::RefusedForNow(refusal) | Outcome::Refused(refusal) => {
                tracing::warn!(notice = %one.key.1, code = refusal.code, "a mail does not leave: {}", refusal.told());
                NoticeCommand::Refuse { attempt, refusal }
            }
            Outcome::Unknown(reason) => {
                tracing::error!(notice = %one.key.1, "nobody knows whether a mail was taken: {reason}");
                NoticeCommand::MarkUnknown { attempt, reason, resend: false, cut_off: false }
            }
        }
    }

    /// Reads the definitions of rounds that are not read yet.
    pub(crate) async fn read_on(&mut self, outbox: &mut Outbox) -> Result<(), Fault> {
        for hash in outbox.unread() {
            if self.unreadable.contains(&hash) {
                continue;
            }
            if !self.texts.contains_key(&hash) {
                match texts::load(&*self.parts.ledger, &hash).await {
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
            // The same mail was read before, and is known by what it was taken for then.
            Err(error) if error.is_used_otherwise() => {
                tracing::warn!(notice = %key.1, "a mail that was read before is taken for something else now: {error}");
                Ok(true)
            }
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

/// What is recorded of an attempt that was cut off: the workflow says whether it is held for a person or sent once more.
fn unresolved(texts: &Texts, one: &Ready<'_>) -> Instead {
    let (attempt, resend) = (one.notice.attempts, texts.definition.resend_after_crash);
    let reason = CUT_OFF.to_owned();
    ("outcome", NoticeCommand::MarkUnknown { attempt, reason, resend, cut_off: true })
}
