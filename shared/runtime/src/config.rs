//! Configuration: one typed page, unknown keys refused, secrets in files of their own.

use std::path::{Path, PathBuf};

use rondo_domain::workflow::{Problem, parse_toml};
use serde::{Deserialize, Serialize};

use crate::secret::{Address, Secret};
use crate::telemetry::LogFormat;

/// The whole page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Config {
    /// The log and its data directory.
    pub ledger: LedgerSection,
    /// The broker, for roles that run as processes of their own.
    pub bus: BusSection,
    /// Outgoing mail.
    pub mail: MailSection,
    /// Releases.
    pub publish: PublishSection,
    /// Pages and interface.
    pub gateway: GatewaySection,
    /// Witnesses of the log.
    pub witness: WitnessSection,
    /// Log lines.
    pub log: LogSection,
}

/// The log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct LedgerSection {
    /// The data directory.
    pub data: PathBuf,
    /// The log's name in checkpoints, like a host and path without scheme. Used once, when the log is created.
    pub origin: String,
}

impl Default for LedgerSection {
    fn default() -> Self {
        Self { data: PathBuf::from("./rondo-data"), origin: "rondo.example.org/ilms".to_owned() }
    }
}

/// The broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct BusSection {
    /// The broker's address.
    pub url: Address,
    /// The user name of this process.
    pub user: Option<String>,
    /// A file that holds the password and nothing else.
    pub password_file: Option<PathBuf>,
    /// Take the time from the subject `rondo.clock`, which somebody else moves, instead of from the system.
    pub paced_clock: bool,
}

impl Default for BusSection {
    fn default() -> Self {
        Self { url: Address::new("nats://127.0.0.1:4222"), user: None, password_file: None, paced_clock: false }
    }
}

/// How mail leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailTransport {
    /// Files in a folder, for trial and demonstration.
    #[default]
    Folder,
    /// A mail server.
    Smtp,
}

/// How what is said to the mail server is kept from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailSecurity {
    /// TLS from the second word on, required (RFC 3207); usually at port 587.
    #[default]
    Starttls,
    /// TLS from the first byte on (RFC 8314); usually at port 465.
    Tls,
    /// Not at all: for a relay on this machine or in its network, to which nobody signs in.
    None,
}

/// Outgoing mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct MailSection {
    /// How it leaves.
    pub transport: MailTransport,
    /// The folder of .eml files; inside the data directory when relative.
    pub folder: PathBuf,
    /// The mail server's host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is kept from others; never with a user name and without TLS.
    pub security: MailSecurity,
    /// The user name.
    pub user: Option<String>,
    /// A file that holds the password and nothing else.
    pub password_file: Option<PathBuf>,
    /// A file with certificates that the server's may be signed by, besides the system's.
    pub ca_file: Option<PathBuf>,
    /// The sender.
    pub from: String,
    /// Where answers go.
    pub reply_to: String,
    /// Where mail that cannot be delivered comes back: `bounces@example.org` is used as `bounces+TOKEN@example.org`, the token
    /// naming the mail. Without it mail comes back to the sender, and nobody reads it here.
    pub bounces: Option<String>,
    /// The secret from which tokens are made; made at the first start where it is missing. Inside the data directory when relative.
    pub secret_file: PathBuf,
    /// A folder into which a mail server or a script puts inbound mail, one file each: reports about delivery,
    /// complaints and answers are recorded, and the file moves to a folder in it. Inside the data directory when relative.
    pub inbox: PathBuf,
    /// By which key outgoing mail is signed; it is not signed without.
    pub dkim: Option<DkimSection>,
    /// Whom people can call: a name and a number, printed in every mail.
    pub contact: String,
    /// The register of people; inside the data directory when relative.
    pub people: PathBuf,
    /// Where people find the pages; links in mails begin with it.
    pub base_url: String,
    /// Seconds after which a sending counts as unanswered.
    pub timeout_seconds: u64,
    /// A sentence under every mail, for instance that this is a rehearsal; nothing when empty.
    pub notice: String,
}

/// How outgoing mail is signed (DKIM, RFC 6376).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct DkimSection {
    /// The selector under which the public key stands in the domain's DNS.
    pub selector: String,
    /// The signing domain.
    pub domain: String,
    /// A file that holds an RSA key in PEM form (PKCS#1).
    pub key_file: PathBuf,
}

impl Default for MailSection {
    fn default() -> Self {
        Self {
            transport: MailTransport::Folder,
            folder: PathBuf::from("mail"),
            host: "127.0.0.1".to_owned(),
            port: 587,
            security: MailSecurity::Starttls,
            user: None,
            password_file: None,
            ca_file: None,
            from: "ILMS in ASEAN <ilms@example.org>".to_owned(),
            reply_to: "ilms-help@example.org".to_owned(),
            bounces: None,
            secret_file: PathBuf::from("return-path.key"),
            inbox: PathBuf::from("inbox"),
            dkim: None,
            contact: "the ILMS coordination desk in Bangkok, +66 2 000 0000".to_owned(),
            people: PathBuf::from("people.toml"),
            base_url: "http://127.0.0.1:8080".to_owned(),
            timeout_seconds: 30,
            notice: String::new(),
        }
    }
}

/// Releases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct PublishSection {
    /// Where releases are written; inside the data directory when relative.
    pub folder: PathBuf,
}

impl Default for PublishSection {
    fn default() -> Self {
        Self { folder: PathBuf::from("releases") }
    }
}

/// Pages and interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct GatewaySection {
    /// Where to listen; only loopback addresses are taken as long as there is no sign-in.
    pub listen: String,
    /// A sentence under every page, for instance that this is a rehearsal; nothing when empty.
    pub notice: String,
    /// A file with certificates that the certificate of a server named by `--server https://…` may be signed by, besides the
    /// system's; inside the data directory when relative.
    pub ca_file: Option<PathBuf>,
}

impl Default for GatewaySection {
    fn default() -> Self {
        Self { listen: "127.0.0.1:8080".to_owned(), notice: String::new(), ca_file: None }
    }
}

/// Witnesses, which cosign what the log signs (C2SP tlog-witness).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct WitnessSection {
    /// A policy (C2SP tlog-policy) that says whom to ask and how many of them are enough; nobody is asked without one.
    pub policy: Option<PathBuf>,
    /// Seconds between two times of asking.
    pub every_seconds: u64,
    /// A file with certificates that a witness's may be signed by, besides the system's; inside the data directory when
    /// relative.
    pub ca_file: Option<PathBuf>,
}

impl Default for WitnessSection {
    fn default() -> Self {
        Self { policy: None, every_seconds: 3_600, ca_file: None }
    }
}

/// Log lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct LogSection {
    /// How they look.
    pub format: LogFormat,
    /// Which are written: `info`, `warn,rondo_ledger=debug`.
    pub filter: String,
}

impl Default for LogSection {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "warn".to_owned() }
    }
}

/// Why a configuration is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The text is malformed.
    #[error(transparent)]
    Malformed(#[from] Problem),
    /// A value cannot be used.
    #[error("{0}")]
    Value(String),
}

impl Config {
    /// Reads the page from a file.
    ///
    /// # Errors
    /// When the file cannot be read, or says something unknown or malformed, with its line and column.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Io { path: path.to_owned(), source })?;
        Ok(parse_toml(&path.display().to_string(), &text)?)
    }

    /// Takes the secrets whose file is named without a folder from this one, if they are there: as `secret_NAME`, which is how
    /// systemd hands over the files of the folder that our units name (`LoadCredential=secret:FOLDER`), to each service its own.
    pub fn take_credentials(&mut self, folder: &Path) {
        for path in self.secrets() {
            let Some(name) = path.file_name().filter(|name| *name == path.as_os_str()) else { continue };
            let mut handed = std::ffi::OsString::from("secret_");
            handed.push(name);
            let handed = folder.join(handed);
            if handed.exists() {
                *path = handed;
            }
        }
    }

    /// The files with secrets that the page names.
    fn secrets(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let dkim = self.mail.dkim.as_mut().map(|dkim| &mut dkim.key_file);
        let named = [self.bus.password_file.as_mut(), self.mail.password_file.as_mut(), dkim];
        named.into_iter().flatten().chain([&mut self.mail.secret_file])
    }

    /// A path of the page: as it stands when absolute, inside the data directory otherwise.
    pub fn in_data(&self, path: &Path) -> PathBuf {
        self.ledger.data.join(path)
    }
}

/// Reads a secret from its file, without the line end.
///
/// # Errors
/// When the file cannot be read or is empty.
pub fn read_secret(path: &Path) -> Result<Secret, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Io { path: path.to_owned(), source })?;
    match text.trim_end() {
        "" => Err(ConfigError::Value(format!("{} is empty and should hold a secret", path.display()))),
        secret => Ok(Secret::new(secret)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_named_without_a_folder_is_the_one_that_was_handed_over() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret_bus"), "of the bus\n").unwrap();
        std::fs::write(folder.path().join("secret_return-path.key"), "of the return path\n").unwrap();
        std::fs::write(folder.path().join("mail"), "of nobody\n").unwrap();
        let mut config = Config::default();
        config.bus.password_file = Some("bus".into());
        config.mail.password_file = Some("mail".into());
        let key_file = PathBuf::from("/etc/rondo/bus");
        config.mail.dkim = Some(DkimSection { key_file: key_file.clone(), ..DkimSection::default() });
        config.take_credentials(folder.path());
        let handed = config.bus.password_file.clone().unwrap();
        assert_eq!(read_secret(&handed).unwrap().reveal(), "of the bus");
        assert_eq!(read_secret(&config.mail.secret_file).unwrap().reveal(), "of the return path");
        assert_eq!(config.mail.password_file, Some("mail".into()), "there is none of that name");
        assert_eq!(config.mail.dkim.as_ref().unwrap().key_file, key_file);
        // Every file with a secret can be handed over: whoever adds a key of the page to these adds it to `secrets`.
        config.mail.password_file = Some("mail".into());
        let page = toml::to_string(&config).unwrap();
        let named = page.lines().filter(|line| {
            ["password-file", "key-file", "secret-file"].iter().any(|key| line.starts_with(&format!("{key} = ")))
        });
        assert_eq!(named.count(), config.secrets().count(), "{page}");
    }
}
