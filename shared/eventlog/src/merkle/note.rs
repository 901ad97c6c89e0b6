//! Signed notes (C2SP signed-note): a text, an empty line, and signature lines; keys in vkey form. What Go's `sumdb/note`
//! calls malformed is malformed here.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

/// The signature type of plain Ed25519.
const ED25519: u8 = 0x01;
/// The most signature lines a note may have, as in Go's `sumdb/note`.
const MAX_SIGNATURES: usize = 100;
/// The longest note that is read, in bytes.
const MAX_NOTE: usize = 1_000_000;
/// The shortest signature in bytes: four of the key's id, and one of whatever was signed with it.
const MIN_SIGNATURE: usize = 5;

/// Why a note or a key is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The key's name is empty or holds a space or a plus sign.
    #[error("`{0}` cannot be a key's name: it is empty, or holds white space or '+'")]
    BadName(String),
    /// The text is not a vkey.
    #[error("this is not a public key in vkey form")]
    BadKey,
    /// The text is not a signed note, or the note no checkpoint.
    #[error("this is not a signed note: {0}")]
    Malformed(&'static str),
    /// No signature by the key.
    #[error("the note has no signature by {0}")]
    Unsigned(String),
    /// Signed under the name of the key by another one.
    #[error(
        "the note is signed under the name {name} by another key than those given, with the id {id}. A log that changed its key has several: give them all (`rondo audit key list --plain` prints them)"
    )]
    OtherKey {
        /// The name.
        name: String,
        /// The id of the key that signed, in hexadecimal.
        id: String,
    },
    /// The signature does not fit the text.
    #[error("the signature by {0} does not fit the text")]
    BadSignature(String),
}

/// The id of a key of a signature type under a name.
pub(super) fn key_id(name: &str, kind: u8, public: &[u8; 32]) -> [u8; 4] {
    let hash =
        Sha256::new().chain_update(name).chain_update(b"\n").chain_update([kind]).chain_update(public).finalize();
    [hash[0], hash[1], hash[2], hash[3]]
}

/// Reads a vkey of a signature type: name, key id in hexadecimal and key in base64, joined by plus signs.
///
/// # Errors
/// When it is none, or one of another type.
pub(super) fn read_vkey(vkey: &str, kind: u8) -> Result<(&str, VerifyingKey), NoteError> {
    let mut parts = vkey.trim_end().splitn(3, '+');
    let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(NoteError::BadKey);
    };
    check_name(name)?;
    let key = STANDARD.decode(key).map_err(|_| NoteError::BadKey)?;
    let (found, public) = key.split_first().ok_or(NoteError::BadKey)?;
    let public: [u8; 32] = public.try_into().map_err(|_| NoteError::BadKey)?;
    if *found != kind || hex::encode(key_id(name, kind, &public)) != id {
        return Err(NoteError::BadKey);
    }
    Ok((name, VerifyingKey::from_bytes(&public).map_err(|_| NoteError::BadKey)?))
}

fn check_name(name: &str) -> Result<(), NoteError> {
    if is_name(name) { Ok(()) } else { Err(NoteError::BadName(name.to_owned())) }
}

/// Whether a text may be the name of a key.
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c < ' ' || c == '+')
}

/// A private key that signs notes under a name.
pub struct Signer {
    name: String,
    key: SigningKey,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({})", self.name)
    }
}

impl Signer {
    /// A signer from the 32 secret bytes of an Ed25519 key (RFC 8032).
    ///
    /// # Errors
    /// When the name cannot be a key's.
    pub fn new(name: &str, secret: &[u8; 32]) -> Result<Self, NoteError> {
        check_name(name)?;
        Ok(Self { name: name.to_owned(), key: SigningKey::from_bytes(secret) })
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The public half.
    pub fn verifier(&self) -> Verifier {
        Verifier { name: self.name.clone(), key: self.key.verifying_key() }
    }

    /// The note: the text, which ends in a line end, and a signature.
    pub fn sign(&self, text: &str) -> String {
        let public = self.key.verifying_key().to_bytes();
        let mut signature = key_id(&self.name, ED25519, &public).to_vec();
        signature.extend(self.key.sign(text.as_bytes()).to_bytes());
        format!("{text}\n\u{2014} {} {}\n", self.name, STANDARD.encode(signature))
    }
}

/// Signatures of a note: whose, and the bytes of key id and signature.
type Signatures<'n> = Vec<(&'n str, Vec<u8>)>;

/// The text of a note, its line end included, and its signatures: whose, and the bytes of key id and signature.
///
/// # Errors
/// When it is no note, with the reason. A line that is none of ours has to be well formed too.
pub(super) fn signatures(note: &str) -> Result<(&str, Signatures<'_>), NoteError> {
    let malformed = |why| Err(NoteError::Malformed(why));
    if note.len() > MAX_NOTE {
        return malformed("it is longer than any");
    }
    if note.chars().any(|c| c < ' ' && c != '\n') {
        return malformed("it holds a control character");
    }
    // The last empty line stands before the signatures, each of which ends in a line end.
    let Some((text, lines)) = note.rsplit_once("\n\n") else {
        return malformed("no empty line stands before its signatures");
    };
    let text = &note[..=text.len()];
    let Some(lines) = lines.strip_suffix('\n') else { return malformed("its last line does not end in a line end") };
    let mut found = Vec::new();
    for line in lines.split('\n') {
        if found.len() == MAX_SIGNATURES {
            return malformed("it has more than 100 signatures");
        }
        let Some((name, signature)) = line.strip_prefix("\u{2014} ").and_then(|line| line.split_once(' ')) else {
            return malformed("a line below its text is not a signature line");
        };
        if !is_name(name) {
            return malformed("a signature stands under a name that no key can have");
        }
        let Ok(signature) = STANDARD.decode(signature) else { return malformed("a signature is not in base64") };
        if signature.len() < MIN_SIGNATURE {
            return malformed("a signature is too short to be one");
        }
        found.push((name, signature));
    }
    Ok((text, found))
}

/// A public key that checks notes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    key: VerifyingKey,
}

impl Verifier {
    /// Reads a vkey: name, key id in hexadecimal and key in base64, joined by plus signs.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_vkey(vkey: &str) -> Result<Self, NoteError> {
        let (name, key) = read_vkey(vkey, ED25519)?;
        Ok(Self { name: name.to_owned(), key })
    }

    /// The key in vkey form.
    pub fn vkey(&self) -> String {
        let public = self.key.to_bytes();
        let mut key = vec![ED25519];
        key.extend(public);
        format!("{}+{}+{}", self.name, hex::encode(key_id(&self.name, ED25519, &public)), STANDARD.encode(key))
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The bytes of the key.
    pub fn public(&self) -> [u8; 32] {
        self.key.to_bytes()
    }

    /// The text of a note that this key signed.
    ///
    /// # Errors
    /// When it is no note, is not signed by this key, or the signature does not fit.
    pub fn open<'n>(&self, note: &'n str) -> Result<&'n str, NoteError> {
        let (text, lines) = signatures(note)?;
        let id = key_id(&self.name, ED25519, &self.key.to_bytes());
        let mut other = None;
        for (name, signature) in lines {
            if name != self.name || signature.get(..4) != Some(&id[..]) {
                let theirs = signature.get(..4).filter(|_| name == self.name).map(hex::encode);
                other = other.or(theirs);
                continue;
            }
            let bad = || NoteError::BadSignature(self.name.clone());
            let signature = Signature::from_slice(&signature[4..]).map_err(|_| bad())?;
            return self.key.verify_strict(text.as_bytes(), &signature).map(|()| text).map_err(|_| bad());
        }
        let name = self.name.clone();
        Err(other
            .map_or_else(|| NoteError::Unsigned(name.clone()), |id| NoteError::OtherKey { name: name.clone(), id }))
    }
}

#[cfg(test)]
mod tests {
    use signed_note::{Note, StandardVerifier, VerifierList};

    use super::*;

    #[test]
    fn an_independent_library_opens_our_note_and_refuses_an_altered_one() {
        let signer = Signer::new("rondo.example/log", &[7; 32]).unwrap();
        let note = signer.sign("rondo.example/log\n5\nabc\n");
        let theirs = || VerifierList::new(vec![Box::new(StandardVerifier::new(&signer.verifier().vkey()).unwrap())]);
        assert!(Note::from_bytes(note.as_bytes()).unwrap().verify(&theirs()).is_ok());
        let altered = note.replace("\n5\n", "\n6\n");
        assert!(Note::from_bytes(altered.as_bytes()).unwrap().verify(&theirs()).is_err());
        let ours = Verifier::from_vkey(&signer.verifier().vkey()).unwrap();
        assert_eq!(ours.open(&note).unwrap(), "rondo.example/log\n5\nabc\n");
        assert_eq!(ours.open(&altered), Err(NoteError::BadSignature("rondo.example/log".to_owned())));
        assert!(matches!(ours.open(note.trim_end()), Err(NoteError::Malformed(_))), "its last line end was cut off");
    }
}
