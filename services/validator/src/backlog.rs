//! The backlog: submissions to be checked, folded from events.

use std::collections::{BTreeMap, BTreeSet};

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
    /// By the position of their arrival: who came first is checked first.
    waiting: BTreeMap<u64, Work>,
    /// Those of whose check nothing was recorded: checking them again would record nothing again.
    stuck: BTreeSet<u64>,
}

impl Default for Backlog {
    fn default() -> Self {
        Self {
            world: World::of(&[StreamKind::Round, StreamKind::Participation]),
            waiting: BTreeMap::new(),
            stuck: BTreeSet::new(),
        }
    }
}

impl Backlog {
    /// Takes in a record.
    pub(crate) fn take(&mut self, record: &Record) {
        self.world.apply(&record.stream, &record.event, &record.stamp());
        let Some(round) = record.stream.round_id() else { return };
        let country = record.stream.country();
        // Whatever has changed about the country, or about its round, may help.
        let about = |work: &Work| work.0 == round && country.as_ref().is_none_or(|country| work.1 == *country);
        self.stuck.retain(|arrived| self.waiting.get(arrived).is_some_and(|work| !about(work)));
        let Some(country) = country else { return };
        match &record.event {
            Event::Participation(ParticipationEvent::CheckRequested { submission }) => {
                if let Some(arrived) = self.arrival(&round, &country, submission) {
                    self.waiting.insert(arrived, (round, country, submission.clone()));
                }
            }
            Event::Participation(
                ParticipationEvent::SubmissionChecked { submission, .. }
                | ParticipationEvent::SubmissionRejected { submission, .. },
            ) => {
                if let Some(arrived) = self.arrival(&round, &country, submission) {
                    self.waiting.remove(&arrived);
                }
            }
            _ => {}
        }
    }

    fn arrival(&self, round: &RoundId, country: &Country, submission: &SubmissionId) -> Option<u64> {
        self.world.participation(round, country)?.submissions.get(submission).map(|received| received.position)
    }

    /// The next submission to be checked.
    pub(crate) fn next(&self) -> Option<Work> {
        self.waiting.iter().find(|(arrived, _)| !self.stuck.contains(arrived)).map(|(_, work)| work.clone())
    }

    /// Leaves a submission alone until something changes about its country.
    pub(crate) fn leave_alone(&mut self, work: &Work) {
        self.stuck.extend(self.arrival(&work.0, &work.1, &work.2));
    }

    /// How many submissions are left alone.
    pub(crate) fn left_alone(&self) -> usize {
        self.stuck.len()
    }
}
