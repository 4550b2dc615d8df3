//! Gradients of losses that are operators of their own.

use super::tape::Tape;
use crate::error::Result;
use crate::graph::Node;

/// The operator yields its own gradient (second output), for a gradient of one of the loss.
pub(super) fn softmax_cross_entropy(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dloss) = tape.gradient(node, 0)? else { return Ok(()) };
    let dlogits = node.output(1).ok_or_else(|| node.error("its gradient output is missing"))?.to_owned();
    let one = tape.builder.facts.get(&dloss)?.constant.as_ref().and_then(|t| t.as_f32().map(|v| v == [1.0]));
    let gradient = if one == Some(true) { dlogits } else { tape.builder.mul(&dlogits, &dloss)? };
    tape.contribute(node, 0, &gradient)
}
