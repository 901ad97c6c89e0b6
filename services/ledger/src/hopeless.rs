//! Which failures no other start mends, so that a service manager need not try one again and again.

use crate::directory::OpenError;
use crate::journal::JournalError;
use crate::key::KeyError;
use crate::memory::MemoryError;
use crate::notary::NotaryError;
use crate::scrub::ScrubError;

impl OpenError {
    /// Whether what lies in the directory has to be seen to by a person, so that the same start ends the same way each time: it is
    /// damaged, altered, older than what was signed, missing, or left half done.
    pub fn needs_a_person(&self) -> bool {
        use MemoryError as M;
        use NotaryError as N;
        let is_damage = |error: &JournalError| matches!(error, JournalError::Damaged { .. });
        match self {
            Self::Foreign(_) | Self::KeysAlone { .. } | Self::JournalMissing(_) | Self::NoteMissing(_) => true,
            Self::HalfCopied(_) => true,
            Self::Contradicted { .. } | Self::Contradiction { .. } | Self::Disputed { .. } => true,
            Self::Damaged(_) => true,
            Self::BadNote { .. } | Self::Unreadable { .. } | Self::Scrub(ScrubError::Altered(_)) => true,
            Self::Notary(N::DoesNotExtend { .. } | N::Differs(_) | N::Key(KeyError::Bad(_) | KeyError::Missing(_))) => {
                true
            }
            Self::Notary(N::Memory(M::Missing(_) | M::Continuing(_) | M::Older { .. } | M::Bad(_))) => true,
            Self::Notary(N::Key(KeyError::File(error))) => error.is_missing(),
            Self::Journal(error) | Self::Scrub(ScrubError::Journal(error)) | Self::Notary(N::Journal(error)) => {
                is_damage(error)
            }
            _ => false,
        }
    }
}
