//! Sends the mails that the log says are due, once, and records what became of them.
