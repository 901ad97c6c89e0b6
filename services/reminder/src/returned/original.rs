//! Where the words of a report end and the mail that it gives back begins.

/// What the line says that parts the two. Mail systems write it between dashes, or end it with a colon or a stop.
const PARTING: [&str; 40] = [
    "copy of the message",
    "copy of your message",
    "copy of the original",
    "copy of your mail",
    "copy of the first part",
    "body of message generated response",
    "below this line is",
    "below is a copy",
    "original message follows",
    "original message header",
    "headers of the message",
    "headers of the original",
    "the header of the original",
    "message headers follow",
    "message header follows",
    "original message",
    "original mail",
    "original email",
    "original headers",
    "returned message",
    "returned mail follows",
    "returned content",
    "undelivered message",
    "undeliverable message",
    "unsent message",
    "your message follows",
    "message follows",
    "message text follows",
    "mail follows",
    "the following is the original",
    "included below",
    "is included below",
    "start of your message",
    "begin of your message",
    "begin message",
    "message contents follow",
    "rejected message follows",
    "received message",
    "forwarded message",
    "header of the message",
];

/// Headers that stand at the head of a mail, and in no sentence.
const HEADS: [&str; 9] = [
    "received: ",
    "return-path: ",
    "x-originating-ip: ",
    "dkim-signature: ",
    "mime-version: ",
    "x-mailer: ",
    "message-id: <",
    "delivered-to: ",
    "x-original-to: ",
];

/// The words of a report, and below them what it gives back of another mail.
pub(super) fn parted(text: &str) -> (String, String) {
    let lines: Vec<&str> = text.lines().collect();
    let end = lines.iter().enumerate().position(|(at, line)| parts(line) && says_something(&lines[..at]));
    let (words, below) = lines.split_at(end.unwrap_or(lines.len()));
    (words.join("\n"), below.join("\n"))
}

/// A report that begins with the mail itself is read whole.
fn says_something(lines: &[&str]) -> bool {
    lines.iter().map(|line| line.trim().len()).sum::<usize>() >= 20
}

fn parts(line: &str) -> bool {
    let low = line.trim().to_lowercase();
    if HEADS.iter().any(|head| low.starts_with(head)) {
        return true;
    }
    let is_set_off =
        low.starts_with(['-', '=', '*', '_', '#', '>', '<', '+']) || low.ends_with([':', '.', '-', '=', '*', '_', '>']);
    low.chars().count() <= 110
        && is_set_off
        && PARTING.iter().any(|words| low.contains(words))
        && !low.contains("could not")
}
