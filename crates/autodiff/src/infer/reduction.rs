//! Shapes of reductions.

use super::{Fact, Query};
use crate::error::Result;
use crate::graph::DataType;

pub(super) fn reduce(query: &Query<'_>) -> Result<Vec<Fact>> {
    let x = query.input(0)?;
    let keep = query.node.int("keepdims", 1) != 0;
    let axes = reduced_axes(query, x.dims.len())?;
    Ok(vec![Fact::new(x.dtype, &without(&x.dims, &axes, keep))])
}

/// Axes that a reduction runs over, from its input or attribute, ascending.
pub(crate) fn reduced_axes(query: &Query<'_>, rank: usize) -> Result<Vec<usize>> {
    let given = match query.known_ints_if_given(1)? {
        Some(axes) => Some(axes),
        None => query.node.ints("axes").map(<[i64]>::to_vec),
    };
    let mut axes = match given.filter(|axes| !axes.is_empty()) {
        Some(axes) => axes.into_iter().map(|axis| query.axis(axis, rank)).collect::<Result<Vec<_>>>()?,
        None if query.node.int("noop_with_empty_axes", 0) != 0 => Vec::new(),
        None => (0..rank).collect(),
    };
    axes.sort_unstable();
    axes.dedup();
    Ok(axes)
}

fn without(dims: &[usize], axes: &[usize], keep: bool) -> Vec<usize> {
    let each = dims.iter().enumerate();
    if keep {
        each.map(|(axis, &d)| if axes.contains(&axis) { 1 } else { d }).collect()
    } else {
        each.filter(|(axis, _)| !axes.contains(axis)).map(|(_, &d)| d).collect()
    }
}

pub(super) fn arg(query: &Query<'_>) -> Result<Vec<Fact>> {
    let x = query.input(0)?;
    let axis = query.axis(query.node.int("axis", 0), x.dims.len())?;
    Ok(vec![Fact::new(DataType::I64, &without(&x.dims, &[axis], query.node.int("keepdims", 1) != 0))])
}

pub(super) fn top_k(query: &Query<'_>) -> Result<Vec<Fact>> {
    let x = query.input(0)?;
    let axis = query.axis(query.node.int("axis", -1), x.dims.len())?;
    let wanted = query.known_ints(1)?;
    let k = wanted.first().and_then(|&k| usize::try_from(k).ok()).filter(|&k| k <= x.dims[axis]);
    let mut dims = x.dims.clone();
    dims[axis] = k.ok_or_else(|| query.fail(format!("{wanted:?} largest values are asked of it")))?;
    Ok(vec![Fact::new(x.dtype, &dims), Fact::new(DataType::I64, &dims)])
}
