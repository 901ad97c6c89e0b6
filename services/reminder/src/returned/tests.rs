//! Forms of returned mail in our own words, each for a whole kind.

use super::*;

mod absence;
mod stock;

const OURS: &str = "focal@office.example";

fn said_of(mail: &str) -> Returned {
    read(mail.as_bytes(), |address| address.starts_with("bounces+"), |about| about.from.contains(&OURS.to_owned()))
        .unwrap()
        .0
}

/// What a mail says about our recipient, who is `focal@office.example`.
fn about_ours(mail: &str) -> Verdict {
    match said_of(mail) {
        Returned::Report(report) => report.about(OURS),
        other => panic!("{other:?} of {mail}"),
    }
}

fn failed(obstacle: Obstacle, status: &str) -> Verdict {
    Verdict::Failed { obstacle, status: status.to_owned(), names_them: true }
}

/// A report of several parts, whose fields are these.
fn dsn(kind: &str, fields: &str) -> String {
    format!(
        "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example\nTo: bounces+t@example.org\nSubject: x\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: text/plain\n\nIt went wrong.\n--b\nContent-Type: {kind}\n\nReporting-MTA: dns; mx.example\n\n{fields}\n\n--b\nContent-Type: text/rfc822-headers\n\nReturn-Path: <bounces+t@example.org>\nMessage-ID: <n.r@example.org>\n\n--b--\n"
    )
}

/// A mail of a mail system in plain words.
fn plain(subject: &str, words: &str) -> String {
    format!("From: Mail System <mailer-daemon@mx.example>\nTo: bounces+t@example.org\nSubject: {subject}\n\n{words}\n")
}

#[test]
fn fields_are_read_as_they_are_really_written() {
    const KIND: &str = "message/delivery-status";
    let one = "Final-Recipient: rfc822; focal@office.example";
    for (fields, verdict) in [
        (format!("{one}\nAction: failed\nStatus: 5.1.1"), failed(Obstacle::Address, "5.1.1")),
        (format!("{one}\nAction: Failed (bad mailbox)\nStatus: 5.1.1 (no user)"), failed(Obstacle::Address, "5.1.1")),
        (
            "Final-Recipient: <FOCAL@office.example>\nAction: undeliverable\nStatus: 5.2.1".to_owned(),
            failed(Obstacle::Address, "5.2.1"),
        ),
        (format!("{one}\n\nAction: failed\nStatus: 5.2.2"), failed(Obstacle::Full, "5.2.2")),
        (format!("{one}\nAction: failed\nStatus: 4.2.2"), failed(Obstacle::Full, "4.2.2")),
        (
            format!("{one}\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp;\n 552 5.2.2 no room"),
            failed(Obstacle::Full, "5.0.0"),
        ),
        (
            format!("{one}\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 over quota"),
            failed(Obstacle::Full, "5.1.1"),
        ),
        (
            format!("{one}\nAction: failed\nStatus: 5.7.1\nDiagnostic-Code: smtp; 554 5.7.1 user unknown"),
            failed(Obstacle::Address, "5.7.1"),
        ),
        (
            format!("{one}\nAction: failed\nStatus: 5.1.8\nDiagnostic-Code: smtp; 550 5.1.8 no such domain"),
            failed(Obstacle::Policy, "5.1.8"),
        ),
        (format!("{one}\nAction: expired\nStatus: 4.4.7"), failed(Obstacle::Time, "4.4.7")),
        (format!("{one}\nStatus: 5.1.1"), failed(Obstacle::Address, "5.1.1")),
        (format!("{one}\nAction: delayed\nStatus: 4.4.1"), Verdict::Delayed { status: "4.4.1".to_owned() }),
        (format!("{one}\nAction: relayed (to a gateway)\nStatus: 2.1.9"), Verdict::Delivered),
        (
            "Final-Recipient: rfc822; other@elsewhere.example\nAction: failed\nStatus: 5.1.1".to_owned(),
            Verdict::OfOthers,
        ),
        (
            format!(
                "Original-Recipient: rfc822;{OURS}\nFinal-Recipient: rfc822; new@elsewhere.example\nAction: failed\nStatus: 5.1.1"
            ),
            failed(Obstacle::Address, "5.1.1"),
        ),
    ] {
        assert_eq!(about_ours(&dsn(KIND, &fields)), verdict, "{fields}");
    }
    let abroad = "Final-Recipient: utf-8; fo\\x{63}al@office.example\nAction: failed\nStatus: 5.1.1";
    assert_eq!(about_ours(&dsn("message/global-delivery-status", abroad)), failed(Obstacle::Address, "5.1.1"));
    let (_, about) = read(dsn(KIND, one).as_bytes(), |_| false, |_| false).unwrap();
    assert_eq!(
        (about.came_to, about.given_back),
        (vec!["bounces+t@example.org".to_owned()], vec!["bounces+t@example.org".to_owned()])
    );
    assert_eq!(about.messages, ["n.r@example.org"]);
}

#[test]
fn plain_words_are_understood_in_the_usual_forms() {
    for (subject, words, verdict) in [
        (
            "Mail delivery failed",
            "These failed for good:\n\n  focal@office.example\n    550 5.1.1 unknown user",
            failed(Obstacle::Address, "5.1.1"),
        ),
        (
            "failure notice",
            "I was unable to deliver your message.\n\n<focal@office.example>:\n192.0.2.1 said: 552 mailbox full\n\n--- Below this line is a copy of the message.\n\nuser unknown",
            failed(Obstacle::Full, ""),
        ),
        (
            "DELIVERY FAILURE: User focal (focal@office.example) not listed in Domino Directory",
            "Your message was not delivered.",
            failed(Obstacle::Address, ""),
        ),
        (
            "Undeliverable: x",
            "Delivery has failed to these recipients:\nfocal@office.example\n#550 5.7.1 spam is not taken here",
            failed(Obstacle::Spam, "5.7.1"),
        ),
        (
            "Delivery Status Notification (Failure)",
            "Delivery to the following recipient failed permanently:\n\n focal@office.example\n\nThe account is receiving mail at a rate that keeps more from coming.",
            failed(Obstacle::Rate, ""),
        ),
        (
            "Returned mail",
            "Could not be delivered to focal@office.example: message size exceeds the limit",
            failed(Obstacle::Size, ""),
        ),
        (
            "Returned mail",
            "Could not be delivered to focal@office.example: host unknown, try again",
            failed(Obstacle::Server, ""),
        ),
        (
            "Warning: message 1 delayed",
            "To focal@office.example. We will keep trying for two days.",
            Verdict::Delayed { status: String::new() },
        ),
        ("failure notice", "Unable to deliver to other@elsewhere.example: no such user", Verdict::OfOthers),
    ] {
        assert_eq!(about_ours(&plain(subject, words)), verdict, "{subject}");
    }
    let unnamed = about_ours(&plain("failure notice", "It could not be delivered: no such user"));
    let expected = Verdict::Failed { obstacle: Obstacle::Address, status: String::new(), names_them: false };
    assert_eq!(unnamed, expected, "who is not named is not condemned by it");
}

#[test]
fn a_person_answers_and_a_program_does_not() {
    let person = "From: a@office.example\nTo: help@example.org\nDate: Mon, 30 Nov 2026 09:00:00 +0700\nIn-Reply-To: <n.r@example.org>\nSubject: Re: Invitation\n\nYes. My colleague's mailbox is full; mail to them could not be delivered.\n";
    assert_eq!(said_of(person), Returned::Answer);
    assert_eq!(said_of(&person.replace("Subject", "Auto-Submitted: no\nSubject")), Returned::Answer);
    assert_eq!(said_of(&person.replace("help@example.org", "bounces+t@example.org")), Returned::Unclear);
    let riddle = person.replace("From: a@", "From: MAILER-DAEMON@");
    let riddle = format!("{}\n\nCode 17 was met.\n", riddle.split("\n\n").next().unwrap());
    assert_eq!(said_of(&riddle), Returned::Unclear);
    for sign in [
        "Auto-Submitted: auto-replied (vacation)",
        "X-Auto-Response-Suppress: All",
        "X-Autorespond: yes",
        "Precedence: bulk",
    ] {
        let away = person.replace("Subject", &format!("{sign}\nSubject"));
        assert_eq!(said_of(&away), Returned::Automatic(None), "{sign}");
    }
    for (subject, note, until) in [
        ("Automatic reply: Invitation", "I am away until 7 December.", Some("2026-12-07")),
        ("Out of office", "Back on January 5th, 2027", Some("2027-01-05")),
        ("Trả lời tự động: x", "Tôi vắng mặt đến ngày 15/12/2026.", Some("2026-12-15")),
        ("Balasan otomatis: x", "Saya cuti sampai 12 Desember 2026.", Some("2026-12-12")),
        ("ตอบกลับอัตโนมัติ", "จะกลับมาวันที่ ๗ ธันวาคม ๒๕๖๙", Some("2026-12-07")),
        ("ຕອບກັບອັດຕະໂນມັດ", "ກັບມາ 9 ທັນວາ", Some("2026-12-09")),
        ("ការឆ្លើយតបស្វ័យប្រវត្តិ", "១០ ធ្នូ", Some("2026-12-10")),
        ("Out of office", "I left in 2019.", None),
    ] {
        let mail = format!(
            "From: a@office.example\nTo: help@example.org\nDate: Mon, 30 Nov 2026 09:00:00 +0700\nSubject: {subject}\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{note}\n"
        );
        let until = until.map(|day| day.parse().unwrap());
        assert_eq!(said_of(&mail), Returned::Automatic(until), "{subject}: {note}");
    }
    assert_eq!(read(b"", |_| false, |_| false), None);
    assert_eq!(read(b"\xff\xfe no mail", |_| false, |_| false), None);
}

#[test]
fn a_complaint_and_a_receipt_of_reading_are_no_answers() {
    let report = |kind: &str, part: &str| {
        format!(
            "From: feedback@provider.example\nTo: bounces+t@example.org\nSubject: x\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type={kind}; boundary=b\n\n--b\nContent-Type: text/plain\n\nSee below.\n--b\nContent-Type: message/{kind}\n\n{part}\n\n--b--\n"
        )
    };
    let complaint = said_of(&report("feedback-report", "Feedback-Type: abuse\nVersion: 1"));
    assert_eq!(complaint, Returned::Complaint("abuse".to_owned()));
    let read = report(
        "disposition-notification",
        "Final-Recipient: rfc822; focal@office.example\nDisposition: manual-action/MDN-sent-manually; displayed",
    );
    assert_eq!(about_ours(&read), Verdict::Delivered);
    assert_eq!(said_of(&report("unknown-report", "Something: else")), Returned::Unclear);
}

#[test]
fn a_report_condemns_nobody_whose_address_only_stands_within_another_or_is_not_known() {
    let text = "From: MAILER-DAEMON@mx.example.org\r\nTo: bounces+t@example.org\r\nSubject: failure notice\r\n\r\nUnable to deliver to jean@office.example: no such user\r\n";
    let Returned::Report(report) = said_of(text) else { panic!("it is a report") };
    assert_eq!(report.about("an@office.example"), Verdict::OfOthers);
    assert_eq!(report.about(""), Verdict::OfOthers);
    assert_eq!(report.about("jean@office.example"), failed(Obstacle::Address, ""));
}

#[test]
fn what_nobody_signs_is_of_a_mail_system_and_answers_for_nobody() {
    let automatic = "Auto-Submitted: auto-replied\n";
    let mail = |from: &str, head: &str, words: &str| {
        format!(
            "Return-Path: <>\nFrom: {from}\nTo: bounces+t@example.org\nIn-Reply-To: <n.r@example.org>\n{head}\n{words}\n"
        )
    };
    let gone = format!("You wrote to {OURS}. That is not a valid user here.");
    for from in ["<>", "", "\"Mail\" <>"] {
        assert_eq!(about_ours(&mail(from, automatic, &gone)), failed(Obstacle::Address, ""), "{from:?}");
        assert_eq!(said_of(&mail(from, automatic, "Code 17 was met.")), Returned::Unclear, "{from:?}");
        // Whoever is away is not condemned, though nobody signs it.
        let away = format!("{automatic}Subject: Out of office\n");
        assert_eq!(said_of(&mail(from, &away, &gone)), Returned::Unclear, "{from:?}");
    }
    assert!(matches!(said_of(&mail(OURS, automatic, &gone)), Returned::Automatic(_)));
}

#[test]
fn an_address_that_is_not_there_is_known_by_words_whatever_the_code_and_rules_are_not() {
    use Obstacle::{Address, Policy, Server, Time, Unstated};
    for (status, said, found) in [
        ("5.3.0", "553 5.3.0 <a@office.example>... Address does not exist", Address),
        ("5.7.1", "550 5.7.1 No mailbox found", Address),
        ("5.7.1", "550 5.7.1 <a@office.example>: mailbox does not exist", Address),
        ("5.4.1", "550 5.4.1 no mailbox here by that name", Address),
        ("5.5.0", "550 5.5.0 the recipient doesn't exist", Address),
        ("5.3.0", "addressee unknown", Address),
        ("5.7.1", "550 5.7.1 sender address does not exist", Policy),
        ("5.7.1", "550 5.7.1 your sender mailbox does not exist", Policy),
        ("5.7.1", "550 5.7.1 the return address does not exist", Policy),
        ("5.7.1", "550 5.7.1 the user does not exist or you have no permission to write to it", Policy),
        ("5.7.1", "550 5.7.1 our policy: no such address may be written to", Policy),
        ("5.7.1", "550 5.7.1 not for you", Policy),
        ("4.3.0", "451 4.3.0 address does not exist", Time),
        ("5.0.0", "[mx.office.example]: Name or service not known", Server),
        ("5.4.4", "temporary failure in name resolution", Server),
        ("", "all hosts have been failing for a long time and were last tried after this message arrived", Time),
        ("", "", Unstated),
    ] {
        assert_eq!(obstacle(status, said), found, "{status}: {said}");
    }
}
