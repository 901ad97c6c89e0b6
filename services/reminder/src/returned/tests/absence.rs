//! Notes of people who are away speak of mail and addresses as mail systems do, and condemn nobody.

use super::*;

/// What somebody who is away may write; each holds words that stand in reports too.
const NOTES: [&str; 10] = [
    "Thank you for writing. Until 7 December 2026 I travel and cannot be reached by telephone.",
    "I am away until 7 December 2026. For what is urgent, please use the following address:\n\n  deputy@office.example",
    "On a mission until 7 December 2026, I can not be reached, nor is my assistant available.\n\n--\nfocal@office.example\nThe number 214 is no longer in use.",
    "On leave until 7 December 2026. The seminar has been postponed. My mailbox is full of mail; I answer the week after.",
    "Dear sender, until 7 December 2026 I am away; your message was not delivered to anybody else.\n\nfocal@office.example. My colleague is no longer with the bureau.",
    "Je suis absent jusqu'au 7 décembre 2026; un message non remis est à renvoyer à focal@office.example. Mon adjoint n'existe plus: utilisateur inconnu.",
    "Ich bin bis 7. Dezember 2026 nicht da. Ihre Nachricht konnte nicht zugestellt werden, weil niemand liest; focal@office.example.",
    "Saya cuti sampai 7 Desember 2026 dan cannot be reached. Kantor lama tidak ada lagi. focal@office.example",
    "จะกลับมาวันที่ 7 ธันวาคม 2569 Unable to deliver parcels: focal@office.example no such person at the gate, ไม่พบ",
    "Away until 7 December 2026. Invitations that bounced: user unknown? Write to focal@office.example once more.",
];

fn note(from: &str, head: &str, words: &str) -> String {
    format!(
        "Received: from mx.office.example by mx.example.org\nFrom: A Focal Point <{from}>\nTo: <bounces+t@example.org>\nDate: Wed, 2 Dec 2026 09:00:00 +0700\nIn-Reply-To: <n.r@example.org>\n{head}\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{words}\n"
    )
}

#[test]
fn a_note_of_somebody_who_is_away_is_no_report() {
    let is_note = |mail: &str| matches!(said_of(mail), Returned::Automatic(_));
    let paths =
        ["Return-Path: <>\n", "Return-Path: <MAILER-DAEMON>\n", "Return-Path: <MAILER-DAEMON@mx.example.org>\n", ""];
    let signs = [
        "Auto-Submitted: auto-replied\nX-Auto-Response-Suppress: All\nSubject: Automatic reply: Invitation",
        "Auto-Submitted: auto-replied\nSubject: Re: Invitation",
        "Auto-Submitted: auto-replied (vacation)\nSubject: Automatic reply: Delivery report of November",
        "X-Auto-Response-Suppress: OOF, AutoReply\nSubject: Invitation",
        "X-Autorespond: Invitation\nSubject: Invitation",
        "Precedence: auto_reply\nSubject: Re: Invitation",
        "Subject: Réponse automatique: Invitation",
        "Subject: Balasan otomatis: Invitation",
    ];
    for words in NOTES {
        for path in paths {
            for sign in signs {
                // From another address of theirs, or from one that nobody reads.
                for from in [OURS, "first.last@office.example", "no-reply@office.example"] {
                    let mail = note(from, &format!("{path}{sign}"), words);
                    assert!(is_note(&mail), "{from} {path}{sign}: {words}");
                }
            }
        }
        // Without any sign but the address and that nothing is to come back.
        for path in &paths[..3] {
            for subject in ["Re: Invitation", "Undelivered: Invitation", "ການເຊີນ"] {
                let mail = note(OURS, &format!("{path}Subject: {subject}"), words);
                assert!(is_note(&mail), "{path}{subject}: {words}");
            }
            let mail = note("somebody@elsewhere.example", &format!("{path}Subject: Re: Invitation"), words);
            assert_eq!(said_of(&mail), Returned::Unclear, "a person looks: {path}{words}");
        }
    }
}

#[test]
fn who_answers_may_quote_a_report_and_condemns_nobody_by_it() {
    let quoted = format!(
        "I am away until 7 December 2026. This is what I got of yours:\n\nFinal-Recipient: rfc822; {OURS}\nAction: failed\nStatus: 5.1.1"
    );
    let away =
        note("first.last@office.example", "Return-Path: <>\nAuto-Submitted: auto-replied\nSubject: Re: x", &quoted);
    assert!(matches!(said_of(&away), Returned::Automatic(_)));
    let written = note(OURS, "Return-Path: <focal@office.example>\nSubject: Mail delivery failed", &quoted);
    assert_eq!(said_of(&written), Returned::Unclear, "a person of theirs wrote to where nobody answers");
}

#[test]
fn a_report_is_one_though_it_says_that_it_is_automatic() {
    let automatic = "Auto-Submitted: auto-replied\nX-Auto-Response-Suppress: All\n";
    let gone = failed(Obstacle::Address, "5.1.1");
    let words = format!("It could not be delivered.\n\n  {OURS}\n    550 5.1.1 user unknown");
    for mail in [
        dsn("message/delivery-status", &format!("Final-Recipient: rfc822; {OURS}\nAction: failed\nStatus: 5.1.1")),
        plain("failure notice", &words),
        plain("Notice 17", &words),
        plain("x", &words).replace("mailer-daemon@", "postmaster@").replace("Mail System", "Post"),
        plain("Undeliverable: Invitation", &words).replace("mailer-daemon@", "gateway@").replace("Mail System", "MX"),
        plain("x", &words)
            .replace("mailer-daemon@", "gateway@")
            .replace("Mail System", "MX")
            .replace("Subject:", &format!("X-Failed-Recipients: {OURS}\nSubject:")),
    ] {
        for path in ["", "Return-Path: <>\n"] {
            let mail = format!("{path}{automatic}{}", mail.replace("Return-Path: <>\n", ""));
            assert_eq!(about_ours(&mail), gone, "{mail}");
        }
    }
}
