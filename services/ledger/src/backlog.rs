//! The backlog: how much is on disk and not yet in the store's indexes. It grows in a burst, and only so far.

use std::sync::{Condvar, Mutex, PoisonError};

/// Bytes of records that may wait for the indexer; the committer waits beyond. Enough for the indexer to bring what it
/// gathered into sled while commands are answered.
const LIMIT: usize = 32 * 1024 * 1024;

/// How many bytes wait; nothing once there is no indexer any more.
#[derive(Debug)]
pub(crate) struct Backlog {
    waiting: Mutex<Option<usize>>,
    less: Condvar,
}

impl Default for Backlog {
    fn default() -> Self {
        Self { waiting: Mutex::new(Some(0)), less: Condvar::new() }
    }
}

impl Backlog {
    /// Adds what was written, once there is room for it.
    pub(crate) fn add(&self, bytes: usize) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        while waiting.is_some_and(|waiting| waiting > LIMIT) {
            waiting = self.less.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        *waiting = waiting.map(|waiting| waiting + bytes);
    }

    fn done(&self, bytes: usize) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        *waiting = waiting.map(|waiting| waiting.saturating_sub(bytes));
        self.less.notify_one();
    }

    fn end(&self) {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.less.notify_one();
    }
}

/// The indexer's part in a backlog: when it ends, in whatever way, nobody waits for it any longer.
pub(crate) struct Indexing<'b>(pub(crate) &'b Backlog);

impl Indexing<'_> {
    /// Takes off what was indexed.
    pub(crate) fn done(&self, bytes: usize) {
        self.0.done(bytes);
    }
}

impl Drop for Indexing<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_adds_beyond_the_limit_waits_until_there_is_room_or_no_indexer() {
        let backlog = std::sync::Arc::new(Backlog::default());
        backlog.add(LIMIT + 1);
        for relief in [|backlog: &Backlog| backlog.done(1), |backlog: &Backlog| drop(Indexing(backlog))] {
            let other = std::sync::Arc::clone(&backlog);
            let adding = std::thread::spawn(move || other.add(1));
            std::thread::sleep(std::time::Duration::from_millis(20));
            assert!(!adding.is_finished(), "it waits");
            relief(&backlog);
            adding.join().unwrap();
        }
    }
}
