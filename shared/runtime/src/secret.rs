//! Secrets by their types: what is printed, logged or shown of them is never the secret itself. Whoever needs it asks for it by name.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// What stands in a secret's place.
const HIDDEN: &str = "…";

/// A password, a token or a key.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for whoever it is shown to.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

/// An address that may have a user and a password, or a token, written into it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Address(String);

impl Address {
    /// An address as it was written.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Without what was written into it.
    pub fn bare(&self) -> String {
        let (scheme, _, host) = self.parts();
        format!("{scheme}{host}")
    }

    /// What was written into it: a user and a password, or a token alone.
    pub fn written(&self) -> Option<(Option<String>, Secret)> {
        let written = self.parts().1?;
        Some(match written.split_once(':') {
            Some((user, password)) => (Some(user.to_owned()), Secret::new(password)),
            None => (None, Secret::new(written)),
        })
    }

    /// Scheme, what was written before the host, and host with all that follows.
    fn parts(&self) -> (&str, Option<&str>, &str) {
        let (scheme, rest) = self.0.split_at(self.0.find("://").map_or(0, |at| at + 3));
        let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        match rest[..authority].rfind('@') {
            Some(at) => (scheme, Some(&rest[..at]), &rest[at + 1..]),
            None => (scheme, None, rest),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Hidden is whatever could be a part of it, also where the address is not well-formed.
        let (scheme, rest) = self.0.split_at(self.0.find("://").map_or(0, |at| at + 3));
        match rest.rfind('@') {
            Some(at) => write!(f, "{scheme}{HIDDEN}{}", &rest[at..]),
            None => f.write_str(&self.0),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl std::str::FromStr for Address {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::new(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_form_of_a_secret_shows_it() {
        let secret = Secret::new("hunter2");
        assert_eq!((format!("{secret:?}").as_str(), secret.reveal()), (HIDDEN, "hunter2"));
        assert_eq!(serde_json::to_string(&secret).unwrap(), format!("\"{HIDDEN}\""));
        for (written, shown, bare) in [
            ("nats://a:hunter2@h:4222", "nats://…@h:4222", "nats://h:4222"),
            ("nats://hunter2@h", "nats://…@h", "nats://h"),
            ("a:hun@ter2@h", "…@h", "h"),
            ("tls://a:hun,ter2@h/x", "tls://…@h/x", "tls://h/x"),
            ("nats://a:hun/ter2@h", "nats://…@h", "nats://a:hun/ter2@h"),
            ("nats://a:hunter2@h,nats://b:hunter2@i", "nats://…@i", "nats://h,nats://b:hunter2@i"),
            ("nats://127.0.0.1:4222", "nats://127.0.0.1:4222", "nats://127.0.0.1:4222"),
        ] {
            let address = Address::new(written);
            assert_eq!(address.to_string(), shown);
            assert_eq!(format!("{address:?}"), format!("\"{shown}\""));
            assert_eq!(serde_json::to_string(&address).unwrap(), format!("\"{shown}\""));
            assert_eq!(address.bare(), bare);
        }
        let (user, password) = Address::new("nats://a:hunter2@h").written().unwrap();
        assert_eq!((user.as_deref(), password.reveal()), (Some("a"), "hunter2"));
        let (user, token) = Address::new("nats://token@h").written().unwrap();
        assert_eq!((user, token.reveal()), (None, "token"));
        assert!(Address::new("nats://h").written().is_none());
    }
}
