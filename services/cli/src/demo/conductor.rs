//! The conductor: moves the clock from one due thing to the next, and waits until every role has come to rest.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::{SignedDuration, Timestamp};
use rondo_domain::Service;
use rondo_eventlog::Ledger;
use rondo_runtime::clock::{Clock, PacedClock, Stopwatch};
use rondo_runtime::progress::Board;

use super::act;
use super::cast::Cast;
use crate::failure::Failure;
use crate::output::hint;

/// The roles that the conductor waits for.
const ROLES: [&str; 4] = Service::ACTING_NAMES;
/// The largest step of the clock, so that pages show time passing.
const STEP: SignedDuration = SignedDuration::from_hours(6);
/// How long the roles may take to come to rest; longer means that one of them is gone.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often rest is looked for.
const LOOK: Duration = Duration::from_millis(1);

/// Sees how far the roles have come.
pub(crate) trait Watch: Send + Sync {
    /// Whether every role has acted on this many records and has nothing due by now.
    fn is_quiet(&self, roles: &[&'static str], size: u64, now: Timestamp) -> bool;
    /// When the next thing is due.
    fn next_due(&self, roles: &[&'static str]) -> Option<Timestamp>;
}

impl Watch for Board {
    fn is_quiet(&self, roles: &[&'static str], size: u64, now: Timestamp) -> bool {
        Self::is_quiet(self, roles, size, now)
    }

    fn next_due(&self, roles: &[&'static str]) -> Option<Timestamp> {
        Self::next_due(self, roles)
    }
}

/// Moves a clock that others read.
#[async_trait]
pub(crate) trait Mover: Send + Sync {
    /// Moves it.
    async fn advance(&self, to: Timestamp) -> Result<(), Failure>;
    /// What it shows.
    fn now(&self) -> Timestamp;
}

/// Whose clock is moved.
pub(crate) enum Hands {
    /// This process's.
    Local(PacedClock),
    /// That of processes elsewhere.
    Far(Box<dyn Mover>),
}

impl Hands {
    async fn advance(&self, to: Timestamp) -> Result<(), Failure> {
        match self {
            Self::Local(clock) => {
                clock.advance(to);
                Ok(())
            }
            Self::Far(mover) => mover.advance(to).await,
        }
    }

    fn now(&self) -> Timestamp {
        match self {
            Self::Local(clock) => clock.now(),
            Self::Far(mover) => mover.now(),
        }
    }
}

/// The conductor of one demonstration.
pub(crate) struct Conductor {
    cast: Cast,
    ledger: Arc<dyn Ledger>,
    watch: Box<dyn Watch>,
    hands: Hands,
    pace: Duration,
}

impl Conductor {
    /// A conductor who takes about `pace` seconds for the whole.
    pub(crate) fn new(cast: Cast, ledger: Arc<dyn Ledger>, watch: Box<dyn Watch>, hands: Hands, pace: u64) -> Self {
        Self { cast, ledger, watch, hands, pace: Duration::from_secs(pace) }
    }

    /// Plays the cast to its end.
    pub(crate) async fn play(&self) -> Result<(), Failure> {
        act::set_up(&self.cast, &self.ledger).await?;
        let whole = self.cast.end.duration_since(self.cast.begin);
        let bar = progress_bar(whole.as_hours().unsigned_abs());
        let resumed = self.hands.now();
        let started = Stopwatch::start();
        let mut acts = self.cast.acts.iter().enumerate().peekable();
        loop {
            self.rest().await?;
            let now = self.hands.now();
            while let Some((index, (at, act))) = acts.next_if(|(_, (at, _))| *at <= now) {
                tracing::debug!(index, %at, "an act of the cast");
                match act::play(&self.cast, &self.ledger, index, act).await {
                    // It was played before; what would be said of it now is another thing.
                    Err(failure) if failure.code == Some("command.id-used-otherwise") => {}
                    played => played.map_err(|failure| {
                        Failure::failed(format!("act {index} ({} by {}): {}", at, act.by, failure.sentence))
                    })?,
                }
                self.rest().await?;
            }
            bar.set_position(now.duration_since(self.cast.begin).as_hours().unsigned_abs());
            bar.set_message(now.strftime("%a %-d %b %Y").to_string());
            if now >= self.cast.end {
                bar.finish();
                hint(&format!("The demonstration reached {}.", now.strftime("%-d %B %Y")));
                return Ok(());
            }
            let coming = [acts.peek().map(|(_, (at, _))| *at), self.watch.next_due(&ROLES)];
            let next = coming.into_iter().flatten().filter(|at| *at > now).fold(now + STEP, Timestamp::min);
            let next = next.min(self.cast.end);
            self.keep_pace(&started, next.duration_since(resumed), whole).await;
            self.hands.advance(next).await?;
        }
    }

    /// Waits until as much time has passed as the pace gives to the way so far.
    async fn keep_pace(&self, started: &Stopwatch, way: SignedDuration, whole: SignedDuration) {
        let share = way.as_secs_f64() / whole.as_secs_f64().max(1.0);
        let planned = self.pace.mul_f64(share.clamp(0.0, 1.0));
        if let Some(ahead) = planned.checked_sub(started.elapsed()) {
            tokio::time::sleep(ahead).await;
        }
    }

    /// Waits until every role has acted on everything, and nothing more came of it.
    async fn rest(&self) -> Result<(), Failure> {
        let waiting = Stopwatch::start();
        loop {
            let size = self.ledger.head().await?.size;
            if self.watch.is_quiet(&ROLES, size, self.hands.now()) && self.ledger.head().await?.size == size {
                return Ok(());
            }
            if waiting.elapsed() > PATIENCE {
                let sentence = format!("the roles did not come to rest within {} seconds", PATIENCE.as_secs());
                return Err(Failure::failed(sentence));
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

fn progress_bar(hours: u64) -> ProgressBar {
    let target =
        if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(hours), target);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {msg}") {
        bar.set_style(style);
    }
    bar
}
