//! The publisher reads every event of rounds and releases, and the figures of a release whose time has come.
//! It sends one command: that the release is out, with the hash of its manifest.
//! It knows the backlog: releases that were begun and are not out yet.
//! It must never write what was not confirmed, nor before the release was approved, cleared and due.

mod folder;
mod snapshot;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use rondo_domain::event::Event;
use rondo_domain::release::{ReleaseCommand, ReleaseEvent, ReleaseState};
use rondo_domain::stream::StreamKind;
use rondo_domain::world::World;
use rondo_domain::{Command, FileHash, ReleaseId, StreamId, Wish};
use rondo_eventlog::{Fault, Ledger, Record, SubmitError};
use rondo_runtime::alarm::AlarmCode;
use rondo_runtime::lifecycle::Stop;
use rondo_runtime::progress::{Idle, Progress};
use rondo_runtime::subscription::Subscription;

/// The name under which the publisher acts.
pub const ROLE: &str = rondo_domain::Service::Publisher.name();

/// A publisher at its place in the log.
pub struct Publisher {
    ledger: Arc<dyn Ledger>,
    folder: PathBuf,
    world: World,
    subscription: Subscription,
    /// Releases of which nothing could be recorded: publishing them again would record nothing again.
    stuck: BTreeSet<ReleaseId>,
}

impl Publisher {
    /// One that has read nothing yet, and writes into this folder.
    pub fn new(ledger: Arc<dyn Ledger>, folder: PathBuf) -> Self {
        let world = World::of(&[StreamKind::Round, StreamKind::Release]);
        let subscription = Subscription::new(Arc::clone(&ledger));
        Self { subscription, ledger, folder, world, stuck: BTreeSet::new() }
    }

    /// Reads on, and publishes what was begun. When nothing was, says how far it has come.
    ///
    /// # Errors
    /// A fault that does not pass.
    pub async fn turn(&mut self) -> Result<Option<Idle>, Fault> {
        let Self { ledger, folder, world, subscription, stuck } = self;
        let take = |record: &Record| {
            world.apply(&record.stream, &record.event, &record.stamp());
            // Whatever has changed about rounds and releases may help.
            if matches!(record.stream.kind(), StreamKind::Round | StreamKind::Release) {
                stuck.clear();
            }
        };
        subscription.catch_up(take).await?;
        let begun: Vec<ReleaseId> = backlog(world).into_iter().filter(|release| !stuck.contains(release)).collect();
        for release in &begun {
            if !publish(&**ledger, world, release, folder, subscription.position()).await? {
                tracing::error!(%release, "nothing could be recorded of its publishing");
                stuck.insert(release.clone());
            }
        }
        Ok(begun.is_empty().then(|| Idle { position: subscription.position(), next: None }))
    }
}

/// Publishes releases into a folder until asked to stop.
///
/// # Errors
/// A fault that does not pass.
pub async fn run(
    ledger: Arc<dyn Ledger>,
    folder: PathBuf,
    progress: Arc<dyn Progress>,
    mut stop: Stop,
) -> Result<(), Fault> {
    let mut publisher = Publisher::new(ledger, folder);
    loop {
        let Some(idle) = publisher.turn().await? else {
            progress.turned(ROLE);
            if stop.is_asked() {
                return Ok(());
            }
            continue;
        };
        let stuck = publisher
            .stuck
            .first()
            .map(|release| format!("Nothing can be recorded of the publishing of {release}; the log says why."));
        progress.alarm(ROLE, AlarmCode::NoProgress, stuck.as_deref());
        progress.idle(ROLE, idle);
        tokio::select! {
            nudged = publisher.subscription.nudged() => nudged?,
            () = stop.wait() => return Ok(()),
        }
    }
}

fn backlog(world: &World) -> BTreeSet<ReleaseId> {
    world.releases().into_iter().filter(|(_, release)| release.state == ReleaseState::Begun).map(|(id, _)| id).collect()
}

/// Publishes a release, and says whether something was recorded that was not known when `seen` records were.
async fn publish(
    ledger: &dyn Ledger,
    world: &World,
    id: &ReleaseId,
    folder: &std::path::Path,
    seen: u64,
) -> Result<bool, Fault> {
    let Some(snapshot) = snapshot::take(ledger, world, id).await? else { return Ok(false) };
    let figures = snapshot.rows.len();
    let (path, release) = (folder.join(id.as_str()), id.clone());
    let manifest = tokio::task::spawn_blocking(move || folder::write(&path, &release, &snapshot))
        .await
        .map_err(|e| Fault::storage("writing a release", e))??;
    let wish = Wish::Release {
        release: id.clone(),
        command: ReleaseCommand::Complete { manifest: manifest.clone(), figures },
    };
    let command = Command::of_service(ROLE, &["complete"], wish).map_err(|e| Fault::Protocol(e.to_string()))?;
    match ledger.submit(command).await {
        Ok(accepted) => {
            tracing::info!(release = %id, "a release was published");
            Ok(accepted.is_progress(seen))
        }
        // One that was under way when we began was recorded since, and its folder was not found whole.
        Err(error) if error.is_used_otherwise() => is_what_lies_there(ledger, id, &manifest).await,
        Err(SubmitError::Rejected(rejection)) => {
            Err(Fault::Protocol(format!("the release {id} could not be completed: {rejection}")))
        }
        Err(SubmitError::Fault(fault)) => Err(fault),
    }
}

/// Whether the log holds this manifest of a release, which its folder has.
///
/// # Errors
/// When it holds another one: what was published is not what lies there, and a person has to know.
async fn is_what_lies_there(ledger: &dyn Ledger, id: &ReleaseId, lies: &FileHash) -> Result<bool, Fault> {
    let stream = StreamId::release(id);
    let records = rondo_eventlog::ledger::read_all(ledger, stream.as_str()).await?;
    let told = records.iter().rev().find_map(|record| match &record.event {
        Event::Release(ReleaseEvent::ReleasePublished { manifest, .. }) if record.stream == stream => Some(manifest),
        _ => None,
    });
    match told {
        Some(told) if told != lies => Err(Fault::Corrupt(format!(
            "the log says of the release {id} that its manifest is {told}, and the one in its folder is {lies}: put that folder back from a copy whose manifest has the hash that the log names"
        ))),
        told => Ok(told.is_some()),
    }
}
