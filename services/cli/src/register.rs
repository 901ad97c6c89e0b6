//! Where the register of people is: beside the reminder, whose directory is the log's own or, with six services, another one.

use std::path::PathBuf;

use rondo_runtime::config::{Config, MailSection};
use rondo_runtime::people::People;

use crate::failure::Failure;

/// The register's file, where the reminder of this configuration reads it; nothing where the reminder has another directory.
///
/// It is here where there is one, since whoever starts a reminder makes one (`rondo up`, and the reminder over a broker), and where a
/// page names it. Nothing that may be deleted, moved or restored in the ledger's directory decides that.
pub(crate) fn here(config: &Config) -> Option<PathBuf> {
    let path = config.in_data(&config.mail.people);
    let named = config.mail.people != MailSection::default().people;
    (named || path.exists()).then_some(path)
}

/// The same, for writing a person into it.
///
/// # Errors
/// When it is elsewhere.
pub(crate) fn to_add(config: &Config) -> Result<PathBuf, Failure> {
    let way = "Name that directory with --data, as its user";
    here(config).ok_or_else(|| elsewhere(config, way))
}

/// The same, for what needs the log as well, given by these words: a register has to be there, since an erasure would otherwise be
/// recorded of somebody whom nobody forgot.
///
/// # Errors
/// When it is elsewhere, or there is none.
pub(crate) fn beside_mails(config: &Config, words: &str) -> Result<PathBuf, Failure> {
    let way = format!(
        "The log is needed as well, whose token is the gateway's, so give it as root: rondo --data /var/lib/rondo-reminder --server http://127.0.0.1:8080 --token-file /var/lib/rondo-gateway/server.json {words}"
    );
    here(config).filter(|path| path.exists()).ok_or_else(|| elsewhere(config, &way))
}

fn elsewhere(config: &Config, way: &str) -> Failure {
    Failure::not_found(format!(
        "the register of people and the mails are not in {}: they are beside the reminder, with six services in /var/lib/rondo-reminder. {way}. Where one process is every role, a start of `rondo up` makes the register; nothing was changed or recorded",
        config.ledger.data.display()
    ))
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
