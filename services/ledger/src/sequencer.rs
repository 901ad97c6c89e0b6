//! The sequencer: the one task that orders. It decides commands one after the other and hands groups to the committer.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use rondo_domain::network::NetworkCommand;
use rondo_domain::{FileHash, Rejection, StreamId, Wish};
use rondo_eventlog::decide::{Decided, Stands, decide};
use rondo_eventlog::merkle::Verifier;
use rondo_eventlog::record::Time;
use rondo_eventlog::{Accepted, Fault, Sealed, Standing, SubmitError};
use rondo_runtime::chance::Chance;
use tokio::sync::{mpsc, oneshot};

use crate::committer::{Answer, Group};
use crate::evidence::Evidence;
use crate::standing::{Digests, Standings};
use crate::store::Entry;
use crate::time::LogTime;

/// Commands after which a group is handed to the committer, which writes together whatever it finds waiting. Small, so that
/// the disk is at work while the next ones are decided.
pub(crate) const GROUP_COMMANDS: usize = 48;
/// Bytes after which it is handed over too.
const GROUP_BYTES: usize = 256 * 1024;
/// Random bytes taken at once, for salts of 16 bytes.
const CHANCE: usize = 4_096;

pub(crate) type Reply = oneshot::Sender<Result<Accepted, SubmitError>>;

/// What the sequencer is asked.
pub(crate) enum Request {
    Submit(Box<Sealed>, Reply),
    /// Goes the way of a command, and records nothing.
    Try(Reply),
    /// How the streams stand that commands are decided on, in memory: for tests, which hold it against the journal.
    Look(oneshot::Sender<Digests>),
    Stop,
}

pub(crate) struct Sequencer {
    pub(crate) requests: mpsc::Receiver<Request>,
    pub(crate) committer: SyncSender<Group>,
    pub(crate) ground: Ground,
    /// The stream that every decision looks at.
    pub(crate) network: StreamId,
    /// The position of the next record.
    pub(crate) next: u64,
    pub(crate) buffer: Vec<u8>,
}

/// What commands are decided on.
pub(crate) struct Ground {
    pub(crate) standings: Standings,
    pub(crate) time: Arc<LogTime>,
    pub(crate) salts: Salts,
    pub(crate) evidence: Arc<Evidence>,
    /// The public half of the key that signs.
    pub(crate) key: Verifier,
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
            self.ground.standings.trim();
        }
    }

    fn take(&mut self, request: Request, group: &mut Group) -> bool {
        let answer = match request {
            Request::Submit(command, reply) => Answer { reply, outcome: self.decide(&command, group) },
            Request::Try(reply) => {
                group.tried = true;
                Answer { reply, outcome: Ok(Accepted { first: self.next, count: 0, repeated: false }) }
            }
            Request::Look(reply) => {
                // Whoever asked may be gone.
                let _ = reply.send(self.ground.standings.digests());
                return false;
            }
            Request::Stop => return true,
        };
        group.answers.push(answer);
        false
    }

    fn decide(&mut self, command: &Sealed, group: &mut Group) -> Result<Accepted, SubmitError> {
        let decided = decide(&mut self.ground, command, (&self.network, self.next), &mut self.buffer)?;
        let Decided { accepted, growth: Some(growth) } = decided else { return Ok(decided.accepted) };
        let bring = |standing: &mut Standing| growth.bring(standing, command, accepted);
        self.ground.standings.grow(&growth.stream, bring).ok_or(Fault::Stopped)?;
        self.ground.time.recorded(growth.time);
        self.next = accepted.end();
        for bytes in growth.records {
            group.bytes += bytes.len();
            group.entries.push(Entry { stream: growth.stream.clone(), bytes });
        }
        Ok(accepted)
    }
}

impl Stands for Ground {
    fn ensure(&mut self, stream: &StreamId) -> Result<(), Fault> {
        self.standings.load(stream)
    }

    fn standing(&self, stream: &StreamId) -> Option<&Standing> {
        self.standings.get(stream)
    }

    fn has_file(&self, file: &FileHash) -> Result<bool, Fault> {
        self.evidence.has(file)
    }

    fn now(&self, cannot_be_undone: bool) -> Result<Time, Fault> {
        self.time.now(cannot_be_undone)
    }

    fn salt(&mut self) -> Result<&str, Fault> {
        self.salts.next()
    }

    /// A handing over is recorded from the key that really signs to another one of this log.
    fn permits(&self, wish: &Wish) -> Result<(), Rejection> {
        let Wish::Network { command: NetworkCommand::RotateKey { was, is, .. } } = wish else { return Ok(()) };
        let own = self.key.vkey();
        if *was != own {
            return Err(Rejection::Malformed { what: format!("the log is signed by {own}, not by {was}") });
        }
        match Verifier::from_vkey(is) {
            Ok(next) if next.name() == self.key.name() && *is != own => Ok(()),
            _ => Err(Rejection::Malformed { what: format!("{is} is no other key of {}", self.key.name()) }),
        }
    }
}

/// Salts of 16 bytes in hexadecimal, taken from chance many at a time.
pub(crate) struct Salts {
    chance: Arc<dyn Chance>,
    pool: Vec<u8>,
    /// The one that was taken last.
    digits: [u8; 32],
}

impl Salts {
    pub(crate) fn new(chance: Arc<dyn Chance>) -> Self {
        Self { chance, pool: Vec::new(), digits: [b'0'; 32] }
    }

    fn next(&mut self) -> Result<&str, Fault> {
        if self.pool.len() < 16 {
            let mut pool = vec![0; CHANCE];
            self.chance.fill(&mut pool).map_err(|e| Fault::storage("cannot salt a record", e))?;
            self.pool = pool;
        }
        let start = self.pool.len() - 16;
        hex::encode_to_slice(&self.pool[start..], &mut self.digits)
            .map_err(|e| Fault::storage("cannot salt a record", e))?;
        self.pool.truncate(start);
        std::str::from_utf8(&self.digits).map_err(|e| Fault::storage("cannot salt a record", e))
    }
}
