//! What comes back of real mail: faults that pass condemn nobody, strangers are not believed, and programs never answer for people.

use rondo_domain::Wish;
use rondo_domain::notice::{Notice, NoticeCommand, NoticeState, Obstacle};
use rondo_domain::round::{MailScope, RoundCommand};
use rondo_runtime::alarm::AlarmCode;
use rondo_runtime::clock::Clock;
use rondo_runtime::config::MailSection;
use rondo_testkit::process::MailServer;

use crate::fixture::{House, lao, person, round};
use crate::mail_server::{INVITED, return_path, signed_in};

/// A house whose invitations have left, and the server that took them.
pub struct Desk {
    pub house: House,
    pub server: MailServer,
    _folder: tempfile::TempDir,
}

impl Desk {
    pub async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = MailServer::start(folder.path());
        let bounces = Some("bounces@example.org".to_owned());
        let mail = MailSection { bounces, ..signed_in(&server, folder.path(), MailServer::PASSWORD) };
        let house = House::with_mail(mail).await;
        house.move_to(INVITED).await;
        std::fs::create_dir_all(house.data().join("inbox")).unwrap();
        Self { house, server, _folder: folder }
    }

    /// The invitation to somebody of Lao PDR.
    pub async fn invitation(&self, to: &str) -> Notice {
        let all = self.house.notices().await;
        let theirs = |notice: &&Notice| {
            notice.brief.as_ref().is_some_and(|brief| brief.kind == "invitation" && brief.person == person(to))
        };
        all.iter().find(theirs).unwrap().clone()
    }

    pub async fn path(&self, to: &str) -> String {
        let message_id = self.invitation(to).await.message_id.unwrap();
        return_path(&self.server, &message_id)
    }

    /// Puts a mail into the inbox, and gives the folder in which it lies after it was read.
    pub async fn comes(&self, name: &str, mail: &str) -> String {
        let inbox = self.house.data().join("inbox");
        std::fs::write(inbox.join(name), mail).unwrap();
        self.look().await;
        let all = std::fs::read_dir(&inbox).unwrap().map(|entry| entry.unwrap().path());
        let found = all.into_iter().find(|folder| folder.join(name).exists());
        found.unwrap_or_else(|| panic!("{name} was not read")).file_name().unwrap().to_string_lossy().into_owned()
    }

    /// Has the reminder look into the inbox: whatever is recorded next makes it look.
    async fn look(&self) {
        let (scope, reason) = (MailScope::Kind("digest".to_owned()), "to have the inbox read".to_owned());
        self.house.round("coordinator", RoundCommand::PauseMail { scope: scope.clone(), reason: reason.clone() }).await;
        self.house.rest().await;
        self.house.round("coordinator", RoundCommand::ResumeMail { scope, reason }).await;
        self.house.rest().await;
    }

    pub async fn asks_for(&self, step: &str) -> bool {
        self.tasks(step).await > 0
    }

    /// How many open tasks of a step there are about Lao PDR.
    async fn tasks(&self, step: &str) -> usize {
        let world = self.house.world().await;
        let run = world.run(&round(), Some(&lao())).unwrap();
        run.open_tasks().filter(|(task, _)| task.step.as_str() == step).count()
    }

    /// What the digest says of mail that did not arrive, as it would look now.
    async fn astray(&self) -> Option<String> {
        let world = self.house.world().await;
        let bundle = world.round(&round()).unwrap().pin.as_ref().unwrap().bundle.clone();
        let mail = MailSection::default();
        let reader = (&person("coordinator"), &mail, self.house.clock.now());
        let (ledger, which) = (&*self.house.ledger, (Some("digest"), Some("en")));
        let all = rondo_reminder::previews(ledger, (&world, &round(), &bundle), &lao(), which, reader).await.unwrap();
        all[0].draft.plain.lines().find(|line| line.contains("Mail that did not arrive")).map(str::to_owned)
    }

    /// Has a mail sent again, and waits until it has left.
    pub async fn send_again(&self, to: &str) {
        let id = self.invitation(to).await.brief.unwrap().person;
        let world = self.house.world().await;
        let notice = world.notices(&round()).into_iter().find_map(|(notice, it)| {
            let brief = it.brief.as_ref()?;
            (brief.kind == "invitation" && brief.person == id).then_some(notice)
        });
        let command = NoticeCommand::SendAgain { reason: "they can be reached again".to_owned() };
        let wish = Wish::Notice { round: round(), notice: notice.unwrap(), command };
        self.house.act("coordinator", wish).await.unwrap();
        self.house.rest().await;
    }
}

/// A report about delivery (RFC 3464) to a return path.
pub fn report(to: &str, about: &str, fields: &str) -> String {
    format!(
        "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example\nTo: <{to}>\nSubject: About your mail\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: text/plain\n\nSee below.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; {about}\n{fields}\n\n--b--\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_that_is_not_about_the_address_costs_no_contact() {
    let desk = Desk::open().await;
    let path = desk.path("lao-one").await;
    let full = report(&path, "lao-one@example.org", "Action: failed (mailbox)\nStatus: 5.2.2 (mailbox full)");
    assert_eq!(desk.comes("full.eml", &full).await, "done");
    let state = desk.invitation("lao-one").await.state;
    assert!(matches!(&state, NoticeState::Undelivered { obstacle: Obstacle::Full, .. }), "{state:?}");
    assert!(desk.house.participation().await.bounced.is_empty());
    assert!(desk.asks_for("look-into-undelivered").await && !desk.asks_for("find-contact").await);
    // What failed is over, whatever comes later.
    for (name, fields) in
        [("late.eml", "Action: delayed\nStatus: 4.4.7"), ("there.eml", "Action: delivered\nStatus: 2.0.0")]
    {
        assert_eq!(desk.comes(name, &report(&path, "lao-one@example.org", fields)).await, "done");
        assert_eq!(desk.invitation("lao-one").await.state, state, "{name}");
    }
    // The next mail to them goes.
    desk.house.move_to("2025-10-18T00:00:00Z").await;
    let all = desk.house.notices().await;
    let reminded = all.iter().any(|notice| {
        let brief = notice.brief.as_ref().unwrap();
        brief.kind == "reminder-before" && brief.person == person("lao-one") && notice.state == NoticeState::Sent
    });
    assert!(reminded, "the contact is reminded");
    desk.house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delay_is_neither_a_return_nor_a_failure() {
    let desk = Desk::open().await;
    let path = desk.path("lao-one").await;
    let mail = |fields: &str| report(&path, "lao-one@example.org", fields);
    assert_eq!(desk.comes("late.eml", &mail("Action: delayed\nStatus: 4.7.1")).await, "done");
    let notice = desk.invitation("lao-one").await;
    assert_eq!((notice.state.as_str(), notice.remarks()), ("sent", vec!["delayed (status 4.7.1)".to_owned()]));
    assert_eq!(desk.astray().await, None);
    assert!(!desk.asks_for("look-into-undelivered").await && !desk.asks_for("find-contact").await);
    // What is not tried any more has failed, though its status is of those that pass.
    assert_eq!(desk.comes("lost.eml", &mail("Action: failed\nStatus: 4.4.7")).await, "done");
    let notice = desk.invitation("lao-one").await;
    assert_eq!((notice.state.as_str(), notice.remarks()), ("undelivered", Vec::new()));
    assert!(desk.asks_for("look-into-undelivered").await && !desk.asks_for("find-contact").await);
    let why = rondo_domain::why::why(&desk.house.world().await, &round(), &lao(), None, desk.house.clock.now());
    let last = why.unwrap().last_mail.unwrap();
    assert!(!last.contains("it was not delivered") && !last.contains("it came back"), "{last}");
    desk.house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_knows_the_return_path_is_believed_and_only_about_our_recipient() {
    let desk = Desk::open().await;
    let path = desk.path("lao-one").await;
    let unknown = "Action: failed\nStatus: 5.1.1";
    let message = desk.invitation("lao-one").await.message_id.unwrap();
    // A stranger who knows the Message-ID and the form of return paths; and one who reports about somebody else.
    let guessed = path.replacen(|c: char| c.is_ascii_digit(), "x", 1);
    let gives_back = format!("\n--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: {message}\n\n--b--\n");
    for (name, mail) in [
        (
            "stranger.eml",
            report("bounces@example.org", "lao-one@example.org", unknown).replace("\n--b--\n", &gives_back),
        ),
        ("guess.eml", report(&guessed, "lao-one@example.org", unknown)),
        ("colleague.eml", report(&path, "gone@elsewhere.example", unknown)),
    ] {
        assert_eq!(desk.comes(name, &mail).await, "unclear", "{name}");
        assert_eq!(desk.invitation("lao-one").await.state, NoticeState::Sent, "{name}");
    }
    assert!(desk.house.participation().await.bounced.is_empty());
    let plain = format!(
        "Return-Path: <>\nTo: <{path}>\nX-Failed-Recipients: lao-one@example.org\nAuto-Submitted: auto-replied\nFrom: Mail System <Mailer-Daemon@mx.example>\nSubject: Mail delivery failed\n\nThis address failed for good:\n\n  lao-one@example.org\n    host mx.example [192.0.2.7]\n    after RCPT TO:<lao-one@example.org>: 550 there is no such user here\n"
    );
    assert_eq!(desk.comes("plain.eml", &plain).await, "done");
    assert!(matches!(desk.invitation("lao-one").await.state, NoticeState::Bounced { .. }));
    assert!(desk.asks_for("find-contact").await);
    desk.house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_never_answers_for_a_person() {
    let desk = Desk::open().await;
    let path = desk.path("lao-two").await;
    let head = format!(
        "Return-Path: <>\nTo: <{path}>\nFrom: Two <lao-two@example.org>\nDate: Tue, 16 Sep 2025 09:00:00 +0700\n"
    );
    let away = format!(
        "{head}Subject: การตอบกลับอัตโนมัติ\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nไม่อยู่ จนถึงวันที่ 29 กันยายน 2568\n"
    );
    assert_eq!(desk.comes("away.eml", &away).await, "automatic");
    let notice = desk.invitation("lao-two").await;
    assert_eq!(
        (notice.state.clone(), notice.remarks().join("; ")),
        (NoticeState::Sent, "away until 29 September 2025".to_owned())
    );
    // Away, in words that reports use too, with the own address below.
    let gone = format!(
        "{head}Subject: Automatic reply: Invitation\nAuto-Submitted: auto-replied\nX-Auto-Response-Suppress: All\n\nI can not be reached; mail was not delivered to anybody else.\n\nlao-two@example.org\nMy colleague is no longer with the bureau.\n"
    );
    assert_eq!(desk.comes("gone.eml", &gone).await, "automatic");
    assert_eq!(desk.invitation("lao-two").await.state, NoticeState::Sent);
    assert!(desk.house.participation().await.bounced.is_empty());
    let complaint = format!(
        "{head}Subject: complaint\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=feedback-report; boundary=f\n\n--f\nContent-Type: text/plain\n\nMarked as unwanted.\n--f\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nVersion: 1\n\n--f--\n"
    );
    assert_eq!(desk.comes("complaint.eml", &complaint).await, "complaints");
    assert!(desk.asks_for("look-into-complaint").await);
    let mut strange = Vec::new();
    for (name, mail) in [
        ("reply.eml", format!("{head}Subject: Re: Invitation\n\nYes, gladly.\n").replace("Return-Path: <>\n", "")),
        (
            "riddle.eml",
            format!("{head}Subject: Notice 17\n\nCode 17 was met.\n").replace("Two <lao-two@", "System <system@"),
        ),
    ] {
        strange.push(desk.comes(name, &mail).await);
    }
    assert_eq!(strange, ["unclear", "unclear"], "what comes to a return path is no answer");
    assert_eq!(desk.invitation("lao-two").await.state, NoticeState::Sent);
    let message = desk.invitation("lao-two").await.message_id.unwrap();
    let answer = format!(
        "From: lao-two@example.org\nTo: ilms-help@example.org\nIn-Reply-To: {message}\nSubject: Re: Invitation\n\nYes.\n"
    );
    assert_eq!(desk.comes("answer.eml", &answer).await, "answers");
    assert_eq!(desk.invitation("lao-two").await.state, NoticeState::Answered);
    desk.house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_back_has_a_way_on_and_nothing_is_said_of_it_then() {
    let desk = Desk::open().await;
    assert_eq!(desk.astray().await, None);
    for (to, status) in [("lao-one", "5.2.2"), ("lao-two", "5.1.1")] {
        let fields = format!("Action: failed\nStatus: {status}");
        let mail = report(&desk.path(to).await, &format!("{to}@example.org"), &fields);
        assert_eq!(desk.comes(&format!("{to}.eml"), &mail).await, "done");
    }
    assert!(desk.astray().await.is_some());
    // The one has room again; the other had an alias that was mended, and answers.
    let asked = desk.tasks("look-into-undelivered").await;
    for (again, returns) in [(1, true), (2, false)] {
        desk.send_again("lao-one").await;
        assert_eq!(desk.invitation("lao-one").await.state, NoticeState::Sent);
        if returns {
            // What is not delivered once more is told once more.
            let mail = report(
                &desk.path("lao-one").await,
                "lao-one@example.org",
                "Action: failed\nStatus: 5.2.2\nX-Again: yes",
            );
            assert_eq!(desk.comes("again.eml", &mail).await, "done");
            assert_eq!(desk.tasks("look-into-undelivered").await, asked + again);
        }
    }
    let message = desk.invitation("lao-two").await.message_id.unwrap();
    let answer =
        format!("From: lao-two@example.org\nTo: ilms-help@example.org\nIn-Reply-To: {message}\nSubject: Re\n\nYes.\n");
    assert_eq!(desk.comes("answer.eml", &answer).await, "answers");
    assert_eq!(desk.invitation("lao-two").await.state, NoticeState::Answered);
    assert_eq!(desk.astray().await, None);
    desk.house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_complaint_of_a_country_asks_somebody() {
    use rondo_domain::workflow::{Overlap, Trigger};
    for workflow in ["ilms-asean", "technical-meeting"] {
        let ready = rondo_scheduler::definitions::read(&rondo_tests::bundle(workflow)).unwrap();
        let of_mail = |step: &&rondo_domain::workflow::Step| matches!(&step.trigger, Trigger::Event { event, .. } if event.starts_with("mail-"));
        let steps: Vec<_> = ready.definition.steps.iter().filter(of_mail).collect();
        assert!(steps.len() >= 2 && steps.iter().all(|step| step.overlap != Overlap::Skip), "{workflow}: {steps:#?}");
    }
    let desk = Desk::open().await;
    for (count, to) in ["lao-one", "lao-two"].into_iter().enumerate() {
        desk.house.move_to(&format!("2025-09-15T0{}:00:00Z", count + 6)).await;
        let path = desk.path(to).await;
        let complaint = format!(
            "Return-Path: <>\nTo: <{path}>\nFrom: {to}@example.org\nSubject: complaint\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=feedback-report; boundary=f\n\n--f\nContent-Type: text/plain\n\nMarked as unwanted.\n--f\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nVersion: 1\n\n--f--\n"
        );
        assert_eq!(desk.comes(&format!("{to}.eml"), &complaint).await, "complaints");
        assert_eq!(desk.tasks("look-into-complaint").await, count + 1, "{to}");
    }
    desk.house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_put_aside_holds_up_no_other_mail_and_is_recorded_once() {
    let desk = Desk::open().await;
    let inbox = desk.house.data().join("inbox");
    // Files have the names of the folders into which these belong.
    std::fs::write(inbox.join("automatic"), "no mail\n").unwrap();
    let path = desk.path("lao-two").await;
    let away = format!(
        "Return-Path: <>\nTo: <{path}>\nFrom: Two <lao-two@example.org>\nAuto-Submitted: auto-replied\nSubject: Re: x\n\nAway.\n"
    );
    std::fs::write(inbox.join("unclear"), "no mail either\n").unwrap();
    std::fs::write(inbox.join("away.eml"), &away).unwrap();
    desk.look().await;
    let recorded = desk.invitation("lao-two").await;
    assert!(recorded.absence.is_some());
    let alarm = |desk: &Desk| desk.house.alarms().get(&AlarmCode::ReturnedUnclear).cloned().unwrap_or_default();
    assert!(alarm(&desk).contains("3 inbound mails were read and cannot be moved"), "{:?}", desk.house.alarms());
    let fields = "Action: failed\nStatus: 5.2.2";
    let full = report(&desk.path("lao-one").await, "lao-one@example.org", fields);
    assert_eq!(desk.comes("full.eml", &full).await, "done", "the others are read");
    assert_eq!(desk.invitation("lao-two").await.version, recorded.version, "it is recorded once");
    assert_eq!(desk.house.alarms().len(), 1, "{:?}", desk.house.alarms());
    for name in ["automatic", "unclear"] {
        std::fs::remove_file(inbox.join(name)).unwrap();
    }
    desk.look().await;
    assert!(inbox.join("automatic/away.eml").exists());
    assert!(desk.house.alarms().is_empty(), "{:?}", desk.house.alarms());
    // Nor is the program ended by a folder that cannot be read.
    std::fs::rename(&inbox, desk.house.data().join("elsewhere")).unwrap();
    std::fs::write(&inbox, "no folder").unwrap();
    desk.look().await;
    assert!(alarm(&desk).contains("The inbox cannot be read"), "{:?}", desk.house.alarms());
    std::fs::remove_file(&inbox).unwrap();
    std::fs::rename(desk.house.data().join("elsewhere"), &inbox).unwrap();
    desk.look().await;
    assert!(desk.house.alarms().is_empty(), "{:?}", desk.house.alarms());
    desk.house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_acts_once_whatever_its_name_and_another_one_of_its_name_acts_too() {
    let desk = Desk::open().await;
    let path = desk.path("lao-one").await;
    let fields = "Action: failed\nStatus: 5.2.2";
    let full = report(&path, "lao-one@example.org", fields);
    assert_eq!(desk.comes("full.eml", &full).await, "done");
    desk.send_again("lao-one").await;
    let sent = desk.invitation("lao-one").await;
    assert_eq!(sent.state, NoticeState::Sent);
    // The same mail says nothing of the later sending, whatever the file is called.
    for name in ["again.eml", "once-more.eml"] {
        assert_eq!(desk.comes(name, &full).await, "done");
        assert_eq!(desk.invitation("lao-one").await.version, sent.version, "{name}");
    }
    std::fs::remove_file(desk.house.data().join("inbox/done/full.eml")).unwrap();
    let another = report(&path, "lao-one@example.org", &format!("{fields}\nX-Again: yes"));
    assert_eq!(desk.comes("full.eml", &another).await, "done");
    let state = desk.invitation("lao-one").await.state;
    assert!(matches!(state, NoticeState::Undelivered { .. }), "{state:?}");
    desk.house.close().await;
}

/// Somebody whom the register does not know is waited for, and is no bounce.
#[tokio::test(flavor = "multi_thread")]
async fn mail_waits_for_a_recipient_to_be_in_the_register() {
    let house = House::before_launch(MailSection::default()).await;
    let register = house.data().join("people.toml");
    let people = std::fs::read_to_string(&register).unwrap();
    std::fs::write(&register, people.replace("[person.lao-one]", "[person.somebody]")).unwrap();
    house.move_to("2025-09-18T05:00:00Z").await;
    let invitation = |notice: &&Notice| {
        notice.brief.as_ref().is_some_and(|brief| brief.kind == "invitation" && brief.person == person("lao-one"))
    };
    let waits = house.notices().await.iter().find(invitation).unwrap().clone();
    assert!(matches!(&waits.state, NoticeState::Postponed { reason, .. } if reason.contains("register")), "{waits:?}");
    assert_eq!(waits.attempts, 0);
    // Nor is a mail given up for its time limit (48 hours here) while nobody could name the address.
    house.move_to("2025-10-22T05:00:00Z").await;
    let reminder = |notice: &&Notice| {
        notice.brief.as_ref().is_some_and(|it| it.step.as_str() == "remind-before-1" && it.person == person("lao-one"))
    };
    let waits = house.notices().await.iter().find(reminder).expect("a reminder was due").clone();
    assert!(matches!(&waits.state, NoticeState::Postponed { reason, .. } if reason.contains("register")), "{waits:?}");
    assert!(house.participation().await.bounced.is_empty(), "nothing is known about the contact");
    std::fs::write(&register, people).unwrap();
    let (scope, reason) = (MailScope::Kind("digest".to_owned()), "to have the reminder look".to_owned());
    house.round("coordinator", RoundCommand::PauseMail { scope, reason }).await;
    house.rest().await;
    let sent = house.notices().await.iter().find(invitation).unwrap().clone();
    assert_eq!(sent.state, NoticeState::Sent, "it leaves as soon as they are known");
    let sent = house.notices().await.iter().find(reminder).unwrap().clone();
    assert_eq!(sent.state, NoticeState::Sent, "nobody could name them within its limit");
    house.close().await;
}
