//! What whoever works with the program sees of it, and how it holds: one subject to a file.

#[path = "../burst/mod.rs"]
mod burst;
#[path = "../given/demo.rs"]
mod demo;

mod bad_input;
mod conformance;
mod durability;
mod keys;
mod life;
mod published_figures;
mod rehearsal;
mod review;
mod why_every_week;
mod working_days;
