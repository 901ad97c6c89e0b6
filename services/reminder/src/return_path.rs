//! The address that a mail leaves from: it holds a token that names the mail, and that nobody can make who has not the secret.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use hmac::{Hmac, Mac};
use rondo_runtime::chance::Chance;
use rondo_runtime::config::{Config, ConfigError, read_secret};
use sha2::Sha256;

use crate::outbox::NoticeKey;

/// Bytes of a secret, and hexadecimal digits of a token: 80 bits, which nobody finds by sending mail.
const SECRET: usize = 32;
const TOKEN: usize = 20;

/// Where mail comes back: `user+TOKEN@host` (a variable envelope return path). The token is the HMAC (RFC 2104) with SHA-256 of
/// the notice that leads a mail, under a secret of the reminder's own.
///
/// A token of a mail that left before there was a secret followed from public values and proves nothing. It is not understood:
/// what comes back to it is listed for a person.
#[derive(Clone)]
pub struct ReturnPath {
    user: String,
    host: String,
    secret: Vec<u8>,
}

impl std::fmt::Debug for ReturnPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ReturnPath({}+…@{})", self.user, self.host)
    }
}

impl ReturnPath {
    /// The return path that the configuration asks for, if any. Its secret is made where there is none, readable by its owner alone.
    ///
    /// # Errors
    /// When the secret can be neither read nor made, or answers would come to the same address.
    pub fn from_config(config: &Config, chance: &dyn Chance) -> Result<Option<Self>, ConfigError> {
        is_apart(config)?;
        let Some((user, host)) = config.mail.bounces.as_deref().and_then(|address| address.split_once('@')) else {
            return Ok(None);
        };
        let path = config.in_data(&config.mail.secret_file);
        if !path.exists() {
            make(&path, chance)?;
        }
        let secret = read_secret(&path)?.reveal().as_bytes().to_vec();
        if secret.len() < SECRET {
            let path = path.display();
            let least =
                format!("{path} holds {} characters; a secret for return paths has at least {SECRET}", secret.len());
            return Err(ConfigError::Value(least));
        }
        Ok(Some(Self { user: user.to_lowercase(), host: host.to_lowercase(), secret }))
    }

    /// The same for whoever only looks: a secret that is missing is not made, and then no token is understood.
    ///
    /// # Errors
    /// When the secret is there and cannot be read.
    pub fn existing(config: &Config) -> Result<Option<Self>, ConfigError> {
        let Some((user, host)) = config.mail.bounces.as_deref().and_then(|address| address.split_once('@')) else {
            return Ok(None);
        };
        let path = config.in_data(&config.mail.secret_file);
        let secret = if path.exists() { read_secret(&path)?.reveal().as_bytes().to_vec() } else { Vec::new() };
        Ok(Some(Self { user: user.to_lowercase(), host: host.to_lowercase(), secret }))
    }

    /// The address that a mail leaves from which this notice leads.
    pub(crate) fn address(&self, key: &NoticeKey) -> String {
        format!("{}+{}@{}", self.user, self.token(key), self.host)
    }

    /// Whether an address in lower case is one that mail of ours leaves from, with whatever token.
    pub(crate) fn is_ours(&self, address: &str) -> bool {
        self.within(address).is_some()
    }

    /// Whether an address in lower case is the one that the mail left from which this notice leads.
    pub(crate) fn is_of(&self, address: &str, key: &NoticeKey) -> bool {
        !self.secret.is_empty() && self.within(address).is_some_and(|token| token == self.token(key))
    }

    /// The token in an address of ours, or nothing between its parts.
    fn within<'a>(&self, address: &'a str) -> Option<&'a str> {
        let user = address.strip_suffix(self.host.as_str())?.strip_suffix('@')?.strip_prefix(self.user.as_str())?;
        if user.is_empty() { Some("") } else { user.strip_prefix('+') }
    }

    /// By what a record names the address that a mail of this notice goes to: another value for each notice, and nothing without the
    /// secret. Only who has the secret and an address can tell whether it is that one.
    pub(crate) fn address_token(&self, key: &NoticeKey, address: &str) -> Option<String> {
        let address = address.trim().to_lowercase();
        (!self.secret.is_empty() && !address.is_empty())
            .then(|| self.keyed(&["recipient", key.0.as_str(), key.1.as_str(), &address]))
    }

    fn token(&self, key: &NoticeKey) -> String {
        self.keyed(&["return-path", key.0.as_str(), key.1.as_str()])
    }

    fn keyed(&self, parts: &[&str]) -> String {
        // A key of any length is taken.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.secret) else { return String::new() };
        for part in parts {
            mac.update(part.as_bytes());
            mac.update(&[0]);
        }
        let whole: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        whole.chars().take(TOKEN).collect()
    }
}

/// That answers come to another address than what is returned: what comes back is read as written by programs, and an answer among
/// it would be lost.
///
/// # Errors
/// When they do not.
pub(crate) fn is_apart(config: &Config) -> Result<(), ConfigError> {
    let (Some(bounces), mail) = (&config.mail.bounces, &config.mail) else { return Ok(()) };
    let plain = |address: &str| -> Option<(String, String)> {
        let address = address.to_lowercase();
        let (user, host) = address.rsplit_once('@')?;
        Some((user.split('+').next().unwrap_or(user).to_owned(), host.to_owned()))
    };
    let answers = mail.reply_to.parse::<lettre::message::Mailbox>().ok().map(|to| to.email.to_string());
    if answers.is_some_and(|answers| plain(&answers) == plain(bounces)) {
        let told = format!(
            "mail.bounces = `{bounces}` is where answers come as well (mail.reply-to), and what comes there is never taken for an answer: give returned mail an address of its own"
        );
        return Err(ConfigError::Value(told));
    }
    Ok(())
}

fn make(path: &Path, chance: &dyn Chance) -> Result<(), ConfigError> {
    let failed = |source| ConfigError::Io { path: path.to_owned(), source };
    let mut bytes = [0; SECRET];
    chance.fill(&mut bytes).map_err(|e| ConfigError::Value(e.to_string()))?;
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    writeln!(file, "{text}").and_then(|()| file.sync_all()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use rondo_runtime::chance::SystemChance;

    use super::*;

    #[test]
    fn a_token_is_of_one_mail_and_one_secret_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.ledger.data = folder.path().to_owned();
        assert!(ReturnPath::from_config(&config, &SystemChance).unwrap().is_none());
        config.mail.bounces = Some("Bounces@example.org".to_owned());
        let blind = ReturnPath::existing(&config).unwrap().unwrap();
        let path = ReturnPath::from_config(&config, &SystemChance).unwrap().unwrap();
        let again = ReturnPath::from_config(&config, &SystemChance).unwrap().unwrap();
        let secret = folder.path().join(&config.mail.secret_file);
        assert_eq!(std::fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
        let key = |notice: &str| ("ilms-asean-2025".parse().unwrap(), notice.parse().unwrap());
        let (one, two) = (key("lao-invite-1"), key("lao-invite-2"));
        let address = path.address(&one);
        assert_eq!(address, again.address(&one));
        assert!(!blind.is_of(&blind.address(&one), &one), "whoever only looks makes no secret, and believes nobody");
        let to = path.address_token(&one, "Focal@Office.example");
        assert!(to.is_some() && to == again.address_token(&one, "focal@office.example "));
        assert!(to != path.address_token(&two, "focal@office.example"), "it links no mail to another");
        assert!(blind.address_token(&one, "focal@office.example").is_none() && path.address_token(&one, "").is_none());
        assert!(path.is_ours(&address) && path.is_of(&address, &one) && !path.is_of(&address, &two));
        assert!(path.is_ours("bounces@example.org") && !path.is_of("bounces@example.org", &one));
        assert!(!path.is_ours("bounces+x@example.net") && !path.is_ours("other+x@example.org"));
        std::fs::remove_file(&secret).unwrap();
        let other = ReturnPath::from_config(&config, &SystemChance).unwrap().unwrap();
        assert!(!other.is_of(&address, &one), "another secret, another token");
        std::fs::write(&secret, "short\n").unwrap();
        assert!(ReturnPath::from_config(&config, &SystemChance).is_err());
    }

    #[test]
    fn answers_and_returned_mail_have_an_address_each() {
        let mut config = Config::default();
        config.mail.bounces = Some("help@example.org".to_owned());
        for answers in ["help@example.org", "The desk <Help@Example.org>", "help+ilms@example.org"] {
            config.mail.reply_to = answers.to_owned();
            for refused in
                [crate::transport::check(&config).err(), ReturnPath::from_config(&config, &SystemChance).err()]
            {
                let told = refused.expect(answers).to_string();
                assert!(told.contains("an address of its own"), "{told}");
            }
        }
        for answers in ["help@example.net", "helpdesk@example.org"] {
            config.mail.reply_to = answers.to_owned();
            crate::transport::check(&config).unwrap();
        }
    }
}
