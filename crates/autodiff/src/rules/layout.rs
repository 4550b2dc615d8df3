//! Gradients of operators that lay elements out anew, repeat them, or pass them on.

use super::tape::Tape;
use crate::error::Result;
use crate::graph::{Attribute, Data, Node};
use crate::infer::permutation;

/// Axes in another order: the gradient goes back by the inverse order.
pub(super) fn transpose(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let rank = tape.builder.dims(&dy)?.len();
    let perm = permutation(&tape.builder.query(node)?, rank)?;
    let mut inverse = vec![0; rank];
    perm.iter().enumerate().for_each(|(to, &from)| inverse[from] = to);
    let dx = tape.builder.transpose(&dy, &inverse)?;
    tape.contribute(node, 0, &dx)
}

/// Elements repeated by broadcasting: their gradients are summed.
pub(super) fn expand(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    tape.contribute_broadcast(node, 0, &dy)
}

/// The whole repeated along each axis: gradients of the copies are summed.
pub(super) fn tile(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let dims = tape.builder.dims(node.required(0)?)?;
    let out = tape.builder.dims(&dy)?;
    if dims.contains(&0) {
        return Ok(());
    }
    let copies: Vec<usize> = dims.iter().zip(&out).flat_map(|(&d, &o)| [o / d, d]).collect();
    let apart = tape.builder.reshape(&dy, &copies)?;
    let axes: Vec<usize> = (0..dims.len()).map(|axis| 2 * axis).collect();
    let dx = tape.builder.reduce_sum(&apart, &axes, false)?;
    tape.contribute(node, 0, &dx)
}

/// Channels laid out as blocks of pixels.
pub(super) fn depth_to_space(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let block = node.int("blocksize", 1);
    if node.text("mode", "DCR") == "DCR" {
        let dx = tape.builder.op_with("SpaceToDepth", &[&dy], &[("blocksize", Attribute::Int(block))])?;
        return tape.contribute(node, 0, &dx);
    }
    // Column, row, depth: channels are [C, b, b] rather than [b, b, C].
    let dims = tape.builder.dims(node.required(0)?)?;
    let block = usize::try_from(block).map_err(|_| node.error("its blocksize is negative"))?;
    let channels = dims[1] / (block * block);
    let apart = tape.builder.reshape(&dy, &[dims[0], channels, dims[2], block, dims[3], block])?;
    let ordered = tape.builder.transpose(&apart, &[0, 1, 3, 5, 2, 4])?;
    let dx = tape.builder.reshape(&ordered, &dims)?;
    tape.contribute(node, 0, &dx)
}

/// Blocks of pixels laid out as channels.
pub(super) fn space_to_depth(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let attributes =
        [("blocksize", Attribute::Int(node.int("blocksize", 1))), ("mode", Attribute::String("DCR".into()))];
    let dx = tape.builder.op_with("DepthToSpace", &[&dy], &attributes)?;
    tape.contribute(node, 0, &dx)
}

/// Another float type.
pub(super) fn cast(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let dtype = tape.builder.dtype(node.required(0)?)?;
    let dx = tape.builder.cast(&dy, dtype)?;
    tape.contribute(node, 0, &dx)
}

/// In inference form the identity. In training form the gradient passes where the element was kept, scaled as the element was; that takes
/// the mask, the operator's second output.
pub(super) fn dropout(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    if !trains(node, tape)? {
        return tape.contribute(node, 0, &dy);
    }
    let without_mask = || node.error("it drops elements without saying which; export the model in evaluation mode");
    let mask = node.output(1).ok_or_else(without_mask)?;
    let builder = &mut tape.builder;
    let mask = builder.cast(mask, builder.dtype(&dy)?)?;
    let kept = builder.mul(&dy, &mask)?;
    let one = builder.scalar(1.0)?;
    let ratio = match node.input(1) {
        Some(ratio) => ratio.to_owned(),
        None => builder.scalar(0.5)?,
    };
    let share = builder.sub(&one, &ratio)?;
    let dx = builder.div(&kept, &share)?;
    tape.contribute(node, 0, &dx)
}

/// Whether a Dropout's third input is there and not known to be false.
fn trains(node: &Node, tape: &Tape) -> Result<bool> {
    let Some(flag) = node.input(2) else { return Ok(false) };
    let known = tape.builder.facts.get(flag)?.constant.as_ref().map(|tensor| tensor.data().clone());
    Ok(!matches!(known, Some(Data::Bool(values)) if values.iter().all(|&train| !train)))
}
