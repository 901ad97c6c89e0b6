//! What can be wrong with the way of mail, at a real mail server: each fault has words of its own, and none costs more than one mail.

use std::net::TcpListener;
use std::path::Path;

use rondo_domain::network::{Grant, NetworkCommand};
use rondo_domain::notice::{Hindrance, Notice, NoticeState, Refusal};
use rondo_domain::round::{MailScope, RoundCommand};
use rondo_domain::workflow::Bundle;
use rondo_domain::{Role, Wish};
use rondo_eventlog::ledger;
use rondo_reminder::transport::{self, Outcome};
use rondo_runtime::alarm::AlarmCode;
use rondo_runtime::config::{Config, MailSection, MailSecurity};
use rondo_testkit::process::{MailServer, free_port};

use crate::fixture::{House, lao, person, round, smtp};

/// Later on the day of the launch than the invitations are due in Vientiane (11:00).
const INVITED: &str = "2025-09-15T05:00:00Z";

/// Mail by this server, which is found under the name its certificate usually has, with the password it knows.
fn by(server: &MailServer, folder: &Path) -> MailSection {
    let file = folder.join("password");
    std::fs::write(&file, MailServer::PASSWORD).unwrap();
    MailSection {
        host: "localhost".to_owned(),
        user: Some(MailServer::USER.to_owned()),
        password_file: Some(file),
        ca_file: Some(server.certificate.clone()),
        timeout_seconds: 1,
        ..smtp(server.port)
    }
}

/// What stands in the way of a mail by this section, which is offered to nobody before.
async fn refusal(mail: MailSection) -> Refusal {
    let config = Config { mail, ..Config::default() };
    let told = transport::greet(&config).await.unwrap_err().to_string();
    match transport::test(&config, "somebody@example.org", "2025-09-15T05:00:00Z".parse().unwrap()).await.unwrap() {
        Outcome::Unavailable(refusal) => {
            assert_eq!(told, refusal.told(), "the same is said without a mail");
            refusal
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_a_mail_server_has_words_of_its_own() {
    use MailSecurity as S;
    let folder = |name: &str| {
        let folder = tempfile::Builder::new().prefix(name).tempdir().unwrap();
        let path = folder.path().to_owned();
        (folder, path)
    };
    let (_a, usual) = folder("usual");
    let server = MailServer::start(&usual);
    let good = || by(&server, &usual);
    let mut found = Vec::new();
    let mut tried = async |mail: MailSection| {
        let refusal = refusal(mail).await;
        found.push((refusal.hindrance.unwrap(), refusal));
    };
    tried(MailSection { host: "a..b".to_owned(), ..good() }).await;
    tried(MailSection { port: free_port(), ..good() }).await;
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    tried(MailSection { port: silent.local_addr().unwrap().port(), ..good() }).await;
    tried(MailSection { ca_file: None, ..good() }).await;
    std::fs::write(usual.join("wrong"), "not the password").unwrap();
    tried(MailSection { password_file: Some(usual.join("wrong")), ..good() }).await;
    // An encrypted beginning at a server that greets in plain words.
    tried(MailSection { security: S::Tls, ..good() }).await;
    let (_b, other) = folder("other");
    let named = MailServer::start_with(&other, free_port(), "other.example", &[]);
    tried(by(&named, &other)).await;
    let (_c, plain) = folder("plain");
    let bare = MailServer::start_with(&plain, free_port(), "localhost", &["plain"]);
    tried(by(&bare, &plain)).await;
    let (_d, closed) = folder("no-login");
    let dumb = MailServer::start_with(&closed, free_port(), "localhost", &["no-login"]);
    tried(by(&dumb, &closed)).await;
    let hindrances: Vec<Hindrance> = found.iter().map(|(hindrance, _)| *hindrance).collect();
    use Hindrance as O;
    let right = [
        O::NameUnknown,
        O::ConnectionRefused,
        O::NoAnswer,
        O::Certificate,
        O::Login,
        O::Protocol,
        O::CertificateName,
        O::NoStarttls,
        O::NoLogin,
    ];
    assert_eq!(hindrances, right, "{found:#?}");
    let login = &found[4].1;
    assert_eq!(login.code, 535, "{login:?}");
    assert!(login.told().contains("refuses the user name or the password (535 "), "{}", login.told());
    let mut told: Vec<&str> = found.iter().map(|(_, refusal)| refusal.class.as_str()).collect();
    told.sort_unstable();
    told.dedup();
    assert_eq!(told.len(), right.len(), "no two say the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_leaves_encrypted_from_the_first_byte_on_or_in_the_clear_where_that_is_said() {
    use MailSecurity as S;
    for (manners, security) in [("tls", S::Tls), ("plain", S::None)] {
        let folder = tempfile::tempdir().unwrap();
        let server = MailServer::start_with(folder.path(), free_port(), "localhost", &[manners]);
        // No server hangs here: whatever the machine is busy with is waited for.
        let mut mail = MailSection { security, timeout_seconds: 120, ..by(&server, folder.path()) };
        if security == S::None {
            let config = Config { mail: mail.clone(), ..Config::default() };
            let refused = transport::check(&config).unwrap_err().to_string();
            assert!(refused.contains("a password is not sent without encryption"), "{refused}");
            (mail.user, mail.password_file) = (None, None);
        }
        let config = Config { mail, ..Config::default() };
        transport::greet(&config).await.unwrap();
        let now = "2025-09-15T05:00:00Z".parse().unwrap();
        assert_eq!(transport::test(&config, "somebody@example.org", now).await.unwrap(), Outcome::Accepted);
        assert_eq!(std::fs::read_dir(&server.mails).unwrap().count(), 1, "{manners}");
    }
    let mail = MailSection { port: 465, ..smtp(465) };
    let refused = transport::check(&Config { mail, ..Config::default() }).unwrap_err().to_string();
    assert!(refused.contains("set mail.security to \"tls\""), "{refused}");
}

async fn invitations(house: &House) -> Vec<Notice> {
    let of = |notice: &Notice| notice.brief.as_ref().is_some_and(|brief| brief.kind == "invitation");
    house.notices().await.into_iter().filter(of).collect()
}

fn count(all: &[Notice], so: impl Fn(&NoticeState) -> bool) -> usize {
    all.iter().filter(|notice| so(&notice.state)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_hangs_costs_one_mail_and_the_others_leave_when_it_answers_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = MailServer::start(folder.path());
    let house = House::before_launch(by(&server, folder.path())).await;
    server.behaves("hang", true);
    house.move_to("2025-09-15T10:00:00Z").await;
    let all = invitations(&house).await;
    assert!(all.len() >= 2, "{}", all.len());
    assert_eq!(count(&all, |state| *state == NoticeState::Unknown), 1, "{all:#?}");
    assert_eq!(count(&all, |state| *state == NoticeState::Due), all.len() - 1, "{all:#?}");
    assert!(
        house.alarms()[&AlarmCode::MailServer].contains("did not say whether it has a mail"),
        "{:?}",
        house.alarms()
    );
    server.behaves("hang", false);
    house.move_to("2025-09-16T04:00:00Z").await;
    let all = invitations(&house).await;
    assert_eq!(count(&all, |state| *state == NoticeState::Sent), all.len() - 1, "{all:#?}");
    assert!(house.alarms().is_empty(), "{:?}", house.alarms());
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_ends_before_the_mail_is_handed_over_loses_none() {
    let folder = tempfile::tempdir().unwrap();
    let server = MailServer::start(folder.path());
    let house = House::before_launch(by(&server, folder.path())).await;
    server.behaves("cut", true);
    house.move_to("2025-09-15T10:00:00Z").await;
    let all = invitations(&house).await;
    let waits = |state: &NoticeState| matches!(state, NoticeState::Due | NoticeState::Deferred { .. });
    assert_eq!(count(&all, waits), all.len(), "{all:#?}");
    let deferred = all.iter().find_map(|notice| notice.refusal.clone()).unwrap();
    assert_eq!(deferred.hindrance, Some(Hindrance::ConnectionLost));
    assert!(house.alarms()[&AlarmCode::MailServer].contains("broke before the mail was taken"), "{:?}", house.alarms());
    server.behaves("cut", false);
    let before = server.connections();
    house.move_to("2025-09-16T04:00:00Z").await;
    let all = invitations(&house).await;
    assert_eq!(count(&all, |state| *state == NoticeState::Sent), all.len(), "{all:#?}");
    assert!(house.alarms().is_empty(), "{:?}", house.alarms());
    let mails = std::fs::read_dir(&server.mails).unwrap().count();
    assert!(server.connections() - before < mails, "{mails} mails over {} connections", server.connections() - before);
    house.close().await;
}

/// A house whose first contact of Lao PDR has an address at which the server answers as its name says.
async fn house_with(user: &str, server: &MailServer, folder: &Path) -> House {
    let house = House::before_launch(by(server, folder)).await;
    let register = house.data().join("people.toml");
    let people = std::fs::read_to_string(&register).unwrap();
    std::fs::write(&register, people.replace("lao-one@", &format!("{user}@"))).unwrap();
    house
}

async fn to_lao_one(house: &House) -> Notice {
    let all = invitations(house).await;
    let theirs = |notice: &&Notice| notice.brief.as_ref().is_some_and(|brief| brief.person == person("lao-one"));
    all.iter().find(theirs).unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_is_tried_for_days_and_what_was_answered_is_recorded_without_addresses() {
    let folder = tempfile::tempdir().unwrap();
    let server = MailServer::start(folder.path());
    let house = house_with("always-grey", &server, folder.path()).await;
    house.move_to("2025-09-18T05:00:00Z").await;
    let notice = to_lao_one(&house).await;
    assert!(matches!(notice.state, NoticeState::Deferred { .. }), "after three days: {notice:#?}");
    assert!((5..40).contains(&notice.attempts), "{} attempts", notice.attempts);
    let refusal = notice.refusal.unwrap();
    assert_eq!((refusal.hindrance, refusal.code), (Some(Hindrance::Greylisted), 450));
    assert_eq!(refusal.reply, "4.2.0 (address) Recipient address rejected: Greylisted, come back later");
    for record in ledger::read_all(&*house.ledger, "notice/").await.unwrap() {
        let text = String::from_utf8_lossy(&record.bytes).into_owned();
        assert!(!text.contains("always-grey"), "{text}");
    }
    house.close().await;
    let house = house_with("denied", &server, folder.path()).await;
    house.move_to(INVITED).await;
    match to_lao_one(&house).await.state {
        NoticeState::Refused { refusal } => {
            assert_eq!((refusal.hindrance, refusal.code), (Some(Hindrance::Policy), 550));
            assert!(refusal.told().contains("refused by a local policy"), "{}", refusal.told());
        }
        other => panic!("{other:?}"),
    }
    assert!(house.participation().await.bounced.is_empty(), "the contact is not to blame");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_says_of_one_recipient_holds_no_other_mail() {
    let folder = tempfile::tempdir().unwrap();
    let server = MailServer::start(folder.path());
    for (user, is_final) in [("closes", false), ("members", true)] {
        let house = house_with(user, &server, folder.path()).await;
        house.move_to("2025-09-15T04:08:00Z").await;
        let (one, others) = (to_lao_one(&house).await, invitations(&house).await);
        let sent = count(&others, |state| *state == NoticeState::Sent);
        if !is_final {
            // The connection ends each time, and still nobody waits with them.
            assert!(matches!(one.state, NoticeState::Deferred { .. }), "{user}: {one:#?}");
            assert_eq!(one.refusal.unwrap().hindrance, Some(Hindrance::Busy), "{user}");
            assert_eq!(sent, others.len() - 1, "{user}: {others:#?}");
            assert!(house.alarms().is_empty(), "{user}: {:?}", house.alarms());
        }
        house.move_to("2025-09-16T04:00:00Z").await;
        let (one, others) = (to_lao_one(&house).await, invitations(&house).await);
        assert_eq!(count(&others, |state| *state == NoticeState::Sent), others.len() - 1, "{user}: {others:#?}");
        assert!(house.alarms().is_empty(), "{user}: {:?}", house.alarms());
        if is_final {
            let NoticeState::Refused { refusal } = one.state else { panic!("{user}: {one:#?}") };
            assert_eq!(refusal.hindrance, Some(Hindrance::Policy), "{user}");
        }
        house.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_who_share_an_address_get_one_mail() {
    let house = House::before_launch(MailSection::default()).await;
    let register = house.data().join("people.toml");
    let people = std::fs::read_to_string(&register).unwrap();
    std::fs::write(&register, people.replace("lao-two@", "LAO-one@")).unwrap();
    house.move_to(INVITED).await;
    let all = invitations(&house).await;
    let of = |id: &str| all.iter().find(|n| n.brief.as_ref().is_some_and(|b| b.person == person(id))).unwrap();
    let (one, two) = (of("lao-one"), of("lao-two"));
    assert_eq!((&one.state, &two.state), (&NoticeState::Sent, &NoticeState::Sent));
    assert_eq!(one.message_id, two.message_id, "one mail brought both");
    let mails = std::fs::read_dir(house.data().join("mail")).unwrap();
    let texts: Vec<String> = mails.map(|e| std::fs::read_to_string(e.unwrap().path()).unwrap()).collect();
    let to = |text: &&String| text.contains("<lao-one@example.org>") && text.contains("Dear lao-one, lao-two,");
    assert_eq!(texts.iter().filter(to).count(), 1, "one mail, to both by name");
    assert!(!texts.iter().any(|text| text.contains("LAO-one@")), "and none to the other spelling");
    let part = house.participation().await;
    assert!(part.invited.contains(&person("lao-one")) && part.invited.contains(&person("lao-two")));
    house.close().await;
}

/// The workflow with a place in Geneva that has days off in these years alone.
fn with_geneva(years: &[i16]) -> Bundle {
    let bundle = rondo_tests::bundle("ilms-asean");
    let mut files: std::collections::BTreeMap<String, String> =
        bundle.files().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
    let countries = files.get_mut("calendar/countries.toml").unwrap();
    if !countries.contains("CH-GE") {
        countries.push_str("\n[[place]]\ncode = \"CH-GE\"\ncountry = \"CHE\"\nname = \"Geneva\"\n");
    }
    let holidays = files.get_mut("calendar/holidays.csv").unwrap();
    let others = holidays.lines().filter(|line| !line.starts_with("CH")).map(|line| format!("{line}\n"));
    let ours = years.iter().map(|year| format!("CH-GE,{year}-12-31,Restoration of the Republic,N\n"));
    *holidays = others.chain(ours).collect();
    Bundle::new(files).unwrap()
}

/// The mail that a coordinator in Geneva gets first after the launch, with how it stands the day after.
async fn to_geneva(years: &[i16], until: &str) -> (Notice, House) {
    let house = House::with_bundle(MailSection::default(), &with_geneva(years)).await;
    let institution = "ilo-geneva".parse().unwrap();
    let command = NetworkCommand::RegisterInstitution {
        institution,
        country: None,
        name: "ILO, Department of Statistics".to_owned(),
        place: Some("CH-GE".parse().unwrap()),
    };
    house.act("operator", Wish::Network { command }).await.unwrap();
    let register = house.data().join("people.toml");
    let people = std::fs::read_to_string(&register).unwrap();
    let entry = "\n[person.geneva]\nname = \"Anne\"\nemail = \"geneva@example.org\"\n";
    std::fs::write(&register, format!("{people}{entry}")).unwrap();
    let institution = Some("ilo-geneva".parse().unwrap());
    let grant = Grant { institution, ..Grant::of(Role::RegionalCoordinator, None) };
    let command = NetworkCommand::GrantRole { person: person("geneva"), grant };
    house.act("operator", Wish::Network { command }).await.unwrap();
    house.move_to(until).await;
    let all = house.notices().await;
    let theirs = |notice: &&Notice| notice.brief.as_ref().is_some_and(|brief| brief.person == person("geneva"));
    (all.iter().find(theirs).expect("Geneva is written to").clone(), house)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_works_in_geneva_is_written_to_in_the_hours_of_geneva() {
    let (notice, house) = to_geneva(&[2024, 2025, 2026], "2025-10-02T00:00:00Z").await;
    let zone = jiff::tz::TimeZone::get("Europe/Zurich").unwrap();
    let sent = zone.to_datetime(notice.sent_at.unwrap_or_else(|| panic!("{notice:#?}")));
    assert!((8..17).contains(&sent.hour()), "{sent}");
    let home = jiff::tz::TimeZone::get("Asia/Bangkok").unwrap();
    let due = home.to_datetime(notice.brief.as_ref().unwrap().due_at);
    assert!(due.hour() < 13, "it was due in the morning of Bangkok, before Geneva is at work: {due}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calendar_that_does_not_cover_the_year_holds_the_mail() {
    let (notice, house) = to_geneva(&[2030], "2025-11-20T00:00:00Z").await;
    assert!(
        matches!(&notice.state, NoticeState::Postponed { reason, .. } if reason.starts_with("nobody knows when people are at work")),
        "{notice:#?}"
    );
    assert!(house.alarms()[&AlarmCode::RoundUnreadable].contains("cover this year"), "{:?}", house.alarms());
    let world = house.world().await;
    let lao = world.participation(&round(), &lao()).unwrap();
    assert!(!lao.invited.is_empty(), "nobody else waits with it");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calendar_that_is_mended_lets_go_what_is_still_of_use() {
    // The digest of Monday the 6th may be 96 hours late, which it is by Friday noon; by then there are older ones.
    let (_, house) = to_geneva(&[2030], "2025-10-10T03:00:00Z").await;
    let (institution, name) = ("ilo-geneva".parse().unwrap(), "ILO, Department of Statistics".to_owned());
    let command = NetworkCommand::RegisterInstitution { institution, country: None, name, place: None };
    house.act("operator", Wish::Network { command }).await.unwrap();
    // A change of a round makes the reminder look.
    let (scope, reason) = (MailScope::Kind("task".to_owned()), "to have it look".to_owned());
    house.round("coordinator", RoundCommand::PauseMail { scope, reason }).await;
    house.rest().await;
    let mut all = house.notices().await;
    all.retain(|notice| notice.brief.as_ref().is_some_and(|brief| brief.person == person("geneva")));
    all.sort_by_key(|notice| notice.brief.as_ref().map(|brief| brief.due_at));
    let Some((newest, older)) = all.split_last() else { panic!("Geneva is written to") };
    assert_eq!(newest.state, NoticeState::Sent);
    assert!(!older.is_empty());
    for notice in older {
        let NoticeState::Suppressed { reason } = &notice.state else { panic!("{notice:#?}") };
        assert!(reason.contains("a later mail says what holds now"), "{reason}");
    }
    house.close().await;
}
