//! Tools for tests: the port's conformance suite, a real broker and a real mail server.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "this crate exists for tests alone")]

pub mod conformance;
pub mod process;
