//! What comes back of mail in a simulated round: reports about delivery, absence notes, complaints and answers, as they are written
//! elsewhere; the reminder reads them out of its inbox.

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use rondo_reminder::Letter;

/// What becomes of a mail after the server took it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nobody is reached at that address.
    Gone,
    Full,
    Delayed,
    Delivered,
    Away,
    Complaint,
    Answer,
}

impl Fate {
    /// What is drawn for a mail; of most nothing more is heard.
    pub(super) fn drawn(chance: &mut Rng) -> Option<Self> {
        Some(match chance.u32(0..1000) {
            0..20 => Self::Gone,
            20..30 => Self::Full,
            30..36 => Self::Delayed,
            36..40 => Self::Delivered,
            40..60 => Self::Away,
            60..68 => Self::Complaint,
            68..100 => Self::Answer,
            _ => return None,
        })
    }

    /// When it is heard of.
    pub(super) fn heard_at(now: Timestamp, chance: &mut Rng) -> Timestamp {
        let long = if chance.bool() { 3 } else { 24 * 12 };
        now + SignedDuration::from_mins(chance.i64(1..60 * long))
    }
}

/// Whose mailbox a letter is for.
pub(super) fn recipient(letter: &Letter) -> String {
    letter.message.envelope().to()[0].to_string()
}

/// A letter's subject and its plain text, which is English here.
pub(super) fn text(letter: &Letter) -> String {
    let subject = letter.message.headers().get_raw("Subject").unwrap().to_owned();
    let whole = String::from_utf8(letter.message.formatted()).unwrap();
    let plain = whole.split("Content-Type: text/plain").nth(1).unwrap();
    let plain = plain.split("Content-Type: text/html").next().unwrap();
    // Lines that are folded in quoted-printable (RFC 2045, section 6.7) are one.
    format!("{subject}\n{}", plain.replace("=\r\n", "").replace("\r\n", "\n"))
}

/// What is written about a letter.
pub(super) fn written(fate: Fate, letter: &Letter) -> Vec<u8> {
    let to = recipient(letter);
    let back = letter.message.envelope().from().unwrap().to_string();
    let message = letter.message.headers().get_raw("Message-ID").unwrap().to_owned();
    let report = |kind: &str, part: &str, fields: &str| {
        format!(
            "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example\nTo: <{back}>\nSubject: About your mail\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type={kind}; boundary=b\n\n--b\nContent-Type: text/plain\n\nSee below.\n--b\nContent-Type: message/{part}\n\n{fields}\n\n--b--\n"
        )
    };
    let delivery = |action: &str, status: &str| {
        let fields = format!(
            "Reporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; {to}\nAction: {action}\nStatus: {status}"
        );
        report("delivery-status", "delivery-status", &fields)
    };
    match fate {
        Fate::Gone => delivery("failed", "5.1.1"),
        Fate::Full => delivery("failed", "5.2.2"),
        Fate::Delayed => delivery("delayed", "4.4.7"),
        Fate::Delivered => delivery("delivered", "2.0.0"),
        Fate::Away => format!(
            "Return-Path: <>\nFrom: {to}\nTo: <{back}>\nSubject: Automatic reply: a mail\nAuto-Submitted: auto-replied\nIn-Reply-To: {message}\n\nI am not in the office today.\n"
        ),
        Fate::Complaint => report("feedback-report", "feedback-report", "Feedback-Type: abuse\nVersion: 1"),
        Fate::Answer => format!(
            "From: {to}\nTo: answers@example.org\nSubject: Re: a mail\nIn-Reply-To: {message}\n\nThank you, we are at work on it.\n"
        ),
    }
    .into_bytes()
}
