//! Contacts who change while mail to them is under way: each is invited once, and judged by mail that left since they came.

use rondo_domain::Role;
use rondo_domain::Wish;
use rondo_domain::network::{Grant, NetworkCommand};
use rondo_domain::participation::ParticipationCommand;
use rondo_runtime::config::MailSection;

use crate::fixture::{House, lao, person};

impl House {
    /// Gives somebody the role of a focal point of Lao PDR, whether or not the register has them.
    async fn grant(&self, who: &str) {
        let grant = Grant::of(Role::FocalPoint, Some(lao()));
        self.act("operator", Wish::Network { command: NetworkCommand::GrantRole { person: person(who), grant } })
            .await
            .unwrap();
    }

    async fn replace(&self, was: &str, is: &str) {
        let (was, is, reason) = (person(was), person(is), "has left".to_owned());
        self.lao("coordinator", ParticipationCommand::ReplaceContact { was, is, reason }).await.unwrap();
    }

    /// What became of the invitations to somebody, in one word each.
    async fn invitations(&self, to: &str) -> Vec<&'static str> {
        let all = self.notices().await;
        let theirs = all.iter().filter(|notice| {
            notice.brief.as_ref().is_some_and(|brief| brief.kind == "invitation" && brief.person == person(to))
        });
        theirs.map(|notice| notice.state.as_str()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_that_waits_is_not_raised_again_for_who_comes_in_anothers_place() {
    let house = House::with_mail(MailSection::default()).await;
    let register = house.data().join("people.toml");
    let enter = |who: &str| {
        let people = std::fs::read_to_string(&register).unwrap();
        std::fs::write(
            &register,
            format!("{people}\n[person.{who}]\nname = \"{who}\"\nemail = \"{who}@example.org\"\n"),
        )
        .unwrap();
    };
    enter("lao-three");
    house.grant("ghost").await;
    house.move_to("2025-09-15T05:00:00Z").await;
    assert_eq!(house.invitations("lao-one").await, ["sent"]);
    assert_eq!(house.invitations("ghost").await, ["postponed"], "nobody knows their address");
    // On a Saturday two contacts change, one after the other; nobody is written to.
    house.move_to("2025-09-20T05:00:00Z").await;
    house.grant("lao-three").await;
    house.replace("lao-two", "lao-three").await;
    house.move_to("2025-09-20T06:00:00Z").await;
    assert_eq!(house.invitations("lao-three").await, ["postponed"], "nobody is at work");
    house.replace("lao-one", "lao-two").await;
    house.move_to("2025-09-20T07:00:00Z").await;
    for who in ["ghost", "lao-three"] {
        assert_eq!(house.invitations(who).await, ["postponed"], "{who}: the one that waits is enough");
    }
    assert_eq!(house.invitations("lao-two").await, ["sent", "postponed"], "who comes back is invited again");
    enter("ghost");
    house.move_to("2025-09-23T05:00:00Z").await;
    for (who, became) in [("ghost", vec!["sent"]), ("lao-three", vec!["sent"]), ("lao-two", vec!["sent", "sent"])] {
        assert_eq!(house.invitations(who).await, became, "{who}");
    }
    house.close().await;
}
