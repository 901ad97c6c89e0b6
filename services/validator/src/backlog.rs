//! The backlog: submissions to be checked, folded from events.

use std::collections::BTreeSet;

use rondo_domain::event::Event;
use rondo_domain::participation::ParticipationEvent;
use rondo_domain::stream::StreamKind;
use rondo_domain::world::World;
use rondo_domain::{Country, RoundId, SubmissionId};
use rondo_eventlog::Record;

/// A submission to be checked.
pub(crate) type Work = (RoundId, Country, SubmissionId);

#[derive(Debug)]
pub(crate) struct Backlog {
    pub(crate) world: World,
    waiting: BTreeSet<Work>,
}

impl Default for Backlog {
    fn default() -> Self {
        Self { world: World::of(&[StreamKind::Round, StreamKind::Participation]), waiting: BTreeSet::new() }
    }
}

impl Backlog {
    /// Takes in a record.
    pub(crate) fn take(&mut self, record: &Record) {
        self.world.apply(&record.stream, &record.event, &record.stamp());
        let (Some(round), Some(country)) = (record.stream.round_id(), record.stream.country()) else { return };
        match &record.event {
            Event::Participation(ParticipationEvent::CheckRequested { submission }) => {
                self.waiting.insert((round, country, submission.clone()));
            }
            Event::Participation(
                ParticipationEvent::SubmissionChecked { submission, .. }
                | ParticipationEvent::SubmissionRejected { submission },
            ) => {
                self.waiting.remove(&(round, country, submission.clone()));
            }
            _ => {}
        }
    }

    /// The next submission to be checked.
    pub(crate) fn next(&self) -> Option<Work> {
        self.waiting.first().cloned()
    }
}
