//! Names of streams: one for each aggregate, and the order in which they sort is the index by which they are found.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::figure::SheetKey;
use crate::text::as_text;
use crate::{Country, InvalidId, NoticeId, ReleaseId, RoundId};

/// The name of a stream, for example `participation/ilms-asean-2025/LAO`; at most 160 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(Arc<str>);

/// What kind of aggregate a stream belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StreamKind {
    /// People's roles and institutions: one stream.
    Network,
    /// A round.
    Round,
    /// A country in a round.
    Participation,
    /// The figures of one sheet.
    Figures,
    /// One notice.
    Notice,
    /// One release.
    Release,
    /// The workflow's run for a round, or for a country of it.
    Run,
}

impl StreamKind {
    const NAMES: [(&'static str, Self); 7] = [
        ("network", Self::Network),
        ("round", Self::Round),
        ("participation", Self::Participation),
        ("figures", Self::Figures),
        ("notice", Self::Notice),
        ("release", Self::Release),
        ("run", Self::Run),
    ];
}

impl StreamId {
    /// The stream of people's roles and institutions.
    pub fn network() -> Self {
        Self(Arc::from("network"))
    }

    /// A round's stream.
    pub fn round(round: &RoundId) -> Self {
        Self(Arc::from(format!("round/{round}")))
    }

    /// A participation's stream.
    pub fn participation(round: &RoundId, country: &Country) -> Self {
        Self(Arc::from(format!("participation/{round}/{country}")))
    }

    /// A sheet's stream of figures.
    pub fn figures(sheet: &SheetKey) -> Self {
        Self(Arc::from(format!("figures/{}/{}/{}/{}", sheet.country, sheet.indicator, sheet.year, sheet.source)))
    }

    /// A notice's stream.
    pub fn notice(round: &RoundId, notice: &NoticeId) -> Self {
        Self(Arc::from(format!("notice/{round}/{notice}")))
    }

    /// A release's stream.
    pub fn release(release: &ReleaseId) -> Self {
        Self(Arc::from(format!("release/{release}")))
    }

    /// The run's stream of a round, or of one country in it.
    pub fn run(round: &RoundId, country: Option<&Country>) -> Self {
        Self(Arc::from(country.map_or_else(|| format!("run/{round}"), |country| format!("run/{round}/{country}"))))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What kind of aggregate it belongs to.
    pub fn kind(&self) -> StreamKind {
        let head = self.0.split('/').next().unwrap_or_default();
        StreamKind::NAMES.iter().find(|(name, _)| *name == head).map_or(StreamKind::Network, |(_, kind)| *kind)
    }

    /// The part after the kind at this index, for example 0 is the round of a participation.
    pub fn part(&self, index: usize) -> Option<&str> {
        self.0.split('/').nth(index + 1)
    }

    /// The round a stream belongs to, for every kind that belongs to one.
    pub fn round_id(&self) -> Option<RoundId> {
        match self.kind() {
            StreamKind::Round | StreamKind::Participation | StreamKind::Notice | StreamKind::Run => {
                self.part(0)?.parse().ok()
            }
            StreamKind::Network | StreamKind::Figures | StreamKind::Release => None,
        }
    }

    /// The country a stream belongs to, for every kind that belongs to one.
    pub fn country(&self) -> Option<Country> {
        match self.kind() {
            StreamKind::Participation | StreamKind::Run => self.part(1)?.parse().ok(),
            StreamKind::Figures => self.part(0)?.parse().ok(),
            _ => None,
        }
    }

    /// The sheet of a stream of figures.
    pub fn sheet(&self) -> Option<SheetKey> {
        if self.kind() != StreamKind::Figures {
            return None;
        }
        Some(SheetKey {
            country: self.part(0)?.parse().ok()?,
            indicator: self.part(1)?.parse().ok()?,
            year: crate::figure::parse_year(self.part(2)?).ok()?,
            source: self.part(3)?.parse().ok()?,
        })
    }
}

/// Streams sort as their names do, so that a range of names is a range of streams.
impl std::borrow::Borrow<str> for StreamId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for StreamId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let head = text.split('/').next().unwrap_or_default();
        let known = StreamKind::NAMES.iter().any(|(name, _)| *name == head);
        let clean = text.bytes().all(|b| b.is_ascii_graphic());
        if known && clean && text.len() <= 160 {
            Ok(Self(Arc::from(text)))
        } else {
            Err(InvalidId {
                kind: "stream",
                text: text.chars().take(80).collect(),
                rule: "a kind, then its parts separated by '/', at most 160 bytes",
            })
        }
    }
}

as_text!(StreamId);

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
