//! The inbox: a folder of inbound mail. What each says about a mail of ours is recorded; then its file is put aside.

use std::path::{Path, PathBuf};

use rondo_domain::notice::NoticeCommand;
use rondo_domain::world::World;
use rondo_eventlog::Fault;

use crate::delivery::Delivery;
use crate::letter::{domain, token};
use crate::outbox::NoticeKey;
use crate::returned::{self, About, Returned};

/// The most files that are read in one turn.
const MAX_FILES: usize = 50;

/// The folders below the inbox into which a mail is put aside once it was read.
pub const ASIDE: [&str; 3] = ["done", "answers", "unclear"];

/// A folder of inbound mail.
#[derive(Debug, Clone)]
pub(crate) struct Inbox {
    folder: PathBuf,
}

impl Inbox {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Reads what lies there, in the order of names, and records what it says; whether anything did.
    pub(crate) async fn turn(&self, world: &World, delivery: &Delivery) -> Result<bool, Fault> {
        let mut read = false;
        for path in self.files()? {
            let aside = self.take(&path, world, delivery).await?;
            self.put_aside(&path, aside)?;
            read = true;
        }
        Ok(read)
    }

    fn files(&self) -> Result<Vec<PathBuf>, Fault> {
        let failed = |e| Fault::storage(format!("the inbox {}", self.folder.display()), e);
        let entries = match std::fs::read_dir(&self.folder) {
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
        files.truncate(MAX_FILES);
        Ok(files)
    }

    /// Records what a mail says; gives the folder into which it is put aside.
    async fn take(&self, path: &Path, world: &World, delivery: &Delivery) -> Result<&'static str, Fault> {
        let bytes = first_bytes(path).map_err(|e| Fault::storage(format!("cannot read {}", path.display()), e))?;
        let Some((said, about)) = returned::read(&bytes) else { return Ok("unclear") };
        let keys = meant(world, &about, domain(&delivery.parts.mail));
        if keys.is_empty() {
            return Ok("unclear");
        }
        let command = match &said {
            Returned::Automatic => return Ok("done"),
            Returned::Bounce { hard, status } => {
                let kind = if *hard { "it came back for good" } else { "it is delayed" };
                let status = if status.is_empty() { "without a status".to_owned() } else { format!("status {status}") };
                NoticeCommand::RecordBounce { hard: *hard, reason: format!("{kind}, {status}") }
            }
            Returned::Delivered => NoticeCommand::ConfirmDelivered,
            Returned::Answer => NoticeCommand::RecordAnswer,
        };
        for key in &keys {
            let attempts = world.notice(&key.0, &key.1).map_or(0, |notice| notice.attempts);
            delivery.record(key, &format!("returned {attempts} {command:?}"), command.clone()).await?;
        }
        Ok(if said == Returned::Answer { "answers" } else { "done" })
    }

    fn put_aside(&self, path: &Path, aside: &str) -> Result<(), Fault> {
        let Some(name) = path.file_name() else { return Ok(()) };
        let folder = self.folder.join(aside);
        let moved = std::fs::create_dir_all(&folder).and_then(|()| std::fs::rename(path, folder.join(name)));
        moved.map_err(|e| Fault::storage(format!("cannot put {} aside", path.display()), e))
    }
}

fn first_bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(returned::MAX_READ as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The notices that an inbound mail is about: all that the mail it names has brought.
fn meant(world: &World, about: &About, domain: &str) -> Vec<NoticeKey> {
    let named = |message: &str| about.messages.iter().any(|id| format!("<{id}>") == message);
    let mut keys = Vec::new();
    for (round, _) in world.rounds() {
        let notices = world.notices(&round);
        let mut mails: Vec<&String> = Vec::new();
        for (id, notice) in &notices {
            let Some(message) = &notice.message_id else { continue };
            let key = (round.clone(), id.clone());
            let leads = *message == format!("<{id}.{round}@{domain}>");
            if named(message) || (leads && about.tokens.contains(&token(&key))) {
                mails.push(message);
            }
        }
        let brought = |message: &Option<String>| message.as_ref().is_some_and(|message| mails.contains(&message));
        let all = notices.iter().filter(|(_, notice)| brought(&notice.message_id));
        keys.extend(all.map(|(id, _)| (round.clone(), id.clone())));
    }
    keys
}
