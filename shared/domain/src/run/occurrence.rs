//! One occurrence of a step, and what makes it itself.

use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};

use crate::StepId;

/// One occurrence of a step: the step and its nominal time or cause, so that two firings are one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Occurrence {
    /// The step.
    pub step: StepId,
    /// What makes this occurrence itself: a milestone, a cron time, or the word of the event that caused it with
    /// what tells that event from others. A step whose deadline was
    /// moved after its time had come occurs again, as `deadline+1`, `deadline+2`.
    pub of: SmolStr,
}

impl Occurrence {
    /// The occurrence that comes in the place of this one, its deadline having been moved.
    #[must_use]
    pub fn again(&self) -> Self {
        Self { step: self.step.clone(), of: format_smolstr!("{}+{}", self.cause(), self.times() + 1) }
    }

    /// The milestone, time or event that it is of.
    pub fn cause(&self) -> &str {
        self.parts().map_or(&self.of, |(cause, _)| cause)
    }

    /// How many came before it of the same cause.
    pub fn times(&self) -> u32 {
        self.parts().map_or(0, |(_, times)| times)
    }

    fn parts(&self) -> Option<(&str, u32)> {
        let (cause, times) = self.of.rsplit_once('+')?;
        Some((cause, times.parse().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_again_has_the_same_cause() {
        let first = Occurrence { step: "remind".parse().unwrap(), of: "deadline".into() };
        let second = first.again();
        assert_eq!((second.of.as_str(), second.cause(), second.times()), ("deadline+1", "deadline", 1));
        assert_eq!(second.again().of, "deadline+2");
        let odd = Occurrence { of: "a+b".into(), ..first };
        assert_eq!((odd.cause(), odd.times()), ("a+b", 0));
    }
}
