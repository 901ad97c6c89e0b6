//! The register of people: names and addresses, outside the log, so that they can be erased.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rondo_domain::PersonId;
use rondo_domain::reason::is_hidden;
use rondo_domain::workflow::{Problem, parse_toml};
use serde::{Deserialize, Serialize};

use crate::durable::{FileError, Replacement, clear_unfinished};

/// A person, as the register knows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The name as the person writes it.
    pub name: String,
    /// Where mail reaches them.
    pub email: String,
    /// The language of their mail, for example `lo`; English stands beneath.
    #[serde(default = "english")]
    pub language: String,
    /// A telephone number, shown to people who may need to call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

fn english() -> String {
    "en".to_owned()
}

/// The register.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct People {
    /// People by id.
    #[serde(default)]
    pub person: BTreeMap<PersonId, Person>,
}

/// Where the register is.
pub trait Register: Send + Sync {
    /// The register as it is now.
    ///
    /// # Errors
    /// When it cannot be read or is malformed.
    fn people(&self) -> Result<Arc<People>, PeopleError>;
}

impl Register for PathBuf {
    fn people(&self) -> Result<Arc<People>, PeopleError> {
        People::read(self).map(Arc::new)
    }
}

impl Register for Arc<People> {
    fn people(&self) -> Result<Arc<People>, PeopleError> {
        Ok(Arc::clone(self))
    }
}

/// Why the register cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// The file system failed.
    #[error("cannot {what} the register of people {path}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Where.
        path: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// It cannot be replaced.
    #[error("the register of people cannot be replaced")]
    File(#[from] FileError),
    /// Written by this user, it would no longer belong to its owner.
    #[error(
        "the register of people {path} belongs to user {owner}, and would not any more; nothing was changed. Give the command as that user, or as root"
    )]
    Owner {
        /// Where.
        path: String,
        /// The number of the user it belongs to.
        owner: u32,
        /// Why it cannot be given back.
        source: std::io::Error,
    },
    /// The text is malformed.
    #[error(transparent)]
    Malformed(#[from] Problem),
    /// An entry is not safe to use.
    #[error("the entry of {person} has a control character or a malformed address; nothing was changed")]
    Unsafe {
        /// Whose.
        person: PersonId,
    },
    /// The register cannot be written as text.
    #[error("the register of people cannot be written as text")]
    Text(#[from] toml::ser::Error),
}

impl People {
    /// Reads the register; a missing file is an empty register.
    ///
    /// # Errors
    /// When the file cannot be read or is malformed.
    pub fn read(path: &Path) -> Result<Self, PeopleError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(PeopleError::Io { what: "read", path: path.display().to_string(), source }),
        };
        let people: Self = parse_toml(&path.display().to_string(), &text)?;
        people.check()?;
        Ok(people)
    }

    /// Writes the register, all or nothing. A register that is there keeps its owner, group and mode; a first one is readable by its
    /// owner alone, who is that of the folder.
    ///
    /// # Errors
    /// When an entry is unsafe, the file cannot be written, or it would belong to somebody else than before.
    pub fn write(&self, path: &Path) -> Result<(), PeopleError> {
        use std::io::Write;
        use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
        self.check()?;
        let text = format!(
            "# Names and addresses of the people in this log. Keep it private; erasing an entry here erases the person.\n\n{}",
            toml::to_string_pretty(self)?
        );
        let io = |what| {
            let path = path.display().to_string();
            move |source| PeopleError::Io { what, path, source }
        };
        // Where the register is a link, what it leads to is written.
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let path = path.as_path();
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let was = std::fs::metadata(path).or_else(|_| std::fs::metadata(folder)).map_err(io("read"))?;
        let mode = if was.is_file() { was.mode() & 0o777 } else { 0o600 };
        let replacement = Replacement::begin(path, 0o600)?;
        let mut file = replacement.file();
        let ours = file.metadata().map_err(io("read"))?;
        let belongs = if (ours.uid(), ours.gid()) == (was.uid(), was.gid()) || (was.is_dir() && ours.uid() == was.uid())
        {
            Ok(())
        } else {
            fchown(file, Some(was.uid()), Some(was.gid()))
        };
        belongs.map_err(|source| PeopleError::Owner { path: path.display().to_string(), owner: was.uid(), source })?;
        let whole = file.set_permissions(std::fs::Permissions::from_mode(mode));
        whole.and_then(|()| file.write_all(text.as_bytes())).map_err(io("write"))?;
        replacement.finish()?;
        // What a writing that was cut off left holds names that may be erased by now.
        clear_unfinished(folder);
        Ok(())
    }

    fn check(&self) -> Result<(), PeopleError> {
        for (id, person) in &self.person {
            let text = |value: &str| !value.trim().is_empty() && value.len() <= 200 && !value.chars().any(is_hidden);
            let email = |value: &str| {
                value.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.'))
                    && !value.contains([' ', '<', '>', ','])
            };
            let phone = person.phone.as_deref().is_none_or(text);
            if !text(&person.name) || !text(&person.email) || !email(&person.email) || !text(&person.language) || !phone
            {
                return Err(PeopleError::Unsafe { person: id.clone() });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    #[test]
    fn a_register_keeps_its_mode_its_owner_and_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("people.toml"), folder.path().join("link.toml"));
        People::default().write(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600, "a first one is its owner's alone");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        // Only root may give a file to somebody; the owner is kept where that can be seen.
        let is_root = std::os::unix::fs::chown(&path, Some(12_345), Some(23_456)).is_ok();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        People::default().write(&link).unwrap();
        let now = std::fs::metadata(&path).unwrap();
        assert_eq!(now.mode() & 0o777, 0o640);
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink(), "the link stays");
        assert!(!is_root || (now.uid(), now.gid()) == (12_345, 23_456));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside it");
    }
}
