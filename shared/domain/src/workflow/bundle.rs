//! A workflow's files as one value, whose hash pins a round to exactly these texts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Problem;
use crate::FileHash;

/// The largest bundle taken, in bytes.
pub const MAX_BUNDLE: usize = 8 * 1024 * 1024;

/// The files of a workflow folder, by their path inside it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Bundle {
    files: BTreeMap<String, String>,
}

/// Why bytes are not a bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Too large.
    #[error("the workflow's files have {0} bytes, more than the {MAX_BUNDLE} taken")]
    TooLarge(usize),
    /// Not the stored form.
    #[error("the stored workflow cannot be read")]
    Malformed(#[from] serde_json::Error),
}

impl Bundle {
    /// A bundle of these files.
    ///
    /// # Errors
    /// When they are too large.
    pub fn new(files: BTreeMap<String, String>) -> Result<Self, BundleError> {
        let size = files.iter().map(|(path, text)| path.len() + text.len()).sum();
        if size > MAX_BUNDLE { Err(BundleError::TooLarge(size)) } else { Ok(Self { files }) }
    }

    /// The bundle that these stored bytes are.
    ///
    /// # Errors
    /// When they are none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BundleError> {
        if bytes.len() > 2 * MAX_BUNDLE {
            return Err(BundleError::TooLarge(bytes.len()));
        }
        Self::new(serde_json::from_slice::<Self>(bytes)?.files)
    }

    /// The stored form: one JSON object, files in the order of their paths.
    pub fn to_bytes(&self) -> Vec<u8> {
        // A map of strings always has a JSON form.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The hash that pins it.
    pub fn hash(&self) -> FileHash {
        FileHash::of(&self.to_bytes())
    }

    /// A file's text.
    ///
    /// # Errors
    /// That the file is missing.
    pub fn text(&self, path: &str) -> Result<&str, Problem> {
        self.files
            .get(path)
            .map(String::as_str)
            .ok_or_else(|| Problem::of_file(path, "this file is missing from the workflow folder"))
    }

    /// Every file, by its path.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The files below a folder, with the folder cut off their names.
    pub fn below<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.files
            .iter()
            .filter_map(move |(path, text)| Some((path.strip_prefix(folder)?.strip_prefix('/')?, text.as_str())))
    }
}
