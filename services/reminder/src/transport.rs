//! How mail leaves: a mail server over STARTTLS, or a folder of files.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use lettre::message::dkim::{DkimSigningAlgorithm, DkimSigningKey, DkimSigningKeyError};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use rondo_domain::notice::{About, Refusal};
use rondo_runtime::config::{Config, ConfigError, MailSection, MailTransport, read_secret};

use crate::letter::Letter;

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
}

/// By which key and name outgoing mail is signed (DKIM, RFC 6376).
#[derive(Debug, Clone)]
pub struct Signer {
    /// The selector under which the public key stands in the domain's DNS.
    pub selector: String,
    /// The signing domain.
    pub domain: String,
    key: String,
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
        DkimSigningKey::new(&self.key, DkimSigningAlgorithm::Rsa)
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
    Signer::from_config(&config.mail)?;
    match config.mail.transport {
        MailTransport::Folder => Ok(()),
        MailTransport::Smtp => Smtp::new(config).map(|_| ()),
    }
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
            Err(error) => {
                Outcome::Unavailable(Refusal::new(About::Server, 0, &format!("the mail folder: {}", error.kind())))
            }
        }
    }
}

/// A mail server.
pub struct Smtp {
    relay: AsyncSmtpTransport<Tokio1Executor>,
    timeout: Duration,
}

impl Smtp {
    fn new(config: &Config) -> Result<Self, ConfigError> {
        let mail = &config.mail;
        let value =
            |e: lettre::transport::smtp::Error| ConfigError::Value(format!("the mail server {}: {e}", mail.host));
        let timeout = Duration::from_secs(mail.timeout_seconds.clamp(1, 600));
        let mut tls = TlsParameters::builder(mail.host.clone());
        if let Some(path) = &mail.ca_file {
            let pem = std::fs::read(path).map_err(|source| ConfigError::Io { path: path.clone(), source })?;
            tls = tls.add_root_certificate(Certificate::from_pem(&pem).map_err(value)?);
        }
        let mut relay =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&mail.host).port(mail.port).timeout(Some(timeout));
        if let Some(user) = &mail.user {
            let path = mail.password_file.as_ref().ok_or_else(|| {
                ConfigError::Value(
                    "mail.user is set, so mail.password-file is needed: a file that holds the password".to_owned(),
                )
            })?;
            relay = relay
                .tls(Tls::Required(tls.build().map_err(value)?))
                .credentials(Credentials::new(user.clone(), read_secret(path)?));
        } else {
            relay = relay.tls(Tls::Opportunistic(tls.build().map_err(value)?));
        }
        Ok(Self { relay: relay.build(), timeout })
    }
}

#[async_trait]
impl Transport for Smtp {
    async fn send(&self, letter: &Letter) -> Outcome {
        // A server that cannot be greeted has certainly taken nothing; only from here on can an answer be lost.
        match tokio::time::timeout(self.timeout, self.relay.test_connection()).await {
            Ok(Ok(true)) => {}
            Ok(Err(error)) if error.is_permanent() => return unavailable(&error, "the server refuses us"),
            Ok(Err(error)) => return unavailable(&error, "the server cannot be greeted"),
            Ok(Ok(false)) | Err(_) => {
                return Outcome::Unavailable(Refusal::new(About::Server, 0, "the server cannot be reached"));
            }
        }
        match tokio::time::timeout(self.timeout, self.relay.send(letter.message.clone())).await {
            Ok(Ok(_)) => Outcome::Accepted,
            Ok(Err(error)) if error.is_permanent() => Outcome::Refused(refusal(&error, "refused for good")),
            Ok(Err(error)) if error.is_transient() => Outcome::RefusedForNow(refusal(&error, "refused for now")),
            Ok(Err(_)) => Outcome::Unknown("the connection broke while the mail was handed over".to_owned()),
            Err(_) => Outcome::Unknown("the server did not answer in time while the mail was handed over".to_owned()),
        }
    }
}

fn code(error: &lettre::transport::smtp::Error) -> u16 {
    error.status().map_or(0, u16::from)
}

/// The greeting and the login say nothing about a recipient, whatever their reply code.
fn unavailable(error: &lettre::transport::smtp::Error, class: &str) -> Outcome {
    Outcome::Unavailable(Refusal::new(About::Server, code(error), class))
}

fn refusal(error: &lettre::transport::smtp::Error, class: &str) -> Refusal {
    Refusal::new(about(code(error), &error.to_string()), code(error), class)
}

/// What a reply is about. Its enhanced status code tells (RFC 3463: class 5, subject 1 is the address, 2 the mailbox);
/// without one, 550, 551 and 553 speak of the mailbox (RFC 5321, section 4.2.3).
fn about(code: u16, text: &str) -> About {
    let enhanced = text.split([' ', ':', '-', '(', ')']).find_map(|word| {
        let mut parts = word.split('.');
        let (class, subject, detail) = (parts.next()?, parts.next()?, parts.next()?);
        let number = |part: &str| part.parse::<u16>().is_ok();
        (class == "5" && number(subject) && number(detail) && parts.next().is_none()).then_some(subject)
    });
    match enhanced {
        Some("1" | "2") => About::Recipient,
        Some(_) => About::Mail,
        None if matches!(code, 550 | 551 | 553) => About::Recipient,
        None => About::Mail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_not_a_mailbox() {
        assert_eq!(about(550, "permanent error (550): 5.1.1 no such user here"), About::Recipient);
        assert_eq!(about(550, "permanent error (550): 5.7.1 relaying denied"), About::Mail);
        assert_eq!(about(550, "permanent error (550): no such user"), About::Recipient);
        assert_eq!(about(552, "permanent error (552): 5.2.2 mailbox full"), About::Recipient);
        assert_eq!(about(554, "permanent error (554): refused"), About::Mail);
    }
}
