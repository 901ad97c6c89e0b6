//! What kept a mail from leaving or arriving: told apart by what helps, in words and by a stable code, with what was answered.

use serde::{Deserialize, Serialize};

/// The longest answer of a server that is kept, in characters.
pub const LONGEST_REPLY: usize = 300;

/// Why a mail did not leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The server's reply code (RFC 5321, section 4.2.3), 0 where there was none.
    pub code: u16,
    /// What happened, in words of ours.
    pub class: String,
    /// What it is about.
    pub about: About,
    /// What stood in the way; nothing in records of before this was told apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hindrance: Option<Hindrance>,
    /// What was answered, without addresses, at most [`LONGEST_REPLY`] characters; empty where nothing was.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reply: String,
}

/// What a refusal is about, and so what helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum About {
    /// The mail: its size, its content, a policy. A person has to look.
    Mail,
    /// The server, which is away or does not take us. It says nothing about the mail; waiting helps, or an operator.
    Server,
    /// The recipient: nobody is reached at that address, so that another contact is needed.
    Recipient,
}

/// What stands in the way of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hindrance {
    /// The server's name is not known.
    NameUnknown,
    /// Nobody listens there.
    ConnectionRefused,
    /// Nobody answers in time.
    NoAnswer,
    /// The connection broke before the mail was taken.
    ConnectionLost,
    /// What answers does not speak what it should.
    Protocol,
    /// The server's certificate is not trusted.
    Certificate,
    /// The server's certificate is somebody else's.
    CertificateName,
    /// The server offers no encryption.
    NoStarttls,
    /// The server offers no way to sign in that is known.
    NoLogin,
    /// The server refuses user name or password.
    Login,
    /// The server takes nothing for now.
    Unavailable,
    /// The server does not take mail from this sender.
    Sender,
    /// The server does not pass mail on for us.
    Relay,
    /// The folder of mails cannot be written.
    Folder,
    /// Nobody knows whether a mail was taken, so that the way is tried first.
    Doubt,
    /// The recipient's server asks to come back later, as it does with strangers.
    Greylisted,
    /// Refused for now.
    Busy,
    /// The mailbox is full.
    MailboxFull,
    /// The mail is too large.
    TooLarge,
    /// A rule about senders, content or rate.
    Policy,
    /// Refused for good, for a reason that is not understood.
    Refused,
    /// Nobody is reached at the address.
    NoMailbox,
    /// The address has letters that the server cannot take.
    Letters,
}

impl Hindrance {
    /// What it is, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::NameUnknown => "nobody knows the mail server's name",
            Self::ConnectionRefused => "nobody takes connections at the mail server's address and port",
            Self::NoAnswer => "the mail server does not answer in time",
            Self::ConnectionLost => "the connection to the mail server broke before the mail was taken",
            Self::Protocol => {
                "what answers there does not speak as the settings say: look at mail.port and mail.security"
            }
            Self::Certificate => "the mail server's certificate is not one that is trusted",
            Self::CertificateName => "the mail server's certificate is for another name",
            Self::NoStarttls => "the mail server offers no encryption (STARTTLS)",
            Self::NoLogin => "the mail server offers no way to sign in with a user name and a password",
            Self::Login => "the mail server refuses the user name or the password",
            Self::Unavailable => "the mail server takes nothing for now",
            Self::Sender => "the mail server does not take mail from this sender",
            Self::Relay => "the mail server does not pass on mail for us",
            Self::Folder => "the folder of mails cannot be written",
            Self::Doubt => "the mail server did not say whether it has a mail, and is tried before the next one leaves",
            Self::Greylisted => "the recipient's mail server asks to come back later, as it does with strangers",
            Self::Busy => "the mail was refused for now",
            Self::MailboxFull => "the mailbox is full",
            Self::TooLarge => "the mail is too large for the mail server",
            Self::Policy => "a rule of the mail server about senders, content or rate refuses the mail",
            Self::Refused => "the mail server refuses the mail",
            Self::NoMailbox => "nobody is reached at this address",
            Self::Letters => "the address has letters that the mail server cannot take",
        }
    }

    /// What it is about.
    pub fn about(self) -> About {
        match self {
            Self::NameUnknown
            | Self::ConnectionRefused
            | Self::NoAnswer
            | Self::ConnectionLost
            | Self::Protocol
            | Self::Certificate
            | Self::CertificateName
            | Self::NoStarttls
            | Self::NoLogin
            | Self::Login
            | Self::Unavailable
            | Self::Sender
            | Self::Relay
            | Self::Folder
            | Self::Doubt => About::Server,
            Self::NoMailbox => About::Recipient,
            Self::Greylisted
            | Self::Busy
            | Self::MailboxFull
            | Self::TooLarge
            | Self::Policy
            | Self::Refused
            | Self::Letters => About::Mail,
        }
    }
}

impl Refusal {
    /// A refusal about something, by a reply code (RFC 5321, section 4.2.3), 0 where there was no reply.
    pub fn new(about: About, code: u16, class: &str) -> Self {
        Self { code, class: class.to_owned(), about, hindrance: None, reply: String::new() }
    }

    /// A refusal by what stood in the way, with what was answered: a reply code, 0 where there was none, and a text from which
    /// addresses were taken out.
    pub fn of(hindrance: Hindrance, code: u16, reply: &str) -> Self {
        let reply = reply.chars().take(LONGEST_REPLY).collect();
        Self { code, class: hindrance.words().to_owned(), about: hindrance.about(), hindrance: Some(hindrance), reply }
    }

    /// In words: what happened, and what was answered.
    pub fn told(&self) -> String {
        let answered = match (self.code, self.reply.as_str()) {
            (0, "") => return self.class.clone(),
            (0, reply) => reply.to_owned(),
            (code, "") => code.to_string(),
            (code, reply) => format!("{code} {reply}"),
        };
        format!("{} ({answered})", self.class)
    }
}
