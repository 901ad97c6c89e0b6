//! The program `rondo`.
fn main() {}
