//! Gradients of pooling.

use super::tape::Tape;
use crate::error::Result;
use crate::graph::{Attribute, Node};

/// Each output's gradient goes to the input that was the largest of its window (`Argmax`, the second output).
pub(super) fn max_pool(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let argmax = node.output(1).ok_or_else(|| node.error("its Argmax is missing"))?;
    let dims = tape.builder.dims(node.required(0)?)?;
    let mut attributes = vec![("input_shape", Attribute::Ints(dims.iter().map(|&d| d as i64).collect()))];
    // By these a kernel finds the windows that hold a pixel.
    for name in ["kernel_shape", "strides", "pads", "dilations", "ceil_mode", "auto_pad"] {
        attributes.extend(node.attribute(name).cloned().map(|value| (name, value)));
    }
    let dx = tape.builder.swath("MaxPoolGrad", &[&dy, argmax], 1, &attributes)?;
    tape.contribute(node, 0, &dx[0])
}
