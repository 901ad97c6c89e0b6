//! Addresses that are put right while a mail to the one of before is under way: the mail is known as lost, and the contact is not.

use rondo_domain::notice::{NoticeState, Obstacle};
use rondo_runtime::config::MailSection;
use rondo_tests::rondo;

use crate::fixture::{House, ROUND, person};
use crate::mail_server::INVITED;
use crate::returned_mail::{Desk, report};

#[tokio::test(flavor = "multi_thread")]
async fn a_report_about_the_address_of_before_loses_the_mail_and_not_the_contact() {
    let desk = Desk::open().await;
    let path = desk.path("lao-one").await;
    let register = desk.house.data().join("people.toml");
    let people = std::fs::read_to_string(&register).unwrap();
    std::fs::write(&register, people.replace("lao-one@example.org", "lao-uno@example.org")).unwrap();
    let fields = "Action: failed\nStatus: 5.1.1";
    assert_eq!(desk.comes("before.eml", &report(&path, "lao-one@example.org", fields)).await, "done");
    let state = desk.invitation("lao-one").await.state;
    assert!(matches!(&state, NoticeState::Undelivered { obstacle: Obstacle::Address, .. }), "{state:?}");
    assert!(desk.house.participation().await.bounced.is_empty(), "nothing is known of the address of now");
    assert!(desk.asks_for("look-into-undelivered").await && !desk.asks_for("find-contact").await);
    desk.send_again("lao-one").await;
    let again = desk.invitation("lao-one").await;
    assert_eq!((again.state, again.attempts), (NoticeState::Sent, 2));
    // A late report about the first attempt is of no mail that is under way.
    let late = report(&path, "lao-one@example.org", &format!("{fields}\nX-Late: yes"));
    assert_eq!(desk.comes("late.eml", &late).await, "unclear");
    assert_eq!(desk.invitation("lao-one").await.state, NoticeState::Sent);
    assert_eq!(desk.comes("now.eml", &report(&path, "lao-uno@example.org", fields)).await, "done");
    assert!(matches!(desk.invitation("lao-one").await.state, NoticeState::Bounced { .. }));
    assert!(desk.asks_for("find-contact").await);
    // No record names an address.
    let (data, _folder) = desk.house.leave().await;
    let records = rondo_tests::records(&data);
    let tokens = records.iter().filter(|record| String::from_utf8_lossy(&record.bytes).contains("address_token"));
    assert!(tokens.count() >= 2);
    let names = |record: &rondo_eventlog::Record| {
        let told = String::from_utf8_lossy(&record.bytes);
        ["lao-one@", "lao-uno@"].iter().any(|address| told.contains(address))
    };
    assert!(!records.iter().any(names));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_put_in_anothers_place_is_said_to_be_unreached_where_they_are() {
    let house = House::with_mail(MailSection::default()).await;
    house.move_to(INVITED).await;
    house.came_back("lao-two").await;
    assert!(house.participation().await.bounced.contains_key(&person("lao-two")));
    let (data, _folder) = house.leave().await;
    let replace = |was: &str, is: &str| {
        let who = ["participation", "replace", ROUND, "LAO", "--was", was, "--is", is];
        rondo(&data, &[&who[..], &["--reason", "has left", "--as", "coordinator"]].concat())
    };
    let told = replace("lao-one", "lao-two");
    assert!(told.contains("mail to lao-two came back"), "{told}");
    assert_eq!(told.matches("participation reached").count(), 1, "it is said once: {told}");
}
