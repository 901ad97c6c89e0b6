//! What a postponed mail waits for: a value, beside the sentence that people read.

use serde::{Deserialize, Serialize};

/// What a postponed mail waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaitsFor {
    /// The hour at which its recipient is at work.
    Hours,
    /// A calendar that says when that is.
    Calendar,
    /// Its recipient to be in the register of people.
    Register,
    /// A file to be read that has come.
    Reading,
    /// Its recipient to be reached again, whose mail came back.
    Contact,
}

impl WaitsFor {
    /// What a record waits for that says it in words alone, as far as anything goes by it: records before this was a value.
    pub(super) fn told_by(reason: &str) -> Option<Self> {
        if reason.starts_with("nobody knows when people are at work") {
            Some(Self::Calendar)
        } else if reason == "its recipient is not in the register of people" {
            Some(Self::Register)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_says_it_in_words_alone_is_understood() {
        assert_eq!(
            WaitsFor::told_by("nobody knows when people are at work: no holidays of 2030"),
            Some(WaitsFor::Calendar)
        );
        assert_eq!(WaitsFor::told_by("its recipient is not in the register of people"), Some(WaitsFor::Register));
        assert_eq!(WaitsFor::told_by("work begins at 08:30 in THA"), None);
    }
}
