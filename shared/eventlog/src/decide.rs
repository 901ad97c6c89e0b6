//! The step from a command to its records, pure and the same wherever a log is kept: ensure what is looked at, answer what was
//! answered before, find the actor, the file and the surroundings, decide, encode. It does all of it or nothing.

use bytes::Bytes;
use rondo_domain::command::{Context, actor_of, decide_as};
use rondo_domain::event::{Aggregate, Event, Stamp};
use rondo_domain::{Actor, FileHash, Rejection, StreamId, Wish};

use crate::codec::{self, CodecError};
use crate::ledger::{Accepted, Fault, SubmitError};
use crate::record::{MAX_RECORD, Time};
use crate::standing::Standing;
use crate::wish::Sealed;

/// What stands where a log is kept, as far as a decision looks at it.
pub trait Stands {
    /// Makes sure that a stream's standing can be looked at.
    ///
    /// # Errors
    /// The fault for which it cannot.
    fn ensure(&mut self, stream: &StreamId) -> Result<(), Fault>;

    /// The standing of a stream that was made sure of.
    fn standing(&self, stream: &StreamId) -> Option<&Standing>;

    /// Whether the bytes of a file are stored.
    ///
    /// # Errors
    /// The fault for which nobody knows.
    fn has_file(&self, file: &FileHash) -> Result<bool, Fault>;

    /// The time that records get now; `cannot_be_undone` where what is wished has to wait while the clock is doubted.
    ///
    /// # Errors
    /// While nothing, or nothing of that kind, is recorded because of the clock.
    fn now(&self, cannot_be_undone: bool) -> Result<Time, Fault>;

    /// A fresh salt, in hexadecimal digits.
    ///
    /// # Errors
    /// When chance gives none.
    fn salt(&mut self) -> Result<&str, Fault>;

    /// What the keeper of the log itself has against a wish.
    ///
    /// # Errors
    /// The rejection.
    fn permits(&self, _wish: &Wish) -> Result<(), Rejection> {
        Ok(())
    }
}

/// What comes of a command that is accepted.
#[derive(Debug)]
pub struct Decided {
    /// The answer.
    pub accepted: Accepted,
    /// What is to be recorded; nothing where it was answered before, or changes nothing.
    pub growth: Option<Growth>,
}

/// What a command adds to its stream: the records, encoded, and what is needed to bring its standing up to them.
#[derive(Debug)]
pub struct Growth {
    /// The stream.
    pub stream: StreamId,
    /// The records' bytes, in order.
    pub records: Vec<Bytes>,
    /// When they are recorded.
    pub time: Time,
    actor: Actor,
    events: Vec<Event>,
}

impl Growth {
    /// Brings the stream's standing up to what was decided, once its records are sure to be in the log.
    pub fn bring(&self, standing: &mut Standing, command: &Sealed, accepted: Accepted) {
        for (event, position) in self.events.iter().zip(accepted.first..) {
            standing.state.evolve(event, &Stamp { at: self.time.instant(), actor: &self.actor, position });
            standing.version += 1;
            standing.last = Some(position);
        }
        let sent = (&self.actor.id, Some(command.hash()));
        standing.answer(command.id, accepted.first, self.events.len() as u32, sent);
    }
}

/// Decides a command whose first record would have the position `next`. Nothing that stands is changed by it; the buffer is
/// used anew for each record.
///
/// What was answered before is answered again without asking the clock, the files or the actor's roles: whoever lost the
/// role since had it then.
///
/// # Errors
/// The rejection, `command.id-used-otherwise` among others; or the keeper's fault.
pub fn decide<S: Stands>(
    stands: &mut S,
    command: &Sealed,
    (network, next): (&StreamId, u64),
    buffer: &mut Vec<u8>,
) -> Result<Decided, SubmitError> {
    let stream = command.wish.stream();
    let surroundings = command.wish.surroundings();
    for looked_at in [&stream, network].into_iter().chain(&surroundings) {
        stands.ensure(looked_at)?;
    }
    let missing = |stream: &StreamId| Fault::NotFound(format!("the stream {stream}"));
    let standing = stands.standing(&stream).ok_or_else(|| missing(&stream))?;
    if let Some(answer) = standing.answered(command)? {
        return Ok(Decided { accepted: answer, growth: None });
    }
    if let Some(objection) = command.objection() {
        return Err(objection.clone().into());
    }
    let Aggregate::Network(people) = &stands.standing(network).ok_or_else(|| missing(network))?.state else {
        return Err(Fault::Corrupt("the stream of the network holds another kind of state".to_owned()).into());
    };
    let time = stands.now(command.wish.cannot_be_undone())?;
    let now = time.instant();
    let actor = actor_of(command, people, now)?;
    if let Some(file) = command.wish.file()
        && !stands.has_file(file)?
    {
        return Err(Rejection::FileNotStored { sha256: file.to_string() }.into());
    }
    stands.permits(&command.wish)?;
    // What was made sure of is there: deciding on less would be another decision.
    let state = |other: StreamId| {
        let standing = stands.standing(&other).ok_or_else(|| missing(&other))?;
        Ok((other, &standing.state))
    };
    let around = surroundings.into_iter().map(state).collect::<Result<Vec<(StreamId, &Aggregate)>, Fault>>()?;
    let (actor, events) = decide_as(actor, command, (people, now), |actor| {
        command.wish.decide(&standing.state, &Context { actor, now, surroundings: &around })
    })?;
    let accepted = Accepted { first: next, count: events.len() as u64, repeated: false };
    if events.is_empty() {
        return Ok(Decided { accepted, growth: None });
    }
    let version = standing.version;
    let mut records = Vec::with_capacity(events.len());
    for (ordinal, event) in events.iter().enumerate() {
        let ahead = ordinal as u64;
        let place = codec::Place { stream: &stream, version: version + ahead, position: next + ahead, ordinal };
        let written = codec::encode(buffer, place, event, command, &actor, time, stands.salt()?);
        records.push(written.map_err(unwritten)?);
    }
    Ok(Decided { accepted, growth: Some(Growth { stream, records, time, actor, events }) })
}

fn unwritten(error: CodecError) -> SubmitError {
    match error {
        CodecError::TooLarge(size) => SubmitError::Rejected(Rejection::OutOfBounds {
            what: format!("a record of {size} bytes"),
            limit: MAX_RECORD,
        }),
        other => SubmitError::Fault(Fault::storage("cannot write a record", other)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rondo_domain::participation::{Declaration, ParticipationCommand};
    use rondo_domain::stream::StreamKind;
    use rondo_domain::{Command, CommandId};

    use super::*;

    /// What stands where some streams cannot be looked at, though they were made sure of.
    struct Gone(BTreeMap<StreamId, Standing>);

    impl Stands for Gone {
        fn ensure(&mut self, _: &StreamId) -> Result<(), Fault> {
            Ok(())
        }

        fn standing(&self, stream: &StreamId) -> Option<&Standing> {
            self.0.get(stream)
        }

        fn has_file(&self, _: &FileHash) -> Result<bool, Fault> {
            Ok(true)
        }

        fn now(&self, _: bool) -> Result<Time, Fault> {
            Ok(jiff::Timestamp::UNIX_EPOCH.into())
        }

        fn salt(&mut self) -> Result<&str, Fault> {
            Ok("00")
        }
    }

    #[test]
    fn nothing_is_decided_without_what_it_is_decided_on() {
        let (round, country) = ("ilms-asean-2025".parse().unwrap(), "LAO".parse().unwrap());
        let part = StreamId::participation(&round, &country);
        let command = ParticipationCommand::Declare {
            tables: Vec::new(),
            declaration: Declaration::NotAvailable,
            text: "there is no such register".to_owned(),
        };
        let wish = Wish::Participation { round: round.clone(), country, command };
        let command = Command::of(CommandId::of(&["declare"]), "scheduler".parse().unwrap(), wish);
        let command = Sealed::new(command).unwrap();
        let network = StreamId::network();
        let mut stands = Gone(BTreeMap::new());
        for (missing, kind) in [
            (&part, StreamKind::Participation),
            (&network, StreamKind::Network),
            (&StreamId::round(&round), StreamKind::Round),
        ] {
            match decide(&mut stands, &command, (&network, 0), &mut Vec::new()) {
                Err(SubmitError::Fault(Fault::NotFound(what))) => assert_eq!(what, format!("the stream {missing}")),
                other => panic!("{missing}: {other:?}"),
            }
            stands.0.insert(missing.clone(), Standing::new(kind));
        }
        let refused = decide(&mut stands, &command, (&network, 0), &mut Vec::new());
        assert!(matches!(refused, Err(SubmitError::Rejected(_))), "{refused:?}");
    }
}
