//! What a server does not take: by its filters, by the form of the mail, by its rules: words of mail servers, in lower case. `*` stands for some words between; a blank at an end, for the end of a word.

#[rustfmt::skip]
pub(super) const SPAM: &[&str] = &[
    "spam", "unsolicited", " uce ", "bulk mail", "bulk e-mail", "bulk email", " junk ", "blacklist", "black list",
    "blocklist", "block list", "block-list", "blocked using", "blocked by", "blackhole", "black hole", "dnsbl",
    " rbl", "uribl", "surbl", "reputation", "senderbase", "sender score", "content filter", "content rejected",
    "content denied", "contentfilter", "message filtered", "mail filtered", "rejected by content",
    "rejected due to content", "phish", "advertis", "blocked for abuse", " abuse ", "complaint", "recurrent pattern",
    "mail score", "score * too high", "reject bulk", "not accepted from blacklisted", "bad reputation",
    "poor reputation", "mail abuse", "postmaster.info.aol.com", "dynamic residential", "dynamic ip", "dial-up",
    "dialup", "cloudmark", "spamhaus", "trustwave", "mailmarshal", "antispam", "your ip * listed",
    "is listed on", "is listed in", "is listed by", "dsbl", "sorbs", "barracuda", "unacceptable reputation",
];

#[rustfmt::skip]
pub(super) const CONTENT: &[&str] = &[
    "virus", "malware", "trojan", "infected", "banned", "executable", " attachment ", " mime ", "not compliant",
    "not rfc", "rfc 5322", "rfc5322", "rfc 2822", "rfc2822", "duplicate header", "multiple from", "bad header",
    "missing * header", "missing from", "8-bit", "8bit", "7bit", "nul character", "null character", "bare lf",
    "smtputf8", " conversion ", " encoding ", "character set", "charset", "syntactically", "malformed message",
    "message content", " header ", "content * not allowed", "unacceptable content", "objectionable",
    "message headers", "with attachments", "bad message-id", "duplicated message-id", "invalid header", "forbidden content",
    "forbidden attachment",
];

#[rustfmt::skip]
pub(super) const POLICY: &[&str] = &[
    "policy", "policies", "relaying", "relay access", "relay denied", "relay not permitted", "relay not allowed",
    "not a relay", "open relay", "to relay", "not allowed to relay", "unable to relay", "cannot relay",
    "we do not relay", "we don't relay", "mail relay", "as a relay", "we don't handle mail", "rcpthosts",
    "not a gateway", "not local host", "authentication required", "authentication is required",
    "requires authentication", "not authenticated", "unauthenticated", "authenticate", "please log in",
    "not permitted", "not authorized", "not authorised", "notauthorized", "not allowed", "unauthorized", "prohibited",
    "denied by", "access denied to", "restricted", "only accept", "only receive", "only accepts mail",
    "accepts mail only", "does not accept mail from", "don't accept mail from", "does not accept messages from",
    "not accept mail from", "not accept messages from", "not accepting mail from", "not accepted from",
    "refuse to receive mail from", "refused mail from", "refuses mail from", "rejects mail from",
    "rejecting mail from", "mail from * rejected", "mail from * refused", "mail from command", "after mail from",
    "sender rejected", "sender address", "sender denied", "sender refused", "sender is not", "sender not",
    "sender domain", "sender verify", "sender verification", "verify sender", "sender's address", "sender's domain",
    "sender's ip", "sender ip", "sender's email", "invalid sender", "unknown sender", "bad sender",
    "unresolvable sender", "envelope sender", "badmailfrom", "return address", "return path", "from address",
    "from domain", "domain of sender", "sender mailbox",
    "sender account", "sender user", "sender's mailbox", "sender's account", "sender does", "sender doesn't",
    "originating address", "sending domain", "sending server", "sending host", "sending ip",
    "sending mta", "your domain", "your ip", "your host", "your server", "your mail server", "your email has been",
    "ip address", "ip name", "client host", "client was not", "client address", "host rejected", " helo ", " ehlo ",
    "reverse dns", "reverse lookup", "reverse mapping", "reverse name", "reverse ip", " rdns ", " ptr ", "fcrdns",
    "no dns", "dmarc", "dkim", " spf ", "starttls", " tls ", "encrypt", "encryption", "certificate", "greylist",
    "greylisted", "graylist", "grey-list", "gray-list", "whitelist", "white list", "access list", " acl ", "blocked",
    "banned sender", "refused due to recipient preferences", "recipient preferences", "user rules",
    "rejected by user", "rejected by recipient", "rejected by the recipient", "user refuses", "user reject",
    "recipient refuse", "refuse to receive", "protected by", "challenge", "administrative prohibition",
    "administratively", "reject due to", "violat", "verification", "suspicious", "trusted", "untrusted",
    "transaction failed", "my name was rejected", "in reply to mail from", "security polic", "restriction",
    "no permission", "permission to", "insufficient permission", "access control", "not a member", "members only",
    "only members", "moderator", "moderated",
];
