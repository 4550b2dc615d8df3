//! Every gradient rule against central differences in f64, plain lowering included; one file per family.

// A test binary has no users: everything in it is private anyhow.
#![allow(unreachable_pub)]

mod check;
mod conv;
#[path = "../evaluator/mod.rs"]
mod evaluator;
mod movement;
mod normalization;
mod pooling;
mod resize;
