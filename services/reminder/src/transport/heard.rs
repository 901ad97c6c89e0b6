//! Whom a mail server's word is about that may be about one recipient or about us.

use lettre::Address;
use rondo_domain::notice::{About, Hindrance, Refusal};

use super::Outcome;

/// What a server said of mails until now, as far as it tells what its next word means.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// Whether a mail was ever taken: before, a refusal to pass mail on, or to take it from whom it does not know, is about us.
    has_taken: bool,
    /// At which recipient the server last said something that may be about them or about us, and whom it was taken to be about, if
    /// nothing else was said since. What it says at two recipients in a row is about us, and stays so until it says anything else.
    said: Option<(Option<Address>, Whose)>,
}

/// Whom a word is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Theirs,
    Ours,
}

impl Heard {
    /// What an outcome at a recipient means for us.
    pub(super) fn judged(&mut self, outcome: Outcome, to: Option<&Address>) -> Outcome {
        let is_of_two = |refusal: &Refusal| {
            matches!(refusal.hindrance, Some(Hindrance::Relay | Hindrance::Login | Hindrance::Unavailable))
        };
        let (refusal, is_for_now) = match outcome {
            Outcome::Refused(refusal) if is_of_two(&refusal) => (refusal, false),
            Outcome::RefusedForNow(refusal) if is_of_two(&refusal) => (refusal, true),
            Outcome::Refused(refusal) | Outcome::RefusedForNow(refusal) if refusal.about == About::Server => {
                return Outcome::Unavailable(refusal);
            }
            other => {
                self.has_taken |= other == Outcome::Accepted;
                self.said = None;
                return other;
            }
        };
        let never_took = !is_for_now && !self.has_taken;
        let goes_on = match &self.said {
            Some((_, Whose::Ours)) => true,
            Some((before, Whose::Theirs)) => before.as_ref() != to,
            None => false,
        };
        let whose = if never_took || goes_on { Whose::Ours } else { Whose::Theirs };
        self.said = Some((to.cloned(), whose));
        match whose {
            Whose::Ours => Outcome::Unavailable(refusal),
            Whose::Theirs if is_for_now => {
                Outcome::RefusedForNow(Refusal::of(Hindrance::Busy, refusal.code, &refusal.reply))
            }
            Whose::Theirs => Outcome::Refused(Refusal::of(Hindrance::Policy, refusal.code, &refusal.reply)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(heard: &mut Heard, outcome: Outcome, to: &str) -> Outcome {
        heard.judged(outcome, Some(&to.parse().unwrap()))
    }

    #[test]
    fn what_a_server_says_at_two_recipients_costs_no_mail_until_it_says_anything_else() {
        let (one, two) = ("one@office.example", "two@office.example");
        let wants_login = || Outcome::Refused(Refusal::of(Hindrance::Login, 530, "5.7.0 authenticate first"));
        let ends = || Outcome::RefusedForNow(Refusal::of(Hindrance::Unavailable, 421, "closing"));
        for word in [wants_login as fn() -> Outcome, ends] {
            let mut heard = Heard::default();
            assert_eq!(says(&mut heard, Outcome::Accepted, one), Outcome::Accepted);
            let first = says(&mut heard, word(), one);
            assert!(matches!(first, Outcome::Refused(_) | Outcome::RefusedForNow(_)), "it may be theirs: {first:?}");
            // The last mail that waits is tried again and again.
            for to in [two, two, two, one, two] {
                let judged = says(&mut heard, word(), to);
                assert!(matches!(judged, Outcome::Unavailable(_)), "{to}: {judged:?}");
            }
            // The server takes one again: its next word may be about a recipient.
            assert_eq!(says(&mut heard, Outcome::Accepted, one), Outcome::Accepted);
            let judged = says(&mut heard, word(), two);
            assert!(matches!(judged, Outcome::Refused(_) | Outcome::RefusedForNow(_)), "{judged:?}");
            // It says so of the same recipient again, and of no other.
            let judged = says(&mut heard, word(), two);
            assert!(matches!(judged, Outcome::Refused(_) | Outcome::RefusedForNow(_)), "{judged:?}");
        }
        // Who never took a mail speaks of us.
        let mut heard = Heard::default();
        assert!(matches!(says(&mut heard, wants_login(), one), Outcome::Unavailable(_)));
    }
}
