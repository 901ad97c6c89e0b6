//! `rondo release`.

use jiff::Timestamp;
use rondo_domain::event::Event;
use rondo_domain::release::{Release, ReleaseCommand, ReleaseEvent};
use rondo_domain::world::World;
use rondo_domain::{ReleaseId, RoundId, StreamId, Wish};
use rondo_eventlog::ledger;
use serde_json::{Value, json};

use super::audit;
use crate::args::ReleaseVerb;
use crate::desk::Desk;
use crate::failure::Failure;
use crate::output::{Form, Listing, document, said};
use crate::receipts;

pub(crate) async fn run(verb: &ReleaseVerb, desk: &Desk, form: Form) -> Result<(), Failure> {
    match verb {
        ReleaseVerb::List => {
            let world = desk.world(&["release/"]).await?;
            let entries = world.releases().into_iter().map(|(id, release)| entry(&id, release)).collect();
            let columns = &[
                ("/id", "Release"),
                ("/round", "Round"),
                ("/state", "State"),
                ("/figures", "Figures"),
                ("/published_at", "Published"),
                ("/manifest", "Manifest"),
            ];
            Listing { name: "releases", columns, entries, empty: "No release was prepared yet." }.print(form)
        }
        ReleaseVerb::Show { release } => {
            let world = desk.world(&["release/"]).await?;
            let found = known(&world, release)?;
            let mut told = format!("{release}: {}, {} figures\n", found.state.as_str(), found.figures);
            for part in &found.contents {
                let tables: Vec<String> = part.tables.iter().map(ToString::to_string).collect();
                told.push_str(&format!("  {}: tables {}\n", part.country, tables.join(", ")));
            }
            document(form, entry(release, found), &told)
        }
        ReleaseVerb::Prepare { release } => prepare(desk, release, form).await,
        ReleaseVerb::Approve { release } => act(desk, release, ReleaseCommand::Approve, "approved", form).await,
        ReleaseVerb::Receipt { release, out } => {
            let mut paths = Vec::new();
            let stream = StreamId::release(release);
            for record in ledger::read_all(&*desk.ledger, stream.as_str()).await? {
                let act = match &record.event {
                    Event::Release(ReleaseEvent::ReleaseApproved {}) => "approved",
                    Event::Release(ReleaseEvent::ReleaseCleared {}) => "cleared",
                    Event::Release(ReleaseEvent::ReleasePublished { .. }) => "published",
                    _ => continue,
                };
                if record.stream == stream {
                    let (receipt, record) = receipts::receipt(&*desk.ledger, record.position).await?;
                    let name = format!("{release}.{act}-{}", record.position);
                    paths.push(receipts::write(out, &name, &receipt, &record)?);
                }
            }
            if paths.is_empty() {
                let sentence = format!("nothing was approved, cleared or published of a release `{release}`");
                return Err(Failure::not_found(sentence));
            }
            audit::written(&paths, form)
        }
        ReleaseVerb::Clear { release } => {
            act(desk, release, ReleaseCommand::Clear, "cleared for publication", form).await
        }
        ReleaseVerb::Publish { release } => publish(desk, release, form).await,
    }
}

fn known<'w>(world: &'w World, release: &ReleaseId) -> Result<&'w Release, Failure> {
    let missing = || Failure::not_found(format!("there is no release `{release}`; see `rondo release list`"));
    world.release(release).ok_or_else(missing)
}

async fn prepare(desk: &Desk, release: &ReleaseId, form: Form) -> Result<(), Failure> {
    let world = desk.world(&["release/", "round/"]).await?;
    let found = world.release(release).and_then(|found| Some((found.round.clone()?, found.not_before?)));
    let (round, not_before) = found.or_else(|| first(&world, release)).ok_or_else(|| {
        Failure::not_found(format!("there is neither a release `{release}` nor a round of which it could be the first"))
    })?;
    let countries = world.round(&round).into_iter().flat_map(|round| round.participants.keys().cloned()).collect();
    act(desk, release, ReleaseCommand::Prepare { round, countries, not_before }, "put together", form).await
}

/// The round of which a release can be put together for the first time, and when it may go out.
fn first(world: &World, release: &ReleaseId) -> Option<(RoundId, Timestamp)> {
    let id: RoundId = release.as_str().strip_suffix(".1")?.parse().ok()?;
    let (_, moment) = world.round(&id)?.milestones.iter().find(|(milestone, _)| milestone.as_str() == "release")?;
    Some((id, moment.at))
}

async fn publish(desk: &Desk, release: &ReleaseId, form: Form) -> Result<(), Failure> {
    let world = desk.world(&["release/"]).await?;
    let found = known(&world, release)?;
    let Some(round) = found.round.clone() else {
        return Err(Failure::not_found(format!("the release {release} was never put together")));
    };
    let countries = found.contents.iter().map(|tables| tables.country.clone()).collect();
    act(desk, release, ReleaseCommand::Begin { round, countries }, "handed to the publisher", form).await
}

async fn act(desk: &Desk, release: &ReleaseId, command: ReleaseCommand, told: &str, form: Form) -> Result<(), Failure> {
    if !matches!(command, ReleaseCommand::Prepare { .. }) {
        known(&desk.world(&["release/"]).await?, release)?;
    }
    desk.submit(&[told], Wish::Release { release: release.clone(), command }).await?;
    said(form, &format!("The release {release} is {told}."))
}

fn entry(id: &ReleaseId, release: &Release) -> Value {
    let contents: Vec<Value> =
        release.contents.iter().map(|part| json!({"country": part.country, "tables": part.tables})).collect();
    json!({
        "id": id, "round": release.round, "state": release.state, "not_before": release.not_before,
        "approved_by": release.approved_by, "cleared_by": release.cleared_by, "published_at": release.published_at,
        "figures": release.figures, "manifest": release.manifest, "log_position": release.prepared_at, "contents": contents,
    })
}
