//! Gradients of Softmax and its logarithm, along one axis.

use super::tape::Tape;
use crate::error::Result;
use crate::graph::Node;

fn axis(node: &Node, tape: &Tape) -> Result<usize> {
    let rank = tape.builder.dims(node.required(0)?)?.len();
    tape.builder.query(node)?.axis(node.int("axis", -1), rank)
}

/// y = e^x / Σ e^x: dx = y (dy - Σ y dy)
pub(super) fn softmax(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let axis = axis(node, tape)?;
    let (builder, y) = (&mut tape.builder, node.result()?);
    let product = builder.mul(&dy, y)?;
    let sum = builder.reduce_sum(&product, &[axis], true)?;
    let inner = builder.sub(&dy, &sum)?;
    let dx = builder.mul(&inner, y)?;
    tape.contribute(node, 0, &dx)
}

/// y = x - ln Σ e^x: dx = dy - e^y Σ dy
pub(super) fn log_softmax(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let axis = axis(node, tape)?;
    let builder = &mut tape.builder;
    let share = builder.op("Exp", &[node.result()?])?;
    let sum = builder.reduce_sum(&dy, &[axis], true)?;
    let spread = builder.mul(&share, &sum)?;
    let dx = builder.sub(&dy, &spread)?;
    tape.contribute(node, 0, &dx)
}
