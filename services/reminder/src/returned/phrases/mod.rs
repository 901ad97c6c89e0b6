//! By which words mail servers say what stood in a mail's way: facts about them, by what they are about.

mod addresses;
mod limits;
mod refusals;
mod troubles;

use rondo_domain::notice::Obstacle;

/// What each obstacle is told by; what stands first is asked first.
pub(super) const TOLD_BY: [(Obstacle, &[&str]); 9] = [
    (Obstacle::Rate, limits::RATE),
    (Obstacle::Full, limits::FULL),
    (Obstacle::Size, limits::SIZE),
    (Obstacle::Spam, refusals::SPAM),
    (Obstacle::Content, refusals::CONTENT),
    (Obstacle::Policy, refusals::POLICY),
    (Obstacle::Address, addresses::ADDRESS),
    (Obstacle::Server, troubles::SERVER),
    (Obstacle::Time, troubles::TIME),
];
