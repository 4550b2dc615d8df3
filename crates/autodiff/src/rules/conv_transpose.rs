//! Gradients of the transposed convolution.

use super::conv::window_attributes;
use super::tape::Tape;
use crate::error::Result;
use crate::graph::{Attribute, Node};
use crate::infer::{Window, WindowKind};

/// y is the gradient of a convolution with the same window, so dx is that convolution of dy, and dw its weight gradient with the parts of
/// data and gradient exchanged.
pub(super) fn conv_transpose(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let (x, w) = (node.required(0)?, node.required(1)?);
    let (x_dims, w_dims) = (tape.builder.dims(x)?, tape.builder.dims(w)?);
    let window = Window::of(&tape.builder.query(node)?, &x_dims[2..], Some(&w_dims[2..]), WindowKind::Scatter)?;
    for axis in 0..window.input.len() {
        // Rows of y that no window reached must be too few for the convolution to take another step.
        let reached = (window.input[axis] - 1) * window.strides[axis] + window.extent(axis);
        let padded = window.output[axis] + window.pads_begin[axis] + window.pads_end[axis];
        if padded - reached >= window.strides[axis] {
            return Err(node.error("an output_padding of a whole stride or more has no gradient rule"));
        }
    }
    let attributes = window_attributes(&window, node.int("group", 1));
    if tape.wants(node, 2) {
        let axes: Vec<usize> = (0..x_dims.len()).filter(|&axis| axis != 1).collect();
        let db = tape.builder.reduce_sum(&dy, &axes, false)?;
        tape.contribute(node, 2, &db)?;
    }
    if tape.wants(node, 1) {
        let mut attributes = attributes.clone();
        attributes.push(("weight_shape", Attribute::Ints(w_dims.iter().map(|&d| d as i64).collect())));
        let dw = tape.builder.swath("ConvGradWeight", &[x, &dy], 1, &attributes)?;
        tape.contribute(node, 1, &dw[0])?;
    }
    if tape.wants(node, 0) {
        let dx = tape.builder.op_with("Conv", &[&dy, w], &attributes)?;
        tape.contribute(node, 0, &dx)?;
    }
    Ok(())
}
