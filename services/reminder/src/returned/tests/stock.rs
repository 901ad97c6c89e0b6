//! The whole texts of common mail servers, each with its own words around the cause: the cause is read, and the mail below it is not.

use super::*;

/// A mail that speaks of mail, as it may be given back: whatever it says, nobody is condemned by it.
const SPEAKS_OF_MAIL: &str = "Dear focal@office.example,\n\nThe list said: 550 5.1.1 user unknown.\n\n550 5.1.1 <focal@office.example>: no such user\n";

/// What Postfix writes before the causes, as it comes with it.
const POSTFIX: &str = "This is the mail system at host mx.example.\n\nI'm sorry to have to inform you that your message could not\nbe delivered to one or more recipients. It's attached below.\n\nFor further assistance, please send mail to postmaster.\n\nIf you do so, please include this problem report. You can\ndelete your own text from the attached returned message.\n\n                   The mail system\n\n";

/// What a server said, and what stood in the way, with the code that is given.
const CAUSES: [(&str, Obstacle, &str); 7] = [
    ("550 5.1.1 the user is unknown: no such user", Obstacle::Address, "5.1.1"),
    ("550 no such mailbox", Obstacle::Address, ""),
    ("552 5.2.2 the mailbox is full", Obstacle::Full, "5.2.2"),
    ("552 mailbox is full", Obstacle::Full, ""),
    ("554 5.7.1 taken for spam", Obstacle::Spam, "5.7.1"),
    ("554 our policy keeps it out", Obstacle::Policy, ""),
    ("451 4.3.0 mail system error", Obstacle::Server, "4.3.0"),
];

/// How servers write around a cause, and what they put before the mail that they give back.
fn stock(cause: &str) -> Vec<(&'static str, String)> {
    let wrapped = cause.replacen(' ', "\n    ", 1);
    vec![
        (
            "postfix",
            format!(
                "{POSTFIX}<{OURS}>: host mx.office.example[192.0.2.7] said: {wrapped} (in reply to\n    RCPT TO command)\n\n"
            ),
        ),
        (
            "postfix, unnamed",
            format!(
                "{POSTFIX}host mx.office.example[192.0.2.7]\n    said: {cause} <{OURS}> (in reply to RCPT TO command)\n\n"
            ),
        ),
        (
            "postfix, another address",
            format!(
                "{POSTFIX}<{OURS}> (expanded from <post@office.example>): host\n    mx.office.example[192.0.2.7] refused to talk to me: {wrapped}\n\n"
            ),
        ),
        (
            "postfix, set without blank lines",
            format!("{}<{OURS}>: host mx.office.example[192.0.2.7] said: {cause}\n\n", POSTFIX.replace("\n\n", "\n")),
        ),
        (
            "exim",
            format!(
                "This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n  {OURS}\n    host mx.office.example [192.0.2.7]\n    SMTP error from remote mail server after RCPT TO:<{OURS}>:\n    {cause}\n\n------ This is a copy of the message, including all the headers. ------\n\n"
            ),
        ),
        (
            "sendmail",
            format!(
                "The original message was received at Tue, 1 Dec 2026 10:00:00 +0700\nfrom desk.example [192.0.2.1]\n\n   ----- The following addresses had permanent fatal errors -----\n<{OURS}>\n    (reason: {cause})\n\n   ----- Transcript of session follows -----\n... while talking to mx.office.example.:\n>>> RCPT To:<{OURS}>\n<<< {cause}\n\n   ----- Original message follows -----\n\n"
            ),
        ),
        (
            "qmail",
            format!(
                "Hi. This is the qmail-send program at mx.example.\nI'm afraid I wasn't able to deliver your message to the following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n\n<{OURS}>:\n192.0.2.7 does not like recipient.\nRemote host said: {cause}\nGiving up on 192.0.2.7.\n\n--- Below this line is a copy of the message.\n\n"
            ),
        ),
        (
            "courier",
            format!(
                "This is a delivery status notification from mx.example,\nrunning the Courier mail server.\n\n           UNDELIVERABLE MAIL\n\nYour message to the following recipients cannot be delivered:\n\n<{OURS}>:\n    mx.office.example [192.0.2.7]:\n>>> RCPT TO:<{OURS}>\n<<< {cause}\n\n---------------------------------------------------------------------------\n\nThe original message follows as a separate attachment.\n\n"
            ),
        ),
        (
            "opensmtpd",
            format!(
                "Hi!\n\nThis is the MAILER-DAEMON, please DO NOT REPLY to this email.\n\nAn error has occurred while attempting to deliver a message for\nthe following list of recipients:\n\n{OURS}: {cause}\n\nBelow is a copy of the original message:\n\n"
            ),
        ),
        (
            "exchange",
            format!(
                "Delivery has failed to these recipients or groups:\n\n{OURS}\nYour message couldn't be delivered.\n\nDiagnostic information for administrators:\n\nGenerating server: mx.office.example\n\n{OURS}\nRemote server returned '{cause}'\n\nOriginal message headers:\n\n"
            ),
        ),
    ]
}

/// How the mail that is given back may stand below, where a report lost its structure.
fn given_back() -> [(&'static str, String); 6] {
    [
        (
            "whole",
            format!(
                "Received: from desk.example by mx.example\nFrom: ILMS <desk@example.org>\nTo: {OURS}\nSubject: x\n\n{SPEAKS_OF_MAIL}"
            ),
        ),
        ("its sender and recipient", format!("From: ILMS <desk@example.org>\nTo: {OURS}\n\n{SPEAKS_OF_MAIL}")),
        ("its recipient and subject", format!("To: {OURS}\nSubject: x\n\n{SPEAKS_OF_MAIL}")),
        (
            "quoted",
            format!("> From: ILMS <desk@example.org>\n> To: {OURS}\n>\n> {}", SPEAKS_OF_MAIL.replace('\n', "\n> ")),
        ),
        (
            "a part",
            format!(
                "--x\nContent-Description: Undelivered Message\nContent-Type: message/rfc822\n\nSubject: x\n\n{SPEAKS_OF_MAIL}"
            ),
        ),
        (
            "headers as a part",
            format!("--x\nContent-Type: text/rfc822-headers; charset=us-ascii\n\nSubject: x\n\n{SPEAKS_OF_MAIL}"),
        ),
    ]
}

#[test]
fn the_whole_text_of_a_server_leads_to_its_cause() {
    for (cause, obstacle, status) in CAUSES {
        for (server, text) in stock(cause) {
            let expected = failed(obstacle, status);
            assert_eq!(about_ours(&plain("Mail delivery failed", &text)), expected, "{server}: {text}");
            for (form, mail) in given_back() {
                let verdict = about_ours(&plain("Mail delivery failed", &format!("{text}{mail}")));
                assert_eq!(verdict, expected, "{server}, then {form}: {text}{mail}");
            }
        }
        // A body alone, where nothing but the cause's own end says that the report is over.
        let text = format!("{POSTFIX}<{OURS}>: host mx.office.example[192.0.2.7] said: {cause}\n\n{SPEAKS_OF_MAIL}");
        assert_eq!(about_ours(&plain("Mail delivery failed", &text)), failed(obstacle, status), "{text}");
    }
}

#[test]
fn what_is_given_back_condemns_nobody_where_no_cause_is_told() {
    let keep = "Please keep a copy of the original message.";
    for before in [
        POSTFIX.to_owned(),
        "Your mail could not be delivered. Here it is.\n\n".to_owned(),
        format!("Your mail could not be delivered. {keep}\n\n"),
        format!("Your mail could not be delivered.\n{keep}\n\n"),
    ] {
        let names_it = before.contains("\nPlease") || before == POSTFIX;
        let bodies = [("the body alone", SPEAKS_OF_MAIL.to_owned())].into_iter().filter(|_| names_it);
        // Without a sender, a list of headers may be the report's own where it said nothing yet, and did not name the mail.
        let forms = given_back().into_iter().filter(|(form, _)| names_it || !form.contains("recipient and subject"));
        for (form, mail) in forms.chain(bodies) {
            let expected = Verdict::Failed { obstacle: Obstacle::Unstated, status: String::new(), names_them: false };
            let text = format!("{before}{mail}");
            assert_eq!(about_ours(&plain("Mail delivery failed", &text)), expected, "{form}: {text}");
        }
    }
    let signed = about_ours(&plain("Undelivered Mail Returned to Sender", POSTFIX));
    let expected = Verdict::Failed { obstacle: Obstacle::Unstated, status: String::new(), names_them: false };
    assert_eq!(signed, expected, "a signature is no trouble of a server");
}

#[test]
fn the_fields_of_a_report_are_read_though_it_lost_its_structure() {
    let cause = format!("<{OURS}>: unknown user: \"focal\"\n\n");
    let fields = format!(
        "--x\nContent-Description: Delivery report\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\nX-Postfix-Queue-ID: 4X\nX-Postfix-Sender: rfc822; bounces+t@example.org\n\nFinal-Recipient: rfc822; {OURS}\nAction: failed\nStatus: 5.2.2\nDiagnostic-Code: x-unix; the mailbox is full\n\n"
    );
    for (form, mail) in given_back() {
        let text = format!("{POSTFIX}{cause}{fields}{mail}");
        assert_eq!(about_ours(&plain("Mail delivery failed", &text)), failed(Obstacle::Full, "5.2.2"), "{form}");
    }
}

#[test]
fn a_report_may_list_a_mail_before_it_says_what_became_of_it() {
    for listed in [
        format!(
            "Your message\n\n  To:      {OURS}\n  Subject: x\n  Sent:    Tue, 1 Dec 2026 10:00\n\ndid not reach the following recipient:\n\n{OURS} on Tue, 1 Dec 2026 10:01\n    The recipient name is not recognized\n\tThe MTS-ID of the original message is: c=us;a=\n;p=x;l=1\n    mx: 5.1.1 Unknown Recipient\n"
        ),
        format!(
            "There was trouble with your message. More of it:\n\nSubject: 'x'\nDate: 'Tue, 1 Dec 2026'\n\n1 error:\n\nThe server rejected the recipient <{OURS}>: [550 5.1.1 user unknown]\n"
        ),
        format!(
            "The following message could not be delivered:\n\nFrom: ILMS <desk@example.org>\nTo: {OURS}\nSubject: x\n\nReason: 550 5.1.1 user unknown\n"
        ),
        format!(
            "Your message could not be sent.\nA transcript of the attempts to send the message follows.\nAddressed To: {OURS}\n\n{OURS}: [192.0.2.7], 550 5.1.1 user unknown\n"
        ),
    ] {
        assert_eq!(about_ours(&plain("Mail delivery failed", &listed)), failed(Obstacle::Address, "5.1.1"), "{listed}");
    }
}
