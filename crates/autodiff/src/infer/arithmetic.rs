//! Shapes of operators that work element by element.

use super::{Fact, Query};
use crate::error::Result;
use crate::graph::{Attribute, DataType};
use crate::onnx::dtype_from_onnx;

pub(super) fn like_first(query: &Query<'_>) -> Result<Vec<Fact>> {
    let input = query.input(0)?;
    Ok(vec![Fact::new(input.dtype, &input.dims)])
}

pub(super) fn truth_like_first(query: &Query<'_>) -> Result<Vec<Fact>> {
    Ok(vec![Fact::new(DataType::Bool, query.dims(0)?)])
}

pub(super) fn broadcast(query: &Query<'_>) -> Result<Vec<Fact>> {
    Ok(vec![Fact::new(query.input(0)?.dtype, &common_dims(query, 0)?)])
}

pub(super) fn comparison(query: &Query<'_>) -> Result<Vec<Fact>> {
    Ok(vec![Fact::new(DataType::Bool, &common_dims(query, 0)?)])
}

pub(super) fn select(query: &Query<'_>) -> Result<Vec<Fact>> {
    Ok(vec![Fact::new(query.input(1)?.dtype, &common_dims(query, 0)?)])
}

pub(super) fn cast(query: &Query<'_>) -> Result<Vec<Fact>> {
    let number = query.node.int("to", 0);
    let dtype = i32::try_from(number).ok().and_then(dtype_from_onnx);
    let dtype =
        dtype.ok_or_else(|| query.node.error(format!("it casts to element type {number}, which is not supported")))?;
    Ok(vec![Fact::new(dtype, query.dims(0)?)])
}

pub(super) fn cast_like(query: &Query<'_>) -> Result<Vec<Fact>> {
    Ok(vec![Fact::new(query.input(1)?.dtype, query.dims(0)?)])
}

/// Dimensions that all inputs from `first` on broadcast to.
fn common_dims(query: &Query<'_>, first: usize) -> Result<Vec<usize>> {
    query.input(first)?;
    query.inputs.iter().skip(first).flatten().try_fold(Vec::new(), |dims, fact| {
        broadcast_dims(&dims, &fact.dims).ok_or_else(|| query.fail("they do not broadcast to one shape"))
    })
}

/// Dimensions that two shapes broadcast to.
pub(super) fn broadcast_dims(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let at = |dims: &[usize], i: usize| if i + dims.len() >= rank { dims[i + dims.len() - rank] } else { 1 };
    (0..rank)
        .map(|i| match (at(a, i), at(b, i)) {
            (x, y) if x == y => Some(x),
            (1, y) => Some(y),
            (x, 1) => Some(x),
            _ => None,
        })
        .collect()
}

/// The element type that an attribute of tensor or number kind calls for.
pub(super) fn attribute_dtype(attribute: Option<&Attribute>) -> DataType {
    match attribute {
        Some(Attribute::Tensor(tensor)) => tensor.dtype(),
        _ => DataType::F32,
    }
}
