//! The network of people as the journal of a data directory has it, for whoever compares it with what lies beside the log.

use std::ops::ControlFlow;
use std::path::Path;

use rondo_domain::event::Event;
use rondo_domain::network::Network;
use rondo_eventlog::codec;

use crate::directory::OpenError;
use crate::journal::{AtDamage, Span, fold};

/// Folds the network from every record that can be read. Damage is told by the reading of the journal itself.
///
/// # Errors
/// When the journal cannot be opened.
pub fn network(data: &Path) -> Result<Network, OpenError> {
    let mut network = Network::default();
    fold::<OpenError>(&data.join("journal"), Span::whole(AtDamage::Ends), |record| {
        if let Ok(record) = codec::decode(record.bytes)
            && let Event::Network(event) = &record.event
        {
            network.evolve(event, &record.stamp());
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(network)
}
