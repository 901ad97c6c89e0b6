//! Six processes over a real broker, with a real mail server: the same as one process, the same when each is killed and when the
//! broker is wiped; one ledger alone has the log; and each user of the broker has its own and nothing else.

mod away;
mod claims;
mod ends;
mod kills;
mod permissions;
mod same;
mod six;
mod wiped;
mod wire;
mod words;
