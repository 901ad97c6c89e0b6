//! What mail says of the day of a deadline, when that day is proclaimed off or the deadline is moved while mail waits.

use jiff::civil::date;
use rondo_domain::calendar::{CalendarChange, DayChange};
use rondo_domain::notice::NoticeState;
use rondo_domain::round::RoundCommand;
use rondo_runtime::config::MailSection;
use rondo_scheduler::definitions;

use crate::fixture::{House, lao, round};

/// The reminders of the day that have left to one of the focal points, as text: with the day on which each left.
async fn left(house: &House) -> Vec<(String, String)> {
    let mut left = Vec::new();
    for entry in std::fs::read_dir(house.data().join("mail")).unwrap() {
        let mail = std::fs::read_to_string(entry.unwrap().path()).unwrap().replace("=\r\n", "");
        let is_theirs = mail.contains("<lao-one@example.org>") && mail.contains("remind-on-day");
        let day = mail.lines().find_map(|line| line.strip_prefix("Date: ")).unwrap_or_default().to_owned();
        left.extend(is_theirs.then_some((day, mail)));
    }
    left
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reminder_of_the_day_says_today_on_that_day_alone() {
    // On which day it leaves, and what it says.
    for (off, day, says) in [
        (false, "Fri, 31 Oct 2025", "Today, Friday 31 October 2025, end of day (Asia/Vientiane), is the deadline for "),
        (true, "Thu, 30 Oct 2025", " is Friday 31 October 2025, end of day (Asia/Vientiane)."),
    ] {
        let house = House::with_mail(MailSection::default()).await;
        house.move_to("2025-10-20T00:00:00Z").await;
        if off {
            let change = DayChange::DayOff { date: date(2025, 10, 31), title: "Floods".to_owned(), estimated: false };
            let changes = vec![CalendarChange { country: lao(), place: None, change }];
            let (moves, reason) = (Vec::new(), "decree of the government".to_owned());
            house.round("coordinator", RoundCommand::ChangeCalendar { changes, moves, reason }).await;
        }
        house.move_to("2025-11-02T00:00:00Z").await;
        let left = left(&house).await;
        let [(left_on, mail)] = &left[..] else { panic!("{off}: {left:?}") };
        assert!(left_on.starts_with(day), "{left_on}");
        assert!(mail.contains(says), "{mail}");
        assert_eq!(mail.contains("Today"), !off, "{mail}");
        house.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_that_is_moved_while_its_reminder_waits_is_told_as_it_is_then() {
    let house = House::with_mail(MailSection::default()).await;
    // Reminders are due at nine in Vientiane, and gathered for two minutes.
    house.move_to("2025-10-31T02:01:00Z").await;
    // To a Sunday: by that deadline, too, the reminder is due on this Friday.
    let ready = definitions::read(&rondo_tests::bundle("ilms-asean")).unwrap();
    let until = ready.set_deadline(&lao(), date(2025, 11, 2), None).unwrap();
    let command = RoundCommand::Extend { country: lao(), until, reason: "floods".to_owned() };
    house.round("coordinator", command).await;
    house.move_to("2025-11-09T00:00:00Z").await;
    let left = left(&house).await;
    let [(left_on, mail)] = &left[..] else { panic!("{left:?}") };
    assert!(left_on.starts_with("Fri, 31 Oct 2025"), "{left_on}");
    assert!(mail.contains(" is Sunday 2 November 2025, end of day") && !mail.contains("Today"), "{mail}");
    let world = house.world().await;
    let of_day = world.notices(&round()).into_iter().filter(|(id, _)| id.as_str().starts_with("lao-remind-on-day"));
    assert!(of_day.clone().count() > 0 && of_day.into_iter().all(|(_, one)| one.state == NoticeState::Sent));
    house.close().await;
}
