//! Gradients of operators that take parts of a tensor: what was taken gets its gradient, the rest zeros.

use super::tape::Tape;
use crate::builder::Builder;
use crate::error::Result;
use crate::graph::{Attribute, Node};
use crate::infer::{Stride, slice_strides, split_lengths};

/// Zeros added before and after along each axis; negative numbers cut.
pub(super) fn pad(value: &str, pads: &[(i64, i64)], builder: &mut Builder) -> Result<String> {
    if pads.iter().all(|&pad| pad == (0, 0)) {
        return Ok(value.to_owned());
    }
    let flat: Vec<i64> = pads.iter().map(|pad| pad.0).chain(pads.iter().map(|pad| pad.1)).collect();
    let pads = builder.ints(&flat)?;
    builder.op("Pad", &[value, &pads])
}

/// Each part's gradient in its place; a part that the loss does not depend on is zeros.
pub(super) fn split(node: &Node, tape: &mut Tape) -> Result<()> {
    let dims = tape.builder.dims(node.required(0)?)?;
    let query = tape.builder.query(node)?;
    let axis = query.axis(node.int("axis", 0), dims.len())?;
    let lengths = split_lengths(&query, dims[axis])?;
    let mut parts = Vec::new();
    for (index, length) in lengths.into_iter().enumerate() {
        parts.push(match tape.gradient(node, index)? {
            Some(part) => part,
            None => {
                let mut dims = dims.clone();
                dims[axis] = length;
                let dtype = tape.builder.dtype(node.required(0)?)?;
                let zeros = tape.builder.zeros(&dims)?;
                tape.builder.cast(&zeros, dtype)?
            }
        });
    }
    let names: Vec<&str> = parts.iter().map(String::as_str).collect();
    let dx = tape.builder.concat(&names, axis)?;
    tape.contribute(node, 0, &dx)
}

/// The part's gradient, spread to its steps, with zeros around.
pub(super) fn slice(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(mut dx) = tape.gradient(node, 0)? else { return Ok(()) };
    let dims = tape.builder.dims(node.required(0)?)?;
    let strides = slice_strides(&tape.builder.query(node)?, &dims)?;
    if strides.iter().any(|stride| stride.count == 0) {
        return Ok(());
    }
    let mut pads = Vec::with_capacity(dims.len());
    for (axis, stride) in strides.iter().enumerate() {
        let forward = if stride.step < 0 {
            dx = reversed(&dx, axis, &mut tape.builder)?;
            Stride { start: stride.start + stride.step * (stride.count as i64 - 1), step: -stride.step, ..*stride }
        } else {
            *stride
        };
        dx = spread(&dx, axis, forward.step as usize, &mut tape.builder)?;
        let reached = forward.start + forward.step * (forward.count as i64 - 1) + 1;
        pads.push((forward.start, dims[axis] as i64 - reached));
    }
    let dx = pad(&dx, &pads, &mut tape.builder)?;
    tape.contribute(node, 0, &dx)
}

/// An axis back to front.
pub(super) fn reversed(value: &str, axis: usize, builder: &mut Builder) -> Result<String> {
    let [from, to, axis, step] = [-1, i64::MIN, axis as i64, -1].map(|number| builder.ints(&[number]));
    builder.op("Slice", &[value, &from?, &to?, &axis?, &step?])
}

/// `step - 1` zeros between the elements along an axis.
fn spread(value: &str, axis: usize, step: usize, builder: &mut Builder) -> Result<String> {
    let mut dims = builder.dims(value)?;
    if step == 1 || dims[axis] == 1 {
        return Ok(value.to_owned());
    }
    let count = dims[axis];
    dims.insert(axis + 1, 1);
    let apart = builder.reshape(value, &dims)?;
    let mut pads = vec![(0, 0); dims.len()];
    pads[axis + 1].1 = step as i64 - 1;
    let filled = pad(&apart, &pads, builder)?;
    dims.remove(axis + 1);
    dims[axis] = count * step;
    let joined = builder.reshape(&filled, &dims)?;
    builder.slice(&joined, &[axis], &[(0, (count - 1) * step + 1, 1)])
}

/// Elements along an axis by index: gradients are added up where the elements came from.
pub(super) fn gather(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let dims = tape.builder.dims(node.required(0)?)?;
    let axis = tape.builder.query(node)?.axis(node.int("axis", 0), dims.len())?;
    let indices = node.required(1)?;
    let count = tape.builder.facts.get(indices)?.len();
    let mut flat = dims.clone();
    flat[axis] = count;
    let dy = tape.builder.reshape(&dy, &flat)?;
    let dx = match consecutive(indices, dims[axis], &tape.builder)? {
        Some(start) => {
            let mut pads = vec![(0, 0); dims.len()];
            pads[axis] = (start as i64, (dims[axis] - start - count) as i64);
            pad(&dy, &pads, &mut tape.builder)?
        }
        None => {
            let mut column = vec![1; dims.len()];
            column[axis] = count;
            let indices = tape.builder.reshape(indices, &column)?;
            let shape = tape.builder.sizes(&flat)?;
            let indices = tape.builder.op("Expand", &[&indices, &shape])?;
            scattered(&dy, &indices, &dims, axis, &mut tape.builder)?
        }
    };
    tape.contribute(node, 0, &dx)
}

/// Where a run of known, consecutive indices starts.
fn consecutive(indices: &str, length: usize, builder: &Builder) -> Result<Option<usize>> {
    let Some(known) = builder.facts.get(indices)?.constant.as_ref().and_then(|t| t.as_i64()) else { return Ok(None) };
    let from_start = |index: i64| if index < 0 { index + length as i64 } else { index };
    let Some(start) = known.first().map(|&first| from_start(first)) else { return Ok(None) };
    let runs = known.iter().enumerate().all(|(i, &index)| from_start(index) == start + i as i64);
    let fits = start >= 0 && start as usize + known.len() <= length;
    Ok((runs && fits).then_some(start as usize))
}

/// Zeros of `dims`, to which the updates are added at the indices along an axis.
fn scattered(updates: &str, indices: &str, dims: &[usize], axis: usize, builder: &mut Builder) -> Result<String> {
    let zeros = builder.zeros(dims)?;
    let attributes = [("axis", Attribute::Int(axis as i64)), ("reduction", Attribute::String("add".into()))];
    let wide = builder.widened(updates)?;
    let sums = builder.op_with("ScatterElements", &[&zeros, indices, &wide], &attributes)?;
    builder.cast(&sums, builder.dtype(updates)?)
}

/// One element per index along an axis: gradients are added up where the elements came from.
pub(super) fn gather_elements(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let dims = tape.builder.dims(node.required(0)?)?;
    let axis = tape.builder.query(node)?.axis(node.int("axis", 0), dims.len())?;
    let dx = scattered(&dy, node.required(1)?, &dims, axis, &mut tape.builder)?;
    tape.contribute(node, 0, &dx)
}

/// Parts by coordinates: gradients are added up where the parts came from.
pub(super) fn gather_nd(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    if node.int("batch_dims", 0) != 0 {
        return Err(node.error("batch_dims other than 0 have no gradient rule"));
    }
    let dims = tape.builder.dims(node.required(0)?)?;
    let zeros = tape.builder.zeros(&dims)?;
    let adds = [("reduction", Attribute::String("add".into()))];
    let dx = tape.builder.op_with("ScatterND", &[&zeros, node.required(1)?, &dy], &adds)?;
    tape.contribute(node, 0, &dx)
}
