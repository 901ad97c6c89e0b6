//! Six processes over a real broker, with a real mail server: the same as one process, and the same when each is killed.

mod kills;
mod same;
mod six;
