//! Gradients of convolutions.

use super::tape::Tape;
use crate::builder::Builder;
use crate::error::Result;
use crate::graph::{Attribute, Node};
use crate::infer::{Window, WindowKind};

/// The attributes that describe a convolution's window, with padding resolved to numbers.
pub(crate) fn window_attributes(window: &Window, group: i64) -> Vec<(&'static str, Attribute)> {
    let sizes = |values: &[usize]| Attribute::Ints(values.iter().map(|&v| v as i64).collect());
    vec![
        ("kernel_shape", sizes(&window.kernel)),
        ("strides", sizes(&window.strides)),
        ("pads", Attribute::Ints(window.pads())),
        ("dilations", sizes(&window.dilations)),
        ("group", Attribute::Int(group)),
    ]
}

/// The window of a convolution whose data and weights are known to the builder.
pub(crate) fn conv_window(builder: &Builder, node: &Node) -> Result<Window> {
    let (x, w) = (builder.dims(node.required(0)?)?, builder.dims(node.required(1)?)?);
    Window::of(&builder.query(node)?, &x[2..], Some(&w[2..]), WindowKind::Gather)
}

fn shape_attribute(dims: &[usize]) -> Attribute {
    Attribute::Ints(dims.iter().map(|&d| d as i64).collect())
}

/// y = x * w + b: dx is the transposed convolution of dy with w, dw the correlation of x with dy, db the sum of dy.
pub(super) fn conv(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let (x, w) = (node.required(0)?, node.required(1)?);
    let attributes = window_attributes(&conv_window(&tape.builder, node)?, node.int("group", 1));
    if tape.wants(node, 2) {
        let rank = tape.builder.dims(x)?.len();
        let axes: Vec<usize> = (0..rank).filter(|&axis| axis != 1).collect();
        let db = tape.builder.reduce_sum(&dy, &axes, false)?;
        tape.contribute(node, 2, &db)?;
    }
    if tape.wants(node, 1) {
        let mut attributes = attributes.clone();
        attributes.push(("weight_shape", shape_attribute(&tape.builder.dims(w)?)));
        let dw = tape.builder.swath("ConvGradWeight", &[&dy, x], 1, &attributes)?;
        tape.contribute(node, 1, &dw[0])?;
    }
    if tape.wants(node, 0) {
        let mut attributes = attributes;
        attributes.push(("input_shape", shape_attribute(&tape.builder.dims(x)?)));
        let dx = tape.builder.swath("ConvGradInput", &[&dy, w], 1, &attributes)?;
        tape.contribute(node, 0, &dx[0])?;
    }
    Ok(())
}
