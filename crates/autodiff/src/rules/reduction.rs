//! Gradients of reductions: the gradient of each sum, norm or extremum goes back to the elements that it was made from.

use super::tape::Tape;
use crate::error::Result;
use crate::graph::{DataType, Node};
use crate::infer::reduced_axes;

/// The gradient of a reduction's output, with the reduced axes kept at length one; those axes.
fn kept_gradient(node: &Node, tape: &mut Tape) -> Result<Option<(String, Vec<usize>)>> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(None) };
    let axes = axes(node, tape)?;
    let kept = kept_dims(node, &axes, tape)?;
    Ok(Some((tape.builder.reshape(&dy, &kept)?, axes)))
}

fn axes(node: &Node, tape: &Tape) -> Result<Vec<usize>> {
    let rank = tape.builder.dims(node.required(0)?)?.len();
    reduced_axes(&tape.builder.query(node)?, rank)
}

fn kept_dims(node: &Node, axes: &[usize], tape: &Tape) -> Result<Vec<usize>> {
    let mut dims = tape.builder.dims(node.required(0)?)?;
    axes.iter().for_each(|&axis| dims[axis] = 1);
    Ok(dims)
}

/// The reduction's result with the reduced axes kept at length one.
fn kept_result(node: &Node, axes: &[usize], tape: &mut Tape) -> Result<String> {
    let kept = kept_dims(node, axes, tape)?;
    tape.builder.reshape(node.result()?, &kept)
}

/// A value repeated along its axes of length one up to `dims`.
pub(super) fn repeated(value: &str, dims: &[usize], tape: &mut Tape) -> Result<String> {
    if tape.builder.dims(value)? == dims {
        return Ok(value.to_owned());
    }
    let shape = tape.builder.sizes(dims)?;
    tape.builder.op("Expand", &[value, &shape])
}

/// y = Σ x: every element gets dy.
pub(super) fn sum(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some((dy, _)) = kept_gradient(node, tape)? else { return Ok(()) };
    let dims = tape.builder.dims(node.required(0)?)?;
    let dx = repeated(&dy, &dims, tape)?;
    tape.contribute(node, 0, &dx)
}

/// y = Σ x / n: every element gets dy / n.
pub(super) fn mean(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some((dy, axes)) = kept_gradient(node, tape)? else { return Ok(()) };
    let dims = tape.builder.dims(node.required(0)?)?;
    let count: usize = axes.iter().map(|&axis| dims[axis]).product();
    let share = tape.builder.scale(&dy, 1.0 / count as f64)?;
    let dx = repeated(&share, &dims, tape)?;
    tape.contribute(node, 0, &dx)
}

/// y = the least or greatest x: the gradient goes there, in equal shares where several are equal.
pub(super) fn extremum(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some((dy, axes)) = kept_gradient(node, tape)? else { return Ok(()) };
    let y = kept_result(node, &axes, tape)?;
    let dx = to_extremes(node.required(0)?, &y, &dy, &axes, tape)?;
    tape.contribute(node, 0, &dx)
}

/// `dy` shared out among the elements of x that equal `y` along `axes`.
pub(super) fn to_extremes(x: &str, y: &str, dy: &str, axes: &[usize], tape: &mut Tape) -> Result<String> {
    let builder = &mut tape.builder;
    let equal = builder.op("Equal", &[x, y])?;
    let chosen = builder.cast(&equal, DataType::F32)?;
    let count = builder.reduce_sum(&chosen, axes, true)?;
    let share = builder.div(dy, &count)?;
    builder.mul(&chosen, &share)
}

/// y = Σ |x|: dx = sign(x) dy
pub(super) fn l1(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some((dy, _)) = kept_gradient(node, tape)? else { return Ok(()) };
    let sign = tape.builder.op("Sign", &[node.required(0)?])?;
    let dx = tape.builder.mul(&sign, &dy)?;
    tape.contribute(node, 0, &dx)
}

/// y = √Σ x²: dx = x dy / y, and 0 where y is 0.
pub(super) fn l2(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some((dy, axes)) = kept_gradient(node, tape)? else { return Ok(()) };
    let y = kept_result(node, &axes, tape)?;
    let builder = &mut tape.builder;
    let (zero, one) = (builder.scalar(0.0)?, builder.scalar(1.0)?);
    let none = builder.op("Equal", &[&y, &zero])?;
    // x is 0 wherever y is, so any divisor other than 0 gives 0.
    let divisor = builder.op("Where", &[&none, &one, &y])?;
    let share = builder.div(&dy, &divisor)?;
    let dx = builder.mul(node.required(0)?, &share)?;
    tape.contribute(node, 0, &dx)
}

/// y = Σ x²: dx = 2 x dy
pub(super) fn sum_square(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some((dy, _)) = kept_gradient(node, tape)? else { return Ok(()) };
    let double = tape.builder.scale(&dy, 2.0)?;
    let dx = tape.builder.mul(node.required(0)?, &double)?;
    tape.contribute(node, 0, &dx)
}

/// y = ln Σ e^x: dx = e^(x - y) dy
pub(super) fn log_sum_exp(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some((dy, axes)) = kept_gradient(node, tape)? else { return Ok(()) };
    let y = kept_result(node, &axes, tape)?;
    let below = tape.builder.sub(node.required(0)?, &y)?;
    let share = tape.builder.op("Exp", &[&below])?;
    let dx = tape.builder.mul(&share, &dy)?;
    tape.contribute(node, 0, &dx)
}
