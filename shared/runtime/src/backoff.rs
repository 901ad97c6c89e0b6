//! How long to wait before trying again: doubling from a start to a ceiling.

use std::time::Duration;

/// Waits that double.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    next: Duration,
    start: Duration,
    ceiling: Duration,
}

impl Backoff {
    /// Waits from `start` to `ceiling`.
    pub const fn new(start: Duration, ceiling: Duration) -> Self {
        Self { next: start, start, ceiling }
    }

    /// The next wait.
    pub fn wait(&mut self) -> Duration {
        let wait = self.next;
        self.next = (self.next * 2).min(self.ceiling);
        wait
    }

    /// It worked: the next wait is the first again.
    pub fn reset(&mut self) {
        self.next = self.start;
    }
}
