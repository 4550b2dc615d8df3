//! Gradients of activation functions.

use super::tape::Tape;
use crate::error::Result;
use crate::graph::Node;

/// y = max(x, 0): the gradient passes where y > 0.
pub(super) fn relu(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let dx = tape.builder.swath("ReluGrad", &[&dy, node.result()?], 1, &[])?;
    tape.contribute(node, 0, &dx[0])
}
