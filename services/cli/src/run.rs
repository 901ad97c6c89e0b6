//! Roles: how each service is joined with its parts.

use std::sync::Arc;

use rondo_eventlog::Ledger;
use rondo_runtime::clock::Clock;
use rondo_runtime::config::Config;
use rondo_runtime::lifecycle::Lifecycle;
use rondo_runtime::progress::Progress;

use crate::failure::Failure;

/// Starts one of the four roles that act on the log.
pub(crate) fn start_role(
    lifecycle: &mut Lifecycle,
    role: &str,
    config: &Config,
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    progress: Arc<dyn Progress>,
) -> Result<(), Failure> {
    let stop = lifecycle.stop();
    match role {
        rondo_scheduler::ROLE => lifecycle.spawn(rondo_scheduler::ROLE, rondo_scheduler::run(ledger, clock, progress, stop)),
        rondo_reminder::ROLE => {
            let transport = rondo_reminder::transport::from_config(config)?;
            let people = config.in_data(&config.mail.people);
            let parts = rondo_reminder::Parts { ledger, clock, progress, transport, mail: config.mail.clone(), people };
            lifecycle.spawn(rondo_reminder::ROLE, rondo_reminder::run(parts, stop));
        }
        rondo_validator::ROLE => lifecycle.spawn(rondo_validator::ROLE, rondo_validator::run(ledger, progress, stop)),
        rondo_publisher::ROLE => {
            let folder = config.in_data(&config.publish.folder);
            std::fs::create_dir_all(&folder)
                .map_err(|e| Failure::failed(format!("cannot create {}: {e}", folder.display())))?;
            lifecycle.spawn(rondo_publisher::ROLE, rondo_publisher::run(ledger, folder, progress, stop));
        }
        other => return Err(Failure::usage(format!("there is no role `{other}`"))),
    }
    Ok(())
}

/// Runs roles over NATS.
pub(crate) async fn run(_config: Config, _args: &crate::args::RunArgs) -> Result<(), Failure> {
    Err(Failure::usage("pending"))
}

/// Conducts the demonstration over NATS.
pub(crate) async fn conduct(_config: Config, _args: &crate::args::ConductArgs) -> Result<(), Failure> {
    Err(Failure::usage("pending"))
}
