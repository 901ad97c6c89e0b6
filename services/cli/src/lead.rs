//! The ledger over NATS: it first has the log to itself, and then writes, signs and answers.

use std::path::Path;
use std::sync::Arc;

use rondo_bus::{Candidate, LeadError, Leadership};
use rondo_ledger::Opened;
use rondo_runtime::durable;

use crate::failure::Failure;

/// Where a data directory remembers on which run of the broker its ledger had the log last: nobody else had it there then, so
/// that it does not have to wait for one that may have been cut off.
const LED_ON: &str = "led-on";

/// Claims the log of an open ledger, and returns once it has it.
pub(crate) async fn claim(client: rondo_bus::Client, opened: &Opened, data: &Path) -> Result<Leadership, Failure> {
    let memory = data.join(LED_ON);
    let led_on = std::fs::read_to_string(&memory).ok().map(|text| text.trim().to_owned());
    let by = Candidate { instance: crate::up::token()?, origin: opened.origin().to_owned(), led_on };
    let leadership = rondo_bus::claim(client, Arc::new(opened.handle.clone()), by).await.map_err(|e| match e {
        LeadError::Another(_) | LeadError::Silent => Failure::try_later(e.to_string()),
        LeadError::Bus(_) | LeadError::Gone => Failure::of(&e),
    })?;
    durable::replace(&memory, leadership.broker().as_bytes()).map_err(|e| Failure::of(&e))?;
    opened.handle.commits_at(Arc::new(leadership.clone()));
    Ok(leadership)
}
