//! The inbox: a folder of inbound mail. What each says about a mail of ours is recorded; then its file is put aside.

use std::path::{Path, PathBuf};

use rondo_domain::FileHash;
use rondo_domain::notice::NoticeCommand;
use rondo_domain::world::World;
use rondo_eventlog::Fault;

use crate::delivery::Delivery;
use crate::meaning::{Meaning, Reader};
use crate::returned;

/// The most files that are read in one turn.
const MAX_FILES: usize = 50;

/// The folder of what was not understood, or names nobody of ours.
pub(crate) const UNCLEAR: &str = "unclear";

/// The folders below the inbox into which a mail is put aside once it was read.
pub const ASIDE: [&str; 5] = ["done", "answers", "automatic", "complaints", UNCLEAR];

/// A folder of inbound mail.
#[derive(Debug, Clone)]
pub(crate) struct Inbox {
    folder: PathBuf,
    /// Files that could not be read the last time.
    unread: usize,
}

impl Inbox {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, unread: 0 }
    }

    /// Reads what lies there, in the order of names, and records what it says; whether anything did.
    pub(crate) async fn turn(&mut self, world: &World, delivery: &Delivery) -> Result<bool, Fault> {
        let files = files(&self.folder)?;
        if files.is_empty() {
            self.unread = 0;
            return Ok(false);
        }
        let people = delivery.parts.people.people().map_err(|e| Fault::storage("the register of people", e))?;
        let reader = Reader { world, people: &people, paths: delivery.parts.returns.as_ref() };
        let (mut read, mut unread) = (0, 0);
        for path in files {
            if read == MAX_FILES {
                break;
            }
            // What one file does not let be read keeps nobody else's from it.
            let Ok(bytes) = first_bytes(&path) else {
                unread += 1;
                continue;
            };
            let aside = record(&reader.meaning(&bytes), &bytes, delivery).await?;
            put_aside(&self.folder, &path, aside)?;
            read += 1;
        }
        if unread > self.unread {
            tracing::error!(files = unread, "inbound mail cannot be read; let the reminder's user read the inbox");
        }
        self.unread = unread;
        Ok(read > 0)
    }

    /// What a person has to look at: in a sentence, or nothing.
    pub(crate) fn alarm(&self) -> Option<String> {
        let unclear = files(&self.folder.join(UNCLEAR)).map_or(0, |files| files.len());
        let told = match (unclear, self.unread) {
            (0, 0) => return None,
            (0, unread) => format!("{unread} inbound mails cannot be read. Let the reminder's user read the inbox."),
            (1, _) => "An inbound mail was not understood; `rondo reminder unclear` says why.".to_owned(),
            (many, _) => format!("{many} inbound mails were not understood; `rondo reminder unclear` says why."),
        };
        Some(told)
    }
}

/// Records what a mail says; gives the folder into which it is put aside. The commands' ids are born of the mail alone, so that one
/// that is read twice is recorded once, although it may be taken for something else by then.
async fn record(meaning: &Meaning, bytes: &[u8], delivery: &Delivery) -> Result<&'static str, Fault> {
    let Meaning::Said { keys, command, aside } = meaning else { return Ok(meaning.aside()) };
    let cause = format!("returned {}", FileHash::of(bytes));
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
        if is_whole && entry.file_type().map_err(failed)?.is_file() {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

/// Moves a mail into a folder below the inbox, beside whatever has its name there already.
fn put_aside(inbox: &Path, path: &Path, aside: &str) -> Result<(), Fault> {
    let Some(name) = path.file_name() else { return Ok(()) };
    let folder = inbox.join(aside);
    let failed = |e| Fault::storage(format!("cannot put {} aside", path.display()), e);
    std::fs::create_dir_all(&folder).map_err(failed)?;
    let mut to = folder.join(name);
    let mut again = 1_u32;
    while to.exists() {
        again += 1;
        to = folder.join(format!("{again}-{}", name.to_string_lossy()));
    }
    std::fs::rename(path, to).map_err(failed)
}

pub(crate) fn first_bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(returned::MAX_READ as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}
