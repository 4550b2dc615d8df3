//! Shapes of operators that move elements without computing.

use super::arithmetic::{attribute_dtype, broadcast_dims};
use super::{Fact, Query};
use crate::error::Result;
use crate::graph::DataType;

pub(super) fn shape(query: &Query<'_>) -> Result<Vec<Fact>> {
    let rank = query.dims(0)?.len();
    let (start, end) = shape_range(query, rank);
    Ok(vec![Fact::new(DataType::I64, &[end.saturating_sub(start)])])
}

/// First and last axis that Shape reports.
pub(super) fn shape_range(query: &Query<'_>, rank: usize) -> (usize, usize) {
    let clamp = |axis: i64| (if axis < 0 { axis + rank as i64 } else { axis }).clamp(0, rank as i64) as usize;
    (clamp(query.node.int("start", 0)), clamp(query.node.int("end", rank as i64)))
}

pub(super) fn size(_: &Query<'_>) -> Result<Vec<Fact>> {
    Ok(vec![Fact::new(DataType::I64, &[])])
}

pub(super) fn like_second(query: &Query<'_>) -> Result<Vec<Fact>> {
    Ok(vec![Fact::new(query.input(0)?.dtype, query.dims(1)?)])
}

/// Sizes as dimensions; negative ones are refused.
fn as_dims(query: &Query<'_>, sizes: &[i64]) -> Result<Vec<usize>> {
    sizes
        .iter()
        .map(|&s| usize::try_from(s).map_err(|_| query.fail(format!("it would have the shape {sizes:?}"))))
        .collect()
}

pub(super) fn reshape(query: &Query<'_>) -> Result<Vec<Fact>> {
    let x = query.input(0)?;
    let wanted = query.known_ints(1)?;
    let copies_zero = query.node.int("allowzero", 0) == 0;
    let wrong = || query.fail(format!("they do not reshape to {wanted:?}"));
    let mut dims = Vec::with_capacity(wanted.len());
    for (axis, &size) in wanted.iter().enumerate() {
        dims.push(match size {
            -1 => 1,
            0 if copies_zero => *x.dims.get(axis).ok_or_else(wrong)?,
            size => usize::try_from(size).map_err(|_| wrong())?,
        });
    }
    let known = dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).ok_or_else(wrong)?;
    if let Some(free) = wanted.iter().position(|&s| s == -1) {
        if known == 0 || x.len() % known != 0 {
            return Err(wrong());
        }
        dims[free] = x.len() / known;
    } else if known != x.len() {
        return Err(wrong());
    }
    Ok(vec![Fact::new(x.dtype, &dims)])
}

pub(super) fn flatten(query: &Query<'_>) -> Result<Vec<Fact>> {
    let x = query.input(0)?;
    let rank = x.dims.len() as i64;
    let axis = query.node.int("axis", 1);
    let from_start = if axis < 0 { axis + rank } else { axis };
    if !(0..=rank).contains(&from_start) {
        return Err(query.fail(format!("it cannot be flattened at axis {axis}")));
    }
    let (left, right) = x.dims.split_at(from_start as usize);
    Ok(vec![Fact::new(x.dtype, &[left.iter().product(), right.iter().product()])])
}

/// Axes of Squeeze and Unsqueeze: an input since opset 13.
fn axes(query: &Query<'_>) -> Result<Option<Vec<i64>>> {
    Ok(query.known_ints_if_given(1)?.or_else(|| query.node.ints("axes").map(<[i64]>::to_vec)))
}

pub(super) fn squeeze(query: &Query<'_>) -> Result<Vec<Fact>> {
    let x = query.input(0)?;
    let rank = x.dims.len();
    let dropped = match axes(query)? {
        Some(axes) => axes.into_iter().map(|axis| query.axis(axis, rank)).collect::<Result<Vec<_>>>()?,
        None => (0..rank).filter(|&axis| x.dims[axis] == 1).collect(),
    };
    if dropped.iter().any(|&axis| x.dims[axis] != 1) {
        return Err(query.fail("an axis longer than one cannot be squeezed"));
    }
    let kept: Vec<usize> = (0..rank).filter(|axis| !dropped.contains(axis)).map(|axis| x.dims[axis]).collect();
    Ok(vec![Fact::new(x.dtype, &kept)])
}

pub(super) fn unsqueeze(query: &Query<'_>) -> Result<Vec<Fact>> {
    let x = query.input(0)?;
    let added = axes(query)?.ok_or_else(|| query.node.error("it has no axes"))?;
    let rank = x.dims.len() + added.len();
    let mut added = added.into_iter().map(|axis| query.axis(axis, rank)).collect::<Result<Vec<_>>>()?;
    added.sort_unstable();
    added.dedup();
    let mut old = x.dims.iter().copied();
    let dims: Vec<usize> =
        (0..rank).filter_map(|axis| if added.contains(&axis) { Some(1) } else { old.next() }).collect();
    if dims.len() != rank {
        return Err(query.fail("an axis is given twice"));
    }
    Ok(vec![Fact::new(x.dtype, &dims)])
}

/// The permutation of Transpose.
pub(crate) fn permutation(query: &Query<'_>, rank: usize) -> Result<Vec<usize>> {
    let Some(perm) = query.node.ints("perm") else { return Ok((0..rank).rev().collect()) };
    let perm = perm.iter().map(|&axis| query.axis(axis, rank)).collect::<Result<Vec<_>>>()?;
    let mut sorted = perm.clone();
    sorted.sort_unstable();
    if sorted.into_iter().eq(0..rank) { Ok(perm) } else { Err(query.fail(format!("{perm:?} is no order of its axes"))) }
}

pub(super) fn transpose(query: &Query<'_>) -> Result<Vec<Fact>> {
    let x = query.input(0)?;
    let dims: Vec<usize> = permutation(query, x.dims.len())?.into_iter().map(|axis| x.dims[axis]).collect();
    Ok(vec![Fact::new(x.dtype, &dims)])
}

pub(super) fn expand(query: &Query<'_>) -> Result<Vec<Fact>> {
    let x = query.input(0)?;
    let wanted = as_dims(query, &query.known_ints(1)?)?;
    let dims =
        broadcast_dims(&x.dims, &wanted).ok_or_else(|| query.fail(format!("it does not expand to {wanted:?}")))?;
    Ok(vec![Fact::new(x.dtype, &dims)])
}

pub(super) fn tile(query: &Query<'_>) -> Result<Vec<Fact>> {
    let x = query.input(0)?;
    let repeats = as_dims(query, &query.known_ints(1)?)?;
    if repeats.len() != x.dims.len() {
        return Err(query.fail(format!("repeats {repeats:?} do not fit")));
    }
    let dims: Vec<usize> = x.dims.iter().zip(&repeats).map(|(&d, &r)| d.saturating_mul(r)).collect();
    Ok(vec![Fact::new(x.dtype, &dims)])
}

pub(super) fn concat(query: &Query<'_>) -> Result<Vec<Fact>> {
    let first = query.input(0)?;
    let axis = query.axis(query.node.int("axis", 0), first.dims.len())?;
    let mut dims = first.dims.clone();
    dims[axis] = 0;
    for part in query.inputs.iter().flatten() {
        let fits = part.dims.len() == dims.len() && (0..dims.len()).all(|i| i == axis || part.dims[i] == dims[i]);
        if !fits {
            return Err(query.fail(format!(
                "they cannot be joined along axis {axis}; image height and width must suit the network, usually multiples of 32"
            )));
        }
        dims[axis] += part.dims[axis];
    }
    Ok(vec![Fact::new(first.dtype, &dims)])
}

/// Length of each part of a Split.
pub(crate) fn split_lengths(query: &Query<'_>, length: usize) -> Result<Vec<usize>> {
    let parts = query.node.outputs.len();
    let lengths = match query.known_ints_if_given(1)? {
        Some(lengths) => as_dims(query, &lengths)?,
        None => {
            let each = length.div_ceil(parts.max(1));
            (0..parts).map(|part| length.saturating_sub(part * each).min(each)).collect()
        }
    };
    if lengths.len() == parts && lengths.iter().sum::<usize>() == length {
        Ok(lengths)
    } else {
        Err(query.fail(format!("{length} does not split into {lengths:?} for {parts} outputs")))
    }
}

pub(super) fn split(query: &Query<'_>) -> Result<Vec<Fact>> {
    let x = query.input(0)?;
    let axis = query.axis(query.node.int("axis", 0), x.dims.len())?;
    let part = |length| {
        let mut dims = x.dims.clone();
        dims[axis] = length;
        Fact::new(x.dtype, &dims)
    };
    Ok(split_lengths(query, x.dims[axis])?.into_iter().map(part).collect())
}

/// Start, step and count along one axis of a Slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stride {
    pub(crate) start: i64,
    pub(crate) step: i64,
    pub(crate) count: usize,
}

/// What a Slice takes of each axis.
pub(crate) fn slice_strides(query: &Query<'_>, dims: &[usize]) -> Result<Vec<Stride>> {
    let (starts, ends) = (query.known_ints(1)?, query.known_ints(2)?);
    let axes = query.known_ints_if_given(3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = query.known_ints_if_given(4)?.unwrap_or_else(|| vec![1; starts.len()]);
    if ends.len() != starts.len() || axes.len() != starts.len() || steps.len() != starts.len() || steps.contains(&0) {
        return Err(query.fail("starts, ends, axes and steps do not fit together"));
    }
    let mut strides: Vec<Stride> = dims.iter().map(|&count| Stride { start: 0, step: 1, count }).collect();
    for (((&start, &end), &axis), &step) in starts.iter().zip(&ends).zip(&axes).zip(&steps) {
        let axis = query.axis(axis, dims.len())?;
        let size = dims[axis] as i64;
        let from_start = |at: i64| if at < 0 { at.saturating_add(size) } else { at };
        let (low, high) = if step > 0 { (0, size) } else { (-1, size - 1) };
        let start = from_start(start).clamp(low.max(0), high.max(0));
        let end = if step < 0 && end < -size { -1 } else { from_start(end) }.clamp(low, high);
        let span = if step > 0 { end - start } else { start - end };
        let count = if span > 0 { span.unsigned_abs().div_ceil(step.unsigned_abs()) as usize } else { 0 };
        strides[axis] = Stride { start, step, count };
    }
    Ok(strides)
}

pub(super) fn slice(query: &Query<'_>) -> Result<Vec<Fact>> {
    let x = query.input(0)?;
    let dims: Vec<usize> = slice_strides(query, &x.dims)?.into_iter().map(|s| s.count).collect();
    Ok(vec![Fact::new(x.dtype, &dims)])
}

pub(super) fn gather(query: &Query<'_>) -> Result<Vec<Fact>> {
    let (x, indices) = (query.input(0)?, query.dims(1)?);
    let axis = query.axis(query.node.int("axis", 0), x.dims.len())?;
    Ok(vec![Fact::new(x.dtype, &[&x.dims[..axis], indices, &x.dims[axis + 1..]].concat())])
}

pub(super) fn gather_nd(query: &Query<'_>) -> Result<Vec<Fact>> {
    let (x, indices) = (query.input(0)?, query.dims(1)?);
    let batch = query.node.int("batch_dims", 0);
    let depth = indices.last().copied().unwrap_or(0);
    let from =
        usize::try_from(batch).ok().and_then(|b| b.checked_add(depth)).filter(|&f| depth > 0 && f <= x.dims.len());
    let from = from.ok_or_else(|| query.fail("the indices do not fit"))?;
    Ok(vec![Fact::new(x.dtype, &[&indices[..indices.len() - 1], &x.dims[from..]].concat())])
}

pub(super) fn pad(query: &Query<'_>) -> Result<Vec<Fact>> {
    let x = query.input(0)?;
    let pads = axis_pads(query, x.dims.len())?;
    let padded = x.dims.iter().zip(pads).map(|(&d, (before, after))| {
        let size = (d as i64).checked_add(before).and_then(|s| s.checked_add(after));
        size.and_then(|s| usize::try_from(s).ok()).ok_or_else(|| query.fail("its padding leaves nothing"))
    });
    Ok(vec![Fact::new(x.dtype, &padded.collect::<Result<Vec<_>>>()?)])
}

/// Padding before and after each axis of a Pad.
pub(crate) fn axis_pads(query: &Query<'_>, rank: usize) -> Result<Vec<(i64, i64)>> {
    let pads = query.known_ints(1)?;
    let axes = match query.known_ints_if_given(3)? {
        Some(axes) => axes.into_iter().map(|axis| query.axis(axis, rank)).collect::<Result<Vec<_>>>()?,
        None => (0..rank).collect(),
    };
    if pads.len() != 2 * axes.len() {
        return Err(query.fail(format!("pads {pads:?} do not fit {} axes", axes.len())));
    }
    let mut all = vec![(0, 0); rank];
    for (i, &axis) in axes.iter().enumerate() {
        all[axis] = (pads[i], pads[i + axes.len()]);
    }
    Ok(all)
}

pub(super) fn constant_of_shape(query: &Query<'_>) -> Result<Vec<Fact>> {
    let dims = as_dims(query, &query.known_ints(0)?)?;
    Ok(vec![Fact::new(attribute_dtype(query.node.attribute("value")), &dims)])
}

pub(super) fn range(query: &Query<'_>) -> Result<Vec<Fact>> {
    let (start, limit, step) = (query.known_ints(0)?, query.known_ints(1)?, query.known_ints(2)?);
    let (&[start], &[limit], &[step]) = (&start[..], &limit[..], &step[..]) else {
        return Err(query.fail("start, limit and step must be single numbers"));
    };
    let span = if step > 0 { limit.saturating_sub(start) } else { start.saturating_sub(limit) };
    let count = match step {
        0 => return Err(query.node.error("a step of 0 never ends")),
        _ if span <= 0 => 0,
        _ => span.unsigned_abs().div_ceil(step.unsigned_abs()),
    };
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    Ok(vec![Fact::new(query.input(0)?.dtype, &[count])])
}

pub(super) fn one_hot(query: &Query<'_>) -> Result<Vec<Fact>> {
    let indices = query.dims(0)?;
    let depth = as_dims(query, &query.known_ints(1)?)?;
    let &[depth] = &depth[..] else { return Err(query.fail("its depth must be a single number")) };
    let axis = query.axis(query.node.int("axis", -1), indices.len() + 1)?;
    Ok(vec![Fact::new(query.input(2)?.dtype, &[&indices[..axis], &[depth], &indices[axis..]].concat())])
}

fn block(query: &Query<'_>) -> Result<(Fact, usize)> {
    let x = query.input(0)?;
    let size = usize::try_from(query.node.int("blocksize", 0)).ok().filter(|b| (1..=1024).contains(b));
    match size {
        Some(size) if x.dims.len() == 4 => Ok((x.clone(), size)),
        _ => Err(query.fail("four dimensions and a blocksize are needed")),
    }
}

pub(super) fn depth_to_space(query: &Query<'_>) -> Result<Vec<Fact>> {
    let (x, b) = block(query)?;
    if x.dims[1] % (b * b) != 0 {
        return Err(query.fail("its channels do not fill the blocks"));
    }
    Ok(vec![Fact::new(x.dtype, &[x.dims[0], x.dims[1] / (b * b), x.dims[2] * b, x.dims[3] * b])])
}

pub(super) fn space_to_depth(query: &Query<'_>) -> Result<Vec<Fact>> {
    let (x, b) = block(query)?;
    if x.dims[2] % b != 0 || x.dims[3] % b != 0 {
        return Err(query.fail("its height and width do not fill the blocks"));
    }
    Ok(vec![Fact::new(x.dtype, &[x.dims[0], x.dims[1] * b * b, x.dims[2] / b, x.dims[3] / b])])
}
