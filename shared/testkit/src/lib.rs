//! Tools for tests: the port's conformance suite, a ledger whose commands go astray, a real broker and a real mail server.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "this crate exists for tests alone")]

pub mod between;
pub mod conformance;
pub mod growth;
pub mod process;
