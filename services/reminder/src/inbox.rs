//! The inbox: a folder of inbound mail. What each says about a mail of ours is recorded; then its file is put aside.

mod left;

use std::path::{Path, PathBuf};

use rondo_domain::FileHash;
use rondo_domain::notice::NoticeCommand;
use rondo_domain::world::World;
use rondo_eventlog::Fault;

use crate::delivery::Delivery;
use crate::meaning::{Meaning, Reader};
use crate::returned;
use left::{LeftThere, Looks};

/// The most files that are read in one turn, whether they can be put aside or not.
const MAX_FILES: usize = 50;

/// The folder of what was not understood, or names nobody of ours.
pub(crate) const UNCLEAR: &str = "unclear";

/// The folders below the inbox into which a mail is put aside once it was read.
pub const ASIDE: [&str; 5] = ["done", "answers", "automatic", "complaints", UNCLEAR];

/// The most bytes of a file's name that every file system takes.
const LONGEST_NAME: usize = 255;

/// A folder of inbound mail.
#[derive(Debug, Clone)]
pub(crate) struct Inbox {
    folder: PathBuf,
    /// Whether the folder itself could not be read the last time.
    is_shut: bool,
    /// Files that could not be read the last time.
    unread: usize,
    /// Files that were read and lie where they lay, because they cannot be put aside.
    left: LeftThere,
}

impl Inbox {
    pub(crate) fn new(folder: PathBuf) -> Self {
        let left = LeftThere::beside(&folder);
        Self { folder, is_shut: false, unread: 0, left }
    }

    /// Reads what lies there, in the order of names, and records what it says; whether anything did. What the folder or one file
    /// does not let be done is left for a person, and keeps nobody else's mail from being read.
    pub(crate) async fn turn(&mut self, world: &World, delivery: &Delivery) -> Result<bool, Fault> {
        let files = match files(&self.folder) {
            Ok(files) => files,
            Err(fault) => {
                if !std::mem::replace(&mut self.is_shut, true) {
                    let why = rondo_runtime::lifecycle::with_sources(&fault);
                    tracing::error!("inbound mail is not read: {why}");
                }
                return Ok(false);
            }
        };
        self.is_shut = false;
        self.left.keep(&files);
        if files.is_empty() {
            self.unread = 0;
            self.left.write();
            return Ok(false);
        }
        let people = delivery.parts.people.people().map_err(|e| Fault::storage("the register of people", e))?;
        let reader = Reader { world, people: &people, paths: delivery.parts.returns.as_ref() };
        let (mut read, mut unread) = (0, 0);
        for path in files {
            let Ok(looks) = Looks::of(&path) else {
                unread += 1;
                continue;
            };
            // It was recorded when it was read first, which may have been before a start.
            let before = self.left.before(&path, &looks);
            let aside = match before {
                Some(aside) => aside,
                None if read == MAX_FILES || self.left.is_full() => continue,
                None => {
                    let Ok(bytes) = first_bytes(&path) else {
                        unread += 1;
                        continue;
                    };
                    read += 1;
                    record(&reader.meaning(&bytes), &FileHash::of(&bytes), delivery).await?
                }
            };
            match put_aside(&self.folder, &path, aside) {
                Ok(()) => self.left.forget(&path),
                Err(error) => {
                    if before.is_none() {
                        tracing::error!(file = %path.display(), "an inbound mail cannot be put aside: {error}");
                    }
                    self.left.note(&path, looks, aside);
                }
            }
        }
        self.left.write();
        if unread > self.unread {
            tracing::error!(files = unread, "inbound mail cannot be read; let the reminder's user read the inbox");
        }
        self.unread = unread;
        Ok(read > 0)
    }

    /// What a person has to look at: in sentences, or nothing.
    pub(crate) fn alarm(&self) -> Option<String> {
        let unclear = files(&self.folder.join(UNCLEAR)).map(|files| files.len());
        let mut told = Vec::new();
        if self.is_shut {
            told.push(
                "The inbox cannot be read, so nothing is known of what comes back. Let the reminder's user read it."
                    .to_owned(),
            );
        }
        match unclear {
            Ok(0) => {}
            Ok(1) => told.push("An inbound mail was not understood; `rondo reminder unclear` says why.".to_owned()),
            Ok(many) => {
                told.push(format!("{many} inbound mails were not understood; `rondo reminder unclear` says why."));
            }
            // Where the inbox itself cannot be read, that is said already.
            Err(_) if self.is_shut || !self.left.is_empty() => {}
            Err(_) => told
                .push(format!("The folder `{UNCLEAR}` in the inbox cannot be read. Let the reminder's user read it.")),
        }
        match self.unread {
            0 => {}
            1 => told.push("An inbound mail cannot be read. Let the reminder's user read the inbox.".to_owned()),
            many => told.push(format!("{many} inbound mails cannot be read. Let the reminder's user read the inbox.")),
        }
        let mends = "Let the reminder's user write into the inbox and the folders in it.";
        match self.left.len() {
            0 => {}
            1 => told.push(format!("An inbound mail was read and cannot be moved out of the inbox. {mends}")),
            many if self.left.is_full() => told.push(format!(
                "{many} inbound mails were read and cannot be moved out of the inbox; no more are read until some can. {mends}"
            )),
            many => told.push(format!("{many} inbound mails were read and cannot be moved out of the inbox. {mends}")),
        }
        (!told.is_empty()).then(|| told.join(" "))
    }
}

/// Records what a mail says; gives the folder into which it is put aside. The commands' ids are born of the mail alone, so that one
/// that is read twice is recorded once, although it may be taken for something else by then.
async fn record(meaning: &Meaning, mail: &FileHash, delivery: &Delivery) -> Result<&'static str, Fault> {
    let Meaning::Said { keys, command, aside } = meaning else { return Ok(meaning.aside()) };
    let cause = format!("returned {mail}");
    let mut all = true;
    for key in keys {
        all &= delivery.note(key, &cause, NoticeCommand::clone(command)).await?;
    }
    Ok(if all { aside } else { UNCLEAR })
}

/// The whole files of a folder, in the order of names; none where there is no such folder.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>, Fault> {
    let failed = |e| Fault::storage(format!("the inbox {}", folder.display()), e);
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(failed(e)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        // A name with a point before it is still being written.
        let is_whole = !entry.file_name().to_string_lossy().starts_with('.');
        if is_whole && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

/// Moves a mail into a folder below the inbox, beside whatever has its name there already.
fn put_aside(inbox: &Path, path: &Path, aside: &str) -> std::io::Result<()> {
    let Some(name) = path.file_name() else { return Ok(()) };
    let folder = inbox.join(aside);
    std::fs::create_dir_all(&folder)?;
    let mut to = folder.join(name);
    let mut again = 1_u32;
    while to.try_exists()? {
        again += 1;
        to = folder.join(beside(&name.to_string_lossy(), again));
    }
    match std::fs::rename(path, to) {
        // Somebody else took it away.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !path.exists() => Ok(()),
        moved => moved,
    }
}

/// The name of one more file of this name. A long one is cut at its beginning: the end says what kind of file it is.
fn beside(name: &str, again: u32) -> String {
    let before = format!("{again}-");
    let mut from = name.len().saturating_sub(LONGEST_NAME - before.len());
    while !name.is_char_boundary(from) {
        from += 1;
    }
    before + name.get(from..).unwrap_or_default()
}

pub(crate) fn first_bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(returned::MAX_READ as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mails_of_one_long_name_lie_beside_each_other() {
        let inbox = tempfile::tempdir().unwrap();
        for name in [format!("{}.eml", "a".repeat(251)), format!("{}.eml", "ກ".repeat(83)), "short.eml".to_owned()] {
            let path = inbox.path().join(&name);
            for count in 1..=11 {
                std::fs::write(&path, count.to_string()).unwrap();
                put_aside(inbox.path(), &path, "done").unwrap();
                assert!(!path.exists());
            }
        }
        let done = files(&inbox.path().join("done")).unwrap();
        assert_eq!(done.len(), 33, "none has taken another's place");
        assert!(done.iter().all(|path| path.extension().is_some_and(|kind| kind == "eml")), "{done:?}");
    }
}
