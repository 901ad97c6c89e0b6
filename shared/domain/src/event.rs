//! All events, and the aggregate that each kind of stream folds into.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Actor;
use crate::figure::{Figures, FiguresEvent};
use crate::network::{Network, NetworkEvent};
use crate::notice::{Notice, NoticeEvent};
use crate::participation::{Participation, ParticipationEvent};
use crate::release::{Release, ReleaseEvent};
use crate::round::{Round, RoundEvent};
use crate::run::{Run, RunEvent};
use crate::stream::StreamKind;

/// When, by whom and where in the log something happened.
#[derive(Debug, Clone, Copy)]
pub struct Stamp<'a> {
    /// Recorded time.
    pub at: Timestamp,
    /// The actor.
    pub actor: &'a Actor,
    /// Position in the log, from 0.
    pub position: u64,
}

/// An event of any kind of stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[allow(missing_docs, reason = "each variant is the event of the stream kind of that name")]
pub enum Event {
    Network(NetworkEvent),
    Round(RoundEvent),
    Participation(ParticipationEvent),
    Figures(FiguresEvent),
    Notice(NoticeEvent),
    Release(ReleaseEvent),
    Run(RunEvent),
}

/// The state of one stream. Its JSON is the program's own, as one version of it writes and reads it; that of figures has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "each variant is the state of the stream kind of that name")]
pub enum Aggregate {
    Network(Network),
    Round(Round),
    Participation(Box<Participation>),
    #[serde(skip)]
    Figures(Figures),
    Notice(Box<Notice>),
    Release(Release),
    Run(Run),
}

impl Aggregate {
    /// The state of a stream of this kind before its first event.
    pub fn new(kind: StreamKind) -> Self {
        match kind {
            StreamKind::Network => Self::Network(Network::default()),
            StreamKind::Round => Self::Round(Round::default()),
            StreamKind::Participation => Self::Participation(Box::default()),
            StreamKind::Figures => Self::Figures(Figures::default()),
            StreamKind::Notice => Self::Notice(Box::default()),
            StreamKind::Release => Self::Release(Release::default()),
            StreamKind::Run => Self::Run(Run::default()),
        }
    }

    /// The state after an event. An event of another kind of stream changes nothing.
    pub fn evolve(&mut self, event: &Event, stamp: &Stamp<'_>) {
        match (self, event) {
            (Self::Network(state), Event::Network(event)) => state.evolve(event, stamp),
            (Self::Round(state), Event::Round(event)) => state.evolve(event, stamp.at),
            (Self::Participation(state), Event::Participation(event)) => state.evolve(event, stamp),
            (Self::Figures(state), Event::Figures(event)) => state.evolve(event),
            (Self::Notice(state), Event::Notice(event)) => state.evolve(event, stamp),
            (Self::Release(state), Event::Release(event)) => state.evolve(event, stamp),
            (Self::Run(state), Event::Run(event)) => state.evolve(event, stamp),
            _ => debug_assert!(false, "an event reached a stream of another kind"),
        }
    }
}
