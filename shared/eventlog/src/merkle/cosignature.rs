//! Cosignatures (C2SP tlog-cosignature, Ed25519): a witness says that, at a time, this was the newest tree it had seen of a
//! log, and that it extends every one before.

use ed25519_dalek::{Signature, VerifyingKey};
use jiff::Timestamp;

use super::note::{NoteError, key_id, read_vkey, signatures};

/// The signature type of a timestamped Ed25519 cosignature.
const COSIGNATURE: u8 = 0x04;

/// A witness's public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigner {
    name: String,
    key: VerifyingKey,
}

impl Cosigner {
    /// Reads a vkey of the type of cosignatures.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_vkey(vkey: &str) -> Result<Self, NoteError> {
        let (name, key) = read_vkey(vkey, COSIGNATURE)?;
        Ok(Self { name: name.to_owned(), key })
    }

    /// The witness's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The bytes of the key, by which a witness counts once whatever its names.
    pub fn public(&self) -> [u8; 32] {
        self.key.to_bytes()
    }

    fn id(&self) -> [u8; 4] {
        key_id(&self.name, COSIGNATURE, &self.key.to_bytes())
    }

    /// When this witness cosigned the note, if it did.
    ///
    /// # Errors
    /// When the note is none, or carries a cosignature by this witness that does not fit.
    pub fn cosigned(&self, note: &str) -> Result<Option<Timestamp>, NoteError> {
        let (text, lines) = signatures(note)?;
        for (name, signature) in lines {
            if name != self.name || signature.get(..4) != Some(&self.id()[..]) {
                continue;
            }
            let bad = || NoteError::BadSignature(self.name.clone());
            let (time, signature) = signature[4..].split_first_chunk::<8>().ok_or_else(bad)?;
            let time = u64::from_be_bytes(*time);
            let at = i64::try_from(time).ok().and_then(|time| Timestamp::from_second(time).ok()).ok_or_else(bad)?;
            let signature = Signature::from_slice(signature).map_err(|_| bad())?;
            let message = format!("cosignature/v1\ntime {time}\n{text}");
            return self.key.verify_strict(message.as_bytes(), &signature).map(|()| Some(at)).map_err(|_| bad());
        }
        Ok(None)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use ed25519_dalek::{Signer as _, SigningKey};

    use super::*;

    /// A witness's private half, as only tests have one.
    pub(crate) struct Witness {
        pub(crate) name: &'static str,
        pub(crate) key: SigningKey,
    }

    impl Witness {
        pub(crate) fn new(name: &'static str, secret: u8) -> Self {
            Self { name, key: SigningKey::from_bytes(&[secret; 32]) }
        }

        pub(crate) fn vkey(&self) -> String {
            let key = self.key.verifying_key();
            let id = Cosigner { name: self.name.to_owned(), key }.id();
            let bytes = [&[COSIGNATURE][..], &key.to_bytes()].concat();
            format!("{}+{}+{}", self.name, hex::encode(id), STANDARD.encode(bytes))
        }

        pub(crate) fn cosign(&self, text: &str, time: u64) -> String {
            let id = Cosigner { name: self.name.to_owned(), key: self.key.verifying_key() }.id();
            let signature = self.key.sign(format!("cosignature/v1\ntime {time}\n{text}").as_bytes());
            let bytes = [&id[..], &time.to_be_bytes(), &signature.to_bytes()].concat();
            format!("\u{2014} {} {}\n", self.name, STANDARD.encode(bytes))
        }
    }

    #[test]
    fn a_cosignature_is_of_its_witness_its_time_and_its_text() {
        let log = super::super::Signer::new("rondo.example/log", &[7; 32]).unwrap();
        let text = "rondo.example/log\n5\nAAAA\n";
        let (one, two) = (Witness::new("witness.example/one", 1), Witness::new("witness.example/two", 2));
        let note = format!("{}{}", log.sign(text), one.cosign(text, 1_700_000_000));
        let cosigner = Cosigner::from_vkey(&one.vkey()).unwrap();
        assert_eq!(cosigner.cosigned(&note).unwrap(), Some(Timestamp::from_second(1_700_000_000).unwrap()));
        assert_eq!(Cosigner::from_vkey(&two.vkey()).unwrap().cosigned(&note).unwrap(), None);
        let altered = note.replace("\n5\n", "\n6\n");
        assert!(matches!(cosigner.cosigned(&altered), Err(NoteError::BadSignature(_))));
        assert!(Cosigner::from_vkey(&log.verifier().vkey()).is_err(), "a log's key is no witness's");
        assert!(log.verifier().open(&note).is_ok(), "the log's own signature stands beside it");
    }
}
