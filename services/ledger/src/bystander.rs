//! What may lie in a data directory before its log: what a system puts into a home or onto a disk, and what our other roles make.

use std::fs;
use std::path::Path;

use rondo_runtime::durable::replaced_by;

use crate::directory::{OpenError, io};

/// Folders and files of the other roles, which may begin before the ledger on the same directory.
const OURS: &[&str] =
    &["inbox", "mail", "releases", "savepoints", "people.toml", "return-path.key", "server.json", "role", "lock"];

/// Whether an entry of a directory is nobody's log and is in no log's way. Keys never are: a directory with them is not empty.
pub(crate) fn is_bystander(entry: &Path) -> bool {
    let Some(name) = entry.file_name().and_then(|name| name.to_str()) else { return false };
    let name = replaced_by(name).unwrap_or(name);
    // A hidden folder may be anybody's; hidden files are what a new home has (/etc/skel).
    let is_file = fs::symlink_metadata(entry).is_ok_and(|found| found.is_file());
    OURS.contains(&name) || (name == "lost+found" && !is_file) || (name.starts_with('.') && is_file)
}

/// Whether a directory holds nothing but bystanders and what has one of these names.
///
/// # Errors
/// When it cannot be listed.
pub(crate) fn is_empty_but_for(folder: &Path, names: &[&str]) -> Result<bool, OpenError> {
    for entry in fs::read_dir(folder).map_err(io("list", folder))? {
        let entry = entry.map_err(io("list", folder))?.path();
        let is_named = entry.file_name().is_some_and(|name| names.iter().any(|known| name == *known));
        if !is_named && !is_bystander(&entry) {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_home_and_a_new_disk_are_empty_and_keys_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        for file in [".bashrc", ".profile", "people.toml", "return-path.key", "server.json", "role.7-0.new"] {
            fs::write(at.join(file), "x").unwrap();
        }
        for made in ["lost+found", "inbox", "mail", "releases", "savepoints"] {
            fs::create_dir(at.join(made)).unwrap();
        }
        assert!(is_empty_but_for(at, &[]).unwrap());
        for strange in ["keys", ".git", "journal", "notes"] {
            fs::create_dir(at.join(strange)).unwrap();
            assert!(!is_empty_but_for(at, &[]).unwrap(), "{strange}");
            assert!(is_empty_but_for(at, &[strange]).unwrap(), "{strange}");
            fs::remove_dir(at.join(strange)).unwrap();
        }
    }
}
