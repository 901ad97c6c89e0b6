//! What came in and waits for a person to look at it, each with the reason.

use std::path::{Path, PathBuf};

use rondo_domain::world::World;
use rondo_eventlog::Fault;
use rondo_runtime::people::People;

use crate::inbox::{UNCLEAR, files, first_bytes};
use crate::meaning::{Meaning, Reader};
use crate::return_path::ReturnPath;

/// An inbound mail that was not understood.
#[derive(Debug, Clone)]
pub struct Unclear {
    /// Its file.
    pub path: PathBuf,
    /// Why a person has to look, in a sentence without names or addresses.
    pub reason: String,
}

/// What is said of a mail that is understood since something else was read.
const BY_NOW: &str = "it is understood by now: put it back into the inbox";

/// The inbound mails of an inbox that wait for a person, as they are understood now.
///
/// # Errors
/// When the folder cannot be listed.
pub fn unclear(
    inbox: &Path,
    (world, people): (&World, &People),
    paths: Option<&ReturnPath>,
) -> Result<Vec<Unclear>, Fault> {
    let reader = Reader { world, people, paths };
    let why = |path: &PathBuf| match first_bytes(path).map(|bytes| reader.meaning(&bytes)) {
        Err(error) => format!("it cannot be read: {}", error.kind()),
        Ok(Meaning::Unclear(reason)) => reason.to_owned(),
        Ok(Meaning::Said { keys, command, .. }) => match reader.refused(&keys, &command) {
            Some(rejection) => format!("it is understood, and the log does not take it: {rejection}"),
            None => BY_NOW.to_owned(),
        },
        Ok(Meaning::Nothing) => BY_NOW.to_owned(),
    };
    Ok(files(&inbox.join(UNCLEAR))?.into_iter().map(|path| Unclear { reason: why(&path), path }).collect())
}
