//! The scheduler reads every event but those of figures.
//! It sends commands: configure a round, open participations, plan, fire and complete steps, raise notices, open tasks, ask for
//! checks, put releases together, note who was invited and whose mail came back.
//! It knows the pinned definition of each round and what in it is due, and keeps a savepoint of that, so that its start is quick.
//! It must never act on an event twice, nor on a round that is paused.

mod actions;
mod asking;
pub mod cron;
pub mod definitions;
mod interpreter;
mod invitations;
mod knowledge;
mod late;
pub mod moves;
mod outcomes;
pub mod plan;
mod resume;
mod timers;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rondo_domain::Wish;
use rondo_domain::release::ReleaseCommand;
use rondo_domain::run::RunCommand;
use rondo_eventlog::{Fault, Ledger, SubmitError};
use rondo_runtime::alarm::AlarmCode;
use rondo_runtime::clock::{Clock, JumpGuard};
use rondo_runtime::lifecycle::Stop;
use rondo_runtime::patient::taken_up_anew;
use rondo_runtime::progress::{Idle, Progress};
use rondo_runtime::savepoint::Savepoints;
use rondo_runtime::subscription::Subscription;

use definitions::Definitions;
use knowledge::Knowledge;
use resume::When;

/// The name under which the scheduler acts.
pub const ROLE: &str = rondo_domain::Service::Scheduler.name();

/// Why a command is not sent again that was answered and changed nothing.
const UNCHANGED: &str = "it was answered as one of before, and changed nothing";

/// How often a clock that was set is looked at again.
const AFTER_JUMP: Duration = Duration::from_secs(10);

/// A scheduler at its place in the log.
pub struct Scheduler {
    ledger: Arc<dyn Ledger>,
    knowledge: Knowledge,
    definitions: Definitions,
    subscription: Subscription,
    /// Whether nothing is on its way: what was to be done when it looked last was sent.
    rests: bool,
    /// Up to where the savepoint reaches.
    saved_to: u64,
    /// How long it took to write.
    took: Duration,
}

impl Scheduler {
    /// One that has read nothing yet.
    pub fn new(ledger: Arc<dyn Ledger>) -> Self {
        let subscription = Subscription::new(Arc::clone(&ledger));
        Self::at(ledger, subscription, Knowledge::default())
    }

    fn at(ledger: Arc<dyn Ledger>, subscription: Subscription, knowledge: Knowledge) -> Self {
        let saved_to = subscription.position();
        let (definitions, took) = (Definitions::default(), Duration::ZERO);
        Self { ledger, knowledge, definitions, subscription, rests: false, saved_to, took }
    }

    /// How many of its commands were answered as ones of before and changed nothing, while nothing has changed since.
    pub fn unchanged(&self) -> usize {
        self.knowledge.refused_for(UNCHANGED)
    }

    /// Reads on, and sends what is due at that instant. When nothing was, says how far it has come and when something will be.
    ///
    /// # Errors
    /// A fault that does not pass.
    pub async fn turn(&mut self, now: Timestamp) -> Result<Option<Idle>, Fault> {
        let Self { ledger, knowledge, definitions, subscription, rests, .. } = self;
        subscription.catch_up(|record| knowledge.take(record)).await?;
        definitions.load(&**ledger, knowledge).await?;
        let commands = interpreter::due(knowledge, definitions, now);
        *rests = commands.is_empty();
        if *rests {
            return Ok(Some(Idle { position: subscription.position(), next: knowledge.next_due() }));
        }
        send(&**ledger, knowledge, commands, subscription.position()).await?;
        Ok(None)
    }
}

/// Plans and fires the steps of every round until asked to stop. With savepoints it keeps one, so that the next start is quick.
///
/// # Errors
/// A fault that does not pass.
pub async fn run(
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    progress: Arc<dyn Progress>,
    savepoints: Option<Savepoints>,
    mut stop: Stop,
) -> Result<(), Fault> {
    let mut scheduler = match &savepoints {
        Some(savepoints) => Scheduler::resume(ledger, savepoints).await?,
        None => Scheduler::new(ledger),
    };
    let ended = serve(&mut scheduler, &*clock, &*progress, savepoints.as_ref(), &mut stop).await;
    if let Some(savepoints) = savepoints.filter(|_| stop.is_asked()) {
        scheduler.keep_savepoint(&savepoints, When::AtEnd).await;
    }
    ended
}

async fn serve(
    scheduler: &mut Scheduler,
    clock: &dyn Clock,
    progress: &dyn Progress,
    savepoints: Option<&Savepoints>,
    stop: &mut Stop,
) -> Result<(), Fault> {
    let mut guard = JumpGuard::default();
    loop {
        if let Some(jump) = guard.doubt(clock) {
            let why = format!(
                "the clock was set {} by {} minutes: nothing fires until it is set right or synchronised, somebody says on this machine that it is right (rondo audit clock --today YYYY-MM-DD), or the scheduler is started anew",
                if jump.is_positive() { "forward" } else { "back" },
                jump.as_mins().abs()
            );
            progress.alarm(ROLE, AlarmCode::ClockSet, Some(&format!("The scheduler waits: {why}.")));
            progress.turned(ROLE);
            tokio::select! {
                () = tokio::time::sleep(AFTER_JUMP) => continue,
                () = stop.wait() => return Ok(()),
            }
        }
        progress.alarm(ROLE, AlarmCode::ClockSet, None);
        let turn = scheduler.turn(clock.now()).await;
        let Some(idle) = taken_up_anew(turn, stop).await?.flatten() else {
            progress.turned(ROLE);
            if stop.is_asked() {
                return Ok(());
            }
            continue;
        };
        let unchanged = match scheduler.unchanged() {
            0 => None,
            count => Some(format!(
                "{count} commands of the scheduler were answered as ones of before, and changed nothing. They are tried again; look into the scheduler's log, and start it anew if this stays."
            )),
        };
        progress.alarm(ROLE, AlarmCode::NoProgress, unchanged.as_deref());
        let troubles = scheduler.definitions.troubles(&scheduler.knowledge);
        let troubles = (!troubles.is_empty()).then(|| troubles.join(" "));
        progress.alarm(ROLE, AlarmCode::RoundUnreadable, troubles.as_deref());
        progress.idle(ROLE, idle);
        if let Some(savepoints) = savepoints {
            scheduler.keep_savepoint(savepoints, When::until(clock.now(), idle.next)).await;
        }
        tokio::select! {
            nudged = scheduler.subscription.nudged() => nudged?,
            () = sleep(clock, idle.next) => {}
            () = stop.wait() => return Ok(()),
        }
    }
}

async fn sleep(clock: &dyn Clock, until: Option<Timestamp>) {
    match until {
        Some(until) => clock.sleep_until(until).await,
        None => std::future::pending().await,
    }
}

/// Sends commands in order. A refusal is remembered, so that the same is not tried again before something has changed; and so
/// are commands that were all answered and recorded nothing beyond the `seen` records on which they were decided.
async fn send(
    ledger: &dyn Ledger,
    knowledge: &mut Knowledge,
    commands: Vec<rondo_domain::Command>,
    seen: u64,
) -> Result<(), Fault> {
    let (mut skipping, mut moved, mut idle) = (false, false, Vec::new());
    for (index, command) in commands.iter().enumerate() {
        if skipping {
            skipping = !ends(command);
            continue;
        }
        match ledger.submit(command.clone()).await {
            Ok(accepted) => {
                // What an outcome asks for may have been recorded long ago, and is then only made sure.
                let made_sure = knowledge.taken(command.id);
                moved |= accepted.is_progress(seen);
                if accepted.is_progress(seen) {
                    tell(command);
                }
                if !accepted.is_progress(seen) && !made_sure {
                    idle.push(command);
                }
            }
            // Its cause has had its effect, as it was known then; what comes behind it goes on, as after an answer of before.
            Err(error) if error.is_used_otherwise() => {
                tracing::warn!(command = %command.id, "a command was recorded before with another content: {error}");
                if !knowledge.taken(command.id) {
                    idle.push(command);
                }
            }
            Err(SubmitError::Rejected(rejection)) => {
                if passes(command) {
                    moved = true;
                    tracing::info!(code = rejection.code(), "a command is tried again: {rejection}");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                } else {
                    tracing::warn!(code = rejection.code(), "a command was refused: {rejection}");
                    knowledge.refused(command, rejection.to_string());
                }
                // The rest of the same occurrence is reckoned again; others go on.
                skipping = !ends(command) && commands[index..].iter().any(ends);
            }
            Err(SubmitError::Fault(fault)) => return Err(fault),
        }
    }
    if !moved {
        for command in idle {
            tracing::error!(command = %command.id, "a command was answered as one of before, and changed nothing");
            knowledge.refused(command, UNCHANGED.to_owned());
        }
    }
    Ok(())
}

/// Tells what a round does.
fn tell(command: &rondo_domain::Command) {
    let Wish::Run { round, country, command } = &command.wish else { return };
    let (step, what) = match command {
        RunCommand::Fire { occurrence } => (&occurrence.step, "a step fired"),
        RunCommand::OpenTask { occurrence, .. } => (&occurrence.step, "a task was opened"),
        RunCommand::Complete { occurrence, .. } => (&occurrence.step, "a step is done"),
        _ => return,
    };
    let country = country.as_ref().map_or("", |country| country.as_str());
    tracing::info!(%round, country, %step, "{what}");
}

/// Whether a refusal of this command passes by itself, so that the same is tried again: the ledger's clock may be a little
/// behind, and a file may be being checked at the hour of a release.
fn passes(command: &rondo_domain::Command) -> bool {
    matches!(
        command.wish,
        Wish::Run { command: RunCommand::Fire { .. }, .. }
            | Wish::Release { command: ReleaseCommand::Begin { .. }, .. }
    )
}

/// Whether the commands of an occurrence end with this one.
fn ends(command: &rondo_domain::Command) -> bool {
    matches!(command.wish, Wish::Run { command: RunCommand::Complete { .. } | RunCommand::OpenTask { .. }, .. })
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use rondo_domain::calendar::{Moment, Reckoning};
    use rondo_domain::run::Occurrence;
    use rondo_domain::{Command, RoundId};
    use rondo_runtime::clock::PacedClock;
    use rondo_runtime::memory::MemoryLedger;

    use super::*;

    fn of_run(cause: &str, command: RunCommand) -> Command {
        let round: RoundId = "ilms-asean-2025".parse().unwrap();
        Command::of_service(ROLE, &[cause], Wish::Run { round, country: None, command }).unwrap()
    }

    fn on(day: i8) -> Moment {
        let local = date(2025, 10, day).at(9, 0, 0, 0);
        let reckoning =
            Reckoning { zone: "UTC".to_owned(), calendar: String::new(), moved: Vec::new(), rule: String::new() };
        Moment::new(local.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp(), local, reckoning)
    }

    #[tokio::test]
    async fn a_step_that_was_moved_while_it_was_to_fire_fires_at_its_new_time_and_holds_up_no_other() {
        let clock = PacedClock::new(on(10).at);
        let ledger = MemoryLedger::new(Arc::new(clock.clone()));
        let step = |id: &str| Occurrence { step: id.parse().unwrap(), of: "deadline".into() };
        let (moved, other) = (step("remind-before-1"), step("remind-before-2"));
        for (cause, occurrence, due) in
            [("one", &moved, on(10)), ("two", &other, on(10)), ("a day off was proclaimed", &moved, on(13))]
        {
            let plan = RunCommand::Plan { occurrence: occurrence.clone(), due };
            ledger.submit(of_run(cause, plan)).await.unwrap();
        }
        // Decided before it was known that the one has moved.
        let fire = |occurrence: &Occurrence| {
            of_run(&format!("fire {}", occurrence.step), RunCommand::Fire { occurrence: occurrence.clone() })
        };
        let mut knowledge = Knowledge::default();
        send(&ledger, &mut knowledge, vec![fire(&moved), fire(&other)], 2).await.unwrap();
        assert_eq!(fired(&ledger).await, ["remind-before-2"]);
        assert_eq!(knowledge.refusal(fire(&moved).id), None, "it is tried again");
        clock.advance(on(13).at);
        send(&ledger, &mut knowledge, vec![fire(&moved)], 4).await.unwrap();
        assert_eq!(fired(&ledger).await, ["remind-before-2", "remind-before-1"]);
    }

    async fn fired(ledger: &MemoryLedger) -> Vec<String> {
        use rondo_domain::Event;
        use rondo_domain::run::RunEvent;
        let records = rondo_eventlog::ledger::read_all(ledger, "run/").await.unwrap();
        let fired = records.iter().filter_map(|record| match &record.event {
            Event::Run(RunEvent::StepFired { occurrence, .. }) => Some(occurrence.step.to_string()),
            _ => None,
        });
        fired.collect()
    }
}
