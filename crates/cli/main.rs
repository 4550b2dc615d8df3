//! The `swath` binary.
fn main() {}
