//! Mail addresses in a text.

/// Every address in a text, in lower case, in their order, each once.
pub(super) fn all(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let stops = |c: char| c.is_whitespace() || "<>()[]{},;:\"'`|\\".contains(c) || c.is_control();
    for word in text.split(stops) {
        let word = word.trim_matches(['.', '!', '?', '=', '*', '/', '&', '#']);
        let word = word.strip_prefix("mailto=").unwrap_or(word);
        let Some((user, host)) = word.rsplit_once('@') else { continue };
        let host = host.trim_end_matches('.');
        let is_host = !host.is_empty() && host.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '.');
        if !user.is_empty() && is_host {
            let address = format!("{user}@{host}").to_lowercase();
            if !found.contains(&address) {
                found.push(address);
            }
        }
    }
    found
}
