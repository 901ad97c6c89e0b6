//! What goes wrong between servers, and within them: words of mail servers, in lower case. `*` stands for some words between; a blank at an end, for the end of a word.

#[rustfmt::skip]
pub(super) const SERVER: &[&str] = &[
    "name or service not known", "nodename nor servname", "temporary failure in name resolution",
    "no address associated with", "name server timeout", "connection refused", "connection timed out", "connection reset", "connection closed", "connection lost",
    "connection dropped", "connection was dropped", "connection failed", "lost connection", "timed out", "timeout",
    "time out", "network is unreachable", "network unreachable", "network error", "no route", "host unreachable",
    "host is unreachable", "unreachable", "unable to connect", "could not connect", "couldn't connect",
    "can't connect", "cannot connect", "not reachable", "service unavailable", "service not available",
    "service is not available", "service currently unavailable", "temporarily unavailable", "temporary failure",
    "temporary problem", "temporary error", "try again later", "system error", "internal error",
    "internal server error", "internal software error", "local error", "system failure", "config error",
    "configuration", "mail system error", "mail system problem", "mail system failure", "mail system status",
    "mail system is", "mail system busy", "mail system full", "mail system not", " loop ", "too many hops", "hop count", " hops ", "out of memory", "cannot open",
    "can't open", "can't create", "cannot create", "pipe to", "command died", "command output", "child process",
    "local delivery", "delivery agent", "procmail", " alias ", "broken pipe", "maintenance", "resources", " load ",
    " dns ", "lookup", " mx ", "mail server", "server error", "not responding", "did not respond", "no answer",
    "protocol error", "unexpected",
];

#[rustfmt::skip]
pub(super) const TIME: &[&str] = &[
    "failing for a long time", "unreachable for too long", "undeliverable for too long", "delivery time expired", "time expired", "delivery expired", "message expired", "expired", "retry time",
    "retry timeout", "retry limit", "too long", "been in the queue", "in the queue", "in queue", "has been queued",
    " days ", " hours ", "giving up", "maximum time", "lifetime",
];
