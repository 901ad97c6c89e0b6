//! Delivery: the intent is recorded, the mail is sent, the outcome is recorded.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rondo_domain::notice::{About, Notice, NoticeBrief, NoticeCommand, Refusal};
use rondo_domain::run::Stage;
use rondo_domain::workflow::{Bundle, Definition, Guarded, read_definition, unmet};
use rondo_domain::{Command, FileHash, Wish};
use rondo_eventlog::{Fault, SubmitError, files};

use crate::compose::{self, Letter};
use crate::outbox::{NoticeKey, Outbox, Work};
use crate::transport::Outcome;
use crate::{Parts, ROLE};

/// Minutes until the first repetition of a mail that was refused for now; each further one doubles.
const FIRST_PAUSE: i64 = 10;

/// The longest pause between two attempts.
const LONGEST_PAUSE: i64 = 240;

/// The pause after so many failures in a row.
fn pause(failures: u32) -> SignedDuration {
    SignedDuration::from_mins((FIRST_PAUSE << failures.saturating_sub(1).min(10)).min(LONGEST_PAUSE))
}

/// A round's texts and rules for mail.
pub(crate) struct Texts {
    pub(crate) bundle: Bundle,
    pub(crate) definition: Definition,
}

pub(crate) struct Delivery {
    pub(crate) parts: Parts,
    texts: BTreeMap<FileHash, Texts>,
}

impl Delivery {
    pub(crate) fn new(parts: Parts) -> Self {
        Self { parts, texts: BTreeMap::new() }
    }

    /// Does one piece of work to its recorded end. If the server was away, returns until when nothing is to be tried.
    pub(crate) async fn carry_out(&mut self, outbox: &Outbox, work: &Work) -> Result<Option<Timestamp>, Fault> {
        let (Work::Send(key) | Work::Resolve(key)) = work;
        let world = &outbox.world;
        let (Some(round), Some(notice)) = (world.round(&key.0), world.notice(&key.0, &key.1)) else { return Ok(None) };
        let (Some(brief), Some(pin)) = (&notice.brief, &round.pin) else { return Ok(None) };
        self.load(&pin.bundle).await?;
        let Some(texts) = self.texts.get(&pin.bundle) else { return Ok(None) };
        if matches!(work, Work::Resolve(_)) && !texts.definition.resend_after_crash {
            let reason = "the program ended while it was being sent".to_owned();
            let unknown = NoticeCommand::MarkUnknown { attempt: notice.attempts, reason };
            return self.record(key, &format!("outcome {}", notice.attempts), unknown).await.map(|_| None);
        }
        let participation = brief.country.as_ref().and_then(|country| world.participation(&key.0, country));
        let guarded = Guarded { round, participation };
        if let (Work::Send(_), Some(reason)) = (work, unmet(brief.guards.iter().map(String::as_str), guarded)) {
            let suppress = NoticeCommand::Suppress { reason };
            return self.record(key, &format!("suppress {}", notice.attempts), suppress).await.map(|_| None);
        }
        if let (Work::Send(_), Some(task)) = (work, &brief.task)
            && let Some((_, Stage::Completed { .. })) =
                world.run(&key.0, brief.country.as_ref()).and_then(|run| run.occurrences.get(&task.occurrence))
        {
            let suppress = NoticeCommand::Suppress { reason: "its task is settled".to_owned() };
            return self.record(key, &format!("suppress {}", notice.attempts), suppress).await.map(|_| None);
        }
        let people = self.parts.people.people().map_err(|e| Fault::storage("the register of people", e))?;
        let letter = people.person.get(&brief.person).map(|person| {
            let facts = compose::facts(world, key, brief, person, texts, &self.parts.mail, self.parts.clock.now());
            compose::letter(&facts, brief, person, texts, &self.parts.mail, key)
        });
        self.send(key, notice, (brief, letter), texts, outbox.outages()).await
    }

    async fn send(
        &self,
        key: &NoticeKey,
        notice: &Notice,
        (brief, letter): (&NoticeBrief, Option<Result<Letter, compose::ComposeError>>),
        texts: &Texts,
        outages: u32,
    ) -> Result<Option<Timestamp>, Fault> {
        let attempt = notice.attempts + 1;
        let message_id = compose::message_id(key, &self.parts.mail);
        let begun =
            self.record(key, &format!("attempt {attempt}"), NoticeCommand::Attempt { attempt, message_id }).await?;
        if !begun {
            return Ok(None);
        }
        let outcome = match letter {
            None => Outcome::Refused(Refusal::new(About::Recipient, 0, "no address in the register of people")),
            Some(Err(error)) => {
                tracing::error!(notice = %key.1, "the mail cannot be written: {error}");
                Outcome::Refused(Refusal::new(About::Mail, 0, "the text cannot be written as a mail"))
            }
            Some(Ok(letter)) => self.parts.transport.send(&letter).await,
        };
        let retries = texts.definition.step(&brief.step).map_or(texts.definition.retries, |step| step.retries);
        let mut held = None;
        let command = match outcome {
            Outcome::Accepted => NoticeCommand::ConfirmSent { attempt },
            Outcome::RefusedForNow(refusal) if notice.refusals < retries => {
                NoticeCommand::Defer { attempt, refusal, until: self.parts.clock.now() + pause(notice.refusals + 1) }
            }
            // Nothing was offered yet: the mail waits as long as the server is away, and says so.
            Outcome::Unavailable(refusal) => {
                tracing::error!(notice = %key.1, code = refusal.code, "mail cannot leave: {}", refusal.class);
                let until = self.parts.clock.now() + pause(outages + 1);
                held = Some(until);
                NoticeCommand::Defer { attempt, refusal, until }
            }
            Outcome::RefusedForNow(refusal) | Outcome::Refused(refusal) => NoticeCommand::Refuse { attempt, refusal },
            Outcome::Unknown(reason) => NoticeCommand::MarkUnknown { attempt, reason },
        };
        self.record(key, &format!("outcome {attempt}"), command).await.map(|_| held)
    }

    async fn load(&mut self, hash: &FileHash) -> Result<(), Fault> {
        if !self.texts.contains_key(hash) {
            let bytes = files::fetch(&*self.parts.ledger, hash).await?;
            let unreadable =
                |e: Box<dyn std::error::Error + Send + Sync>| Fault::storage(format!("the workflow {hash}"), e);
            let bundle = Bundle::from_bytes(&bytes).map_err(|e| unreadable(e.into()))?;
            let definition = read_definition(&bundle).map_err(|e| unreadable(e.into()))?;
            self.texts.insert(hash.clone(), Texts { bundle, definition });
        }
        Ok(())
    }

    /// Records something about a notice, and says whether it was accepted.
    async fn record(&self, key: &NoticeKey, cause: &str, command: NoticeCommand) -> Result<bool, Fault> {
        let wish = Wish::Notice { round: key.0.clone(), notice: key.1.clone(), command };
        let command = Command::of_service(ROLE, &[cause], wish).map_err(|e| Fault::Protocol(e.to_string()))?;
        match self.parts.ledger.submit(command).await {
            Ok(_) => Ok(true),
            Err(SubmitError::Rejected(rejection)) => {
                tracing::warn!(notice = %key.1, code = rejection.code(), "not recorded: {rejection}");
                Ok(false)
            }
            Err(SubmitError::Fault(fault)) => Err(fault),
        }
    }
}
