//! The rounds that are played: each keeps what was promised, and together they judge every promise often enough.

use super::promises::{self, Judged};
use super::{Played, play};

/// How often each promise is judged at least in the rounds of the usual form: one that is never reached holds nothing.
const AT_LEAST: [(&str, usize); 16] = [
    ("invited", 120),
    ("reminded before the deadline", 300),
    ("reminded after the deadline", 150),
    ("asked", 12),
    ("reminded of a question", 12),
    ("asked to confirm", 130),
    ("mail that came back is told", 100),
    ("a task asks for a contact", 100),
    ("a contact who is heard of is reached", 7),
    ("mail that came back after a word is told", 2),
    ("confirmed by who holds two roles", 40),
    ("a mail says today on the day itself", 350),
    ("a mail says when the deadline is", 1_800),
    ("a mail says that the deadline is over", 1_900),
    ("a mail of the day leaves before it", 30),
    ("a reminder of the day falls on it", 200),
];

/// Rounds that are played; the long form of the tests plays a thousand.
const ROUNDS: u64 = 50;

fn run_one(seed: u64) -> Played {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(play(seed)).unwrap_or_else(|failure| panic!("seed {seed}: {}", failure.sentence))
}

/// Plays a seed, and says which promises were not kept; of one that was asked for, every record.
#[allow(clippy::disallowed_methods, reason = "a seed that is asked for is told by the environment")]
fn judged(seed: u64) -> (Vec<String>, Judged) {
    let played = run_one(seed);
    let (records, mails) = (played.records.len(), played.trouble.mails().len());
    let (crashes, heard) = (played.trouble.crashes(), played.trouble.heard());
    println!("seed {seed}: {records} records, {crashes} crashes, {mails} mails offered, {heard} came in");
    if std::env::var_os("RONDO_SEED").is_some() {
        played.records.iter().for_each(|record| println!("{}", String::from_utf8_lossy(&record.bytes)));
    }
    promises::broken(&played)
}

/// The seeds to play: one that is asked for by `RONDO_SEED`, or as many as this form of the tests plays.
#[allow(clippy::disallowed_methods, reason = "the length and the seed are told by the environment")]
fn seeds() -> Vec<u64> {
    if let Some(seed) = std::env::var("RONDO_SEED").ok().and_then(|seed| seed.parse().ok()) {
        return vec![seed];
    }
    let rounds = if std::env::var_os("RONDO_FULL").is_some() { 1_000 } else { ROUNDS };
    (0..rounds).collect()
}

#[test]
fn rounds_under_every_trouble_keep_what_was_promised() {
    let seeds = seeds();
    let half = seeds.len().div_ceil(2);
    let (mut broken, mut times) = (Vec::new(), Judged::new());
    std::thread::scope(|scope| {
        let threads: Vec<_> = seeds
            .chunks(half)
            .map(|some| scope.spawn(move || some.iter().map(|seed| judged(*seed)).collect::<Vec<_>>()))
            .collect();
        for (unkept, judged) in threads.into_iter().flat_map(|thread| thread.join().unwrap()) {
            broken.extend(unkept);
            judged.into_iter().for_each(|(what, count)| *times.entry(what).or_default() += count);
        }
    });
    println!("judged: {times:?}");
    for (what, at_least) in AT_LEAST.into_iter().filter(|_| seeds.len() as u64 >= ROUNDS) {
        let count = times.get(what).copied().unwrap_or(0);
        assert!(count >= at_least, "`{what}` was judged {count} times in {} rounds: {times:?}", seeds.len());
    }
    assert!(broken.is_empty(), "{} promises broken; RONDO_SEED plays one again:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn the_same_seed_plays_the_same_round() {
    assert_eq!(run_one(7).head, run_one(7).head);
}
