//! One round in one process, and the same round as six processes over NATS with a real mail server: the same figures, byte
//! for byte, the same history of every figure, and the same events of every stream.

use rondo_tests::{events, history};

use crate::six::{Round, in_one_process};

#[test]
fn the_same_round_in_one_process_and_over_nats() {
    let folder = tempfile::tempdir().unwrap();
    let one = in_one_process(folder.path());
    let expected = std::fs::read(one.join("releases/ilms-asean-2025.1/figures.csv")).unwrap();
    let lives = history(&one);
    assert!(lives.len() > 2_000, "{} figures have a history", lives.len());

    let mut round = Round::start();
    assert!(round.conductor().wait(120).success(), "the round over NATS is played");
    round.stop();
    assert_eq!(round.figures(), expected, "the released figures are the same, byte for byte");
    assert_eq!(history(&round.data("ledger")), lives, "and so is the history of every figure");
    rondo_tests::assert_same_events(&events(&one), &events(&round.data("ledger")), "over NATS");
    assert!(std::fs::read_dir(&round.mail.mails).unwrap().count() > 80, "mail reached the real server");
}
