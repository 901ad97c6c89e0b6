//! Standard error by a thread of its own: a reader who stands still, and a pipe that is full, hold up nothing but lines. What does not
//! fit any more is counted, and said once lines go again.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many bytes of lines wait at the most: about five thousand lines.
const ROOM: usize = 1 << 20;
/// How long the end waits for a reader who takes nothing, and for one who takes something.
const STILL: Duration = Duration::from_secs(1);
const SLOW: u32 = 10;
/// How long is waited before what does not take bytes for now is tried again.
const BUSY: Duration = Duration::from_millis(20);

/// Lines of this process that nobody ever got.
static LOST: AtomicU64 = AtomicU64::new(0);

/// How many lines of this process were lost so far: there was no room for them any more, or they could not be written.
pub(crate) fn lost() -> u64 {
    LOST.load(Ordering::Relaxed)
}

/// How it is said that so many lines were lost: a line in the form of the others.
type Told = dyn Fn(u64) -> String + Send + Sync;

/// What waits to be written, in its order.
enum Waiting {
    Line(Vec<u8>),
    /// That so many lines were lost here.
    Lost(u64),
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    /// Lines that were lost since that was said last.
    lost: u64,
    /// Whether the thread holds something that it took and has not written.
    is_writing: bool,
    /// Whether the last write failed: then nothing is said of its own accord.
    is_failing: bool,
    /// How many writes ended, well or not.
    ended: u64,
}

/// The lines of a process and the thread that writes them.
pub(crate) struct Scribe {
    state: Mutex<State>,
    changed: Condvar,
    room: usize,
    told: Box<Told>,
}

impl Scribe {
    /// Starts the thread.
    ///
    /// # Errors
    /// When there can be none.
    pub(crate) fn start(to: impl Write + Send + 'static, told: Box<Told>) -> io::Result<Arc<Self>> {
        Self::with_room(ROOM, to, told)
    }

    fn with_room(room: usize, to: impl Write + Send + 'static, told: Box<Told>) -> io::Result<Arc<Self>> {
        let scribe = Arc::new(Self { state: Mutex::default(), changed: Condvar::new(), room, told });
        let writes = Arc::clone(&scribe);
        std::thread::Builder::new().name("scribe".to_owned()).spawn(move || writes.writes(to))?;
        Ok(scribe)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a line to be written behind those that wait, or counts it where there is no room; never waits for a reader.
    pub(crate) fn take(&self, line: &[u8]) {
        let mut state = self.state();
        // Once there was no room, half of it has to be free again: one gap tells more than a hundred.
        let room = if state.lost > 0 && !state.is_failing { self.room / 2 } else { self.room };
        if state.bytes + line.len() > room {
            state.lost += 1;
            LOST.fetch_add(1, Ordering::Relaxed);
            self.changed.notify_all();
            return;
        }
        if state.lost > 0 {
            let lost = std::mem::take(&mut state.lost);
            state.waiting.push_back(Waiting::Lost(lost));
        }
        state.bytes += line.len();
        state.waiting.push_back(Waiting::Line(line.to_vec()));
        self.changed.notify_all();
    }

    /// Waits until everything is written. A reader who takes nothing for a moment is not waited for, nor a slow one for long.
    pub(crate) fn flush(&self) {
        let mut state = self.state();
        for _ in 0..SLOW {
            let before = state.ended;
            let waits = |state: &mut State| {
                state.is_writing || !state.waiting.is_empty() || (state.lost > 0 && !state.is_failing)
            };
            state = self.changed.wait_timeout_while(state, STILL, waits).unwrap_or_else(PoisonError::into_inner).0;
            if !waits(&mut state) || state.ended == before {
                return;
            }
        }
    }

    /// The next to be written: nothing said is lost unsaid, once lines go again.
    fn next(&self) -> Waiting {
        let mut state = self.state();
        loop {
            if let Some(next) = state.waiting.pop_front() {
                if let Waiting::Line(line) = &next {
                    state.bytes -= line.len();
                }
                state.is_writing = true;
                return next;
            }
            if state.lost > 0 && !state.is_failing {
                state.is_writing = true;
                return Waiting::Lost(std::mem::take(&mut state.lost));
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn writes(&self, mut to: impl Write) {
        loop {
            let next = self.next();
            let written = match &next {
                Waiting::Line(line) => all_of(&mut to, line),
                Waiting::Lost(lost) => all_of(&mut to, (self.told)(*lost).as_bytes()),
            };
            let mut state = self.state();
            if written.is_err() {
                state.lost += match next {
                    Waiting::Line(_) => {
                        LOST.fetch_add(1, Ordering::Relaxed);
                        1
                    }
                    Waiting::Lost(lost) => lost,
                };
            }
            (state.is_writing, state.is_failing) = (false, written.is_err());
            state.ended += 1;
            self.changed.notify_all();
        }
    }
}

/// Writes all of it, also to somebody who takes bytes only now and then.
fn all_of(to: &mut impl Write, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) if e.kind() == ErrorKind::WouldBlock => std::thread::sleep(BUSY),
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::BufRead;

    use super::*;

    #[test]
    fn a_reader_who_stands_still_holds_nobody_up_and_is_told_what_was_lost_and_where() {
        let (reader, writer) = io::pipe().unwrap();
        let scribe = Scribe::with_room(4_096, writer, Box::new(|lost| format!("lost {lost}\n"))).unwrap();
        // More than a pipe takes (64 KiB) and the room has: this returns although nobody reads.
        for n in 0..200 {
            scribe.take(format!("{n:0>1023}\n").as_bytes());
        }
        let reads = std::thread::spawn(move || {
            let lines = io::BufReader::new(reader).lines().map(Result::unwrap);
            lines.take_while(|line| line != "well again").collect::<Vec<_>>()
        });
        scribe.flush();
        scribe.take(b"well again\n");
        scribe.flush();
        let (mut place, mut lost) = (0, 0);
        for line in reads.join().unwrap() {
            match line.strip_prefix("lost ") {
                Some(told) => lost += told.parse::<u64>().unwrap(),
                None => {
                    assert_eq!(line.parse::<u64>().unwrap(), place + lost, "in order, and what is missing was said");
                    place += 1;
                }
            }
        }
        assert!(lost > 0 && place + lost == 200, "{place} lines came and {lost} were lost");
    }

    #[test]
    fn who_is_gone_is_waited_for_by_nobody() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let scribe = Scribe::with_room(4_096, writer, Box::new(|lost| format!("lost {lost}\n"))).unwrap();
        let before = lost();
        for _ in 0..100 {
            scribe.take(b"a line\n");
        }
        scribe.flush();
        assert!(lost() >= before + 100 && scribe.state().waiting.is_empty());
    }
}
