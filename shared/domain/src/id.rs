//! Identifiers: each has its own type and is checked when it is made, so that no later code has to doubt it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::text::as_text;

/// Why a text is not an identifier of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} `{text}` is not valid: {rule}")]
pub struct InvalidId {
    /// What was wanted, for example `country`.
    pub kind: &'static str,
    /// What was found, cut to 80 characters.
    pub text: String,
    /// The rule it breaks, in words.
    pub rule: &'static str,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $max:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let check: fn(&str) -> bool = $check;
                if text.is_empty() || text.len() > $max || !check(text) {
                    return Err(InvalidId { kind: $kind, text: text.chars().take(80).collect(), rule: $rule });
                }
                Ok(Self(Arc::from(text)))
            }
        }

        as_text!($name);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

fn slug(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.')
        && !text.starts_with(['-', '.'])
}

fn upper(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

text_id!(
    /// A round, for example `ilms-asean-2025`: lower-case letters, digits, `-` and `.`.
    RoundId, "round", 64, "lower-case letters, digits, '-' and '.', at most 64", slug
);
text_id!(
    /// A person, known in the log by this id alone; the name lives in the erasable register.
    PersonId, "person", 64, "lower-case letters, digits, '-' and '.', at most 64", slug
);
text_id!(
    /// An institution, for example `lao-molsw`.
    InstitutionId, "institution", 64, "lower-case letters, digits, '-' and '.', at most 64", slug
);
text_id!(
    /// A workflow definition, for example `ilms-asean`.
    WorkflowId, "workflow", 64, "lower-case letters, digits, '-' and '.', at most 64", slug
);
text_id!(
    /// A step of a workflow, for example `invite`.
    StepId, "step", 64, "lower-case letters, digits, '-' and '.', at most 64", slug
);
text_id!(
    /// A milestone of a workflow, for example `deadline`.
    MilestoneId, "milestone", 64, "lower-case letters, digits, '-' and '.', at most 64", slug
);
text_id!(
    /// A release, for example `ilms-asean-2025.1`.
    ReleaseId, "release", 64, "lower-case letters, digits, '-' and '.', at most 64", slug
);
text_id!(
    /// A submission, one received file or declaration.
    SubmissionId, "submission", 64, "lower-case letters, digits, '-' and '.', at most 64", slug
);
text_id!(
    /// A notice: one mail to one person for one occasion.
    NoticeId, "notice", 96, "lower-case letters, digits, '-' and '.', at most 96", slug
);
text_id!(
    /// A query: a question to a country about figures.
    QueryId, "query", 64, "lower-case letters, digits, '-' and '.', at most 64", slug
);
text_id!(
    /// A place in a country whose working days differ from the country's, ISO 3166-2, for example `MY-03` (Kelantan).
    PlaceId, "place", 6, "an ISO 3166-2 code, for example MY-03",
    |t| {
        let (country, rest) = t.split_at_checked(3).unwrap_or(("", t));
        let country = country.strip_suffix('-').unwrap_or_default();
        country.len() == 2 && country.bytes().all(|b| b.is_ascii_uppercase())
            && rest.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
            && !rest.is_empty()
    }
);
text_id!(
    /// A country or area, ISO 3166-1 alpha-3, for example `LAO`.
    Country, "country", 3, "three capital letters (ISO 3166-1 alpha-3)",
    |t| t.len() == 3 && t.bytes().all(|b| b.is_ascii_uppercase())
);
text_id!(
    /// An ILOSTAT indicator code, for example `MNA_OEMP_SEX_CDS_NB`.
    Indicator, "indicator", 40, "capital letters, digits and '_', at most 40", upper
);
text_id!(
    /// An ILOSTAT source code, type and number, for example `BA:741`.
    Source, "source", 16, "two capital letters, ':' and a number",
    |t| matches!(t.split_once(':'), Some((kind, number))
        if kind.len() == 2 && kind.bytes().all(|b| b.is_ascii_uppercase())
            && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
);
text_id!(
    /// An item of a classification, for example `CDS_DES_KOR` or `OCU_SKILL_L3-4`.
    Code, "code", 40, "letters, digits, '_' and '-', at most 40",
    |t| t.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
);
text_id!(
    /// The SHA-256 of a received file, 64 lower-case hexadecimal digits.
    FileHash, "file hash", 64, "64 lower-case hexadecimal digits",
    |t| t.len() == 64 && t.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
);

impl FileHash {
    /// The hash of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Arc::from(hex::encode(Sha256::digest(bytes))))
    }
}

/// A command's identity, 128 bits; the same cause always gives the same one, so that a repeated command is recognised.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub [u8; 16]);

impl CommandId {
    /// The id born of a cause: SHA-256 over the parts, each preceded by its length, cut to 128 bits.
    pub fn of(parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let mut id = [0; 16];
        id.copy_from_slice(&hash.finalize()[..16]);
        Self(id)
    }
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 32];
        hex::encode_to_slice(self.0, &mut digits).map_err(|_| fmt::Error)?;
        f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CommandId({self})")
    }
}

impl FromStr for CommandId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let mut id = [0; 16];
        hex::decode_to_slice(text, &mut id).map_err(|_| InvalidId {
            kind: "command id",
            text: text.chars().take(80).collect(),
            rule: "32 hexadecimal digits",
        })?;
        Ok(Self(id))
    }
}

as_text!(CommandId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_texts_are_refused() {
        for text in ["", "lao", "LAOS", "L\nO", "Ä", "../x"] {
            assert!(text.parse::<Country>().is_err(), "{text:?}");
            assert!(text == "lao" || text.parse::<RoundId>().is_err(), "{text:?}");
        }
        assert!("BA:741".parse::<Source>().is_ok());
        assert!("BA:".parse::<Source>().is_err());
        assert!("OCU_SKILL_L3-4".parse::<Code>().is_ok());
    }

    #[test]
    fn command_ids_tell_parts_apart() {
        assert_ne!(CommandId::of(&["ab", "c"]), CommandId::of(&["a", "bc"]));
        assert_eq!(CommandId::of(&["a"]), CommandId::of(&["a"]));
    }
}
