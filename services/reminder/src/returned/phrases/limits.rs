//! What was too much: messages, a mailbox, a message: words of mail servers, in lower case. `*` stands for some words between; a blank at an end, for the end of a word.

#[rustfmt::skip]
pub(super) const RATE: &[&str] = &[
    "try again slower", "at a rate that", "rate limit", "ratelimit", "sending rate", "message rate", "throttl",
    "too many connections", "too many concurrent", "concurrent connections", "connections from your",
    "too many messages", "too many emails", "too many mails", "too many errors", "too many sessions",
    "too many smtp sessions", "too many invalid recipients", "too many unknown users", "too many recipients",
    "too many users", "too many bad commands", "too much load", "too fast", "frequency", "limit exceeded for the day",
    "exceeded the rate", "exceeded the number of", "exceeded the maximum number", "exceeded the allowable number",
    "hourly limit", "daily limit", "daily * quota", "sending quota", "sending limit", "message limit",
    "max number of messages", "maximum number of recipients", "recipients * limit", "domain has exceeded the max",
    "slow down", "exceeding receiving limits", "receiving limit", "has been limited", "unusual rate",
    "unusual number",
];

#[rustfmt::skip]
pub(super) const FULL: &[&str] = &[
    "mailbox full", "mailbox is full", "mailbox * is full", "mailbox * full", "full mailbox", "mailfolder is full",
    "mail box is full", "mail box full", "mail file is full", "inbox is full", "inbox * full", "maildir over quota",
    "over quota", "over * quota", "overquota", "quota exceed", "quota is exceeded", "quota has been exceeded",
    "quota * exceeded", "quota violation", "quota limit", "quota full", "quota exceded", "out of quota",
    "exceed * quota", "exceeds * quota", "exceeded * quota", "exceeding * quota", "disk quota", "disc quota",
    "disk full", "diskspace quota", "exceeded storage allocation", "exceeded its storage", "exceeded * storage",
    "exceed maximum allowed storage", "storage limit", "storage quota", "insufficient system storage",
    "insufficient disk", "insufficient storage", "insufficient space", "insufficient mailbox", "not enough storage",
    "not enough space", "not enough disk", "not sufficient disk", "no space left", "no disk space",
    "does not have enough space", "doesn't have enough * space", "exceeded * disk space", "exceeds * disk space",
    "space has been used up", "mailbox size limit", "mailbox limit", "mailbox exceed", "mailbox has exceeded",
    "mailbox * exceeded", "exceeded the local limit", "maximum mailbox size", "mailboxsize", "mailbox too large",
    "has too many messages", "too much mail data", "file size exceeds the maximum", "overdrawn", "quotaexceeded",
    "resolver.rst.recipsizelimit.full", "boite pleine", "boîte pleine", "boite * pleine", "boîte * pleine",
    "buzón lleno", "buzon lleno", "buzón * lleno", "caixa de correio cheia", "casella * piena", "casella piena",
    "postfach ist voll", "postfach * voll", "speicherplatz", "przepełnion", "skrzynka * pełna", "ящик * переполнен",
    "почтовый ящик переполнен", "kotak surat penuh", "hộp thư * đầy", "容量", "邮箱已满", "out of storage", "一杯", "容量不足",
    "hết dung lượng", "penuh", "kuota",
];

#[rustfmt::skip]
pub(super) const SIZE: &[&str] = &[
    "message too large", "message too big", "message is too large", "message is too big", "message was too large",
    "message * too large", "message * too big", "mail is too large", "mail too large", "email is too large",
    "too large message", "header size exceeds", "headers too large", "body size", "line too long",
    "line length exceeded", "message file too big", "message file size exceeds", "message size",
    "maximum message size", "max message size", "maximum * message size", "size of * message", "size exceeds",
    "exceeds size limit", "size limit", "sizelimit", "exceeds the size", "exceeds maximum * size",
    "exceeds fixed maximum", "exceeded maximum * size", "exceeded maximum inbound message", "fixed limit of",
    "fixed maximum message", "larger than", "length exceeds", "message length", "message header size",
    "attachment size", "attachments exceed", "msgsize",
];
