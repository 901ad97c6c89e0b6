//! A command is recorded whole or not at all, in memory as on the disk.

use rondo_domain::participation::{ParticipationCommand as P, TableFindings};
use rondo_eventlog::Ledger;

use super::{FILE, Given, TABLE, finding, of, receive};

#[tokio::test]
async fn a_command_of_which_a_later_record_is_too_large_leaves_no_earlier_one() {
    let given = Given::a_launched_round().await;
    given.accepts("lao", of("LAO", receive("s1", FILE))).await;
    let submission: rondo_domain::SubmissionId = "s1".parse().unwrap();
    given.accepts("scheduler", of("LAO", P::RequestCheck { submission: submission.clone() })).await;
    // As JSON each of these characters takes six bytes.
    let large = rondo_domain::finding::Finding { observed: "\u{1}".repeat(12_000), ..finding() };
    let small = TableFindings { table: None, findings: vec![finding()] };
    let findings = vec![small.clone(), TableFindings { table: Some(TABLE), findings: vec![large] }];
    let before = given.ledger.head().await.unwrap();
    let reject = P::Reject { submission: submission.clone(), findings, extent: None };
    given.refuses("validator", of("LAO", reject), "limit.exceeded").await;
    assert_eq!(given.ledger.head().await.unwrap(), before, "nothing of it was recorded");
    let reject = P::Reject { submission, findings: vec![small], extent: None };
    given.accepts("validator", of("LAO", reject)).await;
    assert_eq!(given.ledger.head().await.unwrap().size, before.size + 2);
}
