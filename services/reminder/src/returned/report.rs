//! The fields of a report about delivery (RFC 3464, RFC 6533), as they are really written: comments, odd actions, blocks that fall apart.

use super::address;

/// What a report says of one recipient, as it is written there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fields {
    /// Addresses, in lower case: the one that it failed at, and the one that it was sent to.
    pub(super) addresses: Vec<String>,
    pub(super) action: Action,
    /// The enhanced status code (RFC 3463), or nothing.
    pub(super) status: String,
    /// What the server said, in lower case.
    pub(super) diagnostic: String,
}

/// What was done with the mail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Action {
    Failed,
    Delayed,
    Delivered,
    #[default]
    Unsaid,
}

/// The recipients of which a report speaks.
pub(super) fn read(text: &str) -> Vec<Fields> {
    let mut found: Vec<Fields> = Vec::new();
    let mut now = Fields::default();
    for block in blocks(text) {
        for (name, value) in block {
            let names_another = name == "final-recipient" && (now.action != Action::Unsaid || !now.status.is_empty());
            if names_another
                && !now.addresses.is_empty()
                && !now.addresses.contains(&address_in(&value))
                && now.is_full()
            {
                found.push(std::mem::take(&mut now));
            }
            now.take(&name, &value);
        }
        // A blank line ends a recipient, unless it fell into the middle of one.
        if now.is_full() {
            found.push(std::mem::take(&mut now));
        }
    }
    if now.is_anything() {
        match found.last_mut() {
            Some(last) if now.addresses.is_empty() => last.complete(now),
            _ => found.push(now),
        }
    }
    found
}

impl Fields {
    fn is_full(&self) -> bool {
        !self.addresses.is_empty() && (self.action != Action::Unsaid || !self.status.is_empty())
    }

    fn is_anything(&self) -> bool {
        !self.addresses.is_empty()
            || self.action != Action::Unsaid
            || !self.status.is_empty()
            || !self.diagnostic.is_empty()
    }

    fn complete(&mut self, rest: Self) {
        if self.diagnostic.is_empty() {
            self.diagnostic = rest.diagnostic;
        }
        if self.status.is_empty() {
            self.status = rest.status;
        }
        if self.action == Action::Unsaid {
            self.action = rest.action;
        }
    }

    fn take(&mut self, name: &str, value: &str) {
        match name {
            "final-recipient" | "original-recipient" | "x-actual-recipient" => {
                let address = address_in(value);
                if !address.is_empty() && !self.addresses.contains(&address) {
                    self.addresses.push(address);
                }
            }
            "action" => self.action = action(value),
            "status" if self.status.is_empty() => self.status = code(value).unwrap_or_default(),
            "diagnostic-code" => {
                let said =
                    value.split_once(';').map_or(value, |(kind, said)| if kind.contains(' ') { value } else { said });
                self.diagnostic.push_str(said.trim());
                self.diagnostic = self.diagnostic.to_lowercase();
            }
            _ => {}
        }
    }
}

/// Blocks of fields, unfolded, names in lower case.
fn blocks(text: &str) -> Vec<Vec<(String, String)>> {
    let mut blocks = vec![Vec::<(String, String)>::new()];
    for line in text.lines() {
        let begins = line.starts_with([' ', '\t']);
        match (blocks.last_mut(), line.trim()) {
            (Some(block), "") => {
                if !block.is_empty() {
                    blocks.push(Vec::new());
                }
            }
            (Some(block), more) if begins && !block.is_empty() => {
                if let Some((_, value)) = block.last_mut() {
                    value.push(' ');
                    value.push_str(more);
                }
            }
            (Some(block), line) => {
                if let Some((name, value)) = line.split_once(':') {
                    block.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
                }
            }
            (None, _) => {}
        }
    }
    blocks
}

/// The address of a recipient field, which says its kind first, or not.
fn address_in(value: &str) -> String {
    let (kind, rest) = value.split_once(';').unwrap_or(("", value));
    let decoded = if kind.trim().eq_ignore_ascii_case("utf-8") { unescaped(rest) } else { rest.to_owned() };
    address::all(&decoded).into_iter().next().unwrap_or_default()
}

/// An address whose characters are written as `\x{E1}` (RFC 6533, section 3).
fn unescaped(text: &str) -> String {
    let mut rest = text;
    let mut plain = String::new();
    while let Some((before, after)) = rest.split_once("\\x{") {
        plain.push_str(before);
        let Some((hex, behind)) = after.split_once('}') else { break };
        plain.extend(u32::from_str_radix(hex, 16).ok().and_then(char::from_u32));
        rest = behind;
    }
    plain.push_str(rest);
    plain
}

fn action(value: &str) -> Action {
    let word: String = value.trim().to_lowercase().chars().take_while(|c| c.is_alphabetic() || *c == '-').collect();
    let begins = |words: &[&str]| words.iter().any(|begin| word.starts_with(begin));
    if begins(&["fail", "undeliver", "expire", "reject", "hard", "bounce", "permanent", "error", "not-"]) {
        Action::Failed
    } else if begins(&["delay", "defer", "transient", "soft", "retry", "warn", "queue"]) {
        Action::Delayed
    } else if begins(&["deliver", "relay", "expand", "success"]) {
        Action::Delivered
    } else {
        Action::Unsaid
    }
}

/// The first enhanced status code in a text (RFC 3463): a class of 2, 4 or 5, a subject and a detail.
pub(super) fn code(text: &str) -> Option<String> {
    codes(text).next()
}

/// Every enhanced status code in a text, of which the addresses of machines are not one.
pub(crate) fn codes(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|c: char| !(c.is_ascii_digit() || c == '.'));
    words.filter_map(|word| {
        let word = word.trim_matches('.');
        let mut parts = word.split('.');
        let (class, subject, detail) = (parts.next()?, parts.next()?, parts.next()?);
        let is_number = |part: &str, most: usize| !part.is_empty() && part.len() <= most;
        let fits = matches!(class, "2" | "4" | "5") && is_number(subject, 1) && is_number(detail, 3);
        (fits && parts.next().is_none()).then(|| word.to_owned())
    })
}
