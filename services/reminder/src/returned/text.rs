//! Reports in plain words, as Exim, qmail, Postfix, sendmail, Exchange, Domino, Gmail, Yahoo and others write them.

/// How the subject of a report begins or what stands in it, in lower case.
const SUBJECTS: [&str; 62] = [
    "undeliver",
    "undelivrable",
    "non-deliver",
    "nondeliver",
    "non deliver",
    "not delivered",
    "could not be delivered",
    "couldn't be delivered",
    "cannot be delivered",
    "can't be delivered",
    "unable to deliver",
    "was not delivered",
    "mail delivery fail",
    "mail delivery error",
    "mail delivery problem",
    "mail delivery status",
    "mail delivery delayed",
    "message delivery",
    "delivery fail",
    "delivery error",
    "delivery problem",
    "delivery status",
    "delivery notification",
    "delivery report",
    "delivery delay",
    "delivery has failed",
    "delivery unsuccessful",
    "delivery suspended",
    "delayed mail",
    "delayed delivery",
    "failed delivery",
    "failed mail",
    "failure notice",
    "failure delivery",
    "failure notification",
    "mail failure",
    "mail system error",
    "mail error",
    "mail could not",
    "message could not",
    "message not accepted",
    "message status",
    "returned mail",
    "returned message",
    "returned to sender",
    "returning message",
    "return to sender",
    "message returned",
    "mail returned",
    "error sending your mail",
    "sending failure",
    "user unknown",
    "warning: could not send",
    "warning: message",
    "unzustellbar",
    "non remis",
    "no se puede entregar",
    "niedostarcz",
    "mail delivery warning",
    "delivery warning",
    "メールエラー",
    "エラーメール",
];

/// What the words of a report say, in lower case and on one line.
const WORDS: [&str; 94] = [
    "could not be delivered",
    "couldn't be delivered",
    "could not deliver",
    "couldn't deliver",
    "can not be delivered",
    "cannot be delivered",
    "can't be delivered",
    "cannot deliver",
    "can't deliver",
    "not able to deliver",
    "wasn't able to deliver",
    "were unable to deliver",
    "was unable to deliver",
    "is unable to deliver",
    "unable to deliver",
    "unable to be delivered",
    "impossible to deliver",
    "failed to deliver",
    "not been delivered",
    "not delivered",
    "wasn't delivered",
    "weren't delivered",
    "never delivered",
    "did not reach",
    "didn't reach",
    "not be reached",
    "delivery failed",
    "delivery has failed",
    "delivery failure",
    "delivery to the following",
    "delivery of the following",
    "delivery attempt",
    "delivery is delayed",
    "delivery has been delayed",
    "delivery incomplete",
    "undeliver",
    "undelivrable",
    "permanent error",
    "permanent fatal error",
    "permanent failure",
    "fatal errors",
    "permanently failed",
    "failed permanently",
    "failed addresses",
    "failed recipient",
    "failure notice",
    "failure reasons",
    "following address",
    "following recipient",
    "following user",
    "returned mail",
    "returned to sender",
    "being returned",
    "been returned",
    "mail is returned",
    "message returned",
    "returned message",
    "bounced",
    "bouncing",
    "was rejected by",
    "were rejected by",
    "has been rejected",
    "rejected by a remote mail server",
    "error while delivering",
    "error occurred while trying to deliver",
    "error sending your",
    "trouble delivering",
    "problem delivering",
    "problems delivering",
    "mail system error",
    "unknown user",
    "user unknown",
    "not listed in",
    "no such user",
    "no such mailbox",
    "no such recipient",
    "no such address",
    "no mailbox found",
    "no mailbox here",
    "not a valid user",
    "not a valid mailbox",
    "not a valid recipient",
    "not a valid address",
    "recipient unknown",
    "unknown recipient",
    "user not found",
    "mailbox not found",
    "mailbox is full",
    "been postponed",
    "transcript of session",
    "non remis",
    "nie udało się dostarczyć",
    "не может быть доставлено",
    "konnte nicht zugestellt",
];

/// How a report begins that has no other sign of being one, in lower case and on one line.
const BEGINNINGS: [&str; 6] = [
    "your message could not be delivered",
    "your mail could not be delivered",
    "your message was not delivered",
    "your message did not reach",
    "this is an automatically generated delivery",
    "undeliverable mail",
];

/// That a mail still waits and is tried again, in lower case and on one line.
const STILL_TRIED: [&str; 35] = [
    "will continue to be attempted",
    "will be retried",
    "will retry",
    "will keep trying",
    "keep trying",
    "continue trying",
    "continue to try",
    "been postponed",
    "still trying",
    "still being retried",
    "still being attempted",
    "try again for",
    "tried again for",
    "will try again",
    "has been delayed",
    "is delayed",
    "was delayed",
    "delivery delayed",
    "delayed mail",
    "not yet been delivered",
    "has not been delivered yet",
    "not been able to deliver the message yet",
    "you do not need to resend",
    "do not need to resend",
    "don't need to resend",
    "need not resend",
    "no need to resend",
    "no action is required",
    "this is a warning",
    "warning message only",
    "this is only a warning",
    "is just a warning",
    "could not send message for past",
    "warning: could not send",
    "still in the queue",
];

/// That it is over, whatever was said of trying: in lower case and on one line.
const GIVEN_UP: [&str; 12] = [
    "given up",
    "giving up",
    "permanent error",
    "permanent fatal",
    "permanent failure",
    "failed permanently",
    "will not try",
    "will not attempt",
    "no further attempt",
    "has been returned",
    "is being returned",
    "delivery failed",
];

/// Whether a subject is one of a report.
pub(super) fn is_subject(subject: &str) -> bool {
    let is_reply = ["re:", "fw:", "fwd:", "aw:", "sv:"].iter().any(|begin| subject.starts_with(begin));
    !is_reply && SUBJECTS.iter().any(|words| subject.contains(words))
}

/// Whether words are those of a report.
pub(super) fn is_said(words: &str) -> bool {
    WORDS.iter().any(|said| words.contains(said))
}

/// Whether words begin like those of a report, so that they need no other sign.
pub(super) fn begins(words: &str) -> bool {
    let beginning: String = words.chars().take(400).collect();
    BEGINNINGS.iter().any(|said| beginning.contains(said))
}

/// Whether words hold a report that somebody sends on.
pub(super) fn is_sent_on(words: &str) -> bool {
    ["final-recipient:", "from: mail delivery sub", "from: mailer-daemon", "<mailer-daemon"]
        .iter()
        .any(|said| words.contains(said))
}

/// Whether words ask the sender to prove that a person sent the mail.
pub(super) fn is_a_challenge(words: &str) -> bool {
    const CHALLENGES: [&str; 5] = [
        "to have your address added",
        "to have your message delivered",
        "to ensure delivery of your",
        "confirm that you sent",
        "verify that you are a person",
    ];
    CHALLENGES.iter().any(|said| words.contains(said))
}

/// Whether words say that the mail waits and is tried again.
pub(super) fn is_still_tried(words: &str) -> bool {
    STILL_TRIED.iter().any(|said| words.contains(said)) && !GIVEN_UP.iter().any(|said| words.contains(said))
}
