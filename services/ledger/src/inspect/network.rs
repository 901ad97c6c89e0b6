//! The network of people as the journal of a data directory has it, for whoever compares it with what lies beside the log.

use std::path::Path;

use rondo_domain::event::Event;
use rondo_domain::network::Network;
use rondo_eventlog::codec;

use crate::directory::OpenError;
use crate::journal::JournalReader;

/// Folds the network from every record that can be read. Damage is told by the reading of the journal itself.
///
/// # Errors
/// When the journal cannot be opened.
pub fn network(data: &Path) -> Result<Network, OpenError> {
    let mut network = Network::default();
    let Some(mut reader) = JournalReader::open(&data.join("journal"), None, None)? else { return Ok(network) };
    while let Ok(Some(group)) = reader.next_group() {
        for record in group.records.iter().filter_map(|bytes| codec::decode(bytes).ok()) {
            if let Event::Network(event) = &record.event {
                network.evolve(event, &record.stamp());
            }
        }
    }
    Ok(network)
}
