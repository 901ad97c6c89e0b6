//! Two people of one country change one figure: one wins, the other is told both values; nothing is overwritten unseen.

use rondo_domain::participation::SubmissionState;
use rondo_domain::round::RoundCommand;

use crate::fixture::{House, because, lao_2023};

#[tokio::test(flavor = "multi_thread")]
async fn the_second_of_two_files_is_told_both_values() {
    let house = House::open().await;
    let first = house.sent_and_checked("lao-one", "first", &lao_2023("1.702"), None).await;
    assert_eq!(first, SubmissionState::Checked);
    // Both files are on their way before either is checked; each sender saw 1.702. The first to come has the later name.
    house.round("coordinator", RoundCommand::Pause { reason: "so that both arrive".to_owned() }).await;
    house.send("lao-one", "the-first", &lao_2023("1.072"), because("digits were swapped")).await.unwrap();
    house.send("lao-two", "another", &lao_2023("1.720"), because("our own register has it")).await.unwrap();
    house.round("coordinator", RoundCommand::Resume { reason: "both are here".to_owned() }).await;
    house.rest().await;
    let states = (house.submission("the-first").await.state, house.submission("another").await.state);
    assert_eq!(states, (SubmissionState::Checked, SubmissionState::Rejected), "one wins");
    let told = house.submission("another").await;
    let finding = told.findings.iter().flat_map(|group| &group.findings).find(|finding| finding.rule == "R35").unwrap();
    assert_eq!(finding.observed, "figure.changed-meanwhile");
    assert!(finding.message.contains("is 1.072 now; you saw 1.702 and proposed 1.720"), "{}", finding.message);
    assert_eq!(house.life().await, [("1.702".into(), "lao-one".into()), ("1.072".into(), "lao-one".into())]);
    // Knowing what stands there now, the same bytes may be sent again.
    let again = house.sent_and_checked("lao-two", "again", &lao_2023("1.720"), because("agreed with lao-one")).await;
    assert_eq!(again, SubmissionState::Checked);
    assert_eq!(house.life().await.last().unwrap(), &("1.720".into(), "lao-two".into()));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_may_correct_oneself_at_once() {
    let house = House::open().await;
    house.round("coordinator", RoundCommand::Pause { reason: "so that both arrive".to_owned() }).await;
    house.send("lao-one", "the-first", &lao_2023("1.702"), because("as the register has it")).await.unwrap();
    house.send("lao-one", "correction", &lao_2023("1.072"), because("digits were swapped")).await.unwrap();
    house.round("coordinator", RoundCommand::Resume { reason: "both are here".to_owned() }).await;
    house.rest().await;
    assert_eq!(house.submission("correction").await.state, SubmissionState::Checked);
    let values: Vec<String> = house.life().await.into_iter().map(|(value, _)| value).collect();
    assert_eq!(values, ["1.702", "1.072"], "they are checked in the order in which they came");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_without_a_reason_leaves_nothing_behind_and_may_come_again_with_one() {
    let house = House::open().await;
    house.sent_and_checked("lao-one", "first", &lao_2023("1.702"), None).await;
    let before = house.ledger.head().await.unwrap();
    let state = house.sent_and_checked("lao-one", "silent", &lao_2023("1.072"), None).await;
    assert_eq!(state, SubmissionState::Rejected);
    assert_eq!(house.life().await.len(), 1, "no figure changed; the log was at {}", before.size);
    assert!(house.keeps(&lao_2023("1.072")), "the file is kept");
    let told = house.submission("silent").await;
    assert!(told.findings.iter().flat_map(|g| &g.findings).any(|f| f.observed == "reason.required"), "{told:?}");
    let state = house.sent_and_checked("lao-one", "spoken", &lao_2023("1.072"), because("digits were swapped")).await;
    assert_eq!(state, SubmissionState::Checked);
    let twice = house.send("lao-one", "once-more", &lao_2023("1.072"), None).await.unwrap_err();
    assert_eq!(twice.code(), "submission.received-before");
    house.close().await;
}
