//! Gradient rules: one file per operator family, one table from operator to rule.
//!
//! A rule reads the gradient of a node's outputs off the [`Tape`], writes nodes for the gradients of its inputs and hands each to
//! [`Tape::contribute`]. It may use standard operators and those of domain `swath`; every one of the latter has a plain lowering
//! in [`crate::lowering`].

mod activation;
mod arithmetic;
mod average_pool;
mod choice;
mod conv;
mod conv_transpose;
mod layer_norm;
mod layout;
mod loss;
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
mod table;
mod tape;

pub(crate) use conv::{conv_window, window_attributes};
pub use table::{SupportedOperator, supported_operators};
pub(crate) use tape::differentiate;
