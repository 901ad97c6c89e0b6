//! The sequencer: the one task that orders. It decides commands one after the other and hands groups to the committer.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use bytes::Bytes;
use rondo_domain::command::{Context, actor_of};
use rondo_domain::event::{Aggregate, Event, Stamp};
use rondo_domain::network::NetworkCommand;
use rondo_domain::{Actor, Command, Rejection, StreamId, Wish};
use rondo_eventlog::merkle::Verifier;
use rondo_eventlog::record::Time;
use rondo_eventlog::{Accepted, Fault, SubmitError, codec};
use rondo_runtime::chance::Chance;
use tokio::sync::{mpsc, oneshot};

use crate::committer::{Answer, Group};
use crate::evidence::Evidence;
use crate::standing::Standings;
use crate::store::Entry;
use crate::time::LogTime;

/// Commands after which a group is handed to the committer, which writes together whatever it finds waiting. Small, so that
/// the disk is at work while the next ones are decided.
pub(crate) const GROUP_COMMANDS: usize = 32;
/// Bytes after which it is handed over too.
const GROUP_BYTES: usize = 256 * 1024;
/// Random bytes taken at once, for salts of 16 bytes.
const CHANCE: usize = 4_096;

pub(crate) type Reply = oneshot::Sender<Result<Accepted, SubmitError>>;

/// What the sequencer is asked.
pub(crate) enum Request {
    Submit(Box<Command>, Reply),
    /// Goes the way of a command, and records nothing.
    Try(Reply),
    Stop,
}

pub(crate) struct Sequencer {
    pub(crate) requests: mpsc::Receiver<Request>,
    pub(crate) committer: SyncSender<Group>,
    pub(crate) standings: Standings,
    /// The stream that every decision looks at.
    pub(crate) network: StreamId,
    /// The position of the next record.
    pub(crate) next: u64,
    pub(crate) time: Arc<LogTime>,
    pub(crate) salts: Salts,
    pub(crate) evidence: Arc<Evidence>,
    /// The public half of the key that signs.
    pub(crate) key: Verifier,
    pub(crate) buffer: Vec<u8>,
}

impl Sequencer {
    /// Works until it is told to stop or nobody is left to ask.
    pub(crate) fn run(mut self) {
        while let Some(first) = self.requests.blocking_recv() {
            let mut group = Group::new();
            let mut stopping = self.take(first, &mut group);
            while !stopping && group.answers.len() < GROUP_COMMANDS && group.bytes < GROUP_BYTES {
                match self.requests.try_recv() {
                    Ok(next) => stopping = self.take(next, &mut group),
                    Err(_) => break,
                }
            }
            // A committer that is gone has failed, and its end ends the process.
            if self.committer.send(group).is_err() || stopping {
                break;
            }
            self.standings.trim();
        }
    }

    fn take(&mut self, request: Request, group: &mut Group) -> bool {
        let answer = match request {
            Request::Submit(command, reply) => Answer { reply, outcome: self.decide(&command, group) },
            Request::Try(reply) => {
                group.tried = true;
                Answer { reply, outcome: Ok(Accepted { first: self.next, count: 0, repeated: false }) }
            }
            Request::Stop => return true,
        };
        group.answers.push(answer);
        false
    }

    fn decide(&mut self, command: &Command, group: &mut Group) -> Result<Accepted, SubmitError> {
        let stream = command.wish.stream();
        self.standings.load(&stream)?;
        self.standings.load(&self.network)?;
        let surroundings = command.wish.surroundings();
        for other in &surroundings {
            self.standings.load(other)?;
        }
        let standing = self.standings.get(&stream).ok_or(Fault::Stopped)?;
        if let Some((first, count)) = standing.accepted.get(&command.id.0) {
            return Ok(Accepted { first: *first, count: *count, repeated: true });
        }
        let Some(Aggregate::Network(people)) = self.standings.get(&self.network).map(|standing| &standing.state) else {
            return Err(Fault::Corrupt("the stream of the network holds another kind of state".to_owned()).into());
        };
        let time = self.time.now(command.wish.cannot_be_undone())?;
        let now = time.instant();
        let actor = actor_of(command, people, now)?;
        if let Some(file) = command.wish.file()
            && !self.evidence.has(file)?
        {
            return Err(Rejection::FileNotStored { sha256: file.to_string() }.into());
        }
        if let Wish::Network { command: NetworkCommand::RotateKey { was, is, .. } } = &command.wish {
            self.hands_over(was, is)?;
        }
        let around: Vec<(StreamId, &Aggregate)> = surroundings
            .into_iter()
            .filter_map(|other| self.standings.get(&other).map(|standing| (other, &standing.state)))
            .collect();
        let context = Context { actor: &actor, now, surroundings: &around };
        let events = command.wish.decide(&standing.state, &context)?;
        self.append(command, &stream, &actor, time, &events, group)
    }

    /// A handing over is recorded from the key that really signs to another one of this log.
    fn hands_over(&self, was: &str, is: &str) -> Result<(), Rejection> {
        let own = self.key.vkey();
        if was != own {
            return Err(Rejection::Malformed { what: format!("the log is signed by {own}, not by {was}") });
        }
        match Verifier::from_vkey(is) {
            Ok(next) if next.name() == self.key.name() && is != own => Ok(()),
            _ => Err(Rejection::Malformed { what: format!("{is} is no other key of {}", self.key.name()) }),
        }
    }

    fn append(
        &mut self,
        command: &Command,
        stream: &StreamId,
        actor: &Actor,
        time: Time,
        events: &[Event],
        group: &mut Group,
    ) -> Result<Accepted, SubmitError> {
        let first = self.next;
        let standing = self.standings.get(stream).ok_or(Fault::Stopped)?;
        let mut encoded: Vec<Bytes> = Vec::with_capacity(events.len());
        for (ordinal, event) in events.iter().enumerate() {
            let ahead = ordinal as u64;
            let place = codec::Place { stream, version: standing.version + ahead, position: first + ahead, ordinal };
            let salt = self.salts.next()?;
            let salt = std::str::from_utf8(&salt).map_err(|e| Fault::storage("cannot salt a record", e))?;
            let written = codec::encode(&mut self.buffer, place, event, command, actor, time, salt);
            encoded.push(written.map_err(|e| match e {
                codec::CodecError::TooLarge(size) => SubmitError::Rejected(Rejection::OutOfBounds {
                    what: format!("a record of {size} bytes"),
                    limit: rondo_eventlog::record::MAX_RECORD,
                }),
                other => SubmitError::Fault(Fault::storage("cannot write a record", other)),
            })?);
        }
        let standing = self.standings.get_mut(stream).ok_or(Fault::Stopped)?;
        for (event, bytes) in events.iter().zip(encoded) {
            standing.state.evolve(event, &Stamp { at: time.instant(), actor, position: self.next });
            standing.version += 1;
            standing.last = Some(self.next);
            self.next += 1;
            group.bytes += bytes.len();
            group.entries.push(Entry { stream: stream.clone(), bytes });
        }
        let count = events.len() as u64;
        if count > 0 {
            self.time.recorded(time);
            standing.accepted.insert(command.id.0, (first, count));
        }
        self.standings.grown(stream);
        Ok(Accepted { first, count, repeated: false })
    }
}

/// Salts of 16 bytes in hexadecimal, taken from chance many at a time.
pub(crate) struct Salts {
    chance: Arc<dyn Chance>,
    pool: Vec<u8>,
}

impl Salts {
    pub(crate) fn new(chance: Arc<dyn Chance>) -> Self {
        Self { chance, pool: Vec::new() }
    }

    fn next(&mut self) -> Result<[u8; 32], Fault> {
        if self.pool.len() < 16 {
            let mut pool = vec![0; CHANCE];
            self.chance.fill(&mut pool).map_err(|e| Fault::storage("cannot salt a record", e))?;
            self.pool = pool;
        }
        let mut digits = [b'0'; 32];
        let start = self.pool.len() - 16;
        hex::encode_to_slice(&self.pool[start..], &mut digits)
            .map_err(|e| Fault::storage("cannot salt a record", e))?;
        self.pool.truncate(start);
        Ok(digits)
    }
}
