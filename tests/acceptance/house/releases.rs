//! A release is what was approved, or it does not go out.

use rondo_domain::participation::{ParticipationCommand, SubmissionState};
use rondo_domain::release::{ReleaseCommand, ReleaseState};
use rondo_domain::round::RoundCommand;

use rondo_runtime::clock::Clock;

use crate::fixture::{House, because, lao_2023, round};

/// Release day: Friday 30 January 2026, 10:00 in Geneva.
const RELEASE: &str = "2026-01-30T09:00:00Z";

impl House {
    /// The country's part from its file to its confirmation.
    async fn validated(&self, id: &str, women_to_korea: &str) {
        let reason = because("as the register has it");
        let state = self.sent_and_checked("lao-one", id, &lao_2023(women_to_korea), reason).await;
        assert_eq!(state, SubmissionState::Checked);
        // The rules' questions are put on the next working day.
        let later = self.clock.now() + jiff::SignedDuration::from_hours(4 * 24);
        self.move_to(&later.to_string()).await;
        let part = self.participation().await;
        for query in part.queries.iter().filter(|(_, query)| query.allowance.is_none()).map(|(id, _)| id.clone()) {
            let reason = "explained on the telephone".to_owned();
            self.lao("checker", ParticipationCommand::Allow { query, reason }).await.ok();
        }
        self.rest().await;
        self.lao("checker", ParticipationCommand::Accept { tables: Vec::new() }).await.unwrap();
        self.lao("lao-coordinator", ParticipationCommand::Confirm).await.unwrap();
        self.rest().await;
    }

    /// A round whose release is out.
    pub async fn published(&self) {
        self.validated("first", "1.072").await;
        self.move_to("2026-01-26T09:00:00Z").await;
        self.release("manager", ReleaseCommand::Approve).await.unwrap();
        self.release("publisher-person", ReleaseCommand::Clear).await.unwrap();
        self.move_to("2026-01-30T12:00:00Z").await;
        assert_eq!(self.release_state().await, ReleaseState::Published);
    }

    /// The round's steps whose tasks wait for people.
    async fn open_tasks(&self) -> Vec<String> {
        let world = self.world().await;
        let run = world.run(&round(), None).unwrap();
        run.open_tasks().map(|(occurrence, _)| occurrence.step.to_string()).collect()
    }

    /// The round's steps of whose tasks a person was told by mail.
    async fn asked(&self, person: &str) -> Vec<String> {
        let briefs = self.notices().await.into_iter().filter_map(|notice| notice.brief);
        let theirs = briefs.filter(|brief| brief.kind == "task" && brief.country.is_none());
        let mut steps: Vec<String> =
            theirs.filter(|brief| brief.person.as_str() == person).map(|brief| brief.step.to_string()).collect();
        steps.sort();
        steps
    }

    async fn released(&self) -> String {
        let path = self.data().join("releases").join(format!("{}.1", round())).join("figures.csv");
        std::fs::read_to_string(path).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_after_approval_does_not_go_out_before_it_is_approved_again() {
    let house = House::open().await;
    house.validated("first", "1.072").await;
    house.move_to("2026-01-26T09:00:00Z").await;
    assert_eq!(house.release_state().await, ReleaseState::Prepared);
    assert_eq!(house.asked("manager").await, ["approve-release"]);
    assert_eq!(house.asked("publisher-person").await, [""; 0]);
    house.release("manager", ReleaseCommand::Approve).await.unwrap();
    house.rest().await;
    assert_eq!(house.asked("publisher-person").await, ["clear-release"]);
    house.release("publisher-person", ReleaseCommand::Clear).await.unwrap();
    house.rest().await;
    assert_eq!(house.open_tasks().await, [""; 0], "each was settled by its decision");

    // A figure is corrected between clearance and the hour of release.
    house.round("coordinator", RoundCommand::Reopen { reason: "a late correction".to_owned() }).await;
    let late = house.sent_and_checked("lao-one", "late", &lao_2023("1.073"), because("the register was mended")).await;
    assert_eq!(late, SubmissionState::Checked);
    house.move_to("2026-01-30T12:00:00Z").await;
    assert_eq!(house.release_state().await, ReleaseState::Cleared, "it waits: nobody approved what stands there now");
    assert!(!house.data().join("releases").join(format!("{}.1", round())).exists(), "not a byte went out");

    // What stands there now goes the whole way again: validated, confirmed, prepared, approved, cleared.
    house.validated("latest", "1.074").await;
    house.round("coordinator", RoundCommand::Close).await;
    house.round("coordinator", RoundCommand::Finalise).await;
    let countries = vec!["LAO".parse().unwrap()];
    let not_before = RELEASE.parse().unwrap();
    let prepare = ReleaseCommand::Prepare { round: round(), countries, not_before };
    house.release("manager", prepare).await.unwrap();
    house.rest().await;
    assert_eq!(house.open_tasks().await, ["approve-release"], "what was put together again is asked about again");
    assert_eq!(house.asked("manager").await, ["approve-release", "approve-release"]);
    let same = house.release("checker", ReleaseCommand::Approve).await.unwrap_err();
    assert_eq!(same.code(), "actor.not-allowed", "who accepted does not approve");
    house.release("manager", ReleaseCommand::Approve).await.unwrap();
    house.release("publisher-person", ReleaseCommand::Clear).await.unwrap();
    house.rest().await;
    assert_eq!(house.release_state().await, ReleaseState::Published);
    let figures = house.released().await;
    assert!(figures.contains(",1.074,") && !figures.contains(",1.072,"), "{figures}");
    house.close().await;
}
