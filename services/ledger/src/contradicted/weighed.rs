//! A word against this log, weighed before it is believed: by what is shown for it, by how the log has grown meanwhile, and by what the
//! log itself says is lost. Pure: whoever asks brings what was shown and what the journal says of it.

use rondo_eventlog::Head;
use rondo_eventlog::merkle::{Checkpoint, Verifier};

use crate::loss::Loss;

/// A checkpoint of this log that somebody shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// What it signs.
    pub head: Head,
    /// The key of the log that signed it, in vkey form.
    pub key: String,
}

/// What a note shows of a log, if one of its keys (in vkey form) signed it.
pub fn shown(note: &str, keys: &[String]) -> Option<Shown> {
    keys.iter().find_map(|vkey| {
        let key = Verifier::from_vkey(vkey).ok()?;
        Some(Shown { head: Checkpoint::open(note, &key).ok()?.head, key: vkey.clone() })
    })
}

/// What remains of a word against the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weighed {
    /// The log has what it speaks of by now: it was asked about an older checkpoint.
    Overtaken {
        /// Whether it shows that itself, and so agrees with the log.
        agrees: bool,
    },
    /// It speaks of what the log itself says is lost, from before this record on.
    Lost {
        /// How many records were left then.
        kept: u64,
    },
    /// A key of the log signed what the log does not extend.
    Proven,
    /// Nothing shows that it is so, and nothing that it is not.
    Said,
}

/// Weighs the word that somebody has seen so many records of this log, or others. `shown` is what they show for it, and whether the
/// journal extends that; `is_grown`, whether the log has signed so many records by now and had fewer when it was asked.
pub fn weigh(seen: u64, shown: Option<(&Shown, bool)>, losses: &[Loss], is_grown: bool) -> Weighed {
    match shown {
        Some((shown, true)) if shown.head.size >= seen => return Weighed::Overtaken { agrees: true },
        Some((shown, false)) => match losses.iter().find(|loss| loss.excuses(&shown.key, &shown.head)) {
            None => return Weighed::Proven,
            Some(loss) if shown.head.size >= seen => return Weighed::Lost { kept: loss.kept },
            // An older one than the word is about answers nothing.
            Some(_) => {}
        },
        _ => {}
    }
    if is_grown { Weighed::Overtaken { agrees: false } } else { Weighed::Said }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_believed_by_what_is_shown_and_excused_by_what_the_log_says_is_lost() {
        let by = |key: &str, size: u64| Shown { head: Head { size, root: [size as u8; 32] }, key: key.to_owned() };
        let loss = |was: &str, kept: u64, signed: Option<u64>| Loss {
            kept,
            signed,
            root: signed.map(|size| hex::encode([size as u8; 32])),
            acknowledged: None,
            heard: Vec::new(),
            was: was.to_owned(),
            is: "new".to_owned(),
            reason: String::new(),
        };
        let weigh = |seen: u64, shown: Option<(Shown, bool)>, losses: &[Loss], grown: bool| {
            weigh(seen, shown.as_ref().map(|(shown, extends)| (shown, *extends)), losses, grown)
        };
        assert_eq!(weigh(7, None, &[], false), Weighed::Said);
        assert_eq!(weigh(7, None, &[], true), Weighed::Overtaken { agrees: false });
        assert_eq!(weigh(7, Some((by("new", 7), true)), &[], false), Weighed::Overtaken { agrees: true });
        assert_eq!(weigh(7, Some((by("new", 5), true)), &[], false), Weighed::Said, "an older one answers nothing");
        // Whichever of its keys signed it.
        for key in ["new", "old", "retired"] {
            assert_eq!(weigh(7, Some((by(key, 7), false)), &[], false), Weighed::Proven, "{key}");
        }
        let lost = [loss("old", 5, Some(8))];
        assert_eq!(weigh(7, Some((by("old", 7), false)), &lost, false), Weighed::Lost { kept: 5 });
        assert_eq!(weigh(9, Some((by("old", 7), false)), &lost, false), Weighed::Said);
        assert_eq!(weigh(4, Some((by("old", 4), false)), &lost, false), Weighed::Proven, "what was not lost");
        assert_eq!(weigh(7, Some((by("new", 7), false)), &lost, false), Weighed::Proven, "the new key lost nothing");
        // What a key before that one signed is excused where the log names it.
        assert_eq!(weigh(8, Some((by("retired", 8), false)), &lost, false), Weighed::Lost { kept: 5 });
        assert_eq!(weigh(7, Some((by("retired", 7), false)), &lost, false), Weighed::Proven);
        // Another history that is no longer than this one.
        let other = [loss("old", 9, Some(8))];
        assert_eq!(weigh(8, Some((by("old", 8), false)), &other, false), Weighed::Lost { kept: 9 });
    }
}
