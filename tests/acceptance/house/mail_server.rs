//! A real mail server that is away, does not know us, or does not know the recipient: three different things.

use std::path::Path;
use std::process::Command;

use rondo_domain::Wish;
use rondo_domain::notice::{NoticeCommand, NoticeState};
use rondo_domain::round::{MailScope, RoundCommand};
use rondo_runtime::config::{DkimSection, MailSection};
use rondo_testkit::process::{MailServer, free_port};

use crate::fixture::{House, lao, person, round, smtp};

/// Mail by the test's server, with this password.
pub fn signed_in(server: &MailServer, folder: &Path, password: &str) -> MailSection {
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
pub const INVITED: &str = "2025-09-15T05:00:00Z";

/// One mail found out that the server is no use; the others wait with it.
fn all_wait(states: &[NoticeState]) {
    let deferred = states.iter().filter(|state| matches!(state, NoticeState::Deferred { .. })).count();
    assert!(deferred >= 1 && states.len() >= 2, "{states:?}");
    assert!(states.iter().all(|s| matches!(s, NoticeState::Deferred { .. } | NoticeState::Due)), "{states:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_is_waited_for() {
    let house = House::with_mail(smtp(free_port())).await;
    for time in [INVITED, "2025-09-15T08:00:00Z"] {
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
    house.move_to(INVITED).await;
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
    assert_eq!(part.bounced.keys().cloned().collect::<Vec<_>>(), [person("lao-one")]);
    assert!(part.invited.contains(&person("lao-two")), "the other contact is invited: {:?}", part.invited);
    assert!(std::fs::read_dir(&server.mails).unwrap().count() > 0, "mail reached the real server");
    house.close().await;
}

/// What became of the invitation to the first contact, whose address makes the server answer as its name says.
async fn outcome(user: &str) -> (NoticeState, u32, House, MailServer, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let server = MailServer::start(folder.path());
    let mail = MailSection { timeout_seconds: 1, ..signed_in(&server, folder.path(), MailServer::PASSWORD) };
    let house = House::before_launch(mail).await;
    let register = house.data().join("people.toml");
    let people = std::fs::read_to_string(&register).unwrap();
    std::fs::write(&register, people.replace("lao-one@", &format!("{user}@"))).unwrap();
    house.move_to(INVITED).await;
    let all = house.notices().await;
    let theirs = |notice: &&rondo_domain::notice::Notice| {
        notice.brief.as_ref().is_some_and(|brief| brief.kind == "invitation" && brief.person == person("lao-one"))
    };
    let one = all.iter().find(theirs).unwrap();
    (one.state.clone(), one.attempts, house, server, folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_answer_of_a_server_leads_to_a_state_of_its_own() {
    use NoticeState as S;
    for user in ["busy", "slow"] {
        // 451 to the recipient, 452 to the mail: tried again, and taken.
        let (state, attempts, house, ..) = outcome(user).await;
        assert_eq!((state, attempts), (S::Sent, 2), "{user}");
        house.close().await;
    }
    for (user, asks_for_contact) in [("policy", false), ("full", false), ("nobody", true)] {
        let (state, attempts, house, ..) = outcome(user).await;
        assert!(matches!(state, S::Refused { .. }) && attempts == 1, "{user}: {state:?}");
        assert_eq!(!house.participation().await.bounced.is_empty(), asks_for_contact, "{user}");
        // What is no end of the contact is told to a person all the same, as if it had come back later.
        let world = house.world().await;
        let asked: Vec<&str> =
            world.run(&round(), Some(&lao())).unwrap().open_tasks().map(|(task, _)| task.step.as_str()).collect();
        assert_eq!(asked, [if asks_for_contact { "find-contact" } else { "look-into-undelivered" }], "{user}");
        house.close().await;
    }
    for user in ["hang", "cut-kept", "cut-lost"] {
        // Nobody knows whether it was taken; it is not sent again before a person says so.
        let (state, attempts, house, server, _folder) = outcome(user).await;
        assert_eq!((state, attempts), (S::Unknown, 1), "{user}");
        house.move_to("2025-09-20T00:00:00Z").await;
        let copies = |server: &MailServer| {
            let all =
                std::fs::read_dir(&server.mails).unwrap().map(|e| std::fs::read_to_string(e.unwrap().path()).unwrap());
            all.filter(|mail| mail.contains(&format!("<{user}@")) || mail.contains(&format!(" {user}@"))).count()
        };
        assert_eq!(copies(&server), usize::from(user == "cut-kept"), "{user}");
        if user != "hang" {
            let id = house.world().await.notices(&round()).into_iter().find(|(_, n)| n.state == S::Unknown).unwrap().0;
            let command = NoticeCommand::SendAgain { reason: "the recipient has nothing".to_owned() };
            house.act("coordinator", Wish::Notice { round: round(), notice: id.clone(), command }).await.unwrap();
            house.rest().await;
            assert_eq!(house.world().await.notice(&round(), &id).unwrap().state, S::Sent, "{user}");
            assert_eq!(copies(&server), 1 + usize::from(user == "cut-kept"), "under the same Message-ID");
        }
        house.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_is_read_by_other_peoples_tools_and_what_comes_back_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let server = MailServer::start(folder.path());
    let key = folder.path().join("dkim.pem");
    let made = Command::new("openssl").args(["genrsa", "-traditional", "-out"]).arg(&key).arg("2048").output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let dkim = DkimSection { selector: "rondo".to_owned(), domain: "example.org".to_owned(), key_file: key.clone() };
    let mail = MailSection {
        dkim: Some(dkim),
        bounces: Some("bounces@example.org".to_owned()),
        ..signed_in(&server, folder.path(), MailServer::PASSWORD)
    };
    let house = House::with_mail(mail).await;
    house.move_to(INVITED).await;
    let ready = rondo_scheduler::definitions::read(&rondo_tests::bundle("ilms-asean")).unwrap();
    let until = ready.set_deadline(&lao(), "2025-11-14".parse().unwrap(), None).unwrap();
    let command = RoundCommand::Extend { country: lao(), until, reason: "a storm".to_owned() };
    house.round("coordinator", command).await;
    house.move_to("2025-10-29T00:00:00Z").await;
    let python = rondo_tests::root().join("target/tools/foreign/bin/python3");
    assert!(python.exists(), "{} is missing; run tests/run, which makes it", python.display());
    let script = rondo_tests::root().join("tests/foreign/mail.py");
    let read = Command::new(python).arg(script).args([&server.mails, &key]).output().unwrap();
    let told = String::from_utf8_lossy(&read.stdout).into_owned();
    assert!(read.status.success(), "{told}{}", String::from_utf8_lossy(&read.stderr));
    assert!(told.lines().count() >= 6, "{told}");
    assert!(told.contains("deadline.ilms-asean-2025.LAO@example.org sequence 0 on 2025-10-31"), "{told}");
    assert!(told.contains("deadline.ilms-asean-2025.LAO@example.org sequence 1 on 2025-11-14"), "{told}");
    comes_back(&house, &server).await;
    house.close().await;
}

/// The address that a mail left from, as the server was told.
pub fn return_path(server: &MailServer, message_id: &str) -> String {
    let folder = server.mails.parent().unwrap().join("envelopes");
    let all = std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
    let of = |said: &String| said.lines().nth(2) == Some(message_id);
    all.into_iter().find(of).and_then(|said| said.lines().next().map(str::to_owned)).unwrap()
}

/// A bounce and an answer reach the inbox: the one asks for another contact, the other is noted.
async fn comes_back(house: &House, server: &MailServer) {
    let invited = |id: &'static str| async move {
        let all = house.world().await;
        let found = all.notices(&round()).into_iter().find(|(_, notice)| {
            notice.brief.as_ref().is_some_and(|brief| brief.kind == "invitation" && brief.person == person(id))
        });
        found.map(|(_, notice)| notice.clone()).unwrap()
    };
    let (one, two) = (invited("lao-one").await, invited("lao-two").await);
    let inbox = house.data().join("inbox");
    std::fs::create_dir_all(&inbox).unwrap();
    let bounce = format!(
        "From: MAILER-DAEMON@mx.example\r\nTo: {}\r\nSubject: failed\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nIt failed.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; lao-one@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: {}\r\nSubject: x\r\n\r\nx\r\n--b--\r\n",
        return_path(server, one.message_id.as_deref().unwrap()),
        one.message_id.unwrap()
    );
    std::fs::write(inbox.join("1.eml"), bounce).unwrap();
    let answer = format!(
        "From: lao-two@example.org\r\nTo: ilms-help@example.org\r\nSubject: Re\r\nIn-Reply-To: {}\r\n\r\nOn Monday.\r\n",
        two.message_id.unwrap()
    );
    std::fs::write(inbox.join("2.eml"), answer).unwrap();
    std::fs::write(inbox.join("3.eml"), b"\xff\xfe no mail").unwrap();
    // Whatever is recorded next makes the reminder look.
    let scope = MailScope::Kind("digest".to_owned());
    house.round("coordinator", RoundCommand::PauseMail { scope, reason: "for a test".to_owned() }).await;
    house.rest().await;
    let (one, two) = (invited("lao-one").await, invited("lao-two").await);
    assert!(matches!(&one.state, NoticeState::Bounced { reason } if reason.contains("5.1.1")), "{:?}", one.state);
    assert_eq!(two.state, NoticeState::Answered);
    assert!(
        inbox.join("done/1.eml").exists()
            && inbox.join("answers/2.eml").exists()
            && inbox.join("unclear/3.eml").exists()
    );
    let world = house.world().await;
    let run = world.run(&round(), Some(&lao())).unwrap();
    assert!(
        run.open_tasks().any(|(task, _)| task.step.as_str() == "find-contact"),
        "somebody is asked for a new contact"
    );
    let replace = |was: &str, is: &str| rondo_domain::participation::ParticipationCommand::ReplaceContact {
        was: person(was),
        is: person(is),
        reason: "has left".to_owned(),
    };
    for (was, is) in [("ghost", "lao-two"), ("lao-one", "ghost"), ("lao-one", "lao-one"), ("lao-one", "manager")] {
        let refused = house.lao("coordinator", replace(was, is)).await.unwrap_err();
        assert!(matches!(refused, rondo_domain::Rejection::Malformed { .. }), "{was} by {is}: {refused}");
    }
    house.lao("coordinator", replace("lao-one", "lao-two")).await.unwrap();
    house.rest().await;
    let world = house.world().await;
    let run = world.run(&round(), Some(&lao())).unwrap();
    assert!(!run.open_tasks().any(|(task, _)| task.step.as_str() == "find-contact"), "the task closes by itself");
    let again = world.notices(&round()).into_iter().filter_map(|(_, notice)| notice.brief.as_ref());
    let again: Vec<_> = again.filter(|brief| brief.step.as_str() == "invite-replacement").collect();
    assert!(again.is_empty(), "the one has left, and the other was invited before: {again:?}");
}
