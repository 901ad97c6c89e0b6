//! What happens next in a round: the steps that would be carried out as things stand, each with its reason.

use rondo_domain::RoundId;
use rondo_domain::coming::{Coming, coming};
use rondo_domain::world::World;

use super::words;
use crate::projection::Texts;

/// How many coming steps are shown.
const SHOWN: usize = 10;

/// A coming step.
pub(super) struct NextStep {
    pub(super) when: String,
    pub(super) country: String,
    pub(super) step: String,
    pub(super) why: String,
}

/// The next steps, and how many more are planned.
pub(super) fn steps(world: &World, id: &RoundId, texts: &Texts) -> (Vec<NextStep>, usize) {
    let coming = coming(world, id, texts.definition.as_ref());
    let more = coming.len().saturating_sub(SHOWN);
    (coming.iter().take(SHOWN).map(|next| step(next, texts)).collect(), more)
}

/// A coming step in words.
pub(super) fn step(next: &Coming, texts: &Texts) -> NextStep {
    NextStep {
        when: words::moment(&next.due),
        country: next.country.as_ref().map(|country| words::country(texts, country)).unwrap_or_default(),
        step: next.occurrence.step.to_string(),
        why: next.explained(),
    }
}
