//! How mail leaves: by a mail server, or as a folder of files.

mod heard;
mod reply;
mod smtp;

use std::path::PathBuf;

use async_trait::async_trait;
use jiff::Timestamp;
use lettre::message::dkim::{DkimSigningAlgorithm, DkimSigningKey, DkimSigningKeyError};
use rondo_domain::notice::{Hindrance, Refusal};
use rondo_runtime::config::{Config, ConfigError, MailSection, MailTransport, read_secret};
use rondo_runtime::secret::Secret;

use crate::letter::{self, Letter};
use smtp::Smtp;

/// What became of a sending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Taken.
    Accepted,
    /// It could not even be offered: the server is away, or does not take us for who we are.
    Unavailable(Refusal),
    /// Refused, but it may be tried again: nothing was taken.
    RefusedForNow(Refusal),
    /// Refused for good.
    Refused(Refusal),
    /// Nobody knows whether it was taken.
    Unknown(String),
}

/// A way for mail to leave.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends one mail.
    async fn send(&self, letter: &Letter) -> Outcome;

    /// Nothing is to be sent for a while: what is kept open for the next mail is closed.
    async fn rest(&self) {}
}

/// By which key and name outgoing mail is signed (DKIM, RFC 6376).
#[derive(Debug, Clone)]
pub struct Signer {
    /// The selector under which the public key stands in the domain's DNS.
    pub selector: String,
    /// The signing domain.
    pub domain: String,
    key: Secret,
}

impl Signer {
    /// The signer that the configuration asks for, if any.
    ///
    /// # Errors
    /// When the key cannot be read or is none.
    pub fn from_config(mail: &MailSection) -> Result<Option<Self>, ConfigError> {
        let Some(dkim) = &mail.dkim else { return Ok(None) };
        let (selector, domain) = (dkim.selector.clone(), dkim.domain.clone());
        let signer = Self { selector, domain, key: read_secret(&dkim.key_file)? };
        let path = dkim.key_file.display();
        signer.key().map_err(|e| {
            ConfigError::Value(format!("mail.dkim.key-file = `{path}` holds no RSA key in PEM form (PKCS#1): {e}"))
        })?;
        Ok(Some(signer))
    }

    pub(crate) fn key(&self) -> Result<DkimSigningKey, DkimSigningKeyError> {
        DkimSigningKey::new(self.key.reveal(), DkimSigningAlgorithm::Rsa)
    }
}

/// The transport that the configuration asks for.
///
/// # Errors
/// When a secret or certificate cannot be read, or the host is not one.
pub fn from_config(config: &Config) -> Result<Box<dyn Transport>, ConfigError> {
    match config.mail.transport {
        MailTransport::Folder => {
            let folder = config.in_data(&config.mail.folder);
            std::fs::create_dir_all(&folder).map_err(|source| ConfigError::Io { path: folder.clone(), source })?;
            Ok(Box::new(Folder { folder }))
        }
        MailTransport::Smtp => Ok(Box::new(Smtp::new(config)?)),
    }
}

/// Whether mail could leave by this configuration, as far as that can be told without a connection.
///
/// # Errors
/// When an address is malformed, or a secret or certificate cannot be read.
pub fn check(config: &Config) -> Result<(), ConfigError> {
    for (key, address) in [("mail.from", &config.mail.from), ("mail.reply-to", &config.mail.reply_to)] {
        address
            .parse::<lettre::message::Mailbox>()
            .map_err(|e| ConfigError::Value(format!("{key} = `{address}` is not a mail address: {e}")))?;
    }
    if let Some(address) = &config.mail.bounces
        && address.parse::<lettre::Address>().is_err()
    {
        return Err(ConfigError::Value(format!("mail.bounces = `{address}` is not a mail address")));
    }
    crate::return_path::is_apart(config)?;
    Signer::from_config(&config.mail)?;
    match config.mail.transport {
        MailTransport::Folder => Ok(()),
        MailTransport::Smtp => Smtp::new(config).map(|_| ()),
    }
}

/// Greets the mail server and signs in, as far as the configuration names one; nothing is sent.
///
/// # Errors
/// [`ConfigError::Value`] says what stood in the way, in words.
pub async fn greet(config: &Config) -> Result<(), ConfigError> {
    match config.mail.transport {
        MailTransport::Folder => Ok(()),
        MailTransport::Smtp => Smtp::new(config)?.greet().await.map_err(|e| ConfigError::Value(e.told())),
    }
}

/// Sends a mail that says that it is a test, and tells what became of it.
///
/// # Errors
/// When the configuration cannot be used, or the mail cannot be written.
pub async fn test(config: &Config, to: &str, now: Timestamp) -> Result<Outcome, ConfigError> {
    check(config)?;
    let to = to.parse().map_err(|e| ConfigError::Value(format!("`{to}` is not a mail address: {e}")))?;
    let signer = Signer::from_config(&config.mail)?;
    let letter = letter::test(&config.mail, signer.as_ref(), to, now)
        .map_err(|e| ConfigError::Value(format!("the mail cannot be written: {e}")))?;
    let transport = from_config(config)?;
    let outcome = transport.send(&letter).await;
    transport.rest().await;
    Ok(outcome)
}

/// A folder of .eml files: a mail sent again replaces itself.
#[derive(Debug)]
pub struct Folder {
    folder: PathBuf,
}

#[async_trait]
impl Transport for Folder {
    async fn send(&self, letter: &Letter) -> Outcome {
        let path = self.folder.join(format!("{}.eml", letter.name));
        let beside = path.with_extension("new");
        let write = async {
            tokio::fs::write(&beside, letter.message.formatted()).await?;
            tokio::fs::rename(&beside, &path).await
        };
        match write.await {
            Ok(()) => Outcome::Accepted,
            Err(error) => Outcome::Unavailable(Refusal::of(Hindrance::Folder, 0, &error.kind().to_string())),
        }
    }
}
