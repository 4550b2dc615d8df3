//! Every gradient rule against central differences in f64, plain lowering included; one file per family.

// A test may stop at the first surprise, in its helpers too; a test binary has no users.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub)]

mod average_pool;
mod check;
mod choice;
mod conv;
mod conv_transpose;
#[path = "../evaluator/mod.rs"]
mod evaluator;
mod layer_norm;
mod layout;
mod matrix;
mod movement;
mod normalization;
mod padding;
mod pooling;
mod power;
mod rectifier;
mod reduction;
mod resize;
mod selection;
mod smooth;
mod softmax;
