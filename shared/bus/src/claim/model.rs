//! The rule of the claim, held against ledgers that begin together and are paused at will, over a broker that is in no hurry.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

/// The pause between two words, how long a word that came back counts, and so many words take longer than that.
const BEAT: u64 = 4;
const LEASE: u64 = 12;
const PATIENCE: u32 = 5;

fn head(size: u64) -> Head {
    Head { size, root: [0; 32] }
}

struct One {
    claimant: Claimant,
    size: u64,
    said: Said<u64>,
    spoke: Option<u64>,
    /// Until when it believes to have the log.
    until: u64,
    /// Whether it answers those who ask who has the log.
    answers: bool,
    ended: bool,
    /// What it said and the broker has not taken yet, what the broker is handing out, and what waits to be heard.
    out: VecDeque<Claim>,
    under_way: Option<(Claim, Vec<usize>)>,
    waits: VecDeque<Claim>,
}

impl One {
    fn new(n: usize, size: u64) -> Self {
        Self {
            claimant: Claimant::new(format!("i{n}"), "log".to_owned(), PATIENCE),
            size,
            said: Said::default(),
            spoke: None,
            until: 0,
            answers: false,
            ended: false,
            out: VecDeque::new(),
            under_way: None,
            waits: VecDeque::new(),
        }
    }

    fn says(&mut self, now: u64) {
        let claim = self.claimant.says(head(self.size));
        self.said.push(claim.serial, now);
        self.out.push_back(claim);
    }
}

/// A broker that hands out each word to one queue after the other, in an order that the case draws, at any time.
struct Broker {
    now: u64,
    ledgers: Vec<One>,
}

impl Broker {
    fn step(&mut self, who: usize, what: u8) {
        match what {
            0 => self.now += 1,
            1 => {
                let (one, now) = (&mut self.ledgers[who], self.now);
                if !one.ended && one.spoke.is_none_or(|spoke| now >= spoke + BEAT) {
                    one.spoke = Some(now);
                    one.says(now);
                }
            }
            2 | 3 => self.hands_out(who),
            _ => self.hears(who),
        }
    }

    fn hands_out(&mut self, who: usize) {
        let all = (0..self.ledgers.len()).collect::<Vec<_>>();
        let one = &mut self.ledgers[who];
        if one.under_way.is_none() {
            one.under_way = one.out.pop_front().map(|claim| (claim, all));
        }
        if let Some((claim, left)) = &mut one.under_way {
            let (claim, to) = (claim.clone(), left.remove((claim.serial as usize + who) % left.len()));
            if left.is_empty() {
                one.under_way = None;
            }
            self.ledgers[to].waits.push_back(claim);
        }
    }

    fn hears(&mut self, who: usize) {
        let asked = self.ledgers.iter().any(|other| other.answers);
        let (one, now) = (&mut self.ledgers[who], self.now);
        let Some(claim) = one.waits.pop_front().filter(|_| !one.ended) else { return };
        let when = if one.claimant.is_own(&claim) { one.said.take(claim.serial) } else { None };
        let fresh = when.is_some_and(|when| now < when + LEASE);
        match one.claimant.hears(&claim, fresh, head(one.size)) {
            Turn::Wait => {}
            Turn::Speak => one.says(now),
            Turn::Ask if asked => one.ended = true,
            Turn::Ask => {
                one.answers = true;
                one.claimant.claims(true);
                one.says(now);
            }
            Turn::Hold => one.until = when.unwrap_or_default() + LEASE,
            Turn::End(_) => (one.ended, one.answers) = (true, false),
        }
    }

    fn leading(&self) -> usize {
        let leads = |one: &&One| one.claimant.stand() == Stand::Leads && !one.ended && self.now < one.until;
        self.ledgers.iter().filter(leads).count()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]
    #[test]
    fn of_ledgers_that_begin_together_and_are_paused_at_will_never_two_have_the_log_and_one_does(
        sizes in proptest::collection::vec(0u64..3, 2..4),
        steps in proptest::collection::vec((0usize..3, 0u8..6), 0..600),
    ) {
        let ledgers = sizes.iter().enumerate().map(|(n, size)| One::new(n, *size)).collect();
        let mut broker = Broker { now: 0, ledgers };
        for (who, what) in steps {
            broker.step(who % sizes.len(), what);
            prop_assert!(broker.leading() <= 1, "two have the log");
        }
        for _ in 0..200 {
            broker.step(0, 0);
            for who in 0..sizes.len() {
                for what in [1, 2, 2, 2, 4, 4, 4, 4] {
                    broker.step(who, what);
                    prop_assert!(broker.leading() <= 1, "two have the log");
                }
            }
        }
        prop_assert_eq!(broker.leading(), 1, "one has it in the end");
    }
}

fn leads(instance: &str, size: u64) -> Claimant {
    let mut ledger = Claimant::new(instance.to_owned(), "log".to_owned(), PATIENCE);
    let asks = ledger.says(head(size));
    assert_eq!(ledger.hears(&asks, true, head(size)), Turn::Ask);
    ledger.claims(true);
    let claim = ledger.says(head(size));
    assert_eq!(ledger.hears(&claim, true, head(size)), Turn::Hold);
    ledger
}

#[test]
fn one_that_comes_back_and_hears_another_lead_ends_whatever_it_has() {
    let (mut paused, mut other) = (leads("a", 90), leads("b", 7));
    paused.claims_anew();
    let heard = other.says(head(7));
    assert_eq!(paused.hears(&heard, false, head(90)), Turn::End(heard.clone()));
    let claim = paused.says(head(90));
    assert_eq!(other.hears(&claim, false, head(7)), Turn::Speak, "the one that leads says so and stays");
    assert_eq!(other.stand(), Stand::Leads);
}

#[test]
fn of_two_that_lead_the_one_with_less_claims_anew_and_then_ends() {
    let (mut less, mut more) = (leads("a", 5), leads("b", 6));
    let (by_less, by_more) = (less.says(head(5)), more.says(head(6)));
    assert_eq!(more.hears(&by_less, false, head(6)), Turn::Speak);
    assert_eq!(less.hears(&by_more, false, head(5)), Turn::Speak);
    assert_eq!((more.stand(), less.stand()), (Stand::Leads, Stand::Claims));
    assert!(matches!(less.hears(&more.says(head(6)), false, head(5)), Turn::End(_)));
}

#[test]
fn what_was_said_before_a_claim_or_long_ago_does_not_count_for_it() {
    let mut ledger = leads("a", 1);
    let old = ledger.says(head(1));
    ledger.claims_anew();
    assert_eq!(ledger.hears(&old, true, head(1)), Turn::Wait);
    for _ in 1..PATIENCE {
        let claim = ledger.says(head(1));
        assert_eq!(ledger.hears(&claim, true, head(1)), Turn::Wait);
    }
    let late = ledger.says(head(1));
    assert_eq!(ledger.hears(&late, false, head(1)), Turn::Wait, "it begins to count again");
    assert_eq!(ledger.stand(), Stand::Claims);
}
