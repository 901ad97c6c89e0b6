//! Where the words of a report end and the mail that it gives back begins.
//!
//! A line between dashes, a label, a mail's head or the head of a part is certain. A sentence that names the mail is not: where the
//! paragraphs that tell what became of it stand behind, the words end with those.

use super::address;
use super::report::codes;

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

/// Words that hold one of those and say nothing of where the mail is.
const NO_PARTING: [&str; 3] = ["could not", "transcript", "mts-id"];

/// Kinds of parts that hold a mail, or the head of one, where a report lost its structure on its way.
const KINDS: [&str; 5] =
    ["message/rfc822", "text/rfc822", "text/rfc822-headers", "message/global", "message/global-headers"];

/// Headers with which a line of a report may begin too; two in a row are a mail's head.
const NAMES: [&str; 9] = ["from", "to", "cc", "date", "subject", "reply-to", "sender", "message-id", "auto-submitted"];

/// With what a line begins that is set apart.
const MARKS: [char; 8] = ['-', '=', '*', '_', '#', '>', '<', '+'];

/// Fields of a report about delivery, and of the part that holds them.
const FIELDS: [&str; 7] = [
    "reporting-mta:",
    "original-recipient:",
    "final-recipient:",
    "action:",
    "diagnostic-code:",
    "content-description: delivery",
    "content-type: message/delivery-status",
];

/// How a paragraph begins that tells why.
const WHY: [&str; 4] = ["reason:", "error:", "diagnostic", "the reason"];

/// Paragraphs, a signature among them, that may stand between a sentence about the mail that is given back and what became of it.
const BETWEEN: usize = 2;

/// The words of a report, and below them what it gives back of another mail.
pub(super) fn parted(text: &str) -> (String, String) {
    let lines: Vec<&str> = text.lines().collect();
    let told = told_at(&lines);
    let (words, below) = lines.split_at(Whole { lines: &lines, told }.end());
    (words.join("\n"), below.join("\n"))
}

/// All that a mail says.
#[derive(Clone, Copy)]
struct Whole<'a> {
    lines: &'a [&'a str],
    /// The first line that tells what became of a mail; behind the last one, if none does.
    told: usize,
}

impl Whole<'_> {
    /// Where the words end.
    fn end(self) -> usize {
        for (at, line) in self.lines.iter().enumerate() {
            let is_certain = self.is_certain(at);
            if (is_certain || is_doubtful(line) || self.is_head(at, true)) && says_something(&self.lines[..at]) {
                return if is_certain { at } else { self.told_behind(at).unwrap_or(at) };
            }
        }
        self.lines.len()
    }

    /// Whether the mail begins at this line, whatever stands behind it.
    fn is_certain(self, at: usize) -> bool {
        let low = self.lines[at].trim().to_lowercase();
        let kind = low.strip_prefix("content-type:").map(|kind| kind.split(';').next().unwrap_or_default().trim());
        HEADS.iter().any(|head| low.starts_with(head))
            || kind.is_some_and(|kind| KINDS.contains(&kind))
            || (names_mail(&low) && !is_doubtful(&low))
            || (self.told < at && self.is_head(at, false))
    }

    /// Whether a mail's head begins at this line: header lines in a row, at the margin or quoted. Some reports list those of a mail
    /// before they say what became of it, so that it is doubtful where that is not said yet, and without the sender no head at all.
    fn is_head(self, at: usize, has_to_name_sender: bool) -> bool {
        let is_first = at.checked_sub(1).is_none_or(|before| header(self.lines[before]).is_none());
        if !is_first {
            return false;
        }
        let (mut count, mut has_sender) = (0, false);
        for line in &self.lines[at..] {
            match header(line) {
                Some(name) => {
                    count += usize::from(NAMES.contains(&name.as_str()));
                    has_sender |= name == "from";
                }
                None if count > 0 && line.starts_with([' ', '\t']) && !line.trim().is_empty() => {}
                None => break,
            }
        }
        count > 1 && (has_sender || !has_to_name_sender)
    }

    /// Where the words end, if what became of the mail is told behind a line that names it in a sentence: with the paragraphs that
    /// tell. What was told before such a line is not told behind it once more: that may be a mail which speaks of mail.
    fn told_behind(self, at: usize) -> Option<usize> {
        if self.told < at {
            return None;
        }
        let from = at + 1;
        let ends = |at: &usize| self.is_certain(*at) || self.is_head(*at, false);
        let to = (from..self.lines.len()).find(ends).unwrap_or(self.lines.len());
        let (mut end, mut between, mut is_open) = (None, 0, false);
        for (start, paragraph) in paragraphs(&self.lines[from..to]) {
            if opens(paragraph).is_some() || (end.is_some() && (is_open || is_of_fields(paragraph))) {
                end = Some(from + start + paragraph.len());
                is_open = !says_why(paragraph);
            } else if end.is_some() || between == BETWEEN {
                break;
            } else {
                between += 1;
            }
        }
        end
    }
}

/// A report that begins with the mail itself is read whole.
fn says_something(lines: &[&str]) -> bool {
    lines.iter().map(|line| line.trim().len()).sum::<usize>() >= 20
}

/// Whether a line that stands apart names the mail that is given back.
fn names_mail(low: &str) -> bool {
    let is_set_off = low.starts_with(MARKS) || low.ends_with([':', '.', '-', '=', '*', '_', '>']);
    low.chars().count() <= 110
        && is_set_off
        && PARTING.iter().any(|words| low.contains(words))
        && !NO_PARTING.iter().any(|words| low.contains(words))
}

/// Whether a line names the mail in a sentence that does not say that it is right below, as where it asks that the mail be kept, or
/// says that it is attached.
fn is_doubtful(line: &str) -> bool {
    let low = line.trim().to_lowercase();
    let is_sentence = low.ends_with('.') && !low.starts_with(MARKS);
    let is_below = ["below", "follow"].iter().any(|word| low.contains(word));
    names_mail(&low) && ((is_sentence && !is_below) || low.contains("attach"))
}

/// The name of a header at the margin, in lower case.
fn header(line: &str) -> Option<String> {
    let line = line.strip_prefix(['>', '|']).map_or(line, |quoted| quoted.strip_prefix(' ').unwrap_or(quoted));
    let name = line.split_once(':')?.0.to_lowercase();
    let is_name =
        NAMES.contains(&name.as_str()) || ["x-", "mime-", "content-"].iter().any(|kind| name.starts_with(kind));
    is_name.then_some(name)
}

/// The first line that tells what became of a mail; behind the last one, if none does.
fn told_at(lines: &[&str]) -> usize {
    let fails = |line: &&str| codes(line).any(|code| !code.starts_with('2'));
    let by_code = lines.iter().position(fails);
    let by_words = paragraphs(lines).find_map(|(start, paragraph)| Some(start + opens(paragraph)?));
    by_code.into_iter().chain(by_words).min().unwrap_or(lines.len())
}

/// Paragraphs, each with the place of its first line.
fn paragraphs<'a>(lines: &'a [&'a str]) -> impl Iterator<Item = (usize, &'a [&'a str])> {
    let mut at = 0;
    let parts = lines.split(|line| line.trim().is_empty()).map(move |paragraph| {
        let start = at;
        at += paragraph.len() + 1;
        (start, paragraph)
    });
    parts.filter(|(_, paragraph)| !paragraph.is_empty())
}

/// The line with which a paragraph begins to tell what became of the mail to one address, as mail systems do: with the address
/// itself, with their host and what it said, or with the word that it is the reason.
fn opens(paragraph: &[&str]) -> Option<usize> {
    let first = paragraph.first().map(|line| line.trim().to_lowercase()).unwrap_or_default();
    let (address, behind) = first.split_at(first.find([' ', ':', '\t']).unwrap_or(first.len()));
    let is_address = !address::all(address).is_empty() && matches!(behind.trim(), "" | ":");
    let said = || {
        let text = paragraph.join(" ").to_lowercase();
        [" said:", " refused to talk to me:"].iter().any(|word| text.contains(word))
    };
    if is_address || WHY.iter().any(|why| first.starts_with(why)) || (first.starts_with("host ") && said()) {
        return Some(0);
    }
    paragraph.iter().position(|line| is_of_address(line))
}

/// Whether a line begins with an address in angle brackets, and tells something of it.
fn is_of_address(line: &str) -> bool {
    let Some((address, behind)) = line.trim().strip_prefix('<').and_then(|rest| rest.split_once('>')) else {
        return false;
    };
    !address::all(address).is_empty() && (behind.is_empty() || behind.starts_with([':', ' ']))
}

/// Whether it holds fields of a report about delivery.
fn is_of_fields(paragraph: &[&str]) -> bool {
    paragraph.iter().any(|line| FIELDS.iter().any(|field| line.to_lowercase().starts_with(field)))
}

/// Whether it says more than to whom.
fn says_why(paragraph: &[&str]) -> bool {
    let ends_open = paragraph.last().is_some_and(|line| line.trim_end().ends_with(':'));
    !ends_open && paragraph.iter().flat_map(|line| line.split_whitespace()).any(|word| !word.contains('@'))
}
