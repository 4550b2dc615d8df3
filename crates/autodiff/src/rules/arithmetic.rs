//! Gradients of element-wise arithmetic; broadcast inputs get the sum over where they were repeated.

use super::tape::Tape;
use crate::error::Result;
use crate::graph::Node;

/// y = a + b
pub(super) fn add(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    tape.contribute_broadcast(node, 0, &dy)?;
    tape.contribute_broadcast(node, 1, &dy)
}

/// y = a - b
pub(super) fn sub(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    tape.contribute_broadcast(node, 0, &dy)?;
    if tape.wants(node, 1) {
        let db = tape.builder.neg(&dy)?;
        tape.contribute_broadcast(node, 1, &db)?;
    }
    Ok(())
}

/// y = a b: da = dy b, db = dy a
pub(super) fn mul(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    for (index, other) in [(0, 1), (1, 0)] {
        if tape.wants(node, index) {
            let gradient = tape.builder.mul(&dy, node.required(other)?)?;
            tape.contribute_broadcast(node, index, &gradient)?;
        }
    }
    Ok(())
}
