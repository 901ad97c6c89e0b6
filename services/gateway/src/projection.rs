//! The projection: the states that pages show, as far as they were read.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};

use rondo_domain::FileHash;
use rondo_domain::calendar::Calendars;
use rondo_domain::table::Questionnaire;
use rondo_domain::workflow::{Bundle, Definition, read_definition};
use rondo_domain::world::World;
use rondo_eventlog::{Fault, Ledger, files};
use rondo_runtime::lifecycle::{Stop, with_sources};
use rondo_runtime::subscription::Subscription;
use tokio::sync::watch;

/// What a pinned definition says to pages.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    pub(crate) definition: Option<Definition>,
    pub(crate) questionnaire: Questionnaire,
    pub(crate) calendars: Calendars,
}

/// The states that pages show.
#[derive(Clone)]
pub(crate) struct Projection {
    world: Arc<RwLock<World>>,
    position: watch::Sender<u64>,
    texts: Arc<RwLock<BTreeMap<FileHash, Arc<Texts>>>>,
}

impl Projection {
    /// Looks at the states.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.world.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many records were taken in, and a way to wait for more.
    pub(crate) fn position(&self) -> watch::Receiver<u64> {
        self.position.subscribe()
    }

    /// The texts of a pinned definition; empty ones while they are not here.
    pub(crate) fn texts(&self, bundle: Option<&FileHash>) -> Arc<Texts> {
        let texts = self.texts.read().unwrap_or_else(PoisonError::into_inner);
        bundle.and_then(|hash| texts.get(hash)).cloned().unwrap_or_default()
    }

    async fn load_texts(&self, ledger: &dyn Ledger) -> Result<(), Fault> {
        let pins: Vec<FileHash> = self
            .with(|world| world.rounds().iter().filter_map(|(_, r)| Some(r.pin.as_ref()?.bundle.clone())).collect());
        for hash in pins {
            if self.texts.read().unwrap_or_else(PoisonError::into_inner).contains_key(&hash) {
                continue;
            }
            let texts = match texts(ledger, &hash).await {
                Ok(texts) => texts,
                Err(fault) if fault.is_passing() => return Err(fault),
                Err(fault) => {
                    // Its rounds are shown without what it says; other rounds are shown whole.
                    tracing::error!("the workflow {hash} cannot be read: {}", with_sources(&fault));
                    Texts::default()
                }
            };
            self.texts.write().unwrap_or_else(PoisonError::into_inner).insert(hash, Arc::new(texts));
        }
        Ok(())
    }
}

async fn texts(ledger: &dyn Ledger, hash: &FileHash) -> Result<Texts, Fault> {
    let bundle = Bundle::from_bytes(&files::fetch(ledger, hash).await?)
        .map_err(|e| Fault::storage(format!("the workflow {hash}"), e))?;
    let unreadable = |e| Fault::storage(format!("the workflow {hash}"), e);
    Ok(Texts {
        definition: Some(read_definition(&bundle).map_err(unreadable)?),
        questionnaire: rondo_questionnaire::read_questionnaire(&bundle).map_err(unreadable)?,
        calendars: Calendars::pinned(&bundle).map_err(unreadable)?,
    })
}

/// A projection, and the work that keeps it up to date.
pub(crate) fn start(
    ledger: Arc<dyn Ledger>,
    mut stop: Stop,
) -> (Projection, impl Future<Output = Result<(), Fault>> + Send) {
    let projection = Projection {
        world: Arc::new(RwLock::new(World::of(&World::WITHOUT_FIGURES))),
        position: watch::Sender::new(0),
        texts: Arc::default(),
    };
    let kept = projection.clone();
    let follow = async move {
        let mut subscription = Subscription::new(Arc::clone(&ledger));
        loop {
            let caught_up = subscription.catch_up(|record| {
                let mut world = kept.world.write().unwrap_or_else(PoisonError::into_inner);
                world.apply(&record.stream, &record.event, &record.stamp());
            });
            // A long log is not read to its end by a process that is to stop.
            tokio::select! {
                caught_up = caught_up => caught_up?,
                () = stop.wait() => return Ok(()),
            }
            kept.load_texts(&*ledger).await?;
            kept.position.send_replace(subscription.position());
            tokio::select! {
                nudged = subscription.nudged() => nudged?,
                () = stop.wait() => return Ok(()),
            }
        }
    };
    (projection, follow)
}
