//! The claim to a log: what ledgers on one broker say to one another, and the rule by which one of them has the log. Pure.
//!
//! A ledger first says that it asks, and asks who has the log; if nobody answers, it claims it, and leads once it has heard its own
//! claim come back. What another said before reaches it before its own next word does, so that it never leads without having
//! heard it. From then on it goes on saying that it leads; one that does not hear itself in time no longer has the log, and claims
//! anew, for as long as another could still believe to have it.
//!
//! The rule. Whoever does not lead and hears one that does, ends: the newcomer, and one that was paused or cut off while
//! another began. Of two that claim, one that led before goes before one that did not; then the one with more records; then the one
//! with the smaller instance. One that leads and hears such a one lead claims anew.

use std::collections::VecDeque;

use rondo_eventlog::Head;
use rondo_eventlog::merkle::Hash;
use serde::{Deserialize, Serialize};

/// How a ledger stands to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Stand {
    /// It is about to ask who has the log.
    Asks,
    /// It wants the log, and answers nobody yet.
    Claims,
    /// It has the log, and answers.
    Leads,
}

/// What a ledger says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claim {
    /// Drawn at its start.
    pub(crate) instance: String,
    /// The log's name.
    pub(crate) origin: String,
    pub(crate) size: u64,
    #[serde(with = "hex::serde")]
    pub(crate) root: Hash,
    pub(crate) stand: Stand,
    /// Whether it led before, since its start.
    pub(crate) led: bool,
    /// Counts what it says.
    pub(crate) serial: u64,
}

impl Claim {
    /// Whether this one goes before the other, where both stand alike.
    fn goes_before(&self, other: &Self) -> bool {
        let rank = |claim: &Self| (claim.led, claim.size);
        rank(self).cmp(&rank(other)).then_with(|| other.instance.cmp(&self.instance)).is_gt()
    }
}

impl std::fmt::Display for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let instance = self.instance.get(..8).unwrap_or(&self.instance);
        write!(f, "ledger {instance}, with {} records of {}", self.size, self.origin)
    }
}

/// What follows from hearing something.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Nothing yet.
    Wait,
    /// It says again how it stands, at once.
    Speak,
    /// Everybody has heard that it asks: it asks who has the log.
    Ask,
    /// It has the log, as of what it said itself.
    Hold,
    /// Another has the log.
    End(Claim),
}

/// One ledger's part in the rule.
#[derive(Debug)]
pub(crate) struct Claimant {
    instance: String,
    origin: String,
    stand: Stand,
    led: bool,
    serial: u64,
    /// The first serial that counts for how it stands now.
    since: u64,
    /// How often it has heard itself claim, and nobody else.
    heard: u32,
    /// How often it has to.
    needed: u32,
    /// How often, where another may still believe to have the log.
    patience: u32,
}

impl Claimant {
    /// A ledger that asks. Its `patience` is how often it says something, one after the other, until one that heard nothing
    /// meanwhile no longer believes to have the log.
    pub(crate) fn new(instance: String, origin: String, patience: u32) -> Self {
        let (stand, needed) = (Stand::Asks, patience);
        Self { instance, origin, stand, led: false, serial: 0, since: 0, heard: 0, needed, patience }
    }

    pub(crate) fn stand(&self) -> Stand {
        self.stand
    }

    pub(crate) fn is_own(&self, claim: &Claim) -> bool {
        claim.instance == self.instance
    }

    /// What it says next.
    pub(crate) fn says(&mut self, head: Head) -> Claim {
        self.serial += 1;
        self.now(head)
    }

    /// What it said last, with the head as it is now.
    pub(crate) fn now(&self, head: Head) -> Claim {
        let (instance, origin) = (self.instance.clone(), self.origin.clone());
        let Head { size, root } = head;
        Claim { instance, origin, size, root, stand: self.stand, led: self.led, serial: self.serial }
    }

    /// Nobody answered for the log: it claims it. `sure` says that nobody else can have had it on this broker.
    pub(crate) fn claims(&mut self, sure: bool) {
        self.begin(if sure { 1 } else { self.patience });
    }

    /// It was cut off, or did not hear itself in time.
    pub(crate) fn claims_anew(&mut self) {
        self.begin(self.patience);
    }

    fn begin(&mut self, needed: u32) {
        (self.stand, self.needed, self.heard, self.since) = (Stand::Claims, needed, 0, self.serial + 1);
    }

    /// It hears what somebody says, perhaps itself; `fresh` where that was said a short while ago.
    pub(crate) fn hears(&mut self, other: &Claim, fresh: bool, head: Head) -> Turn {
        if self.is_own(other) {
            return self.hears_itself(other.serial, fresh);
        }
        match (self.stand, other.stand) {
            (Stand::Asks | Stand::Claims, Stand::Leads) => Turn::End(other.clone()),
            (Stand::Asks, _) => Turn::Wait,
            (Stand::Claims, Stand::Claims) if other.goes_before(&self.now(head)) => Turn::End(other.clone()),
            (Stand::Claims, _) => {
                self.claims_anew();
                Turn::Speak
            }
            (Stand::Leads, Stand::Leads) if other.goes_before(&self.now(head)) => {
                // It may be an old word that was long on its way: asked anew, whoever has the log says so again.
                self.claims_anew();
                Turn::Speak
            }
            (Stand::Leads, _) => Turn::Speak,
        }
    }

    fn hears_itself(&mut self, serial: u64, fresh: bool) -> Turn {
        if serial < self.since {
            return Turn::Wait;
        }
        match self.stand {
            Stand::Asks => Turn::Ask,
            _ if !fresh => {
                self.claims_anew();
                Turn::Wait
            }
            Stand::Leads => Turn::Hold,
            Stand::Claims => {
                self.heard += 1;
                if self.heard < self.needed {
                    return Turn::Wait;
                }
                (self.stand, self.led, self.since) = (Stand::Leads, true, serial);
                Turn::Hold
            }
        }
    }
}

/// The latest things said, with when: what comes back of them says how long ago nobody else had the log.
#[derive(Debug)]
pub(crate) struct Said<T>(VecDeque<(u64, T)>);

impl<T> Default for Said<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> Said<T> {
    /// As many as may be on their way.
    const MOST: usize = 64;

    pub(crate) fn push(&mut self, serial: u64, when: T) {
        if self.0.len() == Self::MOST {
            self.0.pop_front();
        }
        self.0.push_back((serial, when));
    }

    /// When this was said; what was said before it is forgotten.
    pub(crate) fn take(&mut self, serial: u64) -> Option<T> {
        while self.0.front().is_some_and(|(said, _)| *said <= serial) {
            if let Some((said, when)) = self.0.pop_front()
                && said == serial
            {
                return Some(when);
            }
        }
        None
    }
}

#[cfg(test)]
mod model;
