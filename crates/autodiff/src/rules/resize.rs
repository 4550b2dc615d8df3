//! Gradient of Resize: linear in its input, so the gradient is the transposed map.

use super::tape::Tape;
use crate::error::Result;
use crate::graph::{Attribute, Node};
use crate::infer::resize_scales;

/// Keeps the sampling attributes; sizes and scales become attributes as well.
pub(super) fn resize(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let dims = tape.builder.dims(node.required(0)?)?;
    let (_, scales) = resize_scales(&tape.builder.query(node)?)?;
    let text = |name, default| Attribute::String(node.text(name, default).to_owned());
    let attributes = [
        ("mode", text("mode", "nearest")),
        ("coordinate_transformation_mode", text("coordinate_transformation_mode", "half_pixel")),
        ("nearest_mode", text("nearest_mode", "round_prefer_floor")),
        ("antialias", Attribute::Int(node.int("antialias", 0))),
        ("exclude_outside", Attribute::Int(node.int("exclude_outside", 0))),
        ("cubic_coeff_a", Attribute::Float(node.float("cubic_coeff_a", -0.75))),
        ("input_shape", Attribute::Ints(dims.iter().map(|&d| d as i64).collect())),
        ("scales", Attribute::Floats(scales)),
    ];
    let dx = tape.builder.swath("ResizeGrad", &[&dy], 1, &attributes)?;
    tape.contribute(node, 0, &dx[0])
}
