//! Gradients of operators that only move elements.

use super::tape::Tape;
use crate::error::Result;
use crate::graph::Node;

/// y = x
pub(super) fn identity(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    tape.contribute(node, 0, &dy)
}

/// The same elements under other dimensions.
pub(super) fn reshape(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let dims = tape.builder.dims(node.required(0)?)?;
    let dx = tape.builder.reshape(&dy, &dims)?;
    tape.contribute(node, 0, &dx)
}

/// Each part gets its slice of the gradient.
pub(super) fn concat(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let rank = tape.builder.dims(&dy)?.len();
    let axis = tape.builder.query(node)?.axis(node.int("axis", 0), rank)?;
    let mut start = 0;
    for index in 0..node.inputs.len() {
        let end = start + tape.builder.dims(node.required(index)?)?[axis];
        if tape.wants(node, index) {
            let part = tape.builder.slice(&dy, &[axis], &[(start, end, 1)])?;
            tape.contribute(node, index, &part)?;
        }
        start = end;
    }
    Ok(())
}
