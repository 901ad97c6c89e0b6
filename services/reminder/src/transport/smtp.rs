//! A mail server: greeted once and talked to step by step, so that it is known at each step whether a mail may have been taken.

use std::error::Error as _;
use std::time::Duration;

use async_trait::async_trait;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use rondo_domain::notice::{Hindrance, Refusal};
use rondo_runtime::config::{Config, ConfigError, MailSecurity, read_secret};
use tokio::sync::Mutex;

use super::heard::Heard;
use super::reply::{Stage, refusal, without_addresses};
use super::{Outcome, Transport};
use crate::letter::{Letter, domain};

/// How many times as long as for any other answer a server is waited for that has a whole mail: it may look through it first,
/// and what is not known then, a person has to find out (RFC 5321, section 4.5.3.2.6).
const PATIENCE: u32 = 3;

/// The most mails over one connection.
const MAX_MAILS: u32 = 100;

/// The port of mail servers that speak TLS from the first byte on.
const TLS_PORT: u16 = 465;

/// A mail server.
pub(super) struct Smtp {
    server: Server,
    kept: Mutex<Carried>,
}

/// What is kept from one mail to the next.
#[derive(Default)]
struct Carried {
    session: Option<Session>,
    /// What the server said of mails until now.
    heard: Heard,
}

struct Server {
    host: String,
    port: u16,
    security: MailSecurity,
    tls: TlsParameters,
    credentials: Option<Credentials>,
    hello: ClientId,
    timeout: Duration,
}

/// A connection over which mails are handed over.
struct Session {
    connection: AsyncSmtpConnection,
    mails: u32,
}

/// How far a mail came.
enum Talk {
    /// There is an answer, and the connection goes on.
    Answered(Outcome),
    /// There is an answer or none ever will be, and the connection is of no use any more.
    Ended(Outcome),
    /// The connection was of no use before anything was handed over.
    NotOffered(Refusal),
    /// The server ended the connection when the recipient was named, and said so.
    Closed(Refusal),
}

impl Smtp {
    pub(super) fn new(config: &Config) -> Result<Self, ConfigError> {
        let mail = &config.mail;
        let value = |e: Error| ConfigError::Value(format!("the mail server {}: {e}", mail.host));
        if mail.security == MailSecurity::None && mail.user.is_some() {
            let told = "mail.security is \"none\", and a password is not sent without encryption: remove mail.user, or set it to \"starttls\" or \"tls\"";
            return Err(ConfigError::Value(told.to_owned()));
        }
        if mail.security == MailSecurity::Starttls && mail.port == TLS_PORT {
            let told = "mail.port 465 is encrypted from the first byte on: set mail.security to \"tls\"";
            return Err(ConfigError::Value(told.to_owned()));
        }
        let mut tls = TlsParameters::builder(mail.host.clone());
        if let Some(path) = &mail.ca_file {
            let pem = std::fs::read(path).map_err(|source| ConfigError::Io { path: path.clone(), source })?;
            tls = tls.add_root_certificate(Certificate::from_pem(&pem).map_err(value)?);
        }
        let credentials = match &mail.user {
            None => None,
            Some(user) => {
                let path = mail.password_file.as_ref().ok_or_else(|| {
                    ConfigError::Value(
                        "mail.user is set, so mail.password-file is needed: a file that holds the password".to_owned(),
                    )
                })?;
                Some(Credentials::new(user.clone(), read_secret(path)?.reveal().to_owned()))
            }
        };
        let server = Server {
            host: mail.host.clone(),
            port: mail.port,
            security: mail.security,
            tls: tls.build().map_err(value)?,
            credentials,
            hello: ClientId::Domain(domain(mail).to_owned()),
            timeout: Duration::from_secs(mail.timeout_seconds.clamp(1, 600)),
        };
        Ok(Self { server, kept: Mutex::default() })
    }

    /// Greets the server and signs in, and says good-bye.
    ///
    /// # Errors
    /// What stood in the way.
    pub(super) async fn greet(&self) -> Result<(), Refusal> {
        let session = self.server.greet().await?;
        self.server.part(session).await;
        Ok(())
    }
}

#[async_trait]
impl Transport for Smtp {
    async fn send(&self, letter: &Letter) -> Outcome {
        let to = letter.message.envelope().to().first();
        let mut kept = self.kept.lock().await;
        let (mut session, mut is_used) = match kept.session.take() {
            Some(session) => (session, true),
            None => match self.server.greet().await {
                Ok(session) => (session, false),
                Err(refusal) => return Outcome::Unavailable(refusal),
            },
        };
        loop {
            match self.server.offer(&mut session, letter).await {
                Talk::Answered(outcome) => {
                    session.mails += 1;
                    if session.mails < MAX_MAILS {
                        kept.session = Some(session);
                    } else {
                        self.server.part(session).await;
                    }
                    return kept.heard.judged(outcome, to);
                }
                Talk::Ended(outcome) => return kept.heard.judged(outcome, to),
                // A server may end a connection that was used; it is greeted once more.
                Talk::NotOffered(_) | Talk::Closed(_) if is_used => match self.server.greet().await {
                    Ok(another) => (session, is_used) = (another, false),
                    Err(refusal) => return Outcome::Unavailable(refusal),
                },
                Talk::NotOffered(refusal) => return Outcome::Unavailable(refusal),
                Talk::Closed(refusal) => return kept.heard.judged(Outcome::RefusedForNow(refusal), to),
            }
        }
    }

    async fn rest(&self) {
        let session = self.kept.lock().await.session.take();
        if let Some(session) = session {
            self.server.part(session).await;
        }
    }
}

impl Server {
    /// Connects, agrees on encryption and signs in.
    async fn greet(&self) -> Result<Session, Refusal> {
        let greeted = tokio::time::timeout(self.timeout, self.connect()).await;
        let connection = greeted.unwrap_or_else(|_| Err(Refusal::of(Hindrance::NoAnswer, 0, "")))?;
        Ok(Session { connection, mails: 0 })
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Refusal> {
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await;
        let found: Vec<_> = found.map_err(|e| Refusal::of(Hindrance::NameUnknown, 0, &e.to_string()))?.collect();
        let at_once = (self.security == MailSecurity::Tls).then(|| self.tls.clone());
        let timeout = Some(self.timeout);
        let connected = AsyncSmtpConnection::connect_tokio1(&found[..], timeout, &self.hello, at_once, None).await;
        let mut connection = connected.map_err(|error| failed(Stage::Greeting, &error))?;
        if self.security == MailSecurity::Starttls {
            if !connection.can_starttls() {
                return Err(Refusal::of(Hindrance::NoStarttls, 0, ""));
            }
            let agreed = connection.starttls(self.tls.clone(), &self.hello).await;
            agreed.map_err(|error| failed(Stage::Greeting, &error))?;
        }
        if let Some(credentials) = &self.credentials {
            let known = [Mechanism::Plain, Mechanism::Login];
            if connection.server_info().get_auth_mechanism(&known).is_none() {
                return Err(Refusal::of(Hindrance::NoLogin, 0, ""));
            }
            connection.auth(&known, credentials).await.map_err(|error| failed(Stage::Login, &error))?;
        }
        Ok(connection)
    }

    /// Hands a mail over, step by step.
    async fn offer(&self, session: &mut Session, letter: &Letter) -> Talk {
        let (connection, envelope) = (&mut session.connection, letter.message.envelope());
        let bytes = letter.message.formatted();
        let parameters = match parameters(connection, letter, &bytes) {
            Ok(parameters) => parameters,
            Err(hindrance) => return Talk::Answered(Outcome::Refused(Refusal::of(hindrance, 0, ""))),
        };
        let mut steps = vec![(Stage::Sender, Mail::new(envelope.from().cloned(), parameters).to_string())];
        steps.extend(envelope.to().iter().map(|to| (Stage::Recipient, Rcpt::new(to.clone(), vec![]).to_string())));
        steps.push((Stage::Mail, Data.to_string()));
        match tokio::time::timeout(self.timeout, in_turn(connection, steps)).await {
            Ok(Ok(())) => {}
            Err(_) => return Talk::NotOffered(Refusal::of(Hindrance::NoAnswer, 0, "")),
            Ok(Err((stage, error))) => match error.status().map(u16::from) {
                None => return Talk::NotOffered(failed(stage, &error)),
                Some(421) if stage == Stage::Sender => return Talk::NotOffered(failed(Stage::Greeting, &error)),
                Some(421) => {
                    let reply = without_addresses(&text_of(&error), Some(envelope));
                    return Talk::Closed(Refusal::of(Hindrance::Unavailable, 421, &reply));
                }
                Some(code) => {
                    let refusal = refusal(stage, code, &text_of(&error), Some(envelope));
                    return self.refused(connection, stage, code, refusal).await;
                }
            },
        }
        // From here on an answer that does not come leaves nobody knowing.
        match tokio::time::timeout(self.timeout * PATIENCE, connection.message(&bytes)).await {
            Ok(Ok(_)) => Talk::Answered(Outcome::Accepted),
            Err(_) => Talk::Ended(Outcome::Unknown("the mail server has the mail and does not answer".to_owned())),
            Ok(Err(error)) => match error.status().map(u16::from) {
                None => Talk::Ended(Outcome::Unknown("the connection broke while the mail was handed over".to_owned())),
                Some(code) => {
                    let refusal = refusal(Stage::Mail, code, &text_of(&error), Some(envelope));
                    let outcome = for_now_or_for_good(code, refusal);
                    if code == 421 { Talk::Ended(outcome) } else { Talk::Answered(outcome) }
                }
            },
        }
    }

    /// What a refusal before the mail was handed over comes to; the connection is brought back to where it was.
    async fn refused(&self, connection: &mut AsyncSmtpConnection, stage: Stage, code: u16, refusal: Refusal) -> Talk {
        let outcome = match stage {
            Stage::Greeting | Stage::Login | Stage::Sender => Outcome::Unavailable(refusal),
            Stage::Recipient | Stage::Mail => for_now_or_for_good(code, refusal),
        };
        match tokio::time::timeout(self.timeout, connection.command(Rset)).await {
            Ok(Ok(_)) => Talk::Answered(outcome),
            _ => Talk::Ended(outcome),
        }
    }

    async fn part(&self, mut session: Session) {
        // Whoever does not answer a good-bye is left all the same.
        let _ = tokio::time::timeout(self.timeout, session.connection.quit()).await;
    }
}

/// Says one thing after the other, as long as each is taken.
async fn in_turn(connection: &mut AsyncSmtpConnection, steps: Vec<(Stage, String)>) -> Result<(), (Stage, Error)> {
    for (stage, command) in steps {
        connection.command(command).await.map_err(|error| (stage, error))?;
    }
    Ok(())
}

fn for_now_or_for_good(code: u16, refusal: Refusal) -> Outcome {
    if code < 500 { Outcome::RefusedForNow(refusal) } else { Outcome::Refused(refusal) }
}

/// What has to be said with the sender, for letters beyond ASCII (RFC 6152, RFC 6531).
fn parameters(
    connection: &AsyncSmtpConnection,
    letter: &Letter,
    bytes: &[u8],
) -> Result<Vec<MailParameter>, Hindrance> {
    let (info, envelope) = (connection.server_info(), letter.message.envelope());
    let mut parameters = Vec::new();
    let is_plain = envelope.from().into_iter().chain(envelope.to()).all(|address| address.to_string().is_ascii());
    if !is_plain {
        if !info.supports_feature(Extension::SmtpUtfEight) {
            return Err(Hindrance::Letters);
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    if !bytes.is_ascii() {
        if !info.supports_feature(Extension::EightBitMime) {
            return Err(Hindrance::Letters);
        }
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    Ok(parameters)
}

/// The text of a server's reply.
fn text_of(error: &Error) -> String {
    error.source().map(ToString::to_string).unwrap_or_default()
}

/// What a failure in the talk is: a reply, or something that broke beneath it.
fn failed(stage: Stage, error: &Error) -> Refusal {
    if let Some(code) = error.status() {
        return refusal(stage, u16::from(code), &text_of(error), None);
    }
    let mut hindrance =
        if error.is_response() || error.is_client() { Hindrance::Protocol } else { Hindrance::ConnectionLost };
    let mut beneath = error.source();
    while let Some(source) = beneath {
        if let Some(io) = source.downcast_ref::<std::io::Error>() {
            hindrance = of_io(io).unwrap_or(hindrance);
        }
        beneath = source.source();
    }
    let text = text_of(error);
    // An end of the talk in the middle of it is an end, not another language.
    if text == "incomplete response" {
        hindrance = Hindrance::ConnectionLost;
    }
    Refusal::of(hindrance, 0, &without_addresses(&text, None))
}

fn of_io(error: &std::io::Error) -> Option<Hindrance> {
    use rustls::{CertificateError as C, Error as Tls};
    match error.get_ref().and_then(|beneath| beneath.downcast_ref::<Tls>()) {
        Some(Tls::InvalidCertificate(C::NotValidForName | C::NotValidForNameContext { .. })) => {
            Some(Hindrance::CertificateName)
        }
        Some(Tls::InvalidCertificate(_) | Tls::NoCertificatesPresented) => Some(Hindrance::Certificate),
        Some(_) => Some(Hindrance::Protocol),
        None => match error.kind() {
            std::io::ErrorKind::ConnectionRefused => Some(Hindrance::ConnectionRefused),
            std::io::ErrorKind::TimedOut => Some(Hindrance::NoAnswer),
            _ => None,
        },
    }
}
