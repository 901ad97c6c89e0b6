//! Where the register of people is: beside the reminder, whose directory is the log's own or, with six services, another one.

use std::path::PathBuf;

use rondo_runtime::config::{Config, MailSection};
use rondo_runtime::people::People;

use crate::failure::Failure;
use crate::lead::LED_ON;

/// The register's file, where the reminder of this configuration reads it; nothing where the reminder has another directory.
///
/// It is here where there is one (a reminder over a broker makes one at its start), where a page names it, and beside a log whose
/// ledger never worked over a broker: there one process is every role.
pub(crate) fn here(config: &Config) -> Option<PathBuf> {
    let (data, path) = (&config.ledger.data, config.in_data(&config.mail.people));
    let alone = || data.join("log.json").exists() && !data.join(LED_ON).exists();
    let named = config.mail.people != MailSection::default().people;
    (named || path.exists() || alone()).then_some(path)
}

/// The same, for what is done with the register and the mails beside it and with nothing else.
///
/// # Errors
/// When they are elsewhere.
pub(crate) fn needed(config: &Config) -> Result<PathBuf, Failure> {
    here(config).ok_or_else(|| {
        Failure::not_found(format!(
            "the register of people and the mails are not in {}: they are beside the reminder, with six services in /var/lib/rondo-reminder. Name that directory with --data, as its user; nothing was changed or recorded",
            config.ledger.data.display()
        ))
    })
}

/// Makes an empty register where a reminder starts that has none, so that it is seen where it belongs.
pub(crate) fn begin(config: &Config) {
    let path = config.in_data(&config.mail.people);
    if path.exists() {
        return;
    }
    let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    let made = folder.map_err(|e| e.to_string());
    let made =
        made.and_then(|()| People::default().write(&path).map_err(|e| rondo_runtime::lifecycle::with_sources(&e)));
    // One that is kept where nothing may be written is written by whoever keeps it.
    if let Err(why) = made {
        tracing::warn!("there is no register of people, and none could be made: {why}");
    }
}
