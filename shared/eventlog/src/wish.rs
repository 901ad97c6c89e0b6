//! A command with the hash of its wish, by which the same id with another wish is told from the same command again.

use std::ops::Deref;

use rondo_domain::{Command, Rejection, Wish};
use serde::de::Visitor;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// The hash of a wish: the first 64 bits of SHA-256 over its canonical JSON, in records as 16 lower-case hexadecimal digits.
///
/// Canonical is the one JSON that a wish of our types is written as: members in the order in which the types have them, keys of
/// maps sorted, no white space, decimals as strings. It is compared only with what this program recorded, so that its form is
/// the program's own; once a wish's JSON changes, the same wish counts as another one. That a chance of 2^-64 takes another
/// wish for the same is no danger: who would make one knows the id, and gains an answer and no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WishHash(u64);

/// What the JSON of nearly every wish fits in, in bytes.
const USUAL: usize = 512;

impl WishHash {
    /// The hash of a wish.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn of(wish: &Wish) -> Result<Self, serde_json::Error> {
        let mut json = Vec::with_capacity(USUAL);
        serde_json::to_writer(&mut json, wish)?;
        let whole: [u8; 32] = Sha256::digest(&json).into();
        let [a, b, c, d, e, f, g, h, ..] = whole;
        Ok(Self(u64::from_be_bytes([a, b, c, d, e, f, g, h])))
    }
}

fn digits(buffer: &mut [u8; 16], hash: WishHash) -> Result<&str, std::str::Utf8Error> {
    for (digit, nibble) in buffer.iter_mut().zip((0..16).rev()) {
        *digit = b"0123456789abcdef"[(hash.0 >> (4 * nibble)) as usize & 15];
    }
    std::str::from_utf8(buffer)
}

impl std::fmt::Display for WishHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(digits(&mut [0; 16], *self).map_err(|_| std::fmt::Error)?)
    }
}

impl Serialize for WishHash {
    fn serialize<S: Serializer>(&self, writer: S) -> Result<S::Ok, S::Error> {
        // Once a record, on the one thread that everybody waits for: without the detour over formatting.
        let mut buffer = [0; 16];
        writer.serialize_str(digits(&mut buffer, *self).map_err(S::Error::custom)?)
    }
}

impl<'de> Deserialize<'de> for WishHash {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct Digits;
        impl Visitor<'_> for Digits {
            type Value = WishHash;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("16 lower-case hexadecimal digits")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<WishHash, E> {
                let digits = text.len() == 16 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
                let hash = if digits { u64::from_str_radix(text, 16).ok() } else { None };
                hash.map(WishHash).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }
        reader.deserialize_str(Digits)
    }
}

/// A command on its way to be decided, with the hash of its wish: reckoned by whoever takes it in, and not by the one that
/// orders, whom everybody waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    command: Command,
    hash: WishHash,
    objection: Option<Box<Rejection>>,
}

impl Sealed {
    /// Reckons the hash of a command's wish.
    ///
    /// # Errors
    /// When the wish cannot be written as JSON.
    pub fn new(command: Command) -> Result<Self, serde_json::Error> {
        let hash = WishHash::of(&command.wish)?;
        Ok(Self { command, hash, objection: None })
    }

    /// Says what whoever takes it in has against it, having looked at what the one that orders does not look at. A command
    /// that was accepted before is answered as before all the same.
    pub fn object(&mut self, objection: Option<Rejection>) {
        self.objection = objection.map(Box::new);
    }

    /// What there is against it, before anything is looked at.
    pub fn objection(&self) -> Option<&Rejection> {
        self.objection.as_deref()
    }

    /// The hash of its wish.
    pub fn hash(&self) -> WishHash {
        self.hash
    }
}

impl Deref for Sealed {
    type Target = Command;
    fn deref(&self) -> &Command {
        &self.command
    }
}

#[cfg(test)]
mod tests {
    use rondo_domain::Role;
    use rondo_domain::network::{Grant, NetworkCommand};

    use super::*;

    fn grant(person: &str) -> Wish {
        let grant = Grant::of(Role::Auditor, None);
        Wish::Network { command: NetworkCommand::GrantRole { person: person.parse().unwrap(), grant } }
    }

    #[test]
    fn a_wish_keeps_its_hash_and_another_has_another() {
        let json = serde_json::to_string(&grant("one")).unwrap();
        let whole = hex::encode(Sha256::digest(json.as_bytes()));
        let hash = WishHash::of(&grant("one")).unwrap();
        assert_eq!(hash.to_string(), whole[..16]);
        // Recorded hashes are compared with it: see `WishHash` before this is changed.
        assert_eq!(json, r#"{"of":"network","command":{"grant-role":{"person":"one","grant":{"role":"auditor"}}}}"#);
        assert_ne!(WishHash::of(&grant("two")).unwrap(), hash);
        let again: WishHash = serde_json::from_str(&serde_json::to_string(&hash).unwrap()).unwrap();
        assert_eq!(again, hash);
        for wrong in ["\"\"", "\"0123456789ABCDEF\"", "\"+123456789abcdef\"", "7"] {
            assert!(serde_json::from_str::<WishHash>(wrong).is_err(), "{wrong}");
        }
    }
}
