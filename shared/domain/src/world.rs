//! The states of many streams, folded from their events: what a reader of the log knows.

use std::collections::BTreeMap;

use crate::event::{Aggregate, Event, Stamp};
use crate::network::Network;
use crate::notice::Notice;
use crate::participation::Participation;
use crate::release::Release;
use crate::round::Round;
use crate::run::Run;
use crate::stream::StreamKind;
use crate::{Country, NoticeId, ReleaseId, RoundId, StreamId};

/// The states of the streams of some kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct World {
    kinds: Vec<StreamKind>,
    streams: BTreeMap<StreamId, Stream>,
    network: Network,
}

/// A stream as far as its events were taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stream {
    version: u64,
    state: Aggregate,
}

impl World {
    /// Everything but figures, whose streams are many and large.
    pub const WITHOUT_FIGURES: [StreamKind; 6] = [
        StreamKind::Network,
        StreamKind::Round,
        StreamKind::Participation,
        StreamKind::Notice,
        StreamKind::Release,
        StreamKind::Run,
    ];

    /// A world that takes in streams of these kinds.
    pub fn of(kinds: &[StreamKind]) -> Self {
        Self { kinds: kinds.to_vec(), streams: BTreeMap::new(), network: Network::default() }
    }

    /// Takes in an event of a stream.
    pub fn apply(&mut self, stream: &StreamId, event: &Event, stamp: &Stamp<'_>) {
        let kind = stream.kind();
        if !self.kinds.contains(&kind) {
            return;
        }
        if let Event::Network(event) = event {
            return self.network.evolve(event, stamp);
        }
        let begun = || Stream { version: 0, state: Aggregate::new(kind) };
        let stream = self.streams.entry(stream.clone()).or_insert_with(begun);
        stream.version += 1;
        stream.state.evolve(event, stamp);
    }

    /// How many events of a stream were taken in, which is the version of its next one; 0 of the network's. A service puts it
    /// into the ids of its commands, so that a wish that comes again after others is a wish of its own.
    pub fn version(&self, stream: &StreamId) -> u64 {
        self.streams.get(stream).map_or(0, |stream| stream.version)
    }

    /// A world of these kinds as it was when it was taken apart: see [`Self::network`] and [`Self::states`].
    pub fn restored(kinds: &[StreamKind], network: Network) -> Self {
        Self { network, ..Self::of(kinds) }
    }

    /// Puts a stream's state back, as it was after so many events.
    pub fn restore(&mut self, stream: StreamId, version: u64, state: Aggregate) {
        self.streams.insert(stream, Stream { version, state });
    }

    /// The version and state of every stream but the network's, in the order of their names.
    pub fn states(&self) -> impl Iterator<Item = (&StreamId, u64, &Aggregate)> {
        self.streams.iter().map(|(id, stream)| (id, stream.version, &stream.state))
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The streams whose name begins so, in the order of their names.
    fn below(&self, prefix: &str) -> Vec<(&StreamId, &Aggregate)> {
        let Ok(start) = prefix.parse::<StreamId>() else { return Vec::new() };
        let from = self.streams.range(start..).map(|(id, stream)| (id, &stream.state));
        from.take_while(|(id, _)| id.as_str().starts_with(prefix)).collect()
    }

    fn state(&self, stream: &StreamId) -> Option<&Aggregate> {
        self.streams.get(stream).map(|stream| &stream.state)
    }

    /// A round.
    pub fn round(&self, round: &RoundId) -> Option<&Round> {
        match self.state(&StreamId::round(round)) {
            Some(Aggregate::Round(state)) => Some(state),
            _ => None,
        }
    }

    /// Every round.
    pub fn rounds(&self) -> Vec<(RoundId, &Round)> {
        self.below("round/")
            .into_iter()
            .filter_map(|(id, state)| match state {
                Aggregate::Round(round) => Some((id.round_id()?, round)),
                _ => None,
            })
            .collect()
    }

    /// A participation.
    pub fn participation(&self, round: &RoundId, country: &Country) -> Option<&Participation> {
        match self.state(&StreamId::participation(round, country)) {
            Some(Aggregate::Participation(state)) => Some(state),
            _ => None,
        }
    }

    /// A notice.
    pub fn notice(&self, round: &RoundId, notice: &NoticeId) -> Option<&Notice> {
        match self.state(&StreamId::notice(round, notice)) {
            Some(Aggregate::Notice(state)) => Some(state),
            _ => None,
        }
    }

    /// The notices of a round, by id.
    pub fn notices(&self, round: &RoundId) -> Vec<(NoticeId, &Notice)> {
        let prefix = format!("notice/{round}/");
        self.below(&prefix)
            .into_iter()
            .filter_map(|(id, state)| match state {
                Aggregate::Notice(notice) => Some((id.part(1)?.parse().ok()?, notice.as_ref())),
                _ => None,
            })
            .collect()
    }

    /// A release.
    pub fn release(&self, release: &ReleaseId) -> Option<&Release> {
        match self.state(&StreamId::release(release)) {
            Some(Aggregate::Release(state)) => Some(state),
            _ => None,
        }
    }

    /// Every release.
    pub fn releases(&self) -> Vec<(ReleaseId, &Release)> {
        self.below("release/")
            .into_iter()
            .filter_map(|(id, state)| match state {
                Aggregate::Release(release) => Some((id.part(0)?.parse().ok()?, release)),
                _ => None,
            })
            .collect()
    }

    /// A run.
    pub fn run(&self, round: &RoundId, country: Option<&Country>) -> Option<&Run> {
        match self.state(&StreamId::run(round, country)) {
            Some(Aggregate::Run(state)) => Some(state),
            _ => None,
        }
    }

    /// Every run: its round and country.
    pub fn runs(&self) -> Vec<(RoundId, Option<Country>, &Run)> {
        self.below("run/")
            .into_iter()
            .filter_map(|(id, state)| match state {
                Aggregate::Run(run) => Some((id.round_id()?, id.country(), run)),
                _ => None,
            })
            .collect()
    }
}
