//! The log's time: it never runs back, and a clock that nobody vouches for does not lead it on. What cannot be undone waits then,
//! and what can is recorded with the time of the last record, and says what the clock showed.
//!
//! A clock is doubted when it stands days after the last record at a start, when it was set while the ledger ran, and when it
//! stands before the last record. The machine vouches for it (it is synchronised), or a person does ([`confirm`]); for one that
//! stands before the last record a person has to, since that record may be from the future.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use rondo_eventlog::Fault;
use rondo_eventlog::record::Time;
use rondo_runtime::alarm::AlarmCode;
use rondo_runtime::clock::{Clock, JumpGuard, Stopwatch};

use crate::acknowledged;
use crate::directory::{self, OpenError};
use rondo_runtime::durable::replace;

/// How far a clock may be set back, as it is when it is compared with others, without anybody being troubled.
const SET_BACK: SignedDuration = SignedDuration::from_secs(10);

/// How far the clock may stand after the last record at a start without anybody having to vouch for it.
const AHEAD: SignedDuration = SignedDuration::from_hours(48);

/// The same of a clock that somebody moves on purpose: rounds are held every year.
const MOVED_AHEAD: SignedDuration = SignedDuration::from_hours(400 * 24);

/// How far the clock may be from the day that is said: it is another day elsewhere.
const ELSEWHERE: SignedDuration = SignedDuration::from_hours(36);

/// How often the clock is held against the steady one, at the most.
const LOOKED: Duration = Duration::from_secs(1);

/// Where it stands when somebody said last that the machine's clock is right: an instant (RFC 3339), and in a second line how many
/// records the log had then.
pub fn path(data: &Path) -> PathBuf {
    data.join("clock-checked")
}

/// Says, beside the log, that the machine's clock is right: it stands at that day.
///
/// # Errors
/// When there is no log, the clock stands at another day, or this cannot be written.
pub fn confirm(data: &Path, today: Date, now: Timestamp) -> Result<(), OpenError> {
    directory::has_note(data)?;
    let noon = today.at(12, 0, 0, 0).in_tz("UTC").map(|noon| noon.timestamp());
    if !noon.is_ok_and(|noon| now.duration_since(noon).abs() <= ELSEWHERE) {
        return Err(OpenError::Clock { now, today });
    }
    // Of a log that was never started here nothing else may tell; too few only means that it has to be said again.
    let records = acknowledged::at_least(data).unwrap_or_default();
    Ok(replace(&path(data), format!("{now}\n{records}\n").as_bytes())?)
}

/// Why the clock is doubted, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// It stands long after the last record.
    Ahead {
        /// What it shows.
        now: Timestamp,
        /// The last record.
        last: Timestamp,
    },
    /// It stands before the last record.
    Behind {
        /// What it shows.
        now: Timestamp,
        /// The last record.
        last: Timestamp,
    },
    /// It was set while the ledger ran.
    Set {
        /// What it shows.
        now: Timestamp,
        /// By how much.
        jump: SignedDuration,
    },
}

impl std::fmt::Display for Doubt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const SAY: &str = "rondo audit clock --today YYYY-MM-DD";
        match self {
            Self::Ahead { now, last } if now.duration_since(*last) > MOVED_AHEAD => write!(
                f,
                "the clock of the ledger's machine stands at {now:.0}, more than a year after the last record of {last:.0}. Set the clock right, or say on that machine that it is: {SAY}"
            ),
            Self::Ahead { now, last } => {
                let days = now.duration_since(*last).as_hours() / 24;
                write!(
                    f,
                    "the clock of the ledger's machine stands at {now:.0}, {days} days after the last record of {last:.0}, and is not synchronised. Nothing is closed, published or mailed until it is, or until somebody says on that machine that it is right: {SAY}"
                )
            }
            Self::Behind { now, last } => write!(
                f,
                "the clock of the ledger's machine stands at {now:.0}, before the last record of {last:.0}. Set the clock right; or, if it is right and that record is from the future, say so on that machine: {SAY}. Time in the log then stands still at {last:.0} until the clock has passed it, and each record says so"
            ),
            Self::Set { now, jump } => {
                let (way, minutes) = (if jump.is_positive() { "forward" } else { "back" }, jump.as_mins().abs());
                write!(
                    f,
                    "the clock of the ledger's machine was set {way} by {minutes} minutes while it ran, and stands at {now:.0}. Nothing is closed, published or mailed until it is set right or synchronised, or until somebody says on that machine that it is right: {SAY}"
                )
            }
        }
    }
}

/// Why the clock of a machine is doubted by the last record of a log that nobody need have open, if it is; and what there is to
/// say of it, in sentences.
///
/// # Errors
/// When what was said of it cannot be read.
pub fn look(clock: Arc<dyn Clock>, data: &Path, last: Option<Time>) -> Result<(Option<Doubt>, Vec<String>), Fault> {
    let time = LogTime::new(clock, data, last);
    Ok((time.doubt()?, time.remarks()?))
}

impl Doubt {
    /// The alarm that it is.
    pub fn code(&self) -> AlarmCode {
        match self {
            Self::Ahead { .. } => AlarmCode::ClockAhead,
            Self::Behind { .. } => AlarmCode::ClockBehind,
            Self::Set { .. } => AlarmCode::ClockSet,
        }
    }

    /// It as a sentence.
    pub fn sentence(&self) -> String {
        let told = self.to_string();
        let (first, rest) = told.split_at(1);
        format!("{}{rest}.", first.to_uppercase())
    }
}

/// The time of a log.
pub(crate) struct LogTime {
    clock: Arc<dyn Clock>,
    data: PathBuf,
    state: Mutex<State>,
}

struct State {
    /// When the last record was recorded; nothing in an empty log.
    last: Option<Time>,
    /// How many records the start found.
    found: u64,
    guard: JumpGuard,
    /// Whether the clock was found right since the start.
    is_known: bool,
    doubt: Option<Doubt>,
    /// What had been said of the clock before it was set: that says nothing of where it stands now.
    said_before: Option<String>,
    looked: Option<(Stopwatch, Timestamp)>,
}

impl LogTime {
    pub(crate) fn new(clock: Arc<dyn Clock>, data: &Path, last: Option<Time>) -> Self {
        let state = State {
            last,
            found: acknowledged::at_least(data).unwrap_or_default(),
            guard: JumpGuard::default(),
            is_known: false,
            doubt: None,
            said_before: None,
            looked: None,
        };
        Self { clock, data: data.to_owned(), state: Mutex::new(state) }
    }

    /// When a decision is made: never before the last one recorded.
    ///
    /// # Errors
    /// While the clock is doubted, of what cannot be undone; where it stands before the last record, of anything.
    pub(crate) fn now(&self, cannot_be_undone: bool) -> Result<Time, Fault> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.look(&mut state)?;
        let Some(last) = state.last.map(|last| last.recorded_at) else { return Ok(now.into()) };
        let is_behind = last.duration_since(now) > SET_BACK;
        match state.doubt {
            Some(doubt) if cannot_be_undone || is_behind || self.clock.is_synchronised().is_none() => {
                Err(Fault::NotNow(format!("{doubt}. Nothing was recorded")))
            }
            // What it would show had nobody set it is known.
            Some(Doubt::Set { jump, .. }) if jump.is_positive() => {
                Ok(Time { recorded_at: last.max(now - jump), clock: Some(now) })
            }
            // Where the clock stands is not where the log goes.
            Some(_) => Ok(Time { recorded_at: last, clock: Some(now) }),
            None if now < last => Ok(Time { recorded_at: last, clock: is_behind.then_some(now) }),
            None => Ok(now.into()),
        }
    }

    /// Notes that something was recorded then.
    pub(crate) fn recorded(&self, time: Time) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).last = Some(time);
    }

    /// Why the clock is doubted now, if it is.
    pub(crate) fn doubt(&self) -> Result<Option<Doubt>, Fault> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.look(&mut state)?;
        Ok(state.doubt)
    }

    /// That time in the log stands still, in a sentence, if it does.
    pub(crate) fn stands(&self) -> Option<String> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let last = state.last?.recorded_at;
        (state.doubt.is_none() && last.duration_since(self.clock.now()) > SET_BACK).then(|| {
            format!("Time in the log stands still at {last:.0}, when its last record was recorded, until the clock has passed it; each record says so.")
        })
    }

    /// What whoever starts the ledger has to know of the clock, in sentences.
    pub(crate) fn remarks(&self) -> Result<Vec<String>, Fault> {
        let doubt = self.doubt()?.map(|doubt| doubt.sentence());
        Ok(doubt.into_iter().chain(self.stands()).collect())
    }

    /// Looks at the clock, and gives what it shows.
    fn look(&self, state: &mut State) -> Result<Timestamp, Fault> {
        let now = self.clock.now();
        let just = |(watch, at): &(Stopwatch, Timestamp)| {
            let passed = now.duration_since(*at);
            watch.elapsed() < LOOKED && !passed.is_negative() && passed.unsigned_abs() <= 2 * LOOKED
        };
        if state.is_known && state.doubt.is_none() && state.looked.as_ref().is_some_and(just) {
            return Ok(now);
        }
        state.looked = Some((Stopwatch::start(), now));
        state.doubt = match self.clock.is_synchronised() {
            Some(synchronised) => self.of_machine(state, now, synchronised)?,
            None => self.of_moved(state, now)?,
        };
        state.is_known |= state.doubt.is_none();
        Ok(now)
    }

    /// Why the machine's clock is doubted, if it is.
    fn of_machine(&self, state: &mut State, now: Timestamp, synchronised: bool) -> Result<Option<Doubt>, Fault> {
        if state.is_known {
            let Some(jump) = state.guard.jump(now, self.clock.steady()) else { return Ok(None) };
            if !matches!(state.doubt, Some(Doubt::Set { .. })) {
                state.said_before = self.said()?;
            }
            if !synchronised && !self.is_confirmed(now, AHEAD, state.said_before.as_deref())? {
                return Ok(Some(Doubt::Set { now, jump }));
            }
        } else if let Some(last) = state.last {
            let gap = now.duration_since(last.instant());
            let doubt = if gap < -SET_BACK {
                Some(Doubt::Behind { now, last: last.recorded_at })
            } else if gap > AHEAD && !synchronised {
                Some(Doubt::Ahead { now, last: last.recorded_at })
            } else {
                None
            };
            // The last record tells where the clock stood after what was said before it.
            let is_old = matches!(doubt, Some(Doubt::Behind { .. })) && self.said_at()? < Some(state.found);
            if doubt.is_some() && (is_old || !self.is_confirmed(now, AHEAD, None)?) {
                return Ok(doubt);
            }
        }
        state.guard.believe();
        state.guard.jump(now, self.clock.steady());
        Ok(None)
    }

    /// The same of a clock that somebody moves.
    fn of_moved(&self, state: &State, now: Timestamp) -> Result<Option<Doubt>, Fault> {
        let Some(last) = state.last.map(|last| last.recorded_at) else { return Ok(None) };
        let gap = now.duration_since(last);
        if gap < -SET_BACK {
            return Ok(Some(Doubt::Behind { now, last }));
        }
        let doubted = gap > MOVED_AHEAD && !self.is_confirmed(now, MOVED_AHEAD, None)?;
        Ok(doubted.then_some(Doubt::Ahead { now, last }))
    }

    /// What was said of the clock, if anything was.
    fn said(&self) -> Result<Option<String>, Fault> {
        let path = path(&self.data);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Fault::storage(format!("cannot read {}", path.display()), e)),
        }
    }

    /// How many records the log had when that was said, if anything tells.
    fn said_at(&self) -> Result<Option<u64>, Fault> {
        Ok(self.said()?.and_then(|said| said.lines().nth(1)?.trim().parse().ok()))
    }

    /// Whether somebody said, no longer ago than that, that the clock is right; since it was set, if it was.
    fn is_confirmed(&self, now: Timestamp, within: SignedDuration, before: Option<&str>) -> Result<bool, Fault> {
        let said = self.said()?.filter(|said| before != Some(said));
        // A confirmation that cannot be read is none.
        let then = said.and_then(|said| said.lines().next()?.parse().ok());
        Ok(then.is_some_and(|then: Timestamp| now.duration_since(then).abs() <= within))
    }
}
