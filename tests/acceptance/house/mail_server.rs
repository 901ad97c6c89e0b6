//! A real mail server that is away, does not know us, or does not know the recipient: three different things.

use std::path::Path;

use rondo_domain::notice::NoticeState;
use rondo_runtime::config::MailSection;
use rondo_testkit::process::{MailServer, free_port};

use crate::fixture::{House, person, smtp};

/// Mail by the test's server, with this password.
fn signed_in(server: &MailServer, folder: &Path, password: &str) -> MailSection {
    let file = folder.join("password");
    std::fs::write(&file, password).unwrap();
    MailSection {
        host: "localhost".to_owned(),
        user: Some(MailServer::USER.to_owned()),
        password_file: Some(file),
        ca_file: Some(server.certificate.clone()),
        ..smtp(server.port)
    }
}

/// The invitations to Lao PDR, as they stand.
async fn invitations(house: &House) -> Vec<NoticeState> {
    let all = house.notices().await;
    let lao = |notice: &&rondo_domain::notice::Notice| {
        notice.brief.as_ref().is_some_and(|brief| brief.kind == "invitation" && brief.country.is_some())
    };
    all.iter().filter(lao).map(|notice| notice.state.clone()).collect()
}

/// Later on the day of the launch than the invitations are due in Vientiane (11:00).
const INVITED: &str = "2025-09-15T05:00:00Z";

/// One mail found out that the server is no use; the others wait with it.
fn all_wait(states: &[NoticeState]) {
    let deferred = states.iter().filter(|state| matches!(state, NoticeState::Deferred { .. })).count();
    assert!(deferred >= 1 && states.len() >= 2, "{states:?}");
    assert!(states.iter().all(|s| matches!(s, NoticeState::Deferred { .. } | NoticeState::Due)), "{states:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_is_waited_for() {
    let house = House::with_mail(smtp(free_port())).await;
    for time in [INVITED, "2025-09-15T12:00:00Z"] {
        house.move_to(time).await;
        all_wait(&invitations(&house).await);
        assert!(house.participation().await.bounced.is_empty(), "the contacts are not to blame");
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_know_us_says_nothing_about_the_recipient() {
    let folder = tempfile::tempdir().unwrap();
    let server = MailServer::start(folder.path());
    let house = House::with_mail(signed_in(&server, folder.path(), "not the password")).await;
    house.move_to(INVITED).await;
    all_wait(&invitations(&house).await);
    assert!(house.participation().await.bounced.is_empty());
    assert_eq!(std::fs::read_dir(&server.mails).unwrap().count(), 0);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_left_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let server = MailServer::start(folder.path());
    let mail = signed_in(&server, folder.path(), MailServer::PASSWORD);
    let house = House::with_mail(MailSection { user: Some("hang".to_owned()), timeout_seconds: 1, ..mail }).await;
    house.move_to("2025-09-15T04:00:00Z").await;
    all_wait(&invitations(&house).await);
    assert!(house.participation().await.bounced.is_empty());
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipient_nobody_knows_asks_for_another_contact() {
    let folder = tempfile::tempdir().unwrap();
    let server = MailServer::start(folder.path());
    let mail = signed_in(&server, folder.path(), MailServer::PASSWORD);
    let house = House::before_launch(mail).await;
    let register = house.data().join("people.toml");
    let people = std::fs::read_to_string(&register).unwrap();
    // The test's server answers 550 for every address that begins so.
    std::fs::write(&register, people.replace("lao-one@", "nobody@")).unwrap();
    house.move_to(INVITED).await;
    let part = house.participation().await;
    assert_eq!(part.bounced.iter().cloned().collect::<Vec<_>>(), [person("lao-one")]);
    assert!(part.invited.contains(&person("lao-two")), "the other contact is invited: {:?}", part.invited);
    assert!(std::fs::read_dir(&server.mails).unwrap().count() > 0, "mail reached the real server");
    house.close().await;
}
