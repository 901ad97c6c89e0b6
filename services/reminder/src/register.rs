//! The register of people beside the log: who holds a role and is not in it gets no mail.

use jiff::Timestamp;
use rondo_domain::network::{Grant, Network};
use rondo_runtime::people::People;

/// Says which holders of roles the register does not have, as it is read at a start.
pub(crate) fn compare(network: &Network, people: &People, now: Timestamp) {
    let holds = |grants: &[Grant]| grants.iter().any(|grant| grant.holds_at(now));
    for (person, _) in network.grants.iter().filter(|(_, grants)| holds(grants)) {
        if !people.person.contains_key(person) {
            tracing::warn!(%person, "holds a role and is not in the register of people: no mail reaches them");
        }
    }
}
