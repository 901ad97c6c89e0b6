//! The register of people: names and addresses, outside the log, so that they can be erased.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rondo_domain::PersonId;
use rondo_domain::reason::is_hidden;
use rondo_domain::workflow::{Problem, parse_toml};
use serde::{Deserialize, Serialize};

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

    /// Writes the register, readable by its owner alone, all or nothing.
    ///
    /// # Errors
    /// When an entry is unsafe or the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), PeopleError> {
        use std::io::Write;
        use std::os::unix::fs::OpenOptionsExt;
        self.check()?;
        let text = format!(
            "# Names and addresses of the people in this log. Keep it private; erasing an entry here erases the person.\n\n{}",
            toml::to_string_pretty(self)?
        );
        let io = |what| {
            let path = path.display().to_string();
            move |source| PeopleError::Io { what, path, source }
        };
        let beside = path.with_extension("toml.new");
        let mut options = std::fs::OpenOptions::new();
        let mut file =
            options.create(true).write(true).truncate(true).mode(0o600).open(&beside).map_err(io("create"))?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(io("write"))?;
        std::fs::rename(&beside, path).map_err(io("replace"))
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
